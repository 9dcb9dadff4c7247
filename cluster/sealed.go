package cluster

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"strconv"
)

// seal puts a line with name, format version and checksum before a body of text. The checksum tells
// a torn or edited file from a whole one.
func seal(name string, format int, body []byte) []byte {
	head := fmt.Sprintf("%s %d %08x\n", name, format, checksum(body))
	return append([]byte(head), body...)
}

// unseal checks what seal wrote and returns the body.
func unseal(name string, format int, b []byte) ([]byte, error) {
	head, body, ok := bytes.Cut(b, []byte("\n"))
	fields := bytes.Split(head, []byte(" "))
	if !ok || len(fields) != 3 || string(fields[0]) != name {
		return nil, fmt.Errorf("it does not begin with %q", name)
	}
	if string(fields[1]) != strconv.Itoa(format) {
		return nil, fmt.Errorf("format %q is not known, only %d", fields[1], format)
	}
	if sum := fmt.Sprintf("%08x", checksum(body)); sum != string(fields[2]) {
		return nil, fmt.Errorf("checksum is %s, not %q", sum, fields[2])
	}
	return body, nil
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }
