package node

import (
	"context"

	peerv1 "github.com/codegraphdb/codegraph/api/codegraph/peer/v1"
	"github.com/codegraphdb/codegraph/node/group"
)

// peerServer serves the other nodes of the cluster.
type peerServer struct {
	peerv1.UnimplementedPeerServiceServer
	node *Node
}

// Read implements PeerService.
func (s *peerServer) Read(ctx context.Context, req *peerv1.ReadRequest) (
	*peerv1.ReadResponse, error) {
	return s.node.readShard(ctx, req)
}

// WriteShard implements PeerService.
func (s *peerServer) WriteShard(ctx context.Context, req *peerv1.WriteShardRequest) (
	*peerv1.WriteShardResponse, error) {
	index, err := s.node.writeShardHere(ctx, req)
	return &peerv1.WriteShardResponse{LogIndex: index}, err
}

// ProposeMeta implements PeerService.
func (s *peerServer) ProposeMeta(ctx context.Context, req *peerv1.ProposeMetaRequest) (
	*peerv1.ProposeMetaResponse, error) {
	a, err := s.node.meta.propose(ctx, req.GetCommand())
	return &peerv1.ProposeMetaResponse{LogIndex: a.index, Result: a.result}, err
}

// ReadIndex implements PeerService.
func (s *peerServer) ReadIndex(ctx context.Context, _ *peerv1.ReadIndexRequest) (
	*peerv1.ReadIndexResponse, error) {
	index, err := s.node.readIndexHere(ctx)
	return &peerv1.ReadIndexResponse{Index: index}, err
}

// Grant implements PeerService.
func (s *peerServer) Grant(ctx context.Context, req *peerv1.GrantRequest) (
	*peerv1.GrantResponse, error) {
	return s.node.grantHere(ctx, req.GetCount())
}

// Transact implements PeerService.
func (s *peerServer) Transact(ctx context.Context, req *peerv1.TransactRequest) (
	*peerv1.TransactResponse, error) {
	return s.node.transactHere(ctx, req)
}

// ReplicaStatus implements PeerService.
func (s *peerServer) ReplicaStatus(ctx context.Context, req *peerv1.ReplicaStatusRequest) (
	*peerv1.ReplicaStatusResponse, error) {
	return s.node.replicaStatus(ctx, req)
}

// Pledge implements PeerService.
func (s *peerServer) Pledge(_ context.Context, req *peerv1.PledgeRequest) (
	*peerv1.PledgeResponse, error) {
	return &peerv1.PledgeResponse{}, s.node.founding.pledge(req)
}

// Found implements PeerService.
func (s *peerServer) Found(_ context.Context, req *peerv1.FoundRequest) (
	*peerv1.FoundResponse, error) {
	return &peerv1.FoundResponse{}, s.node.founding.found(req.GetClusterId())
}

// replicaStatus tells about the replicas of this node.
func (n *Node) replicaStatus(_ context.Context, req *peerv1.ReplicaStatusRequest) (
	*peerv1.ReplicaStatusResponse, error) {
	resp := &peerv1.ReplicaStatusResponse{NodeId: n.id(), DiskFreeBytes: n.disk.Free(),
		Version: n.opts.Version}
	open, _ := n.groups.List()
	for _, r := range open {
		resp.Replicas = append(resp.Replicas, replicaState(r, req.GetDigests()))
	}
	return resp, nil
}

// replicaState tells about a replica; the digest goes with the applied index that stands beside it.
func replicaState(r *group.Replica, digests bool) *peerv1.ReplicaState {
	t := r.State().Totals()
	st := &peerv1.ReplicaState{ShardId: r.Desc().ID, Epoch: r.Desc().Epoch,
		Leader: r.LeaderTerm() != 0, Term: r.Term(),
		AppliedIndex: t.Applied, LastIndex: r.LastIndex(), Rows: uint64(t.Rows),
		SlotsFilled: uint32(t.SlotsFilled), DiskBytes: r.State().Metrics().DiskBytes,
		SnapshotsInstalled: r.Installed()}
	if digests {
		st.Digest = t.Digest.String()
	}
	return st
}
