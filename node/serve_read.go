package node

import (
	"context"

	peerv1 "github.com/codegraphdb/codegraph/api/codegraph/peer/v1"
	"github.com/codegraphdb/codegraph/graph"
)

const (
	readChunk  = 512     // ids that one Lookup or Expand of a request answers at most
	readBytes  = 4 << 20 // size from which an answer is cut; the caller asks for the rest
	scanPage   = 1024    // vertices of one page of a scan
	ownersPage = 256     // owners of one page
)

// readShard answers one ReadRequest from a replica of this node.
func (n *Node) readShard(ctx context.Context, req *peerv1.ReadRequest) (
	*peerv1.ReadResponse, error) {
	const op = "node.Read"
	if err := n.knows(ctx, op, req.GetShardId(), req.GetEpoch()); err != nil {
		return nil, err
	}
	rep := n.ownReplica(req.GetShardId())
	if rep == nil {
		return nil, graph.Errorf(op, graph.KindUnavailable, "shard %d is not open on this node",
			req.GetShardId())
	}
	if err := rep.WaitApplied(ctx, req.GetView().GetMinApplied()); err != nil {
		return nil, graph.Errorf(op, graph.KindUnavailable, "shard %d lags: %w", rep.Desc().ID, err)
	}
	if req.GetView().GetStrong() {
		return n.readStrong(ctx, req)
	}
	view, err := rep.State().View(viewFromPeer(req.GetView()))
	if err != nil {
		return nil, err
	}
	defer view.Close()
	return answerRead(ctx, view, req)
}

// readStrong answers as the leader of the shard, confirmed once for a view.
func (n *Node) readStrong(ctx context.Context, req *peerv1.ReadRequest) (
	*peerv1.ReadResponse, error) {
	r, err := n.servers.txns.Strong(ctx, req.GetShardId(), viewFromPeer(req.GetView()),
		req.GetView().GetTerm())
	if err != nil {
		return nil, err
	}
	resp, err := answerRead(ctx, r, req)
	if err != nil {
		return nil, err
	}
	resp.Term = r.Term()
	return resp, nil
}

func answerRead(ctx context.Context, r reader, req *peerv1.ReadRequest) (
	*peerv1.ReadResponse, error) {
	switch w := req.GetWhat().(type) {
	case *peerv1.ReadRequest_Lookup:
		return answerLookup(ctx, r, w.Lookup)
	case *peerv1.ReadRequest_Expand:
		return answerExpand(ctx, r, w.Expand)
	case *peerv1.ReadRequest_Scan:
		return answerScan(ctx, r, w.Scan)
	case *peerv1.ReadRequest_Count:
		spec, err := graph.DecodeScanSpec(w.Count)
		if err != nil {
			return nil, err
		}
		count, err := r.Count(ctx, spec)
		return &peerv1.ReadResponse{Count: uint64(count)}, err
	case *peerv1.ReadRequest_Owners:
		limit := int(w.Owners.GetLimit())
		if limit <= 0 || limit > ownersPage {
			limit = ownersPage
		}
		rows, next, err := r.Owners(ctx, graph.RepoID(w.Owners.GetRepoId()),
			w.Owners.GetCursor(), limit)
		return &peerv1.ReadResponse{Data: graph.AppendRows(nil, rows), Cursor: next}, err
	}
	return nil, graph.Errorf("node.Read", graph.KindUnsupported, "unknown kind of read")
}

func answerLookup(ctx context.Context, r reader, req *peerv1.Lookup) (*peerv1.ReadResponse, error) {
	ids, err := graph.DecodeIDs(req.GetIds())
	if err != nil {
		return nil, err
	}
	ids = ids[:min(len(ids), readChunk)]
	vs, err := r.Lookup(ctx, ids, req.GetDoc())
	if err != nil {
		return nil, err
	}
	resp := &peerv1.ReadResponse{}
	for i := range vs {
		if len(resp.Data) > readBytes {
			break
		}
		resp.Data = graph.AppendVertex(resp.Data, &vs[i])
		resp.Count++
	}
	return resp, nil
}

func answerExpand(ctx context.Context, r reader, req *peerv1.Expand) (*peerv1.ReadResponse, error) {
	ids, err := graph.DecodeIDs(req.GetIds())
	if err != nil {
		return nil, err
	}
	spec, err := graph.DecodeExpandSpec(req.GetSpec())
	if err != nil {
		return nil, err
	}
	resp := &peerv1.ReadResponse{}
	const step = 32
	for len(ids) > 0 && resp.Count < readChunk && len(resp.Data) < readBytes {
		n := min(len(ids), step)
		adj, edges, err := r.Expand(ctx, ids[:n], spec)
		if err != nil {
			return nil, err
		}
		for i := range adj {
			resp.Data = graph.AppendAdjacency(resp.Data, &adj[i])
		}
		resp.Count += uint64(n)
		resp.EdgesVisited += uint64(edges)
		if spec.MaxEdges > 0 { // the bound holds for the whole request
			spec.MaxEdges = max(spec.MaxEdges-edges, 1)
		}
		ids = ids[n:]
	}
	return resp, nil
}

func answerScan(ctx context.Context, r reader, data []byte) (*peerv1.ReadResponse, error) {
	spec, err := graph.DecodeScanSpec(data)
	if err != nil {
		return nil, err
	}
	if spec.Limit <= 0 || spec.Limit > scanPage {
		spec.Limit = scanPage
	}
	vs, next, err := r.Scan(ctx, spec)
	if err != nil {
		return nil, err
	}
	resp := &peerv1.ReadResponse{Cursor: next}
	for i := range vs {
		resp.Data = graph.AppendVertex(resp.Data, &vs[i])
	}
	return resp, nil
}

func viewFromPeer(v *peerv1.View) graph.View {
	out := graph.View{At: graph.Timestamp(v.GetAt())}
	pairs := v.GetOutcomes()
	for i := 0; i+1 < len(pairs); i += 2 {
		out.Outcomes = append(out.Outcomes, graph.Outcome{Import: graph.Timestamp(pairs[i]),
			Commit: graph.Timestamp(pairs[i+1])})
	}
	return out
}

func viewToPeer(v graph.View, minApplied uint64) *peerv1.View {
	out := &peerv1.View{At: uint64(v.At), MinApplied: minApplied}
	for _, o := range v.Outcomes {
		out.Outcomes = append(out.Outcomes, uint64(o.Import), uint64(o.Commit))
	}
	return out
}
