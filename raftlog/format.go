package raftlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// FormatVersion is the version of the engine's files. An engine refuses newer ones.
const FormatVersion = 2

// The layouts of segment, round and record; the diagrams are in doc.go.
const (
	segmentMagic = "CGRL"
	segmentLen   = 24
	firstRound   = 4096 // offset of a segment's first round

	roundMagic = "CGRD"
	roundLen   = 32

	recordLen  = 24
	recordUnit = 8 // bodies are padded to this
)

// Types of records.
const (
	recAppend     = 1 // entries at the end of a group's log (R2)
	recBounds     = 2 // what a truncation left
	recStable     = 3 // stable rows, together
	recDestroy    = 4 // nothing of the group is left
	recRewrite    = 5 // entries of an older segment again
	recState      = 6 // one group at the beginning of a segment
	recCheckpoint = 7 // first record of a segment; its recState records follow
	recRelease    = 8 // the oldest segment that is still needed
)

// maxRecord bounds a record: offsets and lengths are 32-bit.
const maxRecord = 1 << 30

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errChecksum = errors.New("checksum does not match")

func pad(n int) int { return (n + recordUnit - 1) &^ (recordUnit - 1) }

// putSegment writes a segment's header into dst.
func putSegment(dst []byte, id uint32, size int64) {
	copy(dst, segmentMagic)
	binary.BigEndian.PutUint32(dst[8:], FormatVersion)
	binary.BigEndian.PutUint32(dst[12:], id)
	binary.BigEndian.PutUint64(dst[16:], uint64(size))
	binary.BigEndian.PutUint32(dst[4:], crc32.Checksum(dst[8:segmentLen], castagnoli))
}

// getSegment reads a segment's header. ok is false if there is none; err tells of a newer format.
func getSegment(b []byte) (id uint32, size int64, ok bool, err error) {
	if len(b) < segmentLen || string(b[:4]) != segmentMagic ||
		crc32.Checksum(b[8:segmentLen], castagnoli) != binary.BigEndian.Uint32(b[4:]) {
		return 0, 0, false, nil
	}
	if v := binary.BigEndian.Uint32(b[8:]); v != FormatVersion {
		return 0, 0, false, fmt.Errorf("%w: it has format %d, this build reads %d",
			ErrNewerFormat, v, FormatVersion)
	}
	return binary.BigEndian.Uint32(b[12:]), int64(binary.BigEndian.Uint64(b[16:])), true, nil
}

// round is the header of what one write and one sync made durable.
type round struct {
	segment uint32
	off     uint32 // of the round in the segment
	seq     uint64 // counts rounds over all segments
	records uint32
	length  uint32 // of the records
}

func putRound(dst []byte, r round) {
	copy(dst, roundMagic)
	binary.BigEndian.PutUint32(dst[8:], r.segment)
	binary.BigEndian.PutUint32(dst[12:], r.off)
	binary.BigEndian.PutUint64(dst[16:], r.seq)
	binary.BigEndian.PutUint32(dst[24:], r.records)
	binary.BigEndian.PutUint32(dst[28:], r.length)
	binary.BigEndian.PutUint32(dst[4:], crc32.Checksum(dst[8:roundLen], castagnoli))
}

// getRound reads a round's header at the beginning of b.
func getRound(b []byte) (r round, ok bool) {
	if len(b) < roundLen || string(b[:4]) != roundMagic {
		return round{}, false
	}
	sum := crc32.Checksum(b[8:roundLen], castagnoli)
	return rawRound(b), sum == binary.BigEndian.Uint32(b[4:])
}

// rawRound reads a round's header that may be damaged.
func rawRound(b []byte) round {
	return round{
		segment: binary.BigEndian.Uint32(b[8:]),
		off:     binary.BigEndian.Uint32(b[12:]),
		seq:     binary.BigEndian.Uint64(b[16:]),
		records: binary.BigEndian.Uint32(b[24:]),
		length:  binary.BigEndian.Uint32(b[28:]),
	}
}

// logRecord is one record as it was read.
type logRecord struct {
	kind  byte
	group uint64
	off   uint32 // of its header in the segment
	body  []byte // padding included
	sound bool   // the body verifies
}

// newRecord begins a record whose body will have about n bytes.
func newRecord(kind byte, group uint64, n int) []byte {
	rec := make([]byte, recordLen, recordLen+pad(n))
	rec[12] = kind
	binary.BigEndian.PutUint64(rec[16:], group)
	return rec
}

// finishRecord pads a record and completes it, but for the checksum of its header, which depends
// on the place.
func finishRecord(rec []byte) []byte {
	for len(rec)%recordUnit != 0 {
		rec = append(rec, 0)
	}
	binary.BigEndian.PutUint32(rec[4:], crc32.Checksum(rec[recordLen:], castagnoli))
	binary.BigEndian.PutUint32(rec[8:], uint32(len(rec)-recordLen))
	return rec
}

// placeRecord completes a record for its place.
func placeRecord(rec []byte, segment, off uint32) {
	binary.BigEndian.PutUint32(rec, recordSum(rec, segment, off))
}

// recordSum is the checksum of a record's header, which holds the one of its body: no record
// verifies anywhere but in the segment and at the offset that it was written to.
func recordSum(rec []byte, segment, off uint32) uint32 {
	var at [8]byte
	binary.BigEndian.PutUint32(at[:], segment)
	binary.BigEndian.PutUint32(at[4:], off)
	return crc32.Update(crc32.Checksum(at[:], castagnoli), castagnoli, rec[4:recordLen])
}

// getRecord reads the record at the beginning of b. ok is false if its header does not verify.
func getRecord(b []byte, segment, off uint32) (rec logRecord, ok bool) {
	if len(b) < recordLen || recordSum(b, segment, off) != binary.BigEndian.Uint32(b) {
		return logRecord{}, false
	}
	n := binary.BigEndian.Uint32(b[8:])
	if uint64(n) > uint64(len(b)-recordLen) || n%recordUnit != 0 {
		return logRecord{}, false
	}
	rec = logRecord{kind: b[12], group: binary.BigEndian.Uint64(b[16:]), off: off}
	rec.body = b[recordLen : recordLen+int(n)]
	rec.sound = crc32.Checksum(rec.body, castagnoli) == binary.BigEndian.Uint32(b[4:])
	return rec, true
}

// getRecords reads the records of a round whose header is r. ok is false if the header of a
// record does not verify; what is behind it cannot be read.
func getRecords(b []byte, r round) (recs []logRecord, ok bool) {
	if uint64(r.length) > uint64(len(b)-roundLen) {
		return nil, false
	}
	b = b[roundLen : roundLen+int(r.length)]
	off := r.off + roundLen
	for range r.records {
		rec, ok := getRecord(b, r.segment, off)
		if !ok {
			return recs, false
		}
		recs = append(recs, rec)
		n := recordLen + len(rec.body)
		b, off = b[n:], off+uint32(n)
	}
	return recs, len(b) == 0
}
