package node

import (
	"cmp"
	"context"
	"slices"
	"time"

	"golang.org/x/sync/semaphore"

	ingestv1 "github.com/codegraphdb/codegraph/api/codegraph/ingest/v1"
	peerv1 "github.com/codegraphdb/codegraph/api/codegraph/peer/v1"
	"github.com/codegraphdb/codegraph/cluster"
	"github.com/codegraphdb/codegraph/graph"
)

// ingestServer serves the import protocol. It holds no state of an import: any node can take the
// next request.
type ingestServer struct {
	ingestv1.UnimplementedIngestServiceServer
	node     *Node
	inFlight *semaphore.Weighted // bytes of batches between arrival and acknowledgement
}

// maxInFlight bounds the batches that a gateway holds; senders wait.
const maxInFlight = 64 << 20

// sealWait is how long a replica may take to apply the seals of an import.
const sealWait = 5 * time.Second

func newIngestServer(n *Node) *ingestServer {
	return &ingestServer{node: n, inFlight: semaphore.NewWeighted(maxInFlight)}
}

// Open implements IngestService.
func (s *ingestServer) Open(ctx context.Context, req *ingestv1.OpenRequest) (
	*ingestv1.OpenResponse, error) {
	if err := s.node.disk.Check(); err != nil {
		return nil, err
	}
	cmd := &cluster.OpenImport{RepoName: req.GetRepo(), Revision: req.GetRevision(),
		Commits: req.GetCommits(), Replace: req.GetReplace(), Delete: req.GetDelete(),
		Holder: req.GetHolder(), RequestID: req.GetRequestId(), NowMillis: nowMillis()}
	for _, p := range req.GetPackages() {
		cmd.Packages = append(cmd.Packages, cluster.Package{Manager: p.GetManager(),
			Name: p.GetName()})
	}
	data, err := s.node.proposeMeta(ctx, cmd)
	if err != nil {
		return nil, err
	}
	res, err := cluster.DecodeResult[cluster.OpenResult](data)
	if err != nil {
		return nil, err
	}
	resp := &ingestv1.OpenResponse{ImportId: uint64(res.Import), Attempt: res.Attempt,
		RepoId: uint64(res.Repo), LeaseMillis: uint32(res.LeaseMillis),
		BaseTimestamp: uint64(res.Base)}
	for _, p := range res.Foreign {
		resp.Foreign = append(resp.Foreign, &ingestv1.Package{Manager: p.Manager, Name: p.Name})
	}
	for _, d := range res.Shards {
		resp.Shards = append(resp.Shards, &ingestv1.Shard{Id: d.ID, SlotLo: uint32(d.Lo),
			SlotHi: uint32(d.Hi), Epoch: d.Epoch})
	}
	return resp, nil
}

// Renew implements IngestService.
func (s *ingestServer) Renew(ctx context.Context, req *ingestv1.RenewRequest) (
	*ingestv1.RenewResponse, error) {
	_, err := s.node.proposeMeta(ctx, &cluster.RenewImport{
		Import: graph.Timestamp(req.GetImportId()), Attempt: req.GetAttempt(),
		NowMillis: nowMillis()})
	return &ingestv1.RenewResponse{}, err
}

// Base implements IngestService: the F rows of a repository's owners at a timestamp.
func (s *ingestServer) Base(req *ingestv1.BaseRequest,
	stream ingestv1.IngestService_BaseServer) error {
	ctx := stream.Context()
	view, err := s.node.viewAt(ctx, graph.Timestamp(req.GetTimestamp()))
	if err != nil {
		return err
	}
	src := s.node.newSource(view, false)
	defer src.close()
	return src.Owners(ctx, graph.RepoID(req.GetRepoId()), func(rows []graph.Row) error {
		resp := &ingestv1.BaseResponse{}
		for _, r := range rows {
			resp.Rows = append(resp.Rows, &ingestv1.Row{Key: r.Key, Value: r.Value})
		}
		return stream.Send(resp)
	})
}

// Map implements IngestService.
func (s *ingestServer) Map(context.Context, *ingestv1.MapRequest) (*ingestv1.MapResponse, error) {
	snap := s.node.meta.state.Snapshot()
	resp := &ingestv1.MapResponse{Version: snap.Map().Version}
	for _, d := range snap.Map().Shards {
		out := &ingestv1.Shard{Id: d.ID, SlotLo: uint32(d.Lo), SlotHi: uint32(d.Hi),
			Epoch: d.Epoch, Leader: s.node.leaderGuess(d.ID)}
		for _, r := range d.Replicas {
			out.Replicas = append(out.Replicas, r.Node)
		}
		resp.Shards = append(resp.Shards, out)
	}
	for _, node := range snap.Nodes() {
		resp.Nodes = append(resp.Nodes, &ingestv1.Node{Id: node.ID,
			ClientAddress: s.node.clientAddr(node.ID)})
	}
	return resp, nil
}

// Write implements IngestService.
func (s *ingestServer) Write(ctx context.Context, req *ingestv1.WriteRequest) (
	*ingestv1.WriteResponse, error) {
	size := int64(len(req.GetBatch()))
	if size > graph.MaxBatchBytes {
		return nil, graph.Errorf("ingest.Write", graph.KindLimit,
			"batch of %d bytes is over the limit of %d", size, graph.MaxBatchBytes)
	}
	if err := s.inFlight.Acquire(ctx, size); err != nil {
		return nil, err
	}
	defer s.inFlight.Release(size)
	began := time.Now()
	cmd := &peerv1.WriteShardRequest{ShardId: req.GetShardId(), Epoch: req.GetEpoch(),
		Command: peerv1.ShardCommand_SHARD_COMMAND_BATCH, Body: req.GetBatch()}
	var index uint64
	var err error
	if node := req.GetNodeId(); node != "" {
		index, err = s.node.writeDirect(ctx, node, cmd)
	} else {
		index, err = s.node.writeShard(ctx, cmd)
	}
	s.node.metrics.observeWrite(time.Since(began), size, err)
	if err != nil {
		return nil, err
	}
	return &ingestv1.WriteResponse{LogIndex: index}, nil
}

// Commit implements IngestService. It returns when snapshot reads through this node see the
// revision.
func (s *ingestServer) Commit(ctx context.Context, req *ingestv1.CommitRequest) (
	*ingestv1.CommitResponse, error) {
	st := req.GetStats()
	cmd := &cluster.CommitImport{Import: graph.Timestamp(req.GetImportId()),
		Attempt: req.GetAttempt(), NowMillis: nowMillis(), Stats: cluster.Stats{
			Files: st.GetFiles(), SkippedFiles: st.GetSkippedFiles(),
			PartialFiles: st.GetPartialFiles(), Lines: st.GetLines(),
			Vertices: st.GetVertices(), Edges: st.GetEdges(), Unresolved: st.GetUnresolved()}}
	for _, seal := range req.GetSeals() {
		cmd.Seals = append(cmd.Seals, cluster.ShardIndex{Shard: seal.GetShardId(),
			Index: seal.GetLogIndex()})
	}
	if err := s.node.checkSeals(ctx, cmd.Seals); err != nil {
		return nil, err
	}
	data, err := s.node.proposeMeta(ctx, cmd)
	if err != nil {
		return nil, err
	}
	res, err := cluster.DecodeResult[cluster.CommitResult](data)
	if err != nil {
		return nil, err
	}
	return &ingestv1.CommitResponse{Timestamp: uint64(res.Commit), Token: uint64(res.Commit)}, nil
}

// checkSeals finds, for each shard, a replica that has applied the index that the import says it
// was sealed at. Every later view demands that index: one that is not in the log would make the
// shard unreadable.
func (n *Node) checkSeals(ctx context.Context, seals []cluster.ShardIndex) error {
	ctx, cancel := context.WithTimeout(ctx, sealWait)
	defer cancel()
	view := &cluster.ViewInfo{At: n.meta.state.Snapshot().LastCommit(),
		MinApplied: slices.Clone(seals)}
	slices.SortFunc(view.MinApplied, func(a, b cluster.ShardIndex) int {
		return cmp.Compare(a.Shard, b.Shard)
	})
	src := n.newSource(view, false)
	defer src.close()
	for _, seal := range seals {
		d := src.shards.Shard(seal.Shard)
		if d == nil {
			return graph.Errorf("ingest.Commit", graph.KindInvalid, "there is no shard %d", seal.Shard)
		}
		if _, err := src.reader(ctx, d); err != nil {
			return graph.Errorf("ingest.Commit", graph.KindUnavailable,
				"shard %d: no replica has the seal at index %d: %w", seal.Shard, seal.Index, err)
		}
	}
	return nil
}

// Abort implements IngestService.
func (s *ingestServer) Abort(ctx context.Context, req *ingestv1.AbortRequest) (
	*ingestv1.AbortResponse, error) {
	_, err := s.node.proposeMeta(ctx, &cluster.AbortImport{
		Import: graph.Timestamp(req.GetImportId()), Attempt: req.GetAttempt(),
		Reason: req.GetReason(), NowMillis: nowMillis()})
	return &ingestv1.AbortResponse{}, err
}
