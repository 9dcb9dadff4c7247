package node

import (
	"context"
	"errors"
	"time"

	queryv1 "github.com/codegraphdb/codegraph/api/codegraph/query/v1"
	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/node/wire"
	"github.com/codegraphdb/codegraph/query"
)

// queryServer answers questions: it makes a view, binds a source to it and hands both to package
// query.
type queryServer struct {
	queryv1.UnimplementedQueryServiceServer
	node *Node
}

// question is one request under way.
type question struct {
	env   *query.Env
	src   *source
	began time.Time
}

// ask opens a question; the caller must close its source.
func (s *queryServer) ask(ctx context.Context, o *queryv1.ReadOptions) (*question, error) {
	began := time.Now()
	view, strong, err := s.node.viewFor(ctx, o)
	if err != nil {
		return nil, err
	}
	src := s.node.newSource(view, o.GetAllowPartial())
	src.strong = strong
	snap := &query.Snapshot{Timestamp: view.At, Token: view.At, Unavailable: src.Unavailable}
	for _, r := range view.Revisions {
		snap.Revisions = append(snap.Revisions, query.Revision{Repo: r.Repo, Name: r.Name,
			Revision: r.Revision.Revision, Timestamp: r.Commit, Files: r.Stats.Files,
			Skipped: r.Stats.SkippedFiles, Partial: r.Stats.PartialFiles,
			Unresolved: r.Stats.Unresolved})
	}
	limits := query.Limits{MaxRows: int(o.GetMaxRows()), MaxEdges: int64(o.GetMaxEdges()),
		AllowPartial: o.GetAllowPartial()}
	if dl, ok := ctx.Deadline(); ok { // leave time to say so
		left := time.Until(dl)
		limits.Deadline = min(left-min(left/10, 100*time.Millisecond), defaultDeadline)
	}
	return &question{&query.Env{Source: src, Snapshot: snap, Limits: limits}, src, began}, nil
}

// trailer finishes a question's trailer with what only the node knows.
func (s *queryServer) trailer(q *question, t *query.Trailer) *queryv1.Trailer {
	for _, g := range t.Gaps {
		s.node.metrics.gaps.WithLabelValues(g.Cause.String()).Inc()
	}
	s.node.metrics.visited.Add(float64(t.Cost.EdgesVisited))
	out := wire.Trailer(t)
	out.Cost.ElapsedMicros = uint64(time.Since(q.began).Microseconds())
	out.Cost.Shards, out.Cost.RemoteCalls = q.src.cost()
	return out
}

// describe gives an error of package query what the wire carries beside kind and message.
func describe(err error) error {
	var amb *query.AmbiguousError
	if errors.As(err, &amb) {
		return &ambiguous{amb}
	}
	var mistake *query.QueryError
	if errors.As(err, &mistake) {
		return &misspelt{mistake}
	}
	return err
}

// misspelt sends along where in the query the mistake is.
type misspelt struct{ *query.QueryError }

// ErrorDetail implements api.Detailer.
func (e *misspelt) ErrorDetail(d *queryv1.ErrorDetail) {
	d.Line, d.Column, d.Rendered = uint32(e.Line), uint32(e.Column), e.Rendered
}

// ambiguous sends the candidates along.
type ambiguous struct{ *query.AmbiguousError }

// ErrorDetail implements api.Detailer.
func (e *ambiguous) ErrorDetail(d *queryv1.ErrorDetail) {
	d.Candidates = wire.Symbols(e.Candidates)
}

func refFromAPI(r *queryv1.SymbolRef) query.Ref {
	return query.Ref{Symbol: r.GetSymbol(), Repo: r.GetRepo()}
}

func edgeTypes(op string, names []string) ([]graph.EdgeType, error) {
	var out []graph.EdgeType
	for _, name := range names {
		t, ok := graph.ParseEdgeType(name)
		if !ok {
			return nil, graph.Errorf(op, graph.KindInvalid, "there is no edge type %q", name).
				WithRemedy("docs/SCHEMA.md lists them")
		}
		out = append(out, t)
	}
	return out, nil
}

// GetSymbol implements QueryService.
func (s *queryServer) GetSymbol(ctx context.Context, req *queryv1.GetSymbolRequest) (
	*queryv1.GetSymbolResponse, error) {
	q, err := s.ask(ctx, req.GetOptions())
	if err != nil {
		return nil, err
	}
	defer q.src.close()
	sym, t, err := q.env.GetSymbol(ctx, refFromAPI(req.GetRef()))
	if err != nil {
		return nil, describe(err)
	}
	return &queryv1.GetSymbolResponse{Symbol: wire.Symbol(sym), Trailer: s.trailer(q, t)}, nil
}

// SearchSymbols implements QueryService.
func (s *queryServer) SearchSymbols(ctx context.Context, req *queryv1.SearchSymbolsRequest) (
	*queryv1.SearchSymbolsResponse, error) {
	const op = "query.SearchSymbols"
	var kinds graph.KindSet
	for _, label := range req.GetKinds() {
		set, ok := graph.ParseLabel(label)
		if !ok {
			return nil, graph.Errorf(op, graph.KindInvalid, "there is no label %q", label).
				WithRemedy("docs/SCHEMA.md lists them")
		}
		kinds |= set
	}
	q, err := s.ask(ctx, req.GetOptions())
	if err != nil {
		return nil, err
	}
	defer q.src.close()
	found, t, err := q.env.SearchSymbols(ctx, query.SearchRequest{Text: req.GetText(),
		Mode: query.SearchMode(req.GetMode()), Kinds: kinds, Repo: req.GetRepo(),
		Limit: int(req.GetOptions().GetMaxRows())})
	if err != nil {
		return nil, describe(err)
	}
	return &queryv1.SearchSymbolsResponse{Symbols: wire.Symbols(found),
		Trailer: s.trailer(q, t)}, nil
}

// relations answers the calls that return one symbol's relations.
func (s *queryServer) relations(ctx context.Context, o *queryv1.ReadOptions,
	call func(*query.Env) (*query.Relations, error)) (
	*queryv1.Symbol, []*queryv1.Relation, *queryv1.Trailer, error) {
	q, err := s.ask(ctx, o)
	if err != nil {
		return nil, nil, nil, err
	}
	defer q.src.close()
	r, err := call(q.env)
	if err != nil {
		return nil, nil, nil, describe(err)
	}
	return wire.Symbol(r.Symbol), wire.Relations(r.Relations), s.trailer(q, r.Trailer), nil
}

// Neighbors implements QueryService.
func (s *queryServer) Neighbors(ctx context.Context, req *queryv1.NeighborsRequest) (
	*queryv1.NeighborsResponse, error) {
	types, err := edgeTypes("query.Neighbors", req.GetTypes())
	if err != nil {
		return nil, err
	}
	sym, rel, t, err := s.relations(ctx, req.GetOptions(),
		func(e *query.Env) (*query.Relations, error) {
			return e.Neighbors(ctx, refFromAPI(req.GetRef()), types,
				query.Direction(req.GetDirection()))
		})
	if err != nil {
		return nil, err
	}
	return &queryv1.NeighborsResponse{Symbol: sym, Relations: rel, Trailer: t}, nil
}

// Callers implements QueryService.
func (s *queryServer) Callers(ctx context.Context, req *queryv1.CallersRequest) (
	*queryv1.CallersResponse, error) {
	sym, rel, t, err := s.relations(ctx, req.GetOptions(),
		func(e *query.Env) (*query.Relations, error) {
			return e.Callers(ctx, refFromAPI(req.GetRef()))
		})
	if err != nil {
		return nil, err
	}
	return &queryv1.CallersResponse{Symbol: sym, Relations: rel, Trailer: t}, nil
}

// Callees implements QueryService.
func (s *queryServer) Callees(ctx context.Context, req *queryv1.CalleesRequest) (
	*queryv1.CalleesResponse, error) {
	sym, rel, t, err := s.relations(ctx, req.GetOptions(),
		func(e *query.Env) (*query.Relations, error) {
			return e.Callees(ctx, refFromAPI(req.GetRef()))
		})
	if err != nil {
		return nil, err
	}
	return &queryv1.CalleesResponse{Symbol: sym, Relations: rel, Trailer: t}, nil
}

// Impact implements QueryService.
func (s *queryServer) Impact(ctx context.Context, req *queryv1.ImpactRequest) (
	*queryv1.ImpactResponse, error) {
	sym, rel, t, err := s.relations(ctx, req.GetOptions(),
		func(e *query.Env) (*query.Relations, error) {
			return e.Impact(ctx, refFromAPI(req.GetRef()), int(req.GetMaxDepth()))
		})
	if err != nil {
		return nil, err
	}
	return &queryv1.ImpactResponse{Symbol: sym, Relations: rel, Trailer: t}, nil
}

// FindPath implements QueryService.
func (s *queryServer) FindPath(ctx context.Context, req *queryv1.FindPathRequest) (
	*queryv1.FindPathResponse, error) {
	types, err := edgeTypes("query.FindPath", req.GetTypes())
	if err != nil {
		return nil, err
	}
	q, err := s.ask(ctx, req.GetOptions())
	if err != nil {
		return nil, err
	}
	defer q.src.close()
	p, t, err := q.env.FindPath(ctx, query.PathRequest{From: refFromAPI(req.GetFrom()),
		To: refFromAPI(req.GetTo()), Types: types, MaxDepth: int(req.GetMaxDepth())})
	if err != nil {
		return nil, describe(err)
	}
	resp := &queryv1.FindPathResponse{Found: p != nil, Trailer: s.trailer(q, t)}
	if p != nil {
		resp.Path = wire.Path(p)
	}
	return resp, nil
}
