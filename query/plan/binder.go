package plan

import (
	"fmt"
	"slices"

	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/query/parse"
)

// Codes of errors that only the planner finds, in the words of the openCypher test suite.
const (
	codeVariable    parse.Code = "UndefinedVariable"
	codeBound       parse.Code = "VariableAlreadyBound"
	codeConflict    parse.Code = "VariableTypeConflict"
	codeAggregation parse.Code = "InvalidAggregation"
	codeAmbiguous   parse.Code = "AmbiguousAggregationExpression"
	codeFunction    parse.Code = "UnknownFunction"
	codeArguments   parse.Code = "InvalidNumberOfArguments"
	codeArgument    parse.Code = "InvalidArgumentType"
	codeLabel       parse.Code = "UnknownLabel"
	codeEdgeType    parse.Code = "UnknownType"
	codeProperty    parse.Code = "UnknownProperty"
	codeColumns     parse.Code = "DifferentColumnsInUnion"
	codeConstant    parse.Code = "NonConstantExpression"
	codeColumnName  parse.Code = "ColumnNameConflict"
)

// scope maps names to slots, in the order in which they were bound.
type scope struct {
	names []string
	slots map[string]*Slot
}

func newScope() *scope { return &scope{slots: map[string]*Slot{}} }

func (s *scope) clone() *scope {
	c := &scope{names: slices.Clone(s.names), slots: make(map[string]*Slot, len(s.slots))}
	for name, slot := range s.slots {
		c.slots[name] = slot
	}
	return c
}

func (s *scope) set(name string, slot *Slot) {
	if s.slots[name] == nil {
		s.names = append(s.names, name)
	}
	s.slots[name] = slot
}

// boundSlots returns the slots of all names.
func (s *scope) boundSlots() slotSet {
	out := slotSet{}
	for _, slot := range s.slots {
		out[slot.N] = true
	}
	return out
}

// binder plans one part of a query. It leaves by panicking with a *parse.Error.
type binder struct {
	text    string
	scope   *scope
	width   int
	pending []*Collect // steps that the expression being bound needs before it
	calls   bool       // edges of type CALLS are followed
	group   *grouping  // while the expressions of a grouping projection are bound
	local   slotSet    // slots that comprehensions around here bind
	unique  bool       // equal rows up to the next projection count once
}

// fail leaves with an error at a place.
func (b *binder) fail(at parse.Span, code parse.Code, hint, format string, args ...any) {
	err := parse.ErrorAt(b.text, at, code, fmt.Sprintf(format, args...), hint)
	panic(err)
}

func didYouMean(word string, names []string) string {
	if near := nearest(word, names); near != "" {
		return "did you mean " + near + "?"
	}
	return ""
}

// slot makes a slot.
func (b *binder) slot(name string, kind VarKind) *Slot {
	b.width++
	return &Slot{N: b.width - 1, Kind: kind, Name: name}
}

// hidden makes a slot that no query can name.
func (b *binder) hidden(what string, kind VarKind) *Slot {
	return b.slot(fmt.Sprintf("%s#%d", what, b.width), kind)
}

// lookup returns the slot of a variable.
func (b *binder) lookup(at parse.Span, name string) *Slot {
	slot := b.scope.slots[name]
	if slot == nil {
		b.fail(at, codeVariable, didYouMean(name, b.scope.names), "variable %s is not defined", name)
	}
	return slot
}

// labels returns the kinds that a condition on labels allows; zero stands for any.
func (b *binder) labels(l parse.Labels) graph.KindSet {
	var set graph.KindSet
	for i, n := range l.Names {
		kinds, ok := graph.ParseLabel(n.Text)
		if !ok {
			b.fail(n.Span, codeLabel, didYouMean(n.Text, labelNames()), "there is no label %s", n.Text)
		}
		switch {
		case i == 0:
			set = kinds
		case l.Any:
			set |= kinds
		default:
			set &= kinds
		}
	}
	if len(l.Names) > 0 && set == 0 {
		return noKind
	}
	return set
}

// noKind is a set that no vertex is in.
const noKind = graph.KindSet(1 << graph.KindNone)

func labelNames() []string {
	out := graph.LabelGroupNames()
	for _, k := range graph.Kinds {
		out = append(out, k.Label)
	}
	return out
}

// types returns the edge types of a pattern; zero stands for any.
func (b *binder) types(names []parse.Name) graph.EdgeSet {
	var set graph.EdgeSet
	for _, n := range names {
		set |= graph.NewEdgeSet(b.edgeType(n))
	}
	if set.Allows(graph.Calls) {
		b.calls = true
	}
	return set
}

func (b *binder) edgeType(n parse.Name) graph.EdgeType {
	t, ok := graph.ParseEdgeType(n.Text)
	if !ok {
		var names []string
		for _, e := range graph.EdgeTypes {
			names = append(names, e.Name)
		}
		b.fail(n.Span, codeEdgeType, didYouMean(n.Text, names), "there is no edge type %s", n.Text)
	}
	return t
}

// checkProperty refuses names of properties that vertices or edges never have.
func (b *binder) checkProperty(kind VarKind, key parse.Name) {
	var known []graph.PropertyInfo
	what := "vertices"
	switch kind {
	case VertexVar:
		known = graph.VertexProperties
	case EdgeVar:
		known, what = graph.EdgeProperties, "edges"
	case EdgeListVar:
		b.fail(key.Span, codeArgument, "take an element, or use a list comprehension",
			"a list of edges has no properties")
	default:
		return
	}
	var names []string
	for _, p := range known {
		if p.Name == key.Text {
			return
		}
		names = append(names, p.Name)
	}
	b.fail(key.Span, codeProperty, didYouMean(key.Text, names), "%s have no property %s", what,
		key.Text)
}

// takePending returns the steps that the expressions bound since need, and forgets them.
func (b *binder) takePending() []Op {
	var out []Op
	for _, c := range b.pending {
		out = append(out, c)
	}
	b.pending = nil
	return out
}
