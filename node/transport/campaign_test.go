package transport

import (
	"net"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// hasty is a cluster whose followers wait an hour for their leader once there is one.
func hasty(t *testing.T, groups int) *raftCluster {
	t.Helper()
	c := newRaftCluster(t, groups, nil)
	c.startAll()
	for _, id := range c.groups {
		c.apply(id, 5)
		c.agree(id, 5)
	}
	for _, r := range c.reps {
		conf := r.raft.ReloadableConfig()
		conf.HeartbeatTimeout, conf.ElectionTimeout = time.Hour, time.Hour
		if r.raft.State() == raft.Leader { // it goes on sending heartbeats
			conf.HeartbeatTimeout = 300 * time.Millisecond
		}
		if err := r.raft.ReloadConfig(conf); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// The groups of a process that died have new leaders although no time-out has passed.
func TestDeadProcessIsReplacedAtOnce(t *testing.T) {
	c := hasty(t, 8)
	led := map[uint64]string{}
	for _, id := range c.groups {
		led[id], _ = c.leader(id)
	}
	dead := led[1]
	// The followers' present timers still are of the short time-out: let them pass.
	for _, r := range c.reps {
		seen := r.raft.LastContact()
		eventually(t, "a heartbeat under the long time-out", func() bool {
			return r.raft.State() == raft.Leader || r.raft.LastContact().Sub(seen) > 700*time.Millisecond
		})
	}
	c.kill(dead)
	for _, id := range c.groups {
		if led[id] == dead {
			c.apply(id, 5)
			c.agree(id, 10)
		}
	}
}

// refused is an address at which nobody listens.
func refused(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// A leader that one follower alone cannot reach stays: the other one does not agree.
func TestOneFollowersViewReplacesNobody(t *testing.T) {
	c := hasty(t, 1)
	leader, r := c.leader(1)
	var a, b string
	for _, n := range c.nodes {
		switch {
		case n == leader:
		case a == "":
			a = n
		default:
			b = n
		}
	}
	term := r.CurrentTerm()
	g := func(node string) *GroupTransport { return c.eps[node].lookup(1, string(addr(node))) }
	eps := c.eps[a]
	nobody := refused(t)
	real := eps.opts.Resolve
	eps.opts.Resolve = func(node string) (string, error) {
		if node == leader {
			return nobody, nil
		}
		return real(node)
	}
	if !eps.gone(leader) {
		t.Fatal("nobody listens there and the node counts as alive")
	}
	if g(a).campaign(leader) || g(b).campaign(b) {
		t.Error("a follower campaigned on its own finding")
	}
	// The other one would agree if it found the same, but for having more entries or no need.
	c.eps[b].deaths.found(leader)
	last := c.rep(a, 1).raft.LastIndex()
	peers := []raft.ServerID{sid(b)}
	if n := g(a).poll(peers, leader, last-1); n != 0 {
		t.Error("a follower with more entries agreed")
	}
	if n := g(a).poll(peers, b, last); n != 0 {
		t.Error("a follower agreed to replace a node that does not lead it")
	}
	if n := g(a).poll([]raft.ServerID{sid(leader)}, leader, last); n != 0 {
		t.Error("the leader agreed that it is dead")
	}
	if r.State() != raft.Leader || r.CurrentTerm() != term {
		t.Errorf("%s leads no longer: term %d, now %d", leader, term, r.CurrentTerm())
	}
	if n := g(a).poll(peers, leader, last); n != 1 {
		t.Error("a follower that finds the same does not agree")
	}
}

// A node that is silent is not proven dead.
func TestSilenceIsNoDeath(t *testing.T) {
	dir := newDirectory()
	a := listen(t, dir, "a", nil)
	ln, err := net.Listen("tcp", "127.0.0.1:0") // accepts nothing, answers nothing
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	dir.set("b", ln.Addr().String())
	if a.gone("b") || a.gone("unknown") {
		t.Error("silence or ignorance counts as death")
	}
	_ = ln.Close()
	if !a.gone("b") {
		t.Error("a closed port does not count as death")
	}
}
