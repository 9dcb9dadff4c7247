package parse

import "math"

// paths reads path patterns separated by commas.
func (p *parser) paths() []Path {
	paths := make([]Path, 0, 1)
	for {
		paths = append(paths, p.path())
		if !p.accept(tokComma) {
			return paths
		}
	}
}

// path reads a path pattern of MATCH.
func (p *parser) path() Path {
	var path Path
	start := p.at()
	if p.variableAhead() && p.ahead(1) == tokEq {
		path.Var = p.variable()
		p.advance()
	}
	switch {
	case p.shortestAhead():
		p.shortest(&path)
	case p.cur.kind == tokLParen && p.ahead(1) == tokLParen:
		p.wrapped(&path)
	default:
		p.chain(&path, false)
	}
	path.Span = p.span(start)
	return path
}

// wrapped reads a path in extra parentheses.
func (p *parser) wrapped(path *Path) {
	p.enter()
	p.expect(tokLParen)
	if p.cur.kind == tokLParen && p.ahead(1) == tokLParen {
		p.wrapped(path)
	} else {
		p.chain(path, false)
	}
	p.expect(tokRParen)
	p.leave()
}

// shortestAhead tells whether a path search starts here.
func (p *parser) shortestAhead() bool {
	p.wants.add(wordTerm(kwShortest))
	p.wants.add(wordTerm(kwAllShortest))
	return (p.cur.kw == kwShortest || p.cur.kw == kwAllShortest) && p.ahead(1) == tokLParen
}

// shortest reads shortestPath(chain) or allShortestPaths(chain).
func (p *parser) shortest(path *Path) {
	path.Shortest = ShortestPath
	if p.cur.kw == kwAllShortest {
		path.Shortest = AllShortestPaths
	}
	p.advance()
	p.expect(tokLParen)
	p.chain(path, false)
	if len(path.Hops) != 1 {
		p.fail(path.Start.Span.Start, CodeSyntax,
			"a shortest path has exactly two ends and one edge pattern",
			"write shortestPath((a)-[:TYPE*]->(b))")
	}
	p.expect(tokRParen)
}

// chain reads vertices joined by edges. In an expression the chain ends where arithmetic begins.
func (p *parser) chain(path *Path, inExpr bool) {
	path.Start = p.vertex()
	for {
		if inExpr && !p.edgeAt(p.i) || !inExpr && p.cur.kind != tokMinus && p.cur.kind != tokLt {
			p.wants.add(term(tokMinus))
			p.wants.add(term(tokLt))
			return
		}
		var hop Hop
		p.edge(&hop.Edge)
		hop.To = p.vertex()
		path.Hops = append(path.Hops, hop)
	}
}

func (p *parser) vertex() VertexPattern {
	var v VertexPattern
	start := p.at()
	p.expect(tokLParen)
	if p.variableAhead() {
		v.Var = p.variable()
	}
	if p.accept(tokColon) {
		v.Labels = p.labels()
	}
	v.Props = p.props()
	p.expect(tokRParen)
	v.Span = p.span(start)
	return v
}

// labels reads what follows the first colon of a label condition.
func (p *parser) labels() Labels {
	l := Labels{Names: make([]Name, 0, 1)}
	start := p.prevEnd - 1
	l.Names = append(l.Names, p.name())
	all := false
	for {
		switch {
		case p.cur.kind == tokColon || p.cur.kind == tokAmp && p.ahead(1) != tokAmp:
			all = true
		case p.cur.kind == tokBar && !p.barStops:
			l.Any = true
		default:
			l.Span = p.span(start)
			return l
		}
		if all && l.Any {
			p.fail(p.at(), CodeUnsupported, `labels are joined by either ":" or "|", not by both`,
				"put one of the conditions into WHERE")
		}
		p.advance()
		l.Names = append(l.Names, p.name())
	}
}

// props reads the properties of a pattern, nil if there are none.
func (p *parser) props() Expr {
	switch p.cur.kind {
	case tokLBrace:
		return p.mapLiteral()
	case tokParam:
		return p.param()
	}
	p.wants.add(term(tokLBrace))
	return nil
}

func (p *parser) edge(e *EdgePattern) {
	start := p.at()
	in := p.accept(tokLt)
	p.expect(tokMinus)
	if p.accept(tokLBracket) {
		p.edgeDetail(e)
		p.expect(tokRBracket)
	}
	p.expect(tokMinus)
	out := p.accept(tokGt)
	switch {
	case out && !in:
		e.Direction = Out
	case in && !out:
		e.Direction = In
	}
	e.Span = p.span(start)
}

// edgeDetail reads what stands in the brackets of an edge.
func (p *parser) edgeDetail(e *EdgePattern) {
	if p.variableAhead() {
		e.Var = p.variable()
	}
	if p.accept(tokColon) {
		e.Types = append(make([]Name, 0, 1), p.name())
		for p.accept(tokBar) {
			if p.cur.kind == tokColon {
				p.advance()
			}
			e.Types = append(e.Types, p.name())
		}
	}
	if p.cur.kind == tokStar {
		e.Length = p.length()
	} else {
		p.wants.add(term(tokStar))
	}
	if p.cur.kind == tokDotDot || p.cur.kind == tokInt {
		p.fail(p.at(), CodeEdge, `a length must start with "*"`, "write *1..3, *..3, *2 or *")
	}
	e.Props = p.props()
}

// length reads *, *n, *m.., *..n or *m..n.
func (p *parser) length() Length {
	start := p.at()
	p.advance()
	l := Length{Variable: true, Min: Unbounded, Max: Unbounded}
	l.Min = p.bound()
	if p.accept(tokDotDot) {
		l.Max = p.bound()
	} else {
		l.Max = l.Min
	}
	l.Span = p.span(start)
	return l
}

// bound reads one bound of a length, Unbounded if there is none.
func (p *parser) bound() int {
	switch p.cur.kind {
	case tokInt:
		n, err := parseInt(p.text[p.cur.start:p.cur.end], false)
		if err != nil || n > math.MaxInt32 {
			p.fail(p.at(), CodeInteger, "the length is too large", "leave the bound out to have no limit")
		}
		p.advance()
		return int(n)
	case tokMinus, tokFloat, tokParam, tokIdent, tokString:
		p.fail(p.at(), CodeEdge, "the bounds of a length must be whole numbers, zero or more",
			"write *1..3, *..3, *2 or *")
	}
	p.wants.add(term(tokInt))
	return Unbounded
}

// closing is the index of the bracket that closes the one at token i, or -1.
func (p *parser) closing(i int) int {
	depth := 0
	for ; i < len(p.tokens); i++ {
		switch p.tokens[i].kind {
		case tokLParen, tokLBracket, tokLBrace:
			depth++
		case tokRParen, tokRBracket, tokRBrace:
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// patternAt tells whether the parenthesis at token i starts a path pattern of at least one edge.
// What follows a vertex decides: --(, -->, -[...]-, <-- or <-[ make an edge, anything else is
// arithmetic.
func (p *parser) patternAt(i int) bool {
	if p.kindAt(i) != tokLParen {
		return false
	}
	j := i + 1
	if k := p.kindAt(j); k == tokQuoted || k == tokIdent && !p.keywordAt(j).reserved() {
		j++
	}
	switch p.kindAt(j) {
	case tokRParen, tokColon, tokLBrace, tokParam:
	default:
		return false
	}
	end := p.closing(i)
	return end >= 0 && p.edgeAt(end+1)
}

// edgeAt tells whether an edge pattern, and not an operator, starts at token i.
func (p *parser) edgeAt(i int) bool {
	in := p.kindAt(i) == tokLt
	if in {
		i++
	}
	if p.kindAt(i) != tokMinus {
		return false
	}
	switch p.kindAt(i + 1) {
	case tokMinus:
		return p.kindAt(i+2) == tokLParen || p.kindAt(i+2) == tokGt
	case tokLBracket:
		end := p.closing(i + 1)
		return end >= 0 && p.kindAt(end+1) == tokMinus
	}
	return false
}
