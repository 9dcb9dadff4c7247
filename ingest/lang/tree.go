package lang

import (
	"iter"
	"sort"
	"strings"
)

// node is one place of a flat tree; treesitter.h has the same layout.
type node struct {
	kind       Kind
	field      Field
	flags      uint8
	start, end uint32
	next       uint32 // the first node after this one's subtree
}

// Tree is a syntax tree in preorder. Its root is Root; 0 is a place without kind and children, and
// stands for "none" where a child is asked for.
type Tree struct {
	n        []node
	src      []byte
	base     uint32   // offset of src in the file
	lines    []uint32 // offsets of the first byte of each line
	hasError bool
	tooDeep  bool
}

// Kids yields the children of i.
func (t *Tree) Kids(i int) iter.Seq[int] {
	return func(yield func(int) bool) {
		end := int(t.n[i].next)
		for c := i + 1; c < end; c = int(t.n[c].next) {
			if !yield(c) {
				return
			}
		}
	}
}

// Child returns the first child of i in field f.
func (t *Tree) Child(i int, f Field) int {
	end := int(t.n[i].next)
	for c := i + 1; c < end; c = int(t.n[c].next) {
		if t.n[c].field == f {
			return c
		}
	}
	return 0
}

// ChildOf returns the first child of i of kind k.
func (t *Tree) ChildOf(i int, k Kind) int {
	end := int(t.n[i].next)
	for c := i + 1; c < end; c = int(t.n[c].next) {
		if t.n[c].kind == k {
			return c
		}
	}
	return 0
}

// First returns the first child of i that is no Comments.
func (t *Tree) First(i int) int {
	end := int(t.n[i].next)
	for c := i + 1; c < end; c = int(t.n[c].next) {
		if k := t.n[c].kind; k != KComment && k < KTokAsync {
			return c
		}
	}
	return 0
}

// Last returns the last child of i that is no Comments.
func (t *Tree) Last(i int) (last int) {
	for c := range t.Kids(i) {
		if k := t.n[c].kind; k != KComment && k < KTokAsync {
			last = c
		}
	}
	return last
}

// Root is the place of the root of every tree.
const Root = 1

// Len returns the number of places.
func (t *Tree) Len() int { return len(t.n) }

// Field returns the role that i has in its parent.
func (t *Tree) Field(i int) Field { return t.n[i].field }

// Start returns the offset of the first byte of i.
func (t *Tree) Start(i int) uint32 { return t.n[i].start }

// End returns the offset after the last byte of i.
func (t *Tree) End(i int) uint32 { return t.n[i].end }

// Next returns the first place after i and all that is below it.
func (t *Tree) Next(i int) int { return int(t.n[i].next) }

// Kind returns what i is.
func (t *Tree) Kind(i int) Kind { return t.n[i].kind }

// Text returns the source of i. The string is a copy.
func (t *Tree) Text(i int) string { return string(t.Bytes(i)) }

// Bytes returns the source of i. It is not a copy.
func (t *Tree) Bytes(i int) []byte {
	n := &t.n[i]
	return t.Slice(n.start, n.end)
}

// Slice returns the source between two offsets.
func (t *Tree) Slice(from, to uint32) []byte {
	from, to = from-t.base, to-t.base
	if int(to) > len(t.src) || from > to {
		return nil
	}
	return t.src[from:to]
}

// FieldText returns the text of the first child in field f, "" if there is none.
func (t *Tree) FieldText(i int, f Field) string {
	if c := t.Child(i, f); c != 0 {
		return t.Text(c)
	}
	return ""
}

// Position returns line and column of a byte, both from 1.
func (t *Tree) Position(at uint32) (line, column uint32) {
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

// CopySub returns a copy of the subtree at i, without what is below the kinds that leaves tells.
func (t *Tree) CopySub(i int, leaf func(Kind) bool) *Tree {
	c := &Tree{base: t.n[i].start, n: []node{{next: 1}}}
	var last uint32
	var walk func(i int)
	walk = func(i int) {
		at := len(c.n)
		c.n = append(c.n, t.n[i])
		if !leaf(t.n[i].kind) {
			for k := range t.Kids(i) {
				walk(k)
			}
			last = max(last, t.n[i].end)
		}
		c.n[at].next = uint32(len(c.n))
	}
	walk(i)
	last = min(last, t.n[i].end)
	c.src = append(c.src, t.Slice(c.base, max(last, c.base))...)
	return c
}

// OneLine returns text with every run of white space made one space, at most limit bytes.
func OneLine(text []byte, limit int) string {
	if len(text) > 4*limit {
		text = text[:4*limit]
	}
	s := strings.Join(strings.Fields(string(text)), " ")
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "") + "..."
	}
	return strings.ToValidUTF8(s, "")
}

// Errors returns how many places do not parse.
func (t *Tree) Errors() (n int) {
	if !t.hasError {
		return 0
	}
	for i := range t.n {
		if t.n[i].kind == KError || t.n[i].flags&flagMissing != 0 {
			n++
		}
	}
	return max(n, 1)
}

// SetSource replaces the text that was parsed by one of the same length.
func (t *Tree) SetSource(src []byte) { t.src = src }

// Result says how the tree parsed.
func (t *Tree) Result() Result {
	r := Result{TooDeep: t.tooDeep}
	if !t.hasError {
		return r
	}
	r.ErrorLine = 1
	for i := range t.n {
		if t.n[i].kind == KError || t.n[i].flags&flagMissing != 0 {
			r.ErrorLine, _ = t.Position(t.n[i].start)
			break
		}
	}
	return r
}

// flagMissing marks what the parser put in to go on; treesitter.c has the same value.
const flagMissing = 1
