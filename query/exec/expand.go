package exec

import (
	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/query/plan"
)

// expandStep follows one edge from each row.
type expandStep struct {
	flow
	op *plan.Expand
}

func (s *expandStep) push(rows []row) error {
	spec := graph.ExpandSpec{Out: s.op.Out, In: s.op.In, Types: s.op.Types}
	groups, vs, err := bySource(rows, s.op.From)
	if err != nil {
		return err
	}
	if s.op.Into {
		spec.Only = targets(rows, s.op.To)
		if len(spec.Only) == 0 {
			return nil
		}
	}
	err = s.x.r.Expand(s.x.ctx, vs, spec, func(i int, edges []graph.HalfEdge) error {
		for _, w := range groups[i] {
			if err := s.follow(w, vs[i], edges); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.flush()
}

// bySource groups rows by the vertex in a slot; rows with null there are left out.
func bySource(rows []row, from *plan.Slot) (groups [][]row, vs []*Vertex, err error) {
	at := make(map[*Vertex]int, len(rows))
	for _, w := range rows {
		v, ok := w[from.N].(*Vertex)
		if !ok {
			if w[from.N] != nil {
				return nil, nil, typeError("%s is %s, not a vertex", from.Name, typeName(w[from.N]))
			}
			continue
		}
		i, known := at[v]
		if !known {
			i = len(vs)
			at[v] = i
			vs, groups = append(vs, v), append(groups, nil)
		}
		groups[i] = append(groups[i], w)
	}
	return groups, vs, nil
}

func targets(rows []row, to *plan.Slot) []graph.VertexID {
	var out []graph.VertexID
	seen := map[*Vertex]bool{}
	for _, w := range rows {
		if v, ok := w[to.N].(*Vertex); ok && !seen[v] {
			seen[v] = true
			out = append(out, v.ID)
		}
	}
	return out
}

func (s *expandStep) follow(w row, from *Vertex, edges []graph.HalfEdge) error {
	for i := range edges {
		h := &edges[i]
		if s.op.Out && !h.Out && h.Other == from.ID {
			continue // an undirected pattern finds a loop once
		}
		to := s.x.r.Vertex(h.Other)
		if s.op.Into && w[s.op.To.N] != any(to) {
			continue
		}
		var e *edge
		if s.op.Edge != nil {
			e = newEdge(from, to, h)
			if taken(w, s.op.Unique, e.id) {
				continue
			}
		}
		out := clone(w)
		out[s.op.To.N] = to
		if e != nil {
			out[s.op.Edge.N] = e
		}
		if err := s.emit(out); err != nil {
			return err
		}
	}
	return nil
}

func newEdge(from, to *Vertex, h *graph.HalfEdge) *edge {
	e := &edge{id: EdgeID{from, h.Type, to}, resolution: h.Resolution, provenance: h.Provenance,
		confidence: h.Confidence, count: h.Count}
	if !h.Out {
		e.id.Src, e.id.Dst = to, from
	}
	return e
}

// taken tells whether an edge is in one of the slots.
func taken(w row, slots []*plan.Slot, id EdgeID) bool {
	for _, slot := range slots {
		switch v := w[slot.N].(type) {
		case *edge:
			if v.id == id {
				return true
			}
		case []any:
			for _, e := range v {
				if e.(*edge).id == id {
					return true
				}
			}
		}
	}
	return false
}

// adjacency keeps the edges that a walk has read, within a quarter of the memory of the query.
type adjacency struct {
	x     *run
	spec  graph.ExpandSpec
	both  bool
	lists map[*Vertex][]link
	held  int64
}

// link is an edge and where it leads; all walks share it.
type link struct {
	to   *Vertex
	edge *edge
}

// linkBytes is what a link takes.
const linkBytes = 16 + 96

func newAdjacency(x *run, op *plan.Expand) *adjacency {
	return &adjacency{x: x, spec: graph.ExpandSpec{Out: op.Out, In: op.In, Types: op.Types},
		both: op.Out && op.In, lists: map[*Vertex][]link{}}
}

// read makes sure that the edges of vs are there.
func (a *adjacency) read(vs []*Vertex) error {
	if a.held > a.x.r.limits.MaxMemory/4 {
		clear(a.lists)
		if err := a.x.r.Charge(-a.held); err != nil {
			return err
		}
		a.held = 0
	}
	var missing []*Vertex
	for _, v := range vs {
		if _, ok := a.lists[v]; !ok {
			a.lists[v] = nil
			missing = append(missing, v)
		}
	}
	return a.x.r.Expand(a.x.ctx, missing, a.spec, func(i int, edges []graph.HalfEdge) error {
		v := missing[i]
		links := make([]link, 0, len(edges))
		for j := range edges {
			h := &edges[j]
			if a.both && !h.Out && h.Other == v.ID {
				continue // an undirected walk takes a loop once
			}
			to := a.x.r.Vertex(h.Other)
			links = append(links, link{to, newEdge(v, to, h)})
		}
		a.lists[v] = links
		n := int64(len(links))*linkBytes + 64
		a.held += n
		return a.x.r.Charge(n)
	})
}
