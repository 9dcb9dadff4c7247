package parse

import "strconv"

// primary reads an operand without operators. Inside it, "|" has no special meaning again.
func (p *parser) primary() Expr {
	p.enter()
	saved := p.barStops
	p.barStops = false
	e := p.atom()
	p.barStops = saved
	p.leave()
	return e
}

func (p *parser) atom() Expr {
	start := p.at()
	switch p.cur.kind {
	case tokInt, tokFloat:
		return p.number(start, false)
	case tokString:
		return p.stringLiteral()
	case tokParam:
		return p.param()
	case tokLBracket:
		return p.bracketed()
	case tokLBrace:
		return p.mapLiteral()
	case tokLParen:
		if p.patternAt(p.i) {
			return p.pattern()
		}
		p.advance()
		e := p.expr()
		p.expect(tokRParen)
		return e
	case tokIdent:
		return p.word()
	case tokQuoted:
		n := p.name()
		return &Variable{Span: n.Span, Name: n.Text}
	}
	p.wants.add(termExpr)
	p.unexpected()
	return nil
}

// number reads a number; negative says that a minus at start belongs to it.
func (p *parser) number(start int, negative bool) Expr {
	text, kind, at := p.text[p.cur.start:p.cur.end], p.cur.kind, p.at()
	p.advance()
	if kind == tokInt {
		v, err := parseInt(text, negative)
		if err != nil {
			p.fail(at, CodeInteger, "the number "+clip(text)+" does not fit into 64 bits", "")
		}
		return &Int{Span: p.span(start), Value: v}
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		p.fail(at, CodeFloat, "the number "+clip(text)+" is too large", "")
	}
	if negative {
		v = -v
	}
	return &Float{Span: p.span(start), Value: v}
}

func (p *parser) stringLiteral() Expr {
	start := p.at()
	v, bad := unquoteString(p.text[p.cur.start:p.cur.end])
	if bad != nil {
		p.fail(start+bad.at, bad.code, bad.message, bad.hint)
	}
	p.advance()
	return &String{Span: p.span(start), Value: v}
}

func (p *parser) param() Expr {
	start := p.at()
	name := p.text[start+1 : p.cur.end]
	if name[0] == '`' {
		name = unquoteName(name)
	}
	p.advance()
	return &Param{Span: p.span(start), Name: name}
}

func (p *parser) mapLiteral() Expr {
	start := p.at()
	p.expect(tokLBrace)
	m := &Map{}
	for p.cur.kind != tokRBrace {
		key := p.name()
		p.expect(tokColon)
		m.Entries = append(m.Entries, MapEntry{Key: key, Value: p.expr()})
		if !p.accept(tokComma) {
			break
		}
		if p.cur.kind == tokRBrace {
			p.wants.add(termName)
			p.unexpected()
		}
	}
	p.expect(tokRBrace)
	m.Span = p.span(start)
	return m
}

// exprs reads expressions separated by commas, perhaps none, and the bracket that closes them.
func (p *parser) exprs(closer tok) []Expr {
	if p.cur.kind == closer {
		p.advance()
		return nil
	}
	p.wants.add(term(closer))
	list := make([]Expr, 0, 1)
	for {
		list = append(list, p.expr())
		if !p.accept(tokComma) {
			p.expect(closer)
			return list
		}
	}
}

// pattern reads a path pattern as an expression.
func (p *parser) pattern() Expr {
	start := p.at()
	e := &Pattern{}
	p.chain(&e.Path, true)
	e.Path.Span = p.span(start)
	e.Span = e.Path.Span
	return e
}

// word reads an operand that starts with an unquoted word.
func (p *parser) word() Expr {
	start := p.at()
	switch p.cur.kw {
	case kwTrue, kwFalse:
		v := p.cur.kw == kwTrue
		p.advance()
		return &Bool{Span: p.span(start), Value: v}
	case kwNull:
		p.advance()
		return &Null{Span: p.span(start)}
	case kwCase:
		return p.caseOf()
	}
	if p.cur.kw.reserved() {
		p.wants.add(termExpr)
		p.unexpected()
	}
	if p.ahead(1) == tokLBrace && (p.cur.kw == kwExists || p.cur.kw == kwCount) {
		return p.subquery()
	}
	if p.ahead(1) == tokLParen {
		if e := p.special(); e != nil {
			return e
		}
	}
	if p.callAhead() {
		return p.function()
	}
	n := p.name()
	return &Variable{Span: n.Span, Name: n.Text}
}

// callAhead tells whether a dotted name and a parenthesis stand here.
func (p *parser) callAhead() bool {
	i := p.i
	for p.kindAt(i+1) == tokDot && p.kindAt(i+2) == tokIdent {
		i += 2
	}
	return p.kindAt(i+1) == tokLParen
}

func (p *parser) function() Expr {
	exists := p.cur.kw == kwExists
	f := &Func{Name: p.dotted()}
	p.expect(tokLParen)
	f.Distinct = p.acceptWord(kwDistinct)
	if p.cur.kind == tokStar {
		p.advance()
		f.Star = true
		p.expect(tokRParen)
	} else {
		f.Args = p.exprs(tokRParen)
	}
	for _, arg := range f.Args {
		if !exists {
			p.refusePattern(arg)
		}
	}
	f.Span = p.span(f.Name.Start)
	return f
}

// special reads what looks like a call and is not one; nil if it is one.
func (p *parser) special() Expr {
	start := p.at()
	switch p.cur.kw {
	case kwAll:
		return p.quantifier(AllOf)
	case kwAny:
		return p.quantifier(AnyOf)
	case kwNone:
		return p.quantifier(NoneOf)
	case kwSingle:
		return p.quantifier(OneOf)
	case kwReduce:
		return p.reduce()
	case kwShortest, kwAllShortest:
		e := &Pattern{}
		p.shortest(&e.Path)
		e.Path.Span = p.span(start)
		e.Span = e.Path.Span
		return e
	}
	return nil
}
