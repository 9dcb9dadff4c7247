package raftlog

import (
	"errors"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/hashicorp/raft"

	"github.com/codegraphdb/codegraph/graph"
)

// Group is a generation-fenced handle on one group's log and stable rows. Its calls may come from
// any goroutine.
//
// It is deliberately no raft.MonotonicLogStore: Raft would then empty the log when it installs a
// snapshot, but keep believing in the last index that it had. R2 takes the gap instead.
type Group struct {
	engine *Engine
	st     *groupState
	gen    uint64

	// voteTerm is a vote's term that waits for its candidate (R3).
	// Guarded by the write token.
	voteTerm *uint64
}

var (
	_ raft.LogStore    = (*Group)(nil)
	_ raft.StableStore = (*Group)(nil)
)

// ID returns the group's id.
func (g *Group) ID() uint64 { return g.st.id }

// Close revokes the handle, after its write in flight has ended. The rows stay.
func (g *Group) Close() error {
	if g.st.gen.CompareAndSwap(g.gen, g.gen+1) && g.st.lock(g.engine.failed) {
		g.st.unlock()
	}
	return nil
}

// Err returns why the group cannot be used: its handle was revoked, its rows are damaged, or the
// engine is dead. Nil if it can.
func (g *Group) Err() error {
	if err := g.enter("raftlog.Err"); err != nil {
		return err
	}
	g.engine.leave()
	return g.st.damage()
}

// LogBytes returns the bytes between the first and the last entry.
func (g *Group) LogBytes() int64 { return int64(g.st.extent().bytes()) }

// FirstIndex returns the index of the first entry, 0 if there is none.
func (g *Group) FirstIndex() (uint64, error) {
	x, err := g.bounds("raftlog.FirstIndex")
	return x.first, err
}

// LastIndex returns the index of the last entry, 0 if there is none.
func (g *Group) LastIndex() (uint64, error) {
	x, err := g.bounds("raftlog.LastIndex")
	return x.last, err
}

func (g *Group) bounds(op string) (extent, error) {
	if err := g.enter(op); err != nil {
		return extent{}, err
	}
	defer g.engine.leave()
	if err := g.st.damage(); err != nil {
		return extent{}, err
	}
	return g.st.extent(), nil
}

// GetLog reads the entry at index into l, raft.ErrLogNotFound if there is none.
func (g *Group) GetLog(index uint64, l *raft.Log) error {
	const op = "raftlog.GetLog"
	if err := g.enter(op); err != nil {
		return err
	}
	defer g.engine.leave()
	return g.readEntry(op, index, func(key, v []byte) error { return decodeEntry(key, v, l) })
}

// readEntry calls use with the entry at index. REQUIRES: enter.
func (g *Group) readEntry(op string, index uint64, use func(key, v []byte) error) error {
	if !g.st.extent().has(index) {
		return raft.ErrLogNotFound
	}
	key := logKey(g.st.id, index)
	v, closer, err := g.engine.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		if !g.st.extent().has(index) { // truncated just now (R7)
			return raft.ErrLogNotFound
		}
		return g.engine.damaged(g.st, corrupt(op, "group %d: entry %d is missing", g.st.id, index))
	}
	if err != nil {
		return g.readFailed(op, err)
	}
	defer closer.Close()
	if err := use(key, v); err != nil {
		return g.engine.damaged(g.st, corrupt(op, "group %d: entry %d: %v", g.st.id, index, err))
	}
	return nil
}

// readFailed tells a damaged file from a disk that does not answer.
func (g *Group) readFailed(op string, err error) error {
	if errors.Is(err, pebble.ErrCorruption) {
		return g.engine.damaged(g.st, corrupt(op, "group %d: %v", g.st.id, err))
	}
	return graph.Errorf(op, graph.KindUnavailable, "group %d: %w", g.st.id, err)
}

// StoreLog appends one entry.
func (g *Group) StoreLog(l *raft.Log) error { return g.StoreLogs([]*raft.Log{l}) }

// StoreLogs appends entries in one durable batch (R2).
func (g *Group) StoreLogs(logs []*raft.Log) error {
	const op = "raftlog.StoreLogs"
	if len(logs) == 0 {
		return nil
	}
	if err := g.storable(op, logs); err != nil {
		return err
	}
	if err := g.begin(op); err != nil {
		return err
	}
	if err := g.st.damage(); err != nil {
		g.end()
		return err
	}
	b := g.engine.db.NewBatch()
	before, err := g.makeRoom(op, b, logs[0].Index)
	if err != nil {
		return g.abort(b, op, err)
	}
	after := before
	if after.empty() {
		after.first, after.tail = logs[0].Index, after.base
	}
	for _, l := range logs {
		after.last = l.Index
		after.tail += entryBytes(l)
		if err := putEntry(b, g.st.id, l, after.tail); err != nil {
			return g.abort(b, op, err)
		}
	}
	bytes := after.tail - before.tail
	g.st.setExtent(before)
	return g.commit(op, b, func() {
		g.st.setExtent(after)
		g.engine.m.appended(len(logs), bytes)
	})
}

// storable refuses entries that would leave a hole or cannot be encoded.
func (g *Group) storable(op string, logs []*raft.Log) error {
	for i, l := range logs {
		if l.Index == 0 || l.Index != logs[0].Index+uint64(i) {
			return refuse(op, graph.KindInvalid, ErrHole,
				"group %d: entry %d of a batch from %d has index %d",
				g.st.id, i, logs[0].Index, l.Index)
		}
		if err := encodable(l); err != nil {
			return graph.Errorf(op, graph.KindLimit, "group %d: entry %d: %w", g.st.id, l.Index, err)
		}
	}
	return nil
}

// makeRoom deletes what stands in the way of an append at index and returns what is left.
// REQUIRES: begin.
func (g *Group) makeRoom(op string, b *pebble.Batch, index uint64) (extent, error) {
	x := g.st.extent()
	if x.empty() || index == x.last+1 {
		return x, nil
	}
	if index > x.last || index <= x.first { // a gap, or nothing is left
		err := b.DeleteRange(logKey(g.st.id, x.first), logKeyAfter(g.st.id, x.last), nil)
		return extent{}, err
	}
	cum, err := g.cumulative(op, index-1)
	if err != nil {
		return x, err
	}
	left := extent{first: x.first, last: index - 1, base: x.base, tail: cum}
	return left, b.DeleteRange(logKey(g.st.id, index), logKeyAfter(g.st.id, x.last), nil)
}

// cumulative returns the cumulative bytes through the entry at index. REQUIRES: enter.
func (g *Group) cumulative(op string, index uint64) (cum uint64, err error) {
	err = g.readEntry(op, index, func(key, v []byte) (err error) {
		cum, err = checkEntry(key, v)
		return err
	})
	return cum, err
}

func putEntry(b *pebble.Batch, group uint64, l *raft.Log, cum uint64) error {
	put := b.SetDeferred(logKeyLen, entryLen(l))
	copy(put.Key, logKey(group, l.Index))
	encodeEntry(put.Value, put.Key, l, cum)
	return put.Finish()
}

// enter lets a call of this handle read until engine.leave.
func (g *Group) enter(op string) error {
	if err := g.engine.enter(op); err != nil {
		return err
	}
	if g.st.gen.Load() != g.gen {
		g.engine.leave()
		return g.revoked(op)
	}
	return nil
}

func (g *Group) revoked(op string) error {
	return refuse(op, graph.KindUnavailable, ErrRevoked, "group %d", g.st.id)
}

// begin lets a call of this handle write until end, abort or commit.
func (g *Group) begin(op string) error {
	if !g.st.lock(g.engine.failed) {
		return g.engine.err()
	}
	if err := g.enter(op); err != nil {
		g.st.unlock()
		return err
	}
	return nil
}

func (g *Group) end() {
	g.engine.leave()
	g.st.unlock()
}

// abort ends a write of which nothing reached the engine.
func (g *Group) abort(b *pebble.Batch, op string, err error) error {
	_ = b.Close()
	g.end()
	if graph.KindOf(err) != graph.KindOther {
		return err
	}
	return graph.Errorf(op, graph.KindInternal, "group %d: %w", g.st.id, err)
}

// commit writes b durably and ends the write that begin began. landed runs before anybody else
// may write, also when the caller was told of a missed deadline before.
func (g *Group) commit(op string, b *pebble.Batch, landed func()) error {
	return g.engine.run(op, func() error {
		defer g.end()
		start := time.Now()
		if err := apply(b); err != nil {
			g.engine.fail(op, err)
			return g.engine.err()
		}
		g.engine.m.synced(time.Since(start))
		landed()
		return nil
	})
}

// apply commits and frees a batch. Pebble panics where it cannot go on.
func apply(b *pebble.Batch) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = recovered(p)
		}
	}()
	if err := b.Commit(pebble.Sync); err != nil {
		return err
	}
	return b.Close()
}
