package exec

import (
	"github.com/codegraphdb/codegraph/graph"
)

// Symbol is a vertex in an answer.
type Symbol struct {
	graph.Vertex
	RepoName string
}

// QualifiedName returns package and enclosing types, joined for people.
func (s *Symbol) QualifiedName() string { return QualifiedName(&s.Vertex) }

// QualifiedName returns the qualified name of a vertex, from its key.
func QualifiedName(v *graph.Vertex) string {
	if name := v.Symbol().QualifiedName(); name != "" {
		return name
	}
	return v.Name
}

// Place is one place in the source.
type Place = graph.Place

// Edge is an edge in an answer.
type Edge struct {
	Type       graph.EdgeType
	Src, Dst   graph.VertexID
	Resolution graph.Resolution
	Provenance graph.Provenance
	Confidence uint8
	Count      uint32
	Sites      []Place
	ID         graph.EdgeID     // of an edge that a transaction made
	Properties graph.Properties // what transactions gave it
}

// Path is a path in an answer: one symbol more than edges.
type Path struct {
	Symbols []*Symbol
	Edges   []*Edge
}

// Value is a value in an answer: nil, bool, int64, float64, string, []Value, map[string]Value,
// *Symbol, *Edge or *Path.
type Value = any

// Symbol returns v as it stands in an answer. Its properties must have been fetched.
func (r *Reader) Symbol(v *Vertex) *Symbol {
	s := &Symbol{Vertex: graph.Vertex{ID: v.ID}}
	if v.Props != nil {
		s.Vertex = *v.Props
	}
	s.RepoName = r.snap.RepoName(s.Repo)
	return s
}

// MakeEdge returns an edge as it stands in an answer; its places need the source's properties.
func MakeEdge(from *Vertex, h *graph.HalfEdge) *Edge {
	e := &Edge{Type: h.Type, Src: from.ID, Dst: h.Other, Resolution: h.Resolution,
		Provenance: h.Provenance, Confidence: h.Confidence, Count: h.Count, ID: h.ID,
		Properties: h.Properties}
	if !h.Out {
		e.Src, e.Dst = h.Other, from.ID
		return e
	}
	e.Sites = Places(from.Props, h)
	return e
}

// Places returns where an edge from v occurs: in the file of v first.
func Places(v *graph.Vertex, h *graph.HalfEdge) []Place {
	if v == nil || h == nil || len(h.Sites)+len(h.Elsewhere) == 0 {
		return nil
	}
	out := make([]Place, 0, len(h.Sites)+len(h.Elsewhere))
	for _, s := range h.Sites {
		out = append(out, Place{Path: v.Path, Line: max(v.Span.Line, 1) + s.Line, Column: s.Column})
	}
	return append(out, h.Elsewhere...)
}
