package codegraph

import (
	"context"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	queryv1 "github.com/codegraphdb/codegraph/api/codegraph/query/v1"
)

// Ref names a symbol: its key, its qualified name or a suffix of it, or path:line.
func Ref(symbol string) *queryv1.SymbolRef { return &queryv1.SymbolRef{Symbol: symbol} }

// GetSymbol returns the one symbol that a reference names.
func (c *Client) GetSymbol(ctx context.Context, req *queryv1.GetSymbolRequest) (
	*queryv1.GetSymbolResponse, error) {
	return read(ctx, c, queryv1.QueryServiceClient.GetSymbol, req)
}

// SearchSymbols finds symbols by name.
func (c *Client) SearchSymbols(ctx context.Context, req *queryv1.SearchSymbolsRequest) (
	*queryv1.SearchSymbolsResponse, error) {
	return read(ctx, c, queryv1.QueryServiceClient.SearchSymbols, req)
}

// Neighbors returns the edges of a symbol.
func (c *Client) Neighbors(ctx context.Context, req *queryv1.NeighborsRequest) (
	*queryv1.NeighborsResponse, error) {
	return read(ctx, c, queryv1.QueryServiceClient.Neighbors, req)
}

// Callers returns who calls a symbol.
func (c *Client) Callers(ctx context.Context, req *queryv1.CallersRequest) (
	*queryv1.CallersResponse, error) {
	return read(ctx, c, queryv1.QueryServiceClient.Callers, req)
}

// Callees returns what a symbol calls.
func (c *Client) Callees(ctx context.Context, req *queryv1.CalleesRequest) (
	*queryv1.CalleesResponse, error) {
	return read(ctx, c, queryv1.QueryServiceClient.Callees, req)
}

// Impact returns what may be affected by a change of a symbol.
func (c *Client) Impact(ctx context.Context, req *queryv1.ImpactRequest) (
	*queryv1.ImpactResponse, error) {
	return read(ctx, c, queryv1.QueryServiceClient.Impact, req)
}

// FindPath returns a shortest path between two symbols.
func (c *Client) FindPath(ctx context.Context, req *queryv1.FindPathRequest) (
	*queryv1.FindPathResponse, error) {
	return read(ctx, c, queryv1.QueryServiceClient.FindPath, req)
}

// Explain returns the plan of a Cypher query as text.
func (c *Client) Explain(ctx context.Context, query string) (string, error) {
	var plan string
	err := c.do(ctx, c.reading("Explain"),
		func(ctx context.Context, conn grpc.ClientConnInterface) error {
			resp, err := queryv1.NewQueryServiceClient(conn).Explain(ctx,
				&queryv1.ExplainRequest{Query: query})
			plan = resp.GetPlan()
			return err
		})
	return plan, err
}

// trailed is an answer that ends in a trailer.
type trailed interface{ GetTrailer() *queryv1.Trailer }

// read sends one typed read with the session's token and remembers the token of the answer.
func read[Req proto.Message, Resp trailed](ctx context.Context, c *Client,
	method func(queryv1.QueryServiceClient, context.Context, Req, ...grpc.CallOption) (Resp, error),
	req Req) (Resp, error) {
	var resp Resp
	req = withSession(c, req)
	err := c.do(ctx, c.reading(operation(req)),
		func(ctx context.Context, conn grpc.ClientConnInterface) (err error) {
			resp, err = method(queryv1.NewQueryServiceClient(conn), ctx, req)
			return err
		})
	if err != nil {
		var none Resp
		return none, err
	}
	c.observe(resp.GetTrailer().GetToken())
	return resp, nil
}

// operation is the name of the call that a request belongs to.
func operation(req proto.Message) string {
	return strings.TrimSuffix(string(req.ProtoReflect().Descriptor().Name()), "Request")
}

// withSession returns a copy of req whose read options carry the client's token, if that is newer.
func withSession[Req proto.Message](c *Client, req Req) Req {
	out, ok := proto.Clone(req).(Req)
	if !ok {
		return req
	}
	m := out.ProtoReflect()
	if !m.IsValid() {
		m = m.New()
		out, _ = m.Interface().(Req)
	}
	field := m.Descriptor().Fields().ByName("options")
	opts, ok := m.Mutable(field).Message().Interface().(*queryv1.ReadOptions)
	if ok {
		opts.Token = max(opts.Token, c.token.Load())
		m.Set(field, protoreflect.ValueOfMessage(opts.ProtoReflect()))
	}
	return out
}
