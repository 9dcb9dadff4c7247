package shard

import (
	"slices"
	"sync"

	"github.com/codegraphdb/codegraph/graph"
)

// outcomes is what the views of a store look import ids up in. It holds the store's own outcome
// rows, with the log index that brought each, so that a view sees none that is younger than its
// snapshot. When the watermark rises a new table takes its place; views keep the one they began
// with.
type outcomes struct {
	watermark graph.Timestamp
	safepoint graph.Timestamp
	pins      []graph.Timestamp // sorted; never changed

	mu   sync.RWMutex
	byID map[graph.Timestamp]decided
}

type decided struct {
	index  uint64
	commit graph.Timestamp // zero: aborted
}

func newOutcomes(st *state) *outcomes {
	o := &outcomes{watermark: st.gc.watermark, safepoint: st.gc.safepoint, pins: st.gc.pins,
		byID: make(map[graph.Timestamp]decided, len(st.imports))}
	for id, s := range st.imports {
		if s.decided != 0 {
			o.byID[id] = decided{s.decided, s.commit}
		}
	}
	return o
}

// readable tells whether the versions that a read at ts needs are kept (1.12).
func (o *outcomes) readable(ts graph.Timestamp) bool {
	_, pinned := slices.BinarySearch(o.pins, ts)
	return ts >= o.safepoint || pinned
}

func (o *outcomes) add(id graph.Timestamp, d decided) {
	o.mu.Lock()
	o.byID[id] = d
	o.mu.Unlock()
}

// get returns the commit timestamp of an import as of a log index; zero if it is aborted or not
// known there.
func (o *outcomes) get(id graph.Timestamp, index uint64) graph.Timestamp {
	o.mu.RLock()
	d := o.byID[id]
	o.mu.RUnlock()
	if d.index > index {
		return 0
	}
	return d.commit
}
