package graph

import (
	"slices"
	"strings"
	"unicode"
)

// CamelParts splits an identifier at changes of case, digits and separators, in lower case,
// sorted, each once: "HTTPServer_v2" gives "http", "server", "v2". A name of one part gives it.
func CamelParts(name string) []string {
	var parts []string
	runes := []rune(name)
	start := 0
	flush := func(end int) {
		if end > start {
			parts = append(parts, strings.ToLower(string(runes[start:end])))
		}
	}
	for i, r := range runes {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			flush(i)
			start = i + 1
		case i > start && camelBoundary(runes, i):
			flush(i)
			start = i
		}
	}
	flush(len(runes))
	slices.Sort(parts)
	return slices.Compact(parts)
}

func camelBoundary(r []rune, i int) bool {
	if !unicode.IsUpper(r[i]) {
		return false
	}
	if !unicode.IsUpper(r[i-1]) {
		return true
	}
	return i+1 < len(r) && unicode.IsLower(r[i+1])
}
