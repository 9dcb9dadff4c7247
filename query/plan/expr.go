package plan

import (
	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/query/parse"
)

// Expr is a bound expression: *Const, *Param, *Slot, *Prop, *Index, *Slice, *HasKind, *HasType,
// *Unary, *Binary, *IsNull, *Call, *Case, *ListComp, *Quantifier, *Reduce, *List or *Map.
type Expr interface{ bound() }

// VarKind is what is known of a value before the query runs.
type VarKind uint8

// The kinds of values.
const (
	Any VarKind = iota
	VertexVar
	EdgeVar
	EdgeListVar
	PathVar
)

// Const is a literal: nil, bool, int64, float64 or string.
type Const struct{ Value any }

// Param is a parameter.
type Param struct{ Name string }

// Slot is a variable: a place in the row.
type Slot struct {
	N    int
	Kind VarKind
	Name string // for people
}

// Prop is a property of a vertex or edge, or an entry of a map.
type Prop struct {
	Of  Expr
	Key string
}

// Index is list[i] or map[key].
type Index struct{ Of, Key Expr }

// Slice is list[from..to]; From and To may be nil.
type Slice struct{ Of, From, To Expr }

// HasKind tells whether a vertex has one of Kinds.
type HasKind struct {
	Of    Expr
	Kinds graph.KindSet
	Text  string // the labels as written
}

// HasType tells whether an edge has one of Types.
type HasType struct {
	Of    Expr
	Types graph.EdgeSet
	Text  string
}

// Unary is an operator before its operand.
type Unary struct {
	Op parse.Op
	X  Expr
}

// Binary is an operator between two operands.
type Binary struct {
	Op   parse.Op
	L, R Expr
}

// IsNull is x IS NULL, or IS NOT NULL.
type IsNull struct {
	X   Expr
	Not bool
}

// Call is the call of a function, by its name in lower case.
type Call struct {
	Fn   string
	Args []Expr
}

// Case is CASE; Subject and Else may be nil.
type Case struct {
	Subject    Expr
	When, Then []Expr
	Else       Expr
}

// ListComp is [slot IN list WHERE where | yield]; Where and Yield may be nil.
type ListComp struct {
	Slot               *Slot
	List, Where, Yield Expr
}

// Quantifier is all, any, none or single of slot IN list WHERE where.
type Quantifier struct {
	Kind        parse.QuantifierKind
	Slot        *Slot
	List, Where Expr
}

// Reduce folds a list.
type Reduce struct {
	Acc, Slot         *Slot
	Init, List, Yield Expr
}

// List is a list of expressions.
type List struct{ Items []Expr }

// Map is a map; Keys and Values belong together.
type Map struct {
	Keys   []string
	Values []Expr
}

func (*Const) bound()      {}
func (*Param) bound()      {}
func (*Slot) bound()       {}
func (*Prop) bound()       {}
func (*Index) bound()      {}
func (*Slice) bound()      {}
func (*HasKind) bound()    {}
func (*HasType) bound()    {}
func (*Unary) bound()      {}
func (*Binary) bound()     {}
func (*IsNull) bound()     {}
func (*Call) bound()       {}
func (*Case) bound()       {}
func (*ListComp) bound()   {}
func (*Quantifier) bound() {}
func (*Reduce) bound()     {}
func (*List) bound()       {}
func (*Map) bound()        {}

// Children returns the operands of e in the order of the text, without nil ones. The slots that a
// comprehension binds are not operands.
func Children(e Expr) []Expr {
	var out []Expr
	add := func(list ...Expr) {
		for _, x := range list {
			if x != nil {
				out = append(out, x)
			}
		}
	}
	switch e := e.(type) {
	case *Prop:
		add(e.Of)
	case *Index:
		add(e.Of, e.Key)
	case *Slice:
		add(e.Of, e.From, e.To)
	case *HasKind:
		add(e.Of)
	case *HasType:
		add(e.Of)
	case *Unary:
		add(e.X)
	case *Binary:
		add(e.L, e.R)
	case *IsNull:
		add(e.X)
	case *Call:
		add(e.Args...)
	case *Case:
		add(e.Subject)
		add(e.When...)
		add(e.Then...)
		add(e.Else)
	case *ListComp:
		add(e.List, e.Where, e.Yield)
	case *Quantifier:
		add(e.List, e.Where)
	case *Reduce:
		add(e.Init, e.List, e.Yield)
	case *List:
		add(e.Items...)
	case *Map:
		add(e.Values...)
	}
	return out
}

// slotSet is a set of slots.
type slotSet map[int]bool

// uses adds the slots that e reads.
func (s slotSet) uses(e Expr) {
	if slot, ok := e.(*Slot); ok {
		s[slot.N] = true
	}
	for _, c := range Children(e) {
		s.uses(c)
	}
	switch e := e.(type) { // what a comprehension binds itself is not read from outside
	case *ListComp:
		delete(s, e.Slot.N)
	case *Quantifier:
		delete(s, e.Slot.N)
	case *Reduce:
		delete(s, e.Slot.N)
		delete(s, e.Acc.N)
	}
}

// within tells whether all slots are among bound.
func (s slotSet) within(bound slotSet) bool {
	for n := range s {
		if !bound[n] {
			return false
		}
	}
	return true
}
