package exec

import (
	"context"

	"github.com/codegraphdb/codegraph/graph"
)

// RowLimit is the error for an answer of more than n rows.
func RowLimit(n int) error { return rowLimit(n) }

// EdgeID identifies an edge.
type EdgeID struct {
	Src  *Vertex
	Type graph.EdgeType
	Dst  *Vertex
}

// Sites reads where edges occur in the source, from the side of their source vertex.
func (r *Reader) Sites(ctx context.Context, edges []EdgeID) (map[EdgeID]*graph.HalfEdge, error) {
	out := make(map[EdgeID]*graph.HalfEdge, len(edges))
	err := r.sources(ctx, edges, func(id EdgeID, h *graph.HalfEdge) { out[id] = h })
	return out, err
}

// Edges reads the evidence and the places of edges, in their order, and the properties of their
// sources.
func (r *Reader) Edges(ctx context.Context, ids []EdgeID) ([]*Edge, error) {
	srcs := make([]*Vertex, len(ids))
	for i, id := range ids {
		srcs[i] = id.Src
	}
	if err := r.Fetch(ctx, srcs, false); err != nil {
		return nil, err
	}
	found := make(map[EdgeID]*Edge, len(ids))
	err := r.sources(ctx, ids, func(id EdgeID, h *graph.HalfEdge) {
		found[id] = MakeEdge(id.Src, h)
	})
	if err != nil {
		return nil, err
	}
	out := make([]*Edge, len(ids))
	for i, id := range ids {
		if out[i] = found[id]; out[i] == nil {
			out[i] = &Edge{Type: id.Type, Src: id.Src.ID, Dst: id.Dst.ID}
		}
	}
	return out, nil
}

// sources reads edges from the side of their sources, which has the places. It may find more edges
// than were asked for.
func (r *Reader) sources(ctx context.Context, edges []EdgeID,
	found func(EdgeID, *graph.HalfEdge)) error {
	for at := 0; at < len(edges); at += batchRows {
		spec := graph.ExpandSpec{Out: true, Sites: true}
		var srcs []*Vertex
		have, want := map[*Vertex]bool{}, map[*Vertex]bool{}
		for _, e := range edges[at:min(at+batchRows, len(edges))] {
			spec.Types |= graph.NewEdgeSet(e.Type)
			if !have[e.Src] {
				have[e.Src] = true
				srcs = append(srcs, e.Src)
			}
			if !want[e.Dst] {
				want[e.Dst] = true
				spec.Only = append(spec.Only, e.Dst.ID)
			}
		}
		err := r.Expand(ctx, srcs, spec, func(i int, list []graph.HalfEdge) error {
			for j := range list {
				h := &list[j]
				found(EdgeID{srcs[i], h.Type, r.Vertex(h.Other)}, h)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
