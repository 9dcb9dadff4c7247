package lang

import (
	"strconv"
	"strings"

	"github.com/codegraphdb/codegraph/graph"
)

// symbol is the identity of something that can be pointed at.
type symbol struct {
	key     string
	id      graph.VertexID
	foreign bool // this repository does not define it
}

func newSymbol(key string) *symbol { return &symbol{key: key, id: graph.IDOf(key)} }

// Facts collects what one file says.
type Facts struct {
	Owner *graph.OwnerFacts
	file  *File
	tree  *Tree
	self  *symbol            // the file's own vertex
	other map[string]*symbol // foreign symbols by key
	edges map[edgeKey]int    // place in Owner.Edges
}

type edgeKey struct {
	src, dst graph.VertexID
	typ      graph.EdgeType
}

// NewFacts returns a collector that fills in owner.
func NewFacts(owner *graph.OwnerFacts, f *File) *Facts {
	return &Facts{Owner: owner, file: f, other: map[string]*symbol{}, edges: map[edgeKey]int{},
		self: newSymbol(FileKey(owner.Repo, f.Path))}
}

// RepositoryKey returns the key of a repository's vertex.
func RepositoryKey(repo graph.RepoID) string {
	return pathSymbol(repo, []string{"."})
}

// FileKey returns the key of a file's or directory's vertex.
func FileKey(repo graph.RepoID, p string) string {
	if p == "" {
		return RepositoryKey(repo)
	}
	return pathSymbol(repo, strings.Split(p, "/"))
}

func pathSymbol(repo graph.RepoID, parts []string) string {
	s := graph.Symbol{Manager: graph.ManagerRepo, Package: strconv.FormatUint(uint64(repo), 10)}
	for _, p := range parts {
		s.Descriptors = append(s.Descriptors, graph.Descriptor{Kind: graph.NamespaceDesc, Name: p})
	}
	return s.String()
}

// scope is a definition whose body is being looked at: what edges start from.
type scope struct {
	sym  *symbol
	line uint32 // first line of the definition
}

// fileScope is where top-level code belongs.
func (f *Facts) fileScope() scope { return scope{f.self, 1} }

// foreign returns the symbol of a key that this repository does not define.
func (f *Facts) foreign(key string) *symbol {
	s := f.other[key]
	if s == nil {
		s = newSymbol(key)
		s.foreign = true
		f.other[key] = s
	}
	return s
}

// evidence is how an edge was concluded.
type evidence struct {
	resolution graph.Resolution
	provenance graph.Provenance
	confidence uint8
}

var (
	bySyntax  = evidence{graph.Exact, graph.FromSyntax, 100}
	byImport  = evidence{graph.Exact, graph.FromImport, 100}
	byType    = evidence{graph.Exact, graph.FromType, 100}
	byDynamic = evidence{graph.Dynamic, graph.FromType, 50}
	byGuess   = evidence{graph.Heuristic, graph.FromType, 70}
	unknown   = evidence{graph.ResolutionNone, graph.FromSyntax, 0}
)

// edge adds an edge; at is the place in the tree where it occurs, 0 for none.
func (f *Facts) edge(from scope, t graph.EdgeType, to *symbol, ev evidence, at int) {
	if to == nil || from.sym == nil {
		return
	}
	k := edgeKey{from.sym.id, to.id, t}
	i, ok := f.edges[k]
	if !ok {
		i = len(f.Owner.Edges)
		f.edges[k] = i
		f.Owner.Edges = append(f.Owner.Edges, graph.Edge{Src: from.sym.id, Type: t, Dst: to.id,
			DstKey: to.key, DstForeign: to.foreign, Resolution: ev.resolution,
			Provenance: ev.provenance, Confidence: ev.confidence})
	}
	e := &f.Owner.Edges[i]
	if ev.resolution < e.Resolution {
		e.Resolution, e.Provenance, e.Confidence = ev.resolution, ev.provenance, ev.confidence
	}
	e.Count++
	if at == 0 || len(e.Sites) >= graph.MaxSites {
		return
	}
	line, col := f.tree.position(f.tree.n[at].start)
	e.Sites = append(e.Sites, graph.Site{Line: line - min(from.line, line), Column: col})
}

// unresolved adds a call whose target is not known.
func (f *Facts) unresolved(from scope, name string, ev evidence, at int) {
	const most = 200
	if name == "" || len(name) > most {
		name = "?"
	}
	f.Owner.Unresolved++
	f.edge(from, graph.UnresolvedCall, f.foreign(graph.UnresolvedKey(name)), ev, at)
}

// definition is what a language says of a vertex; vertex fills in the rest.
type definition struct {
	sym        *symbol
	kind       graph.VertexKind
	name       string
	node       int // its span
	signature  string
	doc        string
	flags      graph.Flags
	complexity uint32
}

// vertex adds a vertex and returns the scope of its body.
func (f *Facts) vertex(d definition) scope {
	v := graph.Vertex{ID: d.sym.id, Kind: d.kind, Key: d.sym.key, Name: d.name, Repo: f.Owner.Repo,
		Path: f.file.Path, Lang: f.file.Language, Signature: d.signature, Doc: d.doc, Flags: d.flags,
		Complexity: d.complexity, Source: graph.SourceTreeSitter}
	if f.file.Generated {
		v.Flags |= graph.FlagGenerated
	}
	if d.node >= 0 {
		n := f.tree.n[d.node]
		v.Span.Line, v.Span.Column = f.tree.position(n.start)
		v.Span.EndLine, v.Span.EndColumn = f.tree.position(n.end)
	}
	f.Owner.Vertices = append(f.Owner.Vertices, v)
	return scope{d.sym, max(v.Span.Line, 1)}
}

// contains adds CONTAINS edges from the given symbols.
func (f *Facts) contains(child *symbol, parents ...*symbol) {
	for _, p := range parents {
		f.edge(scope{p, 1}, graph.Contains, child, bySyntax, 0)
	}
}
