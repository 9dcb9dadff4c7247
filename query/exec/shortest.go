package exec

import (
	"context"
	"slices"

	"github.com/codegraphdb/codegraph/graph"
)

// PathSearch asks for a shortest path between two vertices. Out follows edges from source to
// target, In the other way; both ignore the direction.
type PathSearch struct {
	From, To *Vertex
	Out, In  bool
	Types    graph.EdgeSet // zero means any
	Max      int           // edges
}

// side is one half of a search from both ends: how each vertex was reached.
type side struct {
	via      map[*Vertex]EdgeID // zero for the end itself
	frontier []*Vertex
	out, in  bool
	depth    int
}

// ShortestPath searches from both ends, one level of the smaller frontier at a time. It returns
// the edges from From to To; found is true without edges where both are the same vertex.
func (r *Reader) ShortestPath(ctx context.Context, q PathSearch) (path []EdgeID, found bool,
	err error) {
	if q.From == q.To {
		return nil, true, nil
	}
	head := &side{via: map[*Vertex]EdgeID{q.From: {}}, frontier: []*Vertex{q.From}, out: q.Out,
		in: q.In}
	tail := &side{via: map[*Vertex]EdgeID{q.To: {}}, frontier: []*Vertex{q.To}, out: q.In, in: q.Out}
	var charged int64
	defer func() { r.held -= charged }()
	for head.depth+tail.depth < q.Max && len(head.frontier) > 0 && len(tail.frontier) > 0 {
		s, other := head, tail
		if len(tail.frontier) < len(head.frontier) {
			s, other = tail, head
		}
		before := len(s.via)
		met, err := r.grow(ctx, s, other, q.Types)
		if err != nil {
			return nil, false, err
		}
		if met != nil {
			return join(head, tail, met), true, nil
		}
		n := int64(len(s.via)-before) * 2 * handleBytes
		charged += n
		if err := r.Charge(n); err != nil {
			return nil, false, err
		}
	}
	return nil, false, nil
}

// grow walks one level and returns the first vertex that the other side has reached.
func (r *Reader) grow(ctx context.Context, s, other *side, types graph.EdgeSet) (*Vertex, error) {
	var next []*Vertex
	var met *Vertex
	spec := graph.ExpandSpec{Out: s.out, In: s.in, Types: types}
	level := s.frontier
	err := r.Expand(ctx, level, spec, func(i int, edges []graph.HalfEdge) error {
		for j := range edges {
			h := &edges[j]
			v := r.Vertex(h.Other)
			if _, seen := s.via[v]; seen {
				continue
			}
			e := EdgeID{Src: level[i], Type: h.Type, Dst: v}
			if !h.Out {
				e.Src, e.Dst = v, level[i]
			}
			s.via[v] = e
			next = append(next, v)
			if _, hit := other.via[v]; hit {
				met = v
				return errFound
			}
		}
		return nil
	})
	if err != nil && err != errFound {
		return nil, err
	}
	s.frontier = next
	s.depth++
	return met, nil
}

// join puts the two halves together at the vertex where they met.
func join(head, tail *side, met *Vertex) []EdgeID {
	var path []EdgeID
	for v := met; head.via[v].Src != nil; {
		e := head.via[v]
		path = append(path, e)
		v = e.other(v)
	}
	slices.Reverse(path)
	for v := met; tail.via[v].Src != nil; {
		e := tail.via[v]
		path = append(path, e)
		v = e.other(v)
	}
	return path
}

// other returns the end of e that is not v.
func (e EdgeID) other(v *Vertex) *Vertex {
	if e.Src == v {
		return e.Dst
	}
	return e.Src
}

// allShortest returns every shortest path, sorted as its search finds them.
func (r *Reader) allShortest(ctx context.Context, q PathSearch) ([][]EdgeID, error) {
	if q.From == q.To {
		return [][]EdgeID{nil}, nil
	}
	via := map[*Vertex][]EdgeID{q.From: nil}
	level := []*Vertex{q.From}
	spec := graph.ExpandSpec{Out: q.Out, In: q.In, Types: q.Types}
	for depth := 0; depth < q.Max && len(level) > 0; depth++ {
		var next []*Vertex
		fresh := map[*Vertex][]EdgeID{}
		err := r.Expand(ctx, level, spec, func(i int, edges []graph.HalfEdge) error {
			for j := range edges {
				v := r.Vertex(edges[j].Other)
				if _, before := via[v]; before {
					continue
				}
				if fresh[v] == nil {
					next = append(next, v)
				}
				fresh[v] = append(fresh[v], newEdge(level[i], v, &edges[j]).id)
			}
			return r.Charge(int64(len(edges)) * edgeBytes)
		})
		if err != nil {
			return nil, err
		}
		for v, ids := range fresh {
			via[v] = ids
		}
		if fresh[q.To] != nil {
			return r.backward(via, q.To)
		}
		level = next
	}
	return nil, nil
}

// backward lists the paths that lead to a vertex.
func (r *Reader) backward(via map[*Vertex][]EdgeID, to *Vertex) ([][]EdgeID, error) {
	if via[to] == nil {
		return [][]EdgeID{nil}, nil
	}
	var out [][]EdgeID
	for _, e := range via[to] {
		heads, err := r.backward(via, e.other(to))
		if err != nil {
			return nil, err
		}
		for _, head := range heads {
			out = append(out, append(slices.Clip(head), e))
			if err := r.Charge(int64(len(head)+1) * edgeBytes); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}
