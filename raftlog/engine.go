package raftlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"syscall"

	"github.com/cockroachdb/pebble/v2"

	"github.com/codegraphdb/codegraph/graph"
)

// FormatVersion is the version of the engine's rows. An engine refuses newer ones.
const FormatVersion = 1

// pebbleFormat is pinned, so that a newer library does not change files by itself. It must stay
// at or above FormatWALSyncChunks, which tells a damaged write-ahead log from a torn tail.
const pebbleFormat = pebble.FormatTableFormatV6

const formatName = "format"

// Engine is the log engine of one disk, shared by all data groups of a node.
type Engine struct {
	*guard
	dir  string
	opts Options
	db   *pebble.DB

	// ops is held shared by every call that uses db, exclusively by Close.
	ops    sync.RWMutex
	closed bool // guarded by ops

	mu     sync.Mutex
	groups map[uint64]*groupState // guarded by mu

	m counters
}

// Open opens the log engine in dir, creating it if it is not there.
func Open(dir string, opts Options) (*Engine, error) {
	opts = opts.withDefaults()
	e := &Engine{
		guard:  newGuard(opts),
		dir:    dir,
		opts:   opts,
		groups: map[uint64]*groupState{},
	}
	db, err := e.openDB()
	if err != nil {
		kind := graph.KindUnavailable
		switch {
		case errors.Is(err, pebble.ErrCorruption):
			kind = graph.KindCorrupt
		case errors.Is(err, syscall.ENOSPC):
			kind = graph.KindDiskFull
		}
		return nil, graph.Errorf("raftlog.Open", kind, "log engine in %s: %w", dir, err)
	}
	e.db = db
	err = e.checkFormat()
	if err == nil {
		err = e.loadGroups()
	}
	if err != nil {
		_ = db.Close()
		return nil, err
	}
	return e, nil
}

// openDB opens the database. Pebble repeats a flush that fails without end, and Open would wait for
// it; that the engine died meanwhile ends the waiting.
func (e *Engine) openDB() (*pebble.DB, error) {
	type opened struct {
		db  *pebble.DB
		err error
	}
	done := make(chan opened, 1)
	go func() {
		var o opened
		defer func() {
			if p := recover(); p != nil {
				o.err = recovered(p)
			}
			done <- o
		}()
		o.db, o.err = pebble.Open(e.dir, e.pebbleOptions())
	}()
	select {
	case o := <-done:
		return o.db, o.err
	case <-e.failed:
		go func() { // should it come to an end after all
			if o := <-done; o.err == nil {
				_ = o.db.Close()
			}
		}()
		return nil, e.err()
	}
}

func (e *Engine) pebbleOptions() *pebble.Options {
	log := pebbleLog{e.guard}
	return &pebble.Options{
		FS:                          e.opts.FS,
		Logger:                      log,
		CacheSize:                   e.opts.CacheBytes,
		MemTableSize:                uint64(e.opts.MemTableBytes),
		MemTableStopWritesThreshold: 4,
		FormatMajorVersion:          pebbleFormat,
		EventListener: &pebble.EventListener{
			BackgroundError: func(err error) { e.fail("raftlog.Engine", err) },
			DiskSlow:        func(i pebble.DiskSlowInfo) { log.logger.Warn("slow disk", "info", i) },
		},
	}
}

// pebbleLog passes on what Pebble says. Pebble calls Fatalf where it cannot go on, for instance
// when the write-ahead log cannot be written; it must not return.
type pebbleLog struct{ *guard }

// Infof drops what is of no interest to an operator.
func (l pebbleLog) Infof(string, ...any) {}

// Errorf logs an error that Pebble survives.
func (l pebbleLog) Errorf(format string, args ...any) {
	l.logger.Error("raft log engine", slog.String("message", fmt.Sprintf(format, args...)))
}

// Fatalf kills the engine and unwinds the goroutine.
func (l pebbleLog) Fatalf(format string, args ...any) {
	err := fmt.Errorf(format, args...)
	for _, a := range args {
		if cause, ok := a.(error); ok {
			err = fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), cause)
		}
	}
	l.fail("raftlog.Engine", err)
	panic(err)
}

// checkFormat refuses a newer engine and marks a fresh one.
func (e *Engine) checkFormat() error {
	const op = "raftlog.Open"
	key := engineKey(formatName)
	row, closer, err := e.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return e.createFormat(key)
	}
	if err != nil {
		return graph.Errorf(op, graph.KindUnavailable, "format of %s: %w", e.dir, err)
	}
	defer closer.Close()
	val, err := decodeStable(key, row)
	if err != nil || len(val) != 4 {
		return corrupt(op, "format row of %s: %v", e.dir, err)
	}
	if v := binary.BigEndian.Uint32(val); v > FormatVersion {
		return &graph.Error{
			Op:   op,
			Kind: graph.KindUnsupported,
			Msg: fmt.Sprintf("log engine in %s has format %d, this build reads up to %d",
				e.dir, v, FormatVersion),
			Err:    ErrNewerFormat,
			Remedy: "run the newer codegraphd that wrote it",
		}
	}
	return nil
}

func (e *Engine) createFormat(key []byte) error {
	const op = "raftlog.Open"
	it, err := e.db.NewIter(nil)
	if err != nil {
		return graph.Errorf(op, graph.KindUnavailable, "scan of %s: %w", e.dir, err)
	}
	used := it.First()
	if err := it.Close(); err != nil {
		return graph.Errorf(op, graph.KindUnavailable, "scan of %s: %w", e.dir, err)
	}
	if used {
		return corrupt(op, "%s holds rows but no format row: not a log engine", e.dir)
	}
	val := binary.BigEndian.AppendUint32(nil, FormatVersion)
	if err := e.db.Set(key, encodeStable(key, val), pebble.Sync); err != nil {
		return graph.Errorf(op, graph.KindUnavailable, "format of %s: %w", e.dir, err)
	}
	return nil
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
	e.mu.Lock()
	defer e.mu.Unlock()
	ids := make([]uint64, 0, len(e.groups))
	for id, st := range e.groups {
		if st.exists() {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
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
	return int64(st.extent().bytes())
}

// Destroy removes all rows of a group and revokes its handle.
func (e *Engine) Destroy(group uint64) error {
	const op = "raftlog.Destroy"
	st := e.state(group)
	g := &Group{engine: e, st: st, gen: e.revoke(st)}
	if err := g.begin(op); err != nil {
		return err
	}
	b := e.db.NewBatch()
	for _, kind := range []byte{kindLog, kindStable} {
		err := b.DeleteRange(groupKey(kind, group), groupEnd(kind, group), nil)
		if err != nil {
			return g.abort(b, op, err)
		}
	}
	st.setExtent(extent{})
	return g.commit(op, b, st.reset)
}

// Close waits for the calls in flight and closes the engine. Every later call fails.
func (e *Engine) Close() error {
	e.ops.Lock()
	defer e.ops.Unlock()
	if e.closed {
		return nil
	}
	e.closed = true
	if err := e.closeDB(); err != nil {
		return graph.Errorf("raftlog.Close", graph.KindUnavailable, "log engine in %s: %w",
			e.dir, err)
	}
	return nil
}

// closeDB keeps a Pebble that already died from taking the process with it.
func (e *Engine) closeDB() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = recovered(p)
		}
	}()
	return e.db.Close()
}

// enter lets a call use db until leave.
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
