package query

import (
	"context"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/codegraphdb/codegraph/graph"
)

// TestPatternsAgainstBruteForce compares patterns on small random graphs with a matcher that tries
// everything and shares no code with the planner.
func TestPatternsAgainstBruteForce(t *testing.T) {
	const graphs, patterns = 60, 60
	for seed := range int64(graphs) {
		rng := rand.New(rand.NewSource(seed))
		source, err := newMemSource(randomGraph(rng))
		if err != nil {
			t.Fatal(err)
		}
		env := &Env{Source: source, Snapshot: &source.snap}
		for range patterns {
			p := randomPattern(rng)
			sink := &tableSink{}
			if _, err := env.Execute(context.Background(), p.text(), nil, sink); err != nil {
				t.Fatalf("seed %d: %s: %v", seed, p.text(), err)
			}
			got := slices.Sorted(slices.Values(sink.lines))
			want := p.bruteForce(source)
			if !slices.Equal(got, want) {
				text, _ := Explain(p.text())
				t.Fatalf("seed %d: %s\n%s\ngot  %d %q\nwant %d %q", seed, p.text(), text, len(got), got,
					len(want), want)
			}
		}
	}
}

var (
	testKinds = []string{"Function", "Struct"}
	testTypes = []string{"CALLS", "REFERENCES"}
)

// randomGraph has up to six vertices that are there, v0 to v5, two that are only pointed at, and
// loops.
func randomGraph(rng *rand.Rand) string {
	var b strings.Builder
	b.WriteString("repo demo\n")
	n := 3 + rng.Intn(4)
	for i := range n {
		fmt.Fprintf(&b, "%s p.v%d complexity=%d\n", testKinds[rng.Intn(2)], i, 1+rng.Intn(3))
	}
	for range 2 + rng.Intn(2*n) {
		to := fmt.Sprintf("p.v%d", rng.Intn(n))
		if rng.Intn(6) == 0 {
			to = fmt.Sprintf("x.x%d", rng.Intn(2))
		}
		fmt.Fprintf(&b, "p.v%d -%s-> %s\n", rng.Intn(n), testTypes[rng.Intn(2)], to)
	}
	return b.String()
}

// testNode is (name:label {name: is}).
type testNode struct {
	name, label, is string
}

// testHop is -[name:types*min..max]-> and where it leads.
type testHop struct {
	name     string
	types    []string
	dir      int // 0 both, 1 out, 2 in
	min, max int // 1, 1 without *
	to       testNode
}

type testPath struct {
	start testNode
	hops  []testHop
}

type testPattern struct {
	paths    []testPath
	distinct bool
	columns  []string // names of nodes
	edges    []string // names of edges
	less     [2]string
	lonely   string // this node must not have an outgoing CALLS edge
	route    bool   // the nodes of the first path are a column
}

func randomPattern(rng *rand.Rand) *testPattern {
	p := &testPattern{distinct: rng.Intn(3) == 0}
	names, edges := 0, 0
	node := func() testNode {
		n := testNode{name: fmt.Sprintf("n%d", names)}
		if names > 0 && rng.Intn(5) == 0 {
			n.name = fmt.Sprintf("n%d", rng.Intn(names))
		} else {
			names++
		}
		switch rng.Intn(8) {
		case 0, 1:
			n.label = testKinds[rng.Intn(2)]
		case 2:
			n.is = []string{"v0", "v1", "v2", "x0"}[rng.Intn(4)]
		case 3:
			if rng.Intn(3) == 0 {
				n.label = "ExternalSymbol"
			}
		}
		return n
	}
	for range 1 + rng.Intn(2) {
		path := testPath{start: node()}
		for range rng.Intn(3) {
			h := testHop{dir: rng.Intn(3), min: 1, max: 1}
			if rng.Intn(3) > 0 {
				h.types = testTypes[:1+rng.Intn(2)]
			}
			if rng.Intn(3) == 0 {
				h.min = rng.Intn(3)
				h.max = h.min + rng.Intn(2) + 1
			} else if rng.Intn(2) == 0 {
				h.name = fmt.Sprintf("e%d", edges)
				p.edges = append(p.edges, h.name)
				edges++
			}
			h.to = node()
			path.hops = append(path.hops, h)
		}
		p.paths = append(p.paths, path)
	}
	for i := range names {
		if i == 0 || rng.Intn(2) == 0 {
			p.columns = append(p.columns, fmt.Sprintf("n%d", i))
		}
	}
	if names > 1 && rng.Intn(4) == 0 {
		p.less = [2]string{"n0", "n1"}
	}
	p.route = rng.Intn(3) == 0
	if rng.Intn(4) == 0 {
		p.lonely = fmt.Sprintf("n%d", rng.Intn(names))
	}
	return p
}

func (n testNode) text() string {
	text := "(" + n.name
	if n.label != "" {
		text += ":" + n.label
	}
	if n.is != "" {
		text += fmt.Sprintf(" {name: '%s'}", n.is)
	}
	return text + ")"
}

func (h testHop) text() string {
	inner := h.name
	if len(h.types) > 0 {
		inner += ":" + strings.Join(h.types, "|")
	}
	if h.min != 1 || h.max != 1 {
		inner += fmt.Sprintf("*%d..%d", h.min, h.max)
	}
	left, right := "-", "-"
	switch h.dir {
	case 1:
		right = "->"
	case 2:
		left = "<-"
	}
	return left + "[" + inner + "]" + right + h.to.text()
}

func (p *testPattern) text() string {
	var paths []string
	for _, path := range p.paths {
		text := path.start.text()
		for _, h := range path.hops {
			text += h.text()
		}
		paths = append(paths, text)
	}
	if p.route {
		paths[0] = "p = " + paths[0]
	}
	text := "MATCH " + strings.Join(paths, ", ")
	var conds []string
	if p.less[0] != "" {
		conds = append(conds, p.less[0]+".complexity < "+p.less[1]+".complexity")
	}
	if p.lonely != "" {
		conds = append(conds, "NOT ("+p.lonely+")-[:CALLS]->()")
	}
	if len(conds) > 0 {
		text += " WHERE " + strings.Join(conds, " AND ")
	}
	var items []string
	for _, c := range p.columns {
		items = append(items, c+".name")
	}
	for _, e := range p.edges {
		items = append(items, "type("+e+")")
	}
	if p.route {
		items = append(items, "[n IN nodes(p) | n.name]")
	}
	text += " RETURN "
	if p.distinct {
		text += "DISTINCT "
	}
	return text + strings.Join(items, ", ")
}

// testEdge is an edge of the graph.
type testEdge struct {
	src, dst graph.VertexID
	typ      graph.EdgeType
}

// matcher tries all ways to match a pattern.
type matcher struct {
	p       *testPattern
	m       *memSource
	all     []graph.VertexID
	edges   []testEdge
	binding map[string]graph.VertexID
	chosen  map[string]testEdge
	used    map[testEdge]bool
	routes  [][]graph.VertexID // of each path, so far
	rows    []string
}

func (p *testPattern) bruteForce(m *memSource) []string {
	x := &matcher{p: p, m: m, binding: map[string]graph.VertexID{}, chosen: map[string]testEdge{},
		used: map[testEdge]bool{}, routes: make([][]graph.VertexID, len(p.paths))}
	for id := range m.keys {
		x.all = append(x.all, id)
		for _, h := range m.edges[id] {
			if h.Out {
				x.edges = append(x.edges, testEdge{id, h.Other, h.Type})
			}
		}
	}
	x.path(0)
	slices.Sort(x.rows)
	if p.distinct {
		x.rows = slices.Compact(x.rows)
	}
	return x.rows
}

func (x *matcher) path(i int) {
	if i == len(x.p.paths) {
		x.row()
		return
	}
	path := x.p.paths[i]
	for _, v := range x.all {
		if x.m.here[v] == nil && x.alone(path.start.name) {
			continue // a vertex without edges in the pattern stands for what is ingested
		}
		x.routes[i] = []graph.VertexID{v}
		x.node(path.start, v, func() { x.hop(i, 0, v) })
	}
}

// alone tells whether a name stands in no hop and with no label.
func (x *matcher) alone(name string) bool {
	for _, path := range x.p.paths {
		if path.start.name == name && (len(path.hops) > 0 || path.start.label != "") {
			return false
		}
		for _, h := range path.hops {
			if h.to.name == name {
				return false
			}
		}
	}
	return true
}

// node goes on if v can stand for n.
func (x *matcher) node(n testNode, v graph.VertexID, next func()) {
	kind, name := graph.ExternalSymbol, x.name(v)
	if here := x.m.here[v]; here != nil {
		kind, name = here.Kind, here.Name
	}
	old, bound := x.binding[n.name]
	if bound && old != v || n.label != "" && kind.String() != n.label || n.is != "" && n.is != name {
		return
	}
	x.binding[n.name] = v
	next()
	if !bound {
		delete(x.binding, n.name)
	}
}

func (x *matcher) hop(i, j int, at graph.VertexID) {
	path := x.p.paths[i]
	if j == len(path.hops) {
		x.path(i + 1)
		return
	}
	h := path.hops[j]
	x.walk(i, h, at, 0, func(end graph.VertexID) {
		x.node(h.to, end, func() { x.hop(i, j+1, end) })
	})
}

// walk tries all trails of a hop.
func (x *matcher) walk(i int, h testHop, at graph.VertexID, length int,
	next func(graph.VertexID)) {
	if length >= h.min {
		next(at)
	}
	if length == h.max {
		return
	}
	for _, e := range x.edges {
		if x.used[e] || len(h.types) > 0 && !slices.Contains(h.types, e.typ.String()) {
			continue
		}
		var ends []graph.VertexID
		if e.src == at && h.dir != 2 {
			ends = append(ends, e.dst)
		}
		if e.dst == at && h.dir != 1 && (h.dir == 2 || e.src != e.dst) {
			ends = append(ends, e.src)
		}
		for _, end := range ends {
			x.used[e] = true
			if h.name != "" {
				x.chosen[h.name] = e
			}
			x.routes[i] = append(x.routes[i], end)
			x.walk(i, h, end, length+1, next)
			x.routes[i] = x.routes[i][:len(x.routes[i])-1]
			delete(x.used, e)
		}
	}
}

func (x *matcher) row() {
	value := func(name string) int {
		if v := x.m.here[x.binding[name]]; v != nil {
			return int(v.Complexity)
		}
		return 0 // null
	}
	a, b := value(x.p.less[0]), value(x.p.less[1])
	if x.p.less[0] != "" && (a == 0 || b == 0 || a >= b) {
		return
	}
	if x.p.lonely != "" {
		for _, e := range x.edges {
			if e.src == x.binding[x.p.lonely] && e.typ == graph.Calls {
				return
			}
		}
	}
	var cells []string
	for _, c := range x.p.columns {
		cells = append(cells, x.name(x.binding[c]))
	}
	for _, e := range x.p.edges {
		cells = append(cells, x.chosen[e].typ.String())
	}
	if x.p.route {
		var names []string
		for _, v := range x.routes[0] {
			names = append(names, x.name(v))
		}
		cells = append(cells, "["+strings.Join(names, ", ")+"]")
	}
	x.rows = append(x.rows, strings.Join(cells, " | "))
}

func (x *matcher) name(v graph.VertexID) string {
	s, _ := graph.ParseSymbol(x.m.keys[v])
	return s.Name()
}
