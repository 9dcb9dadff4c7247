package parse

import (
	"fmt"
	"math/bits"
	"unicode/utf8"
)

// Limits on what is parsed (invariant P3).
const (
	MaxQueryBytes = 1 << 20
	MaxNesting    = 200
	MaxOperators  = 50_000 // property, index and slice included
)

// parser walks the tokens of one query. It leaves by panicking with an *Error; Query recovers it.
type parser struct {
	text          string
	tokens        []token
	i             int   // index of cur
	cur           token // the token to be read next
	prevEnd       int   // where the token before cur ends
	wants         termSet
	depth         int
	operatorCount int
	barStops      bool // a "|" ends the expression: it is not part of a label condition
	lexErr        *Error
}

// Query parses the text of one query. The error is an *Error.
func Query(text string) (s *Statement, err error) {
	if len(text) > MaxQueryBytes {
		return nil, newError(text[:0], 0, CodeTooLarge, fmt.Sprintf(
			"the query has %d bytes, more than the limit of %d", len(text), MaxQueryBytes))
	}
	if at := invalidUTF8(text); at >= 0 {
		return nil, newError(text[:at], at, CodeCharacter, "the query is not UTF-8 text")
	}
	l := lex(text)
	p := parser{text: text, tokens: l.tokens, cur: l.tokens[0], lexErr: l.err}
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(*Error)
			if !ok {
				panic(r)
			}
			s, err = nil, e
		}
	}()
	return p.query(), nil
}

// invalidUTF8 is the offset of the first byte that is not UTF-8, or -1.
func invalidUTF8(text string) int {
	if utf8.ValidString(text) {
		return -1
	}
	for i, r := range text {
		if r != utf8.RuneError {
			continue
		}
		if _, size := utf8.DecodeRuneInString(text[i:]); size == 1 {
			return i
		}
	}
	return -1
}

// advance moves to the next token; the last token stays.
func (p *parser) advance() {
	p.prevEnd = int(p.cur.end)
	p.wants = termSet{}
	if p.i+1 < len(p.tokens) {
		p.i++
		p.cur = p.tokens[p.i]
	}
}

// at is where the current token starts.
func (p *parser) at() int { return int(p.cur.start) }

// span reaches from start to the end of the last token read.
func (p *parser) span(start int) Span { return Span{Start: start, End: p.prevEnd} }

// ahead is the kind of the token n places on.
func (p *parser) ahead(n int) tok { return p.kindAt(p.i + n) }

// kindAt is the kind of token i, tokEOF beyond the last one.
func (p *parser) kindAt(i int) tok {
	if i < 0 || i >= len(p.tokens) {
		return tokEOF
	}
	return p.tokens[i].kind
}

// keywordAt is the keyword that token i spells.
func (p *parser) keywordAt(i int) keyword {
	if i < 0 || i >= len(p.tokens) {
		return notKeyword
	}
	return p.tokens[i].kw
}

// accept reads the current token if it is of the kind.
func (p *parser) accept(kind tok) bool {
	if p.cur.kind == kind {
		p.advance()
		return true
	}
	p.wants.add(term(kind))
	return false
}

// expect reads a token of the kind or fails.
func (p *parser) expect(kind tok) {
	if !p.accept(kind) {
		p.unexpected()
	}
}

// acceptWord reads the current token if it is the keyword.
func (p *parser) acceptWord(kw keyword) bool {
	if p.cur.kw == kw {
		p.advance()
		return true
	}
	p.wants.add(wordTerm(kw))
	return false
}

// expectWord reads the keyword or fails.
func (p *parser) expectWord(kw keyword) {
	if !p.acceptWord(kw) {
		p.unexpected()
	}
}

// variable reads the name of a variable; reserved words must be quoted.
func (p *parser) variable() Name {
	if p.cur.kw.reserved() {
		p.wants.add(termName)
		p.unexpected()
	}
	return p.name()
}

// variableAhead tells whether variable would succeed.
func (p *parser) variableAhead() bool {
	p.wants.add(termName)
	return p.cur.kind == tokQuoted || p.cur.kind == tokIdent && !p.cur.kw.reserved()
}

// name reads a label, type, property or key; any word will do.
func (p *parser) name() Name {
	n := Name{Span: Span{Start: p.at(), End: int(p.cur.end)}}
	switch p.cur.kind {
	case tokIdent:
		n.Text = p.text[n.Start:n.End]
	case tokQuoted:
		n.Text = unquoteName(p.text[n.Start:n.End])
	case tokError:
		if p.lexErr.Code == CodeNumber {
			p.fail(p.at(), CodeSyntax, "a name cannot start with a digit", "quote it with backticks")
		}
		p.unexpected()
	default:
		p.wants.add(termName)
		p.unexpected()
	}
	p.advance()
	return n
}

// dotted reads the name of a function or procedure. Its parts are never quoted.
func (p *parser) dotted() Name {
	start := p.at()
	n := Name{Text: p.plainWord()}
	for p.cur.kind == tokDot {
		p.advance()
		n.Text += "." + p.plainWord()
	}
	n.Span = p.span(start)
	return n
}

// plainWord reads an unquoted word.
func (p *parser) plainWord() string {
	if p.cur.kind != tokIdent {
		p.wants.add(termName)
		p.unexpected()
	}
	return p.name().Text
}

// enter counts one level of nesting; leave must follow.
func (p *parser) enter() {
	p.depth++
	if p.depth > MaxNesting {
		p.fail(p.at(), CodeTooLarge, fmt.Sprintf("the query nests deeper than %d levels", MaxNesting),
			"use WITH to compute it in steps, or pass lists and maps as parameters")
	}
}

func (p *parser) leave() { p.depth-- }

// fail ends parsing with an error.
func (p *parser) fail(at int, code Code, message, hint string) {
	e := newError(p.text, at, code, message)
	e.Hint = hint
	panic(e)
}

// unexpected ends parsing at the current token, which is none of those wanted.
func (p *parser) unexpected() {
	if p.cur.kind == tokError {
		panic(p.lexErr)
	}
	message := "unexpected end of query"
	if p.cur.kind != tokEOF {
		message = "unexpected " + p.quoteToken(p.cur)
	}
	e := newError(p.text, p.at(), CodeSyntax, message)
	e.Expected = p.wants.words()
	e.Hint = p.hint()
	panic(e)
}

// quoteToken shows a token in a message.
func (p *parser) quoteToken(t token) string {
	text := clip(p.text[t.start:t.end])
	if t.kind == tokString || t.kind == tokQuoted {
		return text
	}
	return `"` + text + `"`
}

// term is something that could stand at a place in a query: a token, a keyword or a group of them.
type term uint8

const (
	termName term = term(tokCount) + term(keywordCount) + iota
	termExpr
	termOperator
	termCount
)

// wordTerm is the term of a keyword.
func wordTerm(kw keyword) term { return term(tokCount) + term(kw) }

// termSet collects what could have stood at the current token, for the error message.
type termSet [(int(termCount) + 63) / 64]uint64

func (s *termSet) add(t term) { s[t>>6] |= 1 << (t & 63) }

func (s *termSet) has(t term) bool { return s[t>>6]&(1<<(t&63)) != 0 }

// words names the terms: groups, then tokens, then keywords.
func (s *termSet) words() []string {
	var groups, rest []string
	for i, w := range s {
		for ; w != 0; w &= w - 1 {
			switch t := term(i*64 + bits.TrailingZeros64(w)); {
			case t == termName:
				groups = append(groups, "a name")
			case t == termExpr:
				groups = append(groups, "an expression")
			case t == termOperator:
				groups = append(groups, "an operator")
			case t < term(tokCount):
				rest = append(rest, tokNames[t])
			default:
				rest = append(rest, wordName(keyword(t-term(tokCount))))
			}
		}
	}
	return append(groups, rest...)
}

// wordName is the keyword as it is written, with the word that always follows it.
func wordName(kw keyword) string {
	switch kw {
	case kwOrder:
		return "ORDER BY"
	case kwShortest:
		return "shortestPath"
	case kwAllShortest:
		return "allShortestPaths"
	}
	return keywordNames[kw]
}
