package shard

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"github.com/codegraphdb/codegraph/graph"
)

// scanBatch is how many candidates are taken from the index before their fragments are read.
const scanBatch = 256

// Scan returns the vertices that an index finds, each once, in the order of bucket, indexed value
// and id, and where to go on; a nil cursor means that there is no more.
//
// A cursor is the key of the last index row looked at, without its owner.
func (v *View) Scan(ctx context.Context, spec *graph.ScanSpec) ([]graph.Vertex, []byte, error) {
	c, err := v.newScan(spec)
	if err != nil {
		return nil, nil, err
	}
	var out []graph.Vertex
	var done []byte
	for {
		cands, err := c.candidates(ctx, scanBatch)
		if err != nil || len(cands) == 0 {
			return out, nil, err
		}
		for i := range cands {
			if spec.Limit > 0 && len(out) == spec.Limit {
				return out, done, nil
			}
			done = cands[i].key
			vertex, err := c.fetch(&cands[i])
			if err != nil {
				return nil, nil, err
			}
			if vertex != nil {
				out = append(out, *vertex)
			}
		}
	}
}

// Count returns how many distinct vertices a scan finds. Unless the spec has a filter that the
// index cannot decide, no fragment is read; then a vertex whose owners disagree on its kind counts
// under each of them that is asked for once.
func (v *View) Count(ctx context.Context, spec *graph.ScanSpec) (int64, error) {
	s := *spec
	s.Limit, s.Doc = 0, false
	c, err := v.newScan(&s)
	if err != nil {
		return 0, err
	}
	byKey := s.Repo == 0 && (s.Index == graph.IndexKind || s.Kinds == 0) && !longValue(s.Value) &&
		s.Index != graph.IndexLabel // a label may lie over a vertex that has gone
	n := int64(0)
	seen := map[graph.VertexID]struct{}{}
	for bucket := -1; ; {
		cands, err := c.candidates(ctx, scanBatch)
		if err != nil || len(cands) == 0 {
			return n, err
		}
		for i := range cands {
			k := &cands[i]
			if !byKey {
				vertex, err := c.fetch(k)
				if err != nil {
					return 0, err
				}
				if vertex != nil {
					n++
				}
				continue
			}
			if b := int(k.bucket()); b != bucket { // a vertex is in one bucket
				bucket = b
				clear(seen)
			}
			if _, ok := seen[k.id]; !ok {
				n++
				if !c.oneValue {
					seen[k.id] = struct{}{}
				}
			}
		}
	}
}

func longValue(value string) bool { return len(value) > maxIndexed }

const maxIndexed = 256

// candidate is a vertex that the index names under one value.
type candidate struct {
	id  graph.VertexID
	key []byte // of the index row, without owner
}

func (k *candidate) bucket() byte { return k.key[1] }

func (k *candidate) value() string { return string(k.key[3 : len(k.key)-idLen-1]) }

// scan walks over an index: ranges of keys, one after the other.
type scan struct {
	v        *View
	spec     *graph.ScanSpec
	rows     *rowIter
	ranges   [][]byte // prefixes, ascending
	from     []byte   // where to begin in the first range
	started  bool
	oneValue bool // all rows of a range have one value, so a vertex's rows are adjacent
	whole    bool // ranges are whole prefixes: the filters tell which tables have any
	last     []byte
}

func (v *View) newScan(spec *graph.ScanSpec) (*scan, error) {
	if spec.Index < graph.IndexKind || spec.Index > graph.IndexLabel || spec.Index == graph.IndexRepo {
		return nil, errorf("Scan", graph.KindInvalid, "index %d holds no vertices", spec.Index)
	}
	rows, err := v.indexRows()
	if err != nil {
		return nil, err
	}
	c := &scan{v: v, spec: spec, rows: rows, oneValue: spec.Match == graph.MatchExact}
	c.whole = c.oneValue || spec.Index == graph.IndexKind
	rows.it.SetBounds(nil, nil)
	slots := v.s.Descriptor().Slots
	for b := int(slots.Lo >> 8); b <= int(slots.Hi>>8); b++ {
		c.ranges = append(c.ranges, scanPrefixes(byte(b), spec)...)
	}
	if spec.Index == graph.IndexKind {
		kinds := spec.Kinds.List()
		c.oneValue = len(kinds) == 1
	}
	if len(spec.Cursor) > 0 {
		at := slices.IndexFunc(c.ranges, func(p []byte) bool { return bytes.HasPrefix(spec.Cursor, p) })
		if at < 0 || len(spec.Cursor) < 3+1+idLen {
			return nil, errorf("Scan", graph.KindInvalid, "cursor does not belong to this scan")
		}
		c.ranges = c.ranges[at:]
		c.last = bytes.Clone(spec.Cursor)
		c.from = append(bytes.Clone(spec.Cursor), bytes.Repeat([]byte{0xff}, ownerLen+versionLen+1)...)
	}
	return c, nil
}

// scanPrefixes returns the ranges of one bucket.
func scanPrefixes(bucket byte, spec *graph.ScanSpec) [][]byte {
	if spec.Index == graph.IndexKind {
		var out [][]byte
		for _, k := range allKinds(spec.Kinds).List() {
			out = append(out, graph.IndexPrefix(bucket, spec.Index, graph.KindIndexValue(k), true))
		}
		return out
	}
	switch spec.Match {
	case graph.MatchExact:
		return [][]byte{graph.IndexPrefix(bucket, spec.Index, spec.Value, true)}
	case graph.MatchPrefix:
		return [][]byte{graph.IndexPrefix(bucket, spec.Index, spec.Value, false)}
	}
	return [][]byte{graph.IndexPrefix(bucket, spec.Index, "", false)}
}

func allKinds(set graph.KindSet) graph.KindSet {
	if set != 0 {
		return set
	}
	for _, k := range graph.Kinds {
		set |= graph.NewKindSet(k.Kind)
	}
	return set
}

// candidates returns the next vertices that the index names; none at the end.
func (c *scan) candidates(ctx context.Context, most int) ([]candidate, error) {
	var out []candidate
	n := 0
	for ok := c.advance(); ok; ok = c.advance() {
		if n++; n%checkEvery == 1 {
			if err := canceled(ctx); err != nil {
				return nil, err
			}
		}
		row := c.rows.row
		key := row[:len(row)-ownerLen]
		if bytes.Equal(key, c.last) || !c.matches(key) {
			continue
		}
		k := candidate{key: bytes.Clone(key)}
		copy(k.id[:], key[len(key)-idLen:])
		out = append(out, k)
		c.last = k.key
		if len(out) == most {
			break
		}
	}
	return out, c.rows.err()
}

// advance goes to the next row of the ranges.
func (c *scan) advance() bool {
	if c.started && c.rows.next() {
		return true
	}
	if c.started {
		if c.rows.it.Error() != nil {
			return false
		}
		c.ranges = c.ranges[1:]
	}
	c.started = true
	for ; len(c.ranges) > 0; c.ranges = c.ranges[1:] {
		from := c.ranges[0]
		if c.from != nil {
			from, c.from = c.from, nil
		}
		if c.seek(from) {
			return true
		}
		if c.rows.it.Error() != nil {
			return false
		}
	}
	c.started = false
	return false
}

func (c *scan) seek(from []byte) bool {
	if c.whole {
		return c.rows.seekPrefix(from)
	}
	return c.rows.within(c.ranges[0], from)
}

func (c *scan) matches(key []byte) bool {
	return c.spec.Match != graph.MatchSubstring || c.spec.Index == graph.IndexKind ||
		bytes.Contains(key[3:len(key)-idLen-1], []byte(c.spec.Value))
}

// fetch returns the vertex of a candidate if it passes the filters and this is the first value
// under which the scan finds it: so each comes once, whatever page it is on.
func (c *scan) fetch(k *candidate) (*graph.Vertex, error) {
	frags, err := c.v.fragments(k.id, c.spec.Doc)
	if err != nil {
		return nil, err
	}
	m := graph.MergeFragments(frags)
	if m == nil || c.spec.Repo != 0 && m.Repo != c.spec.Repo {
		return nil, nil
	}
	if err := c.v.overlay(m); err != nil {
		return nil, err
	}
	kinds := allKinds(c.spec.Kinds) & m.KindSet()
	if kinds == 0 {
		return nil, nil
	}
	if c.spec.Index == graph.IndexKind {
		if k.value() != graph.KindIndexValue(kinds.List()[0]) {
			return nil, nil
		}
		return m, nil
	}
	if c.spec.Index == graph.IndexLabel {
		frags = []*graph.Vertex{m}
	}
	if first, found := c.firstValue(frags); !found || k.value() != indexed(first) {
		return nil, nil
	}
	return m, nil
}

// firstValue returns the smallest value of the fragments that the spec matches.
func (c *scan) firstValue(frags []*graph.Vertex) (first string, found bool) {
	for _, f := range frags {
		for _, value := range graph.IndexValues(c.spec.Index, f) {
			if matchValue(c.spec, value) && (!found || value < first) {
				first, found = value, true
			}
		}
	}
	return first, found
}

func matchValue(s *graph.ScanSpec, value string) bool {
	switch s.Match {
	case graph.MatchExact:
		return value == s.Value
	case graph.MatchPrefix:
		return strings.HasPrefix(value, s.Value)
	}
	return strings.Contains(value, s.Value)
}

// indexed returns a value as its key has it.
func indexed(value string) string {
	const head = 3
	return string(graph.IndexPrefix(0, graph.IndexName, value, false)[head:])
}
