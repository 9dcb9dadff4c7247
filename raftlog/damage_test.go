package raftlog

import (
	"errors"
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/hashicorp/raft"

	"github.com/codegraphdb/codegraph/graph"
)

// spot is where something lies in an engine's files.
type spot struct {
	name string
	off  int
	n    int
}

// spotOf finds an entry.
func spotOf(t *testing.T, e *Engine, group, index uint64) spot {
	t.Helper()
	st := e.state(group)
	st.mu.RLock()
	defer st.mu.RUnlock()
	at, ok := st.index.at(index)
	if !ok {
		t.Fatalf("group %d has no entry %d", group, index)
	}
	return spot{e.segs.get(at.seg).name, int(at.off), int(at.n)}
}

// uncached is an engine that reads every entry from its files.
func uncached(fs vfs.FS) Options {
	opts := exact(fs)
	opts.SegmentBytes, opts.CacheBytes = 32<<10, -1
	return opts
}

func TestDamagedEntry(t *testing.T) {
	changes := map[string]func(e []byte){
		"data":    func(e []byte) { e[len(e)-1] ^= 1 },
		"term":    func(e []byte) { e[offTerm+7] ^= 1 },
		"type":    func(e []byte) { e[offType] ^= 1 },
		"index":   func(e []byte) { e[offIndex+7] ^= 1 },
		"length":  func(e []byte) { e[offLength+3] ^= 1 },
		"sum":     func(e []byte) { e[0] ^= 1 },
		"nothing": func(e []byte) { clear(e) },
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			told := make(chan uint64, 9)
			fs := vfs.NewMem()
			opts := uncached(fs)
			opts.OnCorrupt = func(id uint64, _ error) { told <- id }
			e := openEngine(t, opts)
			g, other := e.Group(1), e.Group(2)
			store(t, g, entries(1, 9, 1))
			store(t, other, entries(1, 9, 1))
			s := spotOf(t, e, 1, 5)
			patch(t, fs, s.name, func(b []byte) { change(b[s.off : s.off+s.n]) })
			var l raft.Log
			if err := g.GetLog(5, &l); !errors.Is(err, ErrCorrupt) || !graph.IsKind(err, graph.KindCorrupt) {
				t.Errorf("GetLog = %v", err)
			}
			if id := <-told; id != 1 {
				t.Errorf("OnCorrupt of group %d", id)
			}
			if err := other.Err(); err != nil || content(t, other) != "1(t1) ..9" {
				t.Errorf("the group beside it: %v", err)
			}
			checkDamaged(t, g)
			_ = e.Close()
			e = openEngine(t, opts)
			if id := <-told; id != 1 {
				t.Errorf("OnCorrupt of group %d after a restart", id)
			}
			if got := content(t, e.Group(2)); got != "1(t1) ..9" {
				t.Errorf("after a restart the group beside it is %s", got)
			}
			checkDamaged(t, e.Group(1))
			if err := e.Destroy(1); err != nil {
				t.Fatal(err)
			}
			store(t, e.Group(1), entries(1, 1, 1))
			_ = e.Close()
			if got := content(t, openEngine(t, opts).Group(1)); got != "1(t1) ..1" {
				t.Errorf("after Destroy the group is %s", got)
			}
		})
	}
}

// checkDamaged checks what a damaged group still does.
func checkDamaged(t *testing.T, g *Group) {
	t.Helper()
	_, last := g.LastIndex()
	_, get := g.Get([]byte("x"))
	_, term := g.GetUint64([]byte("CurrentTerm"))
	for call, err := range map[string]error{
		"LastIndex": last, "Get": get, "GetUint64": term,
		"Verify":    g.Verify(1),
		"StoreLogs": g.StoreLogs(entries(10, 10, 1)),
		"a vote":    g.Set([]byte("LastVoteCand"), []byte("a")),
		"Err":       g.Err(),
	} {
		if !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s of a damaged group = %v", call, err)
		}
	}
	if err := g.SetUint64([]byte("CurrentTerm"), 2); err != nil {
		t.Errorf("Raft panics if its term cannot be stored: %v", err)
	}
}

// A group stays damaged when the segment that showed it is gone.
func TestDamageIsRemembered(t *testing.T) {
	fs := vfs.NewMem()
	e := openEngine(t, uncached(fs))
	g, other := e.Group(1), e.Group(2)
	store(t, g, entries(1, 9, 1))
	s := spotOf(t, e, 1, 5)
	patch(t, fs, s.name, func(b []byte) { b[s.off+entryHeader] ^= 1 })
	if err := g.Verify(1); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("Verify = %v", err)
	}
	patch(t, fs, s.name, func(b []byte) { b[s.off+entryHeader] ^= 1 }) // as it was
	for i := uint64(1); i <= 2000; i++ {
		store(t, other, entries(i, i, 1))
		if err := other.DeleteRange(1, i-1); err != nil {
			t.Fatal(err)
		}
	}
	_ = e.Close()
	if err := openEngine(t, uncached(fs)).Group(1).Err(); !errors.Is(err, ErrCorrupt) {
		t.Errorf("after a restart the group is %v", err)
	}
}

func TestEntryInPlaceOfAnother(t *testing.T) {
	fs := vfs.NewMem()
	e := openEngine(t, uncached(fs))
	g := e.Group(1)
	store(t, g, entries(1, 9, 1))
	from, to := spotOf(t, e, 1, 4), spotOf(t, e, 1, 5)
	patch(t, fs, to.name, func(b []byte) { copy(b[to.off:to.off+to.n], b[from.off:from.off+from.n]) })
	var l raft.Log
	if err := g.GetLog(5, &l); !errors.Is(err, ErrCorrupt) {
		t.Errorf("entry 4 was taken for entry 5: %v", err)
	}
}

func TestVerify(t *testing.T) {
	e := openEngine(t, uncached(vfs.NewMem()))
	g := e.Group(1)
	store(t, g, entries(5, 9, 1))
	for _, from := range []uint64{0, 5, 7, 10, 50} {
		if err := g.Verify(from); err != nil {
			t.Errorf("Verify(%d) = %v", from, err)
		}
	}
	if err := g.Verify(4); !errors.Is(err, ErrCorrupt) {
		t.Errorf("Verify(4) of a log from 5 on = %v", err)
	}
}

// small writes a small log without closing it and returns what each round acknowledged.
func small(t *testing.T, fs vfs.FS) (ends []uint32) {
	t.Helper()
	opts := exact(fs)
	opts.SegmentBytes = 1 // the least there is
	e := openEngine(t, opts)
	g, h := e.Group(1), e.Group(2)
	end := func() { ends = append(ends, e.writer.pos) }
	end()
	store(t, g, entries(1, 2, 1))
	end()
	store(t, h, entries(1, 3, 1))
	end()
	if err := h.Set([]byte("name"), []byte("value")); err != nil {
		t.Fatal(err)
	}
	end()
	store(t, g, entries(2, 4, 2))
	end()
	if err := g.DeleteRange(1, 1); err != nil {
		t.Fatal(err)
	}
	end()
	store(t, h, entries(4, 4, 3))
	end()
	return ends
}

// outcome describes a log that was opened again: "refused", or its groups.
func outcome(t *testing.T, fs vfs.FS) string {
	t.Helper()
	opts := exact(fs)
	opts.SegmentBytes = 1
	e, err := Open("log", opts)
	if err != nil {
		if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrNewerFormat) {
			t.Fatalf("open: %v", err)
		}
		return "refused"
	}
	defer e.Close()
	s := ""
	for _, id := range []uint64{1, 2} {
		g := e.Group(id)
		if g.Err() != nil {
			s += fmt.Sprintf("%d damaged; ", id)
			continue
		}
		name, err := g.Get([]byte("name"))
		if err != nil {
			t.Fatal(err)
		}
		s += fmt.Sprintf("%d %s %q; ", id, content(t, g), name)
	}
	return s + fmt.Sprintf("torn %v", e.Metrics().TornBytes > 0)
}

// Every single byte of a log is changed. In the last round that is a torn tail: the round goes, as
// if it had never been written, and that is reported. Before it, it is damage: of the group that
// it hit, or of all of them. In no case does anybody read what was not written, and no change
// of an acknowledged round but the last goes unnoticed.
func TestEveryByteFlipped(t *testing.T) {
	whole := vfs.NewCrashableMem()
	ends := small(t, whole)
	const (
		all  = `1 2(t2) ..4 ""; 2 1(t1) 4(t3) ..4 "value"; torn false`
		torn = `1 2(t2) ..4 ""; 2 1(t1) ..3 "value"; torn true`
	)
	if got := outcome(t, crash(whole, 0)); got != all {
		t.Fatalf("untouched: %s", got)
	}
	last, end := int(ends[len(ends)-2]), int(ends[len(ends)-1])
	seen := map[string]int{}
	for off := 0; off < end+64; off++ {
		fs := crash(whole, 0)
		patch(t, fs, "log/000001.seg", func(b []byte) { b[off] ^= 1 << (off % 8) })
		got := outcome(t, fs)
		seen[got]++
		var ok bool
		switch {
		case off >= segmentLen && off < firstRound || off >= end:
			ok = got == all
		case off >= last:
			ok = got == torn
		default:
			ok = got == "refused" || got == `1 damaged; 2 1(t1) 4(t3) ..4 "value"; torn false` ||
				got == `1 2(t2) ..4 ""; 2 damaged; torn false`
		}
		if !ok {
			t.Errorf("byte %d of %v changed: %s", off, ends, got)
		}
	}
	if len(seen) != 5 {
		t.Errorf("outcomes: %v", seen)
	}
}

// A log that was closed ends in an empty round, so a change of its last entries is no torn tail.
func TestDamageAfterCleanClose(t *testing.T) {
	fs := vfs.NewMem()
	e := openEngine(t, uncached(fs))
	store(t, e.Group(1), entries(1, 9, 1))
	s := spotOf(t, e, 1, 9)
	_ = e.Close()
	patch(t, fs, s.name, func(b []byte) { b[s.off+entryHeader] ^= 1 })
	if err := openEngine(t, uncached(fs)).Group(1).Err(); !errors.Is(err, ErrCorrupt) {
		t.Errorf("the group is %v", err)
	}
}

// Blocks of the last round that did not reach the disk, in any order.
func TestTornRound(t *testing.T) {
	whole := vfs.NewCrashableMem()
	ends := small(t, whole)
	for from := int(ends[len(ends)-2]); from < int(ends[len(ends)-1]); from += 7 {
		for _, until := range []int{from + 7, int(ends[len(ends)-1])} {
			fs := crash(whole, 0)
			patch(t, fs, "log/000001.seg", func(b []byte) {
				clear(b[from:min(until, len(b))])
			})
			got := outcome(t, fs)
			if got != `1 2(t2) ..4 ""; 2 1(t1) ..3 "value"; torn true` &&
				got != `1 2(t2) ..4 ""; 2 1(t1) ..3 "value"; torn false` &&
				got != `1 2(t2) ..4 ""; 2 1(t1) 4(t3) ..4 "value"; torn false` { // zeros anyway
				t.Errorf("%d..%d lost: %s", from, until, got)
			}
			if got := outcome(t, crash(fs, 0)); got[len(got)-len("false"):] != "false" {
				t.Errorf("%d..%d lost: it is torn at the second open too: %s", from, until, got)
			}
		}
	}
}

// A file of the log that is not there is noticed.
func TestMissingSegment(t *testing.T) {
	for id := uint32(1); id <= 2; id++ {
		fs := vfs.NewMem()
		e := openEngine(t, uncached(fs))
		g := e.Group(1)
		for i := uint64(1); e.segs.usage().log < 3; i++ {
			store(t, g, entries(i, i, 1))
		}
		name := e.segs.get(id).name
		_ = e.Close()
		if err := fs.Remove(name); err != nil {
			t.Fatal(err)
		}
		if _, err := Open("log", uncached(fs)); !errors.Is(err, ErrCorrupt) {
			t.Errorf("open without %s = %v", name, err)
		}
	}
}

// A header that is gone does not make a segment one of those that may be written over.
func TestLostHeader(t *testing.T) {
	whole := vfs.NewCrashableMem()
	e := openEngine(t, uncached(whole))
	g := e.Group(1)
	last := uint64(0)
	for e.segs.usage().log < 2 {
		last++
		store(t, g, entries(last, last, 1))
	}
	names := []string{spotOf(t, e, 1, 1).name, spotOf(t, e, 1, last).name}
	_ = e.Close()
	for _, name := range names {
		for _, n := range []int{segmentLen, firstRound + roundLen} {
			fs := crash(whole, 0)
			patch(t, fs, name, func(b []byte) { clear(b[:n]) })
			if _, err := Open("log", uncached(fs)); !errors.Is(err, ErrCorrupt) {
				t.Errorf("open with %d bytes of %s lost = %v", n, name, err)
			}
		}
	}
}

// Damage in a segment before the newest is never taken for a torn tail.
func TestDamageBeforeNewestSegment(t *testing.T) {
	whole := vfs.NewCrashableMem()
	e := openEngine(t, uncached(whole))
	g := e.Group(1)
	last := uint64(0)
	for e.segs.usage().log < 2 {
		last++
		store(t, g, entries(last, last, 1))
	}
	name, end := spotOf(t, e, 1, 1).name, spotOf(t, e, 1, last-1)
	for off := firstRound; off < end.off+end.n; off += 29 {
		if off < end.off-1000 && off > 2*firstRound {
			off = end.off - 1000
		}
		fs := crash(whole, 0)
		patch(t, fs, name, func(b []byte) { b[off] ^= 4 })
		got := outcome(t, fs)
		if got != "refused" && got != `1 damaged; 2 ..0 ""; torn false` {
			t.Errorf("byte %d changed: %s", off, got)
		}
	}
}

// A segment that was given its place, but whose first round was not finished, is in nobody's way.
func TestUnfinishedSegment(t *testing.T) {
	fs := vfs.NewMem()
	e := openEngine(t, uncached(fs))
	g := e.Group(1)
	store(t, g, entries(1, 1, 1))
	_ = e.Close()
	f, err := fs.Create("log/000009.seg", vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, firstRound+roundLen)
	putSegment(b, 2, uncached(fs).SegmentBytes)
	putRound(b[firstRound:], round{segment: 2, off: firstRound, seq: e.writer.seq, records: 1,
		length: 64})
	_, err = f.Write(b)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	e = openEngine(t, uncached(fs))
	g = e.Group(1)
	last := uint64(1)
	for e.segs.usage().log < 2 {
		last++
		store(t, g, entries(last, last, 1))
	}
	_ = e.Close()
	want := fmt.Sprintf("1(t1) ..%d", last)
	if got := content(t, openEngine(t, uncached(fs)).Group(1)); got != want {
		t.Errorf("the log is %s, want %s", got, want)
	}
}

// At open the last round is written again, in case that a sync failed before the crash and the
// round is in the system's memory only; and an empty one behind it, so that it is no longer the
// one that may be torn.
func TestOpenSettlesLastRound(t *testing.T) {
	mem := vfs.NewCrashableMem()
	ends := small(t, mem)
	wrote := map[int64]bool{}
	fs := crash(mem, 0)
	e := openEngine(t, Options{FS: errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileWriteAt {
			wrote[op.Offset] = true
		}
		return nil
	})), SegmentBytes: 1})
	last, end := ends[len(ends)-2], ends[len(ends)-1]
	if !wrote[int64(last)] || !wrote[int64(end)] {
		t.Errorf("open wrote at %v, the last round is %d..%d", wrote, last, end)
	}
	_ = e.Group(1)
	after := crash(fs, 0)
	patch(t, after, "log/000001.seg", func(b []byte) { b[end-2*recordUnit] ^= 1 })
	if got := outcome(t, after); got != `1 2(t2) ..4 ""; 2 damaged; torn false` {
		t.Errorf("after a restart and a change of the last round: %s", got)
	}
}
