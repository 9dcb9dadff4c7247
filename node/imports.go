package node

import (
	"context"
	"encoding/binary"
	"time"

	"golang.org/x/sync/errgroup"

	peerv1 "github.com/codegraphdb/codegraph/api/codegraph/peer/v1"
	"github.com/codegraphdb/codegraph/cluster"
	"github.com/codegraphdb/codegraph/graph"
)

// outcomeTick is how often the meta leader looks for outcomes to deliver and leases that ended,
// beside being woken by every change of the meta state.
const outcomeTick = 500 * time.Millisecond

// runImports is the meta leader's care for imports: it writes outcomes into the shards' logs and
// ends imports whose lease has run out. On other nodes it idles.
func (n *Node) runImports(ctx context.Context) {
	tick := time.NewTicker(outcomeTick)
	defer tick.Stop()
	var leadingSince int64
	for {
		snap := n.meta.state.Snapshot()
		if n.meta.leading.Term() == 0 {
			leadingSince = 0
		} else {
			if leadingSince == 0 {
				leadingSince = nowMillis()
			}
			n.expireImports(ctx, snap, leadingSince)
			for _, p := range snap.PendingOutcomes() {
				n.deliverOutcome(ctx, p)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-snap.Changed():
		}
	}
}

func (n *Node) expireImports(ctx context.Context, s *cluster.Snapshot, leadingSince int64) {
	now := nowMillis()
	if !s.NeedsExpire(now, leadingSince) {
		return
	}
	_, err := n.proposeMeta(ctx, &cluster.Expire{NowMillis: now, LeadingMillis: leadingSince})
	if err != nil && ctx.Err() == nil {
		n.logger.Warn("ending imports whose lease has run out", "err", err)
	}
}

// deliverOutcome writes an outcome into the log of every shard that lacks it, side by side, and
// tells meta where it stands there. What fails stays pending.
func (n *Node) deliverOutcome(ctx context.Context, p cluster.PendingOutcome) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	body := binary.BigEndian.AppendUint64(nil, uint64(p.Outcome.Import))
	body = binary.BigEndian.AppendUint64(body, uint64(p.Outcome.Commit))
	m := n.meta.state.Snapshot().Map()
	done := make([]cluster.ShardIndex, len(p.Shards))
	var g errgroup.Group
	for i, id := range p.Shards {
		d := m.Shard(id)
		if d == nil {
			continue
		}
		g.Go(func() error {
			index, err := n.writeShard(ctx, &peerv1.WriteShardRequest{ShardId: id, Epoch: d.Epoch,
				Command: peerv1.ShardCommand_SHARD_COMMAND_OUTCOME, Body: body})
			if err != nil {
				n.logger.Warn("outcome is not delivered yet", "shard", id, "import",
					p.Outcome.Import, "err", err)
				return nil
			}
			done[i] = cluster.ShardIndex{Shard: id, Index: index}
			return nil
		})
	}
	_ = g.Wait() // failures are in done
	var ok []cluster.ShardIndex
	for _, d := range done {
		if d.Shard != 0 {
			ok = append(ok, d)
		}
	}
	if len(ok) == 0 {
		return
	}
	cmd := &cluster.OutcomeDone{Import: p.Outcome.Import, Shards: ok}
	if _, err := n.proposeMeta(ctx, cmd); err != nil && ctx.Err() == nil {
		n.logger.Warn("recording a delivered outcome", "err", err)
	}
}

// proposeMeta applies a command through the meta leader, wherever that is, and returns once this
// node's own replica has applied it too, so that what follows on this node sees it.
func (n *Node) proposeMeta(ctx context.Context, c cluster.Command) ([]byte, error) {
	data, err := cluster.EncodeCommand(c)
	if err != nil {
		return nil, err
	}
	var answer metaAnswer
	members, _ := n.meta.members()
	if len(members) == 0 {
		return nil, graph.Errorf("node.proposeMeta", graph.KindUnavailable,
			"this node is not part of a cluster yet")
	}
	err = n.toLeader(ctx, metaGroup, members, func(ctx context.Context, node string) error {
		var err error
		answer, err = n.proposeMetaAt(ctx, node, data)
		return err
	})
	if err != nil {
		return nil, err
	}
	_, err = n.meta.state.Wait(ctx, func(s *cluster.Snapshot) bool {
		return s.AppliedIndex() >= answer.index
	})
	return answer.result, err
}

func (n *Node) proposeMetaAt(ctx context.Context, node string, command []byte) (metaAnswer, error) {
	if node == n.id() {
		return n.meta.propose(ctx, command)
	}
	client, err := n.peers.client(node)
	if err != nil {
		return metaAnswer{}, err
	}
	resp, err := client.ProposeMeta(ctx, &peerv1.ProposeMetaRequest{Command: command})
	if err != nil {
		return metaAnswer{}, fromPeer(err)
	}
	return metaAnswer{index: resp.GetLogIndex(), result: resp.GetResult()}, nil
}

func nowMillis() int64 { return time.Now().UnixMilli() }
