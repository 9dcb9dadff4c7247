package plan

import (
	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/query/parse"
)

// Costs of steps, as numbers of rows. They order steps and mean nothing else.
const (
	costSeek      = 1
	costPath      = 4
	costName      = 8
	costPrefix    = 500
	costSubstring = 5_000
	costAll       = 1_000_000
	costPointed   = 100_000_000
	costHop       = 5
	costTrail     = 1_000
)

// pointedKinds are the kinds of vertices that no index has.
var pointedKinds = graph.NewKindSet(graph.ExternalSymbol, graph.UnresolvedRef)

// run orders the steps of the pattern: it starts at the cheapest vertex, follows the cheapest edge
// as long as there is one, and starts again where a part is not connected.
func (m *matchPlan) run() {
	for _, v := range m.vertices {
		if v.bound && v.kinds != 0 {
			m.addCond(kindCond(v), nil)
		}
	}
	m.flush()
	for {
		if h := m.cheapestHop(); h != nil {
			m.follow(h)
		} else if !m.start() {
			break
		}
		m.flush()
	}
	for _, p := range m.paths {
		m.ops = append(m.ops, p)
		m.bound[p.To.N] = true
	}
	m.bound[lastOfAll] = true
	m.flush()
	delete(m.bound, lastOfAll)
	for _, c := range m.conds {
		if !c.used {
			m.fail(parse.Span{}, parse.CodeUnsupported, "write it into a WITH after the pattern",
				"the condition %s has no place in the plan", Text(c.expr))
		}
	}
}

func kindCond(v *patVertex) Expr {
	return &HasKind{Of: v.slot, Kinds: v.kinds, Text: kindText(v.kinds)}
}

// kindText writes a set of kinds as a condition on labels.
func kindText(set graph.KindSet) string {
	if set == noKind {
		return ":none"
	}
	for _, group := range graph.LabelGroupNames() {
		if kinds, _ := graph.ParseLabel(group); kinds == set {
			return ":" + group
		}
	}
	text := ""
	for i, k := range set.List() {
		if i == 0 {
			text += ":"
		} else {
			text += "|"
		}
		text += k.String()
	}
	return text
}

// flush emits the conditions whose slots are bound.
func (m *matchPlan) flush() {
	f := &Filter{}
	for _, c := range m.conds {
		if !c.used && c.needs.within(m.bound) {
			c.used = true
			if len(c.pending) > 0 {
				m.emitFilter(f)
				f = &Filter{}
				m.ops = append(m.ops, c.pending...)
			}
			f.Conds = append(f.Conds, c.expr)
		}
	}
	m.emitFilter(f)
}

func (m *matchPlan) emitFilter(f *Filter) {
	if len(f.Conds) > 0 {
		m.ops = append(m.ops, f)
	}
}

func (m *matchPlan) has(v *patVertex) bool { return m.bound[v.slot.N] }

// cheapestHop returns the next hop to follow from what is bound, nil if none is next to it.
func (m *matchPlan) cheapestHop() *patHop {
	var best *patHop
	bestCost := 0
	for _, h := range m.hops {
		l, r := m.has(h.left), m.has(h.right)
		if h.done || !l && !r || h.shortest != parse.AnyPath && !(l && r) {
			continue
		}
		cost := hopCost(h, l && r)
		if best == nil || cost < bestCost {
			best, bestCost = h, cost
		}
	}
	return best
}

func hopCost(h *patHop, into bool) int {
	cost := costHop
	if h.types == 0 {
		cost *= 2
	}
	if h.variable {
		cost = costTrail
	}
	if into {
		cost /= 5
	}
	return cost
}

// follow emits the step for a hop.
func (m *matchPlan) follow(h *patHop) {
	h.done = true
	from, to, reverse := h.left, h.right, false
	if !m.has(from) {
		from, to, reverse = h.right, h.left, true
	}
	out := h.dir == parse.Both || (h.dir == parse.Out) != reverse
	in := h.dir == parse.Both || (h.dir == parse.In) != reverse
	if h.shortest != parse.AnyPath {
		m.ops = append(m.ops, &Shortest{From: from.slot, To: to.slot, Edges: h.edge, Out: out, In: in,
			Types: h.types, Min: h.min, Max: h.max, All: h.shortest == parse.AllShortestPaths})
		m.bound[h.edge.N] = true
		return
	}
	op := &Expand{From: from.slot, To: to.slot, Edge: h.edge, Into: m.has(to), Out: out, In: in,
		Types: h.types, Variable: h.variable, Min: h.min, Max: h.max, Reverse: reverse}
	alone := true
	for _, other := range m.hops {
		if overlap(h, other) {
			alone = false
			if other.done {
				op.Unique = append(op.Unique, other.edge)
			}
		}
	}
	op.Reach = h.variable && m.unique && alone && h.edge == nil && h.min <= 1 && out != in
	m.ops = append(m.ops, op)
	if h.edge != nil {
		m.bound[h.edge.N] = true
	}
	m.arrive(to)
}

// arrive notes that a vertex is bound and filters it by its labels.
func (m *matchPlan) arrive(v *patVertex) {
	if m.has(v) {
		return
	}
	m.bound[v.slot.N] = true
	if v.kinds != 0 {
		m.ops = append(m.ops, &Filter{Conds: []Expr{kindCond(v)}})
	}
}

// access is a way to find a vertex without coming from another one.
type access struct {
	op   Op
	cost int
	cond *cond // what the access takes care of; nil if it has to be checked again
	repo *cond
}

// start emits the cheapest access to a vertex that is not bound; false if all are.
func (m *matchPlan) start() bool {
	var best *patVertex
	var bestAccess access
	for _, v := range m.vertices {
		if m.has(v) {
			continue
		}
		a := m.access(v)
		if best == nil || a.cost < bestAccess.cost {
			best, bestAccess = v, a
		}
	}
	if best == nil {
		return false
	}
	for _, c := range []*cond{bestAccess.cond, bestAccess.repo} {
		if c != nil {
			c.used = true
		}
	}
	m.ops = append(m.ops, bestAccess.op)
	m.bound[best.slot.N] = true
	return true
}

// indexed tells whether the indexes have all vertices that v may match. A vertex that edges only
// lead to may be an external symbol, which is in no index.
func (v *patVertex) indexed() bool {
	if v.kinds != 0 {
		return v.kinds&pointedKinds == 0
	}
	for _, h := range v.hops {
		if h.min > 0 && (h.left == v && h.dir == parse.Out || h.right == v && h.dir == parse.In) {
			return true
		}
	}
	return len(v.hops) == 0
}

// access returns the cheapest way to find v.
func (m *matchPlan) access(v *patVertex) access {
	best := m.kindAccess(v)
	for _, c := range m.conds {
		if c.used || len(c.pending) > 0 {
			continue
		}
		if a, ok := m.condAccess(v, c); ok && a.cost < best.cost {
			best = a
		}
	}
	repo := m.repoCond(v)
	if repo == nil {
		return best
	}
	value := repo.expr.(*Binary)
	other := value.R
	if isProp(value.R, v, "repo") {
		other = value.L
	}
	switch op := best.op.(type) {
	case *KindScan:
		if !op.Pointed {
			op.Repo, best.repo = other, repo
		}
	case *IndexScan:
		op.Repo, best.repo = other, repo
	}
	return best
}

// kindAccess finds v by its labels.
func (m *matchPlan) kindAccess(v *patVertex) access {
	op := &KindScan{To: v.slot, Kinds: v.kinds, Pointed: !v.indexed()}
	switch {
	case op.Pointed:
		return access{op: op, cost: costPointed}
	case v.kinds == 0:
		return access{op: op, cost: costAll}
	}
	cost := 0
	for _, k := range v.kinds.List() {
		cost += kindCost(k)
	}
	return access{op: op, cost: cost}
}

// kindCost is about how many vertices of a kind there are among a million.
func kindCost(k graph.VertexKind) int {
	switch k {
	case graph.Repository:
		return 10
	case graph.Package:
		return 2_000
	case graph.Directory, graph.Module, graph.Interface, graph.Enum:
		return 5_000
	case graph.File, graph.Class, graph.Constructor, graph.TypeAlias:
		return 15_000
	case graph.Struct, graph.EnumMember:
		return 30_000
	case graph.Constant, graph.Variable:
		return 60_000
	}
	return 150_000
}

// isProp tells whether e is a property of v.
func isProp(e Expr, v *patVertex, key string) bool {
	p, ok := e.(*Prop)
	return ok && p.Of == Expr(v.slot) && p.Key == key
}

// repoCond returns the condition v.repo = something that is bound.
func (m *matchPlan) repoCond(v *patVertex) *cond {
	for _, c := range m.conds {
		e, ok := c.expr.(*Binary)
		if c.used || !ok || e.Op != parse.Eq {
			continue
		}
		if isProp(e.L, v, "repo") && m.ready(e.R) || isProp(e.R, v, "repo") && m.ready(e.L) {
			return c
		}
	}
	return nil
}

// ready tells whether e can be computed from what is bound.
func (m *matchPlan) ready(e Expr) bool {
	needs := slotSet{}
	needs.uses(e)
	return needs.within(m.bound)
}

// condAccess returns the access to v that a condition allows.
func (m *matchPlan) condAccess(v *patVertex, c *cond) (access, bool) {
	e, ok := c.expr.(*Binary)
	if !ok {
		return access{}, false
	}
	many := false
	left, right := e.L, e.R
	switch e.Op {
	case parse.Eq:
		if !refersTo(left, v) {
			left, right = right, left
		}
	case parse.MemberOf:
		many = true
	case parse.StartsWith, parse.Contains, parse.EndsWith:
	default:
		return access{}, false
	}
	if !m.ready(right) || !refersTo(left, v) {
		return access{}, false
	}
	if call, ok := left.(*Call); ok {
		return m.idAccess(v, c, call, right, many)
	}
	key := left.(*Prop).Key
	if key == "key" && (e.Op == parse.Eq || many) {
		return access{op: &Seek{To: v.slot, Key: true, By: right, Many: many, Kinds: v.kinds},
			cost: costSeek, cond: c}, true
	}
	if !v.indexed() {
		return access{}, false
	}
	scan := &IndexScan{To: v.slot, Index: graph.IndexName, By: right, Many: many, Kinds: v.kinds}
	if e.Op == parse.Eq || many {
		return equalAccess(v, scan, key)
	}
	if key != "name" {
		return access{}, false
	}
	if e.Op == parse.StartsWith {
		scan.Match = graph.MatchPrefix
		return access{op: scan, cost: costPrefix}, true
	}
	scan.Match = graph.MatchSubstring
	return access{op: scan, cost: costSubstring}, true
}

// equalAccess is for a property that is equal to something.
func equalAccess(v *patVertex, scan *IndexScan, key string) (access, bool) {
	switch key {
	case "name":
		return access{op: scan, cost: costName}, true
	case "qualified_name":
		scan.Qualified = true
		return access{op: scan, cost: costPath}, true
	case "path":
		if v.kinds == graph.NewKindSet(graph.File) {
			scan.Index, scan.Base = graph.IndexPath, true
			return access{op: scan, cost: costPath}, true
		}
	}
	return access{}, false
}

// refersTo tells whether e is a property or the id of v.
func refersTo(e Expr, v *patVertex) bool {
	switch e := e.(type) {
	case *Prop:
		return e.Of == Expr(v.slot)
	case *Call:
		return (e.Fn == "id" || e.Fn == "elementid") && e.Args[0] == Expr(v.slot)
	}
	return false
}

func (m *matchPlan) idAccess(v *patVertex, c *cond, call *Call, by Expr, many bool) (access, bool) {
	if op := c.expr.(*Binary).Op; op != parse.Eq && op != parse.MemberOf {
		return access{}, false
	}
	return access{op: &Seek{To: v.slot, By: by, Many: many, Kinds: v.kinds}, cost: costSeek,
		cond: c}, true
}
