package plan

import (
	"github.com/codegraphdb/codegraph/query/parse"
)

// grouping is the state while the items of a projection with aggregates are bound.
type grouping struct {
	keys   map[string]*Slot // text of a key's expression -> its slot
	aggs   []Agg
	inside bool // within the argument of an aggregate
	// sorting is set for ORDER BY: there, any name in scope may stand beside the columns.
	sorting bool
}

// grouped returns the slot of a grouping key that e repeats.
func (b *binder) grouped(e parse.Expr) *Slot {
	if b.group == nil || b.group.inside || len(b.group.keys) == 0 {
		return nil
	}
	return b.group.keys[parse.ExprString(e)]
}

// aggregate binds an aggregate and returns the slot of its result.
func (b *binder) aggregate(e *parse.Func, f function) Expr {
	g := b.group
	switch {
	case g == nil:
		b.fail(e.Span, codeAggregation, "aggregates stand in RETURN or WITH",
			"%s cannot be used here", f.name)
	case g.inside:
		b.fail(e.Span, codeAggregation, "aggregate in a WITH first",
			"an aggregate cannot stand in an aggregate")
	case g.sorting:
		b.fail(e.Span, codeAggregation, "return it under a name and order by the name",
			"ORDER BY can use an aggregate only if it is a column")
	case len(b.local) > 0:
		b.fail(e.Span, codeAggregation, "aggregate in a WITH first",
			"an aggregate cannot stand in a list comprehension")
	}
	agg := Agg{To: b.hidden(f.name, Any), Fn: f.name, Distinct: e.Distinct}
	if e.Star {
		if f.name != "count" {
			b.fail(e.Span, codeArguments, "", "only count takes *")
		}
	} else {
		b.checkArgs(e, f)
		g.inside = true
		agg.Arg = b.expr(e.Args[0])
		g.inside = false
	}
	g.aggs = append(g.aggs, agg)
	return agg.To
}

// hasAggregate tells whether e holds an aggregate.
func hasAggregate(e parse.Expr) bool {
	found := false
	walk(e, func(x parse.Expr) {
		if f, ok := x.(*parse.Func); ok {
			if known, ok := findFunction(f.Name.Text); ok && known.aggregate {
				found = true
			}
		}
	})
	return found
}

// walk calls visit for e and all expressions below it that are not within a subquery or pattern.
func walk(e parse.Expr, visit func(parse.Expr)) {
	if e == nil {
		return
	}
	visit(e)
	for _, c := range children(e) {
		walk(c, visit)
	}
}

func children(e parse.Expr) []parse.Expr {
	var out []parse.Expr
	add := func(list ...parse.Expr) {
		for _, x := range list {
			if x != nil {
				out = append(out, x)
			}
		}
	}
	switch e := e.(type) {
	case *parse.List:
		add(e.Items...)
	case *parse.Map:
		for _, x := range e.Entries {
			add(x.Value)
		}
	case *parse.Property:
		add(e.Of)
	case *parse.Index:
		add(e.Of, e.Key)
	case *parse.Slice:
		add(e.Of, e.From, e.To)
	case *parse.HasLabels:
		add(e.Of)
	case *parse.Unary:
		add(e.X)
	case *parse.Binary:
		add(e.Left, e.Right)
	case *parse.Chain:
		add(e.First)
		for _, t := range e.Rest {
			add(t.X)
		}
	case *parse.IsNull:
		add(e.X)
	case *parse.Func:
		add(e.Args...)
	case *parse.Case:
		add(e.Subject)
		for _, w := range e.Whens {
			add(w.Cond, w.Then)
		}
		add(e.Else)
	case *parse.ListComp:
		add(e.List, e.Where, e.Yield)
	case *parse.Quantifier:
		add(e.List, e.Where)
	case *parse.Reduce:
		add(e.Init, e.List, e.Yield)
	}
	return out
}
