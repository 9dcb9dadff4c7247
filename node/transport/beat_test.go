package transport

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// fakeProgress is a group whose figures the test sets.
type fakeProgress struct{ commit, term, last, pokes atomic.Uint64 }

func (p *fakeProgress) State() raft.RaftState { return raft.Leader }

func (p *fakeProgress) LeaderWithID() (raft.ServerAddress, raft.ServerID) { return "", "" }

func (p *fakeProgress) GetConfiguration() raft.ConfigurationFuture { return nil }

func (p *fakeProgress) CommitIndex() uint64 { return p.commit.Load() }
func (p *fakeProgress) CurrentTerm() uint64 { return p.term.Load() }
func (p *fakeProgress) LastIndex() uint64   { return p.last.Load() }
func (p *fakeProgress) VerifyLeader() raft.Future {
	p.pokes.Add(1)
	return nil
}

// appendAt sends one entry behind index prev.
func appendAt(g *GroupTransport, term, prev, commit uint64) error {
	return g.AppendEntries(sid("b"), addr("b"), &raft.AppendEntriesRequest{Term: term,
		PrevLogEntry: prev, PrevLogTerm: 1, LeaderCommitIndex: commit,
		Entries: []*raft.Log{{Index: prev + 1, Term: term}}}, &raft.AppendEntriesResponse{})
}

// A heartbeat tells no more than what the peer has proven to have in the same term (invariant 9).
func TestHeartbeatTellsWhatIsProven(t *testing.T) {
	var told, refuse atomic.Uint64
	_, _, g := pair(t, func(rpc raft.RPC) any {
		c := rpc.Command.(*raft.AppendEntriesRequest)
		told.Store(c.LeaderCommitIndex)
		return &raft.AppendEntriesResponse{Term: max(c.Term, refuse.Load()),
			Success: refuse.Load() == 0}
	}, nil)
	p := &fakeProgress{}
	p.commit.Store(50)
	p.term.Store(3)
	expect := func(when string, term, want uint64) {
		t.Helper()
		args := &raft.AppendEntriesRequest{Term: term}
		err := g.AppendEntries(sid("b"), addr("b"), args, &raft.AppendEntriesResponse{})
		if err != nil || told.Load() != want || args.LeaderCommitIndex != 0 {
			t.Errorf("%s: told %d, want %d (args %d, err %v)", when, told.Load(), want,
				args.LeaderCommitIndex, err)
		}
	}
	send := func(term, prev uint64) {
		t.Helper()
		if err := appendAt(g, term, prev, 0); err != nil {
			t.Fatal(err)
		}
	}
	send(3, 6)
	expect("the group's figures are not known", 3, 0)
	g.Serve(p)
	expect("the peer has proven 7 of 50", 3, 7)
	p.commit.Store(5)
	expect("5 are committed", 3, 5)
	p.commit.Store(50)
	expect("another term than the group's", 2, 0)
	p.term.Store(4)
	expect("the group is in a later term than the heartbeat", 3, 0)
	expect("nothing is proven in the new term", 4, 0)
	refuse.Store(4)
	send(4, 20)
	expect("a refusal proves nothing", 4, 0)
	refuse.Store(5)
	send(4, 20)
	refuse.Store(0)
	expect("nor does an answer of a later term", 4, 0)
	send(4, 8)
	expect("9 are proven in the new term", 4, 9)
	send(4, 3)
	expect("an older proof takes nothing back", 4, 9)
	send(3, 30)
	expect("nor does a proof of the old term add", 4, 9)
}

// recorder is a state machine that remembers what it applied.
type recorder struct {
	counter
	mu      sync.Mutex
	applied []string
}

func (r *recorder) Apply(l *raft.Log) any {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.applied = append(r.applied, fmt.Sprintf("%d@%d", l.Index, l.Term))
	return nil
}

func (r *recorder) read() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return fmt.Sprint(r.applied)
}

func (r *recorder) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.applied)
}

// A real follower holds entries 4 and 5 of a leader that died; the new leader has others there and
// they are committed. No heartbeat may let the follower apply its own.
func TestDivergentFollowerNeverCommitsItsOwn(t *testing.T) {
	dir := newDirectory()
	a, b := listen(t, dir, "a", nil), listen(t, dir, "b", nil)
	store, fsm := raft.NewInmemStore(), &recorder{}
	conf := raft.DefaultConfig()
	conf.LocalID, conf.Logger = sid("b"), hclog.NewNullLogger()
	conf.HeartbeatTimeout, conf.ElectionTimeout = time.Hour, time.Hour
	servers := raft.Configuration{Servers: []raft.Server{{ID: sid("a"), Address: addr("a")},
		{ID: sid("b"), Address: addr("b")}}}
	snaps := raft.NewInmemSnapshotStore()
	trans := b.Group(1, addr("b"))
	if err := raft.BootstrapCluster(conf, store, store, snaps, trans, servers); err != nil {
		t.Fatal(err)
	}
	entry := func(index, term uint64) *raft.Log {
		return &raft.Log{Index: index, Term: term, Type: raft.LogCommand}
	}
	own := []*raft.Log{entry(2, 1), entry(3, 1), entry(4, 2), entry(5, 2)}
	if err := store.StoreLogs(own); err != nil {
		t.Fatal(err)
	}
	follower, err := raft.NewRaft(conf, fsm, store, store, snaps, trans)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = trans.Close(); _ = follower.Shutdown().Error() }()
	g, p := a.Group(1, addr("a")), &fakeProgress{}
	p.commit.Store(5)
	p.term.Store(3)
	g.Serve(p)
	call := func(args raft.AppendEntriesRequest) bool {
		var resp raft.AppendEntriesResponse
		args.RPCHeader = raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax,
			ID: []byte(sid("a")), Addr: []byte(addr("a"))}
		args.Term = 3
		if err := g.AppendEntries(sid("b"), addr("b"), &args, &resp); err != nil {
			t.Fatal(err)
		}
		return resp.Success
	}
	beat := func() { call(raft.AppendEntriesRequest{}) }
	beat()
	if call(raft.AppendEntriesRequest{PrevLogEntry: 5, PrevLogTerm: 3}) {
		t.Fatal("the follower accepted an entry that it does not have")
	}
	beat()
	if !call(raft.AppendEntriesRequest{PrevLogEntry: 3, PrevLogTerm: 1}) {
		t.Fatal("the follower refused what both have")
	}
	beat() // 3 are proven: the follower may apply so many
	eventually(t, "entries 2 and 3 are applied", func() bool { return fsm.count() == 2 })
	beat()
	if follower.CommitIndex() != 3 {
		t.Fatalf("commit index %d, 3 entries are proven", follower.CommitIndex())
	}
	call(raft.AppendEntriesRequest{PrevLogEntry: 3, PrevLogTerm: 1,
		Entries: []*raft.Log{entry(4, 3), entry(5, 3)}})
	beat() // the only message that says that 4 and 5 are committed
	eventually(t, "all is applied", func() bool { return fsm.count() == 4 })
	if want := "[2@1 3@1 4@3 5@3]"; fsm.read() != want {
		t.Errorf("applied %s, want %s", fsm.read(), want)
	}
}

// An append that says nothing travels unless the peer has answered lately (invariant 10).
func TestAppendThatSaysNothingStaysHere(t *testing.T) {
	a, _, g := pair(t, agree, nil)
	var resp raft.AppendEntriesResponse
	idle := func(prev, commit, term uint64) (travelled bool) {
		t.Helper()
		before := a.Metrics().Control.MessagesSent
		err := g.AppendEntries(sid("b"), addr("b"), &raft.AppendEntriesRequest{Term: term,
			PrevLogEntry: prev, PrevLogTerm: 1, LeaderCommitIndex: commit}, &resp)
		if err != nil || !resp.Success || resp.Term != term {
			t.Fatalf("answer %+v, %v", resp, err)
		}
		return a.Metrics().Control.MessagesSent > before
	}
	for _, c := range []struct {
		why                string
		prev, commit, term uint64
		travels            bool
	}{
		{"nothing is known of the peer", 7, 5, 3, true},
		{"it has answered that", 7, 5, 3, false},
		{"the leader has more", 8, 5, 3, true},
		{"the leader's commit index is news", 8, 6, 3, true},
		{"it has answered that, too", 8, 6, 3, false},
		{"an entry below the proven ones", 7, 6, 3, true},
		{"another term", 8, 6, 4, true},
	} {
		if got := idle(c.prev, c.commit, c.term); got != c.travels {
			t.Errorf("%s: travelled %v", c.why, got)
		}
	}
	sent := g.ConfirmedSince(sid("b"), 4)
	idle(8, 6, 4)
	if got := g.ConfirmedSince(sid("b"), 4); !got.Equal(sent) {
		t.Error("what did not travel confirmed the leader")
	}
	eventually(t, "an old answer spares nothing", func() bool { return idle(8, 6, 4) })
	if time.Since(sent) < stillThere {
		t.Errorf("it travelled %v after the last answer", time.Since(sent))
	}
}

// Heartbeats wait for each other; nothing that somebody waits for does.
func TestOnlyIdleHeartbeatsWait(t *testing.T) {
	a, b, g := pair(t, agree, func(o *Options) {
		o.Limits.BeatWindow = time.Hour
		o.Timeouts.Heartbeat = time.Minute
	})
	answer(t, b.Group(2, addr("b")), agree)
	other := a.Group(2, addr("a"))
	var vote raft.RequestVoteResponse
	if err := g.RequestVote(sid("b"), addr("b"), &raft.RequestVoteRequest{}, &vote); err != nil {
		t.Fatal(err) // the lane is open
	}
	frames := a.Metrics().Control.FramesSent
	var wg sync.WaitGroup
	for _, idle := range []*GroupTransport{g, other, g} {
		wg.Go(func() {
			if err := heartbeat(idle, "b", 3); err != nil {
				t.Error(err)
			}
		})
	}
	lane := func() *lane { p, _ := a.peer("b"); return p.control }()
	eventually(t, "three heartbeats wait", func() bool {
		lane.out.mu.Lock()
		defer lane.out.mu.Unlock()
		return len(lane.out.items) == 3
	})
	ctx, cancel := context.WithCancel(t.Context())
	read := make(chan error, 1)
	go func() {
		read <- g.WaitConfirmed(ctx, []raft.ServerID{sid("b")}, 1, 3, time.Now().Add(time.Hour))
	}()
	wg.Wait() // they left with the reader
	if n := a.Metrics().Control.FramesSent - frames; n != 1 {
		t.Errorf("three heartbeats went out in %d frames", n)
	}
	if err := heartbeat(g, "b", 3); err != nil { // somebody waits for this group
		t.Errorf("while a read waits: %v", err)
	}
	cancel()
	<-read
	p := &fakeProgress{}
	p.commit.Store(9)
	p.term.Store(3)
	g.Serve(p)
	if err := appendAt(g, 3, 8, 0); err != nil {
		t.Fatal(err)
	}
	if err := heartbeat(g, "b", 3); err != nil {
		t.Errorf("with news: %v", err)
	}
}

// The answers to the heartbeats of one frame come back as one.
func TestAnswersComeTogether(t *testing.T) {
	const groups = 50
	a, b, g := pair(t, agree, func(o *Options) { o.Limits.BeatWindow = 500 * time.Millisecond })
	b.opts.Limits.ReplyWindow = time.Hour // only the last of a frame sends it
	if err := appendOne(g, "b", nil); err != nil {
		t.Fatal(err)
	}
	all := []*GroupTransport{g}
	for id := range uint64(groups) {
		answer(t, b.Group(id+2, addr("b")), agree)
		all = append(all, a.Group(id+2, addr("a")))
	}
	var wg sync.WaitGroup
	for _, g := range all {
		wg.Go(func() {
			if err := heartbeat(g, "b", 3); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	m := a.Metrics().Control
	if m.FramesReceived != m.FramesSent || m.FramesSent > 5 {
		t.Errorf("%d heartbeats: %d frames out, %d back", len(all), m.FramesSent, m.FramesReceived)
	}
}

// News pokes the heartbeats once, when no append is about to carry it.
func TestNewsPokeHeartbeats(t *testing.T) {
	_, _, g := pair(t, agree, nil)
	p := &fakeProgress{}
	p.commit.Store(9)
	p.last.Store(9)
	p.term.Store(3)
	g.Serve(p)
	g.news() // there is no follower yet
	p.last.Store(10)
	if err := appendAt(g, 3, 8, 8); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the append's own look at the news", func() bool { // entry 10 is about to be sent
		g.followers.mu.Lock()
		defer g.followers.mu.Unlock()
		return !g.followers.armed
	})
	p.last.Store(9)
	p.term.Store(4)
	g.news() // this replica led once
	p.term.Store(3)
	if n := p.pokes.Load(); n != 0 {
		t.Errorf("%d pokes for nothing", n)
	}
	g.Applied()
	eventually(t, "the heartbeats are poked", func() bool { return p.pokes.Load() == 1 })
	if err := heartbeat(g, "b", 3); err != nil { // what a poked group sends
		t.Fatal(err)
	}
	g.news()
	if _, yes := g.followers.behind(9); yes {
		t.Error("the peer was told and still counts as behind")
	}
}

// With appends that never repeat themselves, followers apply the last entry all the same.
func TestFollowersLearnOfTheLastCommit(t *testing.T) {
	c := newRaftCluster(t, 1, nil)
	c.commit = time.Hour
	c.startAll()
	for n := range uint64(20) {
		c.apply(1, 1)
		c.agree(1, n+1)
	}
}
