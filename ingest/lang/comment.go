package lang

import (
	"strings"

	"github.com/codegraphdb/codegraph/graph"
)

// Comments gathers the comments above a Definition.
type Comments struct {
	nodes []int
}

// Add takes node i in if it is a comment.
func (c *Comments) Add(t *Tree, i int) {
	if t.Kind(i) == KComment {
		c.nodes = append(c.nodes, i)
	}
}

// Before returns the text of the comments that end on the line above node i, without gaps.
func (c *Comments) Before(t *Tree, i int) string {
	line, _ := t.Position(t.n[i].start)
	first := len(c.nodes)
	for n := len(c.nodes) - 1; n >= 0; n-- {
		end, _ := t.Position(t.n[c.nodes[n]].end)
		if end+1 != line {
			break
		}
		line, _ = t.Position(t.n[c.nodes[n]].start)
		first = n
	}
	var b strings.Builder
	for _, n := range c.nodes[first:] {
		for l := range strings.Lines(t.Text(n)) {
			if text, ok := commentLine(l); ok && b.Len() < graph.MaxDoc {
				b.WriteString(text + "\n")
			}
		}
	}
	doc := strings.ToValidUTF8(strings.TrimSpace(b.String()), "")
	if len(doc) > graph.MaxDoc {
		doc = strings.ToValidUTF8(doc[:graph.MaxDoc], "")
	}
	return doc
}

// commentLine strips a line of a Comments; ok is false for a directive to a tool.
func commentLine(l string) (text string, ok bool) {
	l = strings.TrimSpace(l)
	switch {
	case strings.Contains(l, "DO NOT EDIT"):
		return "", false
	case strings.HasPrefix(l, "//"):
		rest := l[2:]
		if rest != "" && rest[0] >= 'a' && rest[0] <= 'z' && strings.Contains(rest, ":") &&
			!strings.Contains(strings.SplitN(rest, ":", 2)[0], " ") {
			return "", false
		}
		return strings.TrimPrefix(rest, " "), true
	case strings.HasPrefix(l, "#"):
		return strings.TrimSpace(strings.TrimLeft(l, "#")), true
	}
	l = strings.TrimPrefix(strings.TrimPrefix(l, "/**"), "/*")
	l = strings.TrimSuffix(l, "*/")
	l = strings.TrimPrefix(strings.TrimSpace(l), "*")
	return strings.TrimSpace(l), true
}
