package node

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	adminv1 "github.com/codegraphdb/codegraph/api/codegraph/admin/v1"
	peerv1 "github.com/codegraphdb/codegraph/api/codegraph/peer/v1"
	"github.com/codegraphdb/codegraph/cluster"
	"github.com/codegraphdb/codegraph/graph"
)

// adminServer shows the cluster.
type adminServer struct {
	adminv1.UnimplementedAdminServiceServer
	node *Node
}

// askNode is how long one node may take to tell about its replicas.
const askNode = 3 * time.Second

// Status implements AdminService.
func (s *adminServer) Status(ctx context.Context, _ *adminv1.StatusRequest) (
	*adminv1.StatusResponse, error) {
	n := s.node
	snap := n.meta.state.Snapshot()
	resp := &adminv1.StatusResponse{ClusterId: snap.ClusterID(), ClusterName: n.opts.ClusterName,
		NodeId: n.id(), Version: n.opts.Version, MetaLeader: n.meta.leader(),
		Shards: uint32(len(snap.Map().Shards)), Repositories: uint32(len(snap.Repositories())),
		Timestamp: uint64(snap.LastCommit()), Problems: n.Problems()}
	resp.Ready = len(n.unready()) == 0
	for _, node := range snap.Nodes() {
		resp.Nodes++
		if n.alive(node.ID) {
			resp.NodesAlive++
		}
	}
	for _, states := range s.ask(ctx, false) {
		for _, st := range states.resp.GetReplicas() {
			if st.GetLeader() {
				resp.ShardsWithLeader++
			}
		}
	}
	return resp, nil
}

// nodeAnswer is what one node says of its replicas, or why it says nothing.
type nodeAnswer struct {
	resp *peerv1.ReplicaStatusResponse
	err  error
}

// ask asks every node about its replicas, side by side.
func (s *adminServer) ask(ctx context.Context, digests bool) map[string]nodeAnswer {
	ctx, cancel := context.WithTimeout(ctx, askNode)
	defer cancel()
	out := map[string]nodeAnswer{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	req := &peerv1.ReplicaStatusRequest{Digests: digests}
	for _, node := range s.node.meta.state.Snapshot().Nodes() {
		wg.Go(func() {
			resp, err := s.askOne(ctx, node.ID, req)
			mu.Lock()
			defer mu.Unlock()
			out[node.ID] = nodeAnswer{resp, err}
		})
	}
	wg.Wait()
	return out
}

func (s *adminServer) askOne(ctx context.Context, node string, req *peerv1.ReplicaStatusRequest) (
	*peerv1.ReplicaStatusResponse, error) {
	if node == s.node.id() {
		return s.node.replicaStatus(ctx, req)
	}
	client, err := s.node.peers.client(node)
	if err != nil {
		return nil, err
	}
	resp, err := client.ReplicaStatus(ctx, req)
	if err != nil {
		return nil, fromPeer(err)
	}
	if resp.GetNodeId() != node { // its data directory was removed, and it came back as a new one
		return nil, graph.Errorf("admin.ask", graph.KindUnavailable,
			"at the address of node %s is node %s now", node, resp.GetNodeId())
	}
	return resp, nil
}

// ListNodes implements AdminService.
func (s *adminServer) ListNodes(ctx context.Context, _ *adminv1.ListNodesRequest) (
	*adminv1.ListNodesResponse, error) {
	answers := s.ask(ctx, false)
	voters, _ := s.node.meta.members()
	leader := s.node.meta.leader()
	resp := &adminv1.ListNodesResponse{}
	for _, node := range s.node.meta.state.Snapshot().Nodes() {
		out := &adminv1.Node{Id: node.ID, ClientAddress: node.ClientAddr,
			PeerAddress: node.PeerAddr, OpsAddress: node.OpsAddr, Version: node.Version,
			Locality: node.Locality, MetaVoter: slices.Contains(voters, node.ID),
			MetaLeader: node.ID == leader, Alive: answers[node.ID].err == nil}
		for _, st := range answers[node.ID].resp.GetReplicas() {
			out.Replicas++
			if st.GetLeader() {
				out.Leaders++
			}
		}
		out.DiskFreeBytes = answers[node.ID].resp.GetDiskFreeBytes()
		resp.Nodes = append(resp.Nodes, out)
	}
	return resp, nil
}

// ListShards implements AdminService.
func (s *adminServer) ListShards(ctx context.Context, req *adminv1.ListShardsRequest) (
	*adminv1.ListShardsResponse, error) {
	answers := s.ask(ctx, req.GetDigests())
	resp := &adminv1.ListShardsResponse{}
	for _, d := range s.node.meta.state.Snapshot().Map().Shards {
		info := &adminv1.ShardInfo{Id: d.ID, SlotLo: uint32(d.Lo), SlotHi: uint32(d.Hi),
			Epoch: d.Epoch}
		for _, rep := range d.Replicas {
			addReplica(info, rep, answers[rep.Node])
		}
		for _, rep := range d.Learners {
			addReplica(info, rep, answers[rep.Node]).Learner = true
		}
		resp.Shards = append(resp.Shards, info)
	}
	return resp, nil
}

func addReplica(info *adminv1.ShardInfo, rep cluster.Replica, a nodeAnswer) *adminv1.Replica {
	out := &adminv1.Replica{NodeId: rep.Node}
	info.Replicas = append(info.Replicas, out)
	if a.err != nil {
		out.Error = a.err.Error()
		return out
	}
	i := slices.IndexFunc(a.resp.GetReplicas(), func(st *peerv1.ReplicaState) bool {
		return st.GetShardId() == info.GetId()
	})
	if i < 0 {
		out.Error = "not open on its node"
		return out
	}
	st := a.resp.GetReplicas()[i]
	out.Leader, out.AppliedIndex = st.GetLeader(), st.GetAppliedIndex()
	out.LastIndex = st.GetLastIndex()
	out.Digest, out.DiskBytes = st.GetDigest(), st.GetDiskBytes()
	out.SnapshotsInstalled = st.GetSnapshotsInstalled()
	if st.GetLeader() || info.GetRows() == 0 {
		info.Rows, info.SlotsFilled = st.GetRows(), st.GetSlotsFilled()
	}
	return out
}

// ListRepositories implements AdminService. It tells what was committed before the call; while the
// meta group has no leader, what this node knows.
func (s *adminServer) ListRepositories(ctx context.Context, req *adminv1.ListRepositoriesRequest) (
	*adminv1.ListRepositoriesResponse, error) {
	fresh, cancel := context.WithTimeout(ctx, time.Second)
	if err := s.node.waitReadIndex(fresh); err != nil {
		s.node.logger.Debug("listing repositories as this node knows them", "err", err)
	}
	cancel()
	snap := s.node.meta.state.Snapshot()
	repos := snap.Repositories()
	if name := req.GetName(); name != "" {
		r, ok := snap.Repository(name)
		if !ok {
			return nil, graph.Errorf("admin.ListRepositories", graph.KindNotFound,
				"there is no repository %q", name).WithRemedy("`cgctl repo list` shows all")
		}
		repos = []*cluster.Repository{r}
	}
	resp := &adminv1.ListRepositoriesResponse{}
	for _, r := range repos {
		resp.Repositories = append(resp.Repositories, repository(snap, r))
	}
	slices.SortFunc(resp.Repositories, func(a, b *adminv1.Repository) int {
		return cmp.Compare(a.GetName(), b.GetName())
	})
	return resp, nil
}

func repository(snap *cluster.Snapshot, r *cluster.Repository) *adminv1.Repository {
	cur := r.Current()
	out := &adminv1.Repository{Id: uint64(r.ID), Name: r.Name, Revision: cur.Revision,
		Timestamp: uint64(cur.Commit), Files: cur.Stats.Files,
		SkippedFiles: cur.Stats.SkippedFiles, PartialFiles: cur.Stats.PartialFiles,
		Lines: cur.Stats.Lines, Vertices: cur.Stats.Vertices, Edges: cur.Stats.Edges,
		Unresolved: cur.Stats.Unresolved, Revisions: uint32(r.Count)}
	for _, p := range r.Packages {
		out.Packages = append(out.Packages, p.Manager+" "+p.Name)
	}
	if im, ok := snap.Import(r.Importing); ok {
		out.Importing, out.ImportingSinceMillis = im.Holder, im.OpenedMillis
	}
	return out
}
