package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log"
	"path/filepath"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"

	"github.com/codegraphdb/codegraph/raftlog"
)

// The stores that are compared.
const (
	storeBolt   = "raft-boltdb per group"
	storePebble = "shared Pebble, naive"
	storeShared = "shared log (raftlog)"
	storeMemory = "in memory"
)

// logStore opens the logs of one node.
type logStore struct {
	name string
	open func(dir string, groups int, syncs *atomic.Uint64) (*nodeLogs, error)
}

// nodeLogs is what one node keeps its groups' logs in.
type nodeLogs struct {
	log    func(group int) (raft.LogStore, raft.StableStore)
	closed func() error
}

func logStores() []logStore {
	return []logStore{{storeBolt, openBolt}, {storePebble, openPebble}, {storeShared, openShared},
		{storeMemory, openMemory}}
}

// countSyncs counts the syncs of files.
func countSyncs(n *atomic.Uint64) vfs.FS {
	return errorfs.Wrap(vfs.Default, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData {
			n.Add(1)
		}
		return nil
	}))
}

func openMemory(string, int, *atomic.Uint64) (*nodeLogs, error) {
	return &nodeLogs{closed: func() error { return nil },
		log: func(int) (raft.LogStore, raft.StableStore) {
			return raft.NewInmemStore(), raft.NewInmemStore()
		}}, nil
}

func openShared(dir string, _ int, syncs *atomic.Uint64) (*nodeLogs, error) {
	e, err := raftlog.Open(filepath.Join(dir, "shared"), raftlog.Options{FS: countSyncs(syncs)})
	if err != nil {
		return nil, err
	}
	return &nodeLogs{closed: e.Close, log: func(group int) (raft.LogStore, raft.StableStore) {
		g := e.Group(uint64(group))
		return g, g
	}}, nil
}

// openBolt opens a file per group, with the library's own options.
func openBolt(dir string, groups int, syncs *atomic.Uint64) (*nodeLogs, error) {
	stores := make([]*raftboltdb.BoltStore, groups)
	for i := range stores {
		var err error
		stores[i], err = raftboltdb.New(raftboltdb.Options{
			Path: filepath.Join(dir, fmt.Sprintf("bolt-%d.db", i))})
		if err != nil {
			return nil, err
		}
	}
	return &nodeLogs{
		log: func(group int) (raft.LogStore, raft.StableStore) {
			return boltLog{stores[group], syncs}, stores[group]
		},
		closed: func() (err error) {
			for _, s := range stores {
				err = errors.Join(err, s.Close())
			}
			return err
		},
	}, nil
}

// boltLog counts: bbolt syncs twice in a commit, the pages and then the meta page.
type boltLog struct {
	*raftboltdb.BoltStore
	syncs *atomic.Uint64
}

// StoreLog implements raft.LogStore.
func (b boltLog) StoreLog(l *raft.Log) error { return b.StoreLogs([]*raft.Log{l}) }

// StoreLogs implements raft.LogStore.
func (b boltLog) StoreLogs(logs []*raft.Log) error {
	b.syncs.Add(2)
	return b.BoltStore.StoreLogs(logs)
}

// openPebble opens the simplest shared log: one Pebble, one synced batch per append, stable rows
// in memory. It truncates nothing and checks nothing.
func openPebble(dir string, _ int, syncs *atomic.Uint64) (*nodeLogs, error) {
	db, err := pebble.Open(filepath.Join(dir, "pebble"), &pebble.Options{
		FS: countSyncs(syncs), MemTableSize: 64 << 20, Logger: quietLog{}})
	if err != nil {
		return nil, err
	}
	return &nodeLogs{closed: db.Close, log: func(group int) (raft.LogStore, raft.StableStore) {
		return &pebbleLog{db: db, group: uint32(group)}, raft.NewInmemStore()
	}}, nil
}

// pebbleLog is one group's part of a Pebble.
type pebbleLog struct {
	db          *pebble.DB
	group       uint32
	first, last atomic.Uint64
}

func (p *pebbleLog) key(index uint64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(nil, p.group), index)
}

// FirstIndex implements raft.LogStore.
func (p *pebbleLog) FirstIndex() (uint64, error) { return p.first.Load(), nil }

// LastIndex implements raft.LogStore.
func (p *pebbleLog) LastIndex() (uint64, error) { return p.last.Load(), nil }

// GetLog implements raft.LogStore.
func (p *pebbleLog) GetLog(index uint64, l *raft.Log) error {
	v, closer, err := p.db.Get(p.key(index))
	if err != nil {
		return raft.ErrLogNotFound
	}
	defer closer.Close()
	l.Index = index
	l.Term = binary.BigEndian.Uint64(v)
	l.Type = raft.LogType(v[8])
	l.Data = append([]byte(nil), v[9:]...)
	return nil
}

// StoreLog implements raft.LogStore.
func (p *pebbleLog) StoreLog(l *raft.Log) error { return p.StoreLogs([]*raft.Log{l}) }

// StoreLogs implements raft.LogStore.
func (p *pebbleLog) StoreLogs(logs []*raft.Log) error {
	b := p.db.NewBatch()
	for _, l := range logs {
		v := make([]byte, 9+len(l.Data))
		binary.BigEndian.PutUint64(v, l.Term)
		v[8] = byte(l.Type)
		copy(v[9:], l.Data)
		if err := b.Set(p.key(l.Index), v, nil); err != nil {
			return err
		}
		p.first.CompareAndSwap(0, l.Index)
		p.last.Store(l.Index)
	}
	return b.Commit(pebble.Sync)
}

// DeleteRange implements raft.LogStore.
func (p *pebbleLog) DeleteRange(uint64, uint64) error { return nil }

// quietLog drops what Pebble says; it dies where Pebble cannot go on.
type quietLog struct{}

// Infof implements pebble.Logger.
func (quietLog) Infof(string, ...any) {}

// Errorf implements pebble.Logger.
func (quietLog) Errorf(string, ...any) {}

// Fatalf implements pebble.Logger.
func (quietLog) Fatalf(format string, args ...any) { log.Fatalf(format, args...) }
