package plan

import (
	"strings"

	"github.com/codegraphdb/codegraph/query/parse"
)

// projected is a planned WITH or RETURN.
type projected struct {
	ops   []Op
	names []string
	slots []*Slot
	texts map[string]*Slot // text of an item's expression -> its slot
}

// projection plans a WITH or RETURN up to its LIMIT. Afterwards the scope has the new names only.
func (b *binder) projection(p *parse.Projection, last bool) *projected {
	pr := &projected{texts: map[string]*Slot{}}
	old := b.scope
	grouped := false
	for _, item := range p.Items {
		grouped = grouped || hasAggregate(item.Expr)
	}
	next := newScope()
	if p.Star {
		if len(old.names) == 0 && last {
			b.fail(p.Span, codeVariable, "", "RETURN * needs at least one variable")
		}
		for _, name := range old.names {
			pr.names, pr.slots = append(pr.names, name), append(pr.slots, old.slots[name])
			next.set(name, old.slots[name])
		}
	}
	if grouped {
		b.grouping(p, pr, next)
	} else {
		b.plain(p, pr, next)
	}
	b.order(p, pr, next, grouped)
	b.scope = next
	b.bounds(p, pr)
	return pr
}

// column adds a column under its name.
func (b *binder) column(pr *projected, next *scope, item *parse.Item, slot *Slot) {
	name := b.columnName(item)
	if next.slots[name] != nil {
		at := item.Span
		b.fail(at, codeColumnName, "give it another name with AS", "column %s stands there twice",
			name)
	}
	pr.names, pr.slots = append(pr.names, name), append(pr.slots, slot)
	pr.texts[parse.ExprString(item.Expr)] = slot
	next.set(name, slot)
}

func (b *binder) columnName(item *parse.Item) string {
	if item.As.Present() {
		return item.As.Text
	}
	if v, ok := item.Expr.(*parse.Variable); ok {
		return v.Name
	}
	return strings.TrimSpace(b.text[item.Start:item.End])
}

// plain plans a projection without aggregates.
func (b *binder) plain(p *parse.Projection, pr *projected, next *scope) {
	op := &Project{}
	for i := range p.Items {
		item := &p.Items[i]
		e := b.expr(item.Expr)
		slot, same := e.(*Slot)
		if !same {
			slot = b.slot(b.columnName(item), exprKind(e))
			op.Items = append(op.Items, Assign{slot, e})
		}
		b.column(pr, next, item, slot)
	}
	pr.ops = append(pr.ops, b.takePending()...)
	if len(op.Items) > 0 {
		pr.ops = append(pr.ops, op)
	}
	if p.Distinct {
		pr.ops = append(pr.ops, &Distinct{Slots: pr.slots})
	}
}

// exprKind is what is known of the value of an expression.
func exprKind(e Expr) VarKind {
	switch e := e.(type) {
	case *Slot:
		return e.Kind
	case *Call:
		f, _ := findFunction(e.Fn)
		return f.result
	}
	return Any
}

// grouping plans a projection with aggregates: the items without them are the keys.
func (b *binder) grouping(p *parse.Projection, pr *projected, next *scope) {
	agg := &Aggregate{}
	g := &grouping{keys: map[string]*Slot{}}
	for i, name := range pr.names { // of *
		key := pr.slots[i]
		agg.Keys = append(agg.Keys, Assign{key, key})
		g.keys[name] = key
	}
	slots := make([]*Slot, len(p.Items))
	for i := range p.Items {
		item := &p.Items[i]
		if hasAggregate(item.Expr) {
			continue
		}
		e := b.expr(item.Expr)
		slots[i] = b.slot(b.columnName(item), exprKind(e))
		agg.Keys = append(agg.Keys, Assign{slots[i], e})
		g.keys[parse.ExprString(item.Expr)] = slots[i]
	}
	after := &Project{}
	b.group = g
	for i := range p.Items {
		item := &p.Items[i]
		if slots[i] == nil {
			e := b.expr(item.Expr)
			slot, direct := e.(*Slot)
			if !direct {
				slot = b.slot(b.columnName(item), Any)
				after.Items = append(after.Items, Assign{slot, e})
			}
			slots[i] = slot
		}
		b.column(pr, next, item, slots[i])
	}
	b.group = nil
	agg.Aggs = g.aggs
	pr.ops = append(append(pr.ops, b.takePending()...), agg)
	if len(after.Items) > 0 {
		pr.ops = append(pr.ops, after)
	}
	if p.Distinct {
		pr.ops = append(pr.ops, &Distinct{Slots: pr.slots})
	}
}

// order plans ORDER BY. After aggregates and DISTINCT it sees the columns only, else the variables
// before the projection too.
func (b *binder) order(p *parse.Projection, pr *projected, next *scope, grouped bool) {
	if len(p.OrderBy) == 0 {
		return
	}
	old := b.scope
	b.scope = next.clone()
	if !grouped && !p.Distinct {
		b.scope = old.clone()
		for _, name := range next.names {
			b.scope.set(name, next.slots[name])
		}
	}
	sort := &Sort{}
	for _, k := range p.OrderBy {
		b.group = &grouping{keys: pr.texts}
		e := b.sortExpr(k.Expr)
		b.group = nil
		sort.Keys = append(sort.Keys, SortKey{e, k.Descending})
	}
	b.scope = old
	pr.ops = append(append(pr.ops, b.takePending()...), sort)
}

// sortExpr binds a sort key; parts of it that repeat a column stand for the column.
func (b *binder) sortExpr(e parse.Expr) Expr {
	b.group.sorting = true
	return b.expr(e)
}

// bounds plans SKIP and LIMIT.
func (b *binder) bounds(p *parse.Projection, pr *projected) {
	skip, limit := b.constant(p.Skip, "SKIP"), b.constant(p.Limit, "LIMIT")
	if n := len(pr.ops); n > 0 && limit != nil {
		if s, ok := pr.ops[n-1].(*Sort); ok {
			s.Skip, s.Limit = skip, limit
		}
	}
	if skip != nil {
		pr.ops = append(pr.ops, &Skip{skip})
	}
	if limit != nil {
		pr.ops = append(pr.ops, &Limit{limit})
	}
}

// constant binds an expression without variables.
func (b *binder) constant(e parse.Expr, clause string) Expr {
	if e == nil {
		return nil
	}
	walk(e, func(x parse.Expr) {
		switch x.(type) {
		case *parse.Variable, *parse.Pattern, *parse.Subquery, *parse.PatternComp:
			b.fail(x.Bounds(), codeConstant, "use a number or a parameter",
				"%s cannot depend on the rows", clause)
		}
	})
	if n, ok := e.(*parse.Int); ok && n.Value < 0 {
		b.fail(e.Bounds(), codeArgument, "", "%s cannot be negative", clause)
	}
	if _, ok := e.(*parse.Float); ok {
		b.fail(e.Bounds(), codeArgument, "", "%s takes a whole number", clause)
	}
	return b.expr(e)
}
