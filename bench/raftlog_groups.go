package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

const (
	raftReplicas  = 3
	electedWithin = time.Minute
)

// measure runs one cell for its share of a pass.
func (b *raftlogBench) measure(ctx context.Context, dir string, c *cell) (err error) {
	var syncs atomic.Uint64
	g, err := startGroups(ctx, filepath.Join(dir, "cell"), c, &syncs)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.stop()) }()
	before := syncs.Load()
	start := time.Now()
	times, failed := g.load(ctx, b.writers, b.size, b.duration/time.Duration(b.passes))
	took := time.Since(start)
	c.took += took
	c.rates = append(c.rates, float64(len(times))/took.Seconds())
	c.syncs += syncs.Load() - before
	c.times = append(c.times, times...)
	c.Errors += failed
	return ctx.Err()
}

// groupsRun is a set of groups in this process.
type groupsRun struct {
	dir   string
	nodes []*nodeLogs
	rafts [][]*raft.Raft // of each group
}

func startGroups(ctx context.Context, dir string, c *cell, syncs *atomic.Uint64) (
	g *groupsRun, err error,
) {
	g = &groupsRun{dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, g.stop())
		}
	}()
	for _, s := range logStores() {
		for n := 0; s.name == c.Store && n < raftReplicas; n++ {
			home := filepath.Join(dir, fmt.Sprint("node", n))
			if err := os.MkdirAll(home, 0o750); err != nil {
				return g, err
			}
			logs, err := s.open(home, c.Groups, syncs)
			if err != nil {
				return g, err
			}
			g.nodes = append(g.nodes, logs)
		}
	}
	for id := range c.Groups {
		if err := g.start(id); err != nil {
			return g, err
		}
	}
	for id := range c.Groups {
		if err := g.elected(ctx, id); err != nil {
			return g, err
		}
	}
	return g, nil
}

// start starts the replicas of a group.
func (g *groupsRun) start(id int) error {
	var trans [raftReplicas]*raft.InmemTransport
	var members raft.Configuration
	for n := range trans {
		addr := raft.ServerAddress(fmt.Sprintf("n%d-%d", n, id))
		_, trans[n] = raft.NewInmemTransport(addr)
		members.Servers = append(members.Servers,
			raft.Server{ID: raft.ServerID(fmt.Sprint(n)), Address: addr})
	}
	for a := range trans {
		for b := range trans {
			if a != b {
				trans[a].Connect(trans[b].LocalAddr(), trans[b])
			}
		}
	}
	g.rafts = append(g.rafts, nil)
	for n := range trans {
		conf := raft.DefaultConfig()
		conf.LocalID = raft.ServerID(fmt.Sprint(n))
		conf.Logger = hclog.NewNullLogger()
		conf.BatchApplyCh = true
		conf.MaxAppendEntries = 512
		conf.NoLegacyTelemetry = true
		log, stable := g.nodes[n].log(id)
		snaps := raft.NewInmemSnapshotStore()
		if err := raft.BootstrapCluster(conf, log, stable, snaps, trans[n], members); err != nil {
			return err
		}
		r, err := raft.NewRaft(conf, nothing{}, log, stable, snaps, trans[n])
		if err != nil {
			return err
		}
		g.rafts[id] = append(g.rafts[id], r)
	}
	return nil
}

// leader returns the leader of a group, nil if there is none.
func (g *groupsRun) leader(id int) *raft.Raft {
	for _, r := range g.rafts[id] {
		if r.State() == raft.Leader {
			return r
		}
	}
	return nil
}

// elected waits until a group has a leader that has committed something.
func (g *groupsRun) elected(ctx context.Context, id int) error {
	for end := time.Now().Add(electedWithin); ctx.Err() == nil; {
		if r := g.leader(id); r != nil && r.Barrier(time.Second).Error() == nil {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("group %d has no leader after %v", id, electedWithin)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return ctx.Err()
}

// load lets writers apply entries, each to one group after the other, and returns the latencies.
func (g *groupsRun) load(ctx context.Context, writers, size int, d time.Duration) (
	all []time.Duration, failed int,
) {
	data := make([]byte, size)
	stop := time.Now().Add(d)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			var times []time.Duration
			errs := 0
			for k := i; ctx.Err() == nil && time.Now().Before(stop); k++ {
				start := time.Now()
				r := g.leader(k % len(g.rafts))
				if r == nil || r.Apply(data, 10*time.Second).Error() != nil {
					errs++
					time.Sleep(time.Millisecond)
					continue
				}
				times = append(times, time.Since(start))
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, times...)
			failed += errs
		})
	}
	wg.Wait()
	return all, failed
}

// stop ends everything and removes the directory.
func (g *groupsRun) stop() error {
	var futures []raft.Future
	for _, rs := range g.rafts {
		for _, r := range rs {
			futures = append(futures, r.Shutdown())
		}
	}
	var errs []error
	for _, f := range futures {
		errs = append(errs, f.Error())
	}
	for _, n := range g.nodes {
		errs = append(errs, n.closed())
	}
	return errors.Join(append(errs, os.RemoveAll(g.dir))...)
}

// nothing is a state machine without a state.
type nothing struct{}

// Apply implements raft.FSM.
func (nothing) Apply(*raft.Log) any { return nil }

// ApplyBatch implements raft.BatchingFSM.
func (nothing) ApplyBatch(logs []*raft.Log) []any { return make([]any, len(logs)) }

// Snapshot implements raft.FSM.
func (nothing) Snapshot() (raft.FSMSnapshot, error) { return nil, errors.New("no snapshots here") }

// Restore implements raft.FSM.
func (nothing) Restore(io.ReadCloser) error { return nil }

// rawSyncs measures how often the disk syncs 4 KiB: over what is there, and growing a file.
func rawSyncs(dir string, d time.Duration) (overwrite, grow float64, err error) {
	const block, blocks = 4096, 2048
	buf := make([]byte, block)
	rate := func(prepared bool) (float64, error) {
		f, err := os.CreateTemp(dir, "raw-*")
		if err != nil {
			return 0, err
		}
		defer os.Remove(f.Name())
		defer f.Close()
		for i := 0; prepared && i < blocks; i++ {
			if _, err := f.Write(buf); err != nil {
				return 0, err
			}
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		n, start := 0, time.Now()
		for ; time.Since(start) < d; n++ {
			at := int64(n)
			if prepared {
				at %= blocks
			}
			if _, err := f.WriteAt(buf, at*block); err != nil {
				return 0, err
			}
			if err := syscall.Fdatasync(int(f.Fd())); err != nil {
				return 0, err
			}
		}
		return float64(n) / time.Since(start).Seconds(), nil
	}
	if overwrite, err = rate(true); err != nil {
		return 0, 0, err
	}
	grow, err = rate(false)
	return overwrite, grow, err
}
