package node

import (
	"context"

	peerv1 "github.com/codegraphdb/codegraph/api/codegraph/peer/v1"
	"github.com/codegraphdb/codegraph/cluster"
	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/node/group"
	"github.com/codegraphdb/codegraph/node/oracle"
)

// maxGrant bounds the timestamps of one request of another node.
const maxGrant = 1 << 16

// askOracle draws timestamps from the meta leader, wherever that is. It is what the batcher calls.
func (n *Node) askOracle(ctx context.Context, count int) (oracle.Grant, error) {
	var g oracle.Grant
	err := n.askMeta(ctx, "node.grant", func(ctx context.Context, node string) error {
		resp, err := n.grantAt(ctx, node, uint32(count))
		g = oracle.Grant{At: graph.Timestamp(resp.GetFirst()), Index: resp.GetIndex()}
		return err
	})
	return g, err
}

func (n *Node) grantAt(ctx context.Context, node string, count uint32) (
	*peerv1.GrantResponse, error) {
	if node == n.id() {
		return n.grantHere(ctx, count)
	}
	client, err := n.peers.client(node)
	if err != nil {
		return nil, err
	}
	resp, err := client.Grant(ctx, &peerv1.GrantRequest{Count: count})
	if err != nil {
		return nil, fromPeer(err)
	}
	return resp, nil
}

// grantHere draws timestamps as the leader of the meta group, which is confirmed after that and in
// the same term: so nobody else has granted any in between, and its applied index covers every
// revision at or below them (rules 1.6 and 6.1).
func (n *Node) grantHere(ctx context.Context, count uint32) (*peerv1.GrantResponse, error) {
	const op = "node.grant"
	if !n.meta.running() || n.meta.leading.Term() == 0 {
		return nil, group.NotLeader(op, n.meta.leader(), "this node does not lead the meta group")
	}
	if count == 0 || count > maxGrant {
		return nil, graph.Errorf(op, graph.KindInvalid, "%d timestamps at once", count)
	}
	g, err := n.meta.oracle.Grant(ctx, int(count))
	if err != nil {
		return nil, err
	}
	index, err := n.readIndexHere(ctx)
	if err != nil {
		return nil, err
	}
	if n.meta.leading.Term() != g.Term {
		return nil, group.NotLeader(op, "", "a new term began")
	}
	return &peerv1.GrantResponse{First: uint64(g.First), Index: index, Term: g.Term}, nil
}

// freshView makes the view of everything acknowledged before the call: at a timestamp of its own
// where there may be transactions, else at the last commit, so that any replica may serve it.
func (n *Node) freshView(ctx context.Context, token graph.Timestamp) (
	view *cluster.ViewInfo, strong bool, err error) {
	g, err := n.meta.grants.Draw(ctx)
	if err != nil {
		return nil, false, err
	}
	s, err := n.meta.state.Wait(ctx, func(s *cluster.Snapshot) bool {
		return s.AppliedIndex() >= g.Index
	})
	if err != nil {
		return nil, false, err
	}
	at, strong := s.LastCommit(), s.Transactions()
	if strong {
		at = g.At
	}
	if token > at {
		return nil, false, graph.Errorf("node.view", graph.KindInvalid,
			"token %d is after everything that this cluster has committed", uint64(token)).
			WithRemedy("a token of another cluster? send none to begin a new session")
	}
	view, err = s.ViewDecided(at, g.Index)
	return view, strong, err
}
