package transport

import (
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// Progress is what a group transport asks its group; raft.Raft has it.
type Progress interface {
	CommitIndex() uint64
	CurrentTerm() uint64
	LastIndex() uint64
	VerifyLeader() raft.Future
}

// Serve tells the transport its group. From then on heartbeats carry the commit index (invariant
// 9), and a leader whose process has died is replaced without a time-out (invariant 11).
func (g *GroupTransport) Serve(group Group) { g.group.Store(&group) }

const (
	// newsAfter is how long an applied entry waits for a further one, whose append would tell the
	// followers, before a heartbeat is sent for its sake.
	newsAfter = 10 * time.Millisecond
	// stillThere is for how long an answer spares the peer an append that says nothing.
	stillThere = 300 * time.Millisecond
)

// proven is what the answers of a term say of one peer.
type proven struct {
	match uint64 // the peer's log is the leader's up to here
	told  uint64 // a commit index that the peer has answered to
}

// followers holds what the answers of the newest term prove.
type followers struct {
	mu    sync.Mutex
	term  uint64
	peers map[raft.ServerID]proven
	armed bool // a timer of newsAfter runs
}

// record takes the success of an append or a heartbeat.
func (f *followers) record(peer raft.ServerID, args *raft.AppendEntriesRequest) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if args.Term < f.term {
		return
	}
	if args.Term > f.term || f.peers == nil {
		f.term, f.peers = args.Term, map[raft.ServerID]proven{}
	}
	match := args.PrevLogEntry
	if n := len(args.Entries); n > 0 {
		match = args.Entries[n-1].Index
	}
	p := f.peers[peer]
	p.match = max(p.match, match)
	p.told = max(p.told, min(args.LeaderCommitIndex, p.match))
	f.peers[peer] = p
}

// of returns what is proven of a peer in exactly this term, by default nothing.
func (f *followers) of(peer raft.ServerID, term uint64) proven {
	f.mu.Lock()
	defer f.mu.Unlock()
	if term != f.term {
		return proven{}
	}
	return f.peers[peer]
}

// behind returns the newest term, and whether a peer could be told in it of a newer commit index.
func (f *followers) behind(commit uint64) (term uint64, yes bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.peers {
		yes = yes || min(commit, p.match) > p.told
	}
	return f.term, yes
}

// arm tells whether the caller has to start the timer: there are peers, and it does not run.
func (f *followers) arm() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.armed || len(f.peers) == 0 {
		return false
	}
	f.armed = true
	return true
}

func (f *followers) disarm() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.armed = false
}

// isHeartbeat tells the library's heartbeats from its appends: these name the entry before.
func isHeartbeat(args *raft.AppendEntriesRequest) bool {
	return len(args.Entries) == 0 && args.PrevLogEntry == 0 && args.LeaderCommitIndex == 0
}

// beat returns what is sent for a heartbeat and when it leaves at the latest. It gets the commit
// index that the peer may be told (invariant 9), and waits for the heartbeats of other groups
// unless that is news or somebody waits for the answer.
func (g *GroupTransport) beat(
	peer raft.ServerID, args *raft.AppendEntriesRequest,
) (*raft.AppendEntriesRequest, time.Time) {
	p := g.followers.of(peer, args.Term)
	beat := *args // the library sends its own again
	beat.LeaderCommitIndex = min(g.commitOf(args.Term), p.match)
	if beat.LeaderCommitIndex > p.told || g.awaited.Load() > 0 {
		return &beat, atOnce
	}
	return &beat, g.t.nextBeat()
}

// commitOf returns the commit index of the group if term is still its term, else 0. The index is
// read first: one of a later term was stored after that term.
func (g *GroupTransport) commitOf(term uint64) uint64 {
	p := g.group.Load()
	if p == nil {
		return 0
	}
	commit := (*p).CommitIndex()
	if (*p).CurrentTerm() != term {
		return 0
	}
	return commit
}

// saysNothing tells whether an append need not travel (invariant 10).
func (g *GroupTransport) saysNothing(peer raft.ServerID, args *raft.AppendEntriesRequest) bool {
	p := g.followers.of(peer, args.Term)
	return len(args.Entries) == 0 && args.PrevLogEntry > 0 && args.PrevLogEntry == p.match &&
		args.LeaderCommitIndex <= p.told &&
		time.Since(g.confirmed.since(peer, args.Term)) < stillThere
}

// Applied is to be called when the group has applied entries here. If it leads, its followers
// learn soon that they may apply them too: by the next append or, if there is none, a heartbeat.
func (g *GroupTransport) Applied() {
	if g.group.Load() != nil && g.followers.arm() {
		time.AfterFunc(newsAfter, g.news)
	}
}

// news pokes the heartbeats if they would tell a follower of a newer commit index and no append is
// about to.
func (g *GroupTransport) news() {
	g.followers.disarm()
	p := g.group.Load()
	if p == nil || g.isClosed() {
		return
	}
	commit := (*p).CommitIndex()
	term, yes := g.followers.behind(commit)
	if yes && (*p).CurrentTerm() == term && (*p).LastIndex() == commit {
		go (*p).VerifyLeader() // may wait for the group's main loop
	}
}
