package plan

import (
	"strings"

	"github.com/codegraphdb/codegraph/query/parse"
)

// nearest returns the one of names that word was probably meant to be, empty if none is close.
func nearest(word string, names []string) string {
	best, distance := "", 1+(len(word)+1)/4
	for _, name := range names {
		d := parse.EditDistance(strings.ToLower(word), strings.ToLower(name))
		if d < distance {
			best, distance = name, d
		}
	}
	return best
}
