package node

import (
	"context"
	"time"

	peerv1 "github.com/codegraphdb/codegraph/api/codegraph/peer/v1"
	queryv1 "github.com/codegraphdb/codegraph/api/codegraph/query/v1"
	"github.com/codegraphdb/codegraph/cluster"
	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/node/group"
)

// viewFor makes the view that a read asks for:
//
//	snapshot   the last commit that this node's replica of the meta group knows
//	token      at least the token: if that is newer, as strong
//	strong     draws a timestamp from the meta leader, confirmed after the request arrived, and waits
//	           until this node knows what became of every revision at or below it
//
// Where there may be transactions every read is strong: nobody knows yet at which timestamp a
// follower can be read. Leaders serve these (txns.Reader); any replica that has applied what the
// view needs serves all others.
func (n *Node) viewFor(ctx context.Context, o *queryv1.ReadOptions) (
	view *cluster.ViewInfo, strong bool, err error) {
	if !n.meta.running() {
		return nil, false, graph.Errorf("node.view", graph.KindUnavailable,
			"this node is not part of a cluster yet")
	}
	token, s := graph.Timestamp(o.GetToken()), n.meta.state.Snapshot()
	if o.GetMode() == queryv1.ReadMode_READ_MODE_STRONG || token > s.LastCommit() ||
		s.Transactions() {
		return n.freshView(ctx, token)
	}
	view, err = s.View(0)
	return view, false, err
}

// viewAt makes the view at a timestamp.
func (n *Node) viewAt(ctx context.Context, at graph.Timestamp) (*cluster.ViewInfo, error) {
	if at > n.meta.state.Snapshot().LastCommit() {
		if err := n.waitToken(ctx, at); err != nil {
			return nil, err
		}
	}
	return n.meta.state.Snapshot().View(at)
}

// waitToken waits until this node knows of the commit of a token. A token that the meta leader
// does not know either is of another cluster, or forged.
func (n *Node) waitToken(ctx context.Context, token graph.Timestamp) error {
	const op = "node.view"
	known := func(s *cluster.Snapshot) bool { return s.LastCommit() >= token }
	soon, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
	_, err := n.meta.state.Wait(soon, known)
	cancel()
	if err == nil {
		return nil
	}
	if err := n.waitReadIndex(ctx); err != nil {
		return err
	}
	if !known(n.meta.state.Snapshot()) {
		return graph.Errorf(op, graph.KindInvalid,
			"token %d is after everything that this cluster has committed", uint64(token)).
			WithRemedy("a token of another cluster? send none to begin a new session")
	}
	return nil
}

// confirmWithin is how long a leader of the meta group may take to confirm that it leads. One that
// was deposed while it waits is never confirmed.
const confirmWithin = time.Second

// leaderWithin is how long a strong read waits for a leader of the meta group: several elections.
const leaderWithin = 10 * time.Second

// waitReadIndex waits until this node has applied everything that was acknowledged before the call.
func (n *Node) waitReadIndex(ctx context.Context) error {
	var index uint64
	err := n.askMeta(ctx, "node.readIndex", func(ctx context.Context, node string) (err error) {
		index, err = n.readIndexAt(ctx, node)
		return err
	})
	if err != nil {
		return err
	}
	_, err = n.meta.state.Wait(ctx, func(s *cluster.Snapshot) bool {
		return s.AppliedIndex() >= index
	})
	return err
}

// askMeta asks the leader of the meta group, which has to confirm that it leads.
func (n *Node) askMeta(ctx context.Context, op string,
	ask func(ctx context.Context, node string) error) error {
	members, _ := n.meta.members()
	elected, cancel := context.WithTimeout(ctx, leaderWithin)
	defer cancel()
	return n.toLeader(elected, metaGroup, members, func(ctx context.Context, node string) error {
		soon, cancel := context.WithTimeout(ctx, confirmWithin)
		defer cancel()
		err := ask(soon, node)
		if err != nil && soon.Err() != nil && ctx.Err() == nil { // it may lead no more: ask again
			err = graph.Errorf(op, graph.KindUnavailable,
				"node %s does not confirm that it leads: %w", node, err)
		}
		return err
	})
}

// notCurrent says why a node that has just started takes no request.
const notCurrent = "has not learned yet what the cluster has committed"

// catchUp lets requests in once this node knows what the cluster had committed when it started.
// Before that its replica of the meta group is empty, or as old as its last snapshot: it would
// deny shards and repositories that are there.
func (n *Node) catchUp(ctx context.Context) {
	for ctx.Err() == nil {
		soon, cancel := context.WithTimeout(ctx, 2*time.Second)
		err := n.waitReadIndex(soon)
		cancel()
		if err == nil && len(n.meta.state.Snapshot().Map().Shards) > 0 {
			n.current.Store(true)
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(retryPause):
		}
	}
}

func (n *Node) readIndexAt(ctx context.Context, node string) (uint64, error) {
	if node == n.id() {
		return n.readIndexHere(ctx)
	}
	client, err := n.peers.client(node)
	if err != nil {
		return 0, err
	}
	resp, err := client.ReadIndex(ctx, &peerv1.ReadIndexRequest{})
	if err != nil {
		return 0, fromPeer(err)
	}
	return resp.GetIndex(), nil
}

// readIndexHere returns the index of the last command that a confirmed leader has applied, which
// covers everything acknowledged before the call: this leader acknowledges what it has applied, and
// the barrier of its term came after what leaders before it acknowledged. Raft's own applied index
// would not do: it counts entries that are still on their way to the state.
func (n *Node) readIndexHere(ctx context.Context) (uint64, error) {
	if !n.meta.running() {
		return 0, group.NotLeader("node.readIndex", "", "this node is not part of a cluster yet")
	}
	err := group.Confirm(ctx, n.meta.raft, &n.meta.leading, n.meta.trans)
	if graph.IsKind(err, graph.KindNotLeader) {
		return 0, group.NotLeader("node.readIndex", n.meta.leader(),
			"this node does not lead the meta group")
	}
	return n.meta.state.Snapshot().AppliedIndex(), err
}
