package node

import (
	"context"

	peerv1 "github.com/codegraphdb/codegraph/api/codegraph/peer/v1"
	"github.com/codegraphdb/codegraph/graph"
)

// reader reads one shard at one view. A shard.View is one; remoteReader asks another node.
type reader interface {
	Lookup(ctx context.Context, ids []graph.VertexID, doc bool) ([]graph.Vertex, error)
	Scan(ctx context.Context, s *graph.ScanSpec) (vs []graph.Vertex, next []byte, err error)
	Expand(ctx context.Context, ids []graph.VertexID, s *graph.ExpandSpec) (
		adj []graph.Adjacency, edges int, err error)
	Count(ctx context.Context, s *graph.ScanSpec) (int64, error)
	Owners(ctx context.Context, repo graph.RepoID, cursor []byte, limit int) (
		rows []graph.Row, next []byte, err error)
}

// remoteReader reads a shard through the peer port of one node.
type remoteReader struct {
	client peerv1.PeerServiceClient
	shard  uint64
	epoch  uint64
	view   *peerv1.View
}

func (r *remoteReader) request() *peerv1.ReadRequest {
	return &peerv1.ReadRequest{ShardId: r.shard, Epoch: r.epoch, View: r.view}
}

// Lookup implements reader. The other node may answer a part at a time.
func (r *remoteReader) Lookup(ctx context.Context, ids []graph.VertexID, doc bool) (
	[]graph.Vertex, error) {
	var out []graph.Vertex
	for len(ids) > 0 {
		req := r.request()
		req.What = &peerv1.ReadRequest_Lookup{
			Lookup: &peerv1.Lookup{Ids: graph.AppendIDs(nil, ids), Doc: doc}}
		resp, err := r.client.Read(ctx, req)
		if err != nil {
			return nil, fromPeer(err)
		}
		vs, err := decodeVertices(resp.GetData())
		if err != nil {
			return nil, err
		}
		if ids, err = r.advance(ids, resp, len(vs)); err != nil {
			return nil, err
		}
		out = append(out, vs...)
	}
	return out, nil
}

// advance drops the ids that a response answered.
func (r *remoteReader) advance(ids []graph.VertexID, resp *peerv1.ReadResponse, got int) (
	[]graph.VertexID, error) {
	n := resp.GetCount()
	if n == 0 || n > uint64(len(ids)) || got != int(n) {
		return nil, graph.Errorf("node.read", graph.KindInternal,
			"shard %d: %d of %d ids answered with %d items", r.shard, n, len(ids), got)
	}
	return ids[n:], nil
}

// Scan implements reader.
func (r *remoteReader) Scan(ctx context.Context, s *graph.ScanSpec) (
	[]graph.Vertex, []byte, error) {
	req := r.request()
	req.What = &peerv1.ReadRequest_Scan{Scan: graph.AppendScanSpec(nil, s)}
	resp, err := r.client.Read(ctx, req)
	if err != nil {
		return nil, nil, fromPeer(err)
	}
	vs, err := decodeVertices(resp.GetData())
	return vs, resp.GetCursor(), err
}

// Count implements reader.
func (r *remoteReader) Count(ctx context.Context, s *graph.ScanSpec) (int64, error) {
	req := r.request()
	req.What = &peerv1.ReadRequest_Count{Count: graph.AppendScanSpec(nil, s)}
	resp, err := r.client.Read(ctx, req)
	if err != nil {
		return 0, fromPeer(err)
	}
	return int64(resp.GetCount()), nil
}

// Expand implements reader. The other node may answer a part at a time.
func (r *remoteReader) Expand(ctx context.Context, ids []graph.VertexID, s *graph.ExpandSpec) (
	[]graph.Adjacency, int, error) {
	var out []graph.Adjacency
	edges := 0
	spec := graph.AppendExpandSpec(nil, s)
	for len(ids) > 0 {
		req := r.request()
		req.What = &peerv1.ReadRequest_Expand{
			Expand: &peerv1.Expand{Ids: graph.AppendIDs(nil, ids), Spec: spec}}
		resp, err := r.client.Read(ctx, req)
		if err != nil {
			return nil, 0, fromPeer(err)
		}
		adj, err := decodeAdjacencies(resp.GetData())
		if err != nil {
			return nil, 0, err
		}
		if ids, err = r.advance(ids, resp, len(adj)); err != nil {
			return nil, 0, err
		}
		out = append(out, adj...)
		edges += int(resp.GetEdgesVisited())
	}
	return out, edges, nil
}

// Owners implements reader.
func (r *remoteReader) Owners(ctx context.Context, repo graph.RepoID, cursor []byte, limit int) (
	[]graph.Row, []byte, error) {
	req := r.request()
	req.What = &peerv1.ReadRequest_Owners{Owners: &peerv1.Owners{RepoId: uint64(repo),
		Cursor: cursor, Limit: uint32(limit)}}
	resp, err := r.client.Read(ctx, req)
	if err != nil {
		return nil, nil, fromPeer(err)
	}
	if r.view.GetTerm() == 0 { // the first call: the leader is confirmed once for a view
		r.view.Term = resp.GetTerm()
	}
	rows, err := graph.DecodeRows(resp.GetData())
	return rows, resp.GetCursor(), err
}

func decodeVertices(b []byte) ([]graph.Vertex, error) {
	var out []graph.Vertex
	for len(b) > 0 {
		v, rest, err := graph.TakeVertex(b)
		if err != nil {
			return nil, err
		}
		out, b = append(out, *v), rest
	}
	return out, nil
}

func decodeAdjacencies(b []byte) ([]graph.Adjacency, error) {
	var out []graph.Adjacency
	for len(b) > 0 {
		a, rest, err := graph.TakeAdjacency(b)
		if err != nil {
			return nil, err
		}
		out, b = append(out, *a), rest
	}
	return out, nil
}
