package parse

// quantifier reads all(x IN list WHERE cond) and its kin.
func (p *parser) quantifier(kind QuantifierKind) Expr {
	start := p.at()
	p.advance()
	p.expect(tokLParen)
	q := &Quantifier{Kind: kind, Var: p.variable()}
	p.expectWord(kwIn)
	q.List = p.expr()
	q.Where = p.where()
	p.expect(tokRParen)
	q.Span = p.span(start)
	return q
}

// reduce reads reduce(acc = init, x IN list | yield).
func (p *parser) reduce() Expr {
	start := p.at()
	p.advance()
	p.expect(tokLParen)
	r := &Reduce{Acc: p.variable()}
	p.expect(tokEq)
	r.Init = p.expr()
	p.expect(tokComma)
	r.Var = p.variable()
	p.expectWord(kwIn)
	r.List = p.beforeBar()
	p.expect(tokBar)
	r.Yield = p.expr()
	p.expect(tokRParen)
	r.Span = p.span(start)
	return r
}

// beforeBar reads an expression that "|" may end.
func (p *parser) beforeBar() Expr {
	p.barStops = true
	e := p.expr()
	p.barStops = false
	return e
}

// whereBeforeBar reads an optional WHERE that "|" may end.
func (p *parser) whereBeforeBar() Expr {
	if !p.acceptWord(kwWhere) {
		return nil
	}
	return p.beforeBar()
}

// bracketed reads a list, a list comprehension or a pattern comprehension. A comma before any "|"
// or WHERE makes it a list.
func (p *parser) bracketed() Expr {
	start := p.at()
	separator := p.separator()
	list := separator == tokComma
	first := p.i + 1
	named := p.kindAt(first) == tokIdent && !p.keywordAt(first).reserved() ||
		p.kindAt(first) == tokQuoted
	switch {
	case list:
	case named && p.keywordAt(first+1) == kwIn:
		return p.listComp()
	case separator != tokBar:
	case p.patternAt(first):
		return p.patternComp()
	case named && p.kindAt(first+1) == tokEq && p.patternAt(first+2):
		return p.patternComp()
	}
	p.advance()
	items := p.exprs(tokRBracket)
	return &List{Span: p.span(start), Items: items}
}

// separator is what comes first inside the current bracket: tokComma, or tokBar for "|" and WHERE,
// or tokEOF for neither.
func (p *parser) separator() tok {
	depth := 0
	for i := p.i; i < len(p.tokens); i++ {
		switch t := p.tokens[i]; t.kind {
		case tokLParen, tokLBracket, tokLBrace:
			depth++
		case tokRParen, tokRBracket, tokRBrace:
			if depth--; depth == 0 {
				return tokEOF
			}
		case tokComma, tokBar:
			if depth == 1 {
				return t.kind
			}
		case tokIdent:
			if t.kw == kwWhere && depth == 1 {
				return tokBar
			}
		}
	}
	return tokEOF
}

func (p *parser) listComp() Expr {
	start := p.at()
	p.advance()
	c := &ListComp{Var: p.variable()}
	p.expectWord(kwIn)
	c.List = p.beforeBar()
	c.Where = p.whereBeforeBar()
	if p.accept(tokBar) {
		c.Yield = p.expr()
	}
	p.expect(tokRBracket)
	c.Span = p.span(start)
	return c
}

func (p *parser) patternComp() Expr {
	start := p.at()
	p.advance()
	c := &PatternComp{}
	at := p.at()
	if p.cur.kind != tokLParen {
		c.Path.Var = p.variable()
		p.expect(tokEq)
	}
	p.chain(&c.Path, true)
	c.Path.Span = p.span(at)
	c.Where = p.whereBeforeBar()
	p.expect(tokBar)
	c.Yield = p.expr()
	p.expect(tokRBracket)
	c.Span = p.span(start)
	return c
}

// caseOf reads CASE ... END.
func (p *parser) caseOf() Expr {
	start := p.at()
	p.advance()
	c := &Case{}
	if p.cur.kw != kwWhen {
		p.wants.add(wordTerm(kwWhen))
		c.Subject = p.expr()
	}
	for p.cur.kw == kwWhen {
		at := p.at()
		p.advance()
		w := When{Cond: p.expr()}
		p.expectWord(kwThen)
		w.Then = p.expr()
		w.Span = p.span(at)
		c.Whens = append(c.Whens, w)
	}
	p.wants.add(wordTerm(kwWhen))
	if len(c.Whens) == 0 {
		p.unexpected()
	}
	if p.acceptWord(kwElse) {
		c.Else = p.expr()
	}
	p.expectWord(kwEnd)
	c.Span = p.span(start)
	return c
}

// subquery reads EXISTS { } or COUNT { }.
func (p *parser) subquery() Expr {
	start := p.at()
	s := &Subquery{Kind: ExistsIn}
	if p.cur.kw == kwCount {
		s.Kind = CountOf
	}
	p.advance()
	p.expect(tokLBrace)
	if p.clauseAhead() {
		s.Body = p.statement(true)
	} else {
		s.Body = p.bareBody()
	}
	p.expect(tokRBrace)
	s.Span = p.span(start)
	return s
}

// bareBody reads the body of a subquery that is only a pattern and its WHERE.
func (p *parser) bareBody() *Statement {
	start := p.at()
	m := &Match{Paths: p.paths()}
	m.Where = p.where()
	m.Span = p.span(start)
	part := Part{Span: m.Span, Clauses: []Clause{m}}
	return &Statement{Span: m.Span, Parts: []Part{part}, Text: p.text}
}
