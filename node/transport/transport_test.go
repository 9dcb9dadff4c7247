package transport

import (
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	peerv1 "github.com/codegraphdb/codegraph/api/codegraph/peer/v1"
)

// pair starts two nodes with group 1 on each; the group of b answers with f.
func pair(
	t *testing.T, f func(raft.RPC) any, edit func(*Options),
) (a, b *endpoint, g *GroupTransport) {
	t.Helper()
	dir := newDirectory()
	a = listen(t, dir, "a", edit)
	b = listen(t, dir, "b", nil)
	answer(t, b.Group(1, addr("b")), f)
	return a, b, a.Group(1, addr("a"))
}

func TestAllCalls(t *testing.T) {
	_, _, g := pair(t, agree, nil)
	if err := heartbeat(g, "b", 3); err != nil {
		t.Errorf("heartbeat: %v", err)
	}
	if err := appendOne(g, "b", make([]byte, 6<<20)); err != nil {
		t.Errorf("append of 6 MiB: %v", err)
	}
	var vote raft.RequestVoteResponse
	err := g.RequestVote(sid("b"), addr("b"), &raft.RequestVoteRequest{Term: 4}, &vote)
	if err != nil || !vote.Granted || vote.Term != 4 {
		t.Errorf("vote: %+v, %v", vote, err)
	}
	var pre raft.RequestPreVoteResponse
	err = g.RequestPreVote(sid("b"), addr("b"), &raft.RequestPreVoteRequest{Term: 5}, &pre)
	if err != nil || !pre.Granted || pre.Term != 5 {
		t.Errorf("pre-vote: %+v, %v", pre, err)
	}
	var now raft.TimeoutNowResponse
	if err := g.TimeoutNow(sid("b"), addr("b"), &raft.TimeoutNowRequest{}, &now); err != nil {
		t.Errorf("TimeoutNow: %v", err)
	}
	_, err = g.AppendEntriesPipeline(sid("b"), addr("b"))
	if !errors.Is(err, raft.ErrPipelineReplicationNotSupported) {
		t.Errorf("pipeline: %v", err)
	}
}

func TestErrorsOfRaftAreCarried(t *testing.T) {
	_, b, g := pair(t, agree, nil)
	broken := b.Group(1, addr("b")) // takes the place of the one that agrees
	go func() {
		rpc := <-broken.Consumer()
		rpc.Respond(nil, errors.New("unexpected command"))
	}()
	// The library looks for this text to tell peers without pre-vote.
	err := g.RequestPreVote(sid("b"), addr("b"), &raft.RequestPreVoteRequest{},
		&raft.RequestPreVoteResponse{})
	if err == nil || !strings.Contains(err.Error(), "unexpected command") {
		t.Errorf("err = %v", err)
	}
}

// Protocol rule 5.3: amnesia under an unchanged server id.
func TestRule5_3WrongIncarnationIsRefused(t *testing.T) {
	var delivered atomic.Int64
	_, b, g := pair(t, func(rpc raft.RPC) any { delivered.Add(1); return agree(rpc) }, nil)
	for _, target := range []string{"b/2", "b/11", "b/1/1"} {
		err := g.AppendEntries(raft.ServerID(target), raft.ServerAddress(target),
			&raft.AppendEntriesRequest{}, &raft.AppendEntriesResponse{})
		if !errors.Is(err, ErrUnknownReplica) {
			t.Errorf("%s: %v, want ErrUnknownReplica", target, err)
		}
	}
	err := g.InstallSnapshot("b/2", "b/2", &raft.InstallSnapshotRequest{Size: 1},
		&raft.InstallSnapshotResponse{}, strings.NewReader("x"))
	if !errors.Is(err, ErrUnknownReplica) {
		t.Errorf("snapshot: %v, want ErrUnknownReplica", err)
	}
	if delivered.Load() != 0 || b.Metrics().RefusedCalls != 4 {
		t.Errorf("delivered %d, refused %d", delivered.Load(), b.Metrics().RefusedCalls)
	}
	if err := heartbeat(g, "b", 1); err != nil {
		t.Errorf("the right incarnation: %v", err)
	}
}

func TestGroupClosedOrReplacedIsNotReached(t *testing.T) {
	_, b, g := pair(t, agree, nil)
	old := b.Group(7, addr("b"))
	next := b.Group(7, "b/2") // a new incarnation ends the old instance
	if !old.isClosed() {
		t.Error("the old instance is still open")
	}
	_ = old.Close() // must not take the new one away
	if b.lookup(7, "b/2") != next {
		t.Error("closing the old instance removed the new one")
	}
	_ = b.Group(1, addr("b")).Close()
	if err := heartbeat(g, "b", 1); !errors.Is(err, ErrUnknownReplica) {
		t.Errorf("closed group: %v", err)
	}
	_ = g.Close()
	if err := heartbeat(g, "b", 1); !errors.Is(err, ErrClosed) {
		t.Errorf("own group closed: %v", err)
	}
	stranger := b.Group(8, "c/1")
	err := heartbeat(stranger, "a", 1)
	if err == nil || !strings.Contains(err.Error(), "not of this node") {
		t.Errorf("group under the id of another node: %v", err)
	}
}

func TestWrongClusterIsRefused(t *testing.T) {
	_, b, g := pair(t, agree, func(o *Options) {
		o.ClusterID = func() string { return "cluster-2" }
	})
	err := heartbeat(g, "b", 1)
	if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), `"cluster-2"`) {
		t.Errorf("err = %v, want ErrRefused that names the cluster", err)
	}
	err = g.InstallSnapshot(sid("b"), addr("b"), &raft.InstallSnapshotRequest{Size: 1},
		&raft.InstallSnapshotResponse{}, strings.NewReader("x"))
	if !errors.Is(err, ErrRefused) {
		t.Errorf("snapshot: %v", err)
	}
	if n := b.Metrics().RefusedStreams; n < 2 {
		t.Errorf("RefusedStreams = %d", n)
	}
}

func TestAddressOfAnotherNodeIsRefused(t *testing.T) {
	dir := newDirectory()
	a, b := listen(t, dir, "a", nil), listen(t, dir, "b", nil)
	dir.set("c", b.addr) // c is gone and b got its address
	answer(t, b.Group(1, addr("b")), agree)
	if err := heartbeat(a.Group(1, addr("a")), "c", 1); !errors.Is(err, ErrRefused) {
		t.Errorf("err = %v, want ErrRefused", err)
	}
}

func TestSenderMustLiveOnTheCallingNode(t *testing.T) {
	_, b, _ := pair(t, agree, nil)
	cc, err := grpc.NewClient(b.addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer cc.Close()
	stream, err := peerv1.NewRaftServiceClient(cc).Lane(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	frames := []*peerv1.LaneRequest{
		{Hello: &peerv1.PeerHello{ClusterId: testCluster, NodeId: "a", TargetNodeId: "b",
			Lane: peerv1.RaftLane_RAFT_LANE_CONTROL}},
		{Calls: []*peerv1.RaftCall{{RequestId: 5, GroupId: 1, From: "c/1", To: "b/1",
			Kind: peerv1.RaftKind_RAFT_KIND_TIMEOUT_NOW, TimeoutMs: 1000}}},
	}
	for _, f := range frames {
		if err := stream.Send(f); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := stream.Recv(); err != nil { // the hello
		t.Fatal(err)
	}
	resp, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	if r := resp.Replies[0]; r.RequestId != 5 || r.Status != peerv1.RaftStatus_RAFT_STATUS_INVALID {
		t.Errorf("reply = %v", r)
	}
}

func TestDeadlineWithdrawsTheCall(t *testing.T) {
	dir := newDirectory()
	a := listen(t, dir, "a", func(o *Options) { o.Timeouts.Heartbeat = 30 * time.Millisecond })
	b := listen(t, dir, "b", nil)
	busy := b.Group(1, addr("b")) // nobody reads its Consumer
	err := heartbeat(a.Group(1, addr("a")), "b", 1)
	if !errors.Is(err, ErrTimeout) || a.Metrics().Control.Timeouts != 1 {
		t.Errorf("err = %v, metrics %+v", err, a.Metrics().Control)
	}
	eventually(t, "the call is withdrawn", func() bool { return busy.waiting.Load() == 0 })
	select {
	case rpc := <-busy.Consumer():
		t.Errorf("a late call was delivered: %+v", rpc)
	default:
	}
}

func TestSlowGroupDelaysNoOther(t *testing.T) {
	_, b, g := pair(t, agree, nil)
	b.Group(2, addr("b")) // never answers
	slow := g.t.Group(2, addr("a"))
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { _ = appendOne(slow, "b", nil) })
	}
	for range 50 {
		if err := appendOne(g, "b", nil); err != nil {
			t.Fatalf("append of the healthy group: %v", err)
		}
	}
	_ = slow.Close() // fails the calls under way at once: their deadline is 10 s
	wg.Wait()
}

func TestInboundCallsPerGroupAreBounded(t *testing.T) {
	dir := newDirectory()
	a := listen(t, dir, "a", nil)
	b := listen(t, dir, "b", func(o *Options) { o.Limits.GroupCalls = 2 })
	stuck := b.Group(1, addr("b"))
	g := a.Group(1, addr("a"))
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { _ = appendOne(g, "b", nil) })
	}
	eventually(t, "two calls wait", func() bool { return stuck.waiting.Load() == 2 })
	if err := appendOne(g, "b", nil); !errors.Is(err, ErrBusy) {
		t.Errorf("third call: %v, want ErrBusy", err)
	}
	_ = g.Close()
	wg.Wait()
}

func TestQueueFullFailsAtOnce(t *testing.T) {
	mute, err := net.Listen("tcp", "127.0.0.1:0") // connects, never says a word
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	dir := newDirectory()
	a := listen(t, dir, "a", func(o *Options) {
		o.Limits.QueueCalls = 2
		o.Timeouts.Connect = time.Hour
		o.Timeouts.Append = time.Hour
	})
	dir.set("b", mute.Addr().String())
	g := a.Group(1, addr("a"))
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { _ = appendOne(g, "b", nil) })
	}
	eventually(t, "the third call is refused", func() bool {
		p, _ := a.peer("b")
		p.log.mu.Lock()
		defer p.log.mu.Unlock()
		return len(p.log.calls) == 2
	})
	if err := appendOne(g, "b", nil); !errors.Is(err, ErrQueueFull) {
		t.Errorf("err = %v, want ErrQueueFull", err)
	}
	a.Disconnect("b")
	wg.Wait()
}

func TestBreakFailsCallsAtOnceAndReconnects(t *testing.T) {
	dir := newDirectory()
	a := listen(t, dir, "a", func(o *Options) { o.Timeouts.Append = time.Hour })
	b := listen(t, dir, "b", nil)
	stuck := b.Group(1, addr("b"))
	g := a.Group(1, addr("a"))
	failed := make(chan error, 1)
	go func() { failed <- appendOne(g, "b", nil) }()
	eventually(t, "the call waits", func() bool { return stuck.waiting.Load() == 1 })
	b.stop()
	if err := <-failed; !errors.Is(err, ErrUnreachable) {
		t.Errorf("err = %v, want ErrUnreachable", err)
	}
	if err := appendOne(g, "b", nil); !errors.Is(err, ErrUnreachable) {
		t.Errorf("while it is down: %v, want ErrUnreachable", err)
	}
	b = listen(t, dir, "b", nil) // back under another address
	answer(t, b.Group(1, addr("b")), agree)
	eventually(t, "reconnect", func() bool { return appendOne(g, "b", nil) == nil })
	if m := a.Metrics().Log; m.Reconnects != 1 || m.Connects != 2 {
		t.Errorf("metrics: %+v", m)
	}
}

func TestControlLaneGathersHeartbeats(t *testing.T) {
	a, b, _ := pair(t, agree, nil)
	var wg sync.WaitGroup
	for id := range uint64(40) {
		answer(t, b.Group(100+id, addr("b")), agree)
		g := a.Group(100+id, addr("a"))
		wg.Go(func() {
			for range 10 {
				if err := heartbeat(g, "b", 1); err != nil {
					t.Errorf("heartbeat: %v", err)
				}
			}
		})
	}
	wg.Wait()
	m := a.Metrics().Control
	if m.MessagesSent != 400 || m.FramesSent > 100 || m.MessagesReceived != 400 {
		t.Errorf("400 heartbeats went out as %d messages in %d frames", m.MessagesSent, m.FramesSent)
	}
	if a.Metrics().Log.FramesSent != 0 {
		t.Error("heartbeats went over the log lane")
	}
}

func TestInterceptCutsOneDirection(t *testing.T) {
	lost := errors.New("lost by the test")
	var cut atomic.Bool
	_, b, g := pair(t, agree, func(o *Options) {
		o.Timeouts.Heartbeat = 50 * time.Millisecond
		o.Intercept = func(peer string, _ Lane) error {
			if cut.Load() && peer == "b" {
				return lost
			}
			return nil
		}
	})
	answer(t, g, agree)
	back := b.Group(1, addr("b"))
	b.opts.Timeouts.Heartbeat = 50 * time.Millisecond
	answer(t, back, agree)
	for _, want := range []bool{false, true, false} {
		cut.Store(want)
		if err := heartbeat(g, "b", 1); errors.Is(err, lost) != want {
			t.Errorf("cut %v: call %v", want, err)
		}
		if err := heartbeat(back, "a", 1); errors.Is(err, ErrTimeout) != want {
			t.Errorf("cut %v: the reply to b: %v", want, err)
		}
	}
}

func TestAppendIsCutToItsLimit(t *testing.T) {
	var got atomic.Int64
	_, _, g := pair(t, func(rpc raft.RPC) any {
		got.Store(int64(len(rpc.Command.(*raft.AppendEntriesRequest).Entries)))
		return agree(rpc)
	}, func(o *Options) { o.Limits.MaxAppendBytes = 1000 })
	for size, want := range map[int]int{10: 10, 400: 2, 5000: 1} {
		args := &raft.AppendEntriesRequest{}
		for i := range uint64(10) {
			args.Entries = append(args.Entries, &raft.Log{Index: i, Data: make([]byte, size)})
		}
		err := g.AppendEntries(sid("b"), addr("b"), args, &raft.AppendEntriesResponse{})
		if err != nil || len(args.Entries) != want || int(got.Load()) != want {
			t.Errorf("entries of %d bytes: args %d, received %d, want %d (err %v)",
				size, len(args.Entries), got.Load(), want, err)
		}
	}
}

func TestCloseEndsEverything(t *testing.T) {
	a, b, g := pair(t, func(raft.RPC) any { return nil }, func(o *Options) {
		o.Timeouts.Append = time.Hour
	})
	done := make(chan error, 1)
	go func() { done <- appendOne(g, "b", nil) }()
	eventually(t, "the call is there", func() bool { return b.Metrics().Log.MessagesReceived == 1 })
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Errorf("call under way: %v", err)
	}
	if err := heartbeat(a.Group(2, addr("a")), "b", 1); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if err := a.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	full := Options{
		NodeID: "a", ClusterID: func() string { return "" },
		Resolve: func(string) (string, error) { return "", nil },
	}
	for name, edit := range map[string]func(*Options){
		"NodeID":    func(o *Options) { o.NodeID = "" },
		"ClusterID": func(o *Options) { o.ClusterID = nil },
		"Resolve":   func(o *Options) { o.Resolve = nil },
	} {
		o := full
		edit(&o)
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: %v", name, err)
		}
	}
}
