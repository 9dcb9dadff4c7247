package parse

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// validNumber tells whether the characters that the lexer took make a number; the value may still
// be too large.
func validNumber(text string, kind tok) bool {
	if kind == tokFloat {
		_, err := strconv.ParseFloat(text, 64)
		return err == nil || errors.Is(err, strconv.ErrRange)
	}
	if len(text) > 1 && text[0] == '0' && (asciiDigit(text[1]) || text[1]|0x20 == 'b') {
		return false
	}
	_, err := strconv.ParseUint(text, 0, 64)
	return !strings.Contains(text, "_") && (err == nil || errors.Is(err, strconv.ErrRange))
}

func numberHint(text string) string {
	if len(text) > 1 && text[0] == '0' && asciiDigit(text[1]) {
		return "leave out the leading zero; octal numbers are written 0o17"
	}
	if strings.Contains(text, "_") {
		return "numbers are written without _"
	}
	return "a name cannot start with a digit; quote it with backticks"
}

// parseInt is the value of an integer token with its sign.
func parseInt(text string, negative bool) (int64, error) {
	if negative {
		return strconv.ParseInt("-"+text, 0, 64)
	}
	return strconv.ParseInt(text, 0, 64)
}

// unquoteName is the name that a token in backticks stands for.
func unquoteName(text string) string {
	inner := text[1 : len(text)-1]
	if strings.IndexByte(inner, '`') < 0 {
		return inner
	}
	return strings.ReplaceAll(inner, "``", "`")
}

// badEscape says where in a string token an escape is wrong, and how.
type badEscape struct {
	at            int
	code          Code
	message, hint string
}

// unquoteString is the value of a string token, quotes included.
func unquoteString(text string) (string, *badEscape) {
	inner := text[1 : len(text)-1]
	if strings.IndexByte(inner, '\\') < 0 {
		return inner, nil
	}
	out := make([]byte, 0, len(inner))
	for i := 0; i < len(inner); {
		if inner[i] != '\\' {
			out = append(out, inner[i])
			i++
			continue
		}
		r, size, bad := unescape(inner[i:])
		if bad != nil {
			bad.at = i + 1
			return "", bad
		}
		out = utf8.AppendRune(out, r)
		i += size
	}
	return string(out), nil
}

// escapes are the characters that may follow a backslash, and what they stand for.
const (
	escapeChars  = `bfnrt\'"` + "`"
	escapeValues = "\b\f\n\r\t\\'\"`"
)

// unescape reads the escape at the start of s; the lexer made sure that s has two bytes.
func unescape(s string) (rune, int, *badEscape) {
	if i := strings.IndexByte(escapeChars, s[1]); i >= 0 {
		return rune(escapeValues[i]), 2, nil
	}
	digits := 0
	switch s[1] {
	case 'u':
		digits = 4
	case 'U':
		digits = 8
	default:
		r, _ := utf8.DecodeRuneInString(s[1:])
		return 0, 0, &badEscape{code: CodeSyntax, message: `unknown escape \` + string(r),
			hint: `a backslash in a string is written \\`}
	}
	r, ok := hexRune(s, digits)
	if ok && utf16.IsSurrogate(r) && digits == 4 && len(s) >= 12 && s[6] == '\\' && s[7] == 'u' {
		low, lowOK := hexRune(s[6:], 4)
		if pair := utf16.DecodeRune(r, low); lowOK && pair != utf8.RuneError {
			return pair, 12, nil
		}
	}
	if !ok || !utf8.ValidRune(r) {
		return 0, 0, &badEscape{code: CodeEscape, message: "not a Unicode character: " +
			clip(s[:min(len(s), 2+digits)]),
			hint: `write \u and four hexadecimal digits, or \U and eight`}
	}
	return r, 2 + digits, nil
}

// hexRune reads the hexadecimal digits after \u or \U.
func hexRune(s string, digits int) (rune, bool) {
	if len(s) < 2+digits {
		return 0, false
	}
	v, err := strconv.ParseUint(s[2:2+digits], 16, 32)
	return rune(v), err == nil && v <= utf8.MaxRune
}

// appendString prints a string literal in single quotes.
func appendString(out []byte, s string) []byte {
	out = append(out, '\'')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '\'', '\\':
			out = append(out, '\\', c)
		case '\n':
			out = append(out, '\\', 'n')
		case '\r':
			out = append(out, '\\', 'r')
		case '\t':
			out = append(out, '\\', 't')
		default:
			out = append(out, c)
		}
	}
	return append(out, '\'')
}

// appendFloat prints a float so that it reads back as a float with the same bits.
func appendFloat(out []byte, v float64) []byte {
	start := len(out)
	out = strconv.AppendFloat(out, v, 'g', -1, 64)
	for _, c := range out[start:] {
		if c == '.' || c == 'e' {
			return out
		}
	}
	return append(out, '.', '0')
}

// maxClip bounds the text that a message repeats from the query.
const maxClip = 32

// clip shortens text that a message repeats.
func clip(text string) string {
	if len(text) <= maxClip {
		return text
	}
	cut := maxClip
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "..."
}
