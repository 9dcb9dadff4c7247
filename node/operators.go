package node

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	peerv1 "github.com/codegraphdb/codegraph/api/codegraph/peer/v1"
	"github.com/codegraphdb/codegraph/cluster"
	"github.com/codegraphdb/codegraph/graph"
)

const (
	operatorTick = 250 * time.Millisecond
	stepWithin   = 10 * time.Second
	closeBehind  = 128             // entries: a new replica that lags no more may vote,
	closeFor     = 2 * time.Second // once it has been so close for so long
)

// operators is what the meta leader remembers of the operators that it carries out: nothing that
// another one could not find out again.
type operators struct {
	mu     sync.Mutex
	errors map[string]string    // why an operator does not go on
	near   map[string]time.Time // since when a new replica lags little
}

// tell records the outcome of a try.
func (o *operators) tell(id string, err error) (changed bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	text := ""
	if err != nil {
		text = err.Error()
	}
	changed = text != "" && o.errors[id] != text
	if o.errors == nil {
		o.errors, o.near = map[string]string{}, map[string]time.Time{}
	}
	o.errors[id] = text
	return changed
}

// nearFor returns for how long a new replica has been near.
func (o *operators) nearFor(id string, near bool) time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !near {
		delete(o.near, id)
		return 0
	}
	if o.near == nil {
		o.errors, o.near = map[string]string{}, map[string]time.Time{}
	}
	if _, known := o.near[id]; !known {
		o.near[id] = time.Now()
	}
	return time.Since(o.near[id])
}

// keep forgets all operators but some.
func (o *operators) keep(open map[string]bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	maps.DeleteFunc(o.errors, func(id, _ string) bool { return !open[id] })
	maps.DeleteFunc(o.near, func(id string, _ time.Time) bool { return !open[id] })
}

func (o *operators) troubles() map[string]string {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := maps.Clone(o.errors)
	maps.DeleteFunc(out, func(_, text string) bool { return text == "" })
	return out
}

// runOperators carries the operators out while this node leads the meta group. What it does may be
// done again by the next leader; the leader of the shard does nothing of a step that is over.
func (n *Node) runOperators(ctx context.Context) {
	tick := time.NewTicker(operatorTick)
	defer tick.Stop()
	for {
		open := map[string]bool{}
		if n.meta.leading.Term() != 0 {
			list, _ := n.meta.state.Snapshot().Operators()
			var wg sync.WaitGroup
			for _, o := range list {
				open[o.ID] = true
				wg.Go(func() { n.operate(ctx, o) })
			}
			wg.Wait()
		}
		n.meta.repairs.keep(open)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// operate does one step and says so, or says why not.
func (n *Node) operate(ctx context.Context, o *cluster.Operator) {
	ctx, cancel := context.WithTimeout(ctx, stepWithin)
	defer cancel()
	err := n.carryStep(ctx, o)
	if err == nil {
		_, err = n.proposeMeta(ctx, &cluster.AdvanceOperator{ID: o.ID, Step: o.Step,
			NowMillis: nowMillis()})
	}
	if n.meta.repairs.tell(o.ID, err) {
		n.logger.Warn("operator does not go on", "operator", o.ID, "shard", o.Shard,
			"step", string(o.Step), "err", err)
	}
}

// carryStep returns nil once the step is done.
func (n *Node) carryStep(ctx context.Context, o *cluster.Operator) error {
	const op = "node.operate"
	if o.Step == cluster.StepCheck && o.Node != "" && !n.alive(o.Node) {
		return graph.Errorf(op, graph.KindUnavailable, "node %s does not answer", o.Node)
	}
	last, err := n.carryAtLeader(ctx, o)
	if err != nil || o.Step != cluster.StepCatchUp {
		return err
	}
	behind, err := n.behind(ctx, o, last)
	if n.meta.repairs.nearFor(o.ID, err == nil && behind <= closeBehind) >= closeFor {
		return nil
	}
	if err == nil {
		err = graph.Errorf(op, graph.KindUnavailable, "replica %s is %d entries behind",
			o.New.ServerID(), behind)
	}
	return err
}

// behind returns how many entries a new replica has still to apply.
func (n *Node) behind(ctx context.Context, o *cluster.Operator, last uint64) (uint64, error) {
	resp, err := (&adminServer{node: n}).askOne(ctx, o.Node, &peerv1.ReplicaStatusRequest{})
	if err != nil {
		return 0, err
	}
	d := n.meta.state.Snapshot().Map().Shard(o.Shard)
	for _, st := range resp.GetReplicas() {
		if d != nil && st.GetShardId() == o.Shard && st.GetEpoch() >= d.Epoch {
			return last - min(last, st.GetAppliedIndex()), nil
		}
	}
	return 0, graph.Errorf("node.operate", graph.KindUnavailable,
		"replica %s is not open on its node", o.New.ServerID())
}

// carryAtLeader has the shard's leader do what the step demands of the group.
func (n *Node) carryAtLeader(ctx context.Context, o *cluster.Operator) (last uint64, err error) {
	d := n.meta.state.Snapshot().Map().Shard(o.Shard)
	if d == nil {
		return 0, graph.Errorf("node.operate", graph.KindNotFound, "there is no shard %d", o.Shard)
	}
	req := &peerv1.CarryStepRequest{OperatorId: o.ID, ShardId: o.Shard, Step: string(o.Step)}
	var nodes []string
	for _, r := range slices.Concat(d.Replicas, d.Learners) { // a learner may be a voter by now
		nodes = append(nodes, r.Node)
	}
	err = n.toLeader(ctx, o.Shard, nodes, func(ctx context.Context, node string) error {
		resp, err := n.carryStepAt(ctx, node, req)
		last = resp.GetLastIndex()
		return err
	})
	return last, err
}

func (n *Node) carryStepAt(ctx context.Context, node string, req *peerv1.CarryStepRequest) (
	*peerv1.CarryStepResponse, error) {
	if node == n.id() {
		return n.carryStepHere(ctx, req)
	}
	conn, err := n.peers.conn(node)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, stepWithin/3) // one that hangs is not the only one
	defer cancel()
	resp, err := peerv1.NewReplicaServiceClient(conn).CarryStep(ctx, req)
	if err != nil {
		return nil, fromPeer(err)
	}
	return resp, nil
}

// carryStepHere does a step in this node's replica. It asks meta anew: the caller may be a leader
// of old.
func (n *Node) carryStepHere(ctx context.Context, req *peerv1.CarryStepRequest) (
	*peerv1.CarryStepResponse, error) {
	const op = "node.CarryStep"
	r := n.groups.Get(req.GetShardId())
	if r == nil || r.LeaderTerm() == 0 {
		return nil, n.notLeader(op, r)
	}
	last, err := r.Carry(ctx, func(ctx context.Context) (*cluster.Operator, error) {
		if err := n.waitReadIndex(ctx); err != nil {
			return nil, err
		}
		o, ok := n.meta.state.Snapshot().Operator(req.GetOperatorId())
		if !ok || o.Shard != req.GetShardId() || string(o.Step) != req.GetStep() {
			return nil, graph.Errorf(op, graph.KindConflict, "operator %s is not at step %q any more",
				req.GetOperatorId(), req.GetStep())
		}
		return o, nil
	})
	return &peerv1.CarryStepResponse{LastIndex: last}, err
}

// replicaServer changes the replicas of shards for the meta leader.
type replicaServer struct {
	peerv1.UnimplementedReplicaServiceServer
	node *Node
}

// CarryStep implements ReplicaService.
func (s *replicaServer) CarryStep(ctx context.Context, req *peerv1.CarryStepRequest) (
	*peerv1.CarryStepResponse, error) {
	return s.node.carryStepHere(ctx, req)
}

// Troubles implements ReplicaService.
func (s *replicaServer) Troubles(context.Context, *peerv1.TroublesRequest) (
	*peerv1.TroublesResponse, error) {
	return &peerv1.TroublesResponse{Errors: s.node.meta.repairs.troubles()}, nil
}

// troubles asks the meta leader why operators do not go on.
func (n *Node) troubles(ctx context.Context) (map[string]string, error) {
	leader := n.meta.leader()
	switch leader {
	case n.id():
		return n.meta.repairs.troubles(), nil
	case "":
		return nil, errors.New("the meta group has no leader")
	}
	conn, err := n.peers.conn(leader)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, askNode)
	defer cancel()
	resp, err := peerv1.NewReplicaServiceClient(conn).Troubles(ctx, &peerv1.TroublesRequest{})
	if err != nil {
		return nil, fromPeer(err)
	}
	return resp.GetErrors(), nil
}
