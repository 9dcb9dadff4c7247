package parse

import (
	"strconv"
	"unicode"
	"unicode/utf8"
)

// lexer cuts text into tokens. It stops at the first error, which becomes a token of its own, so
// that the parser reports whatever is wrong first in the text.
type lexer struct {
	text   string
	pos    int
	tokens []token
	err    *Error
}

// lex cuts text into tokens; the last one is tokEOF or tokError.
func lex(text string) lexer {
	l := lexer{text: text, tokens: make([]token, 0, len(text)/3+8)}
	for {
		l.skipBlank()
		if l.err == nil && l.pos >= len(text) {
			l.emit(tokEOF, notKeyword, l.pos)
			return l
		}
		if l.err == nil {
			l.next()
		}
		if l.err != nil {
			l.tokens = append(l.tokens, token{
				kind: tokError, start: uint32(l.err.Offset), end: uint32(l.pos),
			})
			return l
		}
	}
}

func (l *lexer) emit(kind tok, kw keyword, start int) {
	l.tokens = append(l.tokens, token{kind: kind, kw: kw, start: uint32(start), end: uint32(l.pos)})
}

// fail records the first error.
func (l *lexer) fail(at int, code Code, message, hint string) {
	if l.err == nil {
		l.err = newError(l.text, at, code, message)
		l.err.Hint = hint
	}
}

// peek is the byte n places on, or 0.
func (l *lexer) peek(n int) byte {
	if l.pos+n < len(l.text) {
		return l.text[l.pos+n]
	}
	return 0
}

// skipBlank passes white space and comments.
func (l *lexer) skipBlank() {
	for l.pos < len(l.text) {
		c := l.text[l.pos]
		switch {
		case c == ' ' || c >= '\t' && c <= '\r' || c >= 0x1c && c <= 0x1f:
			l.pos++
		case c == '/' && l.peek(1) == '/':
			for l.pos < len(l.text) && l.text[l.pos] != '\n' {
				l.pos++
			}
		case c == '/' && l.peek(1) == '*':
			if !l.skipBlock() {
				return
			}
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRuneInString(l.text[l.pos:])
			if !unicode.IsSpace(r) && r != '\uFEFF' {
				return
			}
			l.pos += size
		default:
			return
		}
	}
}

// skipBlock passes one block comment.
func (l *lexer) skipBlock() bool {
	start := l.pos
	for l.pos += 2; l.pos+1 < len(l.text); l.pos++ {
		if l.text[l.pos] == '*' && l.text[l.pos+1] == '/' {
			l.pos += 2
			return true
		}
	}
	l.pos = len(l.text)
	l.fail(start, CodeSyntax, "the comment is not closed", `end the comment with "*/"`)
	return false
}

// next reads one token.
func (l *lexer) next() {
	c := l.text[l.pos]
	switch {
	case asciiLetter(c):
		l.ident()
	case asciiDigit(c) || c == '.' && asciiDigit(l.peek(1)):
		l.number()
	case c == '\'' || c == '"':
		l.str(c)
	case c == '`':
		start := l.pos
		if l.quoted() {
			l.emit(tokQuoted, notKeyword, start)
		}
	case c == '$':
		l.param()
	case c >= utf8.RuneSelf:
		r, _ := utf8.DecodeRuneInString(l.text[l.pos:])
		if identStart(r) {
			l.ident()
			return
		}
		l.badRune(r)
	default:
		l.punct(c)
	}
}

// ident reads an unquoted name or keyword.
func (l *lexer) ident() {
	start := l.pos
	l.identTail()
	l.emit(tokIdent, lookupKeyword(l.text[start:l.pos]), start)
}

// identTail passes the characters a name can be made of.
func (l *lexer) identTail() {
	for l.pos < len(l.text) {
		c := l.text[l.pos]
		if asciiLetter(c) || asciiDigit(c) {
			l.pos++
			continue
		}
		if c < utf8.RuneSelf {
			return
		}
		r, size := utf8.DecodeRuneInString(l.text[l.pos:])
		if !identPart(r) {
			return
		}
		l.pos += size
	}
}

// quoted passes a name in backticks and tells whether it was closed.
func (l *lexer) quoted() bool {
	start := l.pos
	for l.pos++; l.pos < len(l.text); l.pos++ {
		if l.text[l.pos] != '`' {
			continue
		}
		if l.peek(1) != '`' {
			l.pos++
			return true
		}
		l.pos++
	}
	l.fail(start, CodeSyntax, "the name in backticks is not closed", "close the name with a backtick")
	return false
}

// param reads $name, $1 or a quoted parameter.
func (l *lexer) param() {
	start := l.pos
	l.pos++
	if l.peek(0) == '`' {
		if l.quoted() {
			l.emit(tokParam, notKeyword, start)
		}
		return
	}
	l.identTail()
	if l.pos == start+1 {
		l.fail(start, CodeSyntax, `"$" must be followed by the name of a parameter`, "")
		return
	}
	l.emit(tokParam, notKeyword, start)
}

// str passes a string; its escapes are decoded when the parser uses it.
func (l *lexer) str(quote byte) {
	start := l.pos
	for l.pos++; l.pos < len(l.text); l.pos++ {
		switch l.text[l.pos] {
		case '\\':
			l.pos++
		case quote:
			l.pos++
			l.emit(tokString, notKeyword, start)
			return
		}
	}
	l.pos = len(l.text)
	l.fail(start, CodeSyntax, "the string is not closed", "close the string with "+string(rune(quote)))
}

// number passes an integer (decimal, 0x, 0o) or a float.
func (l *lexer) number() {
	start, kind := l.pos, tokInt
	if l.peek(0) == '0' && (l.peek(1)|0x20 == 'x' || l.peek(1)|0x20 == 'o') {
		l.pos += 2
	} else {
		kind = l.decimal()
	}
	l.identTail()
	text := l.text[start:l.pos]
	if !validNumber(text, kind) {
		l.fail(start, CodeNumber, `"`+clip(text)+`" is not a number`, numberHint(text))
		return
	}
	l.emit(kind, notKeyword, start)
}

// decimal passes digits, fraction and exponent. The dots of a range (1..3) are left alone.
func (l *lexer) decimal() tok {
	kind := tokInt
	l.digits()
	if l.peek(0) == '.' && asciiDigit(l.peek(1)) {
		kind = tokFloat
		l.pos++
		l.digits()
	}
	if l.peek(0)|0x20 == 'e' {
		sign := 0
		if l.peek(1) == '-' || l.peek(1) == '+' {
			sign = 1
		}
		if asciiDigit(l.peek(1 + sign)) {
			kind = tokFloat
			l.pos += 1 + sign
			l.digits()
		}
	}
	return kind
}

func (l *lexer) digits() {
	for asciiDigit(l.peek(0)) {
		l.pos++
	}
}

// punct reads an operator or a bracket.
func (l *lexer) punct(c byte) {
	start := l.pos
	kind, size := punctuation(c, l.peek(1))
	if kind == tokError {
		l.badPunct(c)
		return
	}
	l.pos += size
	l.emit(kind, notKeyword, start)
}

// punctuation is the operator that starts with c when next follows, and its length.
func punctuation(c, next byte) (tok, int) {
	switch {
	case c == '.' && next == '.':
		return tokDotDot, 2
	case c == '|' && next == '|':
		return tokConcat, 2
	case c == '=' && next == '~':
		return tokRegex, 2
	case c == '<' && next == '>':
		return tokNeq, 2
	case c == '<' && next == '=':
		return tokLe, 2
	case c == '>' && next == '=':
		return tokGe, 2
	case c < utf8.RuneSelf && singles[c] != tokEOF:
		return singles[c], 1
	}
	return tokError, 0
}

// singles are the operators of one character.
var singles = [utf8.RuneSelf]tok{
	'(': tokLParen, ')': tokRParen, '[': tokLBracket, ']': tokRBracket, '{': tokLBrace,
	'}': tokRBrace, ',': tokComma, ';': tokSemicolon, ':': tokColon, '.': tokDot, '|': tokBar,
	'&': tokAmp, '+': tokPlus, '-': tokMinus, '*': tokStar, '/': tokSlash, '%': tokPercent,
	'^': tokCaret, '=': tokEq, '<': tokLt, '>': tokGt,
}

func (l *lexer) badPunct(c byte) {
	hint := ""
	switch {
	case c == '!' && l.peek(1) == '=':
		hint = `"not equal" is written <>`
	case c == '!':
		hint = "negation is written NOT"
	case c == '#':
		hint = "a comment starts with //"
	}
	r, _ := utf8.DecodeRuneInString(l.text[l.pos:])
	start := l.pos
	l.pos++
	l.fail(start, CodeSyntax, "unexpected character "+strconv.QuoteRune(r), hint)
}

func (l *lexer) badRune(r rune) {
	hint := ""
	switch {
	case unicode.Is(unicode.Pd, r):
		hint = `minus and arrows are written with the plain "-"`
	case unicode.Is(unicode.Pi, r) || unicode.Is(unicode.Pf, r):
		hint = "strings are written with plain ' or \""
	}
	start := l.pos
	l.pos++
	l.fail(start, CodeCharacter, "unexpected character "+strconv.QuoteRune(r), hint)
}

func asciiLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' }

func asciiDigit(c byte) bool { return c >= '0' && c <= '9' }

// identStart tells whether a name can start with r.
func identStart(r rune) bool {
	if r < utf8.RuneSelf {
		return asciiLetter(byte(r))
	}
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.Is(unicode.Nl, r) ||
		unicode.Is(unicode.Pc, r))
}

// identPart tells whether a name can go on with r.
func identPart(r rune) bool {
	if r < utf8.RuneSelf {
		return asciiLetter(byte(r)) || asciiDigit(byte(r))
	}
	return identStart(r) || r != utf8.RuneError && unicode.In(r, unicode.Nd, unicode.Mn, unicode.Mc)
}
