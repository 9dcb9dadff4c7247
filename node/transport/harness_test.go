package transport

import (
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

const testCluster = "cluster-1"

// directory is the address book that stands for meta and gossip.
type directory struct {
	mu    sync.Mutex
	addrs map[string]string
}

func newDirectory() *directory { return &directory{addrs: map[string]string{}} }

func (d *directory) set(node, addr string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.addrs[node] = addr
}

func (d *directory) resolve(node string) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if a, ok := d.addrs[node]; ok {
		return a, nil
	}
	return "", fmt.Errorf("node %s is unknown", node)
}

// endpoint is a transport behind a gRPC server on a port of the kernel's choice.
type endpoint struct {
	*Transport
	server *grpc.Server
	addr   string
}

// listen starts a node; edit may change its options before.
func listen(t *testing.T, dir *directory, node string, edit func(*Options)) *endpoint {
	t.Helper()
	return listenTLS(t, dir, node, nil, edit)
}

func listenTLS(
	t *testing.T, dir *directory, node string, server *tls.Config, edit func(*Options),
) *endpoint {
	t.Helper()
	opts := Options{
		NodeID:    node,
		ClusterID: func() string { return testCluster },
		Resolve:   dir.resolve,
		Timeouts: Timeouts{
			BackoffMin: 5 * time.Millisecond, BackoffMax: 50 * time.Millisecond,
		},
		Limits: Limits{BeatWindow: 5 * time.Millisecond},
	}
	if edit != nil {
		edit(&opts)
	}
	tr, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	serverOpts := ServerOptions()
	if server != nil {
		serverOpts = append(serverOpts, grpc.Creds(credentials.NewTLS(server)))
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := &endpoint{Transport: tr, server: grpc.NewServer(serverOpts...), addr: ln.Addr().String()}
	tr.Register(e.server)
	go e.server.Serve(ln) //nolint:errcheck // ends with stop
	dir.set(node, e.addr)
	t.Cleanup(e.stop)
	return e
}

// stop kills the node's network: transport and server.
func (e *endpoint) stop() {
	_ = e.Close()
	e.server.Stop()
}

func addr(node string) raft.ServerAddress { return raft.ServerAddress(node + "/1") }
func sid(node string) raft.ServerID       { return raft.ServerID(node + "/1") }

// answer serves a group with f until the test ends; a nil response means no answer at all.
func answer(t *testing.T, g *GroupTransport, f func(raft.RPC) any) {
	t.Helper()
	go func() {
		for {
			select {
			case rpc := <-g.Consumer():
				if resp := f(rpc); resp != nil {
					rpc.Respond(resp, nil)
				}
			case <-t.Context().Done():
				return
			}
		}
	}()
}

// agree answers like a follower that accepts everything.
func agree(rpc raft.RPC) any {
	switch c := rpc.Command.(type) {
	case *raft.AppendEntriesRequest:
		return &raft.AppendEntriesResponse{Term: c.Term, Success: true}
	case *raft.RequestVoteRequest:
		return &raft.RequestVoteResponse{Term: c.Term, Granted: true}
	case *raft.RequestPreVoteRequest:
		return &raft.RequestPreVoteResponse{Term: c.Term, Granted: true}
	case *raft.TimeoutNowRequest:
		return &raft.TimeoutNowResponse{}
	}
	return nil
}

func heartbeat(g *GroupTransport, to string, term uint64) error {
	var resp raft.AppendEntriesResponse
	return g.AppendEntries(sid(to), addr(to), &raft.AppendEntriesRequest{Term: term}, &resp)
}

func appendOne(g *GroupTransport, to string, data []byte) error {
	var resp raft.AppendEntriesResponse
	return g.AppendEntries(sid(to), addr(to), &raft.AppendEntriesRequest{
		Term: 1, Entries: []*raft.Log{{Index: 1, Term: 1, Data: data}},
	}, &resp)
}

// eventually waits for cond; it fails the test only after a time that no healthy run needs.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for !cond() {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}
