package graph

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

func testKey(i int) string { return fmt.Sprintf("gomod m `m/p%d`/F%d().", i%3, i) }

// randomOwner makes facts over a small set of vertices.
func randomOwner(r *rand.Rand, path string) *OwnerFacts {
	f := &OwnerFacts{Repo: 3, Path: path, Source: SourceTreeSitter, Home: SlotOf(testKey(0)),
		Status: StatusOK, Lines: r.Uint32N(5), Unresolved: r.Uint32N(3)}
	f.ContentHash[0] = byte(r.IntN(4))
	for i := range 8 {
		if r.IntN(2) == 0 {
			continue
		}
		v := Vertex{ID: IDOf(testKey(i)), Kind: Function, Key: testKey(i), Name: fmt.Sprintf("F%d", i),
			Repo: 3, Path: path, Source: SourceTreeSitter, Span: Span{Line: uint32(i), Column: 1},
			Signature: fmt.Sprint(r.IntN(3))}
		if r.IntN(2) == 0 {
			v.Doc = "doc"
		}
		f.Vertices = append(f.Vertices, v)
	}
	for range r.IntN(12) {
		dst := r.IntN(10)
		f.Edges = append(f.Edges, Edge{Src: IDOf(testKey(r.IntN(8))), Type: EdgeType(1 + r.IntN(4)),
			Dst: IDOf(testKey(dst)), DstKey: testKey(dst), DstForeign: dst > 7,
			Resolution: Resolution(1 + r.IntN(4)), Provenance: Provenance(1 + r.IntN(5)),
			Confidence: uint8(r.IntN(101)), Sites: []Site{{r.Uint32N(9), 1 + r.Uint32N(9)}}})
	}
	return f
}

// TestRowsAreDeterministic: equal facts in another order give equal rows (G5), each key once, all
// of the owner (G4) and well-formed.
func TestRowsAreDeterministic(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		f := randomOwner(r, "a.go")
		rows := f.Rows()
		r.Shuffle(len(f.Vertices), func(i, j int) {
			f.Vertices[i], f.Vertices[j] = f.Vertices[j], f.Vertices[i]
		})
		if again := f.Rows(); !reflect.DeepEqual(rows, again) {
			t.Fatal("the order of vertices changes the rows")
		}
		seen := map[string]bool{}
		for _, row := range rows {
			info, err := ParseRow(row.Key)
			if err != nil || info.Owner != f.Owner() || seen[string(row.Key)] || len(row.Value) == 0 {
				t.Fatalf("row %x: %+v, %v", row.Key, info, err)
			}
			seen[string(row.Key)] = true
		}
	}
}

// TestMergeEdgesIsOrderFree: the same edges in any order give the same merge.
func TestMergeEdgesIsOrderFree(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 1))
	for range 500 {
		edges := randomOwner(r, "a.go").Edges
		want := MergeEdges(edges)
		r.Shuffle(len(edges), func(i, j int) { edges[i], edges[j] = edges[j], edges[i] })
		if got := MergeEdges(edges); !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v\n%+v", got, want)
		}
	}
}

// TestDiff: applying the difference to what base wrote gives what the new facts write, and equal
// facts give no difference.
func TestDiff(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for range 300 {
		base, next := randomOwner(r, "a.go").Rows(), randomOwner(r, "a.go").Rows()
		if r.IntN(10) == 0 {
			next = nil
		}
		m, ownerRows := manifestOf(t, base)
		state := map[string]string{}
		for _, row := range base {
			state[string(row.Key)] = string(row.Value)
		}
		for _, row := range Diff(m, ownerRows, next) {
			if old, ok := state[string(row.Key)]; ok && old == string(row.Value) {
				t.Fatalf("row %x is written without need", row.Key)
			}
			if len(row.Value) == 0 {
				delete(state, string(row.Key))
				continue
			}
			state[string(row.Key)] = string(row.Value)
		}
		want := map[string]string{}
		for _, row := range next {
			want[string(row.Key)] = string(row.Value)
		}
		if !reflect.DeepEqual(state, want) {
			t.Fatalf("%d rows, want %d", len(state), len(want))
		}
		if same := Diff(m, ownerRows, base); len(same) != 0 {
			t.Fatalf("equal facts differ in %d rows", len(same))
		}
	}
}

func manifestOf(t *testing.T, rows []Row) (*Manifest, []Row) {
	t.Helper()
	i := slices.IndexFunc(rows, func(r Row) bool { return r.Key[0] == RowOwner })
	m, err := DecodeManifest(rows[i:])
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Rows) != i {
		t.Fatalf("the manifest lists %d rows of %d", len(m.Rows), i)
	}
	return m, rows[i:]
}

// TestParts: a large owner is cut into parts that stay small and lose nothing.
func TestParts(t *testing.T) {
	f := &OwnerFacts{Repo: 1, Path: "big.go", Source: SourceTreeSitter}
	hub := IDOf(testKey(0))
	for i := range 6000 {
		other := IDOf(fmt.Sprintf("gomod m `m`/X%d.", i))
		f.Edges = append(f.Edges, Edge{Src: hub, Type: Calls, Dst: other, Sites: []Site{{1, 1}}},
			Edge{Src: other, Type: Calls, Dst: hub, DstKey: testKey(0), DstForeign: true})
	}
	rows := f.Rows()
	parts := map[byte]int{}
	edges := map[byte]int{}
	for _, row := range rows {
		if len(row.Value) > 64<<10 {
			t.Errorf("row %x has %d bytes", row.Key, len(row.Value))
		}
		info, _ := ParseRow(row.Key)
		if info.Kind == RowOwner || info.Vertex == hub && info.Kind != RowIndex {
			if int(info.Part) != parts[info.Kind] {
				t.Errorf("%c: part %d, want %d", info.Kind, info.Part, parts[info.Kind])
			}
			parts[info.Kind]++
		}
		count := func(HalfEdge) bool { edges[info.Kind]++; return true }
		switch {
		case info.Vertex != hub:
		case info.Kind == RowOut:
			if err := DecodeOut(row.Value, count); err != nil {
				t.Error(err)
			}
		case info.Kind == RowIn:
			if key, err := DecodeIn(row.Value, count); err != nil || key != testKey(0) {
				t.Errorf("part %d carries key %q, %v", info.Part, key, err)
			}
		}
	}
	if parts[RowOut] < 2 || parts[RowIn] < 2 || parts[RowOwner] < 2 ||
		edges[RowOut] != 6000 || edges[RowIn] != 6000 {
		t.Errorf("parts %v, edges %v", parts, edges)
	}
	manifestOf(t, rows)
}

func TestVertexRoundTrip(t *testing.T) {
	v := Vertex{ID: IDOf(testKey(1)), Kind: File, Key: testKey(1), Name: "n", Repo: 1 << 40,
		Path: "p/q", Span: Span{1, 2, 3, 4}, Lang: "go", Signature: "s", Doc: "d",
		Flags: FlagExported | FlagAsync, Complexity: 7, Status: StatusPartial, Reason: "r", Size: 1 << 33,
		Source: SourceSCIP}
	got, rest, err := TakeVertex(append(AppendVertex(nil, &v), "rest"...))
	if err != nil || string(rest) != "rest" || !reflect.DeepEqual(*got, v) {
		t.Errorf("%+v, %q, %v", got, rest, err)
	}
	if doc, err := DecodeDoc(EncodeDoc("text")); err != nil || doc != "text" {
		t.Errorf("doc %q, %v", doc, err)
	}
	newer := EncodeFragment(&v)
	newer[0]++
	if _, err := DecodeFragment(v.ID, newer); !IsKind(err, KindUnsupported) {
		t.Errorf("a newer format: %v", err)
	}
}

// TestMergeFragments: the result does not depend on the order of fragments.
func TestMergeFragments(t *testing.T) {
	frags := []*Vertex{
		{Source: SourceTreeSitter, Path: "b.go", Signature: "sb", Doc: "db", Kind: Function},
		{Source: SourceTreeSitter, Path: "a.go", Doc: "da", Kind: Method, Flags: FlagExported},
		{Source: SourceSCIP, Path: "z.go", Kind: Class},
		{Source: SourceTreeSitter, Path: "c.go", Signature: "sc", Kind: Struct, Flags: FlagTest},
	}
	want := Vertex{Source: SourceSCIP, Path: "z.go", Kind: Class, Doc: "da", Signature: "sb",
		Flags: FlagExported}
	r := rand.New(rand.NewPCG(4, 4))
	for range 50 {
		r.Shuffle(len(frags), func(i, j int) { frags[i], frags[j] = frags[j], frags[i] })
		if got := MergeFragments(slices.Clone(frags)); !reflect.DeepEqual(*got, want) {
			t.Fatalf("%+v, want %+v", *got, want)
		}
	}
	if MergeFragments(nil) != nil {
		t.Error("no fragments give a vertex")
	}
}

func TestSortHalfEdges(t *testing.T) {
	a, b := VertexID{1}, VertexID{2}
	edges := []HalfEdge{
		{Type: Calls, Other: b, Count: 1, Resolution: Exact, Confidence: 80, Provenance: FromType},
		{Type: Calls, Out: true, Other: b, Count: 1, Resolution: Heuristic, Sites: []Site{{1, 1}}},
		{Type: Calls, Other: b, Count: 2, Resolution: Exact, Confidence: 95, Provenance: FromSCIP},
		{Type: Imports, Out: true, Other: a, Count: 1},
		{Type: Calls, Out: true, Other: b, Count: 3, Resolution: Exact, Sites: []Site{{2, 2}}},
	}
	for range 3 {
		got := SortHalfEdges(slices.Clone(edges))
		if len(got) != 3 || got[0].Type != Imports || got[1].Resolution != Exact ||
			got[1].Count != 4 || len(got[1].Sites) != 2 || got[2].Confidence != 95 ||
			got[2].Provenance != FromSCIP || got[2].Count != 3 {
			t.Fatalf("%+v", got)
		}
		slices.Reverse(edges)
	}
}

func TestSpecRoundTrips(t *testing.T) {
	scan := ScanSpec{Index: IndexCamel, Value: "v", Match: MatchPrefix, Kinds: NewKindSet(Class),
		Repo: 5, Doc: true, Limit: 9, Cursor: []byte{1, 0}}
	if got, err := DecodeScanSpec(AppendScanSpec(nil, &scan)); err != nil ||
		!reflect.DeepEqual(*got, scan) {
		t.Errorf("%+v, %v", got, err)
	}
	expand := ExpandSpec{Out: true, Types: NewEdgeSet(Calls), Only: []VertexID{{1}, {2}}, Sites: true,
		MinConfidence: 3, MaxEdges: 1000}
	if got, err := DecodeExpandSpec(AppendExpandSpec(nil, &expand)); err != nil ||
		!reflect.DeepEqual(*got, expand) {
		t.Errorf("%+v, %v", got, err)
	}
	adj := Adjacency{Vertex: VertexID{9}, More: true, Edges: []HalfEdge{
		{Type: Calls, Out: true, Other: VertexID{1}, Resolution: Exact, Provenance: FromSCIP,
			Confidence: 9, Count: 2, Sites: []Site{{3, 4}}}, {Type: Imports, Other: VertexID{2}}}}
	if got, rest, err := TakeAdjacency(AppendAdjacency(nil, &adj)); err != nil || len(rest) != 0 ||
		!reflect.DeepEqual(*got, adj) {
		t.Errorf("%+v, %v", got, err)
	}
	ids := []VertexID{{1}, {2, 3}}
	if got, err := DecodeIDs(AppendIDs(nil, ids)); err != nil || !slices.Equal(got, ids) {
		t.Errorf("%v, %v", got, err)
	}
}

func testBatch() *Batch {
	return &Batch{Import: 101, Attempt: 2, Seq: 3, Seal: true, Repo: 4,
		Rows: []Row{{[]byte("Nkey"), []byte("value")}, {[]byte("Nkey2"), nil}}}
}

func TestBatchRoundTrip(t *testing.T) {
	b := testBatch()
	got, err := DecodeBatch(b.Encode())
	if err != nil || !bytes.Equal(got.Encode(), b.Encode()) || got.Seq != 3 || len(got.Rows) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	for _, change := range []func(*Batch){
		func(b *Batch) { b.Import = 100 }, func(b *Batch) { b.Attempt = 0 },
		func(b *Batch) { b.Seq = 0 }, func(b *Batch) { b.Rows[0].Key = nil },
		func(b *Batch) { b.Rows[0].Key = make([]byte, maxRowKeyBytes+1) },
	} {
		bad := testBatch()
		change(bad)
		if _, err := DecodeBatch(bad.Encode()); !IsKind(err, KindCorrupt) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if _, err := DecodeBatch(make([]byte, MaxBatchBytes+1)); !IsKind(err, KindLimit) {
		t.Errorf("too large: %v", err)
	}
}

// FuzzDecodeBatch: hostile bytes give an error or a batch that encodes to the same.
func FuzzDecodeBatch(f *testing.F) {
	f.Add(testBatch().Encode())
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := DecodeBatch(data)
		if err != nil {
			return
		}
		again, err := DecodeBatch(b.Encode())
		if err != nil || !reflect.DeepEqual(b, again) {
			t.Fatalf("%+v, again %+v, %v", b, again, err)
		}
	})
}

// FuzzDecoders: no decoder panics or hangs on hostile bytes (G6).
func FuzzDecoders(f *testing.F) {
	rows := randomOwner(rand.New(rand.NewPCG(1, 9)), "a.go").Rows()
	for _, row := range rows {
		f.Add(row.Value)
		f.Add(row.Key)
	}
	adj := Adjacency{Edges: []HalfEdge{{Type: Calls, Sites: []Site{{1, 2}}}}}
	f.Add(AppendAdjacency(nil, &adj))
	f.Add(AppendScanSpec(nil, &ScanSpec{Value: "v"}))
	f.Fuzz(func(t *testing.T, data []byte) {
		var id VertexID
		keep := func(HalfEdge) bool { return true }
		var errs []error
		_, err := DecodeFragment(id, data)
		errs = append(errs, err, DecodeOut(data, keep), DecodeOutBare(data, keep))
		_, err = DecodeIn(data, keep)
		errs = append(errs, err)
		_, err = DecodeManifest([]Row{{ownerRowKey(1, 2, 0), data}})
		errs = append(errs, err)
		_, _, err = TakeAdjacency(data)
		errs = append(errs, err)
		_, _, err = TakeVertex(data)
		errs = append(errs, err)
		_, err = DecodeScanSpec(data)
		errs = append(errs, err)
		_, err = DecodeExpandSpec(data)
		errs = append(errs, err)
		_, err = ParseRow(data)
		for _, err := range append(errs, err) {
			if err != nil && KindOf(err) == KindOther {
				t.Errorf("error without a kind: %v", err)
			}
		}
	})
}

func TestErrors(t *testing.T) {
	cause := Errorf("inner", KindCorrupt, "block %d is bad", 7)
	err := Errorf("outer", KindUnavailable, "shard %d: %w", 3, cause).WithRemedy("wait")
	if got := err.Error(); got != "outer: shard 3: inner: block 7 is bad (wait)" {
		t.Errorf("%q", got)
	}
	if KindOf(err) != KindUnavailable || !IsKind(err.Unwrap(), KindCorrupt) || IsKind(nil, KindOther) {
		t.Error("kinds are wrong")
	}
}

// TestSchemaTables: names and values of kinds and types agree with their tables.
func TestSchemaTables(t *testing.T) {
	if len(Kinds) != int(vertexKinds)-1 || len(EdgeTypes) != int(edgeTypes)-1 {
		t.Fatal("a table is not complete")
	}
	for i, k := range Kinds {
		set, ok := ParseLabel(k.Label)
		if int(k.Kind) != i+1 || k.Kind.String() != k.Label || !ok || set != NewKindSet(k.Kind) {
			t.Errorf("kind %d, %s", k.Kind, k.Label)
		}
	}
	for i, e := range EdgeTypes {
		et, ok := ParseEdgeType(e.Name)
		if int(e.Type) != i+1 || e.Type.String() != e.Name || !ok || et != e.Type {
			t.Errorf("edge type %d, %s", e.Type, e.Name)
		}
	}
	for _, g := range LabelGroupNames() {
		if set, ok := ParseLabel(g); !ok || len(set.List()) < 2 {
			t.Errorf("label %s stands for %v", g, set.List())
		}
	}
}
