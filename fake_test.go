package codegraph

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/codegraphdb/codegraph/api"
	ingestv1 "github.com/codegraphdb/codegraph/api/codegraph/ingest/v1"
	queryv1 "github.com/codegraphdb/codegraph/api/codegraph/query/v1"
	"github.com/codegraphdb/codegraph/graph"
)

// fakeCluster is a cluster in memory, shared by several servers. It holds rows by key and
// deduplicates batches as a shard does.
type fakeCluster struct {
	ingestv1.UnimplementedIngestServiceServer

	mu      sync.Mutex
	shards  []*ingestv1.Shard
	rows    map[string][]byte // committed
	staged  map[uint64]map[string][]byte
	seen    map[uint64]map[uint64]bool // by shard: sequence numbers applied
	sealed  map[uint64]uint64          // by shard: log index
	writes  int                        // batches applied, without repeats
	repeats int
	opened  map[string]uint64 // by request id
	lock    uint64            // open import
	next    uint64
	commits int
	aborted []string
	renewed int
	renew   error         // what Renew answers
	block   chan struct{} // Write waits for it, if it is set
	stale   bool          // Write answers that the epoch is old
	largest int           // bytes of a batch
}

func newFakeCluster(shards int) *fakeCluster {
	f := &fakeCluster{rows: map[string][]byte{}, opened: map[string]uint64{}, next: 100}
	width := graph.Slots / shards
	for i := range shards {
		hi := uint32((i+1)*width - 1)
		if i == shards-1 {
			hi = graph.Slots - 1
		}
		f.shards = append(f.shards, &ingestv1.Shard{Id: uint64(i + 1), Epoch: 7,
			SlotLo: uint32(i * width), SlotHi: hi})
	}
	return f
}

func (f *fakeCluster) Open(_ context.Context, r *ingestv1.OpenRequest) (*ingestv1.OpenResponse,
	error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	id, again := f.opened[r.GetRequestId()]
	if !again {
		if f.lock != 0 {
			return nil, api.Status(graph.Errorf("Open", graph.KindConflict, "locked by somebody"))
		}
		f.next += 2
		id = f.next | 1
		f.opened[r.GetRequestId()], f.lock = id, id
		f.staged = map[uint64]map[string][]byte{}
		f.seen, f.sealed = map[uint64]map[uint64]bool{}, map[uint64]uint64{}
	}
	resp := &ingestv1.OpenResponse{ImportId: id, Attempt: 1, RepoId: 5, Shards: f.shards,
		LeaseMillis: 10000, Foreign: []*ingestv1.Package{{Manager: "gomod", Name: "other"}}}
	if f.commits > 0 {
		resp.BaseTimestamp = 98
	}
	return resp, nil
}

func (f *fakeCluster) Renew(context.Context, *ingestv1.RenewRequest) (*ingestv1.RenewResponse,
	error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.renewed++
	return &ingestv1.RenewResponse{}, f.renew
}

func (f *fakeCluster) Base(_ *ingestv1.BaseRequest,
	stream grpc.ServerStreamingServer[ingestv1.BaseResponse]) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for k, v := range f.rows {
		if k[0] != graph.RowOwner {
			continue
		}
		m := &ingestv1.BaseResponse{Rows: []*ingestv1.Row{{Key: []byte(k), Value: v}}}
		if err := stream.Send(m); err != nil {
			return err
		}
	}
	return nil
}

func (f *fakeCluster) Write(ctx context.Context, r *ingestv1.WriteRequest) (
	*ingestv1.WriteResponse, error) {
	if f.block != nil {
		select {
		case <-f.block:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	b, err := graph.DecodeBatch(r.GetBatch())
	if err != nil {
		return nil, api.Status(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stale {
		return nil, api.Status(graph.Errorf("Write", graph.KindStaleEpoch, "epoch 7 is old"))
	}
	if uint64(b.Import) != f.lock || r.GetEpoch() != 7 {
		return nil, api.Status(graph.Errorf("Write", graph.KindConflict, "no such import"))
	}
	return f.apply(r.GetShardId(), b, len(r.GetBatch()))
}

func (f *fakeCluster) apply(shard uint64, b *graph.Batch, size int) (*ingestv1.WriteResponse,
	error) {
	f.largest = max(f.largest, size)
	if f.seen[shard] == nil {
		f.seen[shard], f.staged[shard] = map[uint64]bool{}, map[string][]byte{}
	}
	if f.seen[shard][b.Seq] {
		f.repeats++
		return &ingestv1.WriteResponse{LogIndex: 10 + b.Seq}, nil
	}
	if f.sealed[shard] != 0 || b.Seal && len(f.seen[shard]) != int(b.Seq)-1 {
		return nil, api.Status(graph.Errorf("Write", graph.KindConflict,
			"shard %d: batch %d, sealed at %d, has %d", shard, b.Seq, f.sealed[shard],
			len(f.seen[shard])))
	}
	for _, row := range b.Rows {
		info, err := graph.ParseRow(row.Key)
		s := f.shards[shard-1]
		if err != nil || uint32(info.Slot) < s.GetSlotLo() || uint32(info.Slot) > s.GetSlotHi() {
			return nil, status.Errorf(codes.Internal, "row of slot %d in shard %d: %v", info.Slot,
				shard, err)
		}
		f.staged[shard][string(row.Key)] = row.Value
	}
	f.seen[shard][b.Seq] = true
	f.writes++
	if b.Seal {
		f.sealed[shard] = 10 + b.Seq
	}
	return &ingestv1.WriteResponse{LogIndex: 10 + b.Seq}, nil
}

func (f *fakeCluster) Commit(_ context.Context, r *ingestv1.CommitRequest) (
	*ingestv1.CommitResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	resp := &ingestv1.CommitResponse{Timestamp: r.GetImportId() + 1, Token: r.GetImportId() + 1}
	if f.lock == 0 && f.commits > 0 {
		return resp, nil // a repeat
	}
	for _, s := range f.shards {
		found := false
		for _, seal := range r.GetSeals() {
			found = found || seal.GetShardId() == s.GetId() &&
				seal.GetLogIndex() == f.sealed[s.GetId()] && seal.GetLogIndex() > 0
		}
		if !found {
			return nil, api.Status(graph.Errorf("Commit", graph.KindConflict,
				"shard %d is not sealed", s.GetId()))
		}
	}
	for _, rows := range f.staged {
		for k, v := range rows {
			if len(v) == 0 {
				delete(f.rows, k)
			} else {
				f.rows[k] = v
			}
		}
	}
	f.commits++
	f.lock = 0
	return resp, nil
}

func (f *fakeCluster) Abort(_ context.Context, r *ingestv1.AbortRequest) (
	*ingestv1.AbortResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lock == r.GetImportId() {
		f.lock = 0
		f.aborted = append(f.aborted, r.GetReason())
	}
	return &ingestv1.AbortResponse{}, nil
}

// locked tells whether an import holds the lock.
func (f *fakeCluster) locked() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.lock != 0
}

// fakeQueries answers a few reads.
type fakeQueries struct {
	queryv1.UnimplementedQueryServiceServer

	mu     sync.Mutex
	tokens []uint64 // that came with reads
	token  uint64   // of the next answer
	cut    int      // Execute breaks off after so many rows, once
	calls  int
}

func (q *fakeQueries) GetSymbol(_ context.Context, r *queryv1.GetSymbolRequest) (
	*queryv1.GetSymbolResponse, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.tokens = append(q.tokens, r.GetOptions().GetToken())
	if r.GetRef().GetSymbol() == "two" {
		return nil, api.Status(ambiguous{&failure{Op: "GetSymbol", Kind: graph.KindAmbiguous,
			Msg: "two means 2 symbols"}})
	}
	return &queryv1.GetSymbolResponse{Symbol: &queryv1.Symbol{Name: r.GetRef().GetSymbol()},
		Trailer: &queryv1.Trailer{Token: q.token}}, nil
}

// ambiguous attaches candidates.
type ambiguous struct{ *failure }

func (a ambiguous) Unwrap() error { return a.failure }

func (a ambiguous) ErrorDetail(d *queryv1.ErrorDetail) {
	d.Candidates = []*queryv1.Symbol{{Name: "a"}, {Name: "b"}}
}

func (q *fakeQueries) Execute(_ *queryv1.ExecuteRequest,
	stream grpc.ServerStreamingServer[queryv1.ExecuteResponse]) error {
	q.mu.Lock()
	q.calls++
	cut := q.cut
	q.cut = 0
	q.mu.Unlock()
	send := func(m *queryv1.ExecuteResponse) { _ = stream.Send(m) }
	send(&queryv1.ExecuteResponse{Message: &queryv1.ExecuteResponse_Header{
		Header: &queryv1.Header{Columns: []string{"n"}}}})
	for i := range 5 {
		if cut > 0 && i == cut {
			return status.Error(codes.Unavailable, "going down")
		}
		v := &queryv1.Value{Kind: &queryv1.Value_IntValue{IntValue: int64(i)}}
		send(&queryv1.ExecuteResponse{Message: &queryv1.ExecuteResponse_Rows{Rows: &queryv1.Rows{
			Rows: []*queryv1.ListValue{{Values: []*queryv1.Value{v}}}}}})
	}
	send(&queryv1.ExecuteResponse{Message: &queryv1.ExecuteResponse_Trailer{
		Trailer: &queryv1.Trailer{Complete: true, Token: 9}}})
	return nil
}

// faults makes a share of the calls fail, before or after they were served.
type faults struct {
	mu    sync.Mutex
	rng   *rand.Rand
	share float64
}

func (f *faults) intercept(ctx context.Context, req any, _ *grpc.UnaryServerInfo,
	handler grpc.UnaryHandler) (any, error) {
	if f == nil {
		return handler(ctx, req)
	}
	f.mu.Lock()
	before, after := f.rng.Float64() < f.share, f.rng.Float64() < f.share
	kind := []graph.ErrorKind{graph.KindUnavailable, graph.KindNotLeader}[f.rng.IntN(2)]
	f.mu.Unlock()
	if before {
		return nil, api.Status(graph.Errorf("fake", kind, "not now"))
	}
	resp, err := handler(ctx, req)
	if after && err == nil {
		return nil, status.Error(codes.Unavailable, "the answer was lost")
	}
	return resp, err
}

// serve starts n servers of one cluster and returns their addresses and a way to stop each.
func serve(t *testing.T, n int, f *fakeCluster, q *fakeQueries, with *faults) (addrs []string,
	stop []func()) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s := grpc.NewServer(grpc.UnaryInterceptor(with.intercept))
		ingestv1.RegisterIngestServiceServer(s, f)
		queryv1.RegisterQueryServiceServer(s, q)
		go func() { _ = s.Serve(l) }()
		t.Cleanup(s.Stop)
		addrs = append(addrs, l.Addr().String())
		stop = append(stop, func() { s.Stop(); l.Close() }) // Serve may not have begun
	}
	return addrs, stop
}

func dial(t *testing.T, opts Options) *Client {
	t.Helper()
	c, err := Dial(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// facts makes a file with n functions that call each other.
func facts(path string, n int) *graph.OwnerFacts {
	f := &graph.OwnerFacts{Repo: 5, Path: path, Source: graph.SourceTreeSitter,
		Home: graph.SlotOf("gomod m `m/" + path + "`/"), Status: graph.StatusOK, Lines: uint32(n)}
	var last graph.VertexID
	for i := range n {
		key := fmt.Sprintf("gomod m `m/%s`/F%d().", path, i)
		v := graph.Vertex{ID: graph.IDOf(key), Kind: graph.Function, Key: key, Repo: 5, Path: path,
			Name: fmt.Sprintf("F%d", i), Span: graph.Span{Line: uint32(i + 1)},
			Source: graph.SourceTreeSitter}
		f.Vertices = append(f.Vertices, v)
		if i > 0 {
			f.Edges = append(f.Edges, graph.Edge{Src: last, Type: graph.Calls, Dst: v.ID,
				Resolution: graph.Exact, Provenance: graph.FromSyntax})
		}
		last = v.ID
	}
	return f
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}
