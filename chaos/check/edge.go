package check

import (
	"maps"
	"slices"
	"strings"

	"github.com/codegraphdb/codegraph/chaos/history"
)

// Edges is W5: at one view an edge has both its halves, made by the same operation, or none (E1),
// and it shows the effect of a write that may be the last one.
func Edges() Checker { return fold{"edge", checkEdges} }

// EdgeCounts is E3: a stored counter equals the recount of a scan at the same view, and both lie
// in the interval that the acknowledged writes, with the unknown ones, allow.
func EdgeCounts() Checker { return fold{"edge-count", checkEdgeCounts} }

func checkEdges(f *finding, h *history.History, _ Config) {
	byKey := h.ByKey(EdgeAdd, EdgeRemove, EdgeRead)
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		var writes []*history.Op
		for _, o := range byKey[key] {
			if o.Kind != EdgeRead {
				writes = append(writes, o)
			}
		}
		for _, o := range oked(byKey[key]) {
			if o.Kind != EdgeRead {
				continue
			}
			pair, ok := output[EdgePair](f, o)
			if !ok {
				continue
			}
			f.Checked++
			switch {
			case pair.Out != pair.In && pair.Out == "":
				f.wrong(ops(o), "edge %s: only the incoming half is there (%s)", key, pair.In)
			case pair.Out != pair.In && pair.In == "":
				f.wrong(ops(o), "edge %s: only the outgoing half is there (%s)", key, pair.Out)
			case pair.Out != pair.In:
				f.wrong(ops(o), "edge %s: the halves are of %s and %s", key, pair.Out, pair.In)
			case pair.Out == "":
				checkEdgeGone(f, o, writes)
			default:
				checkEdgeThere(f, o, pair.Out, writes)
			}
		}
	}
}

// checkEdgeThere holds a read that shows the edge of one add to the writes.
func checkEdgeThere(f *finding, r *history.Op, id string, writes []*history.Op) {
	for _, o := range writes {
		if o.Kind != EdgeAdd || o.ID != id {
			continue
		}
		switch x := overwritten(o, r, writes); {
		case o.Outcome == history.Fail:
			f.wrong(ops(o, r), "edge %s: a read shows %s, which failed", r.Key, id)
		case early(o, r):
			f.wrong(ops(o, r), "edge %s: a read shows %s, which came later", r.Key, id)
		case x != nil:
			f.wrong(ops(o, x, r), "edge %s: a read shows %s, which %s had ended", r.Key, id, x.ID)
		}
		return
	}
	f.wrong(ops(r), "edge %s: a read shows %s, which nobody added", r.Key, id)
}

// checkEdgeGone holds a read that shows no edge to the writes.
func checkEdgeGone(f *finding, r *history.Op, writes []*history.Op) {
	for _, o := range candidates(r, writes) {
		if o == nil || o.Kind == EdgeRemove {
			return
		}
	}
	f.wrong(ops(overwritten(nil, r, writes), r), "edge %s: a read does not show it", r.Key)
}

func checkEdgeCounts(f *finding, h *history.History, _ Config) {
	writes := h.ByKey(EdgeAdd, EdgeRemove)
	for _, r := range oked(h.Of(EdgeCount)) {
		c, ok := output[Counts](f, r)
		if !ok {
			continue
		}
		f.Checked++
		if c.Stored != c.Scanned {
			f.wrong(ops(r), "counter of %q: stored %d, recounted %d", r.Key, c.Stored, c.Scanned)
			continue
		}
		low, high := countBounds(r, writes)
		if c.Scanned < low || c.Scanned > high {
			f.wrong(ops(r), "counter of %q is %d, the writes allow %d to %d", r.Key, c.Scanned, low, high)
		}
	}
}

// countBounds returns how many edges of the source r.Key, or of all, may be there for r.
func countBounds(r *history.Op, writes map[string][]*history.Op) (low, high int64) {
	for key, all := range writes {
		source, _, _ := strings.Cut(key, ">")
		if r.Key != "" && source != r.Key {
			continue
		}
		there, gone := false, false
		for _, o := range candidates(r, all) {
			if o != nil && o.Kind == EdgeAdd {
				there = true
			} else {
				gone = true
			}
		}
		if there {
			high++
		}
		if !gone {
			low++
		}
	}
	return low, high
}
