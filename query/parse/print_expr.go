package parse

import (
	"strconv"
	"strings"
)

// precOf is how tightly the printed form of e binds.
func precOf(e Expr) int {
	switch e := e.(type) {
	case *Binary:
		return opPrec[e.Op]
	case *Unary:
		return opPrec[e.Op]
	case *Chain:
		return precCompare
	case *IsNull:
		return precPredicate
	case *HasLabels:
		return precLabel
	case *Pattern:
		if e.Path.Shortest == AnyPath {
			return precCompare // inside arithmetic its dashes would be misread
		}
	case *Int, *Float:
		return precUnary // after a minus or before a dot a number needs parentheses
	}
	return precPrimary
}

// expr prints e, in parentheses if it binds weaker than least.
func (w *printer) expr(e Expr, least int) {
	labels, ok := e.(*HasLabels)
	switch {
	case ok && w.barStops && labels.Labels.Any && least > precCompare:
		w.str("((") // a single pair and a dash after it would read as a vertex and an edge
		w.inside(func() { w.bare(e) })
		w.str("))")
	case ok && w.barStops && labels.Labels.Any, precOf(e) < least:
		w.str("(")
		w.inside(func() { w.bare(e) })
		w.str(")")
	default:
		w.bare(e)
	}
}

// inside prints what stands in brackets, where "|" has no special meaning again.
func (w *printer) inside(print func()) {
	w.bars(false, print)
}

// bars prints with barStops set as given.
func (w *printer) bars(stops bool, print func()) {
	saved := w.barStops
	w.barStops = stops
	print()
	w.barStops = saved
}

// bare prints e without parentheses around it.
func (w *printer) bare(e Expr) {
	switch e := e.(type) {
	case *Unary:
		w.unary(e)
	case *Binary:
		w.binary(e)
	case *Chain:
		w.expr(e.First, precCompare+1)
		for _, t := range e.Rest {
			w.str(" " + t.Op.String() + " ")
			w.expr(t.X, precCompare+1)
		}
	case *IsNull:
		w.expr(e.X, precPredicate)
		if e.Not {
			w.str(" IS NOT NULL")
		} else {
			w.str(" IS NULL")
		}
	case *HasLabels:
		w.expr(e.Of, precPrimary)
		w.labels(e.Labels)
	case *Property:
		w.expr(e.Of, precPrimary)
		w.str(".")
		w.name(e.Key.Text)
	case *Index:
		w.expr(e.Of, precPrimary)
		w.str("[")
		w.inside(func() { w.expr(e.Key, precOr) })
		w.str("]")
	case *Slice:
		w.slice(e)
	default:
		w.inside(func() { w.primary(e) })
	}
}

func (w *printer) unary(e *Unary) {
	w.str(e.Op.String())
	least := opPrec[e.Op]
	switch e.Op {
	case Not:
		w.str(" ")
	case Neg:
		switch e.X.(type) {
		case *Int, *Float:
			least = precPrimary // without parentheses the minus would be part of the number
		}
	}
	w.expr(e.X, least)
}

func (w *printer) binary(e *Binary) {
	prec := opPrec[e.Op]
	if e.Op.Comparison() {
		w.expr(e.Left, prec+1)
	} else {
		w.expr(e.Left, prec)
	}
	w.str(" " + e.Op.String() + " ")
	w.expr(e.Right, prec+1)
}

func (w *printer) slice(e *Slice) {
	w.expr(e.Of, precPrimary)
	w.str("[")
	w.inside(func() {
		if e.From != nil {
			w.expr(e.From, precOr)
		}
		w.str("..")
		if e.To != nil {
			w.expr(e.To, precOr)
		}
	})
	w.str("]")
}

// primary prints an expression without operators at its top.
func (w *printer) primary(e Expr) {
	switch e := e.(type) {
	case *Int:
		w.out = strconv.AppendInt(w.out, e.Value, 10)
	case *Float:
		w.out = appendFloat(w.out, e.Value)
	case *String:
		w.out = appendString(w.out, e.Value)
	case *Bool:
		w.out = strconv.AppendBool(w.out, e.Value)
	case *Null:
		w.str("null")
	case *Param:
		w.param(e.Name)
	case *Variable:
		w.variable(e.Name)
	case *List:
		w.str("[")
		w.listItems(e.Items)
		w.str("]")
	case *Map:
		w.mapLiteral(e)
	case *Func:
		w.function(e)
	case *Pattern:
		w.path(&e.Path)
	default:
		w.compound(e)
	}
}

// compound prints an expression that has clauses of its own.
func (w *printer) compound(e Expr) {
	switch e := e.(type) {
	case *Case:
		w.caseOf(e)
	case *ListComp:
		w.listComp(e)
	case *PatternComp:
		w.patternComp(e)
	case *Quantifier:
		w.str(quantifierNames[e.Kind])
		w.variable(e.Var.Text)
		w.str(" IN ")
		w.expr(e.List, precOr)
		w.where(e.Where)
		w.str(")")
	case *Reduce:
		w.reduce(e)
	case *Subquery:
		if e.Kind == CountOf {
			w.str("COUNT { ")
		} else {
			w.str("EXISTS { ")
		}
		w.statement(e.Body)
		w.str(" }")
	}
}

var quantifierNames = [...]string{AllOf: "all(", AnyOf: "any(", NoneOf: "none(", OneOf: "single("}

// param prints a parameter; unlike other names it may start with a digit.
func (w *printer) param(name string) {
	w.str("$")
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return !identPart(r) }) {
		name = quoteName(name)
	}
	w.str(name)
}

func (w *printer) list(items []Expr) {
	for i, e := range items {
		w.sep(i)
		w.expr(e, precOr)
	}
}

// listItems prints the elements of a list. A single element must not read as a comprehension.
func (w *printer) listItems(items []Expr) {
	least := precOr
	if len(items) == 1 && startsWithIn(items[0]) {
		least = precPrimary
	}
	w.bars(true, func() {
		for i, e := range items {
			w.sep(i)
			w.expr(e, least)
		}
	})
}

// startsWithIn tells whether e prints as a variable and IN, and perhaps more.
func startsWithIn(e Expr) bool {
	for {
		switch x := e.(type) {
		case *Binary:
			if v, ok := x.Left.(*Variable); ok && v != nil && x.Op == MemberOf {
				return true
			}
			e = x.Left
		case *Chain:
			e = x.First
		case *IsNull:
			e = x.X
		default:
			return false
		}
	}
}

func (w *printer) mapLiteral(m *Map) {
	w.str("{")
	for i, entry := range m.Entries {
		w.sep(i)
		w.name(entry.Key.Text)
		w.str(": ")
		w.expr(entry.Value, precOr)
	}
	w.str("}")
}

func (w *printer) function(f *Func) {
	w.str(f.Name.Text)
	w.str("(")
	if f.Distinct {
		w.str("DISTINCT ")
	}
	if f.Star {
		w.str("*")
	}
	w.list(f.Args)
	w.str(")")
}

func (w *printer) caseOf(c *Case) {
	w.str("CASE")
	w.bound(" ", c.Subject)
	for _, when := range c.Whens {
		w.str(" WHEN ")
		w.expr(when.Cond, precOr)
		w.str(" THEN ")
		w.expr(when.Then, precOr)
	}
	w.bound(" ELSE ", c.Else)
	w.str(" END")
}

func (w *printer) listComp(c *ListComp) {
	w.str("[")
	w.variable(c.Var.Text)
	w.str(" IN ")
	w.bars(true, func() {
		w.expr(c.List, precOr)
		w.where(c.Where)
	})
	w.bound(" | ", c.Yield)
	w.str("]")
}

func (w *printer) patternComp(c *PatternComp) {
	w.str("[")
	w.path(&c.Path)
	w.bars(true, func() { w.where(c.Where) })
	w.str(" | ")
	w.expr(c.Yield, precOr)
	w.str("]")
}

func (w *printer) reduce(r *Reduce) {
	w.str("reduce(")
	w.variable(r.Acc.Text)
	w.str(" = ")
	w.expr(r.Init, precOr)
	w.str(", ")
	w.variable(r.Var.Text)
	w.str(" IN ")
	w.bars(true, func() { w.expr(r.List, precOr) })
	w.str(" | ")
	w.expr(r.Yield, precOr)
	w.str(")")
}
