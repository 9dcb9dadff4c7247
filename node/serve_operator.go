package node

import (
	"context"

	adminv1 "github.com/codegraphdb/codegraph/api/codegraph/admin/v1"
	"github.com/codegraphdb/codegraph/cluster"
	"github.com/codegraphdb/codegraph/graph"
)

var changes = map[adminv1.ReplicaChange]cluster.OperatorKind{
	adminv1.ReplicaChange_REPLICA_CHANGE_ADD:     cluster.AddReplica,
	adminv1.ReplicaChange_REPLICA_CHANGE_REMOVE:  cluster.RemoveReplica,
	adminv1.ReplicaChange_REPLICA_CHANGE_REPLACE: cluster.ReplaceReplica,
}

// ChangeReplicas implements AdminService.
func (s *adminServer) ChangeReplicas(ctx context.Context, req *adminv1.ChangeReplicasRequest) (
	*adminv1.ChangeReplicasResponse, error) {
	kind, ok := changes[req.GetChange()]
	if !ok {
		return nil, graph.Errorf("admin.ChangeReplicas", graph.KindInvalid, "unknown change %v",
			req.GetChange())
	}
	o, err := s.operate(ctx, &cluster.StartOperator{ID: req.GetId(), Op: kind,
		Shard: req.GetShardId(), Node: req.GetNodeId(), From: req.GetFromNodeId(),
		NowMillis: nowMillis()})
	return &adminv1.ChangeReplicasResponse{Operator: o}, err
}

// CancelOperator implements AdminService.
func (s *adminServer) CancelOperator(ctx context.Context, req *adminv1.CancelOperatorRequest) (
	*adminv1.CancelOperatorResponse, error) {
	o, err := s.operate(ctx, &cluster.CancelOperator{ID: req.GetId(), Reason: req.GetReason(),
		NowMillis: nowMillis()})
	return &adminv1.CancelOperatorResponse{Operator: o}, err
}

func (s *adminServer) operate(ctx context.Context, c cluster.Command) (*adminv1.Operator, error) {
	data, err := s.node.proposeMeta(ctx, c)
	if err != nil {
		return nil, err
	}
	res, err := cluster.DecodeResult[cluster.OperatorResult](data)
	return operatorOut(&res.Operator), err
}

// ListOperators implements AdminService.
func (s *adminServer) ListOperators(ctx context.Context, _ *adminv1.ListOperatorsRequest) (
	*adminv1.ListOperatorsResponse, error) {
	open, ended := s.node.meta.state.Snapshot().Operators()
	resp := &adminv1.ListOperatorsResponse{}
	for _, o := range ended {
		resp.Operators = append(resp.Operators, operatorOut(o))
	}
	if len(open) == 0 {
		return resp, nil
	}
	why, err := s.node.troubles(ctx)
	for _, o := range open {
		out := operatorOut(o)
		if out.Error = why[o.ID]; err != nil {
			out.Error = "the leader of the meta group does not tell: " + err.Error()
		}
		resp.Operators = append(resp.Operators, out)
	}
	return resp, nil
}

func operatorOut(o *cluster.Operator) *adminv1.Operator {
	out := &adminv1.Operator{Id: o.ID, ShardId: o.Shard, NodeId: o.Node, FromNodeId: o.From,
		Step: string(o.Step), Cancelled: o.Cancelled, StartedMillis: o.StartedMillis,
		ChangedMillis: o.ChangedMillis, Note: o.Note}
	for change, kind := range changes {
		if kind == o.Kind {
			out.Change = change
		}
	}
	return out
}
