package transport

import (
	"context"
	"fmt"
	"net"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// peer holds the connections to one node.
type peer struct {
	t       *Transport
	id      string
	control *lane
	log     *lane

	mu     sync.Mutex
	closed error
	bulk   *grpc.ClientConn
}

func newPeer(t *Transport, id string) *peer {
	p := &peer{t: t, id: id}
	p.control = newLane(t, p, Control)
	p.log = newLane(t, p, Log)
	return p
}

func (p *peer) lane(kind Lane) *lane {
	if kind == Control {
		return p.control
	}
	return p.log
}

// bulkConn returns the connection for snapshots, made on first use.
func (p *peer) bulkConn() (*grpc.ClientConn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed != nil {
		return nil, p.closed
	}
	if p.bulk == nil {
		cc, err := p.t.dial(p.id)
		if err != nil {
			return nil, err
		}
		p.bulk = cc
		p.t.counters[Bulk].connects.Add(1)
	}
	return p.bulk, nil
}

// dropBulk closes a connection that failed, so that the next snapshot makes a new one.
func (p *peer) dropBulk(cc *grpc.ClientConn) {
	p.mu.Lock()
	if p.bulk == cc {
		p.bulk = nil
	}
	p.mu.Unlock()
	_ = cc.Close()
}

// close ends the connections; the calls under way and later ones fail with err.
func (p *peer) close(err error) {
	p.control.close(err)
	p.log.close(err)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = err
	if p.bulk != nil {
		_ = p.bulk.Close()
		p.bulk = nil
	}
}

// dial makes a gRPC connection to a node. Its address is resolved at each connect.
func (t *Transport) dial(nodeID string) (*grpc.ClientConn, error) {
	creds := insecure.NewCredentials()
	if t.opts.TLS != nil {
		creds = &hostCredentials{credentials.NewTLS(t.opts.TLS), t.opts.TLS.ServerName}
	}
	dialer := func(ctx context.Context, _ string) (net.Conn, error) {
		addr, err := t.opts.Resolve(nodeID)
		if err != nil {
			return nil, fmt.Errorf("resolve node %s: %w", nodeID, err)
		}
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		if err != nil {
			return nil, err
		}
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			host = addr
		}
		return &hostConn{Conn: conn, host: host}, nil
	}
	return grpc.NewClient("passthrough:///"+nodeID,
		grpc.WithContextDialer(dialer),
		grpc.WithTransportCredentials(creds),
		grpc.WithIdleTimeout(0),
		grpc.WithDisableServiceConfig(),
		grpc.WithStaticStreamWindowSize(streamWindow),
		grpc.WithStaticConnWindowSize(connWindow),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessageBytes)),
	)
}

// hostConn remembers the host that was dialled.
type hostConn struct {
	net.Conn
	host string
}

// hostCredentials checks the peer's certificate against the configured server name or else the
// host that was dialled, because the gRPC target is the node's uuid and not an address.
type hostCredentials struct {
	credentials.TransportCredentials
	serverName string
}

// ClientHandshake implements credentials.TransportCredentials.
func (c *hostCredentials) ClientHandshake(
	ctx context.Context, authority string, conn net.Conn,
) (net.Conn, credentials.AuthInfo, error) {
	if hc, ok := conn.(*hostConn); ok {
		conn, authority = hc.Conn, hc.host
	}
	if c.serverName != "" {
		authority = c.serverName
	}
	return c.TransportCredentials.ClientHandshake(ctx, authority, conn)
}

// Clone implements credentials.TransportCredentials.
func (c *hostCredentials) Clone() credentials.TransportCredentials {
	return &hostCredentials{c.TransportCredentials.Clone(), c.serverName}
}
