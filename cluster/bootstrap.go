package cluster

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/codegraphdb/codegraph/graph"
)

// The founding of a cluster, in the order of events; each arrow survives a crash and repeats:
//
//	founder   sees exactly the expected nodes -> persists its pledge -> asks the others
//	others    persist the same pledge -> answer
//	founder   has every answer -> persists that it is a member -> tells the others
//	others    persist that they are members (told, or seen by gossip that somebody is)
//
// "All members have pledged the same" is the point of no return, and it is only ever observed: no
// node can pledge itself twice, so no other cluster with one of these members can reach it.

// Self is what a node knows of itself.
type Self struct {
	ID        string
	PeerAddr  string
	Name      string  // cluster name, from the configuration
	Expect    int     // bootstrap-expect; zero never founds, only joins
	ClusterID string  // of the cluster it belongs to; empty if to none
	Pledge    *Pledge // what LoadPledge gives
}

// Peer is another node, as gossip tells.
type Peer struct {
	ID        string
	PeerAddr  string
	Name      string
	Expect    int
	ClusterID string // empty: it does not belong to a cluster
	Alive     bool
}

// BootstrapView is what Decide decides on.
type BootstrapView struct {
	Self  Self
	Peers []Peer // in any order; the node itself may be among them
	// Pledged are the members known to have persisted Self.Pledge, by their answers to this
	// process. It may be lost in a crash.
	Pledged []string
	// NewClusterID is a fresh random id, used if this node founds a cluster now.
	NewClusterID string
}

// ActionKind is what a node has to do next.
type ActionKind uint8

// The kinds of actions.
const (
	// ActionWait: nothing; Reason says what is missing.
	ActionWait ActionKind = iota
	// ActionRefuse: nothing, and nothing will happen until an operator acts; Reason says why.
	ActionRefuse
	// ActionSavePledge: persist Pledge, then decide again.
	ActionSavePledge
	// ActionSendPledge: ask the nodes To to pledge themselves to Pledge.
	ActionSendPledge
	// ActionFound: all members have pledged. Persist membership of ClusterID, start the meta
	// group with the members of Pledge, propose Init.
	ActionFound
	// ActionJoin: join the cluster ClusterID through the nodes To.
	ActionJoin
	// ActionMember: it is a member already. Tell the nodes To, if any, that the cluster is
	// founded.
	ActionMember
)

// String returns the kind in one word.
func (k ActionKind) String() string {
	names := [...]string{"wait", "refuse", "save-pledge", "send-pledge", "found", "join", "member"}
	return names[min(k, ActionMember)]
}

// Action is what Decide wants done. It is safe to do it again, or never.
type Action struct {
	Kind      ActionKind
	Reason    string // for logs and /readyz
	ClusterID string
	Pledge    *Pledge
	To        []Member // sorted by id
}

// Decide tells a node what to do next about belonging to a cluster. It is called whenever
// something has changed, and now and then anyway. What it, HandlePledge and HandleFound want
// persisted is persisted under the lock under which they were called, so that each sees what the
// one before did.
func Decide(v BootstrapView) Action {
	peers := v.relevantPeers()
	switch {
	case v.Self.ClusterID != "":
		return v.asMember(peers)
	case v.Self.Pledge != nil:
		return v.asPledged(peers)
	}
	clusters := foundedClusters(peers)
	switch {
	case len(clusters) > 1:
		return refuse("there are several clusters named %q: %s; give them different names, or "+
			"join only nodes of one", v.Self.Name, strings.Join(clusters, ", "))
	case len(clusters) == 1:
		return Action{Kind: ActionJoin, ClusterID: clusters[0], To: membersOf(peers, clusters[0]),
			Reason: fmt.Sprintf("cluster %q exists (%s)", v.Self.Name, clusters[0])}
	case v.Self.Expect <= 0:
		return wait("no node of a cluster named %q has been found; check --join, or set "+
			"--bootstrap-expect on the nodes that are to found it", v.Self.Name)
	}
	return v.asUnfounded(peers)
}

// relevantPeers returns the other live nodes of the same cluster name, sorted, each once.
func (v *BootstrapView) relevantPeers() []Peer {
	var out []Peer
	for _, p := range v.Peers {
		if p.Alive && p.Name == v.Self.Name && p.ID != v.Self.ID {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b Peer) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(b.ClusterID, a.ClusterID))
	})
	return slices.CompactFunc(out, func(a, b Peer) bool { return a.ID == b.ID })
}

func (v *BootstrapView) asMember(peers []Peer) Action {
	a := Action{Kind: ActionMember, ClusterID: v.Self.ClusterID, Pledge: v.Self.Pledge}
	if v.Self.Pledge == nil || v.Self.Pledge.ClusterID != v.Self.ClusterID {
		return a
	}
	for _, p := range peers {
		if p.ClusterID == "" && v.Self.Pledge.Has(p.ID) {
			a.To = append(a.To, Member{p.ID, p.PeerAddr})
		}
	}
	return a
}

// asPledged goes on with a founding that has begun.
func (v *BootstrapView) asPledged(peers []Peer) Action {
	pledge := v.Self.Pledge
	if err := v.ownPledge(); err != nil {
		return refuse("%v", err)
	}
	clusters := foundedClusters(peers)
	if slices.Contains(clusters, pledge.ClusterID) { // a member was told that all had pledged
		return Action{Kind: ActionFound, ClusterID: pledge.ClusterID, Pledge: pledge}
	}
	if len(clusters) > 0 {
		return refuse("%s, but there is a cluster %s of that name; empty this node's data "+
			"directory to join it", alreadyPledged(pledge), clusters[0])
	}
	if pledge.Founder() != v.Self.ID {
		return wait("%s; waiting for its founder %s to hear from all of them",
			alreadyPledged(pledge), pledge.Founder())
	}
	var missing []Member
	for _, m := range pledge.Members {
		if m.ID != v.Self.ID && !slices.Contains(v.Pledged, m.ID) {
			missing = append(missing, withAddr(m, peers))
		}
	}
	if len(missing) == 0 {
		return Action{Kind: ActionFound, ClusterID: pledge.ClusterID, Pledge: pledge}
	}
	return Action{Kind: ActionSendPledge, ClusterID: pledge.ClusterID, Pledge: pledge, To: missing,
		Reason: "waiting for the pledges of " + idsOf(missing)}
}

// ownPledge checks that the pledge in the data directory is this node's.
func (v *BootstrapView) ownPledge() error {
	p := v.Self.Pledge
	if err := p.validate(); err != nil {
		return err
	}
	if !p.Has(v.Self.ID) {
		return fmt.Errorf("the pledge in the data directory is for nodes %s; this node is %s: "+
			"the directory was copied", strings.Join(p.IDs(), ", "), v.Self.ID)
	}
	if p.Name != v.Self.Name {
		return fmt.Errorf("%s; the configuration says %q", alreadyPledged(p), v.Self.Name)
	}
	return nil
}

// asUnfounded begins a founding if this node is the one to do it.
func (v *BootstrapView) asUnfounded(peers []Peer) Action {
	members := []Member{{v.Self.ID, v.Self.PeerAddr}}
	for _, p := range peers {
		if p.Expect <= 0 {
			continue // it only joins
		}
		if p.Expect != v.Self.Expect {
			return refuse("node %s has --bootstrap-expect=%d, this node has %d; they must agree",
				p.ID, p.Expect, v.Self.Expect)
		}
		members = append(members, Member{p.ID, p.PeerAddr})
	}
	slices.SortFunc(members, func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
	switch {
	case len(members) > v.Self.Expect:
		return refuse("found %d nodes without a cluster (%s), but --bootstrap-expect is %d; stop "+
			"the ones that are too many, or set it to %d everywhere", len(members), idsOf(members),
			v.Self.Expect, len(members))
	case len(members) < v.Self.Expect:
		return wait("found %d of the %d nodes that are to found cluster %q: %s", len(members),
			v.Self.Expect, v.Self.Name, idsOf(members))
	case members[0].ID != v.Self.ID:
		return wait("all %d nodes are here; waiting for %s to found cluster %q", len(members),
			members[0].ID, v.Self.Name)
	}
	p := &Pledge{ClusterID: v.NewClusterID, Name: v.Self.Name, Members: members}
	if err := p.validate(); err != nil {
		return refuse("%v", err)
	}
	return Action{Kind: ActionSavePledge, ClusterID: p.ClusterID, Pledge: p}
}

// HandlePledge decides on a request to pledge. A nil error means: persist it with SavePledge (which
// does nothing if it is there), then answer yes.
func HandlePledge(self Self, p *Pledge) error {
	const op = "cluster.Pledge"
	if err := p.validate(); err != nil {
		return err
	}
	no := func(format string, args ...any) error {
		return graph.Errorf(op, graph.KindConflict, "node %s: "+format,
			append([]any{self.ID}, args...)...)
	}
	switch {
	case !p.Has(self.ID):
		return no("it is not among the members %s", strings.Join(p.IDs(), ", "))
	case p.Name != self.Name:
		return no("its cluster is named %q, not %q", self.Name, p.Name)
	case self.Pledge != nil && self.Pledge.Same(p):
		return nil // said so before, member by now or not
	case self.ClusterID != "":
		return no("it already belongs to cluster %s", self.ClusterID)
	case self.Pledge != nil:
		return no("%s", alreadyPledged(self.Pledge))
	case self.Expect != len(p.Members):
		return no("it has --bootstrap-expect=%d, the pledge has %d members", self.Expect,
			len(p.Members))
	}
	return nil
}

// HandleFound decides on the news that all members have pledged. A nil error means: persist
// membership of the cluster and start it (which does nothing if that has been done).
func HandleFound(self Self, clusterID string) error {
	const op = "cluster.Found"
	switch {
	case clusterID == "":
		return graph.Errorf(op, graph.KindInvalid, "no cluster id")
	case self.ClusterID == clusterID:
		return nil
	case self.ClusterID != "":
		return graph.Errorf(op, graph.KindConflict, "node %s already belongs to cluster %s", self.ID,
			self.ClusterID)
	case self.Pledge == nil || self.Pledge.ClusterID != clusterID || !self.Pledge.Has(self.ID):
		return graph.Errorf(op, graph.KindConflict, "node %s has not pledged itself to cluster %s",
			self.ID, clusterID)
	}
	return nil
}

func foundedClusters(peers []Peer) []string {
	var out []string
	for _, p := range peers {
		if p.ClusterID != "" {
			out = append(out, p.ClusterID)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func membersOf(peers []Peer, clusterID string) []Member {
	var out []Member
	for _, p := range peers {
		if p.ClusterID == clusterID {
			out = append(out, Member{p.ID, p.PeerAddr})
		}
	}
	return out
}

// withAddr returns m with the address that gossip has for it now.
func withAddr(m Member, peers []Peer) Member {
	for _, p := range peers {
		if p.ID == m.ID && p.PeerAddr != "" {
			m.PeerAddr = p.PeerAddr
		}
	}
	return m
}

func idsOf(members []Member) string {
	ids := make([]string, len(members))
	for i, m := range members {
		ids[i] = m.ID
	}
	return strings.Join(ids, ", ")
}

func alreadyPledged(p *Pledge) string {
	return fmt.Sprintf("pledged to found cluster %s (%q) with nodes %s", p.ClusterID, p.Name,
		strings.Join(p.IDs(), ", "))
}

func refuse(format string, args ...any) Action {
	return Action{Kind: ActionRefuse, Reason: fmt.Sprintf(format, args...)}
}

func wait(format string, args ...any) Action {
	return Action{Kind: ActionWait, Reason: fmt.Sprintf(format, args...)}
}
