package shard

import (
	"context"
	"encoding/binary"

	"github.com/codegraphdb/codegraph/graph"
)

// Expand returns the edges of vertices, in the order of ids, and how many stored edges it looked
// at. Edges that several owners give are merged. Where MaxEdges ends the work, the vertices that
// are not complete have More set; later ones are then empty.
func (v *View) Expand(ctx context.Context, ids []graph.VertexID, spec *graph.ExpandSpec) (
	out []graph.Adjacency, visited int, err error) {
	x := expander{v: v, spec: spec, left: spec.MaxEdges}
	if len(spec.Only) > 0 {
		x.only = make(map[graph.VertexID]struct{}, len(spec.Only))
		for _, id := range spec.Only {
			x.only[id] = struct{}{}
		}
	}
	order := byID(ids)
	if spec.MaxEdges > 0 { // who comes first has the edges
		for i := range order {
			order[i] = i
		}
	}
	out = make([]graph.Adjacency, len(ids))
	for n, i := range order {
		if n%checkEvery == 0 {
			if err := canceled(ctx); err != nil {
				return nil, x.visited, err
			}
		}
		if out[i], err = x.vertex(ctx, ids[i]); err != nil {
			return nil, x.visited, err
		}
	}
	return out, x.visited, nil
}

// expander carries out one Expand.
type expander struct {
	v       *View
	spec    *graph.ExpandSpec
	only    map[graph.VertexID]struct{}
	left    int // edges that may still be returned, if MaxEdges is set
	visited int
	edges   []graph.HalfEdge // of the vertex at hand
	full    bool             // enough edges of it: stop reading
	// moved are the fragments of the vertex at hand that do not begin where the merged vertex
	// does, by owner; at is the one of the row at hand, nil if it does.
	moved map[graph.OwnerID]*graph.Vertex
	at    *graph.Vertex
}

func (x *expander) vertex(ctx context.Context, id graph.VertexID) (graph.Adjacency, error) {
	a := graph.Adjacency{Vertex: id}
	bounded := x.spec.MaxEdges > 0
	if bounded && x.left == 0 {
		a.More = true
		return a, nil
	}
	x.edges, x.full = nil, false
	if x.spec.Out {
		if err := x.place(id); err != nil {
			return a, err
		}
		if err := x.side(ctx, graph.RowOut, id); err != nil {
			return a, err
		}
	}
	if x.spec.In && !x.full {
		if err := x.side(ctx, graph.RowIn, id); err != nil {
			return a, err
		}
	}
	if err := x.halves(ctx, id); err != nil {
		return a, err
	}
	a.Edges = x.confident(graph.SortHalfEdges(x.edges))
	if err := x.overlays(id, a.Edges); err != nil {
		return a, err
	}
	a.More = x.full
	if bounded {
		if len(a.Edges) > x.left {
			a.Edges, a.More = a.Edges[:x.left], true
		}
		x.left -= len(a.Edges)
	}
	return a, nil
}

// side reads the O or the I rows of a vertex.
func (x *expander) side(ctx context.Context, kind byte, id graph.VertexID) error {
	r := &x.v.rows
	n := 0
	for ok := r.seekPrefix(x.v.prefix(kind, id)); ok && !x.full; ok = r.next() {
		if n++; n%checkEvery == 0 {
			if err := canceled(ctx); err != nil {
				return err
			}
		}
		b, err := r.value()
		if err != nil {
			return err
		}
		switch {
		case kind == graph.RowIn:
			_, err = graph.DecodeIn(b, x.take)
		case x.spec.Sites:
			x.at = x.moved[edgeOwner(r.row)]
			err = graph.DecodeOut(b, x.take)
			x.at = nil
		default:
			err = graph.DecodeOutBare(b, x.take)
		}
		if err != nil {
			return err
		}
	}
	return r.err()
}

// place finds the fragments whose sites cannot be told relative to the merged vertex.
func (x *expander) place(id graph.VertexID) error {
	x.moved = nil
	if !x.spec.Sites {
		return nil
	}
	frags, err := x.v.fragments(id, false)
	if err != nil || len(frags) < 2 {
		return err
	}
	merged := graph.MergeFragments(frags)
	for _, f := range frags {
		if f.Path == merged.Path && f.Span.Line == merged.Span.Line {
			continue
		}
		if x.moved == nil {
			x.moved = map[graph.OwnerID]*graph.Vertex{}
		}
		x.moved[graph.OwnerOf(f.Repo, f.Source, f.Path)] = f
	}
	return nil
}

// edgeOwner returns the owner of an O or I row.
func edgeOwner(row []byte) graph.OwnerID {
	return graph.OwnerID(binary.BigEndian.Uint64(row[1+idLen:]))
}

// take looks at one stored edge. Confidence is judged after the merge.
func (x *expander) take(h graph.HalfEdge) bool {
	x.visited++
	if !x.spec.Allows(&h) {
		return true
	}
	if x.only != nil {
		if _, ok := x.only[h.Other]; !ok {
			return true
		}
	}
	if x.at != nil {
		for _, s := range h.Sites {
			h.Elsewhere = append(h.Elsewhere, graph.Place{Path: x.at.Path,
				Line: max(x.at.Span.Line, 1) + s.Line, Column: s.Column})
		}
		h.Sites = nil
	}
	x.edges = append(x.edges, h)
	// A hub is not read to its end when only some edges are wanted (3.5).
	x.full = x.spec.MaxEdges > 0 && x.spec.MinConfidence == 0 && len(x.edges) > x.left
	return !x.full
}

func (x *expander) confident(edges []graph.HalfEdge) []graph.HalfEdge {
	if x.spec.MinConfidence == 0 {
		return edges
	}
	out := edges[:0]
	for _, e := range edges {
		if e.Confidence >= x.spec.MinConfidence {
			out = append(out, e)
		}
	}
	return out
}
