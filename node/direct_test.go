package node

import (
	"fmt"
	"strings"
	"testing"

	"github.com/codegraphdb/codegraph/api"
	ingestv1 "github.com/codegraphdb/codegraph/api/codegraph/ingest/v1"
	queryv1 "github.com/codegraphdb/codegraph/api/codegraph/query/v1"
	"github.com/codegraphdb/codegraph/graph"
)

func (n *testNode) clientListens() string { return n.servers.clientL.Addr().String() }

// forwardedWrites reads the metric.
func (n *testNode) forwardedWrites() (count int) {
	n.t.Helper()
	_, body := get(n.t, n, "/metrics")
	const name = "\ncodegraph_forwarded_writes_total "
	_, rest, found := strings.Cut(body, name)
	if _, err := fmt.Sscan(rest, &count); !found || err != nil {
		n.t.Fatalf("metric %q: %v", name, err)
	}
	return count
}

// leaderOf finds who leads a shard and who else has a replica, by the map that a node tells.
func leaderOf(t *testing.T, nodes []*testNode, id uint64) (leader, follower *testNode) {
	t.Helper()
	m, err := nodes[0].ingest().Map(call(t), &ingestv1.MapRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range m.GetShards() {
		for _, n := range nodes {
			switch {
			case s.GetId() != id:
			case s.GetLeader() == n.id():
				leader = n
			default:
				follower = n
			}
		}
	}
	return leader, follower
}

// The map says of every shard where it is and of every node where clients reach it, whoever tells
// it.
func testMap(t *testing.T, nodes []*testNode) {
	for i, via := range nodes {
		eventually(t, "all leaders are known", func() error {
			m, err := via.ingest().Map(call(t), &ingestv1.MapRequest{})
			if err != nil || len(m.GetShards()) != defaultShards || m.GetVersion() == 0 {
				t.Fatalf("node %d: %v, %v", i, m, err)
			}
			addrs := map[string]string{}
			for _, n := range m.GetNodes() {
				addrs[n.GetId()] = n.GetClientAddress()
			}
			for _, n := range nodes {
				if addrs[n.id()] != n.clientListens() {
					t.Errorf("node %d says that a node listens at %q", i, addrs[n.id()])
				}
			}
			for _, s := range m.GetShards() {
				if len(s.GetReplicas()) != len(nodes) || s.GetEpoch() == 0 {
					t.Errorf("node %d: %v", i, s)
				}
				if addrs[s.GetLeader()] == "" {
					return fmt.Errorf("the leader of shard %d is %q", s.GetId(), s.GetLeader())
				}
			}
			return nil
		})
	}
}

// A batch that names the node is taken by it or refused, with the leader's id and address; one
// that names nobody is forwarded, and counted.
func testDirect(t *testing.T, nodes []*testNode) {
	im := begin(nodes[0], "direct", "1")
	defer im.abort()
	s := im.open.GetShards()[3]
	write := func(to *testNode, node string, b *graph.Batch) (error, *queryv1.ErrorDetail) {
		_, err := to.ingest().Write(call(t), &ingestv1.WriteRequest{ShardId: s.GetId(),
			Epoch: s.GetEpoch(), Batch: b.Encode(), NodeId: node})
		if err == nil {
			return nil, nil
		}
		e, detail := api.FromStatus("Write", err)
		return e, detail
	}
	b := im.batch(s, nil)
	eventually(t, "leader and follower agree", func() error { // the leader may just change
		leader, follower := leaderOf(t, nodes, s.GetId())
		if leader == nil {
			return fmt.Errorf("no leader")
		}
		before := follower.forwardedWrites()
		err, d := write(follower, follower.id(), b)
		if !graph.IsKind(err, graph.KindNotLeader) {
			return fmt.Errorf("a follower: %v", err)
		}
		if after := follower.forwardedWrites(); after != before {
			t.Errorf("a direct batch was forwarded: %d, %d", before, after)
		}
		if d.GetLeaderHint() != leader.id() || d.GetLeaderAddress() != leader.clientListens() {
			return fmt.Errorf("the follower names %q at %q, the leader is %s at %s", d.GetLeaderHint(),
				d.GetLeaderAddress(), leader.id(), leader.clientListens())
		}
		err, d = write(leader, follower.id(), b)
		wantError(t, "the wrong node", err, graph.KindUnavailable, "the request is for node")
		if d.GetLeaderHint() != "" || d.GetLeaderAddress() != "" {
			t.Errorf("the wrong node names %q at %q", d.GetLeaderHint(), d.GetLeaderAddress())
		}
		before = leader.forwardedWrites()
		if err, _ = write(leader, leader.id(), b); err != nil {
			return fmt.Errorf("the leader: %w", err)
		}
		if after := leader.forwardedWrites(); after != before {
			t.Errorf("the leader forwarded: %d, %d", before, after)
		}
		before = follower.forwardedWrites()
		if err, _ = write(follower, "", im.batch(s, nil)); err != nil {
			t.Errorf("through a gateway: %v", err)
		}
		if after := follower.forwardedWrites(); after <= before {
			return fmt.Errorf("the gateway forwarded nothing: %d, %d", before, after)
		}
		return nil
	})
	other := im.open.GetShards()[4]
	stale := &ingestv1.WriteRequest{ShardId: other.GetId(), Epoch: other.GetEpoch() + 1,
		NodeId: nodes[1].id(), Batch: im.batch(other, nil).Encode()}
	_, err := nodes[1].ingest().Write(call(t), stale)
	wantError(t, "a stale epoch", told(err), graph.KindStaleEpoch, "epoch")
}
