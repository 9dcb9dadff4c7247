package parse

import "strings"

// query reads a whole query up to the end of the text.
func (p *parser) query() *Statement {
	mode := Run
	switch {
	case p.cur.kw == kwExplain:
		mode = Explain
	case p.cur.kw == kwProfile:
		mode = Profile
	}
	start := p.at()
	if mode != Run {
		p.advance()
	}
	s := p.statement(false)
	s.Mode = mode
	s.Span = p.span(start)
	p.accept(tokSemicolon)
	p.expect(tokEOF)
	return s
}

// statement reads parts joined by UNION. The parts of a subquery need no RETURN.
func (p *parser) statement(inner bool) *Statement {
	s := &Statement{Text: p.text}
	start := p.at()
	s.Parts = append(s.Parts, p.part(inner))
	for p.cur.kw == kwUnion {
		at := p.at()
		p.advance()
		all := p.acceptWord(kwAll)
		if len(s.Parts) > 1 && all != s.UnionAll {
			p.fail(at, CodeComposition, "UNION and UNION ALL cannot be mixed in one query", "")
		}
		s.UnionAll = all
		s.Parts = append(s.Parts, p.part(inner))
	}
	p.wants.add(wordTerm(kwUnion))
	s.Span = p.span(start)
	return s
}

// part reads clauses up to RETURN or to a token that starts none.
func (p *parser) part(inner bool) Part {
	part := Part{Clauses: make([]Clause, 0, 2)}
	start := p.at()
	for {
		c := p.clause(inner)
		if c == nil {
			break
		}
		part.Clauses = append(part.Clauses, c)
		if _, ok := c.(*Return); ok {
			p.afterReturn(inner)
			part.Span = p.span(start)
			return part
		}
	}
	part.Span = p.span(start)
	p.wantClauses()
	n := len(part.Clauses)
	switch {
	case n == 0:
		p.unexpected()
	case inner:
	case n == 1 && isCall(part.Clauses[0]):
	case p.cur.kind == tokEOF || p.cur.kind == tokSemicolon || p.cur.kw == kwUnion:
		e := newError(p.text, p.at(), CodeComposition, "the query does not end with RETURN")
		e.Expected = p.wants.words()
		e.Hint = p.hint()
		panic(e)
	default:
		p.unexpected()
	}
	return part
}

func isCall(c Clause) bool {
	_, ok := c.(*Call)
	return ok
}

// wantClauses records that a clause could start here.
func (p *parser) wantClauses() {
	for _, kw := range [...]keyword{kwMatch, kwOptional, kwUnwind, kwCall, kwWith, kwReturn} {
		p.wants.add(wordTerm(kw))
	}
}

// clauseAhead tells whether the current word starts a clause.
func (p *parser) clauseAhead() bool {
	switch p.cur.kw {
	case kwMatch, kwOptional, kwUnwind, kwCall, kwWith, kwReturn, kwLoad, kwUse:
		return true
	}
	return p.cur.kw.write()
}

// clause reads one clause; nil if the current token starts none.
func (p *parser) clause(inner bool) Clause {
	switch p.cur.kw {
	case kwMatch, kwOptional:
		return p.match()
	case kwUnwind:
		return p.unwind()
	case kwCall:
		return p.call()
	case kwWith:
		return p.with()
	case kwReturn:
		return p.ret()
	}
	if p.clauseAhead() {
		p.refuse(inner)
	}
	return nil
}

// refuse ends parsing at a clause that is known but not supported.
func (p *parser) refuse(inner bool) {
	word := strings.ToUpper(p.text[p.cur.start:p.cur.end])
	switch {
	case !p.cur.kw.write():
		p.fail(p.at(), CodeUnsupported, word+" is not supported", "")
	case inner:
		p.fail(p.at(), CodeComposition, "a subquery cannot write: "+word, "")
	}
	p.fail(p.at(), CodeUnsupported, "writes are not supported yet: "+word,
		"the graph is changed by ingesting repositories")
}

// afterReturn fails if another clause follows RETURN.
func (p *parser) afterReturn(inner bool) {
	if !p.clauseAhead() {
		return
	}
	if p.cur.kw.write() && !inner {
		p.refuse(inner)
	}
	p.fail(p.at(), CodeComposition, "RETURN must be the last clause",
		"pass rows on to further clauses with WITH")
}

func (p *parser) match() *Match {
	m := &Match{}
	start := p.at()
	if p.acceptWord(kwOptional) {
		m.Optional = true
	}
	p.expectWord(kwMatch)
	m.Paths = p.paths()
	m.Where = p.where()
	m.Span = p.span(start)
	return m
}

// where reads an optional WHERE.
func (p *parser) where() Expr {
	if !p.acceptWord(kwWhere) {
		return nil
	}
	return p.expr()
}

func (p *parser) unwind() *Unwind {
	start := p.at()
	p.advance()
	u := &Unwind{List: p.expr()}
	p.expectWord(kwAs)
	u.As = p.variable()
	u.Span = p.span(start)
	return u
}

func (p *parser) call() *Call {
	start := p.at()
	p.advance()
	if p.cur.kind == tokLBrace {
		p.fail(start, CodeUnsupported, "CALL { } subqueries are not supported yet", "")
	}
	c := &Call{Procedure: p.dotted(), Implicit: true}
	if p.accept(tokLParen) {
		c.Implicit = false
		c.Args = p.exprs(tokRParen)
	}
	if p.acceptWord(kwYield) {
		if c.Star = p.accept(tokStar); !c.Star {
			c.Yield = p.yields()
			c.Where = p.where()
		}
	}
	c.Span = p.span(start)
	return c
}

func (p *parser) yields() []YieldItem {
	var items []YieldItem
	for {
		start := p.at()
		item := YieldItem{Field: p.variable()}
		if p.acceptWord(kwAs) {
			item.As = p.variable()
		}
		item.Span = p.span(start)
		items = append(items, item)
		if !p.accept(tokComma) {
			return items
		}
	}
}

func (p *parser) with() *With {
	start := p.at()
	p.advance()
	w := &With{}
	p.projection(&w.Projection)
	w.Where = p.where()
	w.Span = p.span(start)
	return w
}

func (p *parser) ret() *Return {
	start := p.at()
	p.advance()
	r := &Return{}
	p.projection(&r.Projection)
	r.Span = p.span(start)
	return r
}

// projection reads what follows WITH or RETURN.
func (p *parser) projection(out *Projection) {
	out.Distinct = p.acceptWord(kwDistinct)
	out.Star = p.accept(tokStar)
	if !out.Star || p.accept(tokComma) {
		out.Items = p.items()
	}
	if p.acceptWord(kwOrder) {
		p.expectWord(kwBy)
		out.OrderBy = p.sortItems()
	}
	if p.acceptWord(kwSkip) {
		out.Skip = p.expr()
	}
	if p.acceptWord(kwLimit) {
		out.Limit = p.expr()
	}
}

func (p *parser) items() []Item {
	items := make([]Item, 0, 2)
	for {
		start := p.at()
		item := Item{Expr: p.expr()}
		p.refusePattern(item.Expr)
		if p.acceptWord(kwAs) {
			item.As = p.variable()
		}
		item.Span = p.span(start)
		items = append(items, item)
		if !p.accept(tokComma) {
			return items
		}
	}
}

// refusePattern fails if e is a pattern predicate: it can be tested, but is not a value.
func (p *parser) refusePattern(e Expr) {
	if pattern, ok := e.(*Pattern); ok && pattern.Path.Shortest == AnyPath {
		p.fail(e.Bounds().Start, CodeSyntax, "a pattern can be tested, but is not a value",
			"write EXISTS { (a)-->(b) }, or collect what it finds with [(a)-->(b) | b]")
	}
}

func (p *parser) sortItems() []SortItem {
	var items []SortItem
	for {
		start := p.at()
		item := SortItem{Expr: p.expr()}
		switch {
		case p.acceptWord(kwDesc), p.acceptWord(kwDescending):
			item.Descending = true
		case p.acceptWord(kwAsc), p.acceptWord(kwAscending):
		}
		item.Span = p.span(start)
		items = append(items, item)
		if !p.accept(tokComma) {
			return items
		}
	}
}
