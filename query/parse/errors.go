package parse

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Code classifies an error with the words of the openCypher test suite, where it has one.
type Code string

// The codes. CodeUnsupported and CodeTooLarge are ours.
const (
	CodeSyntax      Code = "UnexpectedSyntax"
	CodeNumber      Code = "InvalidNumberLiteral"
	CodeInteger     Code = "IntegerOverflow"
	CodeFloat       Code = "FloatingPointOverflow"
	CodeEscape      Code = "InvalidUnicodeLiteral"
	CodeCharacter   Code = "InvalidUnicodeCharacter"
	CodeEdge        Code = "InvalidRelationshipPattern"
	CodeComposition Code = "InvalidClauseComposition"
	CodeUnsupported Code = "Unsupported"
	CodeTooLarge    Code = "TooLarge"
)

// Error says what is wrong with the text of a query and where. Line and Column count from 1;
// Column counts characters, Offset bytes.
type Error struct {
	Offset   int
	Line     int
	Column   int
	Code     Code
	Message  string
	Expected []string
	Hint     string

	excerpt string // the line, or as much of it as fits around the column
	caret   int    // characters of excerpt before the place
}

// excerptRadius is how many characters of a line are shown on each side of the error.
const excerptRadius = 60

// newError makes an error at a byte offset of text.
func newError(text string, offset int, code Code, message string) *Error {
	start := strings.LastIndexByte(text[:offset], '\n') + 1
	end := len(text)
	if i := strings.IndexByte(text[offset:], '\n'); i >= 0 {
		end = offset + i
	}
	e := &Error{
		Offset: offset, Code: code, Message: message,
		Line:   strings.Count(text[:start], "\n") + 1,
		Column: utf8.RuneCountInString(text[start:offset]) + 1,
	}
	before := lastRunes(text[start:offset], excerptRadius)
	after := firstRunes(text[offset:end], excerptRadius)
	e.caret = utf8.RuneCountInString(before)
	e.excerpt = before + strings.TrimRight(after, "\r")
	if len(before) < offset-start {
		e.excerpt = "..." + e.excerpt
		e.caret += len("...")
	}
	if len(after) < end-offset {
		e.excerpt += "..."
	}
	return e
}

// Error is one line: the place and what is wrong there.
func (e *Error) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Message)
}

// Render shows the line with a caret under the place, what was expected there, and a hint.
func (e *Error) Render() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", e.Error())
	if excerpt := strings.ReplaceAll(e.excerpt, "\t", " "); strings.TrimSpace(excerpt) != "" {
		fmt.Fprintf(&b, "  %s\n  %s^\n", excerpt, strings.Repeat(" ", e.caret))
	}
	if len(e.Expected) > 0 {
		fmt.Fprintf(&b, "expected %s\n", orList(e.Expected))
	}
	if e.Hint != "" {
		fmt.Fprintf(&b, "hint: %s\n", e.Hint)
	}
	return b.String()
}

// orList joins words as "a, b or c".
func orList(words []string) string {
	last := len(words) - 1
	if last == 0 {
		return words[0]
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// firstRunes is the start of s, at most n characters.
func firstRunes(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}

// lastRunes is the end of s, at most n characters.
func lastRunes(s string, n int) string {
	i := len(s)
	for ; n > 0 && i > 0; n-- {
		_, size := utf8.DecodeLastRuneInString(s[:i])
		i -= size
	}
	return s[i:]
}

// ErrorAt makes an error at an element of text, for those who judge a query after it was parsed.
func ErrorAt(text string, at Span, code Code, message, hint string) *Error {
	e := newError(text, min(max(at.Start, 0), len(text)), code, message)
	e.Hint = hint
	return e
}
