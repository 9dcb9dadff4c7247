package raftlog

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/codegraphdb/codegraph/graph"
)

// extent is what is known of a group's log without reading it. The zero value is the empty log.
type extent struct {
	first, last uint64 // indexes; 0 if empty
	bytes       uint64
}

func (x extent) empty() bool           { return x.last == 0 }
func (x extent) has(index uint64) bool { return index != 0 && x.first <= index && index <= x.last }

// groupState is what the engine knows of a group. It outlives handles.
type groupState struct {
	id  uint64
	gen atomic.Uint64 // the generation whose handle is valid

	// write is a token: who took it may write. It is a channel so that nobody waits for a
	// stuck write longer than the engine lives.
	write chan struct{}

	staged atomic.Uint64 // commit index that the next append takes along

	mu     sync.RWMutex
	ext    extent            // guarded by mu; what readers may see (R7)
	index  entryIndex        // guarded by mu; what is on disk
	recent recent            // guarded by mu; the end of it
	rows   map[string][]byte // guarded by mu; stable rows; values are not changed
	commit uint64            // guarded by mu; of the last append that had one
	bad    error             // guarded by mu; something did not verify (R4)
	gone   bool              // guarded by mu; destroyed and not opened since
	pins   map[*pin]uint64   // guarded by mu; pin -> index
}

type pin struct{ _ byte } // not of size zero: addresses must differ

func newGroupState(id uint64) *groupState {
	return &groupState{
		id:    id,
		write: make(chan struct{}, 1),
		rows:  map[string][]byte{},
		pins:  map[*pin]uint64{},
	}
}

// lock takes the write token; it gives up when failed is closed.
func (st *groupState) lock(failed <-chan struct{}) bool {
	select {
	case st.write <- struct{}{}:
		return true
	case <-failed:
		return false
	}
}

func (st *groupState) unlock() { <-st.write }

func (st *groupState) extent() extent {
	st.mu.RLock()
	defer st.mu.RUnlock()
	return st.ext
}

// hide lets readers see no more than x. It returns what a refused write must undo.
func (st *groupState) hide(x extent) (undo func()) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.ext = x
	return func() {
		st.mu.Lock()
		defer st.mu.Unlock()
		st.ext = st.index.extent()
	}
}

func (st *groupState) opened() {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.gone = false
}

func (st *groupState) exists() bool {
	st.mu.RLock()
	defer st.mu.RUnlock()
	return !st.gone
}

func (st *groupState) damage() error {
	st.mu.RLock()
	defer st.mu.RUnlock()
	return st.bad
}

// The changes that a record makes, the same when it was written and when it is read again. They
// return the places that are no longer needed. REQUIRES: mu.

func (st *groupState) applyAppend(first, commit uint64, locs []loc) (gone []loc) {
	gone = st.index.put(first, locs)
	st.commit = max(st.commit, commit)
	st.ext = st.index.extent()
	return gone
}

func (st *groupState) applyBounds(first, last uint64) (gone []loc) {
	gone = st.index.keep(first, last)
	st.ext = st.index.extent()
	st.recent.keep(first, last)
	if last != 0 && st.commit > last {
		st.commit = last
	}
	return gone
}

func (st *groupState) applyRows(rows []row) {
	for _, r := range rows {
		st.rows[r.name] = r.val
	}
}

func (st *groupState) applyDestroy() (gone []loc) {
	gone = st.index.keep(0, 0)
	st.ext, st.recent, st.commit = extent{}, recent{}, 0
	st.bad, st.gone = nil, true
	clear(st.rows)
	clear(st.pins)
	st.staged.Store(0)
	return gone
}

// damaged records the first row that did not verify and tells the owner.
func (e *Engine) damaged(st *groupState, err error) error {
	st.mu.Lock()
	first := st.bad == nil
	if first {
		st.bad = err
	}
	st.mu.Unlock()
	if first {
		e.logger.Error("raft log is damaged", "group", st.id, "error", err)
		if e.opts.OnCorrupt != nil {
			go e.opts.OnCorrupt(st.id, err)
		}
	}
	return err
}

// readEntry returns the verified bytes of the entry at index, and whether the entry is there.
// REQUIRES: enter.
func (e *Engine) readEntry(op string, st *groupState, index uint64) (b []byte, ok bool, err error) {
	st.mu.RLock()
	at, ok := st.index.at(index)
	st.mu.RUnlock()
	for ok {
		b = make([]byte, at.n)
		err := errSegmentGone
		if seg := e.segs.get(at.seg); seg != nil {
			err = seg.readAt(b, int64(at.off))
		}
		bad := error(nil)
		if err == nil {
			bad = checkEntry(st.id, index, b)
		}
		if err == nil && bad == nil {
			return b, true, nil
		}
		// It may have been truncated or moved meanwhile, and its place taken by another.
		st.mu.RLock()
		now, still := st.index.at(index)
		st.mu.RUnlock()
		if still && now == at {
			return nil, false, e.readFailed(op, st, index, err, bad)
		}
		at, ok = now, still
	}
	return nil, false, nil
}

// readFailed tells a damaged entry from a disk that does not answer.
func (e *Engine) readFailed(op string, st *groupState, index uint64, err, bad error) error {
	if bad == nil && !isEOF(err) && err != errSegmentGone {
		return graph.Errorf(op, graph.KindUnavailable, "group %d: entry %d: %w", st.id, index, err)
	}
	if bad == nil {
		bad = err
	}
	return e.damaged(st, corrupt(op, "group %d: entry %d: %v", st.id, index, bad))
}

// Verify reads a group's entries from index from on: all are there, verify, and are reachable
// from the snapshot before them. A node calls it with the index after its newest snapshot before
// it starts Raft, which panics on a missing entry; a group that fails never votes again (it is
// destroyed and added as a non-voter).
func (g *Group) Verify(from uint64) error {
	const op = "raftlog.Verify"
	if err := g.enter(op); err != nil {
		return err
	}
	defer g.engine.leave()
	if err := g.st.damage(); err != nil {
		return err
	}
	x := g.st.extent()
	if x.empty() || x.last < from {
		return nil
	}
	if from == 0 {
		from = x.first
	}
	if from < x.first {
		return g.engine.damaged(g.st, corrupt(op,
			"group %d: log begins at %d, the snapshot before it ends at %d",
			g.st.id, x.first, from-1))
	}
	for index := from; index <= x.last; index++ {
		_, ok, err := g.engine.readEntry(op, g.st, index)
		if err == nil && !ok && g.st.extent().has(index) {
			err = g.engine.damaged(g.st, corrupt(op, "group %d: entry %d is missing",
				g.st.id, index))
		}
		if err != nil {
			return fmt.Errorf("entries %d to %d: %w", from, x.last, err)
		}
	}
	return nil
}
