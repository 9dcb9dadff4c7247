package node

import (
	"context"

	queryv1 "github.com/codegraphdb/codegraph/api/codegraph/query/v1"
	"github.com/codegraphdb/codegraph/node/wire"
	"github.com/codegraphdb/codegraph/query"
)

// Execute implements QueryService: it streams the rows of a Cypher query.
func (s *queryServer) Execute(req *queryv1.ExecuteRequest,
	stream queryv1.QueryService_ExecuteServer) error {
	params, err := wire.Params(req.GetParameters())
	if err != nil {
		return err
	}
	ctx, cancel := withDefaultDeadline(stream.Context())
	defer cancel()
	q, err := s.ask(ctx, req.GetOptions())
	if err != nil {
		return err
	}
	defer q.src.close()
	t, err := q.env.Execute(ctx, req.GetQuery(), params, &rowSink{stream})
	if err != nil {
		return describe(err)
	}
	return stream.Send(&queryv1.ExecuteResponse{
		Message: &queryv1.ExecuteResponse_Trailer{Trailer: s.trailer(q, t)}})
}

// rowSink sends what a query yields.
type rowSink struct {
	stream queryv1.QueryService_ExecuteServer
}

// Header implements query.Sink.
func (r *rowSink) Header(names []string) error {
	return r.stream.Send(&queryv1.ExecuteResponse{Message: &queryv1.ExecuteResponse_Header{
		Header: &queryv1.Header{Columns: names}}})
}

// Rows implements query.Sink.
func (r *rowSink) Rows(rows [][]query.Value) error {
	out := &queryv1.Rows{Rows: make([]*queryv1.ListValue, len(rows))}
	for i, row := range rows {
		out.Rows[i] = wire.List(row)
	}
	return r.stream.Send(&queryv1.ExecuteResponse{
		Message: &queryv1.ExecuteResponse_Rows{Rows: out}})
}

// Explain implements QueryService.
func (s *queryServer) Explain(_ context.Context, req *queryv1.ExplainRequest) (
	*queryv1.ExplainResponse, error) {
	text, err := query.Explain(req.GetQuery())
	if err != nil {
		return nil, describe(err)
	}
	return &queryv1.ExplainResponse{Plan: text}, nil
}

// Export implements QueryService. A whole repository takes longer than a query: only the caller's
// deadline bounds it.
func (s *queryServer) Export(req *queryv1.ExportRequest,
	stream queryv1.QueryService_ExportServer) error {
	ctx := stream.Context()
	q, err := s.ask(ctx, req.GetOptions())
	if err != nil {
		return err
	}
	defer q.src.close()
	t, err := q.env.Export(ctx, req.GetRepo(), query.ExportSink{
		Symbols: func(symbols []*query.Symbol) error {
			for _, sym := range symbols {
				m := &queryv1.ExportResponse_Symbol{Symbol: wire.Symbol(sym)}
				if err := stream.Send(&queryv1.ExportResponse{Message: m}); err != nil {
					return err
				}
			}
			return nil
		},
		Edges: func(edges []*query.Edge) error {
			for _, e := range edges {
				m := &queryv1.ExportResponse_Edge{Edge: wire.Edge(e)}
				if err := stream.Send(&queryv1.ExportResponse{Message: m}); err != nil {
					return err
				}
			}
			return nil
		},
	})
	if err != nil {
		return describe(err)
	}
	return stream.Send(&queryv1.ExportResponse{
		Message: &queryv1.ExportResponse_Trailer{Trailer: s.trailer(q, t)}})
}
