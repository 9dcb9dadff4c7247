package group

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/codegraphdb/codegraph/cluster"
	"github.com/codegraphdb/codegraph/node/timing"
)

// Placement says which replicas of which shards there are.
type Placement interface {
	Map() cluster.Map
	Standing(shard uint64, r cluster.Replica) cluster.Standing
}

// Set is the replicas of this node, opened and destroyed as the map says.
type Set struct {
	deps    Deps
	graves  graveyard
	changed chan struct{}

	mu      sync.Mutex
	open    map[uint64]*Replica
	failed  map[uint64]error // replicas that cannot be opened; named in the node's problems
	burying map[uint64]bool
	burials sync.WaitGroup
	closing bool
}

// NewSet makes an empty set.
func NewSet(deps Deps) *Set {
	return &Set{deps: deps, open: map[uint64]*Replica{}, failed: map[uint64]error{},
		burying: map[uint64]bool{}, changed: make(chan struct{}, 1),
		graves: graveyard{deps.Engine.Group(graves)}}
}

// Changed wakes whoever is to call Reconcile again although the map is the same.
func (g *Set) Changed() <-chan struct{} { return g.changed }

// Get returns the open replica of a shard, or nil.
func (g *Set) Get(id uint64) *Replica {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.open[id]
}

// List returns the open replicas and the ones that failed to open.
func (g *Set) List() ([]*Replica, map[uint64]error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := make([]*Replica, 0, len(g.open))
	for _, r := range g.open {
		out = append(out, r)
	}
	failed := make(map[uint64]error, len(g.failed))
	for id, err := range g.failed {
		failed[id] = err
	}
	return out, failed
}

// Reconcile destroys the replicas that are dead, opens those that the map places here and that are
// not open yet, and tells the others what the map says now.
func (g *Set) Reconcile(p Placement) {
	g.bury(p)
	m := p.Map()
	for _, d := range m.Shards {
		rep, ok := placed(&d, g.deps.Self)
		g.mu.Lock()
		_, failed := g.failed[d.ID]
		r := g.open[d.ID]
		skip := !ok || g.closing || r != nil || failed || g.burying[d.ID]
		g.mu.Unlock()
		if r != nil {
			r.adopt(d)
		}
		if !skip {
			g.start(d, rep)
		}
	}
}

// placed returns the replica, or the one in the making, that a shard has on a node.
func placed(d *cluster.Descriptor, node string) (cluster.Replica, bool) {
	if rep, ok := d.Replica(node); ok {
		return rep, true
	}
	for _, rep := range d.Learners {
		if rep.Node == node {
			return rep, true
		}
	}
	return cluster.Replica{}, false
}

// start opens a replica unless it has a tombstone: then the map is an old one.
func (g *Set) start(d cluster.Descriptor, rep cluster.Replica) {
	gone, err := g.graves.newest(d.ID)
	if err == nil && rep.Incarnation <= gone {
		return
	}
	var r *Replica
	if err == nil {
		r, err = open(g.deps, d, rep)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if err != nil {
		g.failed[d.ID] = err
		g.deps.Logger.Error("replica cannot be opened", "shard", d.ID, "err", err)
		return
	}
	g.open[d.ID] = r
}

// HandOver gives the leadership of every group that this node leads to another replica, and
// returns when that is done or ctx ends.
func (g *Set) HandOver(ctx context.Context) {
	open, _ := g.List()
	var wg sync.WaitGroup
	for _, r := range open {
		if r.raft.State() != raft.Leader || len(r.Desc().Replicas) < 2 {
			continue
		}
		wg.Go(func() {
			for ctx.Err() == nil && r.raft.State() == raft.Leader {
				if err := Wait(ctx, r.raft.LeadershipTransfer()); err == nil {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
	wg.Wait()
}

// Balance gives groups to the preferred leader, the first replica of the descriptor, where this
// node leads one that it should not.
func (g *Set) Balance(ctx context.Context, alive func(node string) bool) {
	open, _ := g.List()
	for _, r := range open {
		preferred := r.Desc().Replicas[0]
		if preferred.Node == g.deps.Self || r.leading.ready.Load() == 0 || !alive(preferred.Node) ||
			!r.caughtUp(raft.ServerID(preferred.ServerID())) {
			continue
		}
		id := raft.ServerID(preferred.ServerID())
		f := r.raft.LeadershipTransferToServer(id, raft.ServerAddress(id))
		if err := Wait(ctx, f); err != nil {
			r.logger.Debug("leadership stays", "err", err)
		}
	}
}

// caughtUp tells whether a peer has answered this leader lately.
func (r *Replica) caughtUp(peer raft.ServerID) bool {
	seen := r.trans.ConfirmedSince(peer, r.raft.CurrentTerm())
	return time.Since(seen) < 2*timing.Data.Heartbeat
}

// Close closes all replicas, several at a time.
func (g *Set) Close() error {
	g.mu.Lock()
	g.closing = true
	g.mu.Unlock()
	open, _ := g.List()
	errs := make([]error, len(open))
	var wg sync.WaitGroup
	for i, r := range open {
		wg.Go(func() { errs[i] = r.close() })
	}
	wg.Wait()
	g.burials.Wait()
	return errors.Join(errs...)
}
