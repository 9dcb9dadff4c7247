package shard

import (
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/codegraphdb/codegraph/graph"
)

// Two files define one function; the calls are in the file that the merged vertex does not name.
// They must be placed in the file that they stand in.
func TestSitesOfVariants(t *testing.T) {
	const key = "gomod m `m/p`/F()."
	f := graph.Vertex{ID: graph.IDOf(key), Kind: graph.Function, Key: key, Name: "F", Repo: 1,
		Source: graph.SourceTreeSitter}
	callee := graph.IDOf("gomod m `m/p`/G().")
	variant := func(path string, line uint32, site graph.Site) *graph.OwnerFacts {
		v := f
		v.Path, v.Span = path, graph.Span{Line: line, Column: 1, EndLine: line + 9}
		return &graph.OwnerFacts{Repo: 1, Path: path, Source: graph.SourceTreeSitter,
			Home: v.ID.Slot(), Status: graph.StatusOK, Vertices: []graph.Vertex{v},
			Edges: []graph.Edge{{Src: v.ID, Type: graph.Calls, Dst: callee,
				Resolution: graph.Exact, Sites: []graph.Site{site}}}}
	}
	s := openMem(t, vfs.NewMem())
	importFacts(t, s, variant("p/a.go", 10, graph.Site{Line: 2, Column: 3}),
		variant("p/b.go", 100, graph.Site{Line: 4, Column: 5}))
	view, err := s.View(graph.View{At: 102})
	if err != nil {
		t.Fatal(err)
	}
	defer view.Close()
	adj, _, err := view.Expand(t.Context(), []graph.VertexID{f.ID},
		&graph.ExpandSpec{Out: true, Sites: true})
	if err != nil || len(adj[0].Edges) != 1 {
		t.Fatalf("%v, %v, want 1 edge", adj, err)
	}
	e := adj[0].Edges[0]
	if want := []graph.Site{{Line: 2, Column: 3}}; !slices.Equal(e.Sites, want) {
		t.Errorf("sites of the merged vertex %v, want %v", e.Sites, want)
	}
	if want := []graph.Place{{Path: "p/b.go", Line: 104, Column: 5}}; !slices.Equal(e.Elsewhere,
		want) {
		t.Errorf("sites elsewhere %v, want %v", e.Elsewhere, want)
	}
	wire := graph.AppendAdjacency(nil, &adj[0])
	back, rest, err := graph.TakeAdjacency(wire)
	if err != nil || len(rest) != 0 || !slices.Equal(back.Edges[0].Elsewhere, e.Elsewhere) {
		t.Errorf("over the wire: %v, %v, %d bytes left", back, err, len(rest))
	}
}

// importFacts writes and commits the facts as one import.
func importFacts(t *testing.T, s *Shard, facts ...*graph.OwnerFacts) {
	t.Helper()
	const id = graph.Timestamp(101)
	b := graph.Batch{Import: id, Attempt: 1, Seq: 1, Seal: true, Repo: 1}
	for _, f := range facts {
		b.Rows = append(b.Rows, f.Rows()...)
	}
	epoch := s.Descriptor().Epoch
	results, err := s.Apply([]Entry{{Index: 1, Term: 1, Data: EncodeWrite(1, epoch, b.Encode())},
		{Index: 2, Term: 1, Data: EncodeOutcome(1, epoch, graph.Outcome{Import: id, Commit: 102})}})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
}
