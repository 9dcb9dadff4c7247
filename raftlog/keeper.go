package raftlog

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
)

// keeper does beside the writer what need not be waited for: it prepares the next segment,
// removes files that are of no more use, and rewrites what is still needed of the oldest
// segments when the log grows too large.
type keeper struct {
	e    *Engine
	wake chan struct{} // of capacity 1
	stop chan struct{}
	done sync.WaitGroup
	next atomic.Bool // the next segment will be needed soon
}

func newKeeper(e *Engine) *keeper {
	return &keeper{e: e, wake: make(chan struct{}, 1), stop: make(chan struct{})}
}

func (k *keeper) poke() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

func (k *keeper) start() { k.done.Go(k.run) }

func (k *keeper) run() {
	for {
		select {
		case <-k.stop:
			return
		case <-k.e.failed:
			return
		case <-k.wake:
		}
		if k.next.Swap(false) {
			k.prepare()
		}
		k.trim()
		k.shrink()
	}
}

func (k *keeper) close() {
	close(k.stop)
	k.done.Wait()
}

// prepare makes sure that a free segment waits, written all over with zeros.
func (k *keeper) prepare() {
	err := k.e.spare(1)
	if s := k.e.segs.takeUnfilled(); s != nil {
		err = errors.Join(err, s.fill(func() bool { return k.stopped() || k.e.segs.hurry() }))
		k.e.segs.giveFilled(s)
	}
	if err != nil && !k.stopped() {
		k.e.logger.Warn("no raft log segment could be prepared", "dir", k.e.dir, "error", err)
	}
}

func (k *keeper) stopped() bool {
	select {
	case <-k.stop:
		return true
	default:
		return false
	}
}

// spare makes a free segment unless there are so many.
func (e *Engine) spare(enough int) error {
	if e.segs.usage().free >= enough {
		return nil
	}
	s, err := e.newSegment(e.segs.size)
	if err == nil {
		err = e.segs.give(s)
	}
	return err
}

// trim removes files of which there are more than needed.
func (k *keeper) trim() {
	for s := k.e.segs.surplus(); s != nil; s = k.e.segs.surplus() {
		if err := k.e.segs.discard(s); err != nil {
			k.e.logger.Warn("raft log segment not removed", "file", s.name, "error", err)
		}
	}
}

// newSegment creates a file for a segment, ErrDiskFull if there is no room.
func (e *Engine) newSegment(size int64) (*segment, error) {
	s, err := e.segs.create(size)
	if errors.Is(err, syscall.ENOSPC) {
		return nil, fmt.Errorf("%w: %w", ErrDiskFull, err)
	}
	return s, err
}

// shrink rewrites the entries of the oldest segment as long as the log is larger than MaxBytes
// and twice what is needed of it. A group that does not truncate would keep all that the others
// wrote since.
func (k *keeper) shrink() {
	for k.e.err() == nil {
		u := k.e.segs.usage()
		if u.log < 2 || u.logBytes <= k.e.opts.MaxBytes || u.logBytes <= 2*k.e.liveBytes() {
			return
		}
		if k.stopped() || k.e.rewrite(u.lowest) == 0 {
			return // what is left there will be truncated, or is damaged
		}
	}
}

// liveBytes counts the bytes of all groups' entries.
func (e *Engine) liveBytes() (n int64) {
	for _, st := range e.states() {
		n += int64(st.extent().bytes)
	}
	return n
}

// rewrite moves the entries of a segment to the end of the log and returns how many it moved.
func (e *Engine) rewrite(seg uint32) (moved int) {
	for _, st := range e.states() {
		for {
			n := e.rewriteSome(st, seg)
			moved += n
			if n == 0 {
				break
			}
		}
	}
	return moved
}

const rewriteBytes = 1 << 20 // of one group that are moved at once

// rewriteSome moves some entries of a group out of a segment.
func (e *Engine) rewriteSome(st *groupState, seg uint32) int {
	const op = "raftlog.rewrite"
	if !st.lock(e.failed) {
		return 0
	}
	if err := e.enter(op); err != nil {
		st.unlock()
		return 0
	}
	end := func() {
		e.leave()
		st.unlock()
	}
	entries, old := e.entriesOf(op, st, seg)
	if len(entries) == 0 {
		end()
		return 0
	}
	rec, locs := rewriteRecord(st.id, entries)
	err := e.commit(&request{op: op, rec: rec, grows: true, end: end,
		land: func(s *segment, off uint32) {
			place(locs, s.id, off)
			st.mu.Lock()
			gone := st.applyRewrite(old, locs)
			st.mu.Unlock()
			e.segs.lived(s.id, locBytes(gone))
			e.segs.died(gone)
			e.m.rewrote(len(gone))
		}})
	if err != nil {
		e.logger.Warn("raft log not rewritten", "group", st.id, "error", err)
		return 0
	}
	return len(entries)
}

// entriesOf reads some entries of a group that lie in a segment, and their indexes.
func (e *Engine) entriesOf(op string, st *groupState, seg uint32) (bodies [][]byte, at []uint64) {
	var found []uint64
	bytes := 0
	st.mu.RLock()
	for i, l := range st.index.locs {
		if l.seg == seg && bytes < rewriteBytes {
			found = append(found, st.index.first+uint64(i))
			bytes += int(l.n)
		}
	}
	bad := st.bad
	st.mu.RUnlock()
	if bad != nil {
		return nil, nil
	}
	for _, index := range found {
		b, ok, err := e.readEntry(op, st, index)
		if err != nil {
			return nil, nil // the group is damaged now, and its owner was told
		}
		if ok {
			bodies, at = append(bodies, b), append(at, index)
		}
	}
	return bodies, at
}

// applyRewrite gives entries new places and returns the old ones. REQUIRES: mu.
func (st *groupState) applyRewrite(indexes []uint64, locs []loc) (gone []loc) {
	for i, index := range indexes {
		if old, ok := st.index.at(index); ok && old.n == locs[i].n || ok && old.seg == 0 {
			gone = append(gone, old)
			st.index.locs[index-st.index.first] = locs[i]
		}
	}
	return gone
}

// place makes the places of entries in a record places in a segment.
func place(locs []loc, seg, off uint32) {
	for i := range locs {
		locs[i].seg, locs[i].off = seg, locs[i].off+off
	}
}

func locBytes(locs []loc) (n uint64) {
	for _, l := range locs {
		n += uint64(l.n)
	}
	return n
}
