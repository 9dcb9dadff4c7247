package raftlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/hashicorp/raft"
)

// The layout of a log entry; the diagram is in doc.go.
const (
	offLength   = 4
	offExtLen   = 8
	offType     = 12
	offIndex    = 16
	offTerm     = 24
	offAppended = 32
	entryHeader = 40
)

// entryLen is the length of an encoded entry.
func entryLen(l *raft.Log) int { return entryHeader + len(l.Extensions) + len(l.Data) }

// entryBytes is what l counts for in LogBytes.
func entryBytes(l *raft.Log) uint64 { return uint64(entryLen(l)) }

// appendEntry encodes l behind dst.
func appendEntry(dst []byte, group uint64, l *raft.Log) []byte {
	var head [entryHeader]byte
	binary.BigEndian.PutUint32(head[offLength:], uint32(len(l.Extensions)+len(l.Data)))
	binary.BigEndian.PutUint32(head[offExtLen:], uint32(len(l.Extensions)))
	head[offType] = byte(l.Type)
	binary.BigEndian.PutUint64(head[offIndex:], l.Index)
	binary.BigEndian.PutUint64(head[offTerm:], l.Term)
	if !l.AppendedAt.IsZero() {
		binary.BigEndian.PutUint64(head[offAppended:], uint64(l.AppendedAt.UnixNano()))
	}
	at := len(dst)
	dst = append(dst, head[:]...)
	dst = append(dst, l.Extensions...)
	dst = append(dst, l.Data...)
	binary.BigEndian.PutUint32(dst[at:], entrySum(group, dst[at:]))
	return dst
}

// entrySum is the checksum of an entry: the group and all that follows the checksum.
func entrySum(group uint64, e []byte) uint32 {
	var id [8]byte
	binary.BigEndian.PutUint64(id[:], group)
	return crc32.Update(crc32.Checksum(id[:], castagnoli), castagnoli, e[offLength:])
}

// nextEntry returns the length and index of the entry at the beginning of b, without verifying
// it. Length 0 stands for the padding behind the last one.
func nextEntry(b []byte) (n int, index uint64, err error) {
	if len(b) < recordUnit {
		return 0, 0, nil
	}
	if len(b) < entryHeader {
		return 0, 0, fmt.Errorf("%d bytes are too few for an entry", len(b))
	}
	n = entryHeader + int(binary.BigEndian.Uint32(b[offLength:]))
	if n > len(b) {
		return 0, 0, fmt.Errorf("an entry of %d bytes in %d", n, len(b))
	}
	return n, binary.BigEndian.Uint64(b[offIndex:]), nil
}

// checkEntry verifies an encoded entry.
func checkEntry(group, index uint64, e []byte) error {
	switch {
	case len(e) < entryHeader:
		return fmt.Errorf("%d bytes are too few for an entry", len(e))
	case entrySum(group, e) != binary.BigEndian.Uint32(e):
		return errChecksum
	case int(binary.BigEndian.Uint32(e[offLength:])) != len(e)-entryHeader:
		return fmt.Errorf("%d bytes are not the entry's length", len(e))
	case binary.BigEndian.Uint32(e[offExtLen:]) > binary.BigEndian.Uint32(e[offLength:]):
		return errors.New("extensions are longer than the entry")
	case binary.BigEndian.Uint64(e[offIndex:]) != index:
		return fmt.Errorf("it is entry %d", binary.BigEndian.Uint64(e[offIndex:]))
	}
	return nil
}

// viewEntry decodes an entry that was verified. Extensions and data are parts of e.
func viewEntry(e []byte) raft.Log {
	extEnd := entryHeader + int(binary.BigEndian.Uint32(e[offExtLen:]))
	l := raft.Log{
		Index: binary.BigEndian.Uint64(e[offIndex:]),
		Term:  binary.BigEndian.Uint64(e[offTerm:]),
		Type:  raft.LogType(e[offType]),
	}
	if at := binary.BigEndian.Uint64(e[offAppended:]); at != 0 {
		l.AppendedAt = time.Unix(0, int64(at))
	}
	if extEnd > entryHeader {
		l.Extensions = e[entryHeader:extEnd:extEnd]
	}
	if len(e) > extEnd {
		l.Data = e[extEnd:len(e):len(e)]
	}
	return l
}
