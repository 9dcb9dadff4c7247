package raftlog

import (
	"sort"

	"github.com/codegraphdb/codegraph/graph"
)

// DeleteRange deletes the entries from min to max, both included. It must reach one end of the
// log. Of a prefix it may keep more than it was asked to (R8); whoever needs to know reads
// FirstIndex.
func (g *Group) DeleteRange(min, max uint64) error {
	const op = "raftlog.DeleteRange"
	if err := g.begin(op); err != nil {
		return err
	}
	old := g.st.extent()
	if old.empty() || min > max || max < old.first || min > old.last {
		g.end()
		return nil
	}
	left, err := g.remaining(op, old, min, max)
	if err != nil || left == old {
		g.end()
		return err
	}
	from, to := old.first, old.last
	switch {
	case left.empty():
	case left.first > old.first:
		to = left.first - 1
	default:
		from = left.last + 1
	}
	b := g.engine.db.NewBatch()
	err = b.DeleteRange(logKey(g.st.id, from), logKeyAfter(g.st.id, to), nil)
	if err != nil {
		return g.abort(b, op, err)
	}
	g.st.setExtent(left)
	return g.commit(op, b, g.engine.m.truncated)
}

// remaining returns what is left of x without min..max. REQUIRES: begin.
func (g *Group) remaining(op string, x extent, min, max uint64) (extent, error) {
	switch {
	case min <= x.first && max >= x.last:
		return extent{}, nil
	case max >= x.last:
		cum, err := g.cumulative(op, min-1)
		return extent{first: x.first, last: min - 1, base: x.base, tail: cum}, err
	case min > x.first:
		return x, refuse(op, graph.KindInvalid, ErrHole,
			"group %d: %d..%d lies inside %d..%d", g.st.id, min, max, x.first, x.last)
	}
	first, err := g.prefixCut(op, x, max+1)
	if err != nil || first <= x.first {
		return x, err
	}
	cum, err := g.cumulative(op, first-1)
	return extent{first: first, last: x.last, base: cum, tail: x.tail}, err
}

// prefixCut returns the first index that stays when Raft no longer needs what is below want.
func (g *Group) prefixCut(op string, x extent, want uint64) (uint64, error) {
	if x.bytes() <= uint64(g.engine.opts.PinBytes) {
		want = g.st.pinned(want)
	}
	if g.engine.opts.RetainBytes < 0 || want <= x.first {
		return want, nil
	}
	retain := uint64(g.engine.opts.RetainBytes)
	var failed error
	// The number of leading entries that may go: the first n whose removal leaves too little,
	// less one.
	n := sort.Search(int(want-x.first), func(i int) bool {
		if failed != nil {
			return true
		}
		cum, err := g.cumulative(op, x.first+uint64(i))
		if err != nil {
			failed = err
		}
		return x.tail-cum < retain
	})
	return x.first + uint64(n), failed
}

// pinned lowers the cut to what the pins need: all entries above their indexes.
func (st *groupState) pinned(cut uint64) uint64 {
	st.mu.RLock()
	defer st.mu.RUnlock()
	for _, index := range st.pins {
		if index < cut {
			cut = min(cut, index+1)
		}
	}
	return cut
}

// Pin keeps the entries above index from being truncated until release is called, or until the
// log passes PinBytes: somebody is being sent the snapshot of that index and will ask for what
// comes after it. release may be called more than once.
func (g *Group) Pin(index uint64) (release func()) {
	p := &pin{}
	g.st.mu.Lock()
	defer g.st.mu.Unlock()
	g.st.pins[p] = index
	return func() {
		g.st.mu.Lock()
		defer g.st.mu.Unlock()
		delete(g.st.pins, p)
	}
}
