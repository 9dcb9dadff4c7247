package lang

import (
	"iter"
	"sort"
	"strings"
)

// node is one place of a flat tree; treesitter.h has the same layout.
type node struct {
	kind       kind
	field      field
	flags      uint8
	start, end uint32
	next       uint32 // the first node after this one's subtree
}

// Tree is a syntax tree in preorder. The root is 0, and 0 also stands for "none" where a child is
// asked for.
type Tree struct {
	n        []node
	src      []byte
	base     uint32   // offset of src in the file
	lines    []uint32 // offsets of the first byte of each line
	hasError bool
	tooDeep  bool
}

// kids yields the children of i.
func (t *Tree) kids(i int) iter.Seq[int] {
	return func(yield func(int) bool) {
		end := int(t.n[i].next)
		for c := i + 1; c < end; c = int(t.n[c].next) {
			if !yield(c) {
				return
			}
		}
	}
}

// child returns the first child of i in field f.
func (t *Tree) child(i int, f field) int {
	end := int(t.n[i].next)
	for c := i + 1; c < end; c = int(t.n[c].next) {
		if t.n[c].field == f {
			return c
		}
	}
	return 0
}

// childOf returns the first child of i of kind k.
func (t *Tree) childOf(i int, k kind) int {
	end := int(t.n[i].next)
	for c := i + 1; c < end; c = int(t.n[c].next) {
		if t.n[c].kind == k {
			return c
		}
	}
	return 0
}

// first returns the first child of i that is no comment.
func (t *Tree) first(i int) int {
	end := int(t.n[i].next)
	for c := i + 1; c < end; c = int(t.n[c].next) {
		if t.n[c].kind != kComment {
			return c
		}
	}
	return 0
}

// last returns the last child of i that is no comment.
func (t *Tree) last(i int) (last int) {
	for c := range t.kids(i) {
		if t.n[c].kind != kComment {
			last = c
		}
	}
	return last
}

func (t *Tree) kind(i int) kind { return t.n[i].kind }

// text returns the source of i. The string is a copy.
func (t *Tree) text(i int) string { return string(t.bytes(i)) }

func (t *Tree) bytes(i int) []byte {
	n := &t.n[i]
	return t.slice(n.start, n.end)
}

func (t *Tree) slice(from, to uint32) []byte {
	from, to = from-t.base, to-t.base
	if int(to) > len(t.src) || from > to {
		return nil
	}
	return t.src[from:to]
}

// fieldText returns the text of the first child in field f, "" if there is none.
func (t *Tree) fieldText(i int, f field) string {
	if c := t.child(i, f); c != 0 {
		return t.text(c)
	}
	return ""
}

// position returns line and column of a byte, both from 1.
func (t *Tree) position(at uint32) (line, column uint32) {
	if t.lines == nil {
		t.lines = append(t.lines, 0)
		for i, b := range t.src {
			if b == '\n' {
				t.lines = append(t.lines, uint32(i)+1)
			}
		}
	}
	at -= t.base
	i := sort.Search(len(t.lines), func(i int) bool { return t.lines[i] > at })
	return uint32(i), at - t.lines[i-1] + 1
}

// copySub returns a copy of the subtree at i, without what is below the kinds that leaves tells.
func (t *Tree) copySub(i int, leaf func(kind) bool) *Tree {
	c := &Tree{base: t.n[i].start}
	var last uint32
	var walk func(i int)
	walk = func(i int) {
		at := len(c.n)
		c.n = append(c.n, t.n[i])
		if !leaf(t.n[i].kind) {
			for k := range t.kids(i) {
				walk(k)
			}
			last = max(last, t.n[i].end)
		}
		c.n[at].next = uint32(len(c.n))
	}
	walk(i)
	last = min(last, t.n[i].end)
	c.src = append(c.src, t.slice(c.base, max(last, c.base))...)
	return c
}

// oneLine returns text with every run of white space made one space, at most limit bytes.
func oneLine(text []byte, limit int) string {
	if len(text) > 4*limit {
		text = text[:4*limit]
	}
	s := strings.Join(strings.Fields(string(text)), " ")
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "") + "..."
	}
	return strings.ToValidUTF8(s, "")
}

// result says how the tree parsed.
func (t *Tree) result() Result {
	r := Result{TooDeep: t.tooDeep}
	if !t.hasError {
		return r
	}
	r.ErrorLine = 1
	for i := range t.n {
		if t.n[i].kind == kError || t.n[i].flags&flagMissing != 0 {
			r.ErrorLine, _ = t.position(t.n[i].start)
			break
		}
	}
	return r
}

// flagMissing marks what the parser put in to go on; treesitter.c has the same value.
const flagMissing = 1
