package plan

import (
	"slices"

	"github.com/codegraphdb/codegraph/query/parse"
)

// Make plans a parsed query. The error is a *parse.Error.
func Make(stmt *parse.Statement) (q *Query, err error) {
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(*parse.Error)
			if !ok {
				panic(r)
			}
			q, err = nil, e
		}
	}()
	q = &Query{Distinct: len(stmt.Parts) > 1 && !stmt.UnionAll, Explain: stmt.Mode == parse.Explain,
		Profile: stmt.Mode == parse.Profile}
	for i := range stmt.Parts {
		b := &binder{text: stmt.Text, scope: newScope()}
		part, columns := b.part(&stmt.Parts[i])
		if i > 0 && !slices.Equal(columns, q.Columns) {
			b.fail(stmt.Parts[i].Span, codeColumns, "give the columns equal names with AS",
				"the parts of a UNION have different columns")
		}
		q.Columns = columns
		q.Parts = append(q.Parts, part)
		q.Calls = q.Calls || b.calls
	}
	return q, nil
}

// part plans the clauses of one part.
func (b *binder) part(p *parse.Part) (*Part, []string) {
	out := &Part{}
	var columns []string
	for i, c := range p.Clauses {
		b.unique = i+1 < len(p.Clauses) && duplicatesDoNotCount(p.Clauses[i+1:])
		switch c := c.(type) {
		case *parse.Match:
			out.Ops = append(out.Ops, b.matchClause(c)...)
		case *parse.Unwind:
			out.Ops = append(out.Ops, b.unwind(c)...)
		case *parse.With:
			out.Ops = append(out.Ops, b.with(c)...)
		case *parse.Return:
			pr := b.projection(&c.Projection, true)
			out.Ops = append(out.Ops, pr.ops...)
			columns = pr.names
			for _, s := range pr.slots {
				out.Out = append(out.Out, s.N)
			}
		case *parse.Call:
			b.fail(c.Procedure.Span, parse.CodeUnsupported, "", "procedures are not supported")
		default:
			b.fail(c.Bounds(), parse.CodeUnsupported, "", "this clause is not supported")
		}
	}
	if columns == nil {
		b.fail(p.Span, parse.CodeComposition, "", "the query returns nothing: end it with RETURN")
	}
	out.Ops = countOnly(out.Ops)
	out.Width = b.width
	return out, columns
}

// duplicatesDoNotCount tells whether the next projection gives the same for equal rows as for one.
func duplicatesDoNotCount(clauses []parse.Clause) bool {
	for _, c := range clauses {
		switch c := c.(type) {
		case *parse.With:
			return dedups(&c.Projection)
		case *parse.Return:
			return dedups(&c.Projection)
		}
	}
	return false
}

func dedups(p *parse.Projection) bool {
	grouped, safe := false, true
	for _, item := range p.Items {
		walk(item.Expr, func(e parse.Expr) {
			f, ok := e.(*parse.Func)
			if !ok {
				return
			}
			if known, ok := findFunction(f.Name.Text); ok && known.aggregate {
				grouped = true
				safe = safe && (f.Distinct || known.name == "min" || known.name == "max")
			}
		})
	}
	if grouped {
		return safe
	}
	return p.Distinct
}

func (b *binder) matchClause(c *parse.Match) []Op {
	if !c.Optional {
		return b.match(c.Paths, c.Where).ops
	}
	row := b.hidden("row", Any)
	m := b.match(c.Paths, c.Where)
	return []Op{&Optional{Sub: m.ops, Row: row, Nulls: m.fresh}}
}

func (b *binder) unwind(c *parse.Unwind) []Op {
	list := b.expr(c.List)
	ops := b.takePending()
	if b.scope.slots[c.As.Text] != nil {
		b.fail(c.As.Span, codeBound, "choose another name", "variable %s is bound already",
			c.As.Text)
	}
	kind := Any
	if s, ok := list.(*Slot); ok && s.Kind == EdgeListVar {
		kind = EdgeVar
	}
	to := b.slot(c.As.Text, kind)
	b.scope.set(c.As.Text, to)
	return append(ops, &Unwind{To: to, List: list})
}

func (b *binder) with(c *parse.With) []Op {
	pr := b.projection(&c.Projection, false)
	if c.Where == nil {
		return pr.ops
	}
	cond := b.expr(c.Where)
	return append(append(pr.ops, b.takePending()...), &Filter{Conds: splitAnd(cond)})
}

// splitAnd returns the operands of a chain of ANDs.
func splitAnd(e Expr) []Expr {
	if and, ok := e.(*Binary); ok && and.Op == parse.And {
		return append(splitAnd(and.L), splitAnd(and.R)...)
	}
	return []Expr{e}
}

// countOnly replaces counting all that a scan finds by asking for the number.
func countOnly(ops []Op) []Op {
	if len(ops) < 2 {
		return ops
	}
	scan, ok := ops[0].(*KindScan)
	agg, ok2 := ops[1].(*Aggregate)
	if !ok || !ok2 || scan.Pointed || len(agg.Keys) > 0 || len(agg.Aggs) != 1 {
		return ops
	}
	a := agg.Aggs[0]
	if a.Fn != "count" || a.Arg != nil && a.Arg != Expr(scan.To) {
		return ops
	}
	count := &CountScan{To: a.To, Kinds: scan.Kinds, Repo: scan.Repo}
	return append([]Op{count}, ops[2:]...)
}
