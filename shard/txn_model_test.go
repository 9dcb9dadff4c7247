package shard

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/codegraphdb/codegraph/graph"
)

// modelGraph is one state of the graph, held in the plainest way.
type modelGraph struct {
	vertices map[string]*modelVertex // by key; ingested ones hold what lies over them
	edges    map[string]*modelEdge   // by name
}

type modelVertex struct {
	labels []string
	props  graph.Properties
}

type modelEdge struct {
	on    graph.Element
	props graph.Properties
}

// modelWrites remembers when what was last written; deleted things, too.
type modelWrites struct {
	at     map[string]graph.Timestamp // vertices and edges by name
	labels map[string]graph.Timestamp // by label and key: a vertex came or went
	ends   map[string]*graph.Element  // of every edge there ever was
}

// modelWorld is a few shards, the transactions under way in them, and the model of what that means.
type modelWorld struct {
	t       *testing.T
	r       *rand.Rand
	shards  []*modelShard
	now     graph.Timestamp
	states  []modelState // by commit, ascending
	writes  modelWrites
	open    []*modelTxn
	safe    graph.Timestamp
	pins    []graph.Timestamp
	keys    []string
	next    int
	commits int
	refused map[graph.Reason]int
	also    graph.Reason // what else the last transaction judged could be refused for
}

type modelState struct {
	at graph.Timestamp
	g  *modelGraph
}

type modelShard struct {
	s    *Shard
	fs   *vfs.MemFS
	id   graph.ShardRange
	log  []Entry
	path string
}

// modelTxn is a transaction under way.
type modelTxn struct {
	id        graph.TxnID
	start     graph.Timestamp
	part      graph.TxnPart
	parts     []graph.ShardPart
	primary   graph.Slot
	prepared  int
	prepare   graph.Timestamp // the lowest
	commit    graph.Timestamp
	decided   bool
	unsettled []int // parts not resolved
}

const modelIngested = 2 // of the keys; the first two of the pool

func newModelWorld(t *testing.T, seed uint64) *modelWorld {
	w := &modelWorld{t: t, r: rand.New(rand.NewPCG(seed, 77)), now: 1000,
		refused: map[graph.Reason]int{},
		writes: modelWrites{map[string]graph.Timestamp{}, map[string]graph.Timestamp{},
			map[string]*graph.Element{}}}
	w.keys = []string{symbolKey("f"), graph.Symbol{Manager: graph.ManagerGo, Package: "other"}.
		Child(graph.NamespaceDesc, "q").Child(graph.TermDesc, "g").String()}
	for i := range 4 {
		w.keys = append(w.keys, graph.MadeKey(graph.TxnID{1}, i))
	}
	n := 1 + w.r.IntN(3)
	for i := range n {
		sh := &modelShard{fs: vfs.NewCrashableMem(), id: graph.ShardRange{ID: uint64(i + 1),
			Slots: SlotRange{Lo: uint16(i * graph.Slots / n), Hi: uint16((i+1)*graph.Slots/n - 1)}}}
		sh.open(t)
		w.shards = append(w.shards, sh)
	}
	w.ingest()
	g := &modelGraph{map[string]*modelVertex{w.keys[0]: {}, w.keys[1]: {}}, map[string]*modelEdge{}}
	on := w.given()
	g.edges[on.String()] = &modelEdge{on: on}
	w.writes.ends[on.String()] = &on
	w.states = []modelState{{w.now, g}}
	return w
}

func (sh *modelShard) open(t *testing.T) {
	s, err := Open("d", Options{ID: sh.id.ID, Slots: sh.id.Slots, FS: sh.fs, MemTableSize: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	sh.s = s
}

// given is the edge that ingest gives.
func (w *modelWorld) given() graph.Element {
	return graph.Element{Vertex: graph.RefOf(w.keys[0]), Type: "CALLS", Other: graph.RefOf(w.keys[1])}
}

// ingest imports the two vertices with their edge.
func (w *modelWorld) ingest() {
	f := &graph.OwnerFacts{Repo: 1, Path: "a.go", Source: graph.SourceTreeSitter,
		Home: graph.SlotOf(w.keys[0])}
	for i, k := range w.keys[:modelIngested] {
		f.Vertices = append(f.Vertices, graph.Vertex{ID: graph.IDOf(k), Kind: graph.Function, Key: k,
			Name: fmt.Sprint("fn", i), Repo: 1, Path: "a.go"})
	}
	f.Edges = []graph.Edge{{Src: graph.IDOf(w.keys[0]), Type: graph.Calls, Dst: graph.IDOf(w.keys[1])}}
	for _, sh := range w.shards {
		b := graph.Batch{Import: 901, Attempt: 1, Seq: 1, Repo: 1, Seal: true}
		for _, row := range f.Rows() {
			info, err := graph.ParseRow(row.Key)
			if err != nil {
				w.t.Fatal(err)
			}
			if sh.id.Slots.Has(info.Slot) {
				b.Rows = append(b.Rows, row)
			}
		}
		sh.apply(w, EncodeWrite(1, 0, b.Encode()))
		sh.apply(w, EncodeOutcome(1, 0, graph.Outcome{Import: 901, Commit: 950}))
	}
}

// apply puts a command into the shard's log and applies it.
func (sh *modelShard) apply(w *modelWorld, cmd []byte) Result {
	w.t.Helper()
	e := Entry{uint64(len(sh.log) + 1), 1, cmd}
	sh.log = append(sh.log, e)
	res, err := sh.s.Apply([]Entry{e})
	if err != nil {
		w.t.Fatal(err)
	}
	return res[0]
}

// tx applies a command of a transaction, now and then twice: the answers must be the same.
func (sh *modelShard) tx(w *modelWorld, cmd []byte) Result {
	w.t.Helper()
	first := sh.apply(w, cmd)
	if w.r.IntN(3) == 0 {
		again := sh.apply(w, cmd)
		same := (first.Err == nil) == (again.Err == nil) &&
			graph.ReasonOf(first.Err) == graph.ReasonOf(again.Err) &&
			fmt.Sprint(first.Txn) == fmt.Sprint(again.Txn)
		if !same || first.Err == nil && !again.Duplicate {
			w.t.Fatalf("repeated: %+v %v, first %+v %v", again, again.Txn, first, first.Txn)
		}
	}
	return first
}

func (w *modelWorld) tick() graph.Timestamp {
	w.now += graph.Timestamp(2 * (1 + w.r.IntN(3)))
	return w.now
}

func (w *modelWorld) newest() *modelGraph { return w.states[len(w.states)-1].g }

// stateAt returns what a read at a timestamp shows.
func (w *modelWorld) stateAt(at graph.Timestamp) *modelGraph {
	i, ok := slices.BinarySearchFunc(w.states, at, func(s modelState, at graph.Timestamp) int {
		return cmp.Compare(s.at, at)
	})
	if !ok {
		i--
	}
	return w.states[max(i, 0)].g
}

func (g *modelGraph) clone() *modelGraph {
	return &modelGraph{maps.Clone(g.vertices), maps.Clone(g.edges)}
}

// step does something: begins a transaction, takes one further, collects, restarts, or reads.
func (w *modelWorld) step() {
	switch n := w.r.IntN(20); {
	case n < 8:
		w.begin()
	case n < 15 && len(w.open) > 0:
		w.advance(w.r.IntN(len(w.open)))
	case n == 15:
		w.collect()
	case n == 16:
		w.restart(w.shards[w.r.IntN(len(w.shards))])
	case n == 17:
		w.compare(1 + w.r.IntN(8))
	}
}

func (w *modelWorld) begin() {
	start := w.tick()
	if w.r.IntN(3) == 0 { // began a while ago
		start = max(w.safe, w.now-graph.Timestamp(w.r.IntN(40)))
	}
	w.next++
	x := &modelTxn{id: graph.TxnID{2, byte(w.next >> 8), byte(w.next)}, start: start,
		part: w.randomPart()}
	x.primary = x.part.Primary()
	ranges := make([]graph.ShardRange, len(w.shards))
	for i, sh := range w.shards {
		ranges[i] = sh.id
	}
	var err error
	if x.parts, err = x.part.Split(ranges); err != nil {
		w.t.Fatal(err)
	}
	if len(x.parts) != 1 {
		w.r.Shuffle(len(x.parts), func(i, j int) { x.parts[i], x.parts[j] = x.parts[j], x.parts[i] })
		w.open = append(w.open, x)
		return
	}
	commit := w.tick()
	res := w.shards[x.parts[0].Shard-1].tx(w, EncodeOnePhase(1, 0, &graph.OnePhase{Txn: x.id,
		Primary: x.primary, Start: x.start, Commit: commit, Part: x.parts[0].Part}))
	next, why := w.judge(x, x.part, 0)
	w.judged(res, why, x)
	if res.Err == nil {
		w.committed(x, next, commit)
	}
}

// judged compares a verdict with the model's.
func (w *modelWorld) judged(res Result, why graph.Reason, x *modelTxn) {
	w.t.Helper()
	got := graph.ReasonOf(res.Err)
	if res.Err != nil && got == "" {
		got = graph.Reason(graph.KindOf(res.Err).String())
	}
	either := why == graph.ReasonLocked && got != "" && w.also != "" // more than one is right
	if !either && ((res.Err == nil) != (why == "") ||
		why == graph.ReasonLocked != (got == graph.ReasonLocked)) {
		w.t.Fatalf("the shard says %v, the model %q, %q: %s", res.Err, why, w.also, x)
	}
	if (res.Blocked != nil) != (got == graph.ReasonLocked) {
		w.t.Fatalf("%v with %+v in the way", res.Err, res.Blocked)
	}
	w.refused[got]++
}

// String describes a transaction.
func (x *modelTxn) String() string {
	return fmt.Sprintf("%s began %s, %+v", x.id.String()[:8], x.start, x.part)
}

func (w *modelWorld) committed(x *modelTxn, next *modelGraph, commit graph.Timestamp) {
	w.commits++
	for _, m := range x.part.Mutations {
		if name := m.On.String(); w.newest().has(&m.On) || next.has(&m.On) {
			w.writes.at[name] = commit
		}
		if m.On.IsEdge() {
			w.writes.ends[m.On.String()] = &m.On
			continue
		}
		for _, l := range []string{"A", "B"} {
			was := w.newest().labelled(m.On.Vertex.Key, l)
			if was != next.labelled(m.On.Vertex.Key, l) {
				w.writes.labels[l+m.On.Vertex.Key] = commit
			}
		}
	}
	i := len(w.states)
	for i > 0 && w.states[i-1].at > commit {
		w.t.Fatalf("commit %s after %s", commit, w.states[i-1].at)
	}
	w.states = append(w.states, modelState{commit, next})
}

func (g *modelGraph) has(on *graph.Element) bool {
	if on.IsEdge() {
		return g.edges[on.String()] != nil
	}
	return g.vertices[on.Vertex.Key] != nil
}

func (g *modelGraph) labelled(key, label string) bool {
	v := g.vertices[key]
	return v != nil && slices.Contains(v.labels, label)
}

// advance takes a transaction across shards one step further.
func (w *modelWorld) advance(i int) {
	x := w.open[i]
	switch {
	case !x.decided && x.prepared < len(x.parts):
		w.prepare(x)
	case !x.decided:
		w.decide(x, w.tick())
	default:
		n := x.unsettled[0]
		x.unsettled = x.unsettled[1:]
		w.resolve(x, n, len(x.unsettled) == 0)
		if len(x.unsettled) == 0 {
			w.open = slices.Delete(w.open, i, i+1)
		}
	}
}

func (w *modelWorld) prepare(x *modelTxn) {
	p := &x.parts[x.prepared]
	at := w.tick()
	c := &graph.Prepare{Txn: x.id, Primary: x.primary, Slots: p.Slots, Start: x.start, At: at,
		Part: p.Part}
	for i := range x.parts {
		c.Participants = append(c.Participants, x.parts[i].Slots)
	}
	stale := slices.ContainsFunc(x.part.Checks, func(c graph.Check) bool { return c.Since < w.safe })
	if x.start < w.safe || stale {
		w.decide(x, 0)
		return
	}
	res := w.shards[p.Shard-1].tx(w, EncodePrepare(1, 0, c))
	_, why := w.judge(x, p.Part, p.Shard)
	w.judged(res, why, x)
	if res.Err != nil {
		w.decide(x, 0)
		return
	}
	if x.prepare == 0 {
		x.prepare = at
	}
	x.prepared++
}

// decide ends a transaction at its primary; all parts are resolved later.
func (w *modelWorld) decide(x *modelTxn, commit graph.Timestamp) {
	home := w.home(x.primary)
	res := home.tx(w, EncodeDecide(1, 0, &graph.Decide{Txn: x.id, Primary: x.primary, Start: x.start,
		Commit: commit}))
	if res.Err != nil || res.Txn.Commit != commit {
		w.t.Fatalf("decide: %+v", res)
	}
	other := home.apply(w, EncodeDecide(1, 0, &graph.Decide{Txn: x.id, Primary: x.primary,
		Start: x.start, Commit: commit + 2}))
	if x.start >= w.safe && (other.Err == nil || other.Txn.Commit != commit) {
		w.t.Fatalf("decided again: %+v", other)
	}
	x.decided, x.commit = true, commit
	for i := range x.parts {
		if home != w.shards[x.parts[i].Shard-1] {
			x.unsettled = append(x.unsettled, i)
		}
	}
	w.r.Shuffle(len(x.unsettled), func(i, j int) {
		x.unsettled[i], x.unsettled[j] = x.unsettled[j], x.unsettled[i]
	})
	for i := range x.parts { // the primary last: then it is final
		if home == w.shards[x.parts[i].Shard-1] {
			x.unsettled = append(x.unsettled, i)
		}
	}
	if commit != 0 {
		x.prepared = 0
		next, why := w.judge(x, x.part, 0)
		if why != "" {
			w.t.Fatalf("committed, though %s: %s", why, x)
		}
		w.committed(x, next, commit)
	}
}

func (w *modelWorld) home(slot graph.Slot) *modelShard {
	for _, sh := range w.shards {
		if sh.id.Slots.Has(slot) {
			return sh
		}
	}
	return nil
}

func (w *modelWorld) resolve(x *modelTxn, n int, last bool) {
	p := &x.parts[n]
	res := w.shards[p.Shard-1].tx(w, EncodeResolve(1, 0, &graph.Resolve{Txn: x.id,
		Primary: x.primary, Slots: p.Slots, Start: x.start, Commit: x.commit, Final: last}))
	if res.Err != nil {
		w.t.Fatalf("resolve: %v", res.Err)
	}
}

// lowest returns the lowest prepare timestamp of the transactions under way: below it nothing is
// committed any more.
func (w *modelWorld) lowest() graph.Timestamp {
	low := w.now
	for _, x := range w.open {
		if x.prepare != 0 {
			low = min(low, x.prepare-2)
		}
	}
	return low
}

// collect runs a pass of GC in all shards, with pins.
func (w *modelWorld) collect() {
	safe := max(w.safe, w.lowest()-graph.Timestamp(w.r.IntN(30)))
	var pins []graph.Timestamp
	for _, s := range w.states {
		_, had := slices.BinarySearch(w.pins, s.at)
		if s.at < safe && (had || s.at >= w.safe) && w.r.IntN(3) == 0 {
			pins = append(pins, s.at)
		}
	}
	asked := slices.Clone(pins)
	if w.safe > 1000 { // a pin that comes too late
		asked = append(asked, 998)
	}
	for _, sh := range w.shards {
		gc := GC{Safepoint: safe, Pins: asked, MaxRows: 1 + w.r.IntN(30)}
		for {
			res := sh.apply(w, EncodeGC(1, 0, gc))
			if res.Err != nil {
				w.t.Fatalf("GC at %s: %v", safe, res.Err)
			}
			if gc.Cursor = res.Cursor; res.Done {
				break
			}
		}
	}
	w.safe, w.pins = safe, pins
}

// restart crashes a shard, or makes it anew from a checkpoint, and replays its log.
func (w *modelWorld) restart(sh *modelShard) {
	if w.r.IntN(2) == 0 {
		if _, err := sh.s.Flush(); err != nil {
			w.t.Fatal(err)
		}
	}
	if w.r.IntN(3) == 0 {
		x, err := sh.s.ExportStream("checkpoint")
		if err != nil {
			w.t.Fatal(err)
		}
		sh.s.Close()
		sh.fs = vfs.NewCrashableMem()
		err = InstallStream(x, "d", x.Index, Options{ID: sh.id.ID, Slots: sh.id.Slots, FS: sh.fs})
		if err != nil {
			w.t.Fatal(err)
		}
		x.Close()
	} else {
		// The disk has a die of its own: how often it is cast depends on Pebble's goroutines.
		die := rand.New(rand.NewPCG(w.r.Uint64(), 1))
		sh.fs = sh.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: w.r.IntN(101), RNG: die})
		sh.s.Close()
	}
	sh.open(w.t)
	index, _ := sh.s.Applied()
	feed(w.t, sh.s, rand.New(rand.NewPCG(w.r.Uint64(), 2)), sh.log[index:])
}

// compare reads every nth commit below the transactions under way.
func (w *modelWorld) compare(nth int) {
	low := w.lowest()
	for i, s := range w.states {
		if s.at > low {
			break
		}
		if i%nth != 0 {
			continue
		}
		_, pinned := slices.BinarySearch(w.pins, s.at)
		var views []*View
		refused := 0
		for _, sh := range w.shards {
			v, err := sh.s.View(graph.View{At: s.at})
			if err != nil {
				refused++
				continue
			}
			views = append(views, v)
		}
		if want := s.at < w.safe && !pinned; want != (refused == len(w.shards)) {
			w.t.Fatalf("read at %s, safepoint %s, pins %v: %d of %d shards refuse", s.at, w.safe, w.pins,
				refused, len(w.shards))
		}
		if refused == 0 {
			got, want := w.dump(views), w.stateAt(s.at).dump(w.keys)
			if got != want {
				w.t.Fatalf("at %s:\n%s\nmodel:\n%s", s.at, got, want)
			}
		}
		for _, v := range views {
			v.Close()
		}
	}
	for _, sh := range w.shards {
		d, rows := sh.s.Digest()
		if got, n, err := sh.s.Recount(); err != nil || got != d || n != rows {
			w.t.Fatalf("kept %v of %d, found %v of %d, %v", d, rows, got, n, err)
		}
	}
}

// dump describes what views of all shards show.
func (w *modelWorld) dump(views []*View) string {
	ctx := context.Background()
	var b strings.Builder
	for _, key := range w.keys {
		id := graph.IDOf(key)
		at := slices.IndexFunc(w.shards, func(sh *modelShard) bool { return sh.id.Slots.Has(id.Slot()) })
		vs, err := views[at].Lookup(ctx, []graph.VertexID{id}, true)
		if err != nil {
			w.t.Fatal(err)
		}
		adj, _, err := views[at].Expand(ctx, []graph.VertexID{id}, &graph.ExpandSpec{Out: true, In: true})
		if err != nil {
			w.t.Fatal(err)
		}
		if vs[0].Kind == graph.KindNone {
			fmt.Fprintf(&b, "- %d\n", len(adj[0].Edges))
			continue
		}
		fmt.Fprintf(&b, "%s %v %v", vs[0].Key, vs[0].Labels, vs[0].Properties)
		var edges []string
		for _, h := range adj[0].Edges {
			edges = append(edges, fmt.Sprintf(" %v %s %s %s %v", h.Out, h.Named(), h.Other, h.ID,
				h.Properties))
		}
		slices.Sort(edges)
		fmt.Fprintln(&b, edges)
	}
	for _, spec := range modelSpecs() {
		var keys []string
		for _, v := range views {
			scanAll(w.t, v, spec) // pages and counts agree
			vs, _, err := v.Scan(ctx, &spec)
			if err != nil {
				w.t.Fatal(err)
			}
			for _, x := range vs {
				keys = append(keys, x.Key)
			}
		}
		slices.Sort(keys)
		fmt.Fprintln(&b, keys)
	}
	return b.String()
}

func modelSpecs() []graph.ScanSpec {
	return []graph.ScanSpec{{Index: graph.IndexLabel, Value: "A"},
		{Index: graph.IndexLabel, Value: "B"},
		{Index: graph.IndexName, Value: "n1"}, {Index: graph.IndexKind},
		{Index: graph.IndexKind, Kinds: graph.NewKindSet(graph.Method, graph.Custom)}}
}

// dump says the same of the model.
func (g *modelGraph) dump(keys []string) string {
	var b strings.Builder
	for _, key := range keys {
		v := g.vertices[key]
		if v == nil {
			b.WriteString("- 0\n")
			continue
		}
		fmt.Fprintf(&b, "%s %v %v", key, v.labels, v.props)
		var edges []string
		for _, e := range g.edges {
			for _, out := range []bool{true, false} {
				at, far := e.on.Vertex, e.on.Other
				if !out {
					at, far = far, at
				}
				if at.Key == key {
					edges = append(edges, fmt.Sprintf(" %v %s %s %s %v", out, e.on.Type, far.ID, e.on.ID,
						e.props))
				}
			}
		}
		slices.Sort(edges)
		fmt.Fprintln(&b, edges)
	}
	var found [5][]string
	for _, key := range slices.Sorted(maps.Keys(g.vertices)) {
		v := g.vertices[key]
		made := graph.IsMade(key)
		method, fn := slices.Contains(v.labels, "Method"), slices.Contains(v.labels, "Function")
		for i, yes := range []bool{slices.Contains(v.labels, "A"), slices.Contains(v.labels, "B"),
			made && v.props.Text("name") == "n1", true, made && (method || !fn)} {
			if yes {
				found[i] = append(found[i], key)
			}
		}
	}
	for _, keys := range found {
		fmt.Fprintln(&b, keys)
	}
	return b.String()
}

// TestTxnModel: whatever the interleaving of transactions, repeats, restarts and GC, a transaction
// commits if and only if the model says so, and every readable timestamp shows what the model shows
// (S2, S10 to S13).
func TestTxnModel(t *testing.T) {
	reasons := map[graph.Reason]int{}
	commits := 0
	for seed := range uint64(12) {
		w := newModelWorld(t, seed)
		for range 300 {
			w.step()
		}
		for len(w.open) > 0 {
			w.advance(0)
		}
		w.compare(1)
		w.replay()
		for _, sh := range w.shards {
			if st := sh.s.Stats(); st.Pending != 0 || st.Rows[graph.RowLock] != 0 {
				t.Fatalf("seed %d: %d pending, %d locks are left", seed, st.Pending,
					st.Rows[graph.RowLock])
			}
			sh.s.Close()
		}
		commits += w.commits
		for reason, n := range w.refused {
			reasons[reason] += n
		}
	}
	for _, reason := range []graph.Reason{graph.ReasonLocked, graph.ReasonChanged,
		graph.ReasonHasEdges, graph.ReasonPrecondition, "exists", "not found"} {
		if reasons[reason] < 5 {
			t.Errorf("%s was met %d times only: %v", reason, reasons[reason], reasons)
		}
	}
	if commits < 150 {
		t.Errorf("only %d transactions committed: %v", commits, reasons)
	}
}

// replay applies the logs to new replicas, in other groups of entries: they must come out equal.
func (w *modelWorld) replay() {
	for _, sh := range w.shards {
		other := &modelShard{fs: vfs.NewCrashableMem(), id: sh.id}
		other.open(w.t)
		feed(w.t, other.s, w.r, sh.log)
		a, _ := sh.s.Digest()
		b, _ := other.s.Digest()
		if a != b || !bytes.Equal(replicated(rawState(w.t, sh.s)), replicated(rawState(w.t, other.s))) {
			w.t.Fatalf("shard %d: replicas differ", sh.id.ID)
		}
		other.s.Close()
	}
}

// replicated drops what belongs to the replica alone (S9).
func replicated(raw []byte) []byte {
	var out [][]byte
	for _, line := range bytes.Split(raw, []byte("\n")) {
		if !bytes.HasPrefix(line, fmt.Appendf(nil, "%x=", keyBase)) {
			out = append(out, line)
		}
	}
	return bytes.Join(out, []byte("\n"))
}
