package plan

import (
	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/query/parse"
)

// DefaultMaxHops is the upper bound of * and *m.. where the pattern gives none.
const DefaultMaxHops = 15

// patVertex is a vertex of the pattern of one MATCH.
type patVertex struct {
	slot  *Slot
	kinds graph.KindSet // what its labels allow; zero means any
	bound bool          // before this MATCH
	hops  []*patHop
}

// patHop is an edge of the pattern, or a path of variable length.
type patHop struct {
	left, right *patVertex
	dir         parse.Direction
	types       graph.EdgeSet
	edge        *Slot // nil as long as nobody asks for it
	named       bool
	variable    bool
	min, max    int
	shortest    parse.Shortest
	done        bool
}

// cond is a condition of WHERE or of the pattern itself.
type cond struct {
	expr    Expr
	pending []Op // steps before it
	needs   slotSet
	used    bool
}

// matchPlan plans one MATCH.
type matchPlan struct {
	*binder
	vertices []*patVertex
	hops     []*patHop
	conds    []*cond
	paths    []*MakePath
	inline   []inlineProps
	fresh    []*Slot // what this MATCH binds
	ops      []Op
	bound    slotSet
}

// match plans the paths of one MATCH, or of a pattern in an expression.
func (b *binder) match(paths []parse.Path, where parse.Expr) *matchPlan {
	m := &matchPlan{binder: b, bound: b.scope.boundSlots()}
	for i := range paths {
		m.addPath(&paths[i])
	}
	m.addProps()
	m.addWhere(where)
	m.needUnique()
	m.run()
	return m
}

// bind makes the slot of a new name, or a hidden one for no name.
func (m *matchPlan) bind(name parse.Name, what string, kind VarKind) *Slot {
	var s *Slot
	if name.Present() {
		s = m.slot(name.Text, kind)
		m.scope.set(name.Text, s)
	} else {
		s = m.hidden(what, kind)
	}
	m.fresh = append(m.fresh, s)
	return s
}

func (m *matchPlan) addPath(p *parse.Path) {
	if p.Shortest != parse.AnyPath && len(p.Hops) != 1 {
		m.fail(p.Span, parse.CodeEdge, "", "a shortest path has one edge pattern")
	}
	make := &MakePath{}
	left := m.vertex(&p.Start)
	make.Start = left.slot
	for i := range p.Hops {
		h := m.hop(&p.Hops[i].Edge, left, p)
		h.right = m.vertex(&p.Hops[i].To)
		h.left.hops, h.right.hops = append(h.left.hops, h), append(h.right.hops, h)
		m.hops = append(m.hops, h)
		left = h.right
	}
	if !p.Var.Present() {
		return
	}
	if m.scope.slots[p.Var.Text] != nil {
		m.fail(p.Var.Span, codeBound, "choose another name", "variable %s is bound already",
			p.Var.Text)
	}
	make.To = m.bind(p.Var, "path", PathVar)
	for _, h := range m.hops[len(m.hops)-len(p.Hops):] {
		h.named = true
		m.needEdge(h)
		make.Hops = append(make.Hops, PathHop{h.edge, h.right.slot, h.variable})
	}
	m.paths = append(m.paths, make)
}

// vertex returns the vertex of a pattern: the one that its name has already, or a new one.
func (m *matchPlan) vertex(p *parse.VertexPattern) *patVertex {
	var v *patVertex
	if old := m.scope.slots[p.Var.Text]; old != nil && p.Var.Present() {
		m.checkOuter(p.Var)
		if old.Kind != VertexVar && old.Kind != Any {
			m.fail(p.Var.Span, codeConflict, "choose another name", "variable %s is not a vertex",
				p.Var.Text)
		}
		for _, known := range m.vertices {
			if known.slot == old {
				v = known
			}
		}
		if v == nil {
			v = &patVertex{slot: old, bound: true}
			m.vertices = append(m.vertices, v)
		}
	} else {
		v = &patVertex{slot: m.bind(p.Var, "v", VertexVar)}
		m.vertices = append(m.vertices, v)
	}
	if kinds := m.labels(p.Labels); kinds != 0 {
		v.narrow(kinds)
	}
	if p.Props != nil {
		m.inline = append(m.inline, inlineProps{vertex: v, props: p.Props})
	}
	return v
}

// narrow adds a condition on labels.
func (v *patVertex) narrow(kinds graph.KindSet) {
	if v.kinds != 0 {
		if kinds &= v.kinds; kinds == 0 {
			kinds = noKind
		}
	}
	v.kinds = kinds
}

// checkOuter refuses variables of comprehensions in patterns: patterns are matched before them.
func (m *matchPlan) checkOuter(name parse.Name) {
	if s := m.scope.slots[name.Text]; s != nil && m.local[s.N] {
		m.fail(name.Span, parse.CodeUnsupported, "UNWIND the list and match the pattern after it",
			"a pattern cannot use %s, which a list comprehension binds", name.Text)
	}
}

func (m *matchPlan) hop(p *parse.EdgePattern, left *patVertex, path *parse.Path) *patHop {
	h := &patHop{left: left, dir: p.Direction, types: m.types(p.Types), min: 1, max: 1,
		variable: p.Length.Variable, shortest: path.Shortest}
	if h.variable {
		h.min, h.max = p.Length.Min, p.Length.Max
		if h.min == parse.Unbounded {
			h.min = 1
		}
		if h.max == parse.Unbounded {
			h.max = max(DefaultMaxHops, h.min)
		}
	}
	if h.shortest != parse.AnyPath {
		if h.min > 1 {
			m.fail(p.Length.Span, parse.CodeUnsupported, "begin the length at 0 or 1",
				"a shortest path cannot have a minimum length")
		}
		m.needEdge(h)
	}
	if p.Props != nil {
		if h.shortest != parse.AnyPath {
			m.fail(p.Props.Bounds(), parse.CodeUnsupported, "filter in WHERE after the search",
				"the edges of a shortest path cannot have properties")
		}
		m.needEdge(h)
		m.inline = append(m.inline, inlineProps{hop: h, props: p.Props})
	}
	if !p.Var.Present() {
		return h
	}
	kind := EdgeVar
	if h.variable || h.shortest != parse.AnyPath {
		kind = EdgeListVar
	}
	if m.scope.slots[p.Var.Text] != nil {
		m.boundEdge(h, p, kind)
		return h
	}
	if h.edge == nil {
		h.edge = m.bind(p.Var, "e", kind)
	} else {
		h.edge.Name = p.Var.Text
		m.scope.set(p.Var.Text, h.edge)
	}
	h.named = true
	return h
}

// boundEdge is for an edge that an earlier clause bound: the hop finds it again.
func (m *matchPlan) boundEdge(h *patHop, p *parse.EdgePattern, kind VarKind) {
	old := m.scope.slots[p.Var.Text]
	for _, s := range m.fresh {
		if s == old {
			m.fail(p.Var.Span, codeBound, "choose another name", "variable %s is bound already",
				p.Var.Text)
		}
	}
	if kind != EdgeVar || old.Kind != EdgeVar && old.Kind != Any {
		m.fail(p.Var.Span, codeConflict, "choose another name",
			"variable %s cannot be bound again here", p.Var.Text)
	}
	m.checkOuter(p.Var)
	m.needEdge(h)
	m.addCond(&Binary{parse.Eq, h.edge, old}, nil)
}

// needEdge gives a hop a slot for its edge.
func (m *matchPlan) needEdge(h *patHop) {
	if h.edge != nil {
		return
	}
	kind := EdgeVar
	if h.variable || h.shortest != parse.AnyPath {
		kind = EdgeListVar
	}
	h.edge = m.bind(parse.Name{}, "e", kind)
}

// overlap tells whether two hops could be the same edge.
func overlap(a, b *patHop) bool {
	return a != b && a.shortest == parse.AnyPath && b.shortest == parse.AnyPath &&
		(a.types == 0 || b.types == 0 || a.types&b.types != 0)
}

// needUnique gives slots to the hops that have to be compared with others.
func (m *matchPlan) needUnique() {
	for i, a := range m.hops {
		for _, b := range m.hops[:i] {
			if overlap(a, b) {
				m.needEdge(a)
				m.needEdge(b)
			}
		}
	}
}

// inlineProps is the map of a vertex or edge pattern, bound when all variables are known.
type inlineProps struct {
	vertex *patVertex
	hop    *patHop
	props  parse.Expr
}

// addProps turns the maps of patterns into conditions.
func (m *matchPlan) addProps() {
	for _, in := range m.inline {
		props, ok := in.props.(*parse.Map)
		if !ok {
			m.fail(in.props.Bounds(), parse.CodeUnsupported, "write {name: $value}",
				"a parameter cannot stand for all properties of a pattern")
		}
		for _, x := range props.Entries {
			if in.vertex != nil {
				m.checkProperty(VertexVar, x.Key)
				m.addCond(&Binary{parse.Eq, &Prop{in.vertex.slot, x.Key.Text}, m.expr(x.Value)},
					m.takePending())
				continue
			}
			m.checkProperty(EdgeVar, x.Key)
			m.addEdgeCond(in.hop, x.Key.Text, m.expr(x.Value))
		}
	}
}

// addEdgeCond compares a property of an edge, or of all edges of a list.
func (m *matchPlan) addEdgeCond(h *patHop, key string, value Expr) {
	if h.edge.Kind == EdgeVar {
		m.addCond(&Binary{parse.Eq, &Prop{h.edge, key}, value}, m.takePending())
		return
	}
	each := m.slot("e", EdgeVar)
	m.addCond(&Quantifier{Kind: parse.AllOf, Slot: each, List: h.edge,
		Where: &Binary{parse.Eq, &Prop{each, key}, value}}, m.takePending())
}

// addWhere splits WHERE at its ANDs. A condition on the label of a new vertex goes to the vertex.
func (m *matchPlan) addWhere(where parse.Expr) {
	if where == nil {
		return
	}
	if and, ok := where.(*parse.Binary); ok && and.Op == parse.And {
		m.addWhere(and.Left)
		m.addWhere(and.Right)
		return
	}
	e := m.expr(where)
	if has, ok := e.(*HasKind); ok {
		for _, v := range m.vertices {
			if v.slot == has.Of && !v.bound {
				v.narrow(has.Kinds)
				return
			}
		}
	}
	m.addCond(e, m.takePending())
}

// addCond adds a condition. One that needs steps before it waits for the whole pattern.
func (m *matchPlan) addCond(e Expr, pending []Op) {
	c := &cond{expr: e, pending: pending, needs: slotSet{}}
	c.needs.uses(e)
	for _, op := range pending {
		c.needs[lastOfAll] = true
		if sub, ok := op.(*Collect); ok {
			delete(c.needs, sub.To.N)
		}
	}
	m.conds = append(m.conds, c)
}

// lastOfAll is a slot that is bound when the whole pattern is.
const lastOfAll = -1
