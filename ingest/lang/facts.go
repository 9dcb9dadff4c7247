package lang

import (
	"strconv"
	"strings"

	"github.com/codegraphdb/codegraph/graph"
)

// Symbol is the identity of something that can be pointed at.
type Symbol struct {
	Key     string
	ID      graph.VertexID
	Foreign bool // this repository does not define it
}

// NewSymbol returns the symbol of a key.
func NewSymbol(key string) *Symbol { return &Symbol{Key: key, ID: graph.IDOf(key)} }

// Facts collects what one file says.
type Facts struct {
	Owner *graph.OwnerFacts
	file  *File
	tree  *Tree
	Self  *Symbol            // the file's own vertex
	other map[string]*Symbol // Foreign symbols by key
	edges map[edgeKey]int    // place in Owner.Edges
}

type edgeKey struct {
	src, dst graph.VertexID
	typ      graph.EdgeType
}

// SetTree tells which tree the places given to the other methods are in.
func (f *Facts) SetTree(t *Tree) { f.tree = t }

// NewFacts returns a collector that fills in owner.
func NewFacts(owner *graph.OwnerFacts, f *File) *Facts {
	return &Facts{Owner: owner, file: f, other: map[string]*Symbol{}, edges: map[edgeKey]int{},
		Self: NewSymbol(FileKey(owner.Repo, f.Path))}
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

// Scope is a Definition whose body is being looked at: what edges start from.
type Scope struct {
	Sym  *Symbol
	Line uint32 // first line of the Definition
}

// FileScope is where top-level code belongs.
func (f *Facts) FileScope() Scope { return Scope{f.Self, 1} }

// Foreign returns the symbol of a key that this repository does not define.
func (f *Facts) Foreign(key string) *Symbol {
	s := f.other[key]
	if s == nil {
		s = NewSymbol(key)
		s.Foreign = true
		f.other[key] = s
	}
	return s
}

// Evidence is how an edge was concluded.
type Evidence struct {
	Resolution graph.Resolution
	Provenance graph.Provenance
	Confidence uint8
}

// The evidence that extractors have.
var (
	BySyntax   = Evidence{graph.Exact, graph.FromSyntax, 100}
	ByImport   = Evidence{graph.Exact, graph.FromImport, 100}
	ByType     = Evidence{graph.Exact, graph.FromType, 100}
	ByDynamic  = Evidence{graph.Dynamic, graph.FromType, 50}
	ByGuess    = Evidence{graph.Heuristic, graph.FromType, 70}
	NoEvidence = Evidence{graph.ResolutionNone, graph.FromSyntax, 0}
)

// Edge adds an edge; at is the place in the tree where it occurs, 0 for none.
func (f *Facts) Edge(from Scope, t graph.EdgeType, to *Symbol, ev Evidence, at int) {
	if to == nil || from.Sym == nil {
		return
	}
	k := edgeKey{from.Sym.ID, to.ID, t}
	i, ok := f.edges[k]
	if !ok {
		i = len(f.Owner.Edges)
		f.edges[k] = i
		f.Owner.Edges = append(f.Owner.Edges, graph.Edge{Src: from.Sym.ID, Type: t, Dst: to.ID,
			DstKey: to.Key, DstForeign: to.Foreign, Resolution: ev.Resolution,
			Provenance: ev.Provenance, Confidence: ev.Confidence})
	}
	e := &f.Owner.Edges[i]
	if ev.Resolution < e.Resolution {
		e.Resolution, e.Provenance, e.Confidence = ev.Resolution, ev.Provenance, ev.Confidence
	}
	e.Count++
	if at == 0 || len(e.Sites) >= graph.MaxSites {
		return
	}
	line, col := f.tree.Position(f.tree.n[at].start)
	e.Sites = append(e.Sites, graph.Site{Line: line - min(from.Line, line), Column: col})
}

// Unresolved adds a call whose target is not known.
func (f *Facts) Unresolved(from Scope, name string, ev Evidence, at int) {
	const most = 200
	if name == "" || len(name) > most {
		name = "?"
	}
	f.Owner.Unresolved++
	f.Edge(from, graph.UnresolvedCall, f.Foreign(graph.UnresolvedKey(name)), ev, at)
}

// Definition is what a language says of a vertex; vertex fills in the rest.
type Definition struct {
	Sym        *Symbol
	Kind       graph.VertexKind
	Name       string
	Node       int // its span
	Signature  string
	Doc        string
	Flags      graph.Flags
	Complexity uint32
}

// Vertex adds a vertex and returns the scope of its body.
func (f *Facts) Vertex(d Definition) Scope {
	v := graph.Vertex{ID: d.Sym.ID, Kind: d.Kind, Key: d.Sym.Key, Name: d.Name, Repo: f.Owner.Repo,
		Path: f.file.Path, Lang: f.file.Language, Signature: d.Signature, Doc: d.Doc, Flags: d.Flags,
		Complexity: d.Complexity, Source: graph.SourceTreeSitter}
	if f.file.Generated {
		v.Flags |= graph.FlagGenerated
	}
	if d.Node != 0 {
		n := f.tree.n[d.Node]
		v.Span.Line, v.Span.Column = f.tree.Position(n.start)
		v.Span.EndLine, v.Span.EndColumn = f.tree.Position(n.end)
		if v.Span.EndColumn == 1 && v.Span.EndLine > v.Span.Line { // it ends with a line's end
			v.Span.EndLine--
		}
	}
	f.Owner.Vertices = append(f.Owner.Vertices, v)
	return Scope{d.Sym, max(v.Span.Line, 1)}
}

// Contains adds CONTAINS edges from the given symbols.
func (f *Facts) Contains(child *Symbol, parents ...*Symbol) {
	for _, p := range parents {
		f.Edge(Scope{p, 1}, graph.Contains, child, BySyntax, 0)
	}
}

// MaxSignature is the number of bytes of a signature that are kept.
const MaxSignature = 400

// Child returns the symbol of something declared below another one.
func Child(parent *Symbol, kind graph.DescriptorKind, name string) *Symbol {
	d := graph.Symbol{Manager: "-", Package: "-", Descriptors: []graph.Descriptor{{Kind: kind,
		Name: name}}}.String()
	const head = len("- - ")
	return NewSymbol(parent.Key + d[head:])
}
