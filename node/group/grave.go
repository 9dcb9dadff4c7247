package group

import (
	"context"
	"errors"
	"os"
	"strconv"
	"time"

	"github.com/codegraphdb/codegraph/cluster"
	"github.com/codegraphdb/codegraph/raftlog"
)

// A replica that the map has given up is destroyed in an order that a crash may interrupt anywhere:
//
//	1  the tombstone, a row in the log engine: its incarnation and older ones are never opened
//	2  the state, once no read uses it
//	3  the log, with term and vote
//
// The tombstone stays. A node that starts with an old map does not make the replica again.

const (
	graves     = 1 << 63 // group of the log engine that holds the tombstones; no shard has its id
	viewsMayBe = time.Minute
)

// graveyard is what the log engine knows of replicas that are gone.
type graveyard struct{ rows *raftlog.Group }

func tombstone(shard uint64) []byte {
	return strconv.AppendUint([]byte("codegraph.tombstone."), shard, 10)
}

// newest returns the newest incarnation of a shard's replicas here that is gone, 0 for none.
func (y graveyard) newest(shard uint64) (uint64, error) {
	row, err := y.rows.Get(tombstone(shard))
	if err != nil || len(row) == 0 {
		return 0, err
	}
	return strconv.ParseUint(string(row), 10, 64)
}

func (y graveyard) dig(shard, incarnation uint64) error {
	return y.rows.Set(tombstone(shard), strconv.AppendUint(nil, incarnation, 10))
}

// stored returns which replica of a shard the log says was made here.
func stored(e *raftlog.Engine, shard uint64) (cluster.Replica, bool, error) {
	row, err := e.Group(shard).Get([]byte(createdRow))
	rep, ok := cluster.ParseServerID(string(row))
	return rep, ok, err
}

// strays returns the replicas that are on the disk, are not open and are dead.
func (g *Set) strays(p Placement) map[uint64]cluster.Replica {
	out := map[uint64]cluster.Replica{}
	for _, id := range g.deps.Engine.Groups() {
		g.mu.Lock()
		busy := id == graves || g.open[id] != nil || g.burying[id]
		g.mu.Unlock()
		if busy {
			continue
		}
		rep, ok, err := stored(g.deps.Engine, id)
		if err == nil && ok && p.Standing(id, rep) == cluster.Dead {
			out[id] = rep
		}
	}
	return out
}

// bury destroys the dead replicas that are here, each beside the others.
func (g *Set) bury(p Placement) {
	dead := g.strays(p)
	g.mu.Lock()
	for id, r := range g.open {
		if p.Standing(id, r.self) == cluster.Dead {
			dead[id] = r.self
		}
	}
	g.mu.Unlock()
	for id, rep := range dead {
		g.mu.Lock()
		r := g.open[id]
		if g.closing {
			g.mu.Unlock()
			return
		}
		g.burying[id] = true
		delete(g.open, id)
		delete(g.failed, id)
		g.burials.Add(1)
		g.mu.Unlock()
		go g.destroy(id, rep, r)
	}
}

// destroy destroys one replica, open or not, and lets Reconcile go on with its shard.
func (g *Set) destroy(id uint64, rep cluster.Replica, r *Replica) {
	defer g.burials.Done()
	g.deps.Logger.Info("destroying a replica", "shard", id, "replica", rep.ServerID())
	err := g.graves.dig(id, rep.Incarnation)
	if r != nil {
		err = errors.Join(err, r.closeUnread(viewsMayBe))
	}
	if err == nil {
		err = os.RemoveAll(g.deps.Dir.Shard(id))
	}
	if err == nil {
		err = g.deps.Engine.Destroy(id)
	}
	g.mu.Lock()
	delete(g.burying, id)
	if err != nil {
		g.failed[id] = err
		g.deps.Logger.Error("replica cannot be destroyed", "shard", id, "err", err)
	}
	g.mu.Unlock()
	select {
	case g.changed <- struct{}{}:
	default:
	}
}

// closeUnread closes a replica and returns when nobody reads its state any more.
func (r *Replica) closeUnread(most time.Duration) error {
	err := r.close()
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	return errors.Join(err, r.state.WaitReleased(ctx))
}
