package raftlog

import (
	"encoding/binary"
	"errors"
	"maps"
	"slices"

	"github.com/hashicorp/raft"
)

// The bodies of records; the diagrams are in doc.go. What reads one takes a body that verified
// and still checks every length: the checksum is no proof of who wrote it.

var errBody = errors.New("a record's body is not what its type says")

// appendHead is what an append has before its entries: the commit index that was staged.
const appendHead = 8

// appendRecord encodes entries and returns the record and, for each, its place in the record.
func appendRecord(group, commit uint64, logs []*raft.Log) (rec []byte, locs []loc) {
	size := appendHead
	for _, l := range logs {
		size += entryLen(l)
	}
	rec = newRecord(recAppend, group, size)
	rec = binary.BigEndian.AppendUint64(rec, commit)
	locs = make([]loc, len(logs))
	for i, l := range logs {
		locs[i] = loc{off: uint32(len(rec)), n: uint32(entryLen(l))}
		rec = appendEntry(rec, group, l)
	}
	return finishRecord(rec), locs
}

// entriesIn finds the entries of a record's body: their places relative to the record, and their
// indexes.
func entriesIn(body []byte, head int) (locs []loc, indexes []uint64, err error) {
	if len(body) < head {
		return nil, nil, errBody
	}
	for at := head; ; {
		n, index, err := nextEntry(body[at:])
		if err != nil {
			return nil, nil, err
		}
		if n == 0 {
			return locs, indexes, nil
		}
		locs = append(locs, loc{off: uint32(recordLen + at), n: uint32(n)})
		indexes = append(indexes, index)
		at += n
	}
}

// parseAppend reads an append: its entries are one run.
func parseAppend(body []byte) (commit, first uint64, locs []loc, err error) {
	locs, indexes, err := entriesIn(body, appendHead)
	if err != nil || len(locs) == 0 {
		return 0, 0, nil, errors.Join(errBody, err)
	}
	for i, index := range indexes {
		if index == 0 || index != indexes[0]+uint64(i) {
			return 0, 0, nil, errBody
		}
	}
	return binary.BigEndian.Uint64(body), indexes[0], locs, nil
}

// boundsRecord says what a truncation left: 0, 0 for nothing.
func boundsRecord(group, first, last uint64) []byte {
	rec := newRecord(recBounds, group, 16)
	rec = binary.BigEndian.AppendUint64(rec, first)
	return finishRecord(binary.BigEndian.AppendUint64(rec, last))
}

func parseBounds(body []byte) (first, last uint64, err error) {
	if len(body) != 16 {
		return 0, 0, errBody
	}
	first, last = binary.BigEndian.Uint64(body), binary.BigEndian.Uint64(body[8:])
	if first > last || (first == 0) != (last == 0) {
		return 0, 0, errBody
	}
	return first, last, nil
}

// row is a stable value with its name.
type row struct {
	name string
	val  []byte
}

func appendRows(rec []byte, rows []row) []byte {
	rec = binary.BigEndian.AppendUint32(rec, uint32(len(rows)))
	for _, r := range rows {
		rec = binary.BigEndian.AppendUint32(rec, uint32(len(r.name)))
		rec = binary.BigEndian.AppendUint32(rec, uint32(len(r.val)))
		rec = append(rec, r.name...)
		rec = append(rec, r.val...)
	}
	return rec
}

// parseRows reads rows with copies of their values.
func parseRows(b []byte) ([]row, error) {
	if len(b) < 4 {
		return nil, errBody
	}
	count := binary.BigEndian.Uint32(b)
	b = b[4:]
	var rows []row
	for range count {
		if len(b) < 8 {
			return nil, errBody
		}
		name, val := uint64(binary.BigEndian.Uint32(b)), uint64(binary.BigEndian.Uint32(b[4:]))
		b = b[8:]
		if name+val > uint64(len(b)) {
			return nil, errBody
		}
		rows = append(rows, row{string(b[:name]), append([]byte{}, b[name:name+val]...)})
		b = b[name+val:]
	}
	if len(b) >= recordUnit {
		return nil, errBody
	}
	return rows, nil
}

func rowsLen(rows []row) int {
	n := 4
	for _, r := range rows {
		n += 8 + len(r.name) + len(r.val)
	}
	return n
}

func stableRecord(group uint64, rows []row) []byte {
	return finishRecord(appendRows(newRecord(recStable, group, rowsLen(rows)), rows))
}

func destroyRecord(group uint64) []byte { return finishRecord(newRecord(recDestroy, group, 0)) }

// groupImage is a group as a segment's beginning describes it, so that older segments are not
// needed for anything but entries.
type groupImage struct {
	damaged     bool
	first, last uint64
	commit      uint64
	rows        []row // in order of name
}

func (g groupImage) equal(h groupImage) bool {
	return g.first == h.first && g.last == h.last && g.commit == h.commit &&
		slices.EqualFunc(g.rows, h.rows, func(a, b row) bool {
			return a.name == b.name && string(a.val) == string(b.val)
		})
}

const (
	imageHead  = 32
	maxEntries = 1 << 26 // of one group; far beyond what truncation leaves
)

func imageRecord(group uint64, g groupImage) []byte {
	rec := newRecord(recState, group, imageHead+rowsLen(g.rows))
	damaged := uint64(0)
	if g.damaged {
		damaged = 1
	}
	for _, v := range []uint64{damaged, g.first, g.last, g.commit} {
		rec = binary.BigEndian.AppendUint64(rec, v)
	}
	return finishRecord(appendRows(rec, g.rows))
}

func parseImage(body []byte) (g groupImage, err error) {
	if len(body) < imageHead {
		return g, errBody
	}
	g.damaged = binary.BigEndian.Uint64(body) != 0
	g.first, g.last, err = parseBounds(body[8:24])
	if err != nil || g.last-g.first >= maxEntries {
		return g, errBody
	}
	g.commit = binary.BigEndian.Uint64(body[24:])
	g.rows, err = parseRows(body[imageHead:])
	return g, err
}

// image describes the group as it is on disk.
func (st *groupState) image() (g groupImage, some bool) {
	st.mu.RLock()
	defer st.mu.RUnlock()
	g = st.currentImage()
	return g, g.damaged || g.last != 0 || len(g.rows) > 0
}

// currentImage is image. REQUIRES: mu.
func (st *groupState) currentImage() groupImage {
	g := groupImage{damaged: st.bad != nil, commit: st.commit}
	g.first, g.last = st.index.bounds()
	for _, name := range slices.Sorted(maps.Keys(st.rows)) {
		g.rows = append(g.rows, row{name, st.rows[name]})
	}
	return g
}

// checkpoint is the first record of a segment.
type checkpoint struct {
	oldest  uint32 // segment that recovery begins with
	prevEnd uint32 // where the rounds of the segment before it end
	groups  uint32 // recState records that follow
}

func checkpointRecord(c checkpoint) []byte {
	rec := newRecord(recCheckpoint, 0, 16)
	for _, v := range []uint32{c.oldest, c.prevEnd, c.groups, 0} {
		rec = binary.BigEndian.AppendUint32(rec, v)
	}
	return finishRecord(rec)
}

func parseCheckpoint(body []byte) (c checkpoint, err error) {
	if len(body) != 16 {
		return c, errBody
	}
	c.oldest = binary.BigEndian.Uint32(body)
	c.prevEnd = binary.BigEndian.Uint32(body[4:])
	c.groups = binary.BigEndian.Uint32(body[8:])
	return c, nil
}

func releaseRecord(oldest uint32) []byte {
	return finishRecord(binary.BigEndian.AppendUint32(newRecord(recRelease, 0, 8), oldest))
}

func parseRelease(body []byte) (oldest uint32, err error) {
	if len(body) != 8 {
		return 0, errBody
	}
	return binary.BigEndian.Uint32(body), nil
}

// rewriteRecord repeats encoded entries.
func rewriteRecord(group uint64, entries [][]byte) (rec []byte, locs []loc) {
	size := 0
	for _, e := range entries {
		size += len(e)
	}
	rec = newRecord(recRewrite, group, size)
	for _, e := range entries {
		locs = append(locs, loc{off: uint32(len(rec)), n: uint32(len(e))})
		rec = append(rec, e...)
	}
	return finishRecord(rec), locs
}
