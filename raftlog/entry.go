package raftlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"time"

	"github.com/hashicorp/raft"
)

// The layout of a log entry; the diagram is in doc.go.
const (
	entryFormat = 1

	offType     = 1
	offSum      = 2
	offTerm     = 6
	offCum      = 14
	offAppended = 22
	offExtLen   = 30
	entryHeader = 34
)

// stableFormat and stableHeader describe a stable row.
const (
	stableFormat = 1
	stableHeader = 5
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errChecksum = errors.New("checksum does not match")

// entryLen is the length of the value that encodes l.
func entryLen(l *raft.Log) int { return entryHeader + len(l.Extensions) + len(l.Data) }

// entryBytes is what l counts for in LogBytes.
func entryBytes(l *raft.Log) uint64 { return uint64(logKeyLen + entryLen(l)) }

// encodeEntry writes l into dst, whose length is entryLen(l), as the value of key.
func encodeEntry(dst, key []byte, l *raft.Log, cum uint64) {
	dst[0] = entryFormat
	dst[offType] = byte(l.Type)
	binary.BigEndian.PutUint64(dst[offTerm:], l.Term)
	binary.BigEndian.PutUint64(dst[offCum:], cum)
	var at uint64
	if !l.AppendedAt.IsZero() {
		at = uint64(l.AppendedAt.UnixNano())
	}
	binary.BigEndian.PutUint64(dst[offAppended:], at)
	binary.BigEndian.PutUint32(dst[offExtLen:], uint32(len(l.Extensions)))
	n := copy(dst[entryHeader:], l.Extensions)
	copy(dst[entryHeader+n:], l.Data)
	binary.BigEndian.PutUint32(dst[offSum:], entrySum(key, dst))
}

// entrySum is the checksum of an entry: key and value without the checksum itself.
func entrySum(key, v []byte) uint32 {
	sum := crc32.Update(0, castagnoli, key)
	sum = crc32.Update(sum, castagnoli, v[:offSum])
	return crc32.Update(sum, castagnoli, v[offTerm:])
}

// checkEntry verifies the value of key and returns its cumulative byte count.
func checkEntry(key, v []byte) (cum uint64, err error) {
	switch {
	case len(v) < entryHeader:
		return 0, fmt.Errorf("%d bytes are too few for an entry", len(v))
	case v[0] != entryFormat:
		return 0, fmt.Errorf("entry format %d is not known", v[0])
	case entrySum(key, v) != binary.BigEndian.Uint32(v[offSum:]):
		return 0, errChecksum
	case uint64(binary.BigEndian.Uint32(v[offExtLen:])) > uint64(len(v)-entryHeader):
		return 0, errors.New("extensions are longer than the entry")
	}
	return binary.BigEndian.Uint64(v[offCum:]), nil
}

// decodeEntry verifies the value of key and copies it into l.
func decodeEntry(key, v []byte, l *raft.Log) error {
	if _, err := checkEntry(key, v); err != nil {
		return err
	}
	index, ok := keyIndex(key)
	if !ok {
		return fmt.Errorf("key of %d bytes is not an entry's", len(key))
	}
	extEnd := entryHeader + int(binary.BigEndian.Uint32(v[offExtLen:]))
	*l = raft.Log{
		Index: index,
		Term:  binary.BigEndian.Uint64(v[offTerm:]),
		Type:  raft.LogType(v[offType]),
	}
	if at := binary.BigEndian.Uint64(v[offAppended:]); at != 0 {
		l.AppendedAt = time.Unix(0, int64(at))
	}
	if extEnd > entryHeader {
		l.Extensions = append([]byte(nil), v[entryHeader:extEnd]...)
	}
	if len(v) > extEnd {
		l.Data = append([]byte(nil), v[extEnd:]...)
	}
	return nil
}

// encodable says why l cannot be stored, nil if it can.
func encodable(l *raft.Log) error {
	if uint64(len(l.Extensions)) > math.MaxUint32 || uint64(len(l.Data)) > math.MaxInt32 {
		return fmt.Errorf("entry of %d bytes is too large", len(l.Data)+len(l.Extensions))
	}
	return nil
}

// encodeStable returns the row of a stable value.
func encodeStable(key, val []byte) []byte {
	row := make([]byte, stableHeader, stableHeader+len(val))
	row[0] = stableFormat
	row = append(row, val...)
	binary.BigEndian.PutUint32(row[1:], stableSum(key, row))
	return row
}

func stableSum(key, row []byte) uint32 {
	sum := crc32.Update(0, castagnoli, key)
	sum = crc32.Update(sum, castagnoli, row[:1])
	return crc32.Update(sum, castagnoli, row[stableHeader:])
}

// decodeStable verifies a row and returns a copy of its value, never nil.
func decodeStable(key, row []byte) ([]byte, error) {
	switch {
	case len(row) < stableHeader:
		return nil, fmt.Errorf("%d bytes are too few for a stable row", len(row))
	case row[0] != stableFormat:
		return nil, fmt.Errorf("stable row format %d is not known", row[0])
	case stableSum(key, row) != binary.BigEndian.Uint32(row[1:]):
		return nil, errChecksum
	}
	return append([]byte{}, row[stableHeader:]...), nil
}
