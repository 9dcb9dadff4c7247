package check

import (
	"maps"
	"slices"
	"time"

	"github.com/codegraphdb/codegraph/chaos/history"
)

// Set is W2, Jepsen's set-full: for each element when it was known, when it became stable, and
// whether it was lost. A known element is lost if the last read that has to show it (because it is
// strong, or by its timestamp or token) does not, and stale if a later read does. Other reads may
// lag; how long they do is in the figures.
func Set() Checker { return fold{"set", checkSet} }

// element is what one fold over the reads learns about an element.
type element struct {
	add     *history.Op
	known   *history.Op // the add, or the first read that shows it, whichever ended first
	present *history.Op // the last read that shows it
	absent  *history.Op // the last read, begun after it was known, that has to show it and does not
	missed  *history.Op // the last read in any mode, begun after it was known, that does not
}

// tally adds up over all keys.
type tally struct {
	stable, lost, stale, never int
	latencies                  []time.Duration
}

func checkSet(f *finding, h *history.History, _ Config) {
	byKey := h.ByKey(SetAdd, SetRead)
	var t tally
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		elements := foldSet(f, key, byKey[key])
		t.judge(f, key, elements)
	}
	slices.Sort(t.latencies)
	f.figure("stable", float64(t.stable))
	f.figure("lost", float64(t.lost))
	f.figure("stale", float64(t.stale))
	f.figure("never_read", float64(t.never))
	for _, q := range []struct {
		name string
		at   float64
	}{{"p50", 0.5}, {"p99", 0.99}, {"max", 1}} {
		f.figure("stable_latency_"+q.name+"_ms", milliseconds(quantile(t.latencies, q.at)))
	}
}

// foldSet goes over one set's operations.
func foldSet(f *finding, key string, all []*history.Op) []*element {
	elements := map[int64]*element{}
	var reads []*history.Op
	for _, o := range all {
		if o.Kind == SetRead {
			reads = append(reads, o)
			continue
		}
		v, ok := input[int64](f, o)
		if !ok {
			continue
		}
		if elements[v] != nil {
			f.unsure("set %s: %d is added twice; elements have to be unique", key, v)
			continue
		}
		elements[v] = &element{add: o}
		if o.Outcome == history.OK {
			elements[v].known = o
		}
	}
	shown := showElements(f, key, oked(reads), elements)
	for _, r := range oked(reads) {
		if set, ok := shown[r]; ok {
			missElements(r, set, elements)
		}
	}
	return slices.SortedFunc(maps.Values(elements), func(a, b *element) int {
		return a.add.Index - b.add.Index
	})
}

// showElements notes which elements each read shows, and from when each is known.
func showElements(f *finding, key string, reads []*history.Op, elements map[int64]*element,
) map[*history.Op]map[int64]bool {
	shown := map[*history.Op]map[int64]bool{}
	for _, r := range reads {
		values, ok := output[[]int64](f, r)
		if !ok {
			continue
		}
		f.Checked++
		set := make(map[int64]bool, len(values))
		for _, v := range values {
			e := elements[v]
			switch {
			case set[v]:
				f.wrong(ops(r), "set %s: a read shows %d twice", key, v)
				continue
			case e == nil:
				f.wrong(ops(r), "set %s: a read shows %d, which nobody added", key, v)
				continue
			case e.add.Outcome == history.Fail:
				f.wrong(ops(e.add, r), "set %s: a read shows %d, whose add failed", key, v)
			case r.Done < e.add.Index:
				f.wrong(ops(e.add, r), "set %s: a read shows %d before it was added", key, v)
			}
			set[v] = true
			e.present = r
			if e.known == nil || r.Done < e.known.Done {
				e.known = r
			}
		}
		shown[r] = set
	}
	return shown
}

// missElements notes which known elements a read does not show.
func missElements(r *history.Op, set map[int64]bool, elements map[int64]*element) {
	for v, e := range elements {
		if set[v] || e.known == nil || !e.known.Before(r) {
			continue
		}
		e.missed = r
		if r.Strong() || due(e.add, r) {
			e.absent = r
		}
	}
}

// judge counts one set's elements, in the order of their adds.
func (t *tally) judge(f *finding, key string, elements []*element) {
	var lost []*element
	window := func() {
		if len(lost) == 0 {
			return
		}
		first, last := lost[0], lost[len(lost)-1]
		f.wrong(ops(first.add, last.add, last.absent),
			"set %s: %d acknowledged in a row are lost, acknowledged from %v to %v", key, len(lost),
			first.known.End, last.known.End)
		f.figure("longest_loss", max(f.Figures["longest_loss"], float64(len(lost))))
		t.lost += len(lost)
		lost = nil
	}
	for _, e := range elements {
		switch {
		case e.known == nil:
			continue // an add of unknown outcome that nobody saw
		case e.absent != nil && (e.present == nil || e.present.Before(e.absent)):
			lost = append(lost, e)
			continue
		case e.present == nil || !e.known.Before(e.present):
			t.never++
			if e.add.Outcome != history.OK {
				continue // the last read is the first that shows an add of unknown outcome
			}
			f.unsure("set %s: no read began after the add on line %d", key, e.add.Index)
			continue
		}
		window()
		t.stable++
		latency := time.Duration(0)
		if e.missed != nil {
			latency = max(0, e.missed.End-e.known.End)
		}
		t.latencies = append(t.latencies, latency)
		if e.absent != nil {
			t.stale++
			f.wrong(ops(e.add, e.absent),
				"set %s: a strong read does not show what was added before it", key)
		}
	}
	window()
}

// quantile returns the value at share q of sorted ones, 0 of none.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
