package raftlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"

	"github.com/codegraphdb/codegraph/graph"
)

// exact is an engine in memory that truncates what it is told to.
func exact(fs vfs.FS) Options {
	return Options{FS: fs, RetainBytes: -1, SegmentBytes: 256 << 10}
}

func openEngine(t *testing.T, opts Options) *Engine {
	t.Helper()
	e, err := Open("log", opts)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// entries returns entries first..last of a term.
func entries(first, last, term uint64) []*raft.Log {
	var logs []*raft.Log
	for i := first; i <= last; i++ {
		logs = append(logs, &raft.Log{
			Index: i, Term: term, Type: raft.LogCommand,
			Data: fmt.Appendf(nil, "entry %d of term %d", i, term),
		})
	}
	return logs
}

func store(t *testing.T, g raft.LogStore, logs []*raft.Log) {
	t.Helper()
	if err := g.StoreLogs(logs); err != nil {
		t.Fatalf("StoreLogs: %v", err)
	}
}

// content describes a log as index/term runs and checks that every entry between first and last
// is there and nothing beside them.
func content(t *testing.T, g *Group) string {
	t.Helper()
	first, err1 := g.FirstIndex()
	last, err2 := g.LastIndex()
	if err := errors.Join(err1, err2, g.Verify(0)); err != nil {
		t.Fatalf("bounds: %v", err)
	}
	s := ""
	var term uint64
	var l raft.Log
	for i := first; i <= last && last != 0; i++ {
		if err := g.GetLog(i, &l); err != nil {
			t.Fatalf("GetLog(%d) of %d..%d: %v", i, first, last, err)
		}
		if want := fmt.Sprintf("entry %d of term %d", i, l.Term); string(l.Data) != want {
			t.Fatalf("entry %d holds %q", i, l.Data)
		}
		if l.Term != term {
			s += fmt.Sprintf("%d(t%d) ", i, l.Term)
			term = l.Term
		}
	}
	for _, i := range []uint64{0, first - 1, last + 1} {
		if err := g.GetLog(i, &l); err != raft.ErrLogNotFound {
			t.Fatalf("GetLog(%d) outside %d..%d: %v", i, first, last, err)
		}
	}
	return s + fmt.Sprintf("..%d", last)
}

func TestAppendAndTruncate(t *testing.T) {
	type step struct {
		first, last, term uint64 // append, or with term 0 delete
	}
	tests := []struct {
		name  string
		steps []step
		want  string
	}{
		{"empty", nil, "..0"},
		{"from 1", []step{{1, 5, 1}}, "1(t1) ..5"},
		{"from elsewhere", []step{{100, 105, 3}}, "100(t3) ..105"},
		{"append", []step{{1, 5, 1}, {6, 6, 2}}, "1(t1) 6(t2) ..6"},
		{"overlap truncates the old suffix", []step{{1, 8, 5}, {6, 6, 7}}, "1(t5) 6(t7) ..6"},
		{"overlap of all", []step{{3, 8, 5}, {3, 4, 7}}, "3(t7) ..4"},
		{"overlap from below", []step{{3, 8, 5}, {1, 2, 7}}, "1(t7) ..2"},
		{"overlap of the last", []step{{1, 8, 5}, {8, 9, 7}}, "1(t5) 8(t7) ..9"},
		{"gap resets", []step{{1, 8, 5}, {10, 11, 7}}, "10(t7) ..11"},
		{"gap, then append", []step{{1, 8, 5}, {10, 11, 7}, {12, 12, 8}}, "10(t7) 12(t8) ..12"},
		{"delete prefix", []step{{1, 8, 5}, {1, 3, 0}}, "4(t5) ..8"},
		{"delete from below", []step{{4, 8, 5}, {1, 5, 0}}, "6(t5) ..8"},
		{"delete suffix", []step{{1, 8, 5}, {6, 8, 0}}, "1(t5) ..5"},
		{"delete suffix and beyond", []step{{1, 8, 5}, {6, 99, 0}}, "1(t5) ..5"},
		{"delete all", []step{{1, 8, 5}, {1, 8, 0}}, "..0"},
		{"delete all, append", []step{{1, 8, 5}, {1, 8, 0}, {9, 9, 6}}, "9(t6) ..9"},
		{"delete elsewhere", []step{{4, 8, 5}, {1, 3, 0}, {9, 12, 0}}, "4(t5) ..8"},
		{"delete nothing", []step{{4, 8, 5}, {6, 5, 0}}, "4(t5) ..8"},
		{"overlap after prefix", []step{{1, 8, 5}, {1, 3, 0}, {6, 7, 6}}, "4(t5) 6(t6) ..7"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fs := vfs.NewMem()
			e := openEngine(t, exact(fs))
			g, left, right := e.Group(7), e.Group(6), e.Group(8)
			store(t, left, entries(1, 20, 1))
			store(t, right, entries(1, 20, 1))
			for _, s := range tt.steps {
				if s.term != 0 {
					store(t, g, entries(s.first, s.last, s.term))
				} else if err := g.DeleteRange(s.first, s.last); err != nil {
					t.Fatalf("DeleteRange: %v", err)
				}
			}
			if got := content(t, g); got != tt.want {
				t.Errorf("log is %s, want %s", got, tt.want)
			}
			bytes := e.LogBytes(7)
			if err := e.Close(); err != nil {
				t.Fatal(err)
			}
			e = openEngine(t, exact(fs))
			if got := content(t, e.Group(7)); got != tt.want {
				t.Errorf("after reopen the log is %s, want %s", got, tt.want)
			}
			if got := e.LogBytes(7); got != bytes || got != sumBytes(t, e.Group(7)) {
				t.Errorf("LogBytes %d before, %d after reopen", bytes, got)
			}
			for _, id := range []uint64{6, 8} {
				if got := content(t, e.Group(id)); got != "1(t1) ..20" {
					t.Errorf("group %d beside it is %s", id, got)
				}
			}
		})
	}
}

// sumBytes counts what LogBytes should be.
func sumBytes(t *testing.T, g *Group) int64 {
	t.Helper()
	var sum uint64
	x := g.st.extent()
	for i := x.first; i <= x.last && i != 0; i++ {
		var l raft.Log
		if err := g.GetLog(i, &l); err != nil {
			t.Fatal(err)
		}
		sum += entryBytes(&l)
	}
	return int64(sum)
}

func TestEntryRoundTrip(t *testing.T) {
	e := openEngine(t, exact(vfs.NewMem()))
	g := e.Group(1)
	at := time.Unix(1700000000, 12345)
	logs := []*raft.Log{
		{Index: 1, Term: 1, Type: raft.LogNoop},
		{Index: 2, Term: 1, Type: raft.LogConfiguration, Data: []byte("c"), AppendedAt: at},
		{Index: 3, Term: 9, Type: raft.LogCommand, Extensions: []byte("only extensions")},
		{Index: 4, Term: 9, Data: make([]byte, 1<<20), Extensions: []byte{0}, AppendedAt: at},
	}
	store(t, g, logs)
	for _, want := range logs {
		got := raft.Log{Index: 99, Data: []byte("left over"), Extensions: []byte("left over")}
		if err := g.GetLog(want.Index, &got); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(&got, want) {
			t.Errorf("entry %d came back as %+v", want.Index, got)
		}
	}
}

func TestStoreLogsRefusesHoles(t *testing.T) {
	g := openEngine(t, exact(vfs.NewMem())).Group(1)
	store(t, g, entries(1, 3, 1))
	holes := [][]*raft.Log{
		{{Index: 0, Term: 1}},
		append(entries(4, 4, 1), entries(6, 6, 1)...),
		append(entries(4, 4, 1), entries(4, 4, 1)...),
	}
	for _, logs := range holes {
		if err := g.StoreLogs(logs); !errors.Is(err, ErrHole) || !graph.IsKind(err, graph.KindInvalid) {
			t.Errorf("StoreLogs(%d...) = %v, want ErrHole", logs[0].Index, err)
		}
	}
	if err := g.DeleteRange(2, 2); !errors.Is(err, ErrHole) {
		t.Errorf("DeleteRange in the middle = %v, want ErrHole", err)
	}
	if got := content(t, g); got != "1(t1) ..3" {
		t.Errorf("the log is %s", got)
	}
	if err := g.StoreLogs(nil); err != nil {
		t.Errorf("StoreLogs(nil) = %v", err)
	}
}

func TestStable(t *testing.T) {
	fs := vfs.NewMem()
	e := openEngine(t, exact(fs))
	g := e.Group(3)
	if v, err := g.Get([]byte("absent")); v != nil || err != nil {
		t.Errorf("Get of nothing = %q, %v", v, err)
	}
	if v, err := g.GetUint64([]byte("absent")); v != 0 || err != nil {
		t.Errorf("GetUint64 of nothing = %d, %v", v, err)
	}
	err := errors.Join(
		g.SetUint64([]byte("CurrentTerm"), 7),
		g.Set([]byte("incarnation"), []byte("3")),
		g.Set([]byte("empty"), nil),
	)
	if err != nil {
		t.Fatal(err)
	}
	_ = e.Close()
	e = openEngine(t, exact(fs))
	g = e.Group(3)
	if v, err := g.GetUint64([]byte("CurrentTerm")); v != 7 || err != nil {
		t.Errorf("CurrentTerm = %d, %v", v, err)
	}
	if v, err := g.Get([]byte("incarnation")); string(v) != "3" || err != nil {
		t.Errorf("incarnation = %q, %v", v, err)
	}
	if v, err := g.Get([]byte("empty")); v == nil || len(v) != 0 || err != nil {
		t.Errorf("empty = %v, %v", v, err)
	}
	if v, err := e.Group(4).Get([]byte("incarnation")); v != nil || err != nil {
		t.Errorf("another group sees %q, %v", v, err)
	}
	if got := e.Groups(); !slices.Equal(got, []uint64{3, 4}) {
		t.Errorf("groups are %v", got)
	}
	syncs := e.Metrics().Syncs
	if err := g.SetUint64([]byte("CurrentTerm"), 7); err != nil || e.Metrics().Syncs != syncs {
		t.Errorf("an unchanged term was written again, %v", err)
	}
}

func TestRetainAndPins(t *testing.T) {
	one := int64(entryBytes(entries(1, 1, 1)[0]))
	e := openEngine(t, Options{FS: vfs.NewMem(), SegmentBytes: 64 << 10,
		RetainBytes: 3 * one, PinBytes: 8 * one})
	g := e.Group(1)
	del := func(max uint64, want string) {
		t.Helper()
		first, _ := g.FirstIndex()
		if err := g.DeleteRange(first, max); err != nil {
			t.Fatal(err)
		}
		if got := content(t, g); got != want {
			t.Errorf("log is %s, want %s", got, want)
		}
		if g.LogBytes() != sumBytes(t, g) {
			t.Errorf("LogBytes %d, want %d", g.LogBytes(), sumBytes(t, g))
		}
	}
	store(t, g, entries(1, 9, 1)) // all of one length
	release := g.Pin(2)
	del(3, "4(t1) ..9") // above PinBytes: the pin does not hold
	release()
	unpin := g.Pin(4)
	del(6, "5(t1) ..9") // the pin holds what comes after 4
	unpin()
	unpin()
	del(6, "7(t1) ..9")
	del(8, "7(t1) ..9") // three entries are retained
	store(t, g, entries(10, 10, 1))
	if err := g.DeleteRange(7, 10); err != nil {
		t.Fatal(err)
	}
	if got := content(t, g); got != "..0" {
		t.Errorf("a truncation of all is literal, but the log is %s", got)
	}
}

func TestDestroy(t *testing.T) {
	fs := vfs.NewMem()
	e := openEngine(t, exact(fs))
	for id := uint64(1); id <= 3; id++ {
		store(t, e.Group(id), entries(1, 5, 1))
	}
	g := e.Group(2)
	if err := g.SetUint64([]byte("CurrentTerm"), 4); err != nil {
		t.Fatal(err)
	}
	if err := e.Destroy(2); err != nil {
		t.Fatal(err)
	}
	if err := g.StoreLogs(entries(6, 6, 1)); !errors.Is(err, ErrRevoked) {
		t.Errorf("the handle of a destroyed group stores: %v", err)
	}
	check := func(e *Engine) {
		t.Helper()
		if got := e.Groups(); !slices.Equal(got, []uint64{1, 3}) {
			t.Errorf("groups are %v", got)
		}
	}
	check(e)
	_ = e.Close()
	e = openEngine(t, exact(fs))
	check(e)
	g = e.Group(2)
	if v, err := g.GetUint64([]byte("CurrentTerm")); v != 0 || err != nil || content(t, g) != "..0" {
		t.Errorf("rows of a destroyed group are back: term %d, %v", v, err)
	}
	for _, id := range []uint64{1, 3} {
		if got := content(t, e.Group(id)); got != "1(t1) ..5" {
			t.Errorf("group %d beside it is %s", id, got)
		}
	}
}

func TestGroupsAtTheEndsOfTheKeySpace(t *testing.T) {
	fs := vfs.NewMem()
	e := openEngine(t, exact(fs))
	ids := []uint64{0, 1, 1<<64 - 2, 1<<64 - 1}
	for _, id := range ids {
		store(t, e.Group(id), entries(1, 3, 1))
	}
	_ = e.Close()
	e = openEngine(t, exact(fs))
	if got := e.Groups(); !slices.Equal(got, ids) {
		t.Errorf("groups are %v", got)
	}
	if err := e.Destroy(1<<64 - 1); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids[:3] {
		if got := content(t, e.Group(id)); got != "1(t1) ..3" {
			t.Errorf("group %d is %s", id, got)
		}
	}
}

func TestConcurrentGroups(t *testing.T) {
	const groups, rounds = 16, 20
	fs := vfs.NewMem()
	e := openEngine(t, exact(fs))
	var wg sync.WaitGroup
	for id := uint64(0); id < groups; id++ {
		g := e.Group(id)
		wg.Go(func() {
			var l raft.Log
			for i := uint64(0); i < rounds; i++ {
				if err := g.StoreLogs(entries(i*3+1, i*3+3, 1)); err != nil {
					t.Error(err)
					return
				}
				if err := g.GetLog(i*3+2, &l); err != nil {
					t.Error(err)
				}
				if i%5 == 4 {
					if err := g.DeleteRange(0, i*3); err != nil {
						t.Error(err)
					}
				}
			}
		})
		wg.Go(func() { // a follower's reader beside it
			var l raft.Log
			for i := uint64(1); i <= rounds*3; i++ {
				if err := g.GetLog(i, &l); err != nil && err != raft.ErrLogNotFound {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	m := e.Metrics()
	if m.Appends != groups*rounds || m.Entries != groups*rounds*3 || m.Groups != groups {
		t.Errorf("metrics: %v", m)
	}
	if m.Syncs == 0 || m.SyncTime <= 0 || m.Bytes == 0 || m.LogBytes == 0 {
		t.Errorf("metrics: %v", m)
	}
	_ = e.Close()
	e = openEngine(t, exact(fs))
	for id := uint64(0); id < groups; id++ {
		if got := content(t, e.Group(id)); got != "58(t1) ..60" {
			t.Errorf("group %d is %s", id, got)
		}
	}
}

// R7: who reads an entry while it is truncated is told that it is not there, not of a hole.
func TestReadersDuringTruncation(t *testing.T) {
	e := openEngine(t, exact(vfs.NewMem()))
	g := e.Group(1)
	store(t, g, entries(1, 1, 1))
	var done atomic.Bool
	var wg sync.WaitGroup
	defer wg.Wait()
	defer done.Store(true)
	for range 2 {
		wg.Go(func() {
			var l raft.Log
			for !done.Load() {
				first, _ := g.FirstIndex()
				if err := g.GetLog(first, &l); err != nil && err != raft.ErrLogNotFound {
					t.Errorf("GetLog(%d): %v", first, err)
					return
				}
			}
		})
	}
	for i := uint64(2); i < 600; i++ {
		store(t, g, entries(i, i, 1))
		if err := g.DeleteRange(0, i-1); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOpenRefusesNewerFormat(t *testing.T) {
	fs := vfs.NewMem()
	_ = openEngine(t, exact(fs)).Close()
	patch(t, fs, "log/000001.seg", func(b []byte) {
		b[11] = FormatVersion + 1
		binary.BigEndian.PutUint32(b[4:], crc32.Checksum(b[8:segmentLen], castagnoli))
	})
	_, err := Open("log", exact(fs))
	if !errors.Is(err, ErrNewerFormat) || !graph.IsKind(err, graph.KindUnsupported) {
		t.Errorf("open of a newer format: %v", err)
	}
}

// patch changes the bytes of a file, durably.
func patch(t *testing.T, fs vfs.FS, name string, change func(b []byte)) {
	t.Helper()
	f, err := fs.OpenReadWrite(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, info.Size())
	if _, err := f.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	change(b)
	_, err = f.WriteAt(b, 0)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefusesAnotherStore(t *testing.T) {
	fs := vfs.NewMem()
	if err := fs.MkdirAll("log", 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := fs.Create("log/CURRENT", vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	_, err = Open("log", exact(fs))
	if !graph.IsKind(err, graph.KindUnsupported) || !strings.Contains(err.Error(), "ingest again") {
		t.Errorf("open of a log of the first format: %v", err)
	}
}
