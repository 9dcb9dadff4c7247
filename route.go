package codegraph

import (
	"context"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"

	ingestv1 "github.com/codegraphdb/codegraph/api/codegraph/ingest/v1"
	"github.com/codegraphdb/codegraph/graph"
)

const (
	maxHops    = 3 // nodes asked for one batch before a gateway gets it
	maxEpochs  = 4 // of a shard that one batch is sent under
	maxRouted  = 256
	mapAge     = time.Second      // the map is not fetched again before
	mapRetry   = 15 * time.Second // nor so soon if nobody gave it
	mapWithin  = 2 * time.Second
	avoidFirst = time.Second // a node that does not answer, doubled each time
	avoidMost  = time.Minute
)

// router knows the map, and connects to the nodes that lead shards (C7, C8). Nothing depends on
// what it knows: a request that it cannot place, or places wrongly, goes through a gateway.
type router struct {
	client   *Client
	fetching sync.Mutex // held while the map is fetched

	mu      sync.Mutex
	version uint64
	next    time.Duration // when the map may be fetched again
	shards  map[uint64]place
	nodes   map[string]*endpoint // by address; those of Options.Addresses are not here
	limit   int                  // of nodes
	closed  bool
}

// place is a shard and the node that leads it; the node is empty if it is not known.
type place struct {
	epoch  uint64
	lo, hi uint32
	node   string
	addr   string
}

// avoidance is why an endpoint is not asked directly; the router's lock guards it.
type avoidance struct {
	failed int
	until  time.Duration
}

func newRouter(c *Client) *router {
	return &router{client: c, shards: map[uint64]place{}, nodes: map[string]*endpoint{}}
}

// clock is the time since the start of the program.
func clock() time.Duration { return time.Since(start) }

// write sends a batch to its shard until somebody acknowledges it.
func (c *Client) write(ctx context.Context, s *ingestv1.Shard, batch []byte) (
	*ingestv1.WriteResponse, error) {
	req := &ingestv1.WriteRequest{ShardId: s.GetId(), Epoch: c.routes.epoch(s), Batch: batch}
	for n := 1; ; n++ {
		if resp := c.routes.write(ctx, req); resp != nil {
			return resp, nil
		}
		var resp *ingestv1.WriteResponse
		err := c.do(ctx, c.writing("Write"),
			func(ctx context.Context, conn grpc.ClientConnInterface) (err error) {
				resp, err = ingestv1.NewIngestServiceClient(conn).Write(ctx, req)
				return err
			})
		if !graph.IsKind(err, graph.KindStaleEpoch) || n == maxEpochs {
			return resp, err
		}
		sent := req.GetEpoch()
		if req.Epoch = c.routes.newEpoch(ctx, s, sent); req.GetEpoch() == sent {
			return nil, err
		}
	}
}

// newEpoch returns the epoch of a shard of which one was refused, from a new map unless another
// batch has got that already.
func (r *router) newEpoch(ctx context.Context, s *ingestv1.Shard, refused uint64) uint64 {
	r.fetching.Lock()
	defer r.fetching.Unlock()
	if r.epoch(s) == refused {
		r.fetch(ctx)
	}
	return r.epoch(s)
}

// epoch returns the newest epoch known of a shard that still has the slots that it had for s.
func (r *router) epoch(s *ingestv1.Shard) uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, ok := r.shards[s.GetId()]
	if !ok || p.lo != s.GetSlotLo() || p.hi != s.GetSlotHi() {
		return s.GetEpoch()
	}
	return max(s.GetEpoch(), p.epoch)
}

// write asks the node that leads the shard, and whom it names; nil if that leads nowhere.
func (r *router) write(ctx context.Context, req *ingestv1.WriteRequest) *ingestv1.WriteResponse {
	if r.client.opts.Gateway {
		return nil
	}
	var asked []string
	for to := r.leader(ctx, req.GetShardId()); to.addr != ""; {
		e := r.endpoint(to.addr)
		if e == nil || len(asked) == maxHops || slices.Contains(asked, to.node) {
			break // two nodes may name each other
		}
		asked = append(asked, to.node)
		resp, err := e.write(ctx, r.client.writing("Write"), req, to.node)
		switch {
		case err == nil:
			r.reached(e)
			return resp
		case ctx.Err() != nil:
			return nil
		case err.Kind == graph.KindNotLeader && err.Detail != nil:
			r.reached(e)
			to.node, to.addr = err.Detail.GetLeaderHint(), err.Detail.GetLeaderAddress()
			to = r.learn(req, to)
			continue
		case err.Kind == graph.KindStaleEpoch: // a gateway has the last word
		case err.Detail != nil && !passingWrite(err): // so too, and the node is all right
			return nil
		default:
			r.avoid(e)
			return nil
		}
		break
	}
	r.learn(req, place{}) // whoever comes next fetches the map
	return nil
}

// write sends a batch to one node, which does not forward it.
func (e *endpoint) write(ctx context.Context, p policy, req *ingestv1.WriteRequest, node string) (
	resp *ingestv1.WriteResponse, _ *Error) {
	direct := &ingestv1.WriteRequest{ShardId: req.GetShardId(), Epoch: req.GetEpoch(),
		Batch: req.GetBatch(), NodeId: node}
	err := e.call(ctx, p, func(ctx context.Context, conn grpc.ClientConnInterface) (err error) {
		resp, err = ingestv1.NewIngestServiceClient(conn).Write(ctx, direct)
		return err
	})
	return resp, err
}

// leader returns where a shard is; it fetches the map if that is not known, or not there.
func (r *router) leader(ctx context.Context, shard uint64) place {
	if p, ok := r.usable(shard); ok {
		return p
	}
	r.refresh(ctx, false)
	p, _ := r.usable(shard)
	return p
}

func (r *router) usable(shard uint64) (place, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.shards[shard]
	e := r.find(p.addr)
	return p, p.addr != "" && (e == nil || e.away.until <= clock())
}

// learn remembers what a node said of who leads a shard, unless something newer is known.
func (r *router) learn(req *ingestv1.WriteRequest, to place) place {
	if to.node == "" || !r.client.opts.routable(to.addr) {
		to.node, to.addr = "", ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.shards[req.GetShardId()]; p.epoch <= req.GetEpoch() {
		p.node, p.addr = to.node, to.addr
		r.shards[req.GetShardId()] = p
	}
	return to
}

// refresh fetches the map unless that was done a moment ago. While another one fetches it, it
// waits, or does nothing.
func (r *router) refresh(ctx context.Context, wait bool) {
	if r.client.opts.Gateway {
		return
	}
	if wait {
		r.fetching.Lock()
	} else if !r.fetching.TryLock() {
		return
	}
	defer r.fetching.Unlock()
	r.mu.Lock()
	due := clock() >= r.next
	r.mu.Unlock()
	if due {
		r.fetch(ctx)
	}
}

// fetch asks any node for the map.
func (r *router) fetch(ctx context.Context) {
	p := policy{op: "Map", again: passingWrite, callFor: mapWithin} // each node once
	var resp *ingestv1.MapResponse
	err := r.client.do(ctx, p, func(ctx context.Context, conn grpc.ClientConnInterface) (err error) {
		resp, err = ingestv1.NewIngestServiceClient(conn).Map(ctx, &ingestv1.MapRequest{})
		return err
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.next = clock() + mapRetry
		return
	}
	r.next = clock() + mapAge
	if resp.GetVersion() >= r.version { // else that node has fallen behind
		r.take(resp)
	}
}

// take replaces the map. The caller holds r.mu.
func (r *router) take(m *ingestv1.MapResponse) {
	addrs := map[string]string{} // of nodes
	for _, n := range m.GetNodes()[:min(len(m.GetNodes()), maxRouted)] {
		if r.client.opts.routable(n.GetClientAddress()) {
			addrs[n.GetId()] = n.GetClientAddress()
		}
	}
	shards := map[uint64]place{}
	for _, s := range m.GetShards() {
		p := place{epoch: s.GetEpoch(), lo: s.GetSlotLo(), hi: s.GetSlotHi(), node: s.GetLeader()}
		if old := r.shards[s.GetId()]; old.epoch > p.epoch {
			p = old
		} else if p.addr = addrs[p.node]; p.node == "" {
			p.node, p.addr = old.node, old.addr
		}
		shards[s.GetId()] = p
	}
	r.version, r.shards, r.limit = m.GetVersion(), shards, len(addrs)
	keep := map[string]bool{}
	for _, addr := range addrs {
		keep[addr] = true
	}
	r.drop(keep)
}

// drop closes the connections to nodes that are neither kept nor lead a shard; what is still on its
// way there goes through a gateway. The caller holds r.mu.
func (r *router) drop(keep map[string]bool) {
	leads := map[string]bool{}
	for _, p := range r.shards {
		leads[p.addr] = true
	}
	for addr, e := range r.nodes {
		if !keep[addr] && !leads[addr] {
			_ = e.conn.Close()
			delete(r.nodes, addr)
		}
	}
}

// find returns the connection to an address, if there is one. The caller holds r.mu.
func (r *router) find(addr string) *endpoint {
	for _, e := range r.client.nodes {
		if e.addr == addr {
			return e
		}
	}
	return r.nodes[addr]
}

// endpoint returns the connection to a node, a new one if need be; nil if the node is to be left
// alone, or there are as many as nodes already. When the time of a node that did not answer is
// over, one caller gets it, to see whether it answers now.
func (r *router) endpoint(addr string) *endpoint {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.find(addr)
	if e == nil {
		if len(r.nodes) >= r.limit {
			r.drop(nil)
		}
		if r.closed || len(r.nodes) >= r.limit {
			return nil
		}
		var err error
		if e, err = r.client.connect(addr); err != nil {
			return nil
		}
		r.nodes[addr] = e
	}
	switch {
	case e.away.until > clock():
		return nil
	case e.away.failed > 0:
		e.away.again()
	}
	return e
}

// again lengthens the time for which an endpoint is avoided.
func (a *avoidance) again() {
	a.until = clock() + min(avoidFirst<<min(a.failed, 16), avoidMost)
	a.failed++
}

// avoid notes that a node did not take what it should; what was sent at the same time counts once.
func (r *router) avoid(e *endpoint) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.away.failed == 0 {
		e.away.again()
	}
}

// reached notes that a node answers.
func (r *router) reached(e *endpoint) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e.away = avoidance{}
}

// close ends the connections.
func (r *router) close() (first error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for _, e := range r.nodes {
		if err := e.conn.Close(); err != nil && first == nil {
			first = err
		}
	}
	clear(r.nodes)
	return first
}

// routable tells whether an address that a server gave may be connected to: host and port, nothing
// else. A loopback address is this machine's, which says something only to who names one as well;
// and who talks in clear text to this machine alone does not do so to others (C8).
func (o *Options) routable(addr string) bool {
	host, port, err := net.SplitHostPort(addr)
	if n, perr := strconv.ParseUint(port, 10, 16); err != nil || perr != nil || n == 0 {
		return false
	}
	ip, err := netip.ParseAddr(host)
	ip = ip.Unmap()
	if err != nil && !hostName(host) ||
		err == nil && (ip.IsUnspecified() || ip.IsMulticast() || ip.Zone() != "") {
		return false
	}
	if loopback(addr) {
		return slices.ContainsFunc(o.Addresses, loopback)
	}
	return o.secure() || slices.ContainsFunc(o.Addresses, func(a string) bool { return !loopback(a) })
}

// hostName tells whether s may be a name. One whose last label is a number is none: some resolvers
// take 127.1 and 0x7f000001 for addresses.
func hostName(s string) bool {
	labels := strings.Split(strings.TrimSuffix(s, "."), ".")
	_, err := strconv.ParseUint(labels[len(labels)-1], 0, 64)
	return err != nil && len(s) <= 253 && !slices.ContainsFunc(labels, func(l string) bool {
		return !hostLabel.MatchString(l)
	})
}

var hostLabel = regexp.MustCompile(`^[0-9A-Za-z_-]+$`)

func loopback(addr string) bool {
	host, _, _ := net.SplitHostPort(addr)
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}
