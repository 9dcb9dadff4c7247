package transport

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	"google.golang.org/grpc"

	peerv1 "github.com/codegraphdb/codegraph/api/codegraph/peer/v1"
)

// Transport carries the Raft traffic of all groups of this process.
type Transport struct {
	opts    Options
	log     *slog.Logger
	ctx     context.Context // ends with Close
	cancel  context.CancelCauseFunc
	wg      sync.WaitGroup
	limiter *limiter
	began   time.Time // origin of the ticks at which heartbeats leave

	nextID         atomic.Uint64
	counters       [laneCount]laneCounters
	refusedStreams atomic.Uint64
	refusedCalls   atomic.Uint64
	deaths         deaths

	mu     sync.Mutex
	closed bool
	groups map[uint64]*GroupTransport
	peers  map[string]*peer
}

// New returns a transport that has no connections yet; they are made when they are needed.
func New(opts Options) (*Transport, error) {
	if err := opts.validate(); err != nil {
		return nil, err
	}
	opts = opts.withDefaults()
	t := &Transport{
		opts:    opts,
		log:     opts.Logger.With("component", "transport"),
		limiter: newLimiter(opts.Limits.BulkRate),
		began:   time.Now(),
		groups:  make(map[uint64]*GroupTransport),
		peers:   make(map[string]*peer),
		deaths:  deaths{looking: make(map[string]bool), seen: make(map[string]time.Time)},
	}
	t.ctx, t.cancel = context.WithCancelCause(context.Background())
	return t, nil
}

// ServerOptions returns what the grpc.Server given to Register must be made with.
func ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{grpc.MaxRecvMsgSize(maxMessageBytes),
		grpc.StaticStreamWindowSize(streamWindow), grpc.StaticConnWindowSize(connWindow)}
}

// Register adds the receiving side to a gRPC server that was made with ServerOptions.
func (t *Transport) Register(server grpc.ServiceRegistrar) {
	peerv1.RegisterRaftServiceServer(server, &raftServer{t: t})
}

// Group opens the transport of one group under the replica id local. An open transport of the
// same group is closed first: it belongs to an instance of Raft that must not be heard any more.
// A replica id of another node gives a transport on which every call fails.
func (t *Transport) Group(id uint64, local raft.ServerAddress) *GroupTransport {
	g := newGroup(t, id, local)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || g.invalid != nil {
		g.stop()
		return g
	}
	if old := t.groups[id]; old != nil {
		old.stop()
	}
	t.groups[id] = g
	return g
}

// Disconnect closes all connections to a node and fails the calls under way. The next call
// connects again, at the address that Resolve gives then.
func (t *Transport) Disconnect(nodeID string) {
	t.mu.Lock()
	p := t.peers[nodeID]
	delete(t.peers, nodeID)
	t.mu.Unlock()
	if p != nil {
		p.close(fmt.Errorf("%w: disconnected by this node", ErrUnreachable))
	}
}

// Close closes all groups and connections, fails the calls under way and waits for the
// goroutines of the transport.
func (t *Transport) Close() error {
	t.mu.Lock()
	t.closed = true
	for _, g := range t.groups {
		g.stop()
	}
	for _, p := range t.peers {
		p.close(ErrClosed)
	}
	clear(t.groups)
	clear(t.peers)
	t.mu.Unlock()
	t.cancel(ErrClosed)
	t.wg.Wait()
	return nil
}

// spawn runs f in a goroutine that Close waits for, or not at all after Close.
func (t *Transport) spawn(f func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.spawnLocked(f)
}

func (t *Transport) spawnLocked(f func()) bool {
	if t.closed {
		return false
	}
	t.wg.Go(f)
	return true
}

// lookup returns the open group transport with exactly this replica id.
func (t *Transport) lookup(group uint64, replica string) *GroupTransport {
	t.mu.Lock()
	defer t.mu.Unlock()
	if g := t.groups[group]; g != nil && string(g.local) == replica {
		return g
	}
	return nil
}

// remove forgets g unless another transport has taken its place.
func (t *Transport) remove(g *GroupTransport) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.groups[g.id] == g {
		delete(t.groups, g.id)
	}
}

// peer returns the connections to a node, made on first use.
func (t *Transport) peer(nodeID string) (*peer, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, ErrClosed
	}
	p := t.peers[nodeID]
	if p == nil {
		p = newPeer(t, nodeID)
		t.peers[nodeID] = p
		t.spawnLocked(p.control.run)
		t.spawnLocked(p.log.run)
	}
	return p, nil
}

// heard ends the pause between connects to a node that has just connected to us.
func (t *Transport) heard(nodeID string) {
	t.mu.Lock()
	p := t.peers[nodeID]
	t.mu.Unlock()
	if p != nil {
		p.control.wakeUp()
		p.log.wakeUp()
	}
}

// hurry lets the heartbeats leave that wait for company on the way to these replicas.
func (t *Transport) hurry(replicas []raft.ServerID) {
	for _, r := range replicas {
		node, _, err := SplitReplicaID(r)
		if err != nil {
			continue
		}
		t.mu.Lock()
		p := t.peers[node]
		t.mu.Unlock()
		if p != nil {
			p.control.out.hurry()
		}
	}
}

// nextBeat is the tick at which heartbeats leave next, the same for all peers: so the process wakes
// once for all of them.
func (t *Transport) nextBeat() time.Time {
	window := t.opts.Limits.BeatWindow
	return t.began.Add((time.Since(t.began)/window + 1) * window)
}

// intercepted asks the fault hook.
func (t *Transport) intercepted(nodeID string, lane Lane) error {
	if t.opts.Intercept == nil {
		return nil
	}
	return t.opts.Intercept(nodeID, lane)
}

// hello returns the first frame to a node.
func (t *Transport) hello(target string, lane Lane) *peerv1.PeerHello {
	return &peerv1.PeerHello{
		ClusterId:    t.opts.ClusterID(),
		NodeId:       t.opts.NodeID,
		TargetNodeId: target,
		Lane:         lane.wire(),
	}
}
