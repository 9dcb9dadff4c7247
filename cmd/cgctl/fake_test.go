package main

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"

	"google.golang.org/grpc"

	"github.com/codegraphdb/codegraph/api"
	adminv1 "github.com/codegraphdb/codegraph/api/codegraph/admin/v1"
	ingestv1 "github.com/codegraphdb/codegraph/api/codegraph/ingest/v1"
	queryv1 "github.com/codegraphdb/codegraph/api/codegraph/query/v1"
	"github.com/codegraphdb/codegraph/graph"
)

// fakeNode answers every service with canned answers.
type fakeNode struct {
	queryv1.UnimplementedQueryServiceServer
	adminv1.UnimplementedAdminServiceServer

	mu      sync.Mutex
	params  map[string]*queryv1.Value // of the last query
	options *queryv1.ReadOptions      // of the last read
}

// timestamp is 2026-01-02T03:04:05.678Z.
var timestamp = uint64(graph.TimestampAt(1767323045678))

func trailer(gaps ...*queryv1.Gap) *queryv1.Trailer {
	return &queryv1.Trailer{Timestamp: timestamp, Token: timestamp, Complete: len(gaps) == 0,
		Gaps: gaps, Cost: &queryv1.Cost{ElapsedMicros: 3100},
		Revisions: []*queryv1.RevisionRef{{Repo: "demo",
			Revision: "0123456789abcdef0123456789abcdef01234567-dirty.fedcba9876543210"}}}
}

var (
	open = &queryv1.Symbol{Id: "aa", Kind: "Method", Name: "Open", QualifiedName: "store.DB.Open",
		Key: "gomod demo `demo/store`/DB#Open().", Repo: "demo", Path: "store/db.go", Line: 12,
		Language: "go", Signature: "func (db *DB) Open(path string) error", Exported: true,
		Doc: "Open opens.\nIt may fail."}
	run = &queryv1.Symbol{Id: "bb", Kind: "Function", Name: "run", QualifiedName: "main.run",
		Repo: "demo", Path: "main.go", Line: 30}
	printf = &queryv1.Symbol{Id: "cc", Kind: "ExternalSymbol", Name: "Printf",
		QualifiedName: "fmt.Printf", Key: "gomod std `fmt`/Printf()."}
	call = &queryv1.Edge{Type: "CALLS", SourceId: "bb", TargetId: "aa", Resolution: "exact", Count: 5,
		Sites: []*queryv1.Site{{Path: "main.go", Line: 33, Column: 2}, {Path: "main.go", Line: 41},
			{Path: "main.go", Line: 52}, {Path: "main.go", Line: 60}}}
	external = &queryv1.Edge{Type: "CALLS", SourceId: "aa", TargetId: "cc", Resolution: "exact",
		Count: 1, Sites: []*queryv1.Site{{Path: "store/db.go", Line: 14}}}
)

// detailed is an error with more on the wire.
type detailed struct {
	error
	more func(*queryv1.ErrorDetail)
}

func (d detailed) Unwrap() error                       { return d.error }
func (d detailed) ErrorDetail(to *queryv1.ErrorDetail) { d.more(to) }

// resolve finds the symbol of a reference.
func (n *fakeNode) resolve(r *queryv1.SymbolRef, o *queryv1.ReadOptions) (*queryv1.Symbol, error) {
	n.mu.Lock()
	n.options = o
	n.mu.Unlock()
	fail := func(kind graph.ErrorKind, format string, args ...any) error {
		return api.Status(graph.Errorf("query.Resolve", kind, format, args...))
	}
	switch r.GetSymbol() {
	case "DB.Open", "store/db.go:12":
		return open, nil
	case "run":
		return run, nil
	case "Twice":
		err := graph.Errorf("query.Resolve", graph.KindAmbiguous, "Twice means 2 symbols").
			WithRemedy("name one of them by more of its name, or by path:line")
		return nil, api.Status(detailed{err, func(d *queryv1.ErrorDetail) {
			d.Candidates = []*queryv1.Symbol{open, run}
		}})
	case "secret":
		return nil, fail(graph.KindForbidden, "you may not read it")
	case "slow":
		return nil, fail(graph.KindDeadline, "the query took more than 30 s")
	case "broken":
		return nil, fail(graph.KindInternal, "a bug")
	}
	return nil, fail(graph.KindNotFound, "no symbol matches %q", r.GetSymbol())
}

func (n *fakeNode) GetSymbol(_ context.Context, r *queryv1.GetSymbolRequest) (
	*queryv1.GetSymbolResponse, error) {
	s, err := n.resolve(r.GetRef(), r.GetOptions())
	return &queryv1.GetSymbolResponse{Symbol: s, Trailer: trailer()}, err
}

func (n *fakeNode) Callers(_ context.Context, r *queryv1.CallersRequest) (*queryv1.CallersResponse,
	error) {
	s, err := n.resolve(r.GetRef(), r.GetOptions())
	resp := &queryv1.CallersResponse{Symbol: s, Trailer: trailer()}
	if s == open {
		resp.Relations = []*queryv1.Relation{{Symbol: run, Edge: call, Depth: 1}}
	}
	if r.GetOptions().GetMaxRows() == 1 || r.GetOptions().GetAllowPartial() {
		resp.Trailer = trailer(&queryv1.Gap{Cause: queryv1.GapCause_GAP_CAUSE_LIMIT, Count: 4,
			Detail: "1 row", Partial: true})
	}
	return resp, err
}

func (n *fakeNode) Callees(_ context.Context, r *queryv1.CalleesRequest) (*queryv1.CalleesResponse,
	error) {
	s, err := n.resolve(r.GetRef(), r.GetOptions())
	return &queryv1.CalleesResponse{Symbol: s,
		Relations: []*queryv1.Relation{{Symbol: printf, Edge: external, Depth: 1}},
		Trailer: trailer(&queryv1.Gap{Cause: queryv1.GapCause_GAP_CAUSE_UNRESOLVED, Count: 2,
			Detail: "calls in store.DB.Open"})}, err
}

func (n *fakeNode) Neighbors(_ context.Context, r *queryv1.NeighborsRequest) (
	*queryv1.NeighborsResponse, error) {
	s, err := n.resolve(r.GetRef(), r.GetOptions())
	return &queryv1.NeighborsResponse{Symbol: s, Relations: []*queryv1.Relation{
		{Symbol: printf, Edge: external, Depth: 1}, {Symbol: run, Edge: call, Depth: 1}},
		Trailer: trailer()}, err
}

func (n *fakeNode) Impact(_ context.Context, r *queryv1.ImpactRequest) (*queryv1.ImpactResponse,
	error) {
	s, err := n.resolve(r.GetRef(), r.GetOptions())
	return &queryv1.ImpactResponse{Symbol: s,
		Relations: []*queryv1.Relation{{Symbol: run, Edge: call, Depth: 1}}, Trailer: trailer()}, err
}

func (n *fakeNode) FindPath(_ context.Context, r *queryv1.FindPathRequest) (
	*queryv1.FindPathResponse, error) {
	if _, err := n.resolve(r.GetFrom(), r.GetOptions()); err != nil {
		return nil, err
	}
	resp := &queryv1.FindPathResponse{Trailer: trailer()}
	if r.GetFrom().GetSymbol() == "run" {
		resp.Found = true
		resp.Path = &queryv1.PathValue{Symbols: []*queryv1.Symbol{run, open},
			Edges: []*queryv1.Edge{call}}
	}
	return resp, nil
}

func (n *fakeNode) SearchSymbols(_ context.Context, r *queryv1.SearchSymbolsRequest) (
	*queryv1.SearchSymbolsResponse, error) {
	if r.GetMode() == queryv1.SearchMode_SEARCH_MODE_EXACT {
		return &queryv1.SearchSymbolsResponse{Trailer: trailer()}, nil
	}
	return &queryv1.SearchSymbolsResponse{Symbols: []*queryv1.Symbol{open, run},
		Trailer: trailer()}, nil
}

func (n *fakeNode) Explain(context.Context, *queryv1.ExplainRequest) (*queryv1.ExplainResponse,
	error) {
	return &queryv1.ExplainResponse{Plan: "Project n\n  Scan Function\n"}, nil
}

func text(s string) *queryv1.Value {
	return &queryv1.Value{Kind: &queryv1.Value_StringValue{StringValue: s}}
}

func whole(i int64) *queryv1.Value {
	return &queryv1.Value{Kind: &queryv1.Value_IntValue{IntValue: i}}
}

func (n *fakeNode) Execute(r *queryv1.ExecuteRequest,
	stream grpc.ServerStreamingServer[queryv1.ExecuteResponse]) error {
	n.mu.Lock()
	n.params, n.options = r.GetParameters(), r.GetOptions()
	n.mu.Unlock()
	if r.GetQuery() == "MATCH oops" {
		const hint = "write MATCH (oops)"
		err := graph.Errorf("query.Parse", graph.KindInvalid, "expected ( after MATCH").
			WithRemedy(hint)
		return api.Status(detailed{err, func(d *queryv1.ErrorDetail) {
			d.Line, d.Column = 1, 7
			d.Rendered = "1 | MATCH oops\n          ^ expected (\nhint: " + hint
		}})
	}
	rows := [][]*queryv1.Value{{text("store.DB.Open"), whole(1200),
		{Kind: &queryv1.Value_SymbolValue{SymbolValue: open}}}, {text("two\nlines"), whole(7),
		{Kind: &queryv1.Value_NullValue{NullValue: true}}}}
	if p := r.GetParameters()["name"]; p != nil {
		rows = [][]*queryv1.Value{{p, whole(1), {Kind: &queryv1.Value_PathValue{
			PathValue: &queryv1.PathValue{Symbols: []*queryv1.Symbol{run, open},
				Edges: []*queryv1.Edge{call}}}}}}
	}
	messages := []*queryv1.ExecuteResponse{{Message: &queryv1.ExecuteResponse_Header{
		Header: &queryv1.Header{Columns: []string{"name", "callers", "f"}}}}}
	for _, row := range rows {
		messages = append(messages, &queryv1.ExecuteResponse{Message: &queryv1.ExecuteResponse_Rows{
			Rows: &queryv1.Rows{Rows: []*queryv1.ListValue{{Values: row}}}}})
	}
	messages = append(messages, &queryv1.ExecuteResponse{
		Message: &queryv1.ExecuteResponse_Trailer{Trailer: trailer()}})
	for _, m := range messages {
		if err := stream.Send(m); err != nil {
			return err
		}
	}
	return nil
}

func (n *fakeNode) Export(r *queryv1.ExportRequest,
	stream grpc.ServerStreamingServer[queryv1.ExportResponse]) error {
	if r.GetRepo() != "demo" {
		return api.Status(graph.Errorf("Export", graph.KindNotFound, "no repository %q", r.GetRepo()))
	}
	for _, m := range []*queryv1.ExportResponse{
		{Message: &queryv1.ExportResponse_Symbol{Symbol: open}},
		{Message: &queryv1.ExportResponse_Edge{Edge: call}},
		{Message: &queryv1.ExportResponse_Trailer{Trailer: trailer()}},
	} {
		if err := stream.Send(m); err != nil {
			return err
		}
	}
	return nil
}

func (n *fakeNode) Status(context.Context, *adminv1.StatusRequest) (*adminv1.StatusResponse,
	error) {
	return &adminv1.StatusResponse{ClusterId: "c1", ClusterName: "dev", NodeId: "n1",
		Version: "test", MetaLeader: "n2", Nodes: 3, NodesAlive: 2, Shards: 16, ShardsWithLeader: 16,
		Repositories: 1, Timestamp: timestamp, Problems: []string{"node n3 is dead"}}, nil
}

func (n *fakeNode) ListNodes(context.Context, *adminv1.ListNodesRequest) (
	*adminv1.ListNodesResponse, error) {
	return &adminv1.ListNodesResponse{Nodes: []*adminv1.Node{
		{Id: "n1", ClientAddress: "127.0.0.1:7600", OpsAddress: "127.0.0.1:7603", Alive: true,
			MetaVoter: true, MetaLeader: true, Replicas: 16, Leaders: 9, Version: "test",
			DiskFreeBytes: 3 << 30},
		{Id: "n2", ClientAddress: "127.0.0.1:7610", MetaVoter: true, Replicas: 16}}}, nil
}

func (n *fakeNode) ListShards(_ context.Context, r *adminv1.ListShardsRequest) (
	*adminv1.ListShardsResponse, error) {
	replicas := []*adminv1.Replica{{NodeId: "0123456789", Leader: true, AppliedIndex: 70,
		LastIndex: 71, DiskBytes: 5 << 20}, {NodeId: "n2", Error: "no answer"}}
	if r.GetDigests() {
		replicas[0].Digest = "beef"
	}
	return &adminv1.ListShardsResponse{Shards: []*adminv1.ShardInfo{{Id: 1, SlotHi: 4095, Epoch: 2,
		Rows: 900, SlotsFilled: 40, Replicas: replicas}}}, nil
}

func (n *fakeNode) ChangeReplicas(_ context.Context, r *adminv1.ChangeReplicasRequest) (
	*adminv1.ChangeReplicasResponse, error) {
	return &adminv1.ChangeReplicasResponse{Operator: &adminv1.Operator{Id: "op1",
		Change: r.GetChange(), ShardId: r.GetShardId(), NodeId: r.GetNodeId(),
		FromNodeId: r.GetFromNodeId(), Step: "check", ChangedMillis: 1767323045678}}, nil
}

func (n *fakeNode) ListOperators(context.Context, *adminv1.ListOperatorsRequest) (
	*adminv1.ListOperatorsResponse, error) {
	return &adminv1.ListOperatorsResponse{Operators: []*adminv1.Operator{{Id: "op1", ShardId: 1,
		Change: adminv1.ReplicaChange_REPLICA_CHANGE_ADD, NodeId: "0123456789", Step: "catch-up",
		ChangedMillis: 1767323045678, Error: "replica 0123456789/2 is 700 entries behind"}}}, nil
}

func (n *fakeNode) CancelOperator(_ context.Context, r *adminv1.CancelOperatorRequest) (
	*adminv1.CancelOperatorResponse, error) {
	return &adminv1.CancelOperatorResponse{Operator: &adminv1.Operator{Id: r.GetId(), ShardId: 1,
		Change: adminv1.ReplicaChange_REPLICA_CHANGE_ADD, NodeId: "0123456789", Step: "undo",
		ChangedMillis: 1767323045678, Cancelled: r.GetReason()}}, nil
}

func (n *fakeNode) ListRepositories(_ context.Context, r *adminv1.ListRepositoriesRequest) (
	*adminv1.ListRepositoriesResponse, error) {
	if r.GetName() != "" && r.GetName() != "demo" {
		return &adminv1.ListRepositoriesResponse{}, nil
	}
	return &adminv1.ListRepositoriesResponse{Repositories: []*adminv1.Repository{{Id: 5,
		Name: "demo", Revision: "0123456789abcdef0123", Timestamp: timestamp, Files: 12,
		SkippedFiles: 2, PartialFiles: 1, Lines: 3400, Vertices: 500, Edges: 900, Unresolved: 30,
		Packages: []string{"gomod demo"}, Revisions: 3, Importing: "ann@host pid 4",
		ImportingSinceMillis: 1767323045678}}}, nil
}

// fakeIngest takes imports in and forgets them.
type fakeIngest struct {
	ingestv1.UnimplementedIngestServiceServer

	mu      sync.Mutex
	held    string // by whom the lock is held
	rows    int
	opened  *ingestv1.OpenRequest
	stats   *ingestv1.Stats
	aborted chan string
	onOpen  func()
}

func (f *fakeIngest) Open(_ context.Context, r *ingestv1.OpenRequest) (*ingestv1.OpenResponse,
	error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.held != "" {
		return nil, api.Status(graph.Errorf("Open", graph.KindConflict,
			"repository %s is being ingested by %s since 2026-01-02T03:04:05Z", r.GetRepo(), f.held).
			WithRemedy("wait until it ends"))
	}
	f.opened = r
	if f.onOpen != nil {
		f.onOpen()
	}
	return &ingestv1.OpenResponse{ImportId: 101, Attempt: 1, RepoId: 5, LeaseMillis: 10000,
		Shards: []*ingestv1.Shard{{Id: 1, SlotHi: graph.Slots - 1, Epoch: 1}}}, nil
}

func (f *fakeIngest) Renew(context.Context, *ingestv1.RenewRequest) (*ingestv1.RenewResponse,
	error) {
	return &ingestv1.RenewResponse{}, nil
}

func (f *fakeIngest) Write(_ context.Context, r *ingestv1.WriteRequest) (*ingestv1.WriteResponse,
	error) {
	b, err := graph.DecodeBatch(r.GetBatch())
	if err != nil {
		return nil, api.Status(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rows += len(b.Rows)
	return &ingestv1.WriteResponse{LogIndex: b.Seq}, nil
}

func (f *fakeIngest) Commit(_ context.Context, r *ingestv1.CommitRequest) (
	*ingestv1.CommitResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stats = r.GetStats()
	return &ingestv1.CommitResponse{Timestamp: timestamp, Token: timestamp}, nil
}

func (f *fakeIngest) Abort(_ context.Context, r *ingestv1.AbortRequest) (*ingestv1.AbortResponse,
	error) {
	if f.aborted != nil {
		f.aborted <- r.GetReason()
	}
	return &ingestv1.AbortResponse{}, nil
}

// serve starts a server with both.
func serve(t *testing.T, n *fakeNode, f *fakeIngest) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	queryv1.RegisterQueryServiceServer(s, n)
	adminv1.RegisterAdminServiceServer(s, n)
	ingestv1.RegisterIngestServiceServer(s, f)
	go func() {
		if err := s.Serve(l); err != nil {
			fmt.Println("serve:", err)
		}
	}()
	t.Cleanup(s.Stop)
	return l.Addr().String()
}
