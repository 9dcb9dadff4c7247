package transport

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	peerv1 "github.com/codegraphdb/codegraph/api/codegraph/peer/v1"
)

// GroupTransport is the raft.Transport of one replica of one group.
type GroupTransport struct {
	t         *Transport
	id        uint64
	local     raft.ServerAddress
	invalid   error // why local cannot be used on this node, if so
	consumer  chan raft.RPC
	confirmed *confirmations
	followers followers
	group     atomic.Pointer[Group]
	awaited   atomic.Int64 // callers of WaitConfirmed
	waiting   atomic.Int64 // inbound calls not answered yet
	done      chan struct{}
	closeOnce sync.Once
}

var (
	_ raft.Transport   = (*GroupTransport)(nil)
	_ raft.WithPreVote = (*GroupTransport)(nil)
	_ raft.WithClose   = (*GroupTransport)(nil)
)

func newGroup(t *Transport, id uint64, local raft.ServerAddress) *GroupTransport {
	g := &GroupTransport{
		t: t, id: id, local: local,
		// Unbuffered: what Raft has not taken can still be withdrawn.
		consumer:  make(chan raft.RPC),
		confirmed: newConfirmations(),
		done:      make(chan struct{}),
	}
	node, _, err := SplitReplicaID(local)
	if err == nil && node != t.opts.NodeID {
		err = fmt.Errorf("transport: replica %q is not of this node %q", local, t.opts.NodeID)
	}
	if g.invalid = err; err != nil {
		t.log.Error("cannot open a group", "group", id, "err", err)
	}
	return g
}

// Consumer implements raft.Transport.
func (g *GroupTransport) Consumer() <-chan raft.RPC { return g.consumer }

// LocalAddr implements raft.Transport.
func (g *GroupTransport) LocalAddr() raft.ServerAddress { return g.local }

// EncodePeer implements raft.Transport.
func (g *GroupTransport) EncodePeer(_ raft.ServerID, addr raft.ServerAddress) []byte {
	return []byte(addr)
}

// DecodePeer implements raft.Transport.
func (g *GroupTransport) DecodePeer(b []byte) raft.ServerAddress { return raft.ServerAddress(b) }

// SetHeartbeatHandler implements raft.Transport by ignoring the handler (invariant 3).
func (g *GroupTransport) SetHeartbeatHandler(func(raft.RPC)) {}

// AppendEntriesPipeline implements raft.Transport; there is no pipelining (invariant 3).
func (g *GroupTransport) AppendEntriesPipeline(
	raft.ServerID, raft.ServerAddress,
) (raft.AppendPipeline, error) {
	return nil, raft.ErrPipelineReplicationNotSupported
}

// AppendEntries implements raft.Transport. It may shorten args.Entries (invariant 7).
func (g *GroupTransport) AppendEntries(
	id raft.ServerID, target raft.ServerAddress,
	args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse,
) error {
	r := route{id, target, Control, g.t.opts.Timeouts.Heartbeat, atOnce}
	switch {
	case isHeartbeat(args):
		args, r.due = g.beat(id, args)
	case len(args.Entries) > 0:
		r.lane, r.timeout = Log, g.t.opts.Timeouts.Append
		args.Entries = cutEntries(args.Entries, g.t.opts.Limits.MaxAppendBytes)
	case g.saysNothing(id, args):
		*resp = raft.AppendEntriesResponse{RPCHeader: args.RPCHeader, Term: args.Term,
			LastLog: args.PrevLogEntry, Success: true}
		return nil
	}
	sent, err := g.call(r, args, resp)
	if err == nil && resp.Success && resp.Term == args.Term {
		g.followers.record(id, args)
		g.confirmed.record(id, args.Term, sent)
		if r.lane == Log {
			g.Applied() // a peer slower than the others may be told now what they were
		}
	}
	return err
}

// cutEntries returns the first entries that fit into limit bytes, at least one.
func cutEntries(entries []*raft.Log, limit int) []*raft.Log {
	size := 0
	for i, e := range entries {
		size += len(e.Data) + len(e.Extensions) + 48
		if size > limit && i > 0 {
			return entries[:i]
		}
	}
	return entries
}

// RequestVote implements raft.Transport.
func (g *GroupTransport) RequestVote(
	id raft.ServerID, target raft.ServerAddress,
	args *raft.RequestVoteRequest, resp *raft.RequestVoteResponse,
) error {
	_, err := g.call(route{id, target, Control, g.t.opts.Timeouts.Vote, atOnce}, args, resp)
	return err
}

// RequestPreVote implements raft.WithPreVote.
func (g *GroupTransport) RequestPreVote(
	id raft.ServerID, target raft.ServerAddress,
	args *raft.RequestPreVoteRequest, resp *raft.RequestPreVoteResponse,
) error {
	_, err := g.call(route{id, target, Control, g.t.opts.Timeouts.Vote, atOnce}, args, resp)
	return err
}

// TimeoutNow implements raft.Transport.
func (g *GroupTransport) TimeoutNow(
	id raft.ServerID, target raft.ServerAddress,
	args *raft.TimeoutNowRequest, resp *raft.TimeoutNowResponse,
) error {
	_, err := g.call(route{id, target, Control, g.t.opts.Timeouts.TimeoutNow, atOnce}, args, resp)
	return err
}

// InstallSnapshot implements raft.Transport.
func (g *GroupTransport) InstallSnapshot(
	id raft.ServerID, target raft.ServerAddress,
	args *raft.InstallSnapshotRequest, resp *raft.InstallSnapshotResponse, data io.Reader,
) error {
	p, err := g.reach(route{id, target, Bulk, 0, atOnce})
	if err == nil {
		err = g.sendSnapshot(p, target, args, resp, data)
	}
	if err != nil {
		return g.errorf("snapshot to %s: %w", target, err)
	}
	return nil
}

// Close implements raft.WithClose: calls under way fail, and no further call is delivered.
func (g *GroupTransport) Close() error {
	g.stop()
	g.t.remove(g)
	return nil
}

func (g *GroupTransport) stop() { g.closeOnce.Do(func() { close(g.done) }) }

func (g *GroupTransport) isClosed() bool {
	select {
	case <-g.done:
		return true
	default:
		return false
	}
}

// route is where a call goes and how.
type route struct {
	id      raft.ServerID
	target  raft.ServerAddress
	lane    Lane
	timeout time.Duration
	due     time.Time // when it leaves at the latest
}

var atOnce time.Time // as a route's due

// reach returns the peer of a route after all checks that need no network.
func (g *GroupTransport) reach(r route) (*peer, error) {
	if g.invalid != nil {
		return nil, g.invalid
	}
	if g.isClosed() {
		return nil, ErrClosed
	}
	if string(r.id) != string(r.target) {
		return nil, fmt.Errorf("server id %q and address %q differ", r.id, r.target)
	}
	node, _, err := SplitReplicaID(r.target)
	if err != nil {
		return nil, err
	}
	if err := g.t.intercepted(node, r.lane); err != nil {
		return nil, err
	}
	return g.t.peer(node)
}

// call sends a request and decodes the answer into out. It returns when the request left.
func (g *GroupTransport) call(r route, request, out any) (sent time.Time, err error) {
	p, err := g.reach(r)
	if err != nil {
		return sent, g.errorf("%s lane to %s: %w", r.lane, r.target, err)
	}
	kind, payload, err := encodeRequest(request)
	if err != nil {
		return sent, g.errorf("%w", err)
	}
	if len(payload) > maxMessageBytes-g.t.opts.Limits.FrameBytes {
		return sent, g.errorf("call of %d bytes to %s: %w", len(payload), r.target, ErrTooLarge)
	}
	c, err := p.lane(r.lane).do(&peerv1.RaftCall{
		RequestId: g.t.nextID.Add(1),
		GroupId:   g.id,
		From:      string(g.local),
		To:        string(r.target),
		Kind:      kind,
		Payload:   payload,
		TimeoutMs: uint32(max(r.timeout.Milliseconds(), 1)),
	}, r.due, g.done)
	if err == nil {
		err = replyError(c.reply.Status, c.reply.Error)
	}
	if err != nil {
		return sent, g.errorf("%s lane to %s: %w", r.lane, r.target, err)
	}
	if err := decodeResponse(c.reply.Payload, out); err != nil {
		return sent, g.errorf("answer of %s: %w", r.target, err)
	}
	return c.sent, nil
}

// replyError turns the status of a reply into an error.
func replyError(s peerv1.RaftStatus, text string) error {
	switch s {
	case peerv1.RaftStatus_RAFT_STATUS_OK:
		return nil
	case peerv1.RaftStatus_RAFT_STATUS_FAILED:
		return errors.New(text)
	case peerv1.RaftStatus_RAFT_STATUS_UNKNOWN_REPLICA:
		return fmt.Errorf("%w: %s", ErrUnknownReplica, text)
	case peerv1.RaftStatus_RAFT_STATUS_BUSY:
		return fmt.Errorf("%w: %s", ErrBusy, text)
	}
	return fmt.Errorf("peer answered with status %v: %s", s, text)
}

func (g *GroupTransport) errorf(format string, args ...any) error {
	return fmt.Errorf("transport: group %d: "+format, append([]any{g.id}, args...)...)
}
