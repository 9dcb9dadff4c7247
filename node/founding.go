package node

import (
	"cmp"
	"context"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	peerv1 "github.com/codegraphdb/codegraph/api/codegraph/peer/v1"
	"github.com/codegraphdb/codegraph/cluster"
)

// Defaults of a new cluster.
const (
	defaultShards            = 16
	defaultReplicationFactor = 3
)

// founding brings a node into a cluster: it founds one with the others, or joins one. What to do
// is decided by cluster.Decide alone; this carries it out.
type founding struct {
	node  *Node
	fresh string // the id of the cluster that this node would found

	promise sync.Mutex // held from a decision until what it promises is durable; before mu

	mu      sync.Mutex
	ident   string          // cluster id, empty while the node belongs to none
	pledged map[string]bool // members known to have pledged
	pl      *cluster.Pledge
	waiting string // what it waits for, for people
	wake    chan struct{}
}

func newFounding(n *Node) (*founding, error) {
	f := &founding{node: n, fresh: uuid.NewString(), ident: n.dir.ID.ClusterID,
		pledged: map[string]bool{n.id(): true}, wake: make(chan struct{}, 1),
		waiting: "looking for the other nodes"}
	var err error
	f.pl, err = cluster.LoadPledge(n.dir.Path)
	return f, err
}

// clusterID returns the cluster that the node belongs to, empty if none.
func (f *founding) clusterID() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ident
}

// waitsFor says what keeps the node from being part of a cluster.
func (f *founding) waitsFor() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.waiting
}

// peerAddr returns where a founding member was when the pledge was made.
func (f *founding) peerAddr(node string) (string, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.pl == nil {
		return "", false
	}
	for _, m := range f.pl.Members {
		if m.ID == node {
			return m.PeerAddr, true
		}
	}
	return "", false
}

// advertised returns the address by which others reach a listener of this node.
func (n *Node) advertised(l net.Listener) string {
	host, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return l.Addr().String()
	}
	if n.opts.AdvertiseHost != "" {
		host = n.opts.AdvertiseHost
	}
	return net.JoinHostPort(host, port)
}

func (n *Node) gossipMeta() cluster.Meta {
	return cluster.Meta{ClusterName: n.opts.ClusterName, ClusterID: n.clusterID(),
		ClientAddr: n.advertised(n.servers.clientL), PeerAddr: n.advertised(n.servers.peerL),
		OpsAddr: n.advertised(n.servers.opsL), Version: n.opts.Version,
		Expect: n.opts.BootstrapExpect}
}

func (n *Node) openGossip() (*cluster.Gossip, error) {
	return cluster.OpenGossip(cluster.GossipOptions{NodeID: n.id(), Meta: n.gossipMeta(),
		Listen: n.opts.ListenGossip, AdvertiseHost: n.opts.AdvertiseHost, Join: n.opts.Join,
		Logger: n.logger})
}

// self returns what this node knows of itself.
func (f *founding) self() cluster.Self {
	f.mu.Lock()
	defer f.mu.Unlock()
	return cluster.Self{ID: f.node.id(), PeerAddr: f.node.advertised(f.node.servers.peerL),
		Name: f.node.opts.ClusterName, Expect: f.node.opts.BootstrapExpect, ClusterID: f.ident,
		Pledge: f.pl}
}

func (f *founding) view() cluster.BootstrapView {
	v := cluster.BootstrapView{Self: f.self(), NewClusterID: f.fresh}
	for _, m := range f.node.gossip.Members() {
		v.Peers = append(v.Peers, m.Peer())
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	v.Pledged = slices.Sorted(maps.Keys(f.pledged))
	return v
}

// run returns when the meta group runs on this node.
func (f *founding) run(ctx context.Context) error {
	defer f.node.gossip.Subscribe(f.poke)()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		a, err := f.decide()
		if err != nil {
			return err
		}
		if done, err := f.act(ctx, a); done || err != nil {
			return err
		}
		f.say(a)
		if a.Kind == cluster.ActionSavePledge { // the next step does not wait for anybody
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		case <-f.wake:
		}
	}
}

func (f *founding) poke() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func (f *founding) say(a cluster.Action) {
	f.mu.Lock()
	changed := a.Reason != "" && f.waiting != a.Reason
	if changed {
		f.waiting = a.Reason
	}
	f.mu.Unlock()
	switch {
	case !changed:
	case a.Kind == cluster.ActionRefuse:
		f.node.logger.Error("cannot become part of a cluster", "reason", a.Reason)
	default:
		f.node.logger.Info("not part of a cluster yet", "reason", a.Reason)
	}
}

// decide takes the next action and makes durable what it promises, as one step: a pledge that
// comes in meanwhile waits, and is then judged by what was promised.
func (f *founding) decide() (cluster.Action, error) {
	f.promise.Lock()
	defer f.promise.Unlock()
	a := cluster.Decide(f.view())
	switch a.Kind {
	case cluster.ActionSavePledge:
		return a, f.save(a.Pledge)
	case cluster.ActionFound, cluster.ActionJoin:
		return a, f.become(a.ClusterID)
	}
	return a, nil
}

// act carries one action out; done means that the meta group runs.
func (f *founding) act(ctx context.Context, a cluster.Action) (done bool, err error) {
	switch a.Kind {
	case cluster.ActionSendPledge:
		f.send(ctx, a)
	case cluster.ActionJoin:
		return true, f.start(ctx, nil)
	case cluster.ActionFound, cluster.ActionMember:
		return true, f.start(ctx, a.Pledge)
	}
	return false, nil
}

func (f *founding) save(p *cluster.Pledge) error {
	if err := cluster.SavePledge(f.node.dir.Path, p); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pl = p
	return nil
}

// become makes membership durable and tells it.
func (f *founding) become(clusterID string) error {
	f.mu.Lock()
	f.node.dir.ID.ClusterID = clusterID
	err := f.node.dir.Save()
	if err == nil {
		f.ident = clusterID
	}
	f.mu.Unlock()
	if err != nil {
		return err
	}
	return f.node.gossip.UpdateMeta(f.node.gossipMeta())
}

// send asks members for their pledge, side by side.
func (f *founding) send(ctx context.Context, a cluster.Action) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req := &peerv1.PledgeRequest{ClusterId: a.ClusterID, ClusterName: a.Pledge.Name}
	for _, m := range a.Pledge.Members {
		req.Members = append(req.Members, &peerv1.Member{NodeId: m.ID, PeerAddress: m.PeerAddr})
	}
	var wg sync.WaitGroup
	for _, m := range a.To {
		wg.Go(func() {
			client, err := f.node.peers.client(m.ID)
			if err == nil {
				_, err = client.Pledge(ctx, req)
			}
			if err != nil {
				f.node.logger.Info("asking for a pledge", "member", m.ID, "err", err)
				return
			}
			f.mu.Lock()
			f.pledged[m.ID] = true
			f.mu.Unlock()
			f.poke()
		})
	}
	wg.Wait()
}

// pledge answers a founder.
func (f *founding) pledge(req *peerv1.PledgeRequest) error {
	p := &cluster.Pledge{ClusterID: req.GetClusterId(), Name: req.GetClusterName()}
	for _, m := range req.GetMembers() {
		p.Members = append(p.Members, cluster.Member{ID: m.GetNodeId(), PeerAddr: m.GetPeerAddress()})
	}
	f.promise.Lock()
	defer f.promise.Unlock()
	if err := cluster.HandlePledge(f.self(), p); err != nil {
		return err
	}
	return f.save(p)
}

// found answers the news that all members have pledged.
func (f *founding) found(clusterID string) error {
	f.promise.Lock()
	defer f.promise.Unlock()
	if err := cluster.HandleFound(f.self(), clusterID); err != nil {
		return err
	}
	err := f.become(clusterID)
	f.poke()
	return err
}

// start runs the meta group. A founder's group is bootstrapped with all members, and its leader
// proposes the founding command; both repeat safely.
func (f *founding) start(ctx context.Context, p *cluster.Pledge) error {
	n := f.node
	var founders []string
	if p != nil {
		founders = p.IDs()
		n.tasks.Go(func() { f.tell(ctx, p) })
	}
	n.logger.Info("part of a cluster", "cluster", n.clusterID())
	return n.meta.start(n.dir, founders, func() {
		if p != nil && n.meta.state.Snapshot().ClusterID() == "" {
			f.proposeInit(ctx, p)
		}
	})
}

// tell passes the news on to founding members that do not know it yet.
func (f *founding) tell(ctx context.Context, p *cluster.Pledge) {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		a := cluster.Decide(f.view())
		if a.Kind == cluster.ActionMember {
			for _, m := range a.To {
				f.tellOne(ctx, m.ID)
			}
		}
		if f.allFounded(p) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (f *founding) tellOne(ctx context.Context, node string) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	client, err := f.node.peers.client(node)
	if err == nil {
		_, err = client.Found(ctx, &peerv1.FoundRequest{ClusterId: f.clusterID()})
	}
	if err != nil {
		f.node.logger.Debug("telling that the cluster is founded", "member", node, "err", err)
	}
}

// allFounded tells whether every founding member was seen as a member.
func (f *founding) allFounded(p *cluster.Pledge) bool {
	for _, id := range p.IDs() {
		m, ok := f.node.gossip.Member(id)
		if id != f.node.id() && (!ok || m.Meta.ClusterID == "") {
			return false
		}
	}
	return true
}

func (f *founding) proposeInit(ctx context.Context, p *cluster.Pledge) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, err := f.node.proposeMeta(ctx, &cluster.Init{ClusterID: p.ClusterID, Name: p.Name,
		Nodes: p.IDs(), Shards: cmp.Or(f.node.opts.Shards, defaultShards),
		ReplicationFactor: min(defaultReplicationFactor, len(p.Members)), NowMillis: nowMillis()})
	if err != nil && ctx.Err() == nil {
		f.node.logger.Warn("founding the cluster", "err", err)
	}
}

// runMembership registers this node with the cluster and, on the meta leader, takes nodes that
// have joined into the meta group as non-voters, so that they can make views.
func (n *Node) runMembership(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	registered := false
	for {
		if !registered {
			registered = n.register(ctx)
		}
		if n.meta.leading.Term() != 0 {
			n.takeIn()
		}
		snap := n.meta.state.Snapshot()
		wake := snap.Changed()
		if registered {
			wake = nil
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-wake:
		}
	}
}

// register tells the cluster this node's addresses.
func (n *Node) register(ctx context.Context) bool {
	if n.meta.leader() == "" || n.meta.state.Snapshot().ClusterID() == "" {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_, err := n.proposeMeta(ctx, &cluster.RegisterNode{ID: n.id(),
		ClientAddr: n.advertised(n.servers.clientL), PeerAddr: n.advertised(n.servers.peerL),
		OpsAddr: n.advertised(n.servers.opsL), Locality: n.opts.Locality,
		Version: n.opts.Version, NowMillis: nowMillis()})
	if err != nil {
		n.logger.Info("registering this node", "err", err)
	}
	return err == nil
}

func (n *Node) takeIn() {
	voters, others := n.meta.members()
	for _, m := range n.gossip.Members() {
		if !m.Alive() || m.Meta.ClusterID != n.clusterID() || slices.Contains(voters, m.ID) ||
			slices.Contains(others, m.ID) {
			continue
		}
		if err := n.meta.addNonvoter(m.ID); err != nil {
			n.logger.Warn("taking a node into the meta group", "member", m.ID, "err", err)
			continue
		}
		n.logger.Info("node joined", "member", m.ID)
	}
}
