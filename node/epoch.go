package node

import (
	"context"
	"time"

	"github.com/codegraphdb/codegraph/cluster"
	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/node/group"
)

// newsWithin is how long a node waits for a map that the sender of a request has seen.
const newsWithin = time.Second

// knows returns nil if a request that was made by a map with this epoch of a shard can be served.
// Changes of a shard's replicas raise its epoch and leave its slots alone: so an older one serves
// as well. A newer one is waited for.
func (n *Node) knows(ctx context.Context, op string, id, epoch uint64) error {
	at := n.meta.state.Snapshot().Map().Shard(id)
	if at != nil && epoch > at.Epoch {
		soon, cancel := context.WithTimeout(ctx, newsWithin)
		defer cancel()
		_, _ = n.meta.state.Wait(soon, func(s *cluster.Snapshot) bool {
			at = s.Map().Shard(id)
			return at == nil || at.Epoch >= epoch
		})
	}
	if at == nil {
		return graph.Errorf(op, graph.KindUnavailable, "shard %d is not known here", id)
	}
	if epoch == 0 || epoch > at.Epoch {
		return graph.Errorf(op, graph.KindStaleEpoch, "shard %d is not at epoch %d here", id, epoch)
	}
	return nil
}

// ownReplica returns this node's replica of a shard if it may serve reads: one that is being made,
// or that the map has given up, may not.
func (n *Node) ownReplica(id uint64) *group.Replica {
	r := n.groups.Get(id)
	if r == nil || n.meta.state.Snapshot().Standing(id, r.Self()) != cluster.Voter {
		return nil
	}
	return r
}

// notLeader says that this node does not lead a shard and who may; r may be nil.
func (n *Node) notLeader(op string, r *group.Replica) error {
	if r == nil {
		return group.NotLeader(op, "", "no replica here")
	}
	return group.NotLeader(op, r.Leader(), "shard %d: this node does not lead it", r.Desc().ID)
}
