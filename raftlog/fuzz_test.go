package raftlog

import (
	"bytes"
	"testing"

	"github.com/hashicorp/raft"
)

// FuzzRound reads any bytes as a round, and bodies of any bytes as every type of record. Nothing
// panics, and what is read lies inside of what was given.
func FuzzRound(f *testing.F) {
	rec, _ := appendRecord(1, 2, entries(3, 4, 5))
	rewrite, _ := rewriteRecord(1, [][]byte{appendEntry(nil, 1, entries(3, 3, 3)[0])})
	rows := []row{{"name", []byte("value")}, {"", nil}}
	seeds := [][]byte{rec, rewrite, boundsRecord(1, 2, 3), stableRecord(1, rows), destroyRecord(1),
		imageRecord(1, groupImage{first: 1, last: 2, rows: rows}), releaseRecord(7),
		checkpointRecord(checkpoint{oldest: 1, prevEnd: 4096})}
	for _, rec := range seeds {
		f.Add(rec[12], rec[recordLen:])
		placeRecord(rec, 1, firstRound+roundLen)
		head := make([]byte, roundLen)
		putRound(head, round{segment: 1, off: firstRound, records: 1, length: uint32(len(rec))})
		f.Add(byte(0), append(head, rec...))
	}
	f.Fuzz(func(t *testing.T, kind byte, b []byte) {
		if r, ok := getRound(b); ok {
			recs, _ := getRecords(b, r)
			for _, rec := range recs {
				readBody(t, rec.kind, rec.body)
			}
		}
		whole := finishRecord(append(newRecord(kind, 1, len(b)), b...))
		placeRecord(whole, 3, 4)
		rec, ok := getRecord(whole, 3, 4)
		if !ok || !rec.sound || rec.kind != kind || !bytes.HasPrefix(rec.body, b) {
			t.Fatalf("a record of %d bytes came back as %+v", len(b), rec)
		}
		if _, ok := getRecord(whole, 2, 4); ok {
			t.Fatal("a record verifies in another segment")
		}
		readBody(t, kind, rec.body)
	})
}

// readBody reads a body as recovery does.
func readBody(t *testing.T, kind byte, body []byte) {
	switch kind {
	case recAppend:
		if _, first, locs, err := parseAppend(body); err == nil {
			readEntries(t, body, first, locs)
		}
	case recRewrite:
		if locs, _, err := entriesIn(body, 0); err == nil {
			readEntries(t, body, 0, locs)
		}
	case recBounds:
		if first, last, err := parseBounds(body); err == nil && first > last {
			t.Fatalf("bounds %d..%d", first, last)
		}
	case recStable:
		_, _ = parseRows(body)
	case recState:
		_, _ = parseImage(body)
	case recCheckpoint:
		_, _ = parseCheckpoint(body)
	case recRelease:
		_, _ = parseRelease(body)
	}
}

func readEntries(t *testing.T, body []byte, first uint64, locs []loc) {
	for i, l := range locs {
		from := int(l.off) - recordLen
		e := body[from : from+int(l.n)]
		index := first + uint64(i)
		if checkEntry(1, index, e) != nil {
			continue
		}
		var got raft.Log = viewEntry(e)
		if got.Index != index || entryLen(&got) != len(e) {
			t.Fatalf("entry %d came back as %+v", index, got)
		}
	}
}
