package transport

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	peerv1 "github.com/codegraphdb/codegraph/api/codegraph/peer/v1"
)

const appendKind = peerv1.RaftKind_RAFT_KIND_APPEND_ENTRIES

// raftServer is the receiving side of a Transport.
type raftServer struct {
	peerv1.UnimplementedRaftServiceServer
	t *Transport
}

// inbound is one lane opened by a peer.
type inbound struct {
	t      *Transport
	node   string // node uuid of the caller
	lane   Lane
	stream grpc.BidiStreamingServer[peerv1.LaneRequest, peerv1.LaneResponse]
	out    *outbox[*peerv1.RaftReply]
	ctx    context.Context // ends with the stream or the transport
}

// Lane serves one lane until the stream or the transport ends.
func (s *raftServer) Lane(
	stream grpc.BidiStreamingServer[peerv1.LaneRequest, peerv1.LaneResponse],
) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	lane, ok := laneFromWire(first.GetHello().GetLane())
	if !ok || lane == Bulk {
		return status.Errorf(codes.InvalidArgument, "no such lane: %v", first.GetHello().GetLane())
	}
	if err := s.t.checkHello(first.GetHello()); err != nil {
		return err
	}
	node := first.Hello.NodeId
	if err := stream.Send(&peerv1.LaneResponse{Hello: s.t.hello(node, lane)}); err != nil {
		return err
	}
	s.t.heard(node)
	return s.serve(stream, node, lane)
}

// serve runs both directions in goroutines of their own: when the handler returns, gRPC ends the
// stream, and that is what frees a goroutine that is stuck in Send or Recv.
func (s *raftServer) serve(
	stream grpc.BidiStreamingServer[peerv1.LaneRequest, peerv1.LaneResponse],
	node string, lane Lane,
) error {
	ctx, cancel := context.WithCancelCause(stream.Context())
	defer cancel(nil)
	defer context.AfterFunc(s.t.ctx, func() { cancel(ErrClosed) })()
	limits := &s.t.opts.Limits
	in := &inbound{
		t: s.t, node: node, lane: lane, stream: stream, ctx: ctx,
		out: newOutbox[*peerv1.RaftReply](limits.QueueCalls, limits.QueueBytes),
	}
	s.t.spawn(func() { cancel(in.receive()) })
	s.t.spawn(func() { cancel(in.out.run(ctx, limits.FrameBytes, in.sendFrame)) })
	<-ctx.Done()
	if errors.Is(context.Cause(ctx), ErrClosed) {
		return status.Errorf(codes.Unavailable, "node %s is shutting down", s.t.opts.NodeID)
	}
	s.t.lost(node)
	return context.Cause(ctx)
}

// checkHello refuses streams of other clusters and streams meant for another node.
func (t *Transport) checkHello(h *peerv1.PeerHello) error {
	own := t.opts.ClusterID()
	err := func() error {
		switch {
		case t.ctx.Err() != nil:
			return status.Errorf(codes.Unavailable, "node %s is shutting down", t.opts.NodeID)
		case h == nil || h.NodeId == "" || h.ClusterId == "":
			return status.Error(codes.InvalidArgument, "the first frame must be a hello")
		case own == "":
			return status.Errorf(codes.Unavailable,
				"node %s belongs to no cluster yet", t.opts.NodeID)
		case h.ClusterId != own:
			return status.Errorf(codes.FailedPrecondition,
				"node %s belongs to cluster %q, the caller %s to cluster %q; check the addresses "+
					"both were given to join", t.opts.NodeID, own, h.NodeId, h.ClusterId)
		case h.TargetNodeId != t.opts.NodeID:
			return status.Errorf(codes.FailedPrecondition,
				"this is node %s, the caller %s wanted node %s: its address is out of date",
				t.opts.NodeID, h.NodeId, h.TargetNodeId)
		}
		return nil
	}()
	if err != nil {
		t.refusedStreams.Add(1)
		t.log.Warn("refused a stream", "from", h.GetNodeId(), "err", err)
	}
	return err
}

// asked is a call under way here.
type asked struct {
	*peerv1.RaftCall
	company *atomic.Int64 // how many calls of its frame are not answered yet, with this one
}

func (in *inbound) receive() error {
	for {
		frame, err := in.stream.Recv()
		if err != nil {
			return err
		}
		in.t.counters[in.lane].received(len(frame.Calls), proto.Size(frame))
		if len(frame.Calls) == 0 {
			in.out.push(nil, 0, time.Time{}) // a ping
		}
		company := new(atomic.Int64)
		company.Store(int64(len(frame.Calls)))
		for _, c := range frame.Calls {
			in.accept(&asked{c, company})
		}
	}
}

func (in *inbound) sendFrame(batch []*peerv1.RaftReply) error {
	if err := in.t.intercepted(in.node, in.lane); err != nil {
		return nil // the fault hook loses these replies
	}
	frame := &peerv1.LaneResponse{}
	for _, r := range batch {
		if r != nil {
			frame.Replies = append(frame.Replies, r)
		}
	}
	in.t.counters[in.lane].sent(len(frame.Replies), proto.Size(frame))
	return in.stream.Send(frame)
}

// accept checks a call and hands it to its group; it never blocks.
func (in *inbound) accept(c *asked) {
	from, _, err := SplitReplicaID(raft.ServerID(c.From))
	if err == nil && from != in.node {
		err = fmt.Errorf("replica %q does not live on the calling node %s", c.From, in.node)
	}
	if err != nil {
		in.refuse(c, peerv1.RaftStatus_RAFT_STATUS_INVALID, err.Error())
		return
	}
	g := in.t.lookup(c.GroupId, c.To)
	if g == nil {
		in.t.refusedCalls.Add(1)
		in.refuse(c, peerv1.RaftStatus_RAFT_STATUS_UNKNOWN_REPLICA, fmt.Sprintf(
			"node %s holds no replica %q of group %d", in.t.opts.NodeID, c.To, c.GroupId))
		return
	}
	if n := g.waiting.Add(1); n > int64(in.t.opts.Limits.GroupCalls) {
		g.waiting.Add(-1)
		in.refuse(c, peerv1.RaftStatus_RAFT_STATUS_BUSY,
			fmt.Sprintf("%d calls are waiting for replica %q", n-1, c.To))
		return
	}
	if !in.t.spawn(func() { in.deliver(g, c) }) {
		g.waiting.Add(-1)
	}
}

func (in *inbound) refuse(c *asked, s peerv1.RaftStatus, text string) {
	in.reply(c, &peerv1.RaftReply{Status: s, Error: text})
}

// reply queues an answer; if there is no room it is lost and the caller's deadline ends the call.
// The answers to a frame leave as one when the last of them is there: one slow group does not hold
// the others up for longer than ReplyWindow.
func (in *inbound) reply(c *asked, r *peerv1.RaftReply) {
	r.RequestId = c.RequestId
	var due time.Time
	if c.company.Add(-1) > 0 && in.lane == Control && c.Kind == appendKind {
		due = time.Now().Add(in.t.opts.Limits.ReplyWindow)
	}
	if !in.out.push(r, len(r.Payload)+len(r.Error)+16, due) {
		in.t.counters[in.lane].queueFull.Add(1)
	}
}

// silent notes that a call gets no answer.
func (in *inbound) silent(c *asked) {
	if c.company.Add(-1) == 0 {
		in.out.hurry()
	}
}

// deliver gives a call to Raft and sends its answer.
func (in *inbound) deliver(g *GroupTransport, c *asked) {
	defer g.waiting.Add(-1)
	if c.Kind == peerv1.RaftKind_RAFT_KIND_LEADER_GONE {
		in.reply(c, g.agrees(c.Payload))
		return
	}
	command, err := decodeRequest(c.Kind, c.Payload)
	if err != nil {
		in.refuse(c, peerv1.RaftStatus_RAFT_STATUS_INVALID, err.Error())
		return
	}
	timeout := time.Duration(c.TimeoutMs) * time.Millisecond
	ctx, cancel := context.WithTimeoutCause(in.ctx, timeout, ErrTimeout)
	defer cancel()
	answer, err := g.ask(ctx, raft.RPC{Command: command})
	if err != nil {
		in.silent(c) // the caller's deadline or its stream has ended, or this replica is closed
		return
	}
	reply := &peerv1.RaftReply{Status: peerv1.RaftStatus_RAFT_STATUS_OK}
	if err = answer.Error; err == nil {
		reply.Payload, err = encodeResponse(answer.Response)
	}
	if err != nil {
		reply.Status, reply.Error = peerv1.RaftStatus_RAFT_STATUS_FAILED, err.Error()
	}
	in.reply(c, reply)
}

// ask puts an RPC before Raft and waits for its answer.
func (g *GroupTransport) ask(ctx context.Context, rpc raft.RPC) (raft.RPCResponse, error) {
	answer := make(chan raft.RPCResponse, 1) // Raft must never block on it
	rpc.RespChan = answer
	if g.isClosed() {
		return raft.RPCResponse{}, ErrClosed
	}
	select {
	case g.consumer <- rpc:
	case <-g.done:
		return raft.RPCResponse{}, ErrClosed
	case <-ctx.Done():
		return raft.RPCResponse{}, context.Cause(ctx)
	}
	select {
	case a := <-answer:
		return a, nil
	case <-g.done:
		return raft.RPCResponse{}, ErrClosed
	case <-ctx.Done():
		return raft.RPCResponse{}, context.Cause(ctx)
	}
}
