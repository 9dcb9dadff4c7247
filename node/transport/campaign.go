package transport

import (
	"context"
	"time"

	"github.com/hashicorp/raft"
	"google.golang.org/protobuf/proto"

	peerv1 "github.com/codegraphdb/codegraph/api/codegraph/peer/v1"
)

// Member is what a campaign asks the group; raft.Raft has it.
type Member interface {
	State() raft.RaftState
	LeaderWithID() (raft.ServerAddress, raft.ServerID)
	GetConfiguration() raft.ConfigurationFuture
}

// Group is a running instance of Raft; raft.Raft is one.
type Group interface {
	Progress
	Member
}

const (
	campaignTries   = 8
	campaignPause   = 25 * time.Millisecond  // between two tries: the others see it a little later
	campaignStagger = 200 * time.Millisecond // between the replicas of a group, in their order
	campaignAsk     = 500 * time.Millisecond // the longest wait for an answer
)

// replaceLeaders lets the groups campaign whose leader was on a node that has died.
func (t *Transport) replaceLeaders(dead string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, g := range t.groups {
		t.spawnLocked(func() { g.campaign(dead) })
	}
}

// campaign makes this replica a candidate at once (invariant 11) and tells whether it did.
func (g *GroupTransport) campaign(dead string) bool {
	m := g.group.Load()
	if m == nil {
		return false
	}
	if _, leader := (*m).LeaderWithID(); nodeOf(leader) != dead {
		return false
	}
	others, need, rank := g.electorate(*m, dead)
	if need <= 0 || need > len(others) || !g.pause(time.Duration(rank)*campaignStagger) {
		return false
	}
	for range campaignTries {
		if !orphaned(*m, dead) {
			return false
		}
		if g.poll(others, dead, (*m).LastIndex()) >= need && orphaned(*m, dead) {
			return g.standNow()
		}
		if !g.pause(campaignPause) {
			return false
		}
	}
	return false
}

// pause waits, unless the group is closed.
func (g *GroupTransport) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-g.done:
		return false
	}
}

// orphaned tells whether a replica follows nobody but perhaps the dead.
func orphaned(m Member, dead string) bool {
	_, leader := m.LeaderWithID()
	return m.State() == raft.Follower && (leader == "" || nodeOf(leader) == dead)
}

// nodeOf returns the node of a replica, empty for the empty id.
func nodeOf(id raft.ServerID) string {
	node, _, err := SplitReplicaID(id)
	if err != nil {
		return ""
	}
	return node
}

// electorate returns the voters on other nodes than the dead one, how many of them have to agree,
// and how many of them come first. Who has no vote needs none.
func (g *GroupTransport) electorate(m Member, dead string) (
	others []raft.ServerID, need, rank int,
) {
	conf := m.GetConfiguration()
	if conf.Error() != nil {
		return nil, 0, 0
	}
	voters, votes := 0, false
	for _, s := range conf.Configuration().Servers {
		if s.Suffrage != raft.Voter {
			continue
		}
		voters++
		switch {
		case string(s.ID) == string(g.local):
			votes, rank = true, len(others)
		case nodeOf(s.ID) != dead:
			others = append(others, s.ID)
		}
	}
	if !votes {
		return nil, 0, 0
	}
	return others, voters / 2, rank
}

// poll returns how many of the others find the leader dead, too, and have no more entries.
func (g *GroupTransport) poll(others []raft.ServerID, dead string, last uint64) int {
	agreed := make(chan bool, len(others))
	for _, id := range others {
		go func() {
			r := route{id, raft.ServerAddress(id), Control, campaignAsk, atOnce}
			_, err := g.call(r, &peerv1.RaftLeaderGoneRequest{NodeId: dead, LastLogIndex: last}, nil)
			agreed <- err == nil
		}()
	}
	n := 0
	for range others {
		if <-agreed {
			n++
		}
	}
	return n
}

// agrees answers another replica's poll.
func (g *GroupTransport) agrees(payload []byte) *peerv1.RaftReply {
	var req peerv1.RaftLeaderGoneRequest
	m := g.group.Load()
	no := func(why string) *peerv1.RaftReply {
		return &peerv1.RaftReply{Status: peerv1.RaftStatus_RAFT_STATUS_FAILED, Error: why}
	}
	switch err := proto.Unmarshal(payload, &req); {
	case err != nil:
		return no(err.Error())
	case m == nil || !orphaned(*m, req.GetNodeId()):
		return no("this replica does not follow a leader there")
	case (*m).LastIndex() > req.GetLastLogIndex():
		return no("this replica has more entries")
	case !g.t.gone(req.GetNodeId()):
		return no("the node is not known to be dead here")
	}
	return &peerv1.RaftReply{Status: peerv1.RaftStatus_RAFT_STATUS_OK}
}

// standNow makes Raft a candidate as if the leader had handed over to this replica.
func (g *GroupTransport) standNow() bool {
	ctx, cancel := context.WithTimeout(g.t.ctx, g.t.opts.Timeouts.TimeoutNow)
	defer cancel()
	_, err := g.ask(ctx, raft.RPC{Command: &raft.TimeoutNowRequest{
		RPCHeader: raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax}}})
	return err == nil
}
