package node

import (
	"context"

	peerv1 "github.com/codegraphdb/codegraph/api/codegraph/peer/v1"
	"github.com/codegraphdb/codegraph/cluster"
	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/node/txns"
)

// forTxns is the node as its transactions see it.
type forTxns struct{ node *Node }

// Draw implements txns.Cluster.
func (f forTxns) Draw(ctx context.Context) (graph.Timestamp, error) {
	g, err := f.node.meta.grants.Draw(ctx)
	return g.At, err
}

// Shards implements txns.Cluster.
func (f forTxns) Shards() []graph.ShardRange {
	m := f.node.meta.state.Snapshot().Map()
	out := make([]graph.ShardRange, len(m.Shards))
	for i, d := range m.Shards {
		out[i] = graph.ShardRange{ID: d.ID,
			Slots: graph.SlotRange{Lo: uint16(d.Lo), Hi: uint16(d.Hi)}}
	}
	return out
}

// Replica implements txns.Cluster.
func (f forTxns) Replica(shard uint64) txns.Replica {
	if r := f.node.groups.Get(shard); r != nil {
		return r
	}
	return nil
}

// Enable implements txns.Cluster.
func (f forTxns) Enable(ctx context.Context) error {
	if f.node.meta.state.Snapshot().Transactions() {
		return nil
	}
	_, err := f.node.proposeMeta(ctx, &cluster.EnableTransactions{})
	return err
}

// Transact implements txns.Cluster.
func (f forTxns) Transact(ctx context.Context, req *peerv1.TransactRequest) (
	*peerv1.TransactResponse, error) {
	var resp *peerv1.TransactResponse
	err := f.node.toLeaderOf(ctx, req.GetShardId(), func(ctx context.Context, node string) error {
		var err error
		resp, err = f.node.transactAt(ctx, node, req)
		return err
	})
	return resp, err
}

// toLeaderOf is toLeader for the group of a shard.
func (n *Node) toLeaderOf(ctx context.Context, shard uint64,
	try func(ctx context.Context, node string) error) error {
	d := n.meta.state.Snapshot().Map().Shard(shard)
	if d == nil {
		return graph.Errorf("node.route", graph.KindNotFound, "there is no shard %d", shard)
	}
	members := make([]string, len(d.Replicas))
	for i, r := range d.Replicas {
		members[i] = r.Node
	}
	return n.toLeader(ctx, d.ID, members, try)
}

func (n *Node) transactAt(ctx context.Context, node string, req *peerv1.TransactRequest) (
	*peerv1.TransactResponse, error) {
	if node == n.id() {
		return n.transactHere(ctx, req)
	}
	client, err := n.peers.client(node)
	if err != nil {
		return nil, err
	}
	resp, err := client.Transact(ctx, req)
	if err != nil {
		return nil, fromPeer(err)
	}
	return resp, nil
}

// transactHere takes a step as the leader of a shard. A full disk refuses what makes it fuller.
func (n *Node) transactHere(ctx context.Context, req *peerv1.TransactRequest) (
	*peerv1.TransactResponse, error) {
	switch req.GetStep() {
	case peerv1.TransactionStep_TRANSACTION_STEP_ONE_PHASE,
		peerv1.TransactionStep_TRANSACTION_STEP_PREPARE:
		if err := n.disk.Check(); err != nil {
			return nil, err
		}
	}
	return n.servers.txns.Step(ctx, req)
}

// strongReader returns a reader of a shard through its leader, confirmed after the grant.
func (s *source) strongReader(ctx context.Context, d *cluster.Descriptor) (reader, error) {
	var r reader
	err := s.node.toLeaderOf(ctx, d.ID, func(ctx context.Context, node string) (err error) {
		soon, cancel := context.WithTimeout(ctx, confirmWithin)
		defer cancel()
		if node == s.node.id() {
			r, err = s.node.servers.txns.Strong(soon, d.ID, s.view.View(), 0)
		} else if r, err = s.remoteReader(soon, node, d, s.view.MinAppliedOf(d.ID)); err == nil {
			s.remote.Add(1)
		}
		if err != nil && soon.Err() != nil && ctx.Err() == nil { // it may lead no more: ask again
			err = graph.Errorf("node.read", graph.KindUnavailable,
				"shard %d: node %s does not confirm that it leads: %w", d.ID, node, err)
		}
		return err
	})
	return r, err
}
