package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	peerv1 "github.com/codegraphdb/codegraph/api/codegraph/peer/v1"
)

// lane is the calling side of the control or the log lane to one peer. Its goroutine (run) makes
// one session after another, each with a connection of its own.
type lane struct {
	t      *Transport
	peer   *peer
	kind   Lane
	out    *outbox[*call]
	ctx    context.Context // ends with close
	cancel context.CancelCauseFunc
	retry  chan struct{} // holds one token when the pause between connects should end

	mu      sync.Mutex
	closed  error                   // why no call is taken any more
	calls   map[uint64]*call        // queued or sent, not finished
	quiet   time.Time               // since when an answer is missing; zero if none is
	breakup context.CancelCauseFunc // ends the present session
}

// call is one RPC on its way. Whoever removes it from lane.calls finishes it.
type call struct {
	msg   *peerv1.RaftCall // nil: a ping, which is in no map
	due   time.Time        // when it leaves at the latest; zero: at once
	done  chan struct{}
	sent  time.Time // invariant 6
	reply *peerv1.RaftReply
	err   error
}

type laneStream = grpc.BidiStreamingClient[peerv1.LaneRequest, peerv1.LaneResponse]

func newLane(t *Transport, p *peer, kind Lane) *lane {
	l := &lane{
		t: t, peer: p, kind: kind,
		out:   newOutbox[*call](t.opts.Limits.QueueCalls, t.opts.Limits.QueueBytes),
		retry: make(chan struct{}, 1),
		calls: make(map[uint64]*call),
	}
	l.ctx, l.cancel = context.WithCancelCause(t.ctx)
	return l
}

func (l *lane) counters() *laneCounters { return &l.t.counters[l.kind] }

// do sends msg, at due or sooner, and waits for its reply, its deadline or the end of the group.
func (l *lane) do(msg *peerv1.RaftCall, due time.Time, end <-chan struct{}) (*call, error) {
	c := &call{msg: msg, due: due, done: make(chan struct{})}
	if err := l.enqueue(c); err != nil {
		return nil, err
	}
	timeout := time.Duration(msg.TimeoutMs) * time.Millisecond
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	var err error
	select {
	case <-c.done:
		return c, c.err
	case <-timer.C:
		err = fmt.Errorf("%w of %v", ErrTimeout, timeout)
	case <-end:
		err = ErrClosed
	}
	if l.claim(msg.RequestId) == nil {
		<-c.done // finished at the same moment
		return c, c.err
	}
	if errors.Is(err, ErrTimeout) {
		l.counters().timeouts.Add(1)
	}
	return nil, err
}

func (l *lane) enqueue(c *call) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed != nil {
		return l.closed
	}
	if !l.out.push(c, callSize(c.msg), c.due) {
		l.counters().queueFull.Add(1)
		return ErrQueueFull
	}
	if l.quiet.IsZero() { // a timed out call leaves it: a dead peer must not look fresh
		l.quiet = time.Now()
	}
	l.calls[c.msg.RequestId] = c
	return nil
}

// callSize is about what msg takes in a frame.
func callSize(msg *peerv1.RaftCall) int {
	return len(msg.Payload) + len(msg.From) + len(msg.To) + 32
}

// claim removes a call; nil means that somebody else finishes it.
func (l *lane) claim(id uint64) *call {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.calls[id]
	delete(l.calls, id)
	return c
}

// failAll finishes every call with err.
func (l *lane) failAll(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.out.take(1<<30)) > 0 {
	}
	for id, c := range l.calls {
		delete(l.calls, id)
		c.err = err
		close(c.done)
	}
}

func (l *lane) close(err error) {
	l.mu.Lock()
	l.closed = err
	l.mu.Unlock()
	l.cancel(err)
	l.failAll(err)
}

// wakeUp ends the pause between connects.
func (l *lane) wakeUp() {
	select {
	case l.retry <- struct{}{}:
	default:
	}
}

// run makes sessions as long as there are calls. Between failed ones it pauses; calls that come
// in the pause wait for the next attempt and fail with it.
func (l *lane) run() {
	failures, sessions := 0, 0
	for l.out.wait(l.ctx) {
		established, err := l.session(sessions > 0)
		l.failAll(err)
		if l.ctx.Err() != nil {
			return
		}
		if established {
			sessions++
			failures = 0
			l.t.log.Info("lane to peer broke", "peer", l.peer.id, "lane", l.kind.String(), "err", err)
			l.t.lost(l.peer.id)
		} else {
			l.counters().connectFailures.Add(1)
			if failures++; failures == 1 {
				l.t.log.Warn("cannot open lane to peer, retrying",
					"peer", l.peer.id, "lane", l.kind.String(), "err", err)
			}
		}
		l.pause(failures)
	}
}

// pause waits between two connects: BackoffMin doubled per failure up to BackoffMax, jittered.
func (l *lane) pause(failures int) {
	d := l.t.opts.Timeouts.BackoffMin << min(max(failures-1, 0), 16)
	if top := l.t.opts.Timeouts.BackoffMax; d > top {
		d = top
	}
	timer := time.NewTimer(d/2 + rand.N(d/2+1))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.retry:
	case <-l.ctx.Done():
	}
}

// session connects, exchanges hellos and carries calls until something breaks.
func (l *lane) session(again bool) (established bool, err error) {
	ctx, cancel := context.WithCancelCause(l.ctx)
	defer cancel(nil)
	cc, err := l.t.dial(l.peer.id)
	if err != nil {
		return false, l.broken(ctx, err)
	}
	defer func() { _ = cc.Close() }()
	stream, err := l.open(ctx, cancel, cc)
	if err != nil {
		return false, l.broken(ctx, err)
	}
	l.counters().connects.Add(1)
	if again {
		l.counters().reconnects.Add(1)
	}
	l.t.log.Debug("lane to peer open", "peer", l.peer.id, "lane", l.kind.String())
	l.begin(cancel)
	defer l.begin(nil)

	var helpers sync.WaitGroup
	helpers.Go(func() {
		err := l.out.run(ctx, l.t.opts.Limits.FrameBytes, func(batch []*call) error {
			return l.sendFrame(stream, batch)
		})
		if !errors.Is(err, io.EOF) { // at EOF, receive knows why
			cancel(err)
		}
	})
	helpers.Go(func() { l.watch(ctx) })
	err = l.receive(stream)
	err = l.broken(ctx, err)
	cancel(err)
	helpers.Wait()
	return true, err
}

// open starts the stream and exchanges hellos within the connect deadline.
func (l *lane) open(
	ctx context.Context, cancel context.CancelCauseFunc, cc *grpc.ClientConn,
) (laneStream, error) {
	limit := l.t.opts.Timeouts.Connect
	timer := time.AfterFunc(limit, func() {
		cancel(fmt.Errorf("no connection within %v", limit))
	})
	defer timer.Stop()
	hello := l.t.hello(l.peer.id, l.kind)
	if hello.ClusterId == "" {
		return nil, errors.New("this node belongs to no cluster yet")
	}
	stream, err := peerv1.NewRaftServiceClient(cc).Lane(ctx)
	if err != nil {
		return nil, err
	}
	if err := stream.Send(&peerv1.LaneRequest{Hello: hello}); err != nil {
		_, err = stream.Recv() // the status says why
		return nil, err
	}
	resp, err := stream.Recv()
	if err != nil {
		return nil, err
	}
	if got := resp.GetHello(); got.GetNodeId() != l.peer.id || got.GetClusterId() != hello.ClusterId {
		return nil, fmt.Errorf("%w: reached node %q of cluster %q, wanted node %q of cluster %q",
			ErrRefused, got.GetNodeId(), got.GetClusterId(), l.peer.id, hello.ClusterId)
	}
	return stream, nil
}

// broken turns the end of a session into the error of its calls.
func (l *lane) broken(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	switch {
	case errors.Is(err, ErrClosed), errors.Is(err, ErrRefused), errors.Is(err, ErrUnreachable):
		return err
	case status.Code(err) == codes.FailedPrecondition:
		return fmt.Errorf("%w: %s", ErrRefused, status.Convert(err).Message())
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}

// begin installs the break-up function of a session, or ends it with nil.
func (l *lane) begin(breakup context.CancelCauseFunc) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.breakup = breakup
	l.resetQuiet()
}

// resetQuiet notes that the peer is alive now; l.mu is held.
func (l *lane) resetQuiet() {
	l.quiet = time.Time{}
	if len(l.calls) > 0 {
		l.quiet = time.Now()
	}
}

func (l *lane) sendFrame(stream laneStream, batch []*call) error {
	frame := &peerv1.LaneRequest{Calls: make([]*peerv1.RaftCall, 0, len(batch))}
	ping := false
	l.mu.Lock()
	now := time.Now()
	for _, c := range batch {
		if c.msg == nil {
			ping = true
		} else if l.calls[c.msg.RequestId] == c {
			c.sent = now
			frame.Calls = append(frame.Calls, c.msg)
		}
	}
	l.mu.Unlock()
	if len(frame.Calls) == 0 && !ping {
		return nil
	}
	l.counters().sent(len(frame.Calls), proto.Size(frame))
	return stream.Send(frame)
}

func (l *lane) receive(stream laneStream) error {
	for {
		frame, err := stream.Recv()
		if err != nil {
			return err
		}
		l.counters().received(len(frame.Replies), proto.Size(frame))
		l.mu.Lock()
		for _, r := range frame.Replies {
			if c := l.calls[r.RequestId]; c != nil {
				delete(l.calls, r.RequestId)
				c.reply = r
				close(c.done)
			}
		}
		l.resetQuiet()
		l.mu.Unlock()
	}
}

// watch breaks a session whose connection is dead without a sign. When calls were made and nothing
// comes, it sends pings, which the peer answers whatever its groups are doing.
func (l *lane) watch(ctx context.Context) {
	ticker := time.NewTicker(l.t.opts.Timeouts.Connect / 2)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		silent := l.silence()
		if silent > l.deadAfter() {
			l.breakUp(errStalled)
			if l.kind == Control && l.peer.log.silence() > l.deadAfter() {
				l.peer.log.breakUp(errStalled)
			}
		} else if silent > l.t.opts.Timeouts.Connect/2 {
			l.out.push(&call{}, 0, time.Time{})
		}
	}
}

// deadAfter is how long a lane may be silent. An append may fill a slow link up to its deadline.
func (l *lane) deadAfter() time.Duration {
	if l.kind == Log {
		return max(l.t.opts.Timeouts.Append, 2*l.t.opts.Timeouts.Connect)
	}
	return 2 * l.t.opts.Timeouts.Connect
}

// silence is for how long nothing has come although a call was made.
func (l *lane) silence() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.quiet.IsZero() || l.breakup == nil {
		return 0
	}
	return time.Since(l.quiet)
}

func (l *lane) breakUp(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.breakup != nil {
		l.breakup(err)
	}
}
