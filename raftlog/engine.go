package raftlog

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"syscall"

	"github.com/codegraphdb/codegraph/graph"
)

// Engine is the log engine of one disk, shared by all data groups of a node.
type Engine struct {
	*guard
	dir    string
	opts   Options
	lock   io.Closer
	segs   *segments
	writer *writer
	keeper *keeper

	// ops is held shared by every call that reads or writes, exclusively by Close.
	ops    sync.RWMutex
	closed bool // guarded by ops

	mu     sync.Mutex
	groups map[uint64]*groupState // guarded by mu

	closing sync.Once
	m       counters
}

// Open opens the log engine in dir, creating it if it is not there.
func Open(dir string, opts Options) (*Engine, error) {
	const op = "raftlog.Open"
	opts = opts.withDefaults()
	e := &Engine{guard: newGuard(opts), dir: dir, opts: opts, groups: map[uint64]*groupState{}}
	e.segs = newSegments(opts, dir)
	e.writer = newWriter(e)
	e.keeper = newKeeper(e)
	err := makeDir(opts.FS, dir)
	if err == nil {
		e.lock, err = opts.FS.Lock(opts.FS.PathJoin(dir, lockName))
	}
	if err == nil {
		err = e.replay()
	}
	if err != nil {
		err = errors.Join(err, e.segs.closeAll())
		if e.lock != nil {
			err = errors.Join(err, e.lock.Close())
		}
		return nil, openError(op, dir, err)
	}
	if err := e.spare(2 - e.segs.usage().log); err != nil { // or the first one could never go
		e.logger.Warn("no second raft log segment could be made", "dir", dir, "error", err)
	}
	go e.writer.run()
	e.keeper.start()
	return e, nil
}

// openError keeps the kind of a cause that has one.
func openError(op, dir string, err error) error {
	var known *graph.Error
	if errors.As(err, &known) {
		return fmt.Errorf("log engine in %s: %w", dir, err)
	}
	kind := graph.KindUnavailable
	if errors.Is(err, syscall.ENOSPC) {
		kind = graph.KindDiskFull
	}
	return graph.Errorf(op, kind, "log engine in %s: %w", dir, err)
}

// Group returns a handle on a group and revokes the one before it, waiting for a write of it that
// is in flight. It never fails: on a dead or closed engine the handle's calls do.
func (e *Engine) Group(id uint64) *Group {
	st := e.state(id)
	gen := e.revoke(st)
	st.opened()
	return &Group{engine: e, st: st, gen: gen}
}

// state returns a group's state, creating it.
func (e *Engine) state(id uint64) *groupState {
	e.mu.Lock()
	defer e.mu.Unlock()
	st := e.groups[id]
	if st == nil {
		st = newGroupState(id)
		e.groups[id] = st
	}
	return st
}

// states returns all groups in order of their ids.
func (e *Engine) states() []*groupState {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := make([]*groupState, 0, len(e.groups))
	for _, st := range e.groups {
		all = append(all, st)
	}
	slices.SortFunc(all, func(a, b *groupState) int { return cmp.Compare(a.id, b.id) })
	return all
}

// images returns the records that describe all groups at the beginning of a segment.
func (e *Engine) images() (recs [][]byte) {
	for _, st := range e.states() {
		if g, some := st.image(); some {
			recs = append(recs, imageRecord(st.id, g))
		}
	}
	return recs
}

// revoke starts a new generation, after the writes of the older ones have ended.
func (e *Engine) revoke(st *groupState) uint64 {
	gen := st.gen.Add(1)
	if st.lock(e.failed) {
		st.unlock()
	}
	return gen
}

// Groups returns the ids of the groups that have rows or were opened, in order.
func (e *Engine) Groups() []uint64 {
	var ids []uint64
	for _, st := range e.states() {
		if st.exists() {
			ids = append(ids, st.id)
		}
	}
	return ids
}

// LogBytes returns the bytes of a group's log between its first and last entry, 0 for a group
// that is not there. A node takes a snapshot when they pass DefaultSnapshotBytes.
func (e *Engine) LogBytes(group uint64) int64 {
	e.mu.Lock()
	st := e.groups[group]
	e.mu.Unlock()
	if st == nil {
		return 0
	}
	return int64(st.extent().bytes)
}

// Destroy removes all that there is of a group and revokes its handle.
func (e *Engine) Destroy(group uint64) error {
	const op = "raftlog.Destroy"
	st := e.state(group)
	g := &Group{engine: e, st: st, gen: e.revoke(st)}
	if err := g.begin(op); err != nil {
		return err
	}
	return e.commit(&request{op: op, rec: destroyRecord(group), undo: st.hide(extent{}), end: g.end,
		land: func(*segment, uint32) {
			st.mu.Lock()
			cached := st.recent.bytes
			gone := st.applyDestroy()
			st.mu.Unlock()
			e.segs.died(gone)
			e.writer.cache.bytes -= cached
		}})
}

// Close waits for the calls in flight and closes the engine. Every later call fails.
func (e *Engine) Close() (err error) {
	e.closing.Do(func() { err = e.close() })
	return err
}

func (e *Engine) close() error {
	e.keeper.close()
	e.ops.Lock()
	defer e.ops.Unlock()
	e.closed = true
	e.writer.close()
	e.writer.late.stop()
	var err error
	if e.err() == nil {
		err = e.writer.mark()
	}
	if err = errors.Join(err, e.segs.closeAll(), e.lock.Close()); err != nil {
		return graph.Errorf("raftlog.Close", graph.KindUnavailable, "log engine in %s: %w",
			e.dir, err)
	}
	return nil
}

// enter lets a call use the files until leave.
func (e *Engine) enter(op string) error {
	if err := e.err(); err != nil {
		return err
	}
	e.ops.RLock()
	if e.closed {
		e.ops.RUnlock()
		return refuse(op, graph.KindUnavailable, ErrClosed, "log engine in %s", e.dir)
	}
	return nil
}

func (e *Engine) leave() { e.ops.RUnlock() }

// commit writes a record durably. It returns when that is done, refused, or when the engine
// died; the request's end runs in any case, perhaps later.
func (e *Engine) commit(r *request) error {
	r.done = make(chan error, 1)
	e.writer.submit(r)
	select {
	case err := <-r.done:
		return err
	case <-e.failed:
		return e.err()
	}
}
