package query

import (
	"context"

	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/query/exec"
)

// Depths of Impact.
const (
	DefaultImpactDepth = 5
	MaxImpactDepth     = 20
)

// dependence are the edge types along which a change of the target may affect the source.
var dependence = graph.NewEdgeSet(graph.Calls, graph.CallReference, graph.References, graph.Extends,
	graph.Implements, graph.Overrides, graph.Instantiates, graph.UsesType, graph.Imports,
	graph.Embeds, graph.DependsOn)

// dispatch are the edge types along which a vertex is used through what it overrides.
var dispatch = graph.NewEdgeSet(graph.Calls, graph.CallReference, graph.References)

// Impact returns what may be affected by a change of a symbol, nearest first, each symbol once with
// the first edge that led to it.
//
// A symbol affects who calls, references, extends, implements, overrides, embeds, instantiates,
// imports or depends on it, and so on up to maxDepth hops (zero means DefaultImpactDepth). A symbol
// that holds others (a file, a package, a type) stands for all it holds. A method may be called
// through what it overrides: that method follows by an OVERRIDES edge as one hop, and from there
// only those who call or reference it, not its other implementations.
func (e *Env) Impact(ctx context.Context, ref Ref, maxDepth int) (*Relations, error) {
	if maxDepth == 0 {
		maxDepth = DefaultImpactDepth
	}
	if maxDepth < 0 || maxDepth > MaxImpactDepth {
		return nil, graph.Errorf("query.Impact", graph.KindInvalid, "depth %d is not between 1 and %d",
			maxDepth, MaxImpactDepth)
	}
	c, ctx := e.begin(ctx)
	defer c.cancel()
	start, err := c.resolve(ctx, ref)
	if err != nil {
		return nil, err
	}
	w := &impactWalk{call: c, state: map[*exec.Vertex]reach{}}
	if err = c.cut(ctx, w.run(ctx, start, maxDepth)); err != nil {
		return nil, err
	}
	out := &Relations{Symbol: c.r.Symbol(start)}
	out.Relations, err = c.relate(ctx, w.hops)
	if err = c.cut(ctx, err); err != nil {
		return nil, err
	}
	if err = c.cut(ctx, w.unresolved(ctx, out)); err != nil {
		return nil, err
	}
	out.Trailer = c.end(ref.Repo)
	return out, nil
}

// reach says how a walk got to a vertex.
type reach uint8

const (
	asDispatch reach = 1 + iota // as what an affected method overrides
	asAffected
)

// impactWalk is a breadth-first search against the edges of dependence.
type impactWalk struct {
	*call
	state map[*exec.Vertex]reach
	seeds []*exec.Vertex
	hops  []hop
	next  []*exec.Vertex
}

func (w *impactWalk) run(ctx context.Context, start *exec.Vertex, maxDepth int) error {
	if err := w.seed(ctx, start); err != nil {
		return err
	}
	level := w.seeds
	for depth := 1; depth <= maxDepth && len(level) > 0; depth++ {
		w.next = nil
		var affected, through []*exec.Vertex
		for _, v := range level {
			if w.state[v] == asAffected {
				affected = append(affected, v)
			} else {
				through = append(through, v)
			}
		}
		over := graph.NewEdgeSet(graph.Overrides)
		steps := []struct {
			from []*exec.Vertex
			spec graph.ExpandSpec
			as   reach
		}{
			{affected, graph.ExpandSpec{In: true, Types: dependence}, asAffected},
			{through, graph.ExpandSpec{In: true, Types: dispatch}, asAffected},
			{affected, graph.ExpandSpec{Out: true, Types: over, Sites: true}, asDispatch},
			{through, graph.ExpandSpec{Out: true, Types: over, Sites: true}, asDispatch},
		}
		for _, s := range steps {
			if err := w.step(ctx, s.from, s.spec, s.as, depth); err != nil {
				return err
			}
		}
		level = w.next
	}
	return nil
}

// seed collects start and all that it holds.
func (w *impactWalk) seed(ctx context.Context, start *exec.Vertex) error {
	const levels = 64
	w.seeds = []*exec.Vertex{start}
	w.state[start] = asAffected
	level := w.seeds
	for depth := 0; depth < levels && len(level) > 0; depth++ {
		var next []*exec.Vertex
		spec := graph.ExpandSpec{Out: true, Types: graph.NewEdgeSet(graph.Contains)}
		err := w.r.Expand(ctx, level, spec, func(_ int, edges []graph.HalfEdge) error {
			for i := range edges {
				if v := w.r.Vertex(edges[i].Other); w.state[v] == 0 {
					w.state[v] = asAffected
					next = append(next, v)
				}
			}
			return w.r.Charge(int64(len(edges)) * hopBytes)
		})
		if err != nil {
			return err
		}
		w.seeds = append(w.seeds, next...)
		level = next
	}
	return nil
}

// hopBytes is about what a walk keeps per vertex.
const hopBytes = 160

// step follows the edges of one kind from one level. A vertex is listed when it is reached first;
// one reached by dispatch is walked again when it turns out to be affected itself.
func (w *impactWalk) step(ctx context.Context, from []*exec.Vertex, spec graph.ExpandSpec, as reach,
	depth int) error {
	most := w.r.Limits().MaxRows
	return w.r.Expand(ctx, from, spec, func(i int, edges []graph.HalfEdge) error {
		for j := range edges {
			v := w.r.Vertex(edges[j].Other)
			had := w.state[v]
			if had >= as {
				continue
			}
			w.state[v] = as
			w.next = append(w.next, v)
			if had != 0 {
				continue
			}
			if len(w.hops) == most {
				return exec.RowLimit(most)
			}
			w.hops = append(w.hops, hop{from[i], v, edges[j], depth})
			if err := w.r.Charge(hopBytes); err != nil {
				return err
			}
		}
		return nil
	})
}

// unresolved adds the gap for calls spelled like the symbol or one of those it affects.
func (w *impactWalk) unresolved(ctx context.Context, out *Relations) error {
	const most = 1024
	vs := []*exec.Vertex{w.r.Vertex(out.Symbol.ID)}
	callables := graph.NewKindSet(graph.Function, graph.Method, graph.Constructor)
	more := false
	for i := range out.Relations {
		s := out.Relations[i].Symbol
		if !callables.Has(s.Kind) {
			continue
		}
		if len(vs) == most {
			more = true
			break
		}
		vs = append(vs, w.r.Vertex(s.ID))
	}
	if err := w.r.Fetch(ctx, vs, false); err != nil {
		return err
	}
	n, err := w.unresolvedNamed(ctx, vs)
	atLeast := ""
	if more {
		atLeast = "at least "
	}
	w.gap(GapUnresolved, n, false, "%s%d calls spelled like affected symbols are not resolved",
		atLeast, n)
	return err
}
