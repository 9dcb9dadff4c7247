package check

import (
	"maps"
	"slices"
	"strconv"

	"github.com/codegraphdb/codegraph/chaos/history"
)

// Walks is E14: a walk over several hops reaches exactly what it reaches in a reference graph built
// from the history, at the one revision that the answer names.
func Walks() Checker { return fold{"walk", checkWalks} }

func checkWalks(f *finding, h *history.History, _ Config) {
	byKey := h.ByKey(RevisionPublish, RevisionRead, RevisionWalk)
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		line := newRevisionLine(f, byKey[key])
		for _, r := range oked(byKey[key]) {
			if r.Kind == RevisionWalk {
				checkWalk(f, r, line)
			}
		}
	}
}

// checkWalk holds one walk to the reference graph.
func checkWalk(f *finding, r *history.Op, line *revisionLine) {
	from, ok1 := input[WalkFrom](f, r)
	answer, ok2 := output[WalkReached](f, r)
	if !ok1 || !ok2 {
		return
	}
	f.Checked++
	p := line.all[answer.Rev]
	switch {
	case p == nil && answer.Rev != noRevision:
		f.wrong(ops(r), "%s: the walk names revision %d, which nobody published", r.Key, answer.Rev)
		return
	case p != nil && p.op.Outcome == history.Fail:
		f.wrong(ops(p.op, r), "%s: the walk names revision %d, which failed", r.Key, answer.Rev)
		return
	case p != nil && early(p.op, r):
		f.wrong(ops(p.op, r), "%s: the walk names revision %d, which came later", r.Key, answer.Rev)
		return
	}
	for _, q := range line.revs {
		if q.Rev > answer.Rev && due(q.op, r) {
			f.wrong(ops(q.op, r), "%s: the walk names revision %d, revision %d was acknowledged before",
				r.Key, answer.Rev, q.Rev)
			return
		}
	}
	want := reach(line.state(answer.Rev), from)
	got := slices.Sorted(slices.Values(answer.Reached))
	if !slices.Equal(want, got) {
		f.wrong(ops(r), "%s: from %s in %d hops at revision %d the walk reaches %v, the reference %v",
			r.Key, from.Start, from.Hops, answer.Rev, got, want)
	}
}

// reach walks the reference graph: files that call files, where both are there.
func reach(state map[string]*publish, from WalkFrom) []string {
	seen := map[string]bool{}
	if state[from.Start] != nil {
		seen[from.Start] = true
	}
	frontier := slices.Collect(maps.Keys(seen))
	for range from.Hops {
		var next []string
		for _, file := range frontier {
			for _, callee := range state[file].Calls[file] {
				if state[callee] != nil && !seen[callee] {
					seen[callee] = true
					next = append(next, callee)
				}
			}
		}
		frontier = next
	}
	return slices.Sorted(maps.Keys(seen))
}

func itoa(n int) string { return strconv.Itoa(n) }
