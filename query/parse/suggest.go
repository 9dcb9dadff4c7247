package parse

import "strings"

// suggest finds the keyword that word was probably meant to be, among candidates. A word is close
// when one edit (an inserted, lost, changed or swapped letter) makes it the keyword, or two edits
// for keywords of six letters and more.
func suggest(word string, candidates func(yield func(string) bool)) string {
	if len(word) < 2 || len(word) > maxKeywordLen+2 {
		return ""
	}
	word = strings.ToUpper(word)
	best, bestDistance := "", 3
	for c := range candidates {
		limit := 1
		if len(c) >= 6 {
			limit = 2
		}
		if len(c) < 2 || c == word {
			continue
		}
		if d := EditDistance(word, c); d <= limit && d < bestDistance {
			best, bestDistance = c, d
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
