package codegraph

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	adminv1 "github.com/codegraphdb/codegraph/api/codegraph/admin/v1"
)

// Status returns the cluster as one of its nodes sees it.
func (c *Client) Status(ctx context.Context) (*adminv1.StatusResponse, error) {
	return admin(ctx, c, adminv1.AdminServiceClient.Status, &adminv1.StatusRequest{})
}

// Nodes lists the nodes.
func (c *Client) Nodes(ctx context.Context) (*adminv1.ListNodesResponse, error) {
	return admin(ctx, c, adminv1.AdminServiceClient.ListNodes, &adminv1.ListNodesRequest{})
}

// Shards lists the shards with their replicas, with the digest of each replica if asked.
func (c *Client) Shards(ctx context.Context, digests bool) (*adminv1.ListShardsResponse, error) {
	return admin(ctx, c, adminv1.AdminServiceClient.ListShards,
		&adminv1.ListShardsRequest{Digests: digests})
}

// Repositories lists the repositories; name chooses one, empty means all.
func (c *Client) Repositories(ctx context.Context, name string) (
	*adminv1.ListRepositoriesResponse, error) {
	return admin(ctx, c, adminv1.AdminServiceClient.ListRepositories,
		&adminv1.ListRepositoriesRequest{Name: name})
}

// ChangeReplicas starts an operator that changes a shard's replicas. Repeating the request, with
// the same id, gives the same operator.
func (c *Client) ChangeReplicas(ctx context.Context, req *adminv1.ChangeReplicasRequest) (
	*adminv1.ChangeReplicasResponse, error) {
	return admin(ctx, c, adminv1.AdminServiceClient.ChangeReplicas, req)
}

// Operators lists the operators under way and those that ended last.
func (c *Client) Operators(ctx context.Context) (*adminv1.ListOperatorsResponse, error) {
	return admin(ctx, c, adminv1.AdminServiceClient.ListOperators, &adminv1.ListOperatorsRequest{})
}

// CancelOperator ends an operator and undoes what it has done. Repeating the request is harmless.
func (c *Client) CancelOperator(ctx context.Context, req *adminv1.CancelOperatorRequest) (
	*adminv1.CancelOperatorResponse, error) {
	return admin(ctx, c, adminv1.AdminServiceClient.CancelOperator, req)
}

func admin[Req proto.Message, Resp any](ctx context.Context, c *Client,
	method func(adminv1.AdminServiceClient, context.Context, Req, ...grpc.CallOption) (Resp, error),
	req Req) (Resp, error) {
	var resp Resp
	err := c.do(ctx, c.reading(operation(req)),
		func(ctx context.Context, conn grpc.ClientConnInterface) (err error) {
			resp, err = method(adminv1.NewAdminServiceClient(conn), ctx, req)
			return err
		})
	return resp, err
}
