package transport

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// counter is a state machine: how many entries, and their order-dependent sum.
type counter struct {
	mu      sync.Mutex
	n, sum  uint64
	applied func()
}

func (c *counter) Apply(l *raft.Log) any {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	c.sum = c.sum*31 + binary.BigEndian.Uint64(l.Data)
	c.applied()
	return nil
}

func (c *counter) Snapshot() (raft.FSMSnapshot, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return counterSnapshot{c.n, c.sum}, nil
}

func (c *counter) Restore(r io.ReadCloser) error {
	var b [16]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n, c.sum = binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	return nil
}

func (c *counter) read() (n, sum uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n, c.sum
}

type counterSnapshot struct{ n, sum uint64 }

// Persist pads the snapshot to several chunks.
func (s counterSnapshot) Persist(sink raft.SnapshotSink) error {
	b := binary.BigEndian.AppendUint64(nil, s.n)
	b = binary.BigEndian.AppendUint64(b, s.sum)
	if _, err := sink.Write(append(b, make([]byte, 3*chunkBytes)...)); err != nil {
		return err
	}
	return sink.Close()
}

func (counterSnapshot) Release() {}

// replica is one member of a test group; its stores survive a kill.
type replica struct {
	raft  *raft.Raft
	fsm   *counter
	store *raft.InmemStore
	snaps *raft.InmemSnapshotStore
}

// raftCluster is three nodes that hold the same groups.
type raftCluster struct {
	t      *testing.T
	dir    *directory
	tls    *testCA
	nodes  []string
	groups []uint64
	eps    map[string]*endpoint
	edit   func(node string, o *Options)
	reps   map[string]*replica // by "node/group"
	commit time.Duration       // CommitTimeout
	silent time.Duration       // HeartbeatTimeout
}

func newRaftCluster(t *testing.T, groups int, edit func(node string, o *Options)) *raftCluster {
	t.Helper()
	c := &raftCluster{
		t: t, dir: newDirectory(), nodes: []string{"a", "b", "c"},
		eps: map[string]*endpoint{}, reps: map[string]*replica{}, edit: edit,
		commit: 20 * time.Millisecond, silent: 300 * time.Millisecond,
	}
	for id := range groups {
		c.groups = append(c.groups, uint64(id+1))
	}
	return c
}

func (c *raftCluster) startAll() {
	c.t.Helper()
	for _, n := range c.nodes {
		c.start(n)
	}
	c.t.Cleanup(func() {
		for n := range c.eps {
			c.kill(n)
		}
	})
}

// start opens a node at a new address, with the stores it had.
func (c *raftCluster) start(node string) {
	c.t.Helper()
	var server *tls.Config
	if c.tls != nil {
		server = c.tls.server(c.t)
	}
	c.eps[node] = listenTLS(c.t, c.dir, node, server, func(o *Options) {
		if c.tls != nil {
			o.TLS = c.tls.client(c.t)
		}
		if c.edit != nil {
			c.edit(node, o)
		}
	})
	for _, id := range c.groups {
		c.open(node, id)
	}
}

func (c *raftCluster) open(node string, id uint64) {
	c.t.Helper()
	r := c.rep(node, id)
	fresh := r == nil
	if fresh {
		r = &replica{store: raft.NewInmemStore(), snaps: raft.NewInmemSnapshotStore()}
		c.reps[fmt.Sprint(node, "/", id)] = r
	}
	conf := raft.DefaultConfig()
	conf.LocalID = sid(node)
	conf.Logger = hclog.NewNullLogger()
	conf.HeartbeatTimeout, conf.ElectionTimeout = c.silent, c.silent
	conf.LeaderLeaseTimeout, conf.CommitTimeout = 200*time.Millisecond, c.commit
	conf.TrailingLogs, conf.SnapshotInterval = 10, time.Hour
	if fresh {
		var boot raft.Configuration
		for _, n := range c.nodes {
			boot.Servers = append(boot.Servers, raft.Server{ID: sid(n), Address: addr(n)})
		}
		err := raft.BootstrapCluster(conf, r.store, r.store, r.snaps,
			c.eps[node].Group(id, addr(node)), boot)
		if err != nil {
			c.t.Fatal(err)
		}
	}
	r.fsm = &counter{}
	var err error
	trans := c.eps[node].Group(id, addr(node))
	r.fsm.applied = trans.Applied
	r.raft, err = raft.NewRaft(conf, r.fsm, r.store, r.store, r.snaps, trans)
	if err != nil {
		c.t.Fatal(err)
	}
	trans.Serve(r.raft)
}

// kill closes the transport first, as the network of a dead process does.
func (c *raftCluster) kill(node string) {
	if c.eps[node] == nil {
		return
	}
	c.eps[node].stop()
	for _, id := range c.groups {
		if err := c.rep(node, id).raft.Shutdown().Error(); err != nil {
			c.t.Errorf("shutdown of %s/%d: %v", node, id, err)
		}
	}
	delete(c.eps, node)
}

func (c *raftCluster) rep(node string, id uint64) *replica {
	return c.reps[fmt.Sprint(node, "/", id)]
}

// leader waits for a leader among the running nodes.
func (c *raftCluster) leader(id uint64) (string, *raft.Raft) {
	c.t.Helper()
	var found string
	eventually(c.t, fmt.Sprintf("group %d has a leader", id), func() bool {
		for n := range c.eps {
			r := c.rep(n, id).raft
			if r.State() == raft.Leader && r.VerifyLeader().Error() == nil {
				found = n
				return true
			}
		}
		return false
	})
	return found, c.rep(found, id).raft
}

// apply commits n entries, whoever leads. An entry may be applied twice after an error.
func (c *raftCluster) apply(id uint64, n int) {
	c.t.Helper()
	for n > 0 {
		_, r := c.leader(id)
		futures := make([]raft.ApplyFuture, 0, n)
		for i := range n {
			data := binary.BigEndian.AppendUint64(nil, uint64(i))
			futures = append(futures, r.Apply(data, 10*time.Second))
		}
		for _, f := range futures {
			if f.Error() == nil {
				n--
			}
		}
	}
}

// agree waits until the running nodes have at least n entries and the same state.
func (c *raftCluster) agree(id uint64, n uint64) {
	c.t.Helper()
	eventually(c.t, fmt.Sprintf("group %d agrees on %d entries", id, n), func() bool {
		seen := map[[2]uint64]bool{}
		for node := range c.eps {
			count, sum := c.rep(node, id).fsm.read()
			if count < n {
				return false
			}
			seen[[2]uint64{count, sum}] = true
		}
		return len(seen) == 1
	})
}

func TestRaftElectReplicateFailOver(t *testing.T) {
	c := newRaftCluster(t, 1, nil)
	c.startAll()
	c.apply(1, 1000)
	c.agree(1, 1000)
	first, _ := c.leader(1)
	c.kill(first)
	second, _ := c.leader(1)
	if second == first {
		t.Fatalf("%s is dead and leads", first)
	}
	c.apply(1, 100)
	c.agree(1, 1100)
	c.start(first) // at another address, with nothing in the Raft configuration changed
	c.agree(1, 1100)
}

func TestRaftManyGroups(t *testing.T) {
	c := newRaftCluster(t, 16, nil)
	c.startAll()
	var wg sync.WaitGroup
	for _, id := range c.groups {
		wg.Go(func() { c.apply(id, 50) })
	}
	wg.Wait()
	for _, id := range c.groups {
		c.agree(id, 50)
	}
}

func TestRaftSnapshotInstall(t *testing.T) {
	c := newRaftCluster(t, 1, nil)
	c.startAll()
	leader, _ := c.leader(1)
	var down string
	for n := range c.eps {
		if n != leader {
			down = n
		}
	}
	c.kill(down)
	c.apply(1, 300)
	for n := range c.eps { // whoever leads later has truncated, too
		if err := c.rep(n, 1).raft.Snapshot().Error(); err != nil && n == leader {
			t.Fatal(err)
		}
	}
	c.start(down)
	c.agree(1, 300)
	if m := c.eps[down].Metrics().Bulk; m.MessagesReceived == 0 || m.BytesReceived < 3*chunkBytes {
		t.Errorf("the follower caught up without a snapshot: %+v", m)
	}
	c.apply(1, 10)
	c.agree(1, 310)
}

func TestRaftLeadershipTransfer(t *testing.T) {
	c := newRaftCluster(t, 1, nil)
	c.startAll()
	c.apply(1, 10)
	c.agree(1, 10)
	for range 3 {
		leader, r := c.leader(1)
		target := c.nodes[0]
		if target == leader {
			target = c.nodes[1]
		}
		if err := r.LeadershipTransferToServer(sid(target), addr(target)).Error(); err != nil {
			t.Fatalf("transfer from %s to %s: %v", leader, target, err)
		}
		eventually(t, target+" leads", func() bool {
			return c.rep(target, 1).raft.State() == raft.Leader
		})
	}
	c.apply(1, 10)
	c.agree(1, 20)
}

// A follower that is cut off asks for pre-votes only: however often it campaigns, its term does not
// grow, so it brings no newer term back to the others.
func TestRaftPreVote(t *testing.T) {
	lost := errors.New("lost by the test")
	var cut atomic.Pointer[string]
	var asked atomic.Int64
	c := newRaftCluster(t, 1, func(node string, o *Options) {
		o.Intercept = func(peer string, _ Lane) error {
			victim := cut.Load()
			if victim == nil || (*victim != node && *victim != peer) {
				return nil
			}
			if *victim == node {
				asked.Add(1)
			}
			return lost
		}
	})
	c.startAll()
	c.apply(1, 10)
	c.agree(1, 10)
	leader, _ := c.leader(1)
	victim := c.nodes[0]
	if victim == leader {
		victim = c.nodes[1]
	}
	cut.Store(&victim)
	term := c.rep(victim, 1).raft.CurrentTerm()
	asked.Store(0)
	eventually(t, "the victim has asked several times", func() bool { return asked.Load() >= 8 })
	if got := c.rep(victim, 1).raft.CurrentTerm(); got != term {
		t.Errorf("the victim went from term %d to %d", term, got)
	}
	cut.Store(nil)
	c.apply(1, 10)
	c.agree(1, 20)
}

func TestRaftConfirmations(t *testing.T) {
	c := newRaftCluster(t, 1, nil)
	c.startAll()
	leader, r := c.leader(1)
	var peers []raft.ServerID
	for _, n := range c.nodes {
		if n != leader {
			peers = append(peers, sid(n))
		}
	}
	g := c.eps[leader].lookup(1, string(addr(leader)))
	at := time.Now()
	r.VerifyLeader() // pokes the heartbeats
	if err := g.WaitConfirmed(t.Context(), peers, 1, r.CurrentTerm(), at); err != nil {
		t.Fatal(err)
	}
	confirmed := 0
	for _, p := range peers {
		if !g.ConfirmedSince(p, r.CurrentTerm()).Before(at) {
			confirmed++
		}
	}
	if confirmed == 0 {
		t.Error("WaitConfirmed and ConfirmedSince differ")
	}
}
