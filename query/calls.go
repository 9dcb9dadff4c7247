package query

import (
	"cmp"
	"context"
	"slices"

	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/query/exec"
)

// Relation is a symbol with the edge that led to it.
type Relation struct {
	Symbol *Symbol
	Edge   *Edge
	Depth  int // hops from the symbol asked for
}

// Relations is the answer of Neighbors, Callers, Callees and Impact.
type Relations struct {
	Symbol    *Symbol // the one asked for
	Relations []Relation
	Trailer   *Trailer
}

// Direction of edges, seen from the symbol asked for.
type Direction uint8

// The directions. Values are those of the wire.
const (
	Both Direction = iota
	Out
	In
)

// typeKinds are the kinds of types: their callers are those who make a value of them.
var typeKinds = graph.NewKindSet(graph.Class, graph.Struct, graph.Interface, graph.Enum,
	graph.TypeAlias)

// GetSymbol returns the symbol that ref names.
func (e *Env) GetSymbol(ctx context.Context, ref Ref) (*Symbol, *Trailer, error) {
	c, ctx := e.begin(ctx)
	defer c.cancel()
	v, err := c.resolve(ctx, ref)
	if err == nil {
		err = c.r.Fetch(ctx, []*exec.Vertex{v}, true)
	}
	if err != nil {
		return nil, nil, err
	}
	return c.r.Symbol(v), c.end(ref.Repo), nil
}

// Neighbors returns the edges of a symbol in one direction or both, out first; no types stand for
// all types.
func (e *Env) Neighbors(ctx context.Context, ref Ref, types []graph.EdgeType,
	dir Direction) (*Relations, error) {
	spec := graph.ExpandSpec{Out: dir != In, In: dir != Out, Types: graph.NewEdgeSet(types...)}
	return e.relations(ctx, ref, func(*exec.Vertex) graph.ExpandSpec { return spec }, nil)
}

// Callers returns who calls a symbol, with the places of the calls. The callers of a type are those
// who make a value of it or call it. References spelled with the symbol's name that nothing
// resolves could be further callers: they are a gap.
func (e *Env) Callers(ctx context.Context, ref Ref) (*Relations, error) {
	spec := func(v *exec.Vertex) graph.ExpandSpec {
		types := graph.NewEdgeSet(graph.Calls)
		if typeKinds.Has(v.Props.Kind) {
			types = graph.NewEdgeSet(graph.Calls, graph.Instantiates)
		}
		return graph.ExpandSpec{In: true, Types: types}
	}
	return e.relations(ctx, ref, spec, (*call).unresolvedCallers)
}

// Callees returns what a symbol calls, with the places of the calls. Its calls that nothing
// resolves are a gap.
func (e *Env) Callees(ctx context.Context, ref Ref) (*Relations, error) {
	spec := func(*exec.Vertex) graph.ExpandSpec {
		return graph.ExpandSpec{Out: true, Types: graph.NewEdgeSet(graph.Calls)}
	}
	return e.relations(ctx, ref, spec, (*call).unresolvedCallees)
}

// relations answers the questions of one hop.
func (e *Env) relations(ctx context.Context, ref Ref, spec func(*exec.Vertex) graph.ExpandSpec,
	gaps func(*call, context.Context, *exec.Vertex) error) (*Relations, error) {
	c, ctx := e.begin(ctx)
	defer c.cancel()
	v, err := c.resolve(ctx, ref)
	if err != nil {
		return nil, err
	}
	out := &Relations{Symbol: c.r.Symbol(v)}
	out.Relations, err = c.oneHop(ctx, v, spec(v))
	if err = c.cut(ctx, err); err != nil {
		return nil, err
	}
	if gaps != nil {
		if err = c.cut(ctx, gaps(c, ctx, v)); err != nil {
			return nil, err
		}
	}
	out.Trailer = c.end(ref.Repo)
	return out, nil
}

// oneHop reads the edges of v. What it returns with an error of a bound is right as far as it goes.
func (c *call) oneHop(ctx context.Context, v *exec.Vertex, spec graph.ExpandSpec) ([]Relation,
	error) {
	var hops []hop
	spec.Sites = spec.Out
	most := c.r.Limits().MaxRows
	bound := c.r.Expand(ctx, []*exec.Vertex{v}, spec, func(_ int, edges []graph.HalfEdge) error {
		for i := range edges {
			if len(hops) == most {
				return exec.RowLimit(most)
			}
			hops = append(hops, hop{v, c.r.Vertex(edges[i].Other), edges[i], 1})
		}
		return nil
	})
	if err := c.cut(ctx, bound); err != nil {
		return nil, err
	}
	return c.relate(ctx, hops)
}

// hop is one step of a walk: an edge as seen from the vertex it was reached from.
type hop struct {
	from, to *exec.Vertex
	edge     graph.HalfEdge
	depth    int
}

// relate turns hops into relations: it fetches the symbols and the places of edges that were
// followed against their direction, and sorts by depth, direction, type and place.
func (c *call) relate(ctx context.Context, hops []hop) ([]Relation, error) {
	if len(hops) == 0 {
		return nil, nil
	}
	ends := make([]*exec.Vertex, 0, 2*len(hops))
	for i := range hops {
		ends = append(ends, hops[i].to, hops[i].from)
	}
	if err := c.r.Fetch(ctx, ends, false); err != nil {
		return nil, err
	}
	sites, err := c.inSites(ctx, hops)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(hops, func(a, b hop) int {
		dir := 0
		if a.edge.Out != b.edge.Out {
			dir = 1
			if a.edge.Out {
				dir = -1
			}
		}
		return cmp.Or(cmp.Compare(a.depth, b.depth), dir, cmp.Compare(a.edge.Type, b.edge.Type),
			byPlace(a.to, b.to), cmp.Compare(a.from.Props.Key, b.from.Props.Key))
	})
	out := make([]Relation, len(hops))
	for i := range hops {
		h := &hops[i]
		e := exec.MakeEdge(h.from, &h.edge)
		if !h.edge.Out {
			e.Sites = exec.Places(h.to.Props, sites[exec.EdgeID{Src: h.to, Type: h.edge.Type,
				Dst: h.from}])
		}
		out[i] = Relation{Symbol: c.r.Symbol(h.to), Edge: e, Depth: h.depth}
	}
	return out, nil
}

// inSites reads the places of the edges that were followed against their direction: only the side
// of the source has them.
func (c *call) inSites(ctx context.Context, hops []hop) (map[exec.EdgeID]*graph.HalfEdge, error) {
	var ids []exec.EdgeID
	for i := range hops {
		if h := &hops[i]; !h.edge.Out {
			ids = append(ids, exec.EdgeID{Src: h.to, Type: h.edge.Type, Dst: h.from})
		}
	}
	return c.r.Sites(ctx, ids)
}

// unresolvedCallers adds the gap for calls that are spelled like v.
func (c *call) unresolvedCallers(ctx context.Context, v *exec.Vertex) error {
	n, err := c.unresolvedNamed(ctx, []*exec.Vertex{v})
	c.gap(GapUnresolved, n, false, "%d calls spelled %q are not resolved", n, v.Props.Name)
	return err
}

// unresolvedNamed counts the unresolved calls that are spelled like one of vs.
func (c *call) unresolvedNamed(ctx context.Context, vs []*exec.Vertex) (uint64, error) {
	var open []*exec.Vertex
	seen := map[*exec.Vertex]bool{}
	for _, v := range vs {
		if u := c.r.Vertex(graph.IDOf(graph.UnresolvedKey(v.Props.Name))); !seen[u] {
			seen[u] = true
			open = append(open, u)
		}
	}
	spec := graph.ExpandSpec{In: true, Types: graph.NewEdgeSet(graph.UnresolvedCall)}
	return c.countCalls(ctx, open, spec)
}

// unresolvedCallees adds the gap for calls of v that nothing resolves.
func (c *call) unresolvedCallees(ctx context.Context, v *exec.Vertex) error {
	spec := graph.ExpandSpec{Out: true, Types: graph.NewEdgeSet(graph.UnresolvedCall)}
	n, err := c.countCalls(ctx, []*exec.Vertex{v}, spec)
	c.gap(GapUnresolved, n, false, "%d calls in %s are not resolved", n, v.Props.Name)
	return err
}

// countCalls adds up how often the edges occur in the source.
func (c *call) countCalls(ctx context.Context, vs []*exec.Vertex,
	spec graph.ExpandSpec) (uint64, error) {
	var n uint64
	err := c.r.Expand(ctx, vs, spec, func(_ int, edges []graph.HalfEdge) error {
		for i := range edges {
			n += uint64(max(edges[i].Count, 1))
		}
		return nil
	})
	return n, err
}
