package exec

import (
	"slices"

	"github.com/codegraphdb/codegraph/query/plan"
)

// need says what has to be fetched before expressions are computed: of which slots the vertices,
// whether with documentation, and of which slots the places of edges.
type need struct {
	vertices map[int]bool
	edges    map[int]bool
	doc      bool
}

// needOf collects what expressions need.
func needOf(exprs ...plan.Expr) *need {
	n := &need{vertices: map[int]bool{}, edges: map[int]bool{}}
	for _, e := range exprs {
		n.expr(e)
	}
	return n
}

func (n *need) expr(e plan.Expr) {
	switch e := e.(type) {
	case nil, *plan.Const, *plan.Param, *plan.Slot:
		return
	case *plan.Prop:
		n.property(e)
	case *plan.HasKind:
		n.all(e.Of)
	case *plan.Index:
		if c, ok := e.Key.(*plan.Const); !ok || isText(c.Value) {
			n.all(e.Of)
			n.doc = true
		}
	case *plan.Call:
		switch e.Fn {
		case "properties", "keys":
			n.doc = true
			n.all(e.Args[0])
			n.places(e.Args[0])
		case "labels":
			n.all(e.Args[0])
		}
	}
	n.comprehension(e)
}

func isText(v any) bool {
	_, ok := v.(string)
	return ok
}

func (n *need) property(e *plan.Prop) {
	n.doc = n.doc || e.Key == "doc"
	if e.Key == "line" {
		n.places(e.Of)
	}
	if s, ok := e.Of.(*plan.Slot); ok && s.Kind == plan.EdgeVar {
		return
	}
	n.all(e.Of)
}

// comprehension takes what the body needs of an element as needed of the whole list.
func (n *need) comprehension(e plan.Expr) {
	for _, c := range plan.Children(e) {
		n.expr(c)
	}
	switch e := e.(type) {
	case *plan.ListComp:
		n.element(e.Slot, e.List)
	case *plan.Quantifier:
		n.element(e.Slot, e.List)
	case *plan.Reduce:
		n.element(e.Slot, e.List)
		n.element(e.Acc, e.Init)
	}
}

func (n *need) element(slot *plan.Slot, list plan.Expr) {
	if n.vertices[slot.N] {
		delete(n.vertices, slot.N)
		n.all(list)
	}
	if n.edges[slot.N] {
		delete(n.edges, slot.N)
		n.places(list)
	}
}

// all marks every slot that e reads.
func (n *need) all(e plan.Expr) { mark(n.vertices, e) }

func (n *need) places(e plan.Expr) { mark(n.edges, e) }

func mark(set map[int]bool, e plan.Expr) {
	if s, ok := e.(*plan.Slot); ok {
		set[s.N] = true
	}
	for _, c := range plan.Children(e) {
		mark(set, c)
	}
}

// prepare fetches what n needs for a batch.
func (x *run) prepare(rows []row, n *need) error {
	if len(n.edges) > 0 {
		var edges []*edge
		for _, slot := range sorted(n.edges) {
			for _, w := range rows {
				edges = collectEdges(edges, w[slot])
			}
		}
		if err := x.r.fill(x.ctx, edges); err != nil {
			return err
		}
		vs := make([]*Vertex, len(edges))
		for i, e := range edges {
			vs[i] = e.id.Src
		}
		if err := x.r.Fetch(x.ctx, vs, false); err != nil {
			return err
		}
	}
	var vs []*Vertex
	for _, slot := range sorted(n.vertices) {
		for _, w := range rows {
			vs = collectVertices(vs, w[slot])
		}
	}
	return x.r.Fetch(x.ctx, vs, n.doc)
}

func sorted(set map[int]bool) []int {
	out := make([]int, 0, len(set))
	for n := range set {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

// collectVertices appends the vertices in a value.
func collectVertices(out []*Vertex, v any) []*Vertex {
	switch v := v.(type) {
	case *Vertex:
		return append(out, v)
	case *edge:
		return append(out, v.id.Src, v.id.Dst)
	case *route:
		return append(out, v.vertices...)
	case []any:
		for _, e := range v {
			out = collectVertices(out, e)
		}
	case map[string]any:
		for _, e := range v {
			out = collectVertices(out, e)
		}
	}
	return out
}

// collectEdges appends the edges in a value.
func collectEdges(out []*edge, v any) []*edge {
	switch v := v.(type) {
	case *edge:
		return append(out, v)
	case *route:
		return append(out, v.edges...)
	case []any:
		for _, e := range v {
			out = collectEdges(out, e)
		}
	case map[string]any:
		for _, e := range v {
			out = collectEdges(out, e)
		}
	}
	return out
}
