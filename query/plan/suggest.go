package plan

import "strings"

// nearest returns the one of names that word was probably meant to be, empty if none is close.
func nearest(word string, names []string) string {
	best, distance := "", 1+(len(word)+1)/4
	for _, name := range names {
		d := EditDistance(strings.ToLower(word), strings.ToLower(name))
		if d < distance {
			best, distance = name, d
		}
	}
	return best
}

// EditDistance counts the single-byte edits, swaps of neighbours included, that turn a into b.
func EditDistance(a, b string) int {
	before, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], before[j-2]+1)
			}
		}
		before, prev, cur = prev, cur, before
	}
	return prev[len(b)]
}
