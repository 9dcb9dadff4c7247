package codegraph

import (
	"context"
	"crypto/rand"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	writev1 "github.com/codegraphdb/codegraph/api/codegraph/write/v1"
)

// NewTransactionID returns an id for a transaction.
func NewTransactionID() []byte {
	id := make([]byte, 16)
	_, _ = rand.Read(id) // never fails
	return id
}

// Mutate carries out a transaction. Without an id it gets one; with that it is sent again, through
// one node after the other, until one says what became of it or ctx ends. An error of the kind
// graph.KindUnknown or graph.KindDeadline leaves that open: the same id asks again. Reads of this
// client see it.
func (c *Client) Mutate(ctx context.Context, req *writev1.MutateRequest) (
	*writev1.MutateResponse, error) {
	if len(req.GetTransactionId()) == 0 {
		withID, ok := proto.Clone(req).(*writev1.MutateRequest)
		if !ok || withID == nil {
			withID = &writev1.MutateRequest{}
		}
		withID.TransactionId = NewTransactionID()
		req = withID
	}
	var resp *writev1.MutateResponse
	err := c.do(ctx, c.writing("Mutate"),
		func(ctx context.Context, conn grpc.ClientConnInterface) (err error) {
			resp, err = writev1.NewWriteServiceClient(conn).Mutate(ctx, req)
			return err
		})
	if err != nil {
		return nil, err
	}
	c.observe(resp.GetToken())
	return resp, nil
}
