package node

import (
	"context"
	"fmt"
	"net/http"
	"runtime/debug"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"

	"github.com/codegraphdb/codegraph/api"
	adminv1 "github.com/codegraphdb/codegraph/api/codegraph/admin/v1"
	ingestv1 "github.com/codegraphdb/codegraph/api/codegraph/ingest/v1"
	peerv1 "github.com/codegraphdb/codegraph/api/codegraph/peer/v1"
	queryv1 "github.com/codegraphdb/codegraph/api/codegraph/query/v1"
	writev1 "github.com/codegraphdb/codegraph/api/codegraph/write/v1"
	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/node/transport"
	"github.com/codegraphdb/codegraph/node/txns"
)

// defaultDeadline bounds a request that brings no deadline of its own.
const defaultDeadline = 30 * time.Second

// sayWithin is how long before a caller's deadline a request is ended, so that its error arrives.
const sayWithin = 100 * time.Millisecond

// serve starts the three servers on the listeners.
func (n *Node) serve() {
	common := []grpc.ServerOption{
		grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage),
		grpc.MaxConcurrentStreams(1024),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second,
			PermitWithoutStream: true}),
	}
	client := append([]grpc.ServerOption{grpc.ChainUnaryInterceptor(n.unary),
		grpc.ChainStreamInterceptor(n.stream)}, common...)
	if n.tls.client != nil {
		client = append(client, grpc.Creds(credentials.NewTLS(n.tls.client)))
	}
	n.servers.client = grpc.NewServer(client...)
	queryv1.RegisterQueryServiceServer(n.servers.client, &queryServer{node: n})
	ingestv1.RegisterIngestServiceServer(n.servers.client, newIngestServer(n))
	adminv1.RegisterAdminServiceServer(n.servers.client, &adminServer{node: n})
	writev1.RegisterWriteServiceServer(n.servers.client, txns.NewServer(n.servers.txns))
	n.servers.health = health.NewServer()
	n.servers.health.SetServingStatus("", healthv1.HealthCheckResponse_NOT_SERVING)
	healthv1.RegisterHealthServer(n.servers.client, n.servers.health)
	reflection.Register(n.servers.client)

	peer := append([]grpc.ServerOption{grpc.ChainUnaryInterceptor(peerUnary)}, common...)
	peer = append(peer, transport.ServerOptions()...)
	if n.tls.peer != nil {
		peer = append(peer, grpc.Creds(credentials.NewTLS(n.tls.peer)))
	}
	n.servers.peer = grpc.NewServer(peer...)
	peerv1.RegisterPeerServiceServer(n.servers.peer, &peerServer{node: n})
	peerv1.RegisterReplicaServiceServer(n.servers.peer, &replicaServer{node: n})
	n.trans.Register(n.servers.peer)

	n.servers.ops = &http.Server{Handler: n.opsHandler(n.metrics.registry),
		ReadHeaderTimeout: 5 * time.Second}
	n.tasks.Go(func() { _ = n.servers.peer.Serve(n.servers.peerL) })
	n.tasks.Go(func() { _ = n.servers.client.Serve(n.servers.clientL) })
	n.tasks.Go(func() { _ = n.servers.ops.Serve(n.servers.opsL) })
}

// refuse says why no request is taken now.
func (n *Node) refuse(method string) error {
	if n.draining.Load() {
		return graph.Errorf(method, graph.KindUnavailable, "this node is shutting down").
			WithRemedy("ask another node")
	}
	if !n.meta.running() && method != adminv1.AdminService_Status_FullMethodName {
		return graph.Errorf(method, graph.KindUnavailable, "this node is not part of a cluster: %s",
			n.founding.waitsFor())
	}
	if !n.current.Load() && method != adminv1.AdminService_Status_FullMethodName {
		return graph.Errorf(method, graph.KindUnavailable, "this node is starting: it %s", notCurrent).
			WithRemedy("try again, or ask another node")
	}
	return nil
}

func isHealth(method string) bool {
	return method == healthv1.Health_Check_FullMethodName ||
		method == healthv1.Health_Watch_FullMethodName
}

// unary wraps every unary call of the client port: admission, deadline, errors, metrics.
func (n *Node) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo,
	handler grpc.UnaryHandler) (resp any, err error) {
	began := time.Now()
	defer func() { err = n.finish(info.FullMethod, began, recover(), err) }()
	if err := n.refuse(info.FullMethod); err != nil && !isHealth(info.FullMethod) {
		return nil, err
	}
	ctx, cancel := withDefaultDeadline(ctx)
	defer cancel()
	return handler(ctx, req)
}

// stream wraps every streaming call of the client port.
func (n *Node) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo,
	handler grpc.StreamHandler) (err error) {
	began := time.Now()
	defer func() { err = n.finish(info.FullMethod, began, recover(), err) }()
	if err := n.refuse(info.FullMethod); err != nil && !isHealth(info.FullMethod) {
		return err
	}
	return handler(srv, ss)
}

// finish turns what a call ended with into a status and counts it. A panic of one request is a
// bug, and ends that request only: nothing is applied on this path.
func (n *Node) finish(method string, began time.Time, panicked any, err error) error {
	if panicked != nil {
		n.logger.Error("panic in a request", "method", method, "panic", fmt.Sprint(panicked),
			"stack", string(debug.Stack()))
		err = graph.Errorf(method, graph.KindInternal, "internal error").
			WithRemedy("the node's log has the details")
	}
	n.metrics.observeRequest(method, time.Since(began), err)
	return api.Status(err)
}

func peerUnary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (
	any, error) {
	ctx, cancel := withDefaultDeadline(ctx)
	defer cancel()
	resp, err := handler(ctx, req)
	return resp, api.Status(err)
}

// errorKind names the kind of an error for metrics.
func errorKind(err error) string {
	if st, ok := status.FromError(err); ok && graph.KindOf(err) == graph.KindOther {
		return st.Code().String()
	}
	return graph.KindOf(err).String()
}

func withDefaultDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if dl, ok := ctx.Deadline(); ok { // leave time to say why it was not kept
		return context.WithDeadline(ctx, dl.Add(-min(time.Until(dl)/10, sayWithin)))
	}
	return context.WithTimeout(ctx, defaultDeadline)
}
