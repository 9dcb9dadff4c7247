package shard

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/codegraphdb/codegraph/graph"
)

// history is a random but legal sequence of commands, and the naive model of what it means: the
// state of every file at every commit.
type history struct {
	entries []Entry
	commits []graph.Timestamp
	at      map[graph.Timestamp]map[string]*graph.OwnerFacts // by commit
	safe    graph.Timestamp
}

var (
	modelFiles = []string{"a.go", "b.go", "c/d.go"}
	modelNames = []string{"f", "g", "h", "Parse", "ParseFile", "?open"}
)

func randomFacts(t testing.TB, r *rand.Rand, path string) *graph.OwnerFacts {
	line := path + ":"
	for _, n := range modelNames[:5] {
		if r.IntN(2) == 0 {
			line += fmt.Sprintf(" %s/v%d", n, r.IntN(3))
		}
	}
	line += ";"
	for range r.IntN(4) {
		line += fmt.Sprintf(" %s>%s", modelNames[r.IntN(5)], modelNames[r.IntN(6)])
	}
	_, f := parseFile(t, 1, line)
	return f
}

// newHistory makes n imports one after the other: some abort, some are tried twice, batches are
// repeated and come in any order; GC runs in between.
func newHistory(t testing.TB, r *rand.Rand, n int) *history {
	h := &history{at: map[graph.Timestamp]map[string]*graph.OwnerFacts{}}
	base := map[string]*graph.OwnerFacts{}
	ts := graph.Timestamp(100)
	for range n {
		id := ts.ImportID()
		ts += 10
		next := map[string]*graph.OwnerFacts{}
		var rows []graph.Row
		for _, p := range modelFiles {
			next[p] = base[p]
			switch r.IntN(4) {
			case 0:
				next[p] = nil
			case 1, 2:
				next[p] = randomFacts(t, r, p)
			}
			rows = append(rows, diffRows(t, rowsOf(base[p]), rowsOf(next[p]))...)
		}
		h.writeImport(r, id, rows)
		commit := ts
		if r.IntN(4) == 0 {
			commit = 0
		}
		h.add(EncodeOutcome(1, 0, graph.Outcome{Import: id, Commit: commit}))
		if commit != 0 {
			base = next
			h.commits = append(h.commits, commit)
			h.at[commit] = next
		}
		ts += 10
		if r.IntN(4) == 0 && ts > 160 {
			h.safe = max(h.safe, ts-graph.Timestamp(r.IntN(6)*10))
			h.add(EncodeGC(1, 0, GC{Safepoint: h.safe, MaxRows: 1 + r.IntN(60)}))
		}
	}
	return h
}

func rowsOf(f *graph.OwnerFacts) []graph.Row {
	if f == nil {
		return nil
	}
	return f.Rows()
}

func (h *history) add(cmd []byte) {
	h.entries = append(h.entries, Entry{uint64(len(h.entries) + 1), 1, cmd})
}

func (h *history) writeImport(r *rand.Rand, id graph.Timestamp, rows []graph.Row) {
	attempts := uint32(1 + r.IntN(2))
	for a := uint32(1); a <= attempts; a++ {
		var cmds [][]byte
		size := 1 + r.IntN(20)
		seq := uint64(0)
		for part := range slices.Chunk(rows, size) {
			seq++
			b := graph.Batch{Import: id, Attempt: a, Seq: seq, Repo: 1, Rows: part}
			cmds = append(cmds, EncodeWrite(1, 0, b.Encode()))
		}
		r.Shuffle(len(cmds), func(i, j int) { cmds[i], cmds[j] = cmds[j], cmds[i] })
		if a < attempts {
			cmds = cmds[:r.IntN(len(cmds)+1)]
		}
		for _, c := range cmds {
			h.add(c)
			if r.IntN(5) == 0 {
				h.add(c) // a retry
			}
		}
		if a == attempts {
			b := graph.Batch{Import: id, Attempt: a, Seq: seq + 1, Repo: 1, Seal: true}
			h.add(EncodeWrite(1, 0, b.Encode()))
		}
	}
}

// feed applies entries in random groups; now and then some come twice.
func feed(t testing.TB, s *Shard, r *rand.Rand, entries []Entry) {
	t.Helper()
	for len(entries) > 0 {
		n := 1 + r.IntN(min(len(entries), 9))
		if _, err := s.Apply(entries[:n]); err != nil {
			t.Fatal(err)
		}
		if r.IntN(4) > 0 {
			entries = entries[n:]
		} else {
			entries = entries[r.IntN(n+1):]
		}
	}
}

func openMem(t testing.TB, fs vfs.FS) *Shard {
	t.Helper()
	s, err := Open("data/shard", Options{ID: 1, Slots: allSlots(), FS: fs, MemTableSize: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// compareModel checks every commit that is still readable against the model.
func compareModel(t *testing.T, s *Shard, h *history) {
	t.Helper()
	for i, c := range h.commits {
		if i+1 < len(h.commits) && h.commits[i+1] <= h.safe {
			continue
		}
		v, err := s.View(graph.View{At: max(c, h.safe)})
		if err != nil {
			t.Fatal(err)
		}
		got := dump(t, v)
		if err := v.Close(); err != nil {
			t.Fatal(err)
		}
		if want := modelDump(h.at[c]); got != want {
			t.Fatalf("at %d the shard has\n%s\nthe model\n%s", uint64(c), got, want)
		}
	}
}

// dump reads everything that the model knows through every kind of question.
func dump(t *testing.T, v *View) string {
	t.Helper()
	ctx := context.Background()
	var ids []graph.VertexID
	for _, n := range modelNames {
		ids = append(ids, graph.IDOf(symbolKey(n)))
	}
	vs, err := v.Lookup(ctx, ids, true)
	if err != nil {
		t.Fatal(err)
	}
	adj, _, err := v.Expand(ctx, ids, &graph.ExpandSpec{Out: true, In: true, Sites: true})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	for i := range vs {
		fmt.Fprintf(&b, "%s %v %q %q %q %v\n", modelNames[i], vs[i].Kind, vs[i].Path,
			vs[i].Signature, vs[i].Doc, adj[i].Edges)
	}
	for _, spec := range modelScans() {
		fmt.Fprintf(&b, "%s\n", scanAll(t, v, spec))
	}
	owners, next, err := v.Owners(ctx, 1, nil, 0)
	if err != nil || next != nil {
		t.Fatal(err, next)
	}
	fmt.Fprintf(&b, "%d owner rows\n", len(owners))
	return b.String()
}

func modelScans() []graph.ScanSpec {
	return []graph.ScanSpec{
		{Index: graph.IndexKind},
		{Index: graph.IndexKind, Kinds: graph.NewKindSet(graph.Function, graph.Class)},
		{Index: graph.IndexName, Value: "f"},
		{Index: graph.IndexNameLower, Value: "parse", Match: graph.MatchPrefix},
		{Index: graph.IndexNameLower, Value: "ars", Match: graph.MatchSubstring},
		{Index: graph.IndexCamel, Value: "file"},
		{Index: graph.IndexName, Value: "g", Repo: 2},
	}
}

// scanAll pages through a scan, two at a time, and checks Count and the unpaged scan against it.
func scanAll(t *testing.T, v *View, spec graph.ScanSpec) string {
	t.Helper()
	ctx := context.Background()
	whole, next, err := v.Scan(ctx, &spec)
	if err != nil || next != nil {
		t.Fatal(err, next)
	}
	n, err := v.Count(ctx, &spec)
	if err != nil || n != int64(len(whole)) {
		t.Fatalf("%+v: Count says %d, Scan gives %d, %v", spec, n, len(whole), err)
	}
	var names []string
	spec.Limit = 2
	for i := 0; ; i++ {
		page, next, err := v.Scan(ctx, &spec)
		if err != nil || len(page) > 2 {
			t.Fatal(err, len(page))
		}
		for _, x := range page {
			names = append(names, x.Name)
		}
		if spec.Cursor = next; next == nil {
			break
		}
	}
	if len(names) != len(whole) {
		t.Fatalf("%+v: pages give %v, the whole scan %d", spec, names, len(whole))
	}
	slices.Sort(names)
	return fmt.Sprint(names)
}

// placeModelSites moves the sites of an edge to where the fragment of its own file is, if the
// merged vertex lies elsewhere.
func placeModelSites(h *graph.HalfEdge, path string, merged *graph.Vertex, frags []*graph.Vertex) {
	for _, f := range frags {
		if f.Path != path || f.Path == merged.Path && f.Span.Line == merged.Span.Line {
			continue
		}
		for _, s := range h.Sites {
			h.Elsewhere = append(h.Elsewhere, graph.Place{Path: f.Path,
				Line: max(f.Span.Line, 1) + s.Line, Column: s.Column})
		}
		h.Sites = nil
	}
}

// modelDump says the same of the model.
func modelDump(files map[string]*graph.OwnerFacts) string {
	frags := map[graph.VertexID][]*graph.Vertex{}
	edges := map[graph.VertexID][]graph.HalfEdge{}
	from := map[graph.VertexID][]string{} // the file that gave each of edges
	owners := 0
	for _, p := range modelFiles {
		f := files[p]
		if f == nil {
			continue
		}
		owners++
		for i := range f.Vertices {
			frags[f.Vertices[i].ID] = append(frags[f.Vertices[i].ID], &f.Vertices[i])
		}
		for _, e := range graph.MergeEdges(f.Edges) {
			half := graph.HalfEdge{Type: e.Type, Out: true, Other: e.Dst, Resolution: e.Resolution,
				Provenance: e.Provenance, Confidence: e.Confidence, Count: e.Count, Sites: e.Sites}
			edges[e.Src] = append(edges[e.Src], half)
			from[e.Src] = append(from[e.Src], p)
			half.Out, half.Other, half.Sites = false, e.Src, nil
			edges[e.Dst] = append(edges[e.Dst], half)
			from[e.Dst] = append(from[e.Dst], p)
		}
	}
	var b bytes.Buffer
	names := map[string]bool{}
	for _, n := range modelNames {
		id := graph.IDOf(symbolKey(n))
		v := graph.MergeFragments(frags[id])
		if v != nil {
			names[v.Name] = true
		} else {
			v = &graph.Vertex{}
			if slices.ContainsFunc(edges[id], func(h graph.HalfEdge) bool { return !h.Out }) {
				v.Kind = graph.ExternalSymbol
				if n[0] == '?' {
					v.Kind = graph.UnresolvedRef
				}
			}
		}
		for i := range edges[id] {
			placeModelSites(&edges[id][i], from[id][i], v, frags[id])
		}
		fmt.Fprintf(&b, "%s %v %q %q %q %v\n", n, v.Kind, v.Path, v.Signature, v.Doc,
			graph.SortHalfEdges(edges[id]))
	}
	have := func(all ...string) string {
		var out []string
		for _, n := range all {
			if names[n] {
				out = append(out, n)
			}
		}
		slices.Sort(out)
		return fmt.Sprint(out)
	}
	all := have(modelNames...)
	parse := have("Parse", "ParseFile")
	fmt.Fprintf(&b, "%s\n%s\n%s\n%s\n%s\n%s\n[]\n%d owner rows\n", all, all, have("f"), parse, parse,
		have("ParseFile"), owners)
	return b.String()
}

// TestModel: whatever the order, the repeats and the grouping, every readable timestamp shows what
// the model says, and two replicas are equal (S2, S6, S7).
func TestModel(t *testing.T) {
	for seed := range uint64(16) {
		r := rand.New(rand.NewPCG(seed, 7))
		h := newHistory(t, r, 12)
		a, b := openMem(t, vfs.NewMem()), openMem(t, vfs.NewMem())
		feed(t, a, r, h.entries)
		compareModel(t, a, h)
		for i := range h.entries {
			if _, err := b.Apply(h.entries[i : i+1]); err != nil {
				t.Fatal(err)
			}
			if i%17 == 0 {
				if _, err := b.Flush(); err != nil {
					t.Fatal(err)
				}
			}
		}
		compareModel(t, b, h)
		da, rows := a.Digest()
		if db, _ := b.Digest(); da != db || !bytes.Equal(rawState(t, a), rawState(t, b)) {
			t.Fatalf("seed %d: replicas differ", seed)
		}
		if d, n, err := a.Recount(); err != nil || d != da || n != rows {
			t.Fatalf("seed %d: kept %v of %d, found %v of %d, %v", seed, da, rows, d, n, err)
		}
		a.Close()
		b.Close()
	}
}

// rawState returns every stored key and value.
func rawState(t testing.TB, s *Shard) []byte {
	t.Helper()
	it, err := s.store.Load().db.NewIter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer it.Close()
	var out []byte
	for ok := it.First(); ok; ok = it.Next() {
		out = fmt.Appendf(out, "%x=%x\n", it.Key(), it.Value())
	}
	return out
}

// TestCrash: after a crash at any point the state is a prefix of the log, and replaying the rest
// gives what a replica that never crashed has (S1).
func TestCrash(t *testing.T) {
	for seed := range uint64(10) {
		r := rand.New(rand.NewPCG(seed, 11))
		h := newHistory(t, r, 15)
		whole := openMem(t, vfs.NewMem())
		feed(t, whole, r, h.entries)
		fs := vfs.NewCrashableMem()
		s := openMem(t, fs)
		for range 4 {
			index, _ := s.Applied()
			upTo := int(index) + r.IntN(len(h.entries)-int(index)+1)
			feed(t, s, r, h.entries[index:upTo])
			durable := uint64(0)
			if r.IntN(2) == 0 {
				var err error
				if durable, err = s.Flush(); err != nil {
					t.Fatal(err)
				}
			}
			fs = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: r.IntN(101), RNG: r})
			s.Close()
			s = openMem(t, fs)
			if got, _ := s.Applied(); got < durable {
				t.Fatalf("seed %d: applied %d after a crash, %d was durable", seed, got, durable)
			}
			if d, err := s.DurableApplied(); err != nil {
				t.Fatal(d, err)
			}
		}
		index, _ := s.Applied()
		feed(t, s, r, h.entries[index:])
		if !bytes.Equal(rawState(t, s), rawState(t, whole)) {
			t.Fatalf("seed %d: replay after crashes gives another state", seed)
		}
		compareModel(t, s, h)
		s.Close()
		whole.Close()
	}
}
