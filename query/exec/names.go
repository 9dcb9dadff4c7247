package exec

import "slices"

// NameCandidates returns what the last part of a qualified name may be: every suffix of text that
// begins after a '.' or '/', shortest first, and text itself. Names may hold dots and slashes.
func NameCandidates(text string) []string {
	var out []string
	for i := len(text) - 1; i > 0; i-- {
		if (text[i-1] == '.' || text[i-1] == '/') && text[i] != '.' && text[i] != '/' {
			out = append(out, text[i:])
		}
	}
	return slices.Compact(append(out, text))
}
