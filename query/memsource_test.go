package query

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/codegraphdb/codegraph/graph"
)

// memSource is a graph in memory that answers as a cluster of three shards would.
type memSource struct {
	snap  Snapshot
	keys  map[graph.VertexID]string // of all, also of those only pointed at
	here  map[graph.VertexID]*graph.Vertex
	order []graph.VertexID
	edges map[graph.VertexID][]graph.HalfEdge

	calls map[string]int // how often each method was called
	hook  func(method string) error
}

const memShards = 3

// newMemSource parses facts, one a line:
//
//	repo NAME [skipped=N] [partial=N] [unresolved=N]
//	KIND name [path:line[-end]] [word...]      words: exported test generated lang=go sig=... doc=...
//	name -TYPE[@line[,line...]]-> name         lines from 0, relative to the source
//
// A name like a/b.T.m is package a/b, type T, member m; what comes after the package is told by
// the kind. ?x is the unresolved reference spelled x; a name without a line of its own is only
// pointed at. KIND File and Directory: the name is the path.
func newMemSource(text string) (*memSource, error) {
	m := &memSource{keys: map[graph.VertexID]string{}, here: map[graph.VertexID]*graph.Vertex{},
		edges: map[graph.VertexID][]graph.HalfEdge{}, calls: map[string]int{}}
	m.snap = Snapshot{Timestamp: 2000, Token: 2002}
	ids := map[string]graph.VertexID{}
	var edges []string
	for _, line := range strings.Split(text, "\n") {
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || words[0] == "#":
		case words[0] == "repo":
			m.addRepo(words[1:])
		case len(words) == 3 && strings.HasPrefix(words[1], "-"):
			edges = append(edges, line)
		default:
			v, err := m.addVertex(words)
			if err != nil {
				return nil, err
			}
			ids[words[1]] = v.ID
		}
	}
	for _, line := range edges {
		if err := m.addEdge(strings.Fields(line), ids); err != nil {
			return nil, err
		}
	}
	return m, m.finish()
}

func (m *memSource) addRepo(words []string) {
	rev := Revision{Repo: graph.RepoID(len(m.snap.Revisions) + 1), Name: words[0], Revision: "r1",
		Timestamp: 1000}
	for _, w := range words[1:] {
		name, value, _ := strings.Cut(w, "=")
		n, _ := strconv.ParseUint(value, 10, 64)
		switch name {
		case "skipped":
			rev.Skipped = n
		case "partial":
			rev.Partial = n
		case "unresolved":
			rev.Unresolved = n
		}
	}
	m.snap.Revisions = append(m.snap.Revisions, rev)
}

func memKey(kind graph.VertexKind, name string) string {
	if kind == graph.File || kind == graph.Directory {
		s := graph.Symbol{Manager: graph.ManagerRepo, Package: "1"}
		for _, part := range strings.Split(name, "/") {
			s = s.Child(graph.NamespaceDesc, part)
		}
		return s.String()
	}
	s := graph.Symbol{Manager: "gomod", Package: "m"}
	slash := strings.LastIndexByte(name, '/') + 1
	parts := strings.Split(name[slash:], ".")
	parts[0] = name[:slash] + parts[0]
	for i, p := range parts {
		desc := graph.TermDesc
		switch {
		case i == 0:
			desc = graph.NamespaceDesc
		case i < len(parts)-1 || typeKinds.Has(kind):
			desc = graph.TypeDesc
		case kind == graph.Function || kind == graph.Method || kind == graph.Constructor:
			desc = graph.MethodDesc
		}
		s = s.Child(desc, p)
	}
	return s.String()
}

func (m *memSource) addVertex(words []string) (*graph.Vertex, error) {
	set, ok := graph.ParseLabel(words[0])
	if !ok || len(words) < 2 {
		return nil, fmt.Errorf("bad line %q", words)
	}
	v := &graph.Vertex{Kind: set.List()[0], Repo: graph.RepoID(max(len(m.snap.Revisions), 1))}
	v.Key = memKey(v.Kind, words[1])
	v.ID = graph.IDOf(v.Key)
	v.Name = v.Symbol().Name()
	if v.Kind == graph.File || v.Kind == graph.Directory {
		v.Path, v.Name = words[1], path.Base(words[1])
	}
	for _, w := range words[2:] {
		name, value, has := strings.Cut(w, "=")
		switch {
		case name == "exported":
			v.Flags |= graph.FlagExported
		case name == "test":
			v.Flags |= graph.FlagTest
		case name == "generated":
			v.Flags |= graph.FlagGenerated
		case name == "lang":
			v.Lang = value
		case name == "sig":
			v.Signature = value
		case name == "doc":
			v.Doc = value
		case name == "complexity":
			n, _ := strconv.Atoi(value)
			v.Complexity = uint32(n)
		case name == "status":
			v.Status, v.Reason = graph.StatusSkipped, value
		case !has && strings.Contains(w, ":"):
			file, lines, _ := strings.Cut(w, ":")
			first, last, two := strings.Cut(lines, "-")
			a, _ := strconv.Atoi(first)
			b := a
			if two {
				b, _ = strconv.Atoi(last)
			}
			v.Path, v.Span = file, graph.Span{Line: uint32(a), Column: 1, EndLine: uint32(b), EndColumn: 2}
		default:
			return nil, fmt.Errorf("bad word %q in %q", w, words)
		}
	}
	m.here[v.ID], m.keys[v.ID] = v, v.Key
	return v, nil
}

func (m *memSource) addEdge(words []string, ids map[string]graph.VertexID) error {
	end := func(name string) graph.VertexID {
		if id, ok := ids[name]; ok {
			return id
		}
		key := memKey(graph.Function, name)
		if strings.HasPrefix(name, "?") {
			key = graph.UnresolvedKey(name[1:])
		}
		id := graph.IDOf(key)
		ids[name], m.keys[id] = id, key
		return id
	}
	spec := strings.TrimSuffix(strings.TrimPrefix(words[1], "-"), "->")
	name, lines, _ := strings.Cut(spec, "@")
	typ, ok := graph.ParseEdgeType(name)
	if !ok {
		return fmt.Errorf("bad edge type in %q", words)
	}
	h := graph.HalfEdge{Type: typ, Out: true, Other: end(words[2]), Resolution: graph.Exact,
		Provenance: graph.FromSyntax, Confidence: 100, Count: 1}
	for i, l := range strings.Split(lines, ",") {
		if n, err := strconv.Atoi(l); err == nil {
			h.Sites = append(h.Sites, graph.Site{Line: uint32(n), Column: 5})
			h.Count = uint32(i + 1)
		}
	}
	src, dst := end(words[0]), h.Other
	m.edges[src] = append(m.edges[src], h)
	h.Out, h.Other, h.Sites = false, src, nil
	m.edges[dst] = append(m.edges[dst], h)
	return nil
}

func (m *memSource) finish() error {
	for id := range m.here {
		m.order = append(m.order, id)
	}
	slices.SortFunc(m.order, func(a, b graph.VertexID) int { return bytes.Compare(a[:], b[:]) })
	for id, list := range m.edges {
		m.edges[id] = graph.SortHalfEdges(list)
	}
	return nil
}

func (m *memSource) called(ctx context.Context, method string) error {
	m.calls[method]++
	if m.hook != nil {
		if err := m.hook(method); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (m *memSource) Lookup(ctx context.Context, ids []graph.VertexID, doc bool) ([]graph.Vertex,
	error) {
	if err := m.called(ctx, "Lookup"); err != nil {
		return nil, err
	}
	out := make([]graph.Vertex, len(ids))
	for i, id := range ids {
		key, pointed := m.keys[id]
		switch v := m.here[id]; {
		case v != nil:
			out[i] = *v
			if !doc {
				out[i].Doc = ""
			}
		case pointed && m.edges[id] != nil:
			s, _ := graph.ParseSymbol(key)
			out[i] = graph.Vertex{ID: id, Kind: graph.ExternalSymbol, Key: key, Name: s.Name()}
			if s.Manager == graph.ManagerUnresolved {
				out[i].Kind = graph.UnresolvedRef
			}
		}
	}
	return out, nil
}

func indexValues(v *graph.Vertex, ix graph.Index) []string {
	switch ix {
	case graph.IndexName:
		return []string{v.Name}
	case graph.IndexNameLower:
		return []string{strings.ToLower(v.Name)}
	case graph.IndexCamel:
		return slices.DeleteFunc(graph.CamelParts(v.Name), func(p string) bool {
			return p == strings.ToLower(v.Name)
		})
	case graph.IndexPath:
		if v.Kind == graph.File {
			return []string{path.Base(v.Path)}
		}
	}
	return nil
}

func scanMatches(v *graph.Vertex, spec *graph.ScanSpec) bool {
	if !spec.Kinds.Allows(v.Kind) || spec.Repo != 0 && spec.Repo != v.Repo {
		return false
	}
	if spec.Index == graph.IndexKind {
		return true
	}
	return slices.ContainsFunc(indexValues(v, spec.Index), func(s string) bool {
		switch spec.Match {
		case graph.MatchPrefix:
			return strings.HasPrefix(s, spec.Value)
		case graph.MatchSubstring:
			return strings.Contains(s, spec.Value)
		}
		return s == spec.Value
	})
}

// Scan passes batches of at most three vertices, so that small graphs take several.
func (m *memSource) Scan(ctx context.Context, spec *graph.ScanSpec,
	yield func([]graph.Vertex) error) error {
	if err := m.called(ctx, "Scan"); err != nil {
		return err
	}
	for shard := range memShards {
		var batch []graph.Vertex
		n := 0
		flush := func() error {
			if len(batch) == 0 {
				return nil
			}
			b := batch
			batch = nil
			return yield(b)
		}
		for _, id := range m.order {
			v := m.here[id]
			if int(id.Slot())%memShards != shard || !scanMatches(v, spec) {
				continue
			}
			if spec.Limit > 0 && n == spec.Limit {
				break
			}
			n++
			c := *v
			if !spec.Doc {
				c.Doc = ""
			}
			if batch = append(batch, c); len(batch) == 3 {
				if err := flush(); err != nil {
					return err
				}
			}
		}
		if err := flush(); err != nil {
			return err
		}
	}
	return nil
}

func (m *memSource) Count(ctx context.Context, spec *graph.ScanSpec) (int64, error) {
	if err := m.called(ctx, "Count"); err != nil {
		return 0, err
	}
	n := int64(0)
	for _, v := range m.here {
		if scanMatches(v, spec) {
			n++
		}
	}
	return n, nil
}

func (m *memSource) Expand(ctx context.Context, ids []graph.VertexID,
	spec *graph.ExpandSpec) ([]graph.Adjacency, error) {
	if err := m.called(ctx, "Expand"); err != nil {
		return nil, err
	}
	out := make([]graph.Adjacency, len(ids))
	total := 0
	for i, id := range ids {
		out[i].Vertex = id
		for _, h := range m.edges[id] {
			if h.Out && !spec.Out || !h.Out && !spec.In || !spec.Types.Allows(h.Type) ||
				len(spec.Only) > 0 && !slices.Contains(spec.Only, h.Other) {
				continue
			}
			if spec.MaxEdges > 0 && total == spec.MaxEdges {
				out[i].More = true
				break
			}
			if !spec.Sites {
				h.Sites = nil
			}
			out[i].Edges = append(out[i].Edges, h)
			total++
		}
	}
	return out, nil
}
