package node

import (
	"crypto/tls"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	peerv1 "github.com/codegraphdb/codegraph/api/codegraph/peer/v1"
	"github.com/codegraphdb/codegraph/graph"
)

// peers keeps one connection per other node for reads and proposals.
type peers struct {
	tls     *tls.Config
	resolve func(node string) (string, error)

	mu    sync.Mutex
	conns map[string]*peerConn // by node id
}

type peerConn struct {
	addr string
	conn *grpc.ClientConn
}

const maxMessage = 16 << 20

func newPeers(t *tls.Config, resolve func(string) (string, error)) *peers {
	return &peers{tls: t, resolve: resolve, conns: map[string]*peerConn{}}
}

// client returns a client of a node, by its current address.
func (p *peers) client(node string) (peerv1.PeerServiceClient, error) {
	conn, err := p.conn(node)
	if err != nil {
		return nil, err
	}
	return peerv1.NewPeerServiceClient(conn), nil
}

// conn returns the connection to a node, by its current address.
func (p *peers) conn(node string) (*grpc.ClientConn, error) {
	addr, err := p.resolve(node)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.conns[node]
	if c != nil && c.addr == addr {
		return c.conn, nil
	}
	conn, err := dialPeer(addr, p.tls)
	if err != nil {
		return nil, err
	}
	if c != nil {
		c.conn.Close()
	}
	p.conns[node] = &peerConn{addr, conn}
	return conn, nil
}

func dialPeer(addr string, t *tls.Config) (*grpc.ClientConn, error) {
	creds := insecure.NewCredentials()
	if t != nil {
		creds = credentials.NewTLS(t)
	}
	conn, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(creds),
		grpc.WithConnectParams(connectParams()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage),
			grpc.MaxCallSendMsgSize(maxMessage)))
	if err != nil {
		return nil, graph.Errorf("node.dialPeer", graph.KindUnavailable, "%s: %w", addr, err)
	}
	return conn, nil
}

func (p *peers) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.conn.Close()
	}
	clear(p.conns)
}
