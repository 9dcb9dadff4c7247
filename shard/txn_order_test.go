package shard

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"

	"github.com/codegraphdb/codegraph/graph"
)

// TestTxnOutcomes: commands of a transaction in every order that a slow network can give them: the
// record at the primary stands, and a part that comes late leaves nothing behind.
func TestTxnOutcomes(t *testing.T) {
	a := madeKey(0)
	p := part(create(a, "A"))
	const elsewhere = 9
	ended := func(res Result) bool { return graph.ReasonOf(res.Err) == graph.ReasonEnded }
	for _, test := range []struct {
		name string
		run  func(r *txnRig, id graph.TxnID) bool
	}{
		{"resolve before decide", func(r *txnRig, id graph.TxnID) bool {
			r.prepare(id, p.Primary(), 100, 110, p)
			return ended(r.resolve(id, p, 120, false)) && ended(r.resolve(id, p, 0, false))
		}},
		{"commit what is not prepared", func(r *txnRig, id graph.TxnID) bool {
			return ended(r.decide(id, p, 120)) && r.prepare(id, p.Primary(), 100, 110, p).Err == nil
		}},
		{"prepare after abort", func(r *txnRig, id graph.TxnID) bool {
			return r.decide(id, p, 0).Err == nil && ended(r.prepare(id, p.Primary(), 100, 110, p))
		}},
		{"one phase after abort", func(r *txnRig, id graph.TxnID) bool {
			r.decide(id, p, 0)
			return ended(r.apply(EncodeOnePhase(1, 0, &graph.OnePhase{Txn: id, Primary: p.Primary(),
				Start: 100, Commit: 110, Part: p})))
		}},
		{"one phase after prepare", func(r *txnRig, id graph.TxnID) bool {
			r.prepare(id, p.Primary(), 100, 110, p)
			return ended(r.apply(EncodeOnePhase(1, 0, &graph.OnePhase{Txn: id, Primary: p.Primary(),
				Start: 100, Commit: 110, Part: p})))
		}},
		{"abort after commit", func(r *txnRig, id graph.TxnID) bool {
			r.prepare(id, p.Primary(), 100, 110, p)
			r.decide(id, p, 120)
			res := r.decide(id, p, 0)
			return ended(res) && res.Txn.Status == graph.TxnCommitted && res.Txn.Commit == 120 &&
				ended(r.resolve(id, p, 0, false)) && r.resolve(id, p, 120, true).Err == nil
		}},
		{"commit after abort", func(r *txnRig, id graph.TxnID) bool {
			r.prepare(id, p.Primary(), 100, 110, p)
			r.decide(id, p, 0)
			return ended(r.decide(id, p, 120)) && ended(r.resolve(id, p, 120, false))
		}},
		{"commit at the prepare timestamp", func(r *txnRig, id graph.TxnID) bool {
			r.prepare(id, p.Primary(), 100, 110, p)
			return r.decide(id, p, 110).Err != nil && r.decide(id, p, 121).Err != nil &&
				r.decide(id, p, 112).Err == nil
		}},
		{"participant: prepare after abort", func(r *txnRig, id graph.TxnID) bool {
			slots, _ := p.Slots()
			abort := &graph.Resolve{Txn: id, Primary: elsewhere, Slots: slots, Start: 100}
			return r.apply(EncodeResolve(1, 0, abort)).Err == nil &&
				ended(r.prepare(id, elsewhere, 100, 110, p))
		}},
		{"participant: commit of what was never prepared", func(r *txnRig, id graph.TxnID) bool {
			slots, _ := p.Slots()
			return ended(r.apply(EncodeResolve(1, 0, &graph.Resolve{Txn: id, Primary: elsewhere,
				Slots: slots, Start: 100, Commit: 120})))
		}},
		{"prepared with another start", func(r *txnRig, id graph.TxnID) bool {
			r.prepare(id, elsewhere, 100, 110, p)
			res := r.prepare(id, elsewhere, 104, 110, p)
			return ended(res) && res.Txn.Start == 100
		}},
		{"outside of the shard", func(r *txnRig, id graph.TxnID) bool {
			slot := uint16(graph.SlotOf(a))
			r.apply(EncodeConfigure(1, Descriptor{ID: 1, Epoch: 1, Slots: allSlots()}))
			r.epoch = 1
			res := r.apply(EncodePrepare(1, 1, &graph.Prepare{Txn: id, Primary: elsewhere, Start: 100,
				At: 110, Slots: SlotRange{Lo: slot - 1, Hi: slot - 1}, Part: p}))
			return graph.IsKind(res.Err, graph.KindInvalid)
		}},
	} {
		r := newTxnRig(t)
		if !test.run(r, r.id()) {
			t.Errorf("%s: not as it should be", test.name)
		}
		st := r.s.Stats()
		for _, pending := range r.s.Pending() { // what is still prepared can be ended
			slots, _ := p.Slots()
			for _, cmd := range [][]byte{
				EncodeDecide(1, r.epoch, &graph.Decide{Txn: pending.Txn, Primary: pending.Primary,
					Start: 100}),
				EncodeResolve(1, r.epoch, &graph.Resolve{Txn: pending.Txn, Primary: pending.Primary,
					Slots: slots, Start: 100, Commit: pending.Commit}),
			} {
				r.apply(cmd)
			}
		}
		if now := r.s.Stats(); now.Pending != 0 || now.Rows[graph.RowLock] != 0 {
			t.Errorf("%s: %d pending (%d before), %d locks", test.name, now.Pending, st.Pending,
				now.Rows[graph.RowLock])
		}
		if d, n, err := r.s.Recount(); err != nil {
			t.Fatal(err)
		} else if kept, k := r.s.Digest(); kept != d || k != n {
			t.Errorf("%s: kept %v of %d, found %v of %d", test.name, kept, k, d, n)
		}
	}
}

// TestTxnReads: what a transaction has read must still be so when it commits; imports count, also
// those that have not ended.
func TestTxnReads(t *testing.T) {
	a, b, f := madeKey(0), madeKey(1), symbolKey("f")
	vertex := graph.ReadEntry{Kind: graph.ReadVertex, Vertex: graph.IDOf(f)}
	edges := graph.ReadEntry{Kind: graph.ReadEdges, Vertex: graph.IDOf(f)}
	index := graph.ReadEntry{Kind: graph.ReadIndex, Index: graph.IndexLabel, Value: "A"}
	name := graph.ReadEntry{Kind: graph.ReadIndex, Index: graph.IndexName, Value: "f"}
	for _, test := range []struct {
		name string
		read graph.ReadEntry
		then func(r *txnRig)
		want graph.Reason
	}{
		{"nothing", vertex, func(*txnRig) {}, ""},
		{"import committed", vertex, func(r *txnRig) { r.ingest(121, 130, "a.go: f", "a.go: f/2") },
			graph.ReasonChanged},
		{"import open", vertex, func(r *txnRig) { r.ingest(121, 0, "a.go: f", "a.go: f/2") },
			graph.ReasonChanged},
		{"import aborted", vertex, func(r *txnRig) {
			r.ingest(121, 0, "a.go: f", "a.go: f/2")
			r.apply(EncodeOutcome(1, 0, graph.Outcome{Import: 121}))
		}, ""},
		{"overlay", vertex, func(r *txnRig) { r.must(120, 130, setting(f, "x", true)) },
			graph.ReasonChanged},
		{"ingested edge", edges, func(r *txnRig) { r.ingest(121, 130, "a.go: f", "a.go: f g; g>f") },
			graph.ReasonChanged},
		{"made edge", edges, func(r *txnRig) { r.must(120, 130, linking(a, f, 1)) },
			graph.ReasonChanged},
		{"edge the other way", edges, func(r *txnRig) { r.must(120, 130, linking(f, a, 1)) }, ""},
		{"label", index, func(r *txnRig) { r.must(120, 130, create(b, "A")) }, graph.ReasonChanged},
		{"label over ingested", index, func(r *txnRig) {
			m := setting(f, "x", true)
			m.Labels = []string{"A"}
			r.must(120, 130, m)
		}, graph.ReasonChanged},
		{"another label", index, func(r *txnRig) { r.must(120, 130, create(b, "B")) }, ""},
		{"ingested name", name, func(r *txnRig) { r.ingest(121, 130, "", "b.go: f") },
			graph.ReasonChanged},
		{"label under way", index, func(r *txnRig) {
			p := part(create(b, "A"))
			r.prepare(r.id(), 9, 120, 130, p)
		}, graph.ReasonLocked},
	} {
		r := newTxnRig(t)
		r.ingest(51, 60, "", "a.go: f")
		r.must(100, 110, create(a, "Z"))
		test.then(r)
		p := part(setting(a, "n", int64(1)))
		p.Reads = []graph.ReadEntry{test.read}
		if res := r.one(112, 200, p); graph.ReasonOf(res.Err) != test.want ||
			(res.Err == nil) != (test.want == "") {
			t.Errorf("%s: %v", test.name, res.Err)
		}
	}
	// The other way round: what is prepared holds on to what it has read.
	r := newTxnRig(t)
	r.ingest(51, 60, "", "a.go: f")
	r.must(100, 110, create(a, "Z"))
	p := graph.TxnPart{Reads: []graph.ReadEntry{index, edges, vertex}}
	if res := r.prepare(r.id(), 9, 112, 120, p); res.Err != nil {
		t.Fatal(res.Err)
	}
	r.refused(graph.ReasonLocked, 130, 140, part(create(b, "A")))
	r.refused(graph.ReasonLocked, 130, 140, part(linking(a, f, 1)))
	r.refused(graph.ReasonLocked, 130, 140, part(setting(f, "x", true)))
	r.must(130, 140, create(b, "B"), linking(f, b, 1))
}

// TestLocksOfView: a strong read at R meets what is being written at or below R, a read of
// something else, or of before, does not.
func TestLocksOfView(t *testing.T) {
	r := newTxnRig(t)
	a, b := madeKey(0), madeKey(1)
	r.must(100, 110, create(a), create(b))
	p := part(linking(a, b, 1))
	id := r.id()
	r.prepare(id, 9, 112, 120, p)
	q := part(setting(b, "x", true))
	r.prepare(r.id(), 9, 112, 130, q)
	for _, test := range []struct {
		at    graph.Timestamp
		key   string
		edges bool
		want  int
	}{{118, a, true, 0}, {120, a, true, 1}, {140, a, false, 0}, {120, b, true, 1}, {140, b, true, 2},
		{140, b, false, 1}, {140, madeKey(2), true, 0}} {
		v, err := r.s.View(graph.View{At: test.at})
		if err != nil {
			t.Fatal(err)
		}
		locks, err := v.Locks([]graph.VertexID{graph.IDOf(test.key)}, test.edges)
		if err != nil || len(locks) != test.want {
			t.Errorf("%+v: %+v, %v", test, locks, err)
		}
		for _, l := range locks {
			if l.Primary != 9 || l.Start != 112 || l.Prepare > test.at || graph.LockText(l.Name) == "" {
				t.Errorf("%+v", l)
			}
		}
		v.Close()
	}
	v, err := r.s.View(graph.View{At: 125})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if locks, err := v.AllLocks(); err != nil || len(locks) != 2 || locks[0].Txn != id {
		t.Errorf("%+v, %v", locks, err)
	}
}

// TestGCOfTransactions: the safepoint stays below what is prepared, nothing ends at or below it,
// and a commit's record stays until every participant has resolved it.
func TestGCOfTransactions(t *testing.T) {
	r := newTxnRig(t)
	a := madeKey(0)
	p := part(create(a, "A"))
	id := r.id()
	r.prepare(id, p.Primary(), 100, 110, p)
	if res := r.gc(110); graph.ReasonOf(res.Err) != graph.ReasonLocked {
		t.Errorf("GC above a prepared transaction: %v", res.Err)
	}
	if st := r.s.Stats(); st.MinPrepare != 110 || st.Pending != 1 {
		t.Errorf("%+v", st)
	}
	r.decide(id, p, 120)
	r.resolve(id, p, 120, false)
	r.gc(200)
	if rec, err := r.s.Txn(p.Primary(), id); err != nil || rec == nil || rec.Commit != 120 {
		t.Fatalf("the record is gone: %+v, %v", rec, err)
	}
	r.resolve(id, p, 120, true)
	if st := r.s.Stats(); st.Due == 0 || st.Due > 200 {
		t.Errorf("due %s", st.Due)
	}
	r.gc(200)
	if rec, err := r.s.Txn(p.Primary(), id); err != nil || rec != nil {
		t.Errorf("the record stays: %+v, %v", rec, err)
	}
	if res := r.resolve(id, p, 120, true); res.Err != nil || !res.Duplicate {
		t.Errorf("resolved again: %+v", res)
	}
	r.refused(graph.ReasonTooOld, 190, 210, part(setting(a, "x", true)))
	r.must(200, 210, setting(a, "x", true))
	late := r.id()
	if res := r.decide(late, p, 0); res.Err != nil || res.Txn.Status != graph.TxnAborted {
		t.Errorf("abort of what is too old: %+v", res)
	}
	old := r.prepare(late, p.Primary(), 100, 220, p)
	if graph.ReasonOf(old.Err) != graph.ReasonTooOld {
		t.Errorf("and then its part: %v", old.Err)
	}
	edge := r.id() // aborted, and its start is the safepoint: its part may still come
	r.apply(EncodeDecide(1, 0, &graph.Decide{Txn: edge, Primary: p.Primary(), Start: 200}))
	r.gc(200)
	res := r.prepare(edge, p.Primary(), 200, 220, part(setting(a, "y", true)))
	if graph.ReasonOf(res.Err) != graph.ReasonEnded {
		t.Errorf("a part comes after GC: %v", res.Err)
	}
	if st := r.s.Stats(); st.Rows[graph.RowMade] != 2 || st.Rows[graph.RowTxn] != 2 {
		t.Errorf("%v", st.Rows)
	}
}

// TestTypesAndLabels: edges are found by the types that Cypher made up and by those of the schema,
// vertices by both kinds of labels.
func TestTypesAndLabels(t *testing.T) {
	r := newTxnRig(t)
	a, f := madeKey(0), symbolKey("f")
	r.ingest(51, 60, "", "a.go: f g; f>g")
	calls := linking(a, f, 2)
	calls.On.Type = "calls"
	over := graph.Mutation{Kind: graph.MutateSet, Halves: graph.HalfBoth,
		On:  graph.Element{Vertex: graph.RefOf(f), Type: "CALLS", Other: graph.RefOf(symbolKey("g"))},
		Set: graph.Properties{"hot": true}}
	r.must(100, 110, create(a, "Function", "Team"), linking(a, f, 1), linking(a, f, 3), calls, over)
	r.want(110, "Function[Function Team] >CALLS >KNOWS >KNOWS; "+
		"Function >CALLSmap[hot:true] <CALLS <KNOWS <KNOWS; Function <CALLSmap[hot:true]",
		a, f, symbolKey("g"))
	v, err := r.s.View(graph.View{At: 110})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	ctx := context.Background()
	for _, test := range []struct {
		spec graph.ExpandSpec
		want int
	}{
		{graph.ExpandSpec{In: true}, 3},
		{graph.ExpandSpec{In: true, Types: graph.NewEdgeSet(graph.Calls)}, 1},
		{graph.ExpandSpec{In: true, Named: []string{"KNOWS"}}, 2},
		{graph.ExpandSpec{In: true, Named: []string{"OTHER"}}, 0},
		{graph.ExpandSpec{In: true, Types: graph.NewEdgeSet(graph.CustomEdge)}, 2},
		{graph.ExpandSpec{In: true, MaxEdges: 2}, 2},
	} {
		adj, _, err := v.Expand(ctx, []graph.VertexID{graph.IDOf(f)}, &test.spec)
		if err != nil || len(adj[0].Edges) != test.want {
			t.Errorf("%+v: %d edges, %v", test.spec, len(adj[0].Edges), err)
		}
	}
	for _, test := range []struct {
		spec graph.ScanSpec
		want int
	}{
		{graph.ScanSpec{Index: graph.IndexLabel, Value: "Team"}, 1},
		{graph.ScanSpec{Index: graph.IndexKind, Kinds: graph.NewKindSet(graph.Function)}, 3},
		{graph.ScanSpec{Index: graph.IndexKind, Kinds: graph.NewKindSet(graph.Custom)}, 0},
	} {
		vs, _, err := v.Scan(ctx, &test.spec)
		n, cerr := v.Count(ctx, &test.spec)
		if err = errors.Join(err, cerr); err != nil || len(vs) != test.want || int(n) != test.want {
			t.Errorf("%+v: %d, counted %d, %v", test.spec, len(vs), n, err)
		}
	}
}

// TestOlderFormat: a store of an earlier build is refused with what to do.
func TestOlderFormat(t *testing.T) {
	r := newTxnRig(t)
	err := errors.Join(r.s.store.Load().db.Set(keyFormat, []byte{storeFormat - 1}, pebble.NoSync),
		r.s.Persist(0), r.s.Close())
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open("data/shard", Options{ID: 1, Slots: allSlots(), FS: r.fs})
	if !graph.IsKind(err, graph.KindUnsupported) || !strings.Contains(err.Error(), "ingest again") {
		t.Errorf("%v", err)
	}
}
