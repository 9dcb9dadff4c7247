package node

import (
	"context"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	adminv1 "github.com/codegraphdb/codegraph/api/codegraph/admin/v1"
	ingestv1 "github.com/codegraphdb/codegraph/api/codegraph/ingest/v1"
	queryv1 "github.com/codegraphdb/codegraph/api/codegraph/query/v1"
	"github.com/codegraphdb/codegraph/graph"
)

// TestThreeNodes founds a cluster over mutual TLS and asks everything of it that ends no node; the
// last parts end them.
func TestThreeNodes(t *testing.T) {
	t.Parallel()
	nodes := three(t, newTestCA(t).options)
	for _, c := range []struct {
		name string
		test func(*testing.T, []*testNode)
	}{
		{"founding", testFounding},
		{"any gateway", testAnyGateway},
		{"map", testMap},
		{"direct writes", testDirect},
		{"sessions", testSessions},
		{"strong reads", testStrongReads},
		{"fourth node", testFourthNode},
		{"orderly stop", testOrderlyStop},
	} {
		t.Run(c.name, func(t *testing.T) {
			part := make([]*testNode, len(nodes))
			for i, n := range nodes {
				part[i] = n.in(t)
			}
			c.test(t, part)
			for i, n := range part {
				n.alright()
				nodes[i].over = nodes[i].over || n.over
			}
		})
	}
}

// Three nodes found one cluster, each holds a replica of each shard, and they agree on it.
func testFounding(t *testing.T, nodes []*testNode) {
	id := nodes[0].clusterID()
	for _, n := range nodes {
		if n.clusterID() != id || id == "" {
			t.Errorf("clusters %q and %q", id, n.clusterID())
		}
		resp, err := n.admin().ListShards(call(t), &adminv1.ListShardsRequest{})
		if err != nil || len(resp.GetShards()) != defaultShards {
			t.Fatalf("%d shards, %v", len(resp.GetShards()), err)
		}
		for _, s := range resp.GetShards() {
			if len(s.GetReplicas()) != len(nodes) {
				t.Errorf("shard %d has %d replicas", s.GetId(), len(s.GetReplicas()))
			}
			for _, r := range s.GetReplicas() {
				if r.GetError() != "" {
					t.Errorf("shard %d on %s: %s", s.GetId(), r.GetNodeId(), r.GetError())
				}
			}
		}
	}
	eventually(t, "all nodes are listed as voters", func() error {
		resp, err := nodes[1].admin().ListNodes(call(t), &adminv1.ListNodesRequest{})
		if err != nil {
			return err
		}
		voters, alive := 0, 0
		for _, n := range resp.GetNodes() {
			if n.GetMetaVoter() {
				voters++
			}
			if n.GetAlive() {
				alive++
			}
		}
		if voters != len(nodes) || alive != len(nodes) {
			return fmt.Errorf("%d voters, %d alive: %v", voters, alive, resp)
		}
		return nil
	})
}

// An import goes through any node, also one that leads nothing, and is read through each.
func testAnyGateway(t *testing.T, nodes []*testNode) {
	leader := metaLeader(t, nodes...)
	via := others(nodes, leader)[0]
	target := function("q", "Target")
	im := begin(via, "r", "1")
	im.put(withRepo(im, file("p", &target, "A", "B")))
	im.via = leader.ingest() // no node holds any state of an import
	im.put(withRepo(im, file("q", nil, "Target")))
	im.via = others(nodes, leader)[1].ingest()
	token := im.commit().GetToken()
	for i, n := range nodes {
		o := &queryv1.ReadOptions{Token: token}
		if got := callers(n, "q.Target", o); got != "p.B" {
			t.Errorf("node %d: callers are %q", i, got)
		}
		if got := callers(n, "p.B", o); got != "p.A" {
			t.Errorf("node %d: callers are %q", i, got)
		}
	}
	sameDigests(t, nodes...)
}

// Who sends back the token of an answer never sees less than it, through whichever node. The
// followers are asked at once after each commit.
func testSessions(t *testing.T, nodes []*testNode) {
	for i := range 6 {
		writer, name := nodes[i%len(nodes)], fmt.Sprintf("S%d", i)
		token := ingestFile(writer, "sessions", name, file("s"+name, nil, name))
		for j, n := range nodes {
			resp, err := n.query().GetSymbol(call(t), &queryv1.GetSymbolRequest{
				Ref:     &queryv1.SymbolRef{Symbol: "s" + name + "." + name},
				Options: &queryv1.ReadOptions{Token: token}})
			if err != nil {
				t.Fatalf("revision %d through node %d: %v", i, j, err)
			}
			if got := resp.GetTrailer().GetToken(); got < token {
				t.Errorf("token went from %d back to %d", token, got)
			}
			token = max(token, resp.GetTrailer().GetToken())
		}
	}
}

// A strong read sees what was acknowledged before it began, without a token.
func testStrongReads(t *testing.T, nodes []*testNode) {
	for i := range 6 {
		name := fmt.Sprintf("T%d", i)
		ingestFile(nodes[i%len(nodes)], "strong", name, file("t"+name, nil, name))
		_, err := nodes[(i+1)%len(nodes)].query().GetSymbol(call(t), &queryv1.GetSymbolRequest{
			Ref:     &queryv1.SymbolRef{Symbol: "t" + name + "." + name},
			Options: &queryv1.ReadOptions{Mode: queryv1.ReadMode_READ_MODE_STRONG}})
		if err != nil {
			t.Errorf("revision %d: %v", i, err)
		}
	}
}

// A node that comes later gets no replicas and no vote, and serves all the same.
func testFourthNode(t *testing.T, nodes []*testNode) {
	o := nodes[0].opts
	o.DataDir, o.BootstrapExpect, o.Join = t.TempDir()+"/d", 0, gossipAddrs(nodes...)
	n := launch(t, o)
	ready(t, n)
	eventually(t, "the fourth node answers", func() error { return visible(n, "p.A") })
	wantCallers(t, "through the fourth node", n, "q.Target", "p.B")
	resp, err := n.query().Callers(call(t), &queryv1.CallersRequest{
		Ref: &queryv1.SymbolRef{Symbol: "q.Target"}})
	if err != nil || resp.GetTrailer().GetCost().GetRemoteCalls() == 0 {
		t.Errorf("without replicas the answer comes from others: %v, %v", resp.GetTrailer(), err)
	}
	token := ingestFile(n, "gateway", "1", file("g", nil, "G"))
	o2 := &queryv1.ReadOptions{Token: token}
	if got := callers(nodes[0], "g.G", o2); got != "" {
		t.Errorf("written through the fourth node: %q", got)
	}
	voters, rest := nodes[0].meta.members()
	if len(voters) != len(nodes) || len(rest) != 1 || rest[0] != n.id() {
		t.Errorf("voters %q, others %q", voters, rest)
	}
	if open, _ := n.groups.List(); len(open) != 0 {
		t.Errorf("%d replicas on a node that has none", len(open))
	}
}

// A node that stops hands over what it leads, and who asks the others notices nothing but, at
// most, a wait.
func testOrderlyStop(t *testing.T, nodes []*testNode) {
	leader := metaLeader(t, nodes...)
	rest := others(nodes, leader)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var g errgroup.Group
	g.Go(func() error { return readUntil(ctx, rest[0], "p.B") })
	g.Go(func() error { return readUntil(ctx, rest[1], "q.Target") })
	im := begin(rest[0], "during", "1")
	im.put(withRepo(im, file("u", nil, "U")))
	began := time.Now()
	leader.stop()
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("stopping took %v", took)
	}
	for i, n := range rest {
		if n.meta.leader() == leader.id() {
			t.Errorf("node %d still follows the one that stopped", i)
		}
	}
	im.commit()
	eventually(t, "the import is there", func() error { return visible(rest[1], "u.U") })
	cancel()
	if err := g.Wait(); err != nil {
		t.Errorf("a read during the stop: %v", err)
	}
	back := leader.again(gossipAddrs(rest...)...)
	ready(t, back)
	if err := visible(back, "u.U"); err != nil {
		t.Errorf("through the node that came back: %v", err)
	}
	sameDigests(t, append(rest, back)...)
}

// readUntil asks a node again and again until ctx ends, and returns the first error.
func readUntil(ctx context.Context, n *testNode, symbol string) error {
	for ctx.Err() == nil {
		_, err := n.query().Callers(ctx, &queryv1.CallersRequest{
			Ref: &queryv1.SymbolRef{Symbol: symbol}})
		if err != nil && ctx.Err() == nil {
			return told(err)
		}
	}
	return nil
}

// The death of the node that leads the meta group, in the middle of an import: the import goes on
// through another node, what was acknowledged is there, the dead one comes back and catches up.
func TestLeaderDies(t *testing.T) {
	t.Parallel()
	nodes := three(t)
	ingestFile(nodes[0], "r", "1", file("p", nil, "A", "B"))
	leader := metaLeader(t, nodes...)
	rest := others(nodes, leader)
	im := begin(leader, "s", "1")
	im.put(withRepo(im, file("q", nil, "C")))
	leader.crash()
	began := time.Now()
	im.via = rest[0].ingest()
	im.put(withRepo(im, file("v", nil, "V")))
	token := im.commit().GetToken()
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the import went on after %v", took)
	}
	for i, n := range rest {
		o := &queryv1.ReadOptions{Token: token}
		if got := callers(n, "p.B", o); got != "p.A" {
			t.Errorf("node %d: %q", i, got)
		}
		for _, symbol := range []string{"q.C", "v.V"} {
			if err := visible(n, symbol); err != nil {
				t.Errorf("node %d: %v", i, err)
			}
		}
	}
	back := leader.again(gossipAddrs(rest...)...)
	ready(t, back)
	if err := visible(back, "v.V"); err != nil {
		t.Errorf("the node that came back: %v", err)
	}
	sameDigests(t, append(rest, back)...)
}

// Without a quorum nothing is acknowledged, reads of a snapshot go on, strong ones fail in time,
// and all is well when the others come back.
func TestQuorumIsGone(t *testing.T) {
	t.Parallel()
	nodes := three(t)
	token := ingestFile(nodes[0], "r", "1", file("p", nil, "A", "B"))
	last := nodes[2]
	if got := callers(last, "p.B", &queryv1.ReadOptions{Token: token}); got != "p.A" {
		t.Fatalf("callers are %q", got)
	}
	sameDigests(t, nodes...)
	nodes[0].crash()
	nodes[1].crash()
	wantCallers(t, "alone", last, "p.B", "p.A")
	soon, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_, err := last.query().GetSymbol(soon, &queryv1.GetSymbolRequest{
		Ref:     &queryv1.SymbolRef{Symbol: "p.A"},
		Options: &queryv1.ReadOptions{Mode: queryv1.ReadMode_READ_MODE_STRONG}})
	if kind := graph.KindOf(told(err)); kind != graph.KindUnavailable && kind != graph.KindDeadline {
		t.Errorf("a strong read: %v", err)
	}
	soon2, cancel2 := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel2()
	_, err = last.ingest().Open(soon2, openRequest("s", "1", "x"))
	if kind := graph.KindOf(told(err)); kind != graph.KindUnavailable && kind != graph.KindDeadline {
		t.Errorf("an import: %v", err)
	}
	a := nodes[0].again(last.gossip.Addr())
	b := nodes[1].again(last.gossip.Addr())
	ready(t, a, b, last)
	ingestFile(a, "s", "2", file("w", nil, "W"))
	sameDigests(t, a, b, last)
}

// All nodes die at once: everything acknowledged is there when they come back.
func TestAllNodesDie(t *testing.T) {
	t.Parallel()
	nodes := three(t)
	ingestFile(nodes[0], "r", "1", file("p", nil, "A", "B"))
	im := begin(nodes[1], "s", "1")
	im.put(withRepo(im, file("q", nil, "C")))
	for _, n := range nodes {
		n.crash()
	}
	var back []*testNode
	for _, n := range nodes {
		back = append(back, n.again(gossipAddrs(back...)...))
	}
	ready(t, back...)
	wantCallers(t, "after it all", back[2], "p.B", "p.A")
	im.via = back[0].ingest()
	_, err := im.via.Renew(call(t), &ingestv1.RenewRequest{ImportId: im.open.GetImportId(),
		Attempt: im.open.GetAttempt()})
	if err != nil {
		t.Fatal(err)
	}
	token := im.commit().GetToken()
	o := &queryv1.ReadOptions{Token: token}
	if got := callers(back[1], "q.C", o); got != "" {
		t.Errorf("the import that went on: %q", got)
	}
	sameDigests(t, back...)
}

// A node of another cluster name never meets this cluster; one of the same name does at once.
func TestStrangersDoNotJoin(t *testing.T) {
	t.Parallel()
	n := single(t)
	o := testOptions(t, "other")
	o.ClusterName, o.BootstrapExpect, o.Join = "other", 0, gossipAddrs(n)
	other := launch(t, o)
	o = testOptions(t, "same")
	o.BootstrapExpect, o.Join = 0, gossipAddrs(n)
	same := launch(t, o)
	eventually(t, "the one with the right name is taken in", func() error {
		_, rest := n.meta.members()
		if len(rest) != 1 || rest[0] != same.id() || same.clusterID() != n.clusterID() {
			return fmt.Errorf("members beside the founder: %q", rest)
		}
		return nil
	})
	if other.clusterID() != "" || other.startupProblems() == nil {
		t.Errorf("a node of cluster other is part of %q", other.clusterID())
	}
	if _, known := n.gossip.Member(other.id()); known {
		t.Error("gossip took a node of another cluster in")
	}
}
