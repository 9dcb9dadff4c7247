package raftlog

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"github.com/codegraphdb/codegraph/graph"
)

// extent is what is known of a group's log without reading it. The zero value is the empty log.
type extent struct {
	first, last uint64 // indexes; 0 if empty
	base, tail  uint64 // cumulative bytes before first and through last
}

func (x extent) empty() bool           { return x.last == 0 }
func (x extent) has(index uint64) bool { return index != 0 && x.first <= index && index <= x.last }
func (x extent) bytes() uint64         { return x.tail - x.base }

// groupState is what the engine knows of a group. It outlives handles.
type groupState struct {
	id  uint64
	gen atomic.Uint64 // the generation whose handle is valid

	// write is a token: who took it may write. It is a channel so that nobody waits for a
	// stuck write longer than the engine lives.
	write chan struct{}

	mu   sync.RWMutex
	ext  extent          // guarded by mu
	bad  error           // guarded by mu; a row did not verify (R4)
	gone bool            // guarded by mu; destroyed and not opened since
	pins map[*pin]uint64 // guarded by mu; pin -> index
}

type pin struct{ _ byte } // not of size zero: addresses must differ

func newGroupState(id uint64) *groupState {
	return &groupState{
		id:    id,
		write: make(chan struct{}, 1),
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

func (st *groupState) setExtent(x extent) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.ext = x
}

// reset forgets everything of a group whose rows were removed.
func (st *groupState) reset() {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.ext, st.bad, st.gone = extent{}, nil, true
	clear(st.pins)
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

// loadGroups finds the groups and their extents with a few seeks each. A damaged group does not
// keep the others from being opened: its own calls fail.
func (e *Engine) loadGroups() error {
	it, err := e.db.NewIter(nil)
	if err != nil {
		return graph.Errorf("raftlog.Open", graph.KindUnavailable, "scan of %s: %w", e.dir, err)
	}
	for _, kind := range []byte{kindLog, kindStable} {
		for ok := it.SeekGE([]byte{kind}); ok && it.Key()[0] == kind; {
			id, whole := keyGroup(it.Key())
			if !whole {
				_ = it.Close()
				return corrupt("raftlog.Open", "%s has a key %x", e.dir, it.Key())
			}
			st := e.state(id)
			if kind == kindLog {
				e.loadExtent(it, st)
			}
			ok = it.SeekGE(groupEnd(kind, id))
		}
	}
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return graph.Errorf("raftlog.Open", graph.KindUnavailable, "scan of %s: %w", e.dir, err)
	}
	return nil
}

// loadExtent reads a group's first entry, at which it stands, and its last.
func (e *Engine) loadExtent(it *pebble.Iterator, st *groupState) {
	var x extent
	first, cum, err := currentEntry(it)
	x.first, x.base = first, cum-uint64(logKeyLen+len(it.Value()))
	if err == nil && it.SeekLT(groupEnd(kindLog, st.id)) {
		x.last, x.tail, err = currentEntry(it)
	}
	if err != nil {
		_ = e.damaged(st, corrupt("raftlog.Open", "group %d in %s: %v", st.id, e.dir, err))
		return
	}
	st.setExtent(x)
}

// currentEntry verifies the entry that it stands on.
func currentEntry(it *pebble.Iterator) (index, cum uint64, err error) {
	index, ok := keyIndex(it.Key())
	if !ok {
		return 0, 0, fmt.Errorf("key %x is not an entry's", it.Key())
	}
	v, err := it.ValueAndErr()
	if err != nil {
		return index, 0, err
	}
	cum, err = checkEntry(it.Key(), v)
	if err != nil {
		return index, 0, fmt.Errorf("entry %d: %w", index, err)
	}
	return index, cum, nil
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
	return g.verifyRange(op, from, x.last)
}

func (g *Group) verifyRange(op string, from, last uint64) error {
	it, err := g.engine.db.NewIter(&pebble.IterOptions{
		LowerBound: logKey(g.st.id, from),
		UpperBound: logKeyAfter(g.st.id, last),
	})
	if err != nil {
		return graph.Errorf(op, graph.KindUnavailable, "group %d: %w", g.st.id, err)
	}
	want := from
	for ok := it.First(); ok && err == nil; ok = it.Next() {
		var index uint64
		index, _, err = currentEntry(it)
		if err == nil && index != want {
			err = fmt.Errorf("entry %d is missing", want)
		}
		want++
	}
	if failed := it.Close(); failed != nil {
		return g.readFailed(op, failed)
	}
	if err == nil && want != last+1 {
		err = fmt.Errorf("entry %d is missing", want)
	}
	if err != nil {
		return g.engine.damaged(g.st, corrupt(op, "group %d: %v", g.st.id, err))
	}
	return nil
}
