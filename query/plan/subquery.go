package plan

import (
	"github.com/codegraphdb/codegraph/query/parse"
)

// sub plans a pattern that stands in an expression, as steps that Collect runs for each row.
func (b *binder) sub(at parse.Span, mode CollectMode, plan func(inner *binder) ([]Op, Expr)) *Slot {
	if b.group != nil && !b.group.inside && !b.group.sorting {
		b.fail(at, parse.CodeUnsupported, "put it into a WITH before",
			"a pattern cannot stand beside an aggregate")
	}
	c := &Collect{To: b.hidden("pattern", Any), Mode: mode, Row: b.hidden("row", Any)}
	inner := &binder{text: b.text, scope: b.scope.clone(), width: b.width, local: b.local,
		unique: mode == CollectExists}
	c.Sub, c.Yield = plan(inner)
	b.width, b.calls = inner.width, b.calls || inner.calls
	b.pending = append(b.pending, c)
	return c.To
}

// pattern binds a path pattern in an expression: whether it matches, or the path or paths found.
func (b *binder) pattern(e *parse.Pattern) Expr {
	b.checkNoNew(&e.Path)
	if e.Path.Shortest == parse.AnyPath {
		return b.sub(e.Span, CollectExists, func(inner *binder) ([]Op, Expr) {
			return inner.match([]parse.Path{e.Path}, nil).ops, nil
		})
	}
	list := b.sub(e.Span, CollectList, func(inner *binder) ([]Op, Expr) {
		path := e.Path
		path.Var = parse.Name{Span: e.Span, Text: "path#"}
		m := inner.match([]parse.Path{path}, nil)
		return m.ops, m.paths[0].To
	})
	if e.Path.Shortest == parse.AllShortestPaths {
		return list
	}
	return &Call{"head", []Expr{list}}
}

// checkNoNew refuses variables that a pattern in an expression would bind.
func (b *binder) checkNoNew(p *parse.Path) {
	check := func(n parse.Name) {
		if n.Present() && b.scope.slots[n.Text] == nil {
			b.fail(n.Span, codeVariable, "leave the name out, or use EXISTS { }",
				"variable %s is not defined: a pattern in an expression binds nothing", n.Text)
		}
	}
	check(p.Start.Var)
	for i := range p.Hops {
		check(p.Hops[i].Edge.Var)
		check(p.Hops[i].To.Var)
	}
}

// patternComp binds [pattern WHERE cond | yield].
func (b *binder) patternComp(e *parse.PatternComp) Expr {
	return b.sub(e.Span, CollectList, func(inner *binder) ([]Op, Expr) {
		m := inner.match([]parse.Path{e.Path}, e.Where)
		yield := inner.expr(e.Yield)
		return append(m.ops, inner.takePending()...), yield
	})
}

// subquery binds EXISTS { } and COUNT { }.
func (b *binder) subquery(e *parse.Subquery) Expr {
	mode := CollectExists
	if e.Kind == parse.CountOf {
		mode = CollectCount
	}
	if len(e.Body.Parts) != 1 {
		b.fail(e.Span, parse.CodeUnsupported, "", "UNION within EXISTS or COUNT is not supported")
	}
	return b.sub(e.Span, mode, func(inner *binder) ([]Op, Expr) {
		var ops []Op
		for _, c := range e.Body.Parts[0].Clauses {
			m, ok := c.(*parse.Match)
			if !ok || m.Optional {
				b.fail(c.Bounds(), parse.CodeUnsupported, "use MATCH and WHERE only",
					"this clause is not supported within EXISTS or COUNT")
			}
			ops = append(ops, inner.match(m.Paths, m.Where).ops...)
		}
		return ops, nil
	})
}
