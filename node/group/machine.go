package group

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/hashicorp/raft"

	"github.com/codegraphdb/codegraph/raftlog"
	"github.com/codegraphdb/codegraph/shard"
)

// machine is the shim between Raft and the state machine of a shard.
type machine Replica

var (
	_ raft.BatchingFSM = (*machine)(nil)
)

// Apply implements raft.FSM; Raft uses ApplyBatch.
func (m *machine) Apply(l *raft.Log) any { return m.ApplyBatch([]*raft.Log{l})[0] }

// ApplyBatch implements raft.BatchingFSM: one batch of the storage engine for all entries. An entry
// without a command (a configuration) only moves the applied index.
func (m *machine) ApplyBatch(logs []*raft.Log) []any {
	entries := make([]shard.Entry, len(logs))
	for i, l := range logs {
		entries[i] = shard.Entry{Index: l.Index, Term: l.Term}
		if l.Type == raft.LogCommand {
			entries[i].Data = l.Data
		}
	}
	results, err := m.state.Apply(entries)
	if err != nil {
		m.fatal(fmt.Errorf("shard %d: apply: %w", m.id, err))
		select {} // the process ends; nothing may be applied behind the gap
	}
	// Durable with the next append (rule 5.3); if the log is dead, the process ends anyway.
	_ = m.log.StageCommitIndex(logs[len(logs)-1].Index)
	m.applied.broadcast()
	m.trans.Applied()
	out := make([]any, len(logs))
	for i := range results {
		out[i] = results[i]
	}
	return out
}

// Snapshot implements raft.FSM. The state itself is the snapshot: Persist flushes it.
func (m *machine) Snapshot() (raft.FSMSnapshot, error) { return &stateSnapshot{m.state}, nil }

// Restore implements raft.FSM: at start it checks that the state holds what the snapshot says;
// when a leader sent one it replaces the state.
func (m *machine) Restore(rc io.ReadCloser) error {
	defer rc.Close()
	local, index, stream, err := raftlog.ReadRestore(rc)
	if err != nil {
		return err
	}
	if local {
		if base := m.state.Base(); base < index {
			return fmt.Errorf("shard %d: snapshot at %d, but the state's is at %d", m.id, index,
				base)
		}
		return nil
	}
	if err := m.state.Install(stream, index); err != nil {
		return fmt.Errorf("shard %d: install snapshot: %w", m.id, err)
	}
	m.installed.Add(1)
	m.logger.Info("installed a snapshot", "index", index)
	m.applied.broadcast()
	return m.snaps.Installed(index)
}

// stateSnapshot is a snapshot under way.
type stateSnapshot struct{ state *shard.Shard }

// Persist implements raft.FSMSnapshot: flush first, so that truncation follows durable state. The
// index is the sink's: it may be that of a barrier, which the state does not know (rule 5.1).
func (s *stateSnapshot) Persist(sink raft.SnapshotSink) error {
	at, ok := sink.(interface{ Index() uint64 })
	if !ok {
		sink.Cancel()
		return fmt.Errorf("snapshot %s does not tell its index", sink.ID())
	}
	if err := s.state.Persist(at.Index()); err != nil {
		sink.Cancel()
		return err
	}
	if _, err := io.WriteString(sink, raftlog.LocalMarker); err != nil {
		sink.Cancel()
		return err
	}
	return sink.Close()
}

// Release implements raft.FSMSnapshot.
func (s *stateSnapshot) Release() {}

// snapshotSource streams a checkpoint of the state as it is now.
type snapshotSource struct {
	rep *Replica
	dir string // parent of the checkpoints
	seq atomic.Uint64
}

// Stream implements raftlog.SnapshotSource.
func (s *snapshotSource) Stream() (int64, io.ReadCloser, error) {
	dir := filepath.Join(s.dir, fmt.Sprintf("%s%d", checkpointPrefix, s.seq.Add(1)))
	if err := os.RemoveAll(dir); err != nil { // left by a process that died
		return 0, nil, err
	}
	e, err := s.rep.state.ExportStream(dir)
	if err != nil {
		return 0, nil, err
	}
	s.rep.logger.Info("sending a snapshot", "index", e.Index, "bytes", e.Size)
	return e.Size, e, nil
}
