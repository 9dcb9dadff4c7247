package codegraph

import (
	"context"
	"errors"
	"io"
	"iter"

	"google.golang.org/grpc"

	queryv1 "github.com/codegraphdb/codegraph/api/codegraph/query/v1"
	"github.com/codegraphdb/codegraph/graph"
)

// Rows is the answer to a query as it arrives. Close it, or read All to its end.
type Rows struct {
	client  *Client
	columns []string
	stream  grpc.ServerStreamingClient[queryv1.ExecuteResponse]
	node    *endpoint
	cancel  context.CancelFunc
	batch   []*queryv1.ListValue
	trailer *queryv1.Trailer
	err     error
}

// Query runs a Cypher query and returns its rows as they arrive. The request is sent again through
// another node until the first rows are there; after that an error ends the rows.
func (c *Client) Query(ctx context.Context, req *queryv1.ExecuteRequest) (*Rows, error) {
	req = withSession(c, req)
	r := &Rows{client: c}
	err := c.do(ctx, c.reading("Execute"),
		func(_ context.Context, conn grpc.ClientConnInterface) error {
			return r.begin(ctx, conn, req)
		})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// begin opens the stream and reads up to the first rows or the trailer (C3).
func (r *Rows) begin(ctx context.Context, conn grpc.ClientConnInterface,
	req *queryv1.ExecuteRequest) error {
	ctx, r.cancel = context.WithCancel(ctx)
	r.columns, r.batch, r.trailer, r.err = nil, nil, nil, nil
	var err error
	r.stream, err = queryv1.NewQueryServiceClient(conn).Execute(ctx, req)
	for err == nil && r.batch == nil && r.trailer == nil {
		err = r.receive()
	}
	if err != nil {
		r.cancel()
		if errors.Is(err, io.EOF) {
			err = cutOff()
		}
	}
	return err
}

func cutOff() error {
	return graph.Errorf("Execute", graph.KindUnavailable, "the answer ended without a trailer")
}

func (r *Rows) receive() error {
	m, err := r.stream.Recv()
	if err != nil {
		return err
	}
	switch m := m.GetMessage().(type) {
	case *queryv1.ExecuteResponse_Header:
		r.columns = m.Header.GetColumns()
	case *queryv1.ExecuteResponse_Rows:
		r.batch = m.Rows.GetRows()
	case *queryv1.ExecuteResponse_Trailer:
		r.trailer = m.Trailer
		r.client.observe(m.Trailer.GetToken())
	}
	return nil
}

// Columns names the columns.
func (r *Rows) Columns() []string { return r.columns }

// Trailer says how complete the answer is; nil before the last row was read.
func (r *Rows) Trailer() *queryv1.Trailer { return r.trailer }

// Close gives up the rest of the rows.
func (r *Rows) Close() { r.cancel() }

// All yields each row with nil, or one error as the last pair.
func (r *Rows) All() iter.Seq2[[]*queryv1.Value, error] {
	return func(yield func([]*queryv1.Value, error) bool) {
		defer r.cancel()
		for {
			for _, row := range r.batch {
				if !yield(row.GetValues(), nil) {
					return
				}
			}
			r.batch = nil
			if r.trailer != nil {
				return
			}
			if err := r.receive(); err != nil {
				if errors.Is(err, io.EOF) {
					err = cutOff()
				} else {
					err = wrap("Execute", "", err)
				}
				r.err = err
				yield(nil, err)
				return
			}
		}
	}
}

// Result is a whole answer.
type Result struct {
	Columns []string
	Rows    [][]*queryv1.Value
	Trailer *queryv1.Trailer
}

// QueryAll runs a Cypher query and returns the whole answer. Unlike Query it begins again when a
// node dies in the middle of it.
func (c *Client) QueryAll(ctx context.Context, req *queryv1.ExecuteRequest) (*Result, error) {
	req = withSession(c, req)
	var out *Result
	err := c.do(ctx, c.reading("Execute"),
		func(_ context.Context, conn grpc.ClientConnInterface) error {
			r := &Rows{client: c}
			if err := r.begin(ctx, conn, req); err != nil {
				return err
			}
			out = &Result{Columns: r.columns}
			for row, err := range r.All() {
				if err != nil {
					return err
				}
				out.Rows = append(out.Rows, row)
			}
			out.Trailer = r.trailer
			return nil
		})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Export streams all vertices, then all edges that one repository gave; each message but the last
// is a symbol or an edge, the last is the trailer.
func (c *Client) Export(ctx context.Context, req *queryv1.ExportRequest) iter.Seq2[
	*queryv1.ExportResponse, error] {
	req = withSession(c, req)
	return func(yield func(*queryv1.ExportResponse, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		var stream grpc.ServerStreamingClient[queryv1.ExportResponse]
		var m *queryv1.ExportResponse
		err := c.do(ctx, c.reading("Export"),
			func(_ context.Context, conn grpc.ClientConnInterface) (err error) {
				stream, err = queryv1.NewQueryServiceClient(conn).Export(ctx, req)
				if err == nil {
					m, err = stream.Recv()
				}
				return err
			})
		for err == nil {
			c.observe(m.GetTrailer().GetToken())
			if !yield(m, nil) || m.GetTrailer() != nil {
				return
			}
			if m, err = stream.Recv(); errors.Is(err, io.EOF) {
				err = cutOff()
			} else if err != nil {
				err = wrap("Export", "", err)
			}
		}
		yield(nil, err)
	}
}
