package raftlog

import (
	"bytes"
	"sync"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"go.etcd.io/bbolt"

	"github.com/codegraphdb/codegraph/graph"
)

// MetaLog is the log and stable store of the meta group: raft-boltdb, with the rules about votes
// (R3) and errors (R5) that the engine has. One file, one group.
type MetaLog struct {
	*guard
	path  string
	store *raftboltdb.BoltStore

	mu       sync.Mutex
	voteTerm *uint64 // guarded by mu; a vote's term that waits for its candidate

	ops    sync.RWMutex // held shared by every call, exclusively by Close
	closed bool         // guarded by ops
}

var (
	_ raft.LogStore    = (*MetaLog)(nil)
	_ raft.StableStore = (*MetaLog)(nil)
)

// OpenMeta opens the meta group's store in a file, creating it if it is not there.
func OpenMeta(path string, opts Options) (*MetaLog, error) {
	opts = opts.withDefaults()
	store, err := raftboltdb.New(raftboltdb.Options{
		Path: path,
		BoltOptions: &bbolt.Options{
			Timeout:        opts.WriteDeadline, // for the file's lock
			NoFreelistSync: true,
			FreelistType:   bbolt.FreelistMapType,
		},
	})
	if err != nil {
		return nil, graph.Errorf("raftlog.OpenMeta", graph.KindUnavailable, "meta log %s: %w",
			path, err)
	}
	return &MetaLog{guard: newGuard(opts), path: path, store: store}, nil
}

// Close waits for the calls in flight and closes the file. Every later call fails.
func (m *MetaLog) Close() error {
	m.ops.Lock()
	defer m.ops.Unlock()
	if m.closed {
		return nil
	}
	m.closed = true
	if err := m.store.Close(); err != nil {
		return graph.Errorf("raftlog.Close", graph.KindUnavailable, "meta log %s: %w",
			m.path, err)
	}
	return nil
}

func (m *MetaLog) enter(op string) error {
	if err := m.err(); err != nil {
		return err
	}
	m.ops.RLock()
	if m.closed {
		m.ops.RUnlock()
		return refuse(op, graph.KindUnavailable, ErrClosed, "meta log %s", m.path)
	}
	return nil
}

// write runs a durable write within the deadline.
func (m *MetaLog) write(op string, f func() error) error {
	if err := m.enter(op); err != nil {
		return err
	}
	return m.run(op, func() error {
		defer m.ops.RUnlock()
		if err := f(); err != nil {
			m.fail(op, err)
		}
		return m.err()
	})
}

// FirstIndex returns the index of the first entry, 0 if there is none.
func (m *MetaLog) FirstIndex() (uint64, error) {
	if err := m.enter("raftlog.FirstIndex"); err != nil {
		return 0, err
	}
	defer m.ops.RUnlock()
	return m.store.FirstIndex()
}

// LastIndex returns the index of the last entry, 0 if there is none.
func (m *MetaLog) LastIndex() (uint64, error) {
	if err := m.enter("raftlog.LastIndex"); err != nil {
		return 0, err
	}
	defer m.ops.RUnlock()
	return m.store.LastIndex()
}

// GetLog reads the entry at index into l, raft.ErrLogNotFound if there is none.
func (m *MetaLog) GetLog(index uint64, l *raft.Log) error {
	if err := m.enter("raftlog.GetLog"); err != nil {
		return err
	}
	defer m.ops.RUnlock()
	return m.store.GetLog(index, l)
}

// StoreLog appends one entry.
func (m *MetaLog) StoreLog(l *raft.Log) error { return m.StoreLogs([]*raft.Log{l}) }

// StoreLogs appends entries durably.
func (m *MetaLog) StoreLogs(logs []*raft.Log) error {
	return m.write("raftlog.StoreLogs", func() error { return m.store.StoreLogs(logs) })
}

// DeleteRange deletes the entries from min to max, both included.
func (m *MetaLog) DeleteRange(min, max uint64) error {
	return m.write("raftlog.DeleteRange", func() error { return m.store.DeleteRange(min, max) })
}

// Set writes a stable value durably. raft-boltdb has no batches over two keys, so a vote's
// candidate is written first and its term second: after a crash between them the old term cannot
// match a current request.
func (m *MetaLog) Set(name, val []byte) error {
	if !bytes.Equal(name, nameVoteCand) {
		return m.write("raftlog.Set", func() error { return m.store.Set(name, val) })
	}
	m.mu.Lock()
	term := m.voteTerm
	m.voteTerm = nil
	m.mu.Unlock()
	return m.write("raftlog.Set", func() error {
		if err := m.store.Set(name, val); err != nil || term == nil {
			return err
		}
		return m.store.SetUint64(nameVoteTerm, *term)
	})
}

// SetUint64 writes a stable number durably, except a vote's term, which waits for its candidate.
func (m *MetaLog) SetUint64(name []byte, val uint64) error {
	if bytes.Equal(name, nameVoteTerm) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.voteTerm = &val
		return m.err()
	}
	return m.write("raftlog.SetUint64", func() error { return m.store.SetUint64(name, val) })
}

// Get returns a stable value. If there is none, the error reads "not found", as Raft expects.
func (m *MetaLog) Get(name []byte) ([]byte, error) {
	if err := m.enter("raftlog.Get"); err != nil {
		return nil, err
	}
	defer m.ops.RUnlock()
	return m.store.Get(name)
}

// GetUint64 returns a stable number. If there is none, the error reads "not found", as Raft
// expects.
func (m *MetaLog) GetUint64(name []byte) (uint64, error) {
	if err := m.enter("raftlog.GetUint64"); err != nil {
		return 0, err
	}
	defer m.ops.RUnlock()
	return m.store.GetUint64(name)
}
