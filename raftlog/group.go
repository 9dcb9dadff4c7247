package raftlog

import (
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
func (g *Group) LogBytes() int64 { return int64(g.st.extent().bytes) }

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

// GetLog reads the entry at index into l, raft.ErrLogNotFound if there is none. Its data must not
// be changed: it may be shared with others that read it.
func (g *Group) GetLog(index uint64, l *raft.Log) error {
	const op = "raftlog.GetLog"
	if err := g.enter(op); err != nil {
		return err
	}
	defer g.engine.leave()
	g.st.mu.RLock()
	seen := g.st.ext.has(index)
	cached, ok := g.st.recent.at(index)
	g.st.mu.RUnlock()
	if !seen {
		return raft.ErrLogNotFound
	}
	if ok {
		*l = cached
		return nil
	}
	b, ok, err := g.engine.readEntry(op, g.st, index)
	if err != nil {
		return err
	}
	if !ok { // truncated just now (R7)
		return raft.ErrLogNotFound
	}
	*l = viewEntry(b)
	return nil
}

// StoreLog appends one entry.
func (g *Group) StoreLog(l *raft.Log) error { return g.StoreLogs([]*raft.Log{l}) }

// StoreLogs appends entries in one durable record (R2), with the commit index that was staged.
func (g *Group) StoreLogs(logs []*raft.Log) error {
	const op = "raftlog.StoreLogs"
	if len(logs) == 0 {
		return nil
	}
	if err := g.storable(op, logs); err != nil {
		return err
	}
	first, last := logs[0].Index, logs[len(logs)-1].Index
	commit := min(g.st.staged.Load(), last)
	rec, locs := appendRecord(g.st.id, commit, logs)
	if err := g.begin(op); err != nil {
		return err
	}
	if err := g.st.damage(); err != nil {
		g.end()
		return err
	}
	return g.engine.commit(&request{op: op, rec: rec, grows: true, undo: g.makeRoom(first),
		end: g.end, land: func(seg *segment, off uint32) {
			g.engine.appended(g.st, appended{first, commit, rec, locs}, seg, off)
		}})
}

// appended is an append that became durable.
type appended struct {
	first, commit uint64
	rec           []byte
	locs          []loc
}

// appended makes an append known to readers, from memory for a while.
func (e *Engine) appended(st *groupState, a appended, seg *segment, off uint32) {
	logs := make([]raft.Log, len(a.locs))
	for i, l := range a.locs {
		logs[i] = viewEntry(a.rec[l.off : l.off+l.n])
	}
	place(a.locs, seg.id, off)
	bytes := locBytes(a.locs)
	st.mu.Lock()
	gone := st.applyAppend(a.first, a.commit, a.locs)
	before := st.recent.bytes
	st.recent.put(logs)
	cached := st.recent.bytes - before
	st.mu.Unlock()
	e.segs.lived(seg.id, bytes)
	e.segs.died(gone)
	e.writer.cache.added(st, a.first+uint64(len(logs))-1, cached)
	e.m.appended(len(logs), bytes)
}

// storable refuses entries that would leave a hole or cannot be encoded.
func (g *Group) storable(op string, logs []*raft.Log) error {
	size := 0
	for i, l := range logs {
		if l.Index == 0 || l.Index != logs[0].Index+uint64(i) {
			return refuse(op, graph.KindInvalid, ErrHole,
				"group %d: entry %d of a batch from %d has index %d",
				g.st.id, i, logs[0].Index, l.Index)
		}
		size += entryLen(l)
	}
	if size > maxRecord {
		return graph.Errorf(op, graph.KindLimit, "group %d: entries of %d bytes from %d are too large",
			g.st.id, size, logs[0].Index)
	}
	return nil
}

// makeRoom hides from readers what an append at index will replace. REQUIRES: begin.
func (g *Group) makeRoom(index uint64) (undo func()) {
	st := g.st
	st.mu.RLock()
	x := st.index.extent()
	switch {
	case x.empty() || index == x.last+1:
	case index > x.last || index <= x.first: // a gap, or nothing is left
		x = extent{}
	default:
		x = extent{first: x.first, last: index - 1, bytes: x.bytes - st.index.bytesFrom(index)}
	}
	st.mu.RUnlock()
	return st.hide(x)
}

// StageCommitIndex gives the index up to which entries are known to be committed. It becomes
// durable with the next append.
func (g *Group) StageCommitIndex(index uint64) error {
	const op = "raftlog.StageCommitIndex"
	if err := g.enter(op); err != nil {
		return err
	}
	defer g.engine.leave()
	for {
		old := g.st.staged.Load()
		if index <= old || g.st.staged.CompareAndSwap(old, index) {
			return nil
		}
	}
}

// GetCommitIndex returns the durable commit index, at most the last index.
func (g *Group) GetCommitIndex() (uint64, error) {
	x, err := g.bounds("raftlog.GetCommitIndex")
	if err != nil {
		return 0, err
	}
	g.st.mu.RLock()
	defer g.st.mu.RUnlock()
	return min(g.st.commit, x.last), nil
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

// begin lets a call of this handle write until end.
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
