package shard

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/codegraphdb/codegraph/graph"
)

func TestOpenRefuses(t *testing.T) {
	fs := vfs.NewMem()
	opts := Options{ID: 1, Slots: allSlots(), FS: fs, Incarnation: 4}
	s, err := Open("d", opts)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	other := opts
	other.ID = 2
	if _, err := Open("d", other); graph.KindOf(err) != graph.KindInvalid {
		t.Errorf("another shard: %v", err)
	}
	other = opts
	other.Incarnation = 5
	if _, err := Open("d", other); graph.KindOf(err) != graph.KindInvalid {
		t.Errorf("another incarnation (5.3): %v", err)
	}
	other = opts
	other.Slots = SlotRange{Lo: 5, Hi: 4}
	if _, err := Open("e", other); graph.KindOf(err) != graph.KindInvalid {
		t.Errorf("no range: %v", err)
	}
	db, err := openDB("d/store-000001", &s.opts)
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(db.Set(keyFormat, []byte{9}, pebble.NoSync), db.Flush(), db.Close())
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open("d", opts)
	if graph.KindOf(err) != graph.KindUnsupported || !strings.Contains(err.Error(), "newer") {
		t.Errorf("newer format: %v", err)
	}
}

func TestClosed(t *testing.T) {
	s := openMem(t, vfs.NewMem())
	v, err := s.View(graph.View{At: 2})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Lookup(context.Background(), []graph.VertexID{{1}}, false); err != nil {
		t.Errorf("an open view outlives Close: %v", err)
	}
	if err := v.Close(); err != nil {
		t.Error(err)
	}
	_, errView := s.View(graph.View{At: 2})
	_, errApply := s.Apply([]Entry{{1, 1, nil}})
	_, errFlush := s.Flush()
	for _, err := range []error{errView, errApply, errFlush} {
		if !graph.IsKind(err, graph.KindUnavailable) {
			t.Errorf("closed: %v", err)
		}
	}
}

func TestSlotRangeIsEnforced(t *testing.T) {
	slot := uint16(graph.SlotOf(symbolKey("f")))
	for _, test := range []struct {
		r  SlotRange
		ok bool
	}{{SlotRange{Lo: slot, Hi: slot}, true}, {SlotRange{Lo: slot + 1, Hi: graph.Slots - 1}, false}} {
		s, err := Open("d", Options{ID: 1, Slots: test.r, FS: vfs.NewMem()})
		if err != nil {
			t.Fatal(err)
		}
		_, f := parseFile(t, 1, "a.go: f")
		b := graph.Batch{Import: 101, Attempt: 1, Seq: 1, Repo: 1, Rows: f.Rows()}
		res, err := s.Apply([]Entry{{1, 1, EncodeWrite(1, 0, b.Encode())}})
		if err != nil || (res[0].Err == nil) != test.ok {
			t.Errorf("%v: %v, %v", test.r, res, err)
		}
		if _, n := s.Digest(); n > 0 != test.ok {
			t.Errorf("%v: %d rows", test.r, n)
		}
		s.Close()
	}
}

func TestExpandBounds(t *testing.T) {
	s := openMem(t, vfs.NewMem())
	defer s.Close()
	_, f := parseFile(t, 1, "a.go: f g; f>a f>b f>c f>d g>a g>b")
	b := graph.Batch{Import: 101, Attempt: 1, Seq: 1, Repo: 1, Rows: f.Rows(), Seal: true}
	out := EncodeOutcome(1, 0, graph.Outcome{Import: 101, Commit: 110})
	if _, err := s.Apply([]Entry{{1, 1, EncodeWrite(1, 0, b.Encode())}, {2, 1, out}}); err != nil {
		t.Fatal(err)
	}
	v, err := s.View(graph.View{At: 110})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	ids := []graph.VertexID{graph.IDOf(symbolKey("g")), graph.IDOf(symbolKey("f"))}
	only := []graph.VertexID{graph.IDOf(symbolKey("b"))}
	for _, test := range []struct {
		name string
		spec graph.ExpandSpec
		want [2]int
		more [2]bool
	}{
		{"all", graph.ExpandSpec{Out: true}, [2]int{2, 4}, [2]bool{}},
		{"none", graph.ExpandSpec{In: true}, [2]int{}, [2]bool{}},
		{"three", graph.ExpandSpec{Out: true, MaxEdges: 3}, [2]int{2, 1}, [2]bool{false, true}},
		{"two", graph.ExpandSpec{Out: true, MaxEdges: 2}, [2]int{2, 0}, [2]bool{false, true}},
		{"six", graph.ExpandSpec{Out: true, MaxEdges: 6}, [2]int{2, 4}, [2]bool{}},
		{"only b", graph.ExpandSpec{Out: true, Only: only}, [2]int{1, 1}, [2]bool{}},
		{"type", graph.ExpandSpec{Out: true, Types: graph.NewEdgeSet(graph.Imports)}, [2]int{},
			[2]bool{}},
		{"sure", graph.ExpandSpec{Out: true, MinConfidence: 91}, [2]int{}, [2]bool{}},
	} {
		adj, _, err := v.Expand(context.Background(), ids, &test.spec)
		if err != nil {
			t.Fatal(err)
		}
		for i := range adj {
			if len(adj[i].Edges) != test.want[i] || adj[i].More != test.more[i] {
				t.Errorf("%s: vertex %d has %d edges, more %v", test.name, i, len(adj[i].Edges),
					adj[i].More)
			}
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := v.Expand(ctx, ids, &graph.ExpandSpec{}); !graph.IsKind(err, graph.KindCanceled) {
		t.Errorf("canceled: %v", err)
	}
}

// TestFatal: what Pebble reports as fatal reaches whoever ends the process.
func TestFatal(t *testing.T) {
	var got error
	l := logAdapter{slog.New(slog.DiscardHandler), func(err error) { got = err }}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("Fatalf returned")
			}
		}()
		l.Fatalf("disk %d is gone", 3)
	}()
	if got == nil || got.Error() != "disk 3 is gone" {
		t.Errorf("OnFatal was called with %v", got)
	}
}

func TestScanRefuses(t *testing.T) {
	s := openMem(t, vfs.NewMem())
	defer s.Close()
	v, err := s.View(graph.View{At: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	for _, spec := range []graph.ScanSpec{
		{Index: graph.IndexRepo, Value: graph.RepoIndexValue(1)},
		{Index: 99},
		{Index: graph.IndexName, Value: "x", Cursor: []byte("nonsense")},
	} {
		if _, _, err := v.Scan(context.Background(), &spec); !graph.IsKind(err, graph.KindInvalid) {
			t.Errorf("%+v: %v", spec, err)
		}
	}
}

// TestDeadAfterFault: what cannot be applied ends the replica (S3).
func TestDeadAfterFault(t *testing.T) {
	s := openMem(t, vfs.NewMem())
	defer s.Close()
	if _, err := s.Apply([]Entry{{1, 1, []byte("?")}}); err == nil {
		t.Fatal("a cut command was applied")
	}
	if _, err := s.Apply([]Entry{{2, 1, nil}}); !graph.IsKind(err, graph.KindCorrupt) {
		t.Errorf("after a fault: %v", err)
	}
	if err := s.store.Load().db.Set([]byte("Mz"), nil, pebble.NoSync); err != nil {
		t.Fatal(err)
	}
	if _, err := loadState(s.store.Load().db); !graph.IsKind(err, graph.KindCorrupt) {
		t.Errorf("unknown row of the state: %v", err)
	}
}

// TestOutcomeAfterView: a view that has not yet looked an import up does not see the outcome that
// came after it was opened (S4).
func TestOutcomeAfterView(t *testing.T) {
	s := openMem(t, vfs.NewMem())
	defer s.Close()
	_, f := parseFile(t, 1, "a.go: f")
	b := graph.Batch{Import: 101, Attempt: 1, Seq: 1, Repo: 1, Rows: f.Rows(), Seal: true}
	if _, err := s.Apply([]Entry{{1, 1, EncodeWrite(1, 0, b.Encode())}}); err != nil {
		t.Fatal(err)
	}
	v, err := s.View(graph.View{At: 200})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	out := EncodeOutcome(1, 0, graph.Outcome{Import: 101, Commit: 110})
	if _, err := s.Apply([]Entry{{2, 1, out}}); err != nil {
		t.Fatal(err)
	}
	vs, err := v.Lookup(context.Background(), []graph.VertexID{f.Vertices[0].ID}, false)
	if err != nil || vs[0].Kind != graph.KindNone {
		t.Errorf("the view sees %v, %v", vs[0].Kind, err)
	}
}
