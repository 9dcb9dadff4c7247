package txn

import (
	"slices"

	"github.com/codegraphdb/codegraph/graph"
)

// Handle is a write that is under way in a shard.
type Handle uint64

// Writes are the writes under way in a shard while its replica leads it in one term: the latches
// that strong reads wait for, and what holds the closed timestamp down. The life of a write:
//
//	Register(keys) -> ask the oracle -> Assign(timestamp) -> propose -> applied -> Done
//
// A write whose fate is not known (its proposal failed after it was handed over) is not Done: the
// term ends, and with it the Writes. It is not for concurrent use.
type Writes struct {
	next  Handle
	taken graph.Timestamp // no write is assigned a timestamp at or below it
	list  []write         // in the order of handles
}

type write struct {
	handle Handle
	keys   []Range
	at     graph.Timestamp // zero: not known yet
}

// NewWrites returns the writes of a term that begins.
func NewWrites() *Writes { return &Writes{} }

// Register latches keys for a write. The timestamp is asked for after that, never before.
func (w *Writes) Register(keys []Range) Handle {
	w.next++
	w.list = append(w.list, write{handle: w.next, keys: slices.Clone(keys)})
	return w.next
}

// Assign gives a write its timestamp: the commit timestamp or, for a prepare, the prepare
// timestamp. False means that it is too low by now: ask the oracle again (T4).
func (w *Writes) Assign(h Handle, at graph.Timestamp) bool {
	i := w.find(h)
	if i < 0 || at <= w.taken {
		return false
	}
	w.list[i].at = at
	return true
}

// Done ends a write that has been applied, refused, or was never proposed.
func (w *Writes) Done(h Handle) {
	if i := w.find(h); i >= 0 {
		w.list = slices.Delete(w.list, i, i+1)
	}
}

// Blocks returns the writes that a strong read of some keys at a timestamp waits for: those that
// overlap and whose timestamp is not known or at or below it. The reader asks after its timestamp
// was granted and opens its iterator when none of them is left (rule 6.5): who registers later gets
// a timestamp above the reader's.
func (w *Writes) Blocks(keys []Range, at graph.Timestamp) []Handle {
	var out []Handle
	for i := range w.list {
		if e := &w.list[i]; e.at <= at && overlapAny(e.keys, keys) {
			out = append(out, e.handle)
		}
	}
	return out
}

// Pending tells whether a write is still under way.
func (w *Writes) Pending(h Handle) bool { return w.find(h) >= 0 }

// Len returns how many writes are under way.
func (w *Writes) Len() int { return len(w.list) }

// take says that nothing at or below a timestamp is assigned from now on, but for what is assigned.
func (w *Writes) take(at graph.Timestamp) { w.taken = max(w.taken, at) }

// cap returns the highest timestamp not above at that is below every one assigned.
func (w *Writes) cap(at graph.Timestamp) graph.Timestamp {
	for i := range w.list {
		at = below(at, w.list[i].at)
	}
	return at
}

// below returns at or, if that is not below a known bound, the timestamp before the bound.
func below(at, bound graph.Timestamp) graph.Timestamp {
	if bound != 0 && bound <= at {
		return (bound - 1) &^ 1
	}
	return at
}

func (w *Writes) find(h Handle) int {
	i, found := slices.BinarySearchFunc(w.list, h, func(e write, h Handle) int {
		return int(int64(e.handle) - int64(h))
	})
	if !found {
		return -1
	}
	return i
}
