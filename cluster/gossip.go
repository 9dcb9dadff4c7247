package cluster

import (
	"cmp"
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/codegraphdb/codegraph/graph"
)

const opGossip = "cluster.Gossip"

// NodeState is how gossip sees a node.
type NodeState uint8

// The states of a node. A node that is suspected is still alive.
const (
	NodeAlive NodeState = iota
	NodeDead            // it does not answer
	NodeLeft            // it said goodbye
)

// String returns the state in one word.
func (s NodeState) String() string {
	return [...]string{"alive", "dead", "left"}[min(s, NodeLeft)]
}

// GossipMember is a node as gossip sees it.
type GossipMember struct {
	ID    string
	Addr  string // of its gossip
	State NodeState
	Meta  Meta
}

// Alive tells whether the node seems to be there.
func (m *GossipMember) Alive() bool { return m.State == NodeAlive }

// Peer returns the member as Decide wants it.
func (m *GossipMember) Peer() Peer {
	return Peer{ID: m.ID, PeerAddr: m.Meta.PeerAddr, Name: m.Meta.ClusterName, Expect: m.Meta.Expect,
		ClusterID: m.Meta.ClusterID, Alive: m.Alive()}
}

// Gossip keeps track of the nodes of a cluster. All methods may be called at any time by anyone.
type Gossip struct {
	opts GossipOptions
	list *memberlist.Memberlist

	mu       sync.Mutex // guards what follows; never held while memberlist is called
	meta     Meta
	encoded  []byte
	members  map[string]GossipMember
	watchers map[int]func()
	nextID   int
	joined   bool

	life     sync.Mutex // serialises UpdateMeta, Leave and Close
	closed   bool
	changed  chan struct{} // capacity 1: something has changed
	stop     context.CancelFunc
	finished sync.WaitGroup
}

// OpenGossip starts to listen and to look for the nodes of Join in the background.
func OpenGossip(opts GossipOptions) (*Gossip, error) {
	opts = opts.withDefaults()
	if err := opts.validate(); err != nil {
		return nil, err
	}
	encoded, err := opts.Meta.encode()
	if err != nil {
		return nil, err
	}
	g := &Gossip{opts: opts, meta: opts.Meta, encoded: encoded, members: map[string]GossipMember{},
		watchers: map[int]func(){}, changed: make(chan struct{}, 1)}
	conf, err := g.config()
	if err != nil {
		return nil, err
	}
	if g.list, err = memberlist.Create(conf); err != nil {
		return nil, graph.Errorf(opGossip, graph.KindUnavailable, "gossip on %s: %w", opts.Listen,
			err).WithRemedy("see whether the port is free; set --listen-gossip or --advertise-host")
	}
	ctx, stop := context.WithCancel(context.Background())
	g.stop = stop
	g.finished.Go(func() { g.notify(ctx) })
	if len(opts.Join) > 0 {
		g.finished.Go(func() { g.keepJoining(ctx) })
	}
	return g, nil
}

// config makes memberlist's configuration.
func (g *Gossip) config() (*memberlist.Config, error) {
	host, port, err := g.opts.listen()
	if err != nil {
		return nil, err
	}
	c := memberlist.DefaultLANConfig()
	c.Name = g.opts.NodeID
	c.Label = "codegraph/" + g.opts.Meta.ClusterName
	c.BindAddr, c.BindPort, c.AdvertisePort = host, port, port
	c.AdvertiseAddr = g.advertised(host)
	c.SecretKey = g.opts.Key
	c.ProbeInterval = g.opts.ProbeInterval
	c.ProbeTimeout = g.opts.ProbeInterval / 2
	c.GossipInterval = g.opts.GossipInterval
	c.TCPTimeout = 5 * time.Second
	c.PushPullInterval = 10 * g.opts.ProbeInterval
	c.DeadNodeReclaimTime = g.opts.ProbeInterval // a node restarted under another address
	c.Logger = newBridgedLogger(g.opts.Logger)
	d := (*delegate)(g)
	c.Delegate, c.Events, c.Alive, c.Merge, c.Conflict = d, d, d, d, d
	return c, nil
}

// advertised returns the address to advertise, empty to let memberlist choose.
func (g *Gossip) advertised(bound string) string {
	host := g.opts.AdvertiseHost
	if host == "" || net.ParseIP(host) != nil {
		return host
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	ips, err := net.DefaultResolver.LookupIPAddr(ctx, host)
	if err != nil || len(ips) == 0 {
		g.opts.Logger.Warn("the advertised host has no address yet; gossip advertises the one it "+
			"listens on", "host", host, "listen", bound, "err", err)
		return ""
	}
	for _, ip := range ips {
		if ip.IP.To4() != nil {
			return ip.IP.String()
		}
	}
	return ips[0].IP.String()
}

// keepJoining asks the nodes of Join for the members they know, often until one has answered,
// then now and then.
func (g *Gossip) keepJoining(ctx context.Context) {
	const rest = 10
	tick := time.NewTicker(g.opts.JoinInterval)
	defer tick.Stop()
	for n := 0; ; n++ {
		if joined := g.Joined(); !joined || n%rest == 0 {
			reached, err := g.list.Join(g.opts.Join)
			switch {
			case ctx.Err() != nil:
				return
			case reached == 0 && n%rest == 0:
				g.opts.Logger.Warn("no node to join answers", "join", g.opts.Join, "err", err)
			case g.others() > 0 && !joined:
				g.setJoined()
				g.opts.Logger.Info("joined", "cluster", g.opts.Meta.ClusterName)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Joined tells whether a node of Join has answered.
func (g *Gossip) Joined() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.joined
}

func (g *Gossip) setJoined() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.joined = true
}

// others counts the live members beside this node.
func (g *Gossip) others() int {
	n := 0
	for _, m := range g.Members() {
		if m.Alive() && m.ID != g.opts.NodeID {
			n++
		}
	}
	return n
}

// Addr returns the address that this node advertises, with the port that the kernel chose.
func (g *Gossip) Addr() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.members[g.opts.NodeID].Addr
}

// Members returns the nodes known, this one included, sorted by id. Dead ones stay in the list
// until the process ends, those of other clusters are left out.
func (g *Gossip) Members() []GossipMember {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := make([]GossipMember, 0, len(g.members))
	for _, m := range g.members {
		if g.meta.accepts(&m.Meta) == nil {
			out = append(out, m)
		}
	}
	slices.SortFunc(out, func(a, b GossipMember) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// Member returns the node with an id.
func (g *Gossip) Member(id string) (GossipMember, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	m, ok := g.members[id]
	return m, ok && g.meta.accepts(&m.Meta) == nil
}

// Meta returns what this node tells of itself.
func (g *Gossip) Meta() Meta {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.meta
}

// Subscribe has onChange called after every change of the members, never twice at a time; changes
// that come close together are told once. The call must not block for long. The function returned
// ends the subscription; a call that is under way is not waited for.
func (g *Gossip) Subscribe(onChange func()) (cancel func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	id := g.nextID
	g.nextID++
	g.watchers[id] = onChange
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.watchers, id)
	}
}

// notify calls the subscribers, outside of memberlist's locks.
func (g *Gossip) notify(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.changed:
		}
		g.mu.Lock()
		ids := make([]int, 0, len(g.watchers))
		for id := range g.watchers {
			ids = append(ids, id)
		}
		g.mu.Unlock()
		slices.Sort(ids)
		for _, id := range ids {
			g.mu.Lock()
			call := g.watchers[id]
			g.mu.Unlock()
			if call != nil {
				call()
			}
		}
	}
}

// UpdateMeta changes what this node tells of itself. It returns when the news is on its way, or
// after one second; it spreads in any case. The cluster name cannot change.
func (g *Gossip) UpdateMeta(m Meta) error {
	if err := m.validate(); err != nil {
		return err
	}
	if m.ClusterName != g.opts.Meta.ClusterName {
		return graph.Errorf(opGossip, graph.KindInvalid, "the cluster name cannot change from %q "+
			"to %q", g.opts.Meta.ClusterName, m.ClusterName)
	}
	encoded, err := m.encode()
	if err != nil {
		return err
	}
	g.life.Lock()
	defer g.life.Unlock()
	if g.closed {
		return graph.Errorf(opGossip, graph.KindUnavailable, "gossip is closed")
	}
	g.tell(m, encoded)
	return nil
}

// tell spreads new metadata. Called with life held.
func (g *Gossip) tell(m Meta, encoded []byte) {
	g.mu.Lock()
	g.meta, g.encoded = m, encoded
	g.mu.Unlock()
	if err := g.list.UpdateNode(time.Second); err != nil {
		g.opts.Logger.Debug("gossip: update is not confirmed yet", "err", err)
	}
}

// Leave says goodbye, waiting at most that long for somebody to hear it, and closes.
func (g *Gossip) Leave(timeout time.Duration) error {
	g.life.Lock()
	var err error
	if !g.closed {
		m := g.Meta()
		m.Leaving = true
		if encoded, encodeErr := m.encode(); encodeErr == nil {
			g.tell(m, encoded)
		}
		err = g.list.Leave(timeout)
	}
	g.life.Unlock()
	return errors.Join(err, g.Close())
}

// Close stops without a goodbye: to the others this node is dead until it comes back. Closing twice
// is harmless. It waits for subscribers that are being called, so none of them may call it.
func (g *Gossip) Close() error {
	g.life.Lock()
	defer g.life.Unlock()
	if g.closed {
		return nil
	}
	g.closed = true
	g.stop()
	err := g.list.Shutdown()
	g.finished.Wait()
	return err
}

// delegate is Gossip as memberlist calls it, sometimes with its own locks held.
type delegate Gossip

// NodeMeta implements memberlist.Delegate.
func (d *delegate) NodeMeta(int) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.encoded
}

// NotifyMsg implements memberlist.Delegate.
func (d *delegate) NotifyMsg([]byte) {}

// GetBroadcasts implements memberlist.Delegate.
func (d *delegate) GetBroadcasts(int, int) [][]byte { return nil }

// LocalState implements memberlist.Delegate.
func (d *delegate) LocalState(bool) []byte { return nil }

// MergeRemoteState implements memberlist.Delegate.
func (d *delegate) MergeRemoteState([]byte, bool) {}

// NotifyAlive implements memberlist.AliveDelegate: strangers are not heard.
func (d *delegate) NotifyAlive(n *memberlist.Node) error {
	m, err := decodeMeta(n.Meta)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.meta.accepts(&m)
}

// NotifyMerge implements memberlist.MergeDelegate: a join of another cluster fails as a whole.
func (d *delegate) NotifyMerge(peers []*memberlist.Node) error {
	for _, p := range peers {
		if p.State != memberlist.StateAlive && p.State != memberlist.StateSuspect {
			continue
		}
		if err := d.NotifyAlive(p); err != nil {
			return graph.Errorf(opGossip, graph.KindConflict, "node %s: %w", p.Name, err)
		}
	}
	return nil
}

// NotifyConflict implements memberlist.ConflictDelegate.
func (d *delegate) NotifyConflict(existing, other *memberlist.Node) {
	d.opts.Logger.Warn("two addresses claim the same node id; unless the node has just moved, its "+
		"data directory was copied", "node", existing.Name, "has", existing.Address(), "claims",
		other.Address())
}

// NotifyJoin implements memberlist.EventDelegate.
func (d *delegate) NotifyJoin(n *memberlist.Node) { d.set(n, NodeAlive) }

// NotifyUpdate implements memberlist.EventDelegate.
func (d *delegate) NotifyUpdate(n *memberlist.Node) { d.set(n, NodeAlive) }

// NotifyLeave implements memberlist.EventDelegate.
func (d *delegate) NotifyLeave(n *memberlist.Node) { d.set(n, NodeDead) }

// set records a member and wakes the subscribers.
func (d *delegate) set(n *memberlist.Node, state NodeState) {
	m := GossipMember{ID: n.Name, State: state,
		Addr: net.JoinHostPort(n.Addr.String(), strconv.Itoa(int(n.Port)))}
	var err error
	if m.Meta, err = decodeMeta(n.Meta); err != nil {
		return // NotifyAlive has refused it already
	}
	if state == NodeDead && m.Meta.Leaving { // memberlist does not say which of the two it is
		m.State = NodeLeft
	}
	d.mu.Lock()
	d.members[n.Name] = m
	d.mu.Unlock()
	select {
	case d.changed <- struct{}{}:
	default:
	}
}
