package node

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	adminv1 "github.com/codegraphdb/codegraph/api/codegraph/admin/v1"
	"github.com/codegraphdb/codegraph/cluster"
	"github.com/codegraphdb/codegraph/graph"
)

// four starts a cluster of three nodes and one more, which has no replicas.
func four(t *testing.T) []*testNode {
	t.Helper()
	nodes := three(t)
	o := nodes[0].opts
	o.DataDir, o.BootstrapExpect, o.Join = t.TempDir()+"/d", 0, gossipAddrs(nodes...)
	o.ListenGossip = "127.0.0.1:0"
	d := launch(t, o)
	ready(t, d)
	return append(nodes, d)
}

// change starts an operator.
func change(n *testNode, kind adminv1.ReplicaChange, shard uint64, to, from string) string {
	n.t.Helper()
	id := fmt.Sprintf("%v-%d-%.4s-%.4s", kind, shard, to, from)
	_, err := n.admin().ChangeReplicas(call(n.t), &adminv1.ChangeReplicasRequest{Id: id, Change: kind,
		ShardId: shard, NodeId: to, FromNodeId: from})
	if err != nil {
		n.t.Fatal(told(err))
	}
	return id
}

// operator returns an operator as a node lists it.
func operator(n *testNode, id string) (*adminv1.Operator, error) {
	resp, err := n.admin().ListOperators(call(n.t), &adminv1.ListOperatorsRequest{})
	if err != nil {
		return nil, told(err)
	}
	for _, o := range resp.GetOperators() {
		if o.GetId() == id {
			return o, nil
		}
	}
	return nil, fmt.Errorf("operator %s is not listed", id)
}

// over waits until an operator has ended.
func over(n *testNode, ids ...string) {
	n.t.Helper()
	for _, id := range ids {
		eventually(n.t, "operator "+id+" ends", func() error {
			o, err := operator(n, id)
			if err == nil && o.GetStep() != string(cluster.StepDone) {
				err = fmt.Errorf("%v", o)
			}
			return err
		})
	}
}

// wantReplicas waits until exactly these nodes have a replica of a shard on their disks.
func wantReplicas(t *testing.T, nodes []*testNode, shard uint64, want ...*testNode) {
	t.Helper()
	for _, n := range nodes {
		has := slices.Contains(want, n)
		eventually(t, fmt.Sprintf("node has a replica of shard %d: %v", shard, has), func() error {
			_, err := os.Stat(n.dir.Shard(shard, "db"))
			if open := n.groups.Get(shard) != nil; open != has || (err == nil) != has {
				return fmt.Errorf("open: %v, on disk: %v", open, err)
			}
			d := n.meta.state.Snapshot().Map().Shard(shard)
			if r, ok := d.Replica(n.id()); ok != has || has && n.groups.Get(shard).Self() != r {
				return fmt.Errorf("map: %v", d)
			}
			return nil
		})
	}
}

const (
	giveReplica = adminv1.ReplicaChange_REPLICA_CHANGE_ADD
	takeReplica = adminv1.ReplicaChange_REPLICA_CHANGE_REMOVE
	moveReplica = adminv1.ReplicaChange_REPLICA_CHANGE_REPLACE
)

// Replicas are added, removed and replaced while reads and imports go on; all are equal then, and a
// node that gave one up and starts again does not make it anew.
func TestChangeReplicas(t *testing.T) {
	t.Parallel()
	nodes := four(t)
	a, b, c, d := nodes[0], nodes[1], nodes[2], nodes[3]
	ingestFile(a, "r", "1", file("p", nil, "A", "B"))
	first := a.meta.state.Snapshot()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var g errgroup.Group
	for _, n := range nodes {
		eventually(t, "it is there", func() error { return visible(n, "p.B") })
		g.Go(func() error { return readUntil(ctx, n, "p.B") })
	}
	im := begin(c, "during", "1")
	ids := []string{change(b, giveReplica, 1, d.id(), ""), change(b, takeReplica, 2, "", a.id()),
		change(d, moveReplica, 3, d.id(), b.id()), change(c, moveReplica, 4, c.id(), c.id())}
	im.put(withRepo(im, file("u", nil, "U")))
	over(a, ids...)
	im.commit()
	ids = nil
	for s := uint64(5); s <= defaultShards; s++ {
		ids = append(ids, change(a, moveReplica, s, d.id(), nodes[s%3].id()))
	}
	ingestFile(b, "s", "1", file("s", nil, "S"))
	over(d, ids...)
	ids = []string{change(a, giveReplica, 2, a.id(), "")} // once more, under a new incarnation
	over(b, ids...)
	cancel()
	if err := g.Wait(); err != nil {
		t.Errorf("a read: %v", err)
	}
	wantReplicas(t, nodes, 1, a, b, c, d)
	wantReplicas(t, nodes, 2, a, b, c)
	wantReplicas(t, nodes, 3, a, c, d)
	wantReplicas(t, nodes, 4, a, b, c)
	wantReplicas(t, nodes, 6, b, c, d)
	sameDigests(t, nodes...)
	eventually(t, "what was written meanwhile is there", func() error { return visible(d, "u.U") })

	b.crash()
	b = b.again(gossipAddrs(a, c, d)...)
	nodes[1] = b
	ready(t, b)
	b.groups.Reconcile(first) // as if its meta group had forgotten the changes
	wantReplicas(t, nodes, 3, a, c, d)
	ingestFile(b, "v", "1", file("v", nil, "V"))
	sameDigests(t, nodes...)
}

// Whoever leads the meta group dies in the middle of each step: the next one goes on.
func TestOperatorOutlivesItsLeader(t *testing.T) {
	t.Parallel()
	nodes := four(t)
	ingestFile(nodes[0], "r", "1", file("p", nil, "A", "B"))
	d := nodes[3]
	steps := []cluster.OperatorStep{cluster.StepCheck, cluster.StepLearner, cluster.StepCatchUp,
		cluster.StepVoter, cluster.StepRemove, cluster.StepUndo}
	for i, step := range steps {
		shard, rest := uint64(i+1), nodes[:3]
		leader := metaLeader(t, rest...)
		from := others(rest, leader)[i%2]
		id := change(d, moveReplica, shard, d.id(), from.id())
		if step == cluster.StepUndo {
			reach(d, id, cluster.StepCatchUp)
			_, err := d.admin().CancelOperator(call(t), &adminv1.CancelOperatorRequest{Id: id,
				Reason: "a test"})
			if err != nil {
				t.Fatal(told(err))
			}
		} else {
			reach(d, id, step)
		}
		leader.crash()
		over(d, id)
		at := slices.Index(nodes, leader)
		nodes[at] = leader.again(gossipAddrs(others(nodes, leader)...)...)
		ready(t, nodes...)
		if step == cluster.StepUndo {
			wantReplicas(t, nodes, shard, nodes[:3]...)
		} else {
			wantReplicas(t, nodes, shard, others(nodes, from)...)
		}
	}
	sameDigests(t, nodes...)
	wantCallers(t, "through the new node", d, "p.B", "p.A")
}

// reach waits until an operator is at a step.
func reach(n *testNode, id string, step cluster.OperatorStep) {
	n.t.Helper()
	eventually(n.t, fmt.Sprintf("operator %s is at step %s", id, step), func() error {
		o, ok := n.meta.state.Snapshot().Operator(id)
		if !ok || o.Step != step {
			return fmt.Errorf("%+v", o)
		}
		return nil
	})
}

// What cannot be done is refused at once, or said.
func TestOperatorsSayWhy(t *testing.T) {
	t.Parallel()
	n := single(t)
	for _, c := range []struct {
		req  *adminv1.ChangeReplicasRequest
		kind graph.ErrorKind
		says string
	}{
		{&adminv1.ChangeReplicasRequest{Id: "x", ShardId: 1}, graph.KindInvalid, "unknown change"},
		{&adminv1.ChangeReplicasRequest{Id: "x", Change: takeReplica, ShardId: 1,
			FromNodeId: n.id()}, graph.KindConflict, "only replica"},
		{&adminv1.ChangeReplicasRequest{Id: "x", Change: giveReplica, ShardId: 1, NodeId: "who"},
			graph.KindNotFound, "not registered"},
		{&adminv1.ChangeReplicasRequest{Id: "x", Change: giveReplica, ShardId: 99, NodeId: n.id()},
			graph.KindNotFound, "shard 99"},
	} {
		_, err := n.admin().ChangeReplicas(call(t), c.req)
		wantError(t, c.says, told(err), c.kind, c.says)
	}
	nodes := three(t)
	gone := others(nodes, metaLeader(t, nodes...))[0]
	rest := others(nodes, gone)
	over(rest[1], change(rest[0], takeReplica, 1, "", gone.id()))
	gone.crash()
	eventually(t, "its death is known", func() error {
		if rest[0].alive(gone.id()) || rest[1].alive(gone.id()) {
			return fmt.Errorf("it is not")
		}
		return nil
	})
	for id, says := range map[string]string{
		change(rest[0], giveReplica, 1, gone.id(), ""):    "does not answer",
		change(rest[0], takeReplica, 2, "", rest[1].id()): "1 of 2 voters answer",
	} {
		eventually(t, "the operator says why", func() error {
			o, err := operator(rest[1], id)
			if err == nil && !strings.Contains(o.GetError(), says) {
				err = fmt.Errorf("%v", o)
			}
			return err
		})
		_, err := rest[1].admin().CancelOperator(call(t), &adminv1.CancelOperatorRequest{Id: id,
			Reason: "a test"})
		if err != nil {
			t.Fatal(told(err))
		}
		over(rest[0], id)
	}
}
