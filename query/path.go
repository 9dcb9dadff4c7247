package query

import (
	"context"

	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/query/exec"
)

// Depths of FindPath.
const (
	DefaultPathDepth = 15
	MaxPathDepth     = 50
)

// PathRequest asks for a shortest path along the direction of edges.
type PathRequest struct {
	From, To Ref
	Types    []graph.EdgeType // none means CALLS
	MaxDepth int              // zero means DefaultPathDepth
}

// FindPath returns a shortest path, nil if there is none of at most MaxDepth edges.
func (e *Env) FindPath(ctx context.Context, req PathRequest) (*Path, *Trailer, error) {
	depth := req.MaxDepth
	if depth == 0 {
		depth = DefaultPathDepth
	}
	if depth < 0 || depth > MaxPathDepth {
		return nil, nil, graph.Errorf("query.FindPath", graph.KindInvalid,
			"depth %d is not between 1 and %d", depth, MaxPathDepth)
	}
	types := graph.NewEdgeSet(req.Types...)
	if types == 0 {
		types = graph.NewEdgeSet(graph.Calls)
	}
	c, ctx := e.begin(ctx)
	defer c.cancel()
	from, err := c.resolve(ctx, req.From)
	if err != nil {
		return nil, nil, err
	}
	to, err := c.resolve(ctx, req.To)
	if err != nil {
		return nil, nil, err
	}
	search := exec.PathSearch{From: from, To: to, Out: true, Types: types, Max: depth}
	steps, found, err := c.r.ShortestPath(ctx, search)
	if err = c.cut(ctx, err); err != nil {
		return nil, nil, err
	}
	var path *Path
	if found {
		if path, err = c.path(ctx, from, steps); err != nil {
			return nil, nil, err
		}
	} else if err = c.cut(ctx, c.unresolvedCallees(ctx, from)); err != nil {
		return nil, nil, err
	}
	return path, c.end(""), nil
}

// path fetches what a path shows.
func (c *call) path(ctx context.Context, from *exec.Vertex, steps []exec.EdgeID) (*Path, error) {
	vs := []*exec.Vertex{from}
	for _, s := range steps {
		vs = append(vs, s.Dst)
	}
	if err := c.r.Fetch(ctx, vs, false); err != nil {
		return nil, err
	}
	edges, err := c.r.Edges(ctx, steps)
	if err != nil {
		return nil, err
	}
	p := &Path{Edges: edges}
	for _, v := range vs {
		p.Symbols = append(p.Symbols, c.r.Symbol(v))
	}
	return p, nil
}
