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

// Sites reads where edges occur in the source, relative to their source vertex.
func (r *Reader) Sites(ctx context.Context, edges []EdgeID) (map[EdgeID][]graph.Site, error) {
	if len(edges) == 0 {
		return nil, nil
	}
	out := make(map[EdgeID][]graph.Site, len(edges))
	for at := 0; at < len(edges); at += batchRows {
		if err := r.sitesOf(ctx, edges[at:min(at+batchRows, len(edges))], out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (r *Reader) sitesOf(ctx context.Context, edges []EdgeID, out map[EdgeID][]graph.Site) error {
	spec := graph.ExpandSpec{Out: true, Sites: true}
	var srcs []*Vertex
	have, want := map[*Vertex]bool{}, map[*Vertex]bool{}
	for _, e := range edges {
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
	return r.Expand(ctx, srcs, spec, func(i int, list []graph.HalfEdge) error {
		for j := range list {
			h := &list[j]
			out[EdgeID{srcs[i], h.Type, r.Vertex(h.Other)}] = h.Sites
		}
		return nil
	})
}

// Edges reads the evidence and the places of edges, in their order.
func (r *Reader) Edges(ctx context.Context, ids []EdgeID) ([]*Edge, error) {
	found := make(map[EdgeID]*Edge, len(ids))
	for _, id := range ids {
		if found[id] != nil {
			continue
		}
		if err := r.Fetch(ctx, []*Vertex{id.Src}, false); err != nil {
			return nil, err
		}
		spec := graph.ExpandSpec{Out: true, Sites: true, Types: graph.NewEdgeSet(id.Type),
			Only: []graph.VertexID{id.Dst.ID}}
		err := r.Expand(ctx, []*Vertex{id.Src}, spec, func(_ int, edges []graph.HalfEdge) error {
			for i := range edges {
				found[id] = MakeEdge(id.Src, &edges[i])
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	out := make([]*Edge, len(ids))
	for i, id := range ids {
		if out[i] = found[id]; out[i] == nil {
			out[i] = &Edge{Type: id.Type, Src: id.Src.ID, Dst: id.Dst.ID}
		}
	}
	return out, nil
}
