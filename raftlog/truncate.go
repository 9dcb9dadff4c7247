package raftlog

import (
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
	left, change, err := g.remaining(op, min, max)
	if err != nil || !change {
		g.end()
		return err
	}
	rec := boundsRecord(g.st.id, left.first, left.last)
	return g.engine.commit(&request{op: op, rec: rec, undo: g.st.hide(left), end: g.end,
		land: func(*segment, uint32) {
			g.st.mu.Lock()
			before := g.st.recent.bytes
			gone := g.st.applyBounds(left.first, left.last)
			cached := g.st.recent.bytes - before
			g.st.mu.Unlock()
			g.engine.segs.died(gone)
			g.engine.writer.cache.bytes += cached
			g.engine.m.truncated()
		}})
}

// remaining returns what is left of the log without min..max, and whether that is less.
// REQUIRES: begin.
func (g *Group) remaining(op string, min, max uint64) (left extent, change bool, err error) {
	g.st.mu.RLock()
	defer g.st.mu.RUnlock()
	index := &g.st.index
	x := index.extent()
	switch {
	case x.empty() || min > max || max < x.first || min > x.last:
		return x, false, nil
	case min <= x.first && max >= x.last:
		return extent{}, true, nil
	case max >= x.last:
		return extent{first: x.first, last: min - 1, bytes: x.bytes - index.bytesFrom(min)}, true, nil
	case min > x.first:
		return x, false, refuse(op, graph.KindInvalid, ErrHole,
			"group %d: %d..%d lies inside %d..%d", g.st.id, min, max, x.first, x.last)
	}
	first := g.prefixCut(x, max+1)
	if first <= x.first {
		return x, false, nil
	}
	return extent{first: first, last: x.last, bytes: x.bytes - index.bytesBelow(first)}, true, nil
}

// prefixCut returns the first index that stays when Raft no longer needs what is below want.
// REQUIRES: st.mu.
func (g *Group) prefixCut(x extent, want uint64) uint64 {
	if x.bytes <= uint64(g.engine.opts.PinBytes) {
		want = g.st.pinned(want)
	}
	if g.engine.opts.RetainBytes < 0 || want <= x.first {
		return want
	}
	left := x.bytes
	for i, l := range g.st.index.locs[:want-x.first] {
		if left-uint64(l.n) < uint64(g.engine.opts.RetainBytes) {
			return x.first + uint64(i)
		}
		left -= uint64(l.n)
	}
	return want
}

// pinned lowers the cut to what the pins need: all entries above their indexes. REQUIRES: mu.
func (st *groupState) pinned(cut uint64) uint64 {
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
