package shard

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/codegraphdb/codegraph/graph"
)

// txnRig drives one shard by hand.
type txnRig struct {
	t     *testing.T
	fs    *vfs.MemFS
	s     *Shard
	log   []Entry
	epoch uint64
	txns  byte
}

func newTxnRig(t *testing.T) *txnRig {
	r := &txnRig{t: t, fs: vfs.NewCrashableMem()}
	r.s = openMem(t, r.fs)
	t.Cleanup(func() { r.s.Close() })
	return r
}

func (r *txnRig) apply(cmd []byte) Result {
	r.t.Helper()
	e := Entry{uint64(len(r.log) + 1), 1, cmd}
	r.log = append(r.log, e)
	res, err := r.s.Apply([]Entry{e})
	if err != nil {
		r.t.Fatal(err)
	}
	return res[0]
}

func (r *txnRig) id() graph.TxnID {
	r.txns++
	return graph.TxnID{7, r.txns}
}

// one runs a transaction in one phase.
func (r *txnRig) one(start, commit graph.Timestamp, p graph.TxnPart) Result {
	r.t.Helper()
	return r.apply(EncodeOnePhase(1, r.epoch, &graph.OnePhase{Txn: r.id(), Primary: p.Primary(),
		Start: start, Commit: commit, Part: p}))
}

// must runs a transaction that has to commit.
func (r *txnRig) must(start, commit graph.Timestamp, ms ...graph.Mutation) {
	r.t.Helper()
	if res := r.one(start, commit, graph.TxnPart{Mutations: ms}); res.Err != nil {
		r.t.Fatal(res.Err)
	}
}

// refused runs a transaction that has to be refused, for a reason.
func (r *txnRig) refused(why graph.Reason, start, commit graph.Timestamp, p graph.TxnPart) Result {
	r.t.Helper()
	res := r.one(start, commit, p)
	if graph.ReasonOf(res.Err) != why || res.Err == nil {
		r.t.Fatalf("%v, want %s", res.Err, why)
	}
	return res
}

// prepare prepares a transaction whose primary is another shard's unless it is here.
func (r *txnRig) prepare(id graph.TxnID, primary graph.Slot, start, at graph.Timestamp,
	p graph.TxnPart) Result {
	r.t.Helper()
	slots, ok := p.Slots()
	if !ok || p.ReadsIndex() {
		slots = allSlots()
	}
	return r.apply(EncodePrepare(1, r.epoch, &graph.Prepare{Txn: id, Primary: primary, Slots: slots,
		Start: start, At: at, Participants: []graph.SlotRange{slots, {Lo: 1, Hi: 1}}, Part: p}))
}

func (r *txnRig) decide(id graph.TxnID, p graph.TxnPart, commit graph.Timestamp) Result {
	r.t.Helper()
	return r.apply(EncodeDecide(1, r.epoch, &graph.Decide{Txn: id, Primary: p.Primary(), Start: 100,
		Commit: commit}))
}

func (r *txnRig) resolve(id graph.TxnID, p graph.TxnPart, commit graph.Timestamp, f bool) Result {
	r.t.Helper()
	slots, _ := p.Slots()
	return r.apply(EncodeResolve(1, r.epoch, &graph.Resolve{Txn: id, Primary: p.Primary(),
		Slots: slots, Start: 100, Commit: commit, Final: f}))
}

// ingest imports a file, as scenario_test.go describes it, and commits it; zero leaves it open.
func (r *txnRig) ingest(id, commit graph.Timestamp, old, file string) {
	r.t.Helper()
	_, f := parseFile(r.t, 1, file)
	var base []graph.Row
	if old != "" {
		_, o := parseFile(r.t, 1, old)
		base = o.Rows()
	}
	b := graph.Batch{Import: id, Attempt: 1, Seq: 1, Repo: 1, Seal: true,
		Rows: diffRows(r.t, base, rowsOf(f))}
	if res := r.apply(EncodeWrite(1, r.epoch, b.Encode())); res.Err != nil {
		r.t.Fatal(res.Err)
	}
	if commit != 0 {
		r.apply(EncodeOutcome(1, r.epoch, graph.Outcome{Import: id, Commit: commit}))
	}
}

func (r *txnRig) gc(safepoint graph.Timestamp, pins ...graph.Timestamp) Result {
	r.t.Helper()
	return r.apply(EncodeGC(1, r.epoch, GC{Safepoint: safepoint, Pins: pins, MaxRows: 1 << 20}))
}

// show describes vertices at a timestamp: kind, labels, properties, edges.
func (r *txnRig) show(at graph.Timestamp, keys ...string) string {
	r.t.Helper()
	v, err := r.s.View(graph.View{At: at})
	if err != nil {
		return graph.KindOf(err).String()
	}
	defer v.Close()
	var out []string
	for _, key := range keys {
		id := []graph.VertexID{graph.IDOf(key)}
		vs, err := v.Lookup(context.Background(), id, false)
		if err != nil {
			r.t.Fatal(err)
		}
		adj, _, err := v.Expand(context.Background(), id, &graph.ExpandSpec{Out: true, In: true})
		if err != nil {
			r.t.Fatal(err)
		}
		text := fmt.Sprintf("%s%v%v", vs[0].Kind, vs[0].Labels, vs[0].Properties)
		for _, h := range adj[0].Edges {
			text += fmt.Sprintf(" %s%v", map[bool]string{true: ">", false: "<"}[h.Out]+h.Named(),
				h.Properties)
		}
		out = append(out, strings.ReplaceAll(strings.ReplaceAll(text, "map[]", ""), "[]", ""))
	}
	return strings.Join(out, "; ")
}

func (r *txnRig) want(at graph.Timestamp, want string, keys ...string) {
	r.t.Helper()
	if got := r.show(at, keys...); got != want {
		r.t.Errorf("at %d: %s\nwant %s", at, got, want)
	}
}

func madeKey(n int) string { return graph.MadeKey(graph.TxnID{5}, n) }

func create(key string, labels ...string) graph.Mutation {
	return graph.Mutation{Kind: graph.MutateCreate, On: graph.Element{Vertex: graph.RefOf(key)},
		Labels: labels}
}

func setting(key, name string, value any) graph.Mutation {
	return graph.Mutation{Kind: graph.MutateSet, On: graph.Element{Vertex: graph.RefOf(key)},
		Set: graph.Properties{name: value}}
}

func deleting(key string, detach bool) graph.Mutation {
	return graph.Mutation{Kind: graph.MutateDelete, On: graph.Element{Vertex: graph.RefOf(key)},
		Detach: detach}
}

func knows(from, to string, n int) graph.Element {
	return graph.Element{Vertex: graph.RefOf(from), Type: "KNOWS", Other: graph.RefOf(to),
		ID: graph.EdgeIDOf(graph.TxnID{6}, n)}
}

func linking(from, to string, n int) graph.Mutation {
	return graph.Mutation{Kind: graph.MutateCreate, On: knows(from, to, n), Halves: graph.HalfBoth}
}

func cutting(from, to string, n int) graph.Mutation {
	return graph.Mutation{Kind: graph.MutateDelete, On: knows(from, to, n), Halves: graph.HalfBoth}
}

func part(ms ...graph.Mutation) graph.TxnPart { return graph.TxnPart{Mutations: ms} }

// TestRule1_1Domains: an import opened before a SET and committed after it, and the mirror image,
// lose nothing: they write different keys (1.1).
func TestRule1_1Domains(t *testing.T) {
	r := newTxnRig(t)
	f := symbolKey("f")
	r.ingest(51, 60, "", "a.go: f/one")
	r.ingest(101, 0, "a.go: f/one", "a.go: f/two") // open
	r.must(140, 150, setting(f, "owner", "me"))
	r.apply(EncodeOutcome(1, 0, graph.Outcome{Import: 101, Commit: 200}))
	r.must(160, 210, setting(f, "seen", true)) // began before the import committed
	r.want(100, "Function", f)
	r.want(150, "Functionmap[owner:me]", f)
	r.want(210, "Functionmap[owner:me seen:true]", f)
	v, err := r.s.View(graph.View{At: 210})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	vs, err := v.Lookup(context.Background(), []graph.VertexID{graph.IDOf(f)}, false)
	if err != nil || vs[0].Signature != "two" {
		t.Errorf("the import is lost: %+v, %v", vs[0], err)
	}
	r.ingest(301, 310, "a.go: f/two", "a.go: f/three")
	r.want(310, "Functionmap[owner:me seen:true]", f)

	x := create(symbolKey("new"))
	r.refused(graph.ReasonOwnedByIngest, 320, 330, part(x))
	r.refused(graph.ReasonOwnedByIngest, 320, 330, part(deleting(f, true)))
	// An import cannot write where transactions do.
	key := graph.MadeIndexRows(&graph.Vertex{ID: graph.IDOf(madeKey(1)), Kind: graph.Function})[0].Key
	for _, k := range [][]byte{key, graph.MadeRowKey(graph.IDOf(f)),
		graph.OverlayRowKey(graph.IDOf(f)), graph.RecordRowKey(1, graph.TxnID{1})} {
		b := graph.Batch{Import: 401, Attempt: 1, Seq: 1, Repo: 1,
			Rows: []graph.Row{{Key: k, Value: []byte{1}}}}
		if res := r.apply(EncodeWrite(1, 0, b.Encode())); !graph.IsKind(res.Err, graph.KindInvalid) {
			t.Errorf("an import writes %x: %v", k, res.Err)
		}
	}
}

// TestRule1_8Transactions: a command evaluated in another term or under another epoch does nothing,
// and a repeated one does nothing more, whatever its timestamps (1.8).
func TestRule1_8Transactions(t *testing.T) {
	r := newTxnRig(t)
	a := madeKey(0)
	c := &graph.OnePhase{Txn: r.id(), Start: 100, Commit: 110, Part: part(create(a, "A"))}
	c.Primary = c.Part.Primary()
	if res := r.apply(EncodeOnePhase(2, 0, c)); !graph.IsKind(res.Err, graph.KindConflict) {
		t.Errorf("another term: %v", res.Err)
	}
	if res := r.apply(EncodeOnePhase(1, 4, c)); !graph.IsKind(res.Err, graph.KindStaleEpoch) {
		t.Errorf("another epoch: %v", res.Err)
	}
	if _, rows := r.s.Digest(); rows != 0 {
		t.Fatalf("%d rows", rows)
	}
	if res := r.apply(EncodeOnePhase(1, 0, c)); res.Err != nil || res.Duplicate {
		t.Fatal(res.Err)
	}
	before, _ := r.s.Digest()
	c.Commit = 150 // a retry, with what the oracle gave this time
	res := r.apply(EncodeOnePhase(1, 0, c))
	if after, _ := r.s.Digest(); !res.Duplicate || res.Txn.Commit != 110 || after != before {
		t.Errorf("a retry: %+v %+v", res, res.Txn)
	}
	// A refusal is an outcome, too: the same id never commits, though it now could.
	c = &graph.OnePhase{Txn: r.id(), Start: 104, Commit: 160, Part: part(setting(a, "x", true))}
	c.Primary = c.Part.Primary()
	first := r.apply(EncodeOnePhase(1, 0, c))
	c.Start = 155
	again := r.apply(EncodeOnePhase(1, 0, c))
	if first.Err == nil || again.Err == nil ||
		first.Err.Error() != again.Err.Error()+" (begin again)" {
		t.Errorf("first %v, again %v", first.Err, again.Err)
	}
	r.must(155, 160, setting(a, "x", true))
}

// TestRule1_9Endpoints: an import that takes a vertex away leaves the edges that Cypher made there
// on an ExternalSymbol that can be named; ingesting it again changes nothing else (1.9).
func TestRule1_9Endpoints(t *testing.T) {
	r := newTxnRig(t)
	a, f := madeKey(0), symbolKey("f")
	r.ingest(51, 60, "", "a.go: f")
	r.must(100, 110, create(a, "A"), linking(a, f, 1))
	r.ingest(121, 130, "a.go: f", "a.go: -")
	r.want(110, "Custom[A] >KNOWS; Function <KNOWS", a, f)
	r.want(130, "Custom[A] >KNOWS; ExternalSymbol <KNOWS", a, f)
	v, err := r.s.View(graph.View{At: 130})
	if err != nil {
		t.Fatal(err)
	}
	vs, err := v.Lookup(context.Background(), []graph.VertexID{graph.IDOf(f)}, false)
	if err != nil || vs[0].Key != f || vs[0].Name != "f" {
		t.Errorf("it has no name: %+v, %v", vs[0], err)
	}
	v.Close()
	r.ingest(141, 150, "", "a.go: f")
	r.want(150, "Custom[A] >KNOWS; Function <KNOWS", a, f)
	// A vertex of ours goes with its edges only; what an import points at remains, as a symbol.
	r.refused(graph.ReasonHasEdges, 160, 170, part(deleting(a, false)))
	r.must(160, 170, cutting(a, f, 1), deleting(a, true))
	r.want(170, "None; Function", a, f)
	r.refused(graph.ReasonChanged, 160, 180, part(linking(a, f, 2)))
	r.want(180, "None; Function", a, f)
}

// TestRule1_9Races: an edge and the deletion of its end exclude each other, whichever comes first.
func TestRule1_9Races(t *testing.T) {
	r := newTxnRig(t)
	a, b := madeKey(0), madeKey(1)
	r.must(100, 110, create(a), create(b))
	// The deletion has listed the edges at 120; one more came at 130.
	r.must(122, 130, linking(a, b, 1))
	r.refused(graph.ReasonChanged, 120, 140, part(deleting(b, true)))
	r.refused(graph.ReasonHasEdges, 120, 140, part(deleting(b, false)))
	r.must(140, 150, cutting(a, b, 1), deleting(b, true))
	res := r.refused(graph.ReasonChanged, 145, 160, part(linking(a, b, 2))) // b was there at 145
	if !strings.Contains(res.Err.Error(), b) {
		t.Errorf("the refusal does not name the vertex: %v", res.Err)
	}
	// Prepared: the edge holds its end.
	c := madeKey(2)
	r.must(160, 170, create(c))
	p := part(linking(a, c, 3))
	id := r.id()
	if res := r.prepare(id, p.Primary(), 172, 180, p); res.Err != nil {
		t.Fatal(res.Err)
	}
	res = r.refused(graph.ReasonLocked, 182, 190, part(deleting(c, true)))
	if res.Blocked == nil || res.Blocked.Txn != id || res.Blocked.Prepare != 180 ||
		!strings.Contains(res.Err.Error(), id.String()) {
		t.Errorf("blocked by %+v: %v", res.Blocked, res.Err)
	}
	r.must(182, 192, setting(c, "x", true)) // but not its properties
}

// TestRule1_12Pins: a version stays while a pin lies in its life, and reads below the safepoint are
// for pins only; for imports and transactions alike (1.12).
func TestRule1_12Pins(t *testing.T) {
	r := newTxnRig(t)
	a, f := madeKey(0), symbolKey("f")
	r.ingest(51, 60, "", "a.go: f/one")
	r.must(60, 70, create(a, "one"))
	r.ingest(101, 110, "a.go: f/one", "a.go: f/two")
	r.must(110, 120, setting(a, "n", int64(2)))
	r.must(120, 124, setting(f, "n", int64(2)))
	r.ingest(151, 160, "a.go: f/two", "a.go: f/three g")
	r.must(160, 170, deleting(a, false))
	before := [...]string{r.show(80, a, f), r.show(125, a, f), r.show(170, a, f)}
	if res := r.gc(180, 80, 125); res.Err != nil || !res.Done {
		t.Fatal(res.Err)
	}
	for i, at := range []graph.Timestamp{80, 125, 180} {
		r.want(at, before[i], a, f)
	}
	r.want(81, "invalid", a)
	r.want(178, "invalid", a)
	// One pin goes; one comes too late and is not honoured.
	if res := r.gc(180, 125, 90); res.Err != nil || res.Removed == 0 {
		t.Fatalf("%+v", res)
	}
	r.want(125, before[1], a, f)
	r.want(80, "invalid", a)
	r.want(90, "invalid", a)
	if st := r.s.Stats(); len(st.Pins) != 1 || st.Watermark > 125 {
		t.Errorf("pins %v, watermark %s", st.Pins, st.Watermark)
	}
	r.gc(200)
	r.want(200, before[2], a, f)
	rows := r.s.Stats().Rows
	if rows[graph.RowMade] != 0 || rows[graph.RowOverlay] != 1 || rows[graph.RowTxn] != 0 ||
		rows[graph.RowVertex] != 2 {
		t.Errorf("rows are left: %v", rows)
	}
	if d, n, err := r.s.Recount(); err != nil {
		t.Fatal(err)
	} else if kept, k := r.s.Digest(); kept != d || k != n {
		t.Errorf("kept %v of %d, found %v of %d", kept, k, d, n)
	}
}

// TestRule2_4Keys: what a transaction makes has the same keys and ids when it is tried again, and
// trying again makes nothing twice (2.4).
func TestRule2_4Keys(t *testing.T) {
	txn := graph.TxnID{9, 9}
	key := graph.MadeKey(txn, 3)
	if key != "cypher . 09090000000000000000000000000000/3." || key == graph.MadeKey(txn, 4) {
		t.Errorf("key %s", key)
	}
	if sym, err := graph.ParseSymbol(key); err != nil || sym.String() != key {
		t.Errorf("%s: %v", key, err)
	}
	slots := map[graph.Slot]bool{}
	for i := range 200 {
		slots[graph.SlotOf(graph.MadeKey(txn, i))] = true
	}
	if len(slots) < 190 {
		t.Errorf("200 vertices of one transaction lie in %d slots", len(slots))
	}
	r := newTxnRig(t)
	r.must(100, 110, create(key))
	if res := r.one(120, 130, part(create(key))); !graph.IsKind(res.Err, graph.KindExists) {
		t.Errorf("made twice: %v", res.Err)
	}
}

// TestRule3_5Hub: edges at one vertex are made side by side, prepared and in one phase (3.5).
func TestRule3_5Hub(t *testing.T) {
	r := newTxnRig(t)
	hub := madeKey(0)
	r.must(100, 110, create(hub))
	var parts []graph.TxnPart
	var ids []graph.TxnID
	for i := range 20 {
		p := part(create(madeKey(i+1)), linking(madeKey(i+1), hub, i))
		ids, parts = append(ids, r.id()), append(parts, p)
		if res := r.prepare(ids[i], p.Primary(), 112, graph.Timestamp(120+2*i), p); res.Err != nil {
			t.Fatal(res.Err)
		}
	}
	r.must(160, 170, create(madeKey(50)), linking(madeKey(50), hub, 50))
	r.refused(graph.ReasonLocked, 160, 172, part(deleting(hub, true)))
	for i, p := range parts {
		commit := graph.Timestamp(0)
		if i%2 == 0 {
			commit = graph.Timestamp(180 + 2*i)
		}
		if res := r.decide(ids[i], p, commit); res.Err != nil {
			t.Fatal(res.Err)
		}
		if res := r.resolve(ids[i], p, commit, true); res.Err != nil {
			t.Fatal(res.Err)
		}
	}
	if got := strings.Count(r.show(300, hub), "<KNOWS"); got != 11 {
		t.Errorf("%d edges", got)
	}
	if st := r.s.Stats(); st.Pending != 0 || st.Rows[graph.RowLock] != 0 {
		t.Errorf("%d pending, %d locks", st.Pending, st.Rows[graph.RowLock])
	}
}

// TestRule5_1Replays: a crash anywhere in the life of a transaction loses nothing of what was
// durable, and the replayed rest gives the same state (5.1).
func TestRule5_1Replays(t *testing.T) {
	script := func(r *txnRig) {
		a, b := madeKey(0), madeKey(1)
		r.must(100, 110, create(a, "A"), create(b, "B"))
		p := part(linking(a, b, 1), setting(a, "n", int64(1)))
		id := r.id()
		r.prepare(id, p.Primary(), 112, 120, p)
		r.refused(graph.ReasonLocked, 112, 122, part(setting(a, "n", int64(2))))
		r.decide(id, p, 130)
		r.resolve(id, p, 130, true)
		q := part(deleting(a, true), cutting(a, b, 1))
		id = r.id()
		r.prepare(id, 9, 140, 150, q)
		r.resolve(id, q, 0, false)
		r.gc(145)
	}
	whole := newTxnRig(t)
	script(whole)
	rng := rand.New(rand.NewPCG(3, 3))
	for stop := 1; stop <= len(whole.log); stop++ {
		r := newTxnRig(t)
		for i, e := range whole.log[:stop] {
			if _, err := r.s.Apply([]Entry{e}); err != nil {
				t.Fatal(err)
			}
			if i == stop/2 {
				if _, err := r.s.Flush(); err != nil {
					t.Fatal(err)
				}
			}
		}
		fs := r.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng})
		s := openMem(t, fs)
		index, _ := s.Applied()
		if index < uint64(stop/2+1) || s.Stats().Pending != len(s.Pending()) {
			t.Fatalf("stop %d: applied %d, %d pending", stop, index, s.Stats().Pending)
		}
		feed(t, s, rng, whole.log[index:])
		if !bytes.Equal(rawState(t, s), rawState(t, whole.s)) {
			t.Fatalf("stop %d: replay gives another state", stop)
		}
		s.Close()
	}
}
