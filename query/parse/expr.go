package parse

import "fmt"

// The binding powers, weakest first.
const (
	precOr = iota + 1
	precXor
	precAnd
	precNot
	precCompare
	precPredicate
	precAdd
	precMul
	precPow
	precUnary
	precLabel
	precPrimary
)

var opPrec = [opCount]int{
	Or: precOr, Xor: precXor, And: precAnd, Not: precNot, Eq: precCompare, Neq: precCompare,
	Lt: precCompare, Le: precCompare, Gt: precCompare, Ge: precCompare, MemberOf: precPredicate,
	StartsWith: precPredicate, EndsWith: precPredicate, Contains: precPredicate,
	Regex: precPredicate, Add: precAdd, Sub: precAdd, Concat: precAdd, Mul: precMul, Div: precMul,
	Mod: precMul, Pow: precPow, Neg: precUnary, Pos: precUnary,
}

// expr reads an expression.
func (p *parser) expr() Expr { return p.operators(precOr) }

// operators reads operands joined by operators that bind at least as tightly as least.
func (p *parser) operators(least int) Expr {
	start := p.at()
	left := p.prefix(least)
	var compared Expr // left, if it is a comparison that a further one would chain to
	for {
		if p.cur.kw == kwIs && least <= precPredicate {
			p.countOperator()
			left = p.isNull(start, left)
			continue
		}
		op := p.operator()
		if op == NoOp || opPrec[op] < least {
			p.wants.add(termOperator)
			return left
		}
		p.countOperator()
		p.advance()
		if op == StartsWith || op == EndsWith {
			p.expectWord(kwWith)
		}
		right := p.operators(opPrec[op] + 1)
		switch {
		case !op.Comparison():
			left = &Binary{Span: p.span(start), Op: op, Left: left, Right: right}
		case compared == left:
			left = chainOn(left, ChainTerm{Op: op, X: right}, p.span(start))
			compared = left
		default:
			left = &Binary{Span: p.span(start), Op: op, Left: left, Right: right}
			compared = left
		}
	}
}

// countOperator bounds the depth of the tree: operators that follow each other nest to the left.
func (p *parser) countOperator() {
	p.operatorCount++
	if p.operatorCount > MaxOperators {
		p.fail(p.at(), CodeTooLarge, fmt.Sprintf("the query has more than %d operators", MaxOperators),
			"pass a list as a parameter and use IN or UNWIND")
	}
}

// chainOn adds a term to a comparison: a < b becomes a < b < c.
func chainOn(left Expr, t ChainTerm, span Span) Expr {
	if c, ok := left.(*Chain); ok {
		c.Rest = append(c.Rest, t)
		c.Span = span
		return c
	}
	b := left.(*Binary)
	return &Chain{Span: span, First: b.Left, Rest: []ChainTerm{{Op: b.Op, X: b.Right}, t}}
}

// isNull reads IS [NOT] NULL after its operand.
func (p *parser) isNull(start int, x Expr) Expr {
	p.advance()
	not := p.acceptWord(kwNot)
	p.expectWord(kwNull)
	return &IsNull{Span: p.span(start), X: x, Not: not}
}

// operator is the binary operator at the current token.
func (p *parser) operator() Op {
	switch p.cur.kind {
	case tokIdent:
		return wordOperator(p.cur.kw)
	case tokEq:
		return Eq
	case tokNeq:
		return Neq
	case tokLt:
		return Lt
	case tokLe:
		return Le
	case tokGt:
		return Gt
	case tokGe:
		return Ge
	case tokRegex:
		return Regex
	}
	return arithmetic(p.cur.kind)
}

func wordOperator(kw keyword) Op {
	switch kw {
	case kwAnd:
		return And
	case kwOr:
		return Or
	case kwXor:
		return Xor
	case kwIn:
		return MemberOf
	case kwStarts:
		return StartsWith
	case kwEnds:
		return EndsWith
	case kwContains:
		return Contains
	}
	return NoOp
}

func arithmetic(kind tok) Op {
	switch kind {
	case tokPlus:
		return Add
	case tokMinus:
		return Sub
	case tokConcat:
		return Concat
	case tokStar:
		return Mul
	case tokSlash:
		return Div
	case tokPercent:
		return Mod
	case tokCaret:
		return Pow
	}
	return NoOp
}

// prefix reads an operand with the operators before it.
func (p *parser) prefix(least int) Expr {
	start, op := p.at(), NoOp
	switch {
	case p.cur.kw == kwNot:
		op = Not
		if least > precNot {
			p.fail(start, CodeSyntax, "NOT binds weaker than the operator before it",
				"put the negation in parentheses")
		}
	case p.cur.kind == tokMinus:
		if e := p.negative(); e != nil {
			return e
		}
		op = Neg
	case p.cur.kind == tokPlus:
		op = Pos
	default:
		return p.postfix(start, p.primary())
	}
	p.enter()
	p.advance()
	u := &Unary{Op: op}
	if op == Not {
		u.X = p.operators(precNot)
	} else {
		u.X = p.prefix(precUnary)
	}
	u.Span = p.span(start)
	p.leave()
	return u
}

// negative reads a minus and the number right after it as one literal; nil if there is none.
func (p *parser) negative() Expr {
	if k := p.ahead(1); k != tokInt && k != tokFloat {
		return nil
	}
	switch p.ahead(2) {
	case tokDot, tokLBracket, tokColon:
		return nil
	}
	start := p.at()
	p.advance()
	return p.number(start, true)
}

// postfix reads the properties, indexes, slices and labels after an operand.
func (p *parser) postfix(start int, e Expr) Expr {
	for {
		switch p.cur.kind {
		case tokDot:
			p.countOperator()
			p.advance()
			key := p.name()
			e = &Property{Span: p.span(start), Of: e, Key: key}
		case tokLBracket:
			p.countOperator()
			e = p.index(start, e)
		case tokColon:
			p.advance()
			labels := p.labels()
			return &HasLabels{Span: p.span(start), Of: e, Labels: labels}
		default:
			return e
		}
	}
}

// index reads [key] or [from..to] after its operand.
func (p *parser) index(start int, of Expr) Expr {
	p.enter()
	saved := p.barStops
	p.barStops = false
	p.advance()
	var from, to Expr
	if p.cur.kind != tokDotDot {
		from = p.expr()
	}
	slice := p.accept(tokDotDot)
	if slice && p.cur.kind != tokRBracket {
		to = p.expr()
	}
	p.expect(tokRBracket)
	p.barStops = saved
	p.leave()
	if slice {
		return &Slice{Span: p.span(start), Of: of, From: from, To: to}
	}
	return &Index{Span: p.span(start), Of: of, Key: from}
}
