package codegraph

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"

	"google.golang.org/grpc"

	"github.com/codegraphdb/codegraph/api"
	ingestv1 "github.com/codegraphdb/codegraph/api/codegraph/ingest/v1"
	queryv1 "github.com/codegraphdb/codegraph/api/codegraph/query/v1"
	"github.com/codegraphdb/codegraph/graph"
)

// routed is a fake cluster whose nodes know who leads what.
type routed struct {
	*fakeCluster
	nodes []*fakeNode

	mu    sync.Mutex
	epoch uint64
	led   map[uint64]int // by shard: who leads; the default is node 0
	told  map[uint64]int // what the map says of it, where it is wrong
	hint  func(*fakeNode) (node, addr string)
	spoil func(*ingestv1.MapResponse)
	maps  int // how often it was asked for
	moves func() bool
}

// fakeNode is one node of a routed cluster.
type fakeNode struct {
	*routed
	id, addr string
	stop     func()

	forward int // batches to pass on
	direct  int // batches that were for this node
	refused int // of the latter
}

func newRouted(t *testing.T, nodes, shards int, with *faults) *routed {
	t.Helper()
	r := &routed{fakeCluster: newFakeCluster(shards), epoch: 7, led: map[uint64]int{},
		told: map[uint64]int{}}
	for i := range nodes {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		n := &fakeNode{routed: r, id: fmt.Sprintf("n%d", i), addr: l.Addr().String()}
		s := grpc.NewServer(grpc.UnaryInterceptor(with.intercept))
		ingestv1.RegisterIngestServiceServer(s, n)
		go func() { _ = s.Serve(l) }()
		t.Cleanup(s.Stop)
		n.stop = func() { s.Stop(); l.Close() }
		r.nodes = append(r.nodes, n)
	}
	return r
}

func (n *fakeNode) Map(context.Context, *ingestv1.MapRequest) (*ingestv1.MapResponse, error) {
	r := n.routed
	r.mu.Lock()
	defer r.mu.Unlock()
	r.maps++
	resp := &ingestv1.MapResponse{Version: r.epoch}
	for _, s := range r.shards {
		leader, ok := r.told[s.GetId()]
		if !ok {
			leader = r.led[s.GetId()]
		}
		resp.Shards = append(resp.Shards, &ingestv1.Shard{Id: s.GetId(), SlotLo: s.GetSlotLo(),
			SlotHi: s.GetSlotHi(), Epoch: r.epoch, Leader: r.nodes[leader].id})
	}
	for _, n := range r.nodes {
		resp.Nodes = append(resp.Nodes, &ingestv1.Node{Id: n.id, ClientAddress: n.addr})
	}
	if r.spoil != nil {
		r.spoil(resp)
	}
	return resp, nil
}

func (n *fakeNode) Write(ctx context.Context, req *ingestv1.WriteRequest) (
	*ingestv1.WriteResponse, error) {
	if err := n.admit(req); err != nil {
		return nil, api.Status(err)
	}
	return n.fakeCluster.Write(ctx, &ingestv1.WriteRequest{ShardId: req.GetShardId(), Epoch: 7,
		Batch: req.GetBatch()})
}

func (n *fakeNode) admit(req *ingestv1.WriteRequest) error {
	r := n.routed
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.moves != nil && r.moves() {
		r.led[req.GetShardId()] = (r.led[req.GetShardId()] + 1) % len(r.nodes)
	}
	leader := r.nodes[r.led[req.GetShardId()]]
	if req.GetNodeId() == "" {
		n.forward++
		leader = n
	} else {
		n.direct++
	}
	switch {
	case req.GetNodeId() != "" && req.GetNodeId() != n.id:
		n.refused++
		return graph.Errorf("Write", graph.KindUnavailable, "this is %s", n.id)
	case req.GetEpoch() != r.epoch:
		return graph.Errorf("Write", graph.KindStaleEpoch, "the epoch is %d", r.epoch)
	case leader == n:
		return nil
	}
	n.refused++
	e := redirect{&failure{Op: "Write", Kind: graph.KindNotLeader, Msg: "not me"}, leader.id,
		leader.addr}
	if r.hint != nil {
		e.node, e.addr = r.hint(n)
	}
	return e
}

// redirect names another node.
type redirect struct {
	*failure
	node, addr string
}

func (r redirect) Unwrap() error { return r.failure }

func (r redirect) ErrorDetail(d *queryv1.ErrorDetail) {
	d.LeaderHint, d.LeaderAddress = r.node, r.addr
}

// counts returns the batches that each node passed on, and those that were for it.
func (r *routed) counts() (forward, direct []int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range r.nodes {
		forward, direct = append(forward, n.forward), append(direct, n.direct)
	}
	return forward, direct
}

// sender writes batches of one import, one by one.
type sender struct {
	t  *testing.T
	im *Import
}

// open opens an import through node 0, the only one that the client is told of.
func (r *routed) open(t *testing.T, opts Options) *sender {
	t.Helper()
	opts.Addresses = []string{r.nodes[0].addr}
	im, err := dial(t, opts).OpenImport(t.Context(), OpenOptions{Repo: "r"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { im.Abort("the test is over") })
	return &sender{t, im}
}

func (s *sender) write() error { return s.writeTo(s.im.lanes[0]) }

func (s *sender) writeTo(l *lane) error {
	b := s.im.cut(l)
	_, err := s.im.client.write(s.t.Context(), l.shard, b.Encode())
	return err
}

// writes writes batches that must arrive.
func (s *sender) writes(n int) {
	s.t.Helper()
	for i := range n {
		if err := s.write(); err != nil {
			s.t.Fatalf("batch %d: %v", i, err)
		}
	}
}

// TestRouteToLeaders: every batch goes to the node that leads its shard, none through a gateway.
func TestRouteToLeaders(t *testing.T) {
	r := newRouted(t, 3, 6, nil)
	for s := range uint64(6) {
		r.led[s+1] = int(s % 3)
	}
	files := manyFiles(12, 900)
	c := dial(t, Options{Addresses: []string{r.nodes[0].addr}})
	im := bring(t, c, OpenOptions{Repo: "r"}, files...)
	holds(t, r.fakeCluster, files...)
	forward, direct := r.counts()
	sum := 0
	for i := range r.nodes {
		sum += direct[i]
		if forward[i] != 0 || direct[i] < 2 || r.nodes[i].refused != 0 {
			t.Errorf("node %d: %d batches to pass on, %d direct, %d refused", i, forward[i], direct[i],
				r.nodes[i].refused)
		}
	}
	if uint64(sum) != im.Written().Batches.Load() {
		t.Errorf("%d batches, %d direct", im.Written().Batches.Load(), sum)
	}
}

// TestRouteRedirect: a hint is followed and remembered.
func TestRouteRedirect(t *testing.T) {
	r := newRouted(t, 3, 1, nil)
	r.led[1], r.told[1] = 2, 1
	r.open(t, Options{}).writes(5)
	forward, direct := r.counts()
	if fmt.Sprint(forward, direct) != "[0 0 0] [0 1 5]" {
		t.Errorf("forwarded %v, direct %v", forward, direct)
	}
}

// TestRouteLoop: nodes that name each other, or ever another one, are not asked for long.
func TestRouteLoop(t *testing.T) {
	for _, tc := range []struct {
		nodes int // that lead each batch around
		want  string
	}{{2, "[1 0 0 0 0 0] [0 1 1 0 0 0]"}, {5, "[1 0 0 0 0 0] [0 1 1 1 0 0]"}} {
		r := newRouted(t, 6, 1, nil)
		r.told[1] = 1
		r.hint = func(n *fakeNode) (string, string) {
			for i, o := range r.nodes {
				if o == n {
					next := r.nodes[i%tc.nodes+1]
					return next.id, next.addr
				}
			}
			return "", ""
		}
		r.open(t, Options{}).writes(1)
		if forward, direct := r.counts(); fmt.Sprint(forward, direct) != tc.want {
			t.Errorf("%d nodes: forwarded %v, direct %v", tc.nodes, forward, direct)
		}
	}
}

// TestRouteStaleEpoch: a stale epoch has the map fetched again, once; if the shard has the same
// slots in it, the batch goes on under its new epoch.
func TestRouteStaleEpoch(t *testing.T) {
	for _, gateway := range []bool{false, true} {
		r := newRouted(t, 2, 1, nil)
		r.led[1] = 1
		s := r.open(t, Options{Gateway: gateway})
		before := r.maps
		r.epoch = 8
		s.writes(4)
		if r.maps != before+1 {
			t.Errorf("gateway %v: the map was fetched %d times", gateway, r.maps-before)
		}
		want := "[1 0] [0 5]"
		if gateway {
			want = "[5 0] [0 0]"
		}
		if forward, direct := r.counts(); fmt.Sprint(forward, direct) != want {
			t.Errorf("gateway %v: forwarded %v, direct %v", gateway, forward, direct)
		}
		r.epoch = 9
		r.spoil = func(m *ingestv1.MapResponse) { m.Shards[0].SlotHi-- } // it was split
		if err := s.write(); !graph.IsKind(err, graph.KindStaleEpoch) {
			t.Errorf("gateway %v: a shard with other slots: %v", gateway, err)
		}
	}
}

// TestRouteStaleForever: a map that never agrees with the nodes ends the batch.
func TestRouteStaleForever(t *testing.T) {
	r := newRouted(t, 2, 1, nil)
	s := r.open(t, Options{})
	r.spoil = func(m *ingestv1.MapResponse) {
		r.epoch++ // the next one is already there
		m.Shards[0].Epoch = r.epoch - 1
	}
	r.epoch = 8
	before := r.maps
	if err := s.write(); !graph.IsKind(err, graph.KindStaleEpoch) || r.maps > before+2*maxEpochs {
		t.Errorf("after %d maps: %v", r.maps-before, err)
	}
}

// TestRouteUnreachable: while a leader cannot be reached a gateway gets what is for it, without a
// try each time; afterwards the leader gets it again.
func TestRouteUnreachable(t *testing.T) {
	r := newRouted(t, 2, 1, nil)
	r.led[1] = 1
	real := r.nodes[1].addr
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.nodes[1].addr = l.Addr().String()
	l.Close()
	s := r.open(t, Options{})
	s.writes(10)
	routes := s.im.client.routes
	e := routes.nodes[r.nodes[1].addr]
	if forward, direct := r.counts(); forward[0] != 10 || direct[1] != 0 || e == nil ||
		e.away.failed == 0 || e.away.failed > 4 {
		t.Fatalf("forwarded %v, direct %v, avoided %+v", forward, direct, e)
	}
	r.mu.Lock()
	r.nodes[1].addr = real
	r.mu.Unlock()
	routes.mu.Lock()
	routes.next = 0
	routes.mu.Unlock()
	s.writes(10)
	if forward, direct := r.counts(); forward[0] != 10 || direct[1] != 10 {
		t.Errorf("afterwards: forwarded %v, direct %v", forward, direct)
	}
	if _, there := routes.nodes[e.addr]; there {
		t.Error("the connection to the old address is still there")
	}
}

// TestAvoid: many failures at once count as one; then one caller at a time tries again, each time
// later.
func TestAvoid(t *testing.T) {
	r := newRouted(t, 1, 1, nil)
	routes := r.open(t, Options{}).im.client.routes
	addr := r.nodes[0].addr
	e := routes.endpoint(addr)
	for range 20 {
		routes.avoid(e)
	}
	for i := range 10 {
		if routes.endpoint(addr) != nil {
			t.Fatal("an avoided node is asked")
		}
		if wait := e.away.until - clock(); e.away.failed != i+1 || wait > avoidMost ||
			wait < min(avoidFirst<<i, avoidMost)-avoidFirst/2 {
			t.Errorf("after %d failures: %+v, %v to go", i+1, e.away, wait)
		}
		e.away.until = clock()
		if routes.endpoint(addr) == nil {
			t.Fatal("nobody tries again")
		}
	}
	if routes.reached(e); routes.endpoint(addr) == nil || routes.endpoint(addr) == nil {
		t.Error("a node that answers is avoided")
	}
}

// TestGatewayMode: nothing goes anywhere but to the addresses given.
func TestGatewayMode(t *testing.T) {
	r := newRouted(t, 3, 1, nil)
	r.led[1] = 2
	s := r.open(t, Options{Gateway: true})
	s.writes(5)
	forward, direct := r.counts()
	if fmt.Sprint(forward, direct) != "[5 0 0] [0 0 0]" || r.maps != 0 {
		t.Errorf("forwarded %v, direct %v, %d maps", forward, direct, r.maps)
	}
	if n := len(s.im.client.routes.nodes); n != 0 {
		t.Errorf("%d connections to other nodes", n)
	}
}

// TestRouteNoMap: a cluster that gives no map is asked once, and everything goes through gateways.
func TestRouteNoMap(t *testing.T) {
	f := newFakeCluster(2)
	addrs, _ := serve(t, 1, f, &fakeQueries{}, nil)
	files := manyFiles(3, 5)
	c := dial(t, Options{Addresses: addrs})
	bring(t, c, OpenOptions{Repo: "r"}, files...)
	holds(t, f, files...)
	if c.routes.next-clock() < mapRetry/2 {
		t.Error("the map is soon asked for again")
	}
}

// TestRouteWrongNode: an address that is another node's now gets no batch, and names nobody.
func TestRouteWrongNode(t *testing.T) {
	r := newRouted(t, 3, 1, nil)
	r.led[1] = 2
	r.spoil = func(m *ingestv1.MapResponse) { m.Nodes[2].ClientAddress = r.nodes[1].addr }
	r.open(t, Options{}).writes(5)
	forward, direct := r.counts()
	if forward[0] != 5 || direct[1] == 0 || direct[1] != r.nodes[1].refused || direct[2] != 0 {
		t.Errorf("forwarded %v, direct %v", forward, direct)
	}
}

// TestRouteHostile: addresses of a map and of redirects that are no host:port are not dialed.
func TestRouteHostile(t *testing.T) {
	for _, addr := range []string{"unix:/tmp/socket", "dns:///127.0.0.1:1", "", "127.0.0.1"} {
		for said := range 2 { // by a redirect, by the map
			r := newRouted(t, 2, 1, nil)
			r.led[1], r.told[1] = 1, said
			r.hint = func(*fakeNode) (string, string) { return "n1", addr }
			r.spoil = func(m *ingestv1.MapResponse) { m.Nodes[1].ClientAddress = addr }
			s := r.open(t, Options{})
			s.writes(3)
			forward, direct := r.counts()
			if n := len(s.im.client.routes.nodes); n != 0 || forward[0] != 3 || direct[1] != 0 {
				t.Errorf("%q: %d connections, forwarded %v, direct %v", addr, n, forward, direct)
			}
		}
	}
}

// TestRouteCrowd: redirects make no more connections than the map has nodes.
func TestRouteCrowd(t *testing.T) {
	r := newRouted(t, 2, 8, nil)
	for i := range uint64(8) {
		r.led[i+1], r.told[i+1] = 1, 0
	}
	port := 0
	r.hint = func(*fakeNode) (string, string) {
		port++
		return fmt.Sprintf("x%d", port), fmt.Sprintf("127.0.0.1:%d", port)
	}
	s := r.open(t, Options{})
	for i := range 24 {
		s.im.client.routes.next = 0
		if err := s.writeTo(s.im.lanes[i%8]); err != nil {
			t.Fatal(err)
		}
		if n := len(s.im.client.routes.nodes); n > 2 {
			t.Fatalf("%d connections for two nodes", n)
		}
	}
	if port < 8 {
		t.Errorf("only %d redirects", port)
	}
}

func TestRoutable(t *testing.T) {
	remote, local := []string{"db.example:7600"}, []string{"127.0.0.1:7600"}
	secure := Options{Addresses: append(local, remote...), TLSCA: "ca.pem"}
	for addr, want := range map[string]bool{
		"10.0.0.7:7600": true, "[fd00::1]:7600": true, "db-2.ns.svc:7600": true, "4c01db0b:1": true,
		"127.0.0.1:7600": true, "localhost:65535": true, "a_b.example.:1": true,
		"": false, ":7600": false, "10.0.0.7": false, "10.0.0.7:0": false, "10.0.0.7:65536": false,
		"10.0.0.7:http": false, "0.0.0.0:7600": false, "[::]:7600": false, "224.0.0.1:1": false,
		"[::ffff:0.0.0.0]:1": false, "[fe80::1%eth0]:1": false, "unix:///tmp/s:1": false,
		"/tmp/s:1": false, "a b:1": false, "a/b:1": false, "user@host:1": false, "127.1:7600": false,
		"0x7f000001:1": false, "2130706433:1": false, "a,b:1": false, "a..b:1": false, "\x00:1": false,
	} {
		if secure.routable(addr) != want {
			t.Errorf("%q: %v", addr, !want)
		}
	}
	for _, tc := range []struct {
		opts          Options
		loopback, far bool
	}{
		{Options{Addresses: local}, true, false}, // cgctl refuses clear text to others
		{Options{Addresses: local, TLSCA: "ca.pem"}, true, true},
		{Options{Addresses: remote}, false, true},
		{Options{Addresses: remote, TLSCA: "ca.pem"}, false, true},
	} {
		for _, a := range []string{"127.0.0.1:1", "[::1]:1", "localhost:1", "[::ffff:127.0.0.1]:1"} {
			if tc.opts.routable(a) != tc.loopback {
				t.Errorf("%+v: %s: %v", tc.opts, a, !tc.loopback)
			}
		}
		if tc.opts.routable("10.0.0.7:1") != tc.far {
			t.Errorf("%+v: another machine: %v", tc.opts, !tc.far)
		}
	}
}

// TestRouteUnderFaults: an import arrives whole while leaders change, calls fail, answers are lost
// and a node dies.
func TestRouteUnderFaults(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 2))
			with := &faults{rng: rand.New(rand.NewPCG(seed, 1)), share: 0.1}
			r := newRouted(t, 3, 4, with)
			r.moves = func() bool { return rng.IntN(4) == 0 }
			c := dial(t, Options{Addresses: []string{r.nodes[0].addr, r.nodes[1].addr}})
			im, err := c.OpenImport(t.Context(), OpenOptions{Repo: "r"})
			if err != nil {
				t.Fatal(err)
			}
			files := manyFiles(20, 900)
			for i, f := range files {
				if i == 10 {
					r.nodes[2].stop()
				}
				if err := im.Put(t.Context(), f); err != nil {
					t.Fatal(err)
				}
			}
			if err := im.Seal(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := im.Commit(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			holds(t, r.fakeCluster, files...)
		})
	}
}

// TestRouteOldMap: a node that has fallen behind does not put an old map in the place of a new one.
func TestRouteOldMap(t *testing.T) {
	r := newRouted(t, 2, 1, nil)
	r.led[1] = 1
	s := r.open(t, Options{})
	r.told[1] = 0
	r.spoil = func(m *ingestv1.MapResponse) { m.Version = 6 }
	s.im.client.routes.fetch(t.Context())
	s.writes(3)
	if forward, direct := r.counts(); fmt.Sprint(forward, direct) != "[0 0] [0 3]" {
		t.Errorf("forwarded %v, direct %v", forward, direct)
	}
}

// TestRouteClose: Close ends the connections to leaders too.
func TestRouteClose(t *testing.T) {
	r := newRouted(t, 2, 1, nil)
	r.led[1] = 1
	s := r.open(t, Options{})
	s.writes(1)
	c := s.im.client
	e := c.routes.nodes[r.nodes[1].addr]
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if e == nil || e.conn.GetState().String() != "SHUTDOWN" || c.routes.endpoint(e.addr) != nil {
		t.Errorf("the connection to the leader: %v", e)
	}
}
