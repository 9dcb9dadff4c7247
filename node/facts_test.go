package node

import (
	"fmt"
	"strings"
	"testing"

	queryv1 "github.com/codegraphdb/codegraph/api/codegraph/query/v1"
	"github.com/codegraphdb/codegraph/graph"
)

// function makes a function of a Go package "example.com/<pkg>".
func function(pkg, name string) graph.Vertex {
	key := graph.Symbol{Manager: graph.ManagerGo, Package: "example.com"}.
		Child(graph.NamespaceDesc, "example.com/"+pkg).Child(graph.MethodDesc, name).String()
	return graph.Vertex{ID: graph.IDOf(key), Kind: graph.Function, Key: key, Name: name,
		Path: pkg + "/x.go", Span: graph.Span{Line: 3, Column: 1, EndLine: 5, EndColumn: 2},
		Lang: "go", Source: graph.SourceTreeSitter}
}

// file makes the facts of file <pkg>/x.go: its functions, each of which calls the next one, and
// the last one "<target>", a function of another package.
func file(pkg string, target *graph.Vertex, names ...string) *graph.OwnerFacts {
	f := &graph.OwnerFacts{Path: pkg + "/x.go", Source: graph.SourceTreeSitter,
		Status: graph.StatusOK, Lines: 10}
	for _, name := range names {
		f.Vertices = append(f.Vertices, function(pkg, name))
	}
	f.Home = f.Vertices[0].ID.Slot()
	for i := range f.Vertices {
		to := target
		if i+1 < len(f.Vertices) {
			to = &f.Vertices[i+1]
		}
		if to == nil {
			continue
		}
		f.Edges = append(f.Edges, graph.Edge{Src: f.Vertices[i].ID, Type: graph.Calls, Dst: to.ID,
			DstKey: to.Key, Resolution: graph.Exact, Provenance: graph.FromType, Confidence: 100,
			Sites: []graph.Site{{Line: 1, Column: 2}}})
	}
	return f
}

// withRepo sets the repository of the vertices, as ingest does.
func withRepo(im *importing, f *graph.OwnerFacts) *graph.OwnerFacts {
	f.Repo = graph.RepoID(im.open.GetRepoId())
	for i := range f.Vertices {
		f.Vertices[i].Repo = f.Repo
	}
	return f
}

// ingestFile takes in one file as a revision of a repository and returns the token.
func ingestFile(n *testNode, repo, revision string, f *graph.OwnerFacts) uint64 {
	n.t.Helper()
	im := begin(n, repo, revision)
	im.put(withRepo(im, f))
	return im.commit().GetToken()
}

// callers asks who calls a symbol; the answer is "pkg.F,pkg.G" or the kind of the error.
func callers(n *testNode, symbol string, o *queryv1.ReadOptions) string {
	n.t.Helper()
	resp, err := n.query().Callers(call(n.t), &queryv1.CallersRequest{
		Ref: &queryv1.SymbolRef{Symbol: symbol}, Options: o})
	if err != nil {
		return "error: " + graph.KindOf(told(err)).String()
	}
	var names []string
	for _, r := range resp.GetRelations() {
		q := r.GetSymbol().GetQualifiedName()
		names = append(names, q[strings.LastIndexByte(q, '/')+1:])
	}
	return strings.Join(names, ",")
}

func wantCallers(t *testing.T, what string, n *testNode, symbol, want string) {
	t.Helper()
	if got := callers(n, symbol, nil); got != want {
		t.Errorf("%s: callers of %s are %q, want %q", what, symbol, got, want)
	}
}

// visible tells whether a node answers for a symbol.
func visible(n *testNode, symbol string) error {
	_, err := n.query().GetSymbol(call(n.t), &queryv1.GetSymbolRequest{
		Ref: &queryv1.SymbolRef{Symbol: symbol}})
	return told(err)
}

// wide makes the facts of a file in one slot whose rows have about size bytes.
func wide(pkg string, size int) *graph.OwnerFacts {
	const each = 4 << 10
	names := make([]string, max(size/each, 1))
	for i := range names {
		names[i] = fmt.Sprintf("F%04d", i)
	}
	f := file(pkg, nil, names...)
	f.Edges = nil
	for i := range f.Vertices {
		f.Vertices[i].Doc = strings.Repeat(string(rune('a'+i%26)), graph.MaxDoc)
	}
	return f
}
