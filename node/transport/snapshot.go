package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/hashicorp/raft"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	peerv1 "github.com/codegraphdb/codegraph/api/codegraph/peer/v1"
)

type snapshotStream = grpc.ClientStreamingClient[
	peerv1.InstallSnapshotRequest, peerv1.InstallSnapshotResponse]

// transfer is one outgoing snapshot.
type transfer struct {
	g        *GroupTransport
	target   raft.ServerAddress
	args     *raft.InstallSnapshotRequest
	data     io.Reader
	watchdog *watchdog
}

// sendSnapshot streams a snapshot over the bulk lane: header, chunks, answer.
func (g *GroupTransport) sendSnapshot(
	p *peer, target raft.ServerAddress,
	args *raft.InstallSnapshotRequest, resp *raft.InstallSnapshotResponse, data io.Reader,
) error {
	cc, err := p.bulkConn()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(g.t.ctx)
	defer cancel(nil)
	defer closeWith(g.done, cancel)()
	watchdog := startWatchdog(g.t.opts.Timeouts.SnapshotStall, cancel)
	defer watchdog.stop()

	stream, err := peerv1.NewRaftServiceClient(cc).InstallSnapshot(ctx)
	if err == nil {
		err = (&transfer{g, target, args, data, watchdog}).send(ctx, stream)
	}
	var ack *peerv1.InstallSnapshotResponse
	if err == nil {
		watchdog.extend(g.t.opts.Timeouts.SnapshotApply)
		ack, err = stream.CloseAndRecv()
	}
	if cause := context.Cause(ctx); cause != nil && err != nil {
		err = cause
	}
	if err != nil {
		if status.Code(err) == codes.Unavailable || errors.Is(err, ErrTimeout) {
			p.dropBulk(cc)
		}
		if errors.Is(err, ErrTimeout) {
			g.t.counters[Bulk].timeouts.Add(1)
		}
		return snapshotError(err)
	}
	if err := replyError(ack.Status, ack.Error); err != nil {
		return err
	}
	*resp = raft.InstallSnapshotResponse{
		RPCHeader: headerFromWire(ack.GetResponse().GetHeader()),
		Term:      ack.GetResponse().GetTerm(),
		Success:   ack.GetResponse().GetSuccess(),
	}
	return nil
}

// send sends the header and exactly args.Size bytes. A peer that has answered already ends it
// without an error: the answer is in the stream.
func (f *transfer) send(ctx context.Context, stream snapshotStream) error {
	node, _, err := SplitReplicaID(f.target)
	if err != nil {
		return err
	}
	f.g.t.counters[Bulk].messagesSent.Add(1)
	err = stream.Send(&peerv1.InstallSnapshotRequest{
		Part: &peerv1.InstallSnapshotRequest_Header{Header: &peerv1.InstallSnapshotHeader{
			Hello:   f.g.t.hello(node, Bulk),
			GroupId: f.g.id,
			From:    string(f.g.local),
			To:      string(f.target),
			Request: snapshotToWire(f.args),
		}},
	})
	for sent := int64(0); sent < f.args.Size && err == nil; {
		chunk := make([]byte, min(f.args.Size-sent, chunkBytes)) // gRPC may keep it
		if n, err := io.ReadFull(f.data, chunk); err != nil {
			return fmt.Errorf("the snapshot has %d of %d bytes: %w",
				sent+int64(n), f.args.Size, err)
		}
		err = f.sendChunk(ctx, stream, node, chunk)
		sent += int64(len(chunk))
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (f *transfer) sendChunk(
	ctx context.Context, stream snapshotStream, node string, chunk []byte,
) error {
	t := f.g.t
	if err := t.limiter.wait(ctx, len(chunk)); err != nil {
		return err
	}
	if err := t.intercepted(node, Bulk); err != nil {
		return err
	}
	err := stream.Send(&peerv1.InstallSnapshotRequest{
		Part: &peerv1.InstallSnapshotRequest_Data{Data: chunk},
	})
	t.counters[Bulk].framesSent.Add(1)
	t.counters[Bulk].bytesSent.Add(uint64(len(chunk)))
	f.watchdog.extend(t.opts.Timeouts.SnapshotStall)
	return err
}

// snapshotError tells refusals and broken connections from the rest.
func snapshotError(err error) error {
	switch status.Code(err) {
	case codes.FailedPrecondition:
		return fmt.Errorf("%w: %s", ErrRefused, status.Convert(err).Message())
	case codes.Unavailable:
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return err
}

// closeWith cancels with ErrClosed when done closes; the result ends the wait.
func closeWith(done <-chan struct{}, cancel context.CancelCauseFunc) func() {
	quit := make(chan struct{})
	go func() {
		select {
		case <-done:
			cancel(ErrClosed)
		case <-quit:
		}
	}()
	return func() { close(quit) }
}

// watchdog cancels a transfer that has made no progress for some time.
type watchdog struct{ timer *time.Timer }

func startWatchdog(d time.Duration, cancel context.CancelCauseFunc) *watchdog {
	return &watchdog{time.AfterFunc(d, func() {
		cancel(fmt.Errorf("%w: the transfer stands still", ErrTimeout))
	})}
}

func (w *watchdog) extend(d time.Duration) { w.timer.Reset(d) }
func (w *watchdog) stop()                  { w.timer.Stop() }

// InstallSnapshot receives one snapshot and hands it to its replica as a stream.
func (s *raftServer) InstallSnapshot(
	stream grpc.ClientStreamingServer[
		peerv1.InstallSnapshotRequest, peerv1.InstallSnapshotResponse],
) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	header := first.GetHeader()
	if err := s.t.checkHello(header.GetHello()); err != nil {
		return err
	}
	from, _, err := SplitReplicaID(raft.ServerID(header.From))
	if err == nil && from != header.Hello.NodeId {
		err = fmt.Errorf("replica %q does not live on node %s", header.From, header.Hello.NodeId)
	}
	if err != nil {
		return status.Error(codes.InvalidArgument, err.Error())
	}
	s.t.counters[Bulk].messagesReceived.Add(1)
	g := s.t.lookup(header.GroupId, header.To)
	if g == nil {
		s.t.refusedCalls.Add(1)
		return stream.SendAndClose(&peerv1.InstallSnapshotResponse{
			Status: peerv1.RaftStatus_RAFT_STATUS_UNKNOWN_REPLICA,
			Error: fmt.Sprintf("node %s holds no replica %q of group %d",
				s.t.opts.NodeID, header.To, header.GroupId),
		})
	}
	ack, err := s.install(stream, g, snapshotFromWire(header.Request))
	if err != nil {
		return status.Error(codes.Aborted, err.Error())
	}
	if err := s.t.intercepted(from, Bulk); err != nil {
		return status.Error(codes.Aborted, err.Error())
	}
	return stream.SendAndClose(ack)
}

// install pumps the chunks into a pipe that Raft reads, until Raft has answered.
func (s *raftServer) install(
	stream grpc.ClientStreamingServer[
		peerv1.InstallSnapshotRequest, peerv1.InstallSnapshotResponse],
	g *GroupTransport, request *raft.InstallSnapshotRequest,
) (*peerv1.InstallSnapshotResponse, error) {
	ctx, cancel := context.WithCancelCause(stream.Context())
	defer cancel(nil)
	watchdog := startWatchdog(s.t.opts.Timeouts.SnapshotStall, cancel)
	defer watchdog.stop()
	reader, writer := io.Pipe()
	type result struct {
		answer raft.RPCResponse
		err    error
	}
	finished := make(chan result, 1)
	asked := s.t.spawn(func() {
		answer, err := g.ask(ctx, raft.RPC{Command: request, Reader: reader})
		// Frees the pump if Raft did not want the rest, and Raft if the sender is gone.
		_ = reader.CloseWithError(io.ErrClosedPipe)
		finished <- result{answer, err}
	})
	if !asked {
		return nil, ErrClosed
	}
	s.t.spawn(func() {
		_ = writer.CloseWithError(s.pump(stream, writer, request.Size, watchdog))
	})
	r := <-finished
	if r.err != nil {
		return nil, r.err
	}
	if r.answer.Error != nil {
		return &peerv1.InstallSnapshotResponse{
			Status: peerv1.RaftStatus_RAFT_STATUS_FAILED, Error: r.answer.Error.Error(),
		}, nil
	}
	resp, ok := r.answer.Response.(*raft.InstallSnapshotResponse)
	if !ok {
		return nil, fmt.Errorf("transport: Raft answered a snapshot with %T", r.answer.Response)
	}
	return &peerv1.InstallSnapshotResponse{
		Status: peerv1.RaftStatus_RAFT_STATUS_OK,
		Response: &peerv1.RaftSnapshotResponse{
			Header: headerToWire(resp.RPCHeader), Term: resp.Term, Success: resp.Success,
		},
	}, nil
}

// pump copies chunks to w. Its result is io.EOF exactly when size bytes came and then the end.
func (s *raftServer) pump(
	stream grpc.ClientStreamingServer[
		peerv1.InstallSnapshotRequest, peerv1.InstallSnapshotResponse],
	w io.Writer, size int64, watchdog *watchdog,
) error {
	counters := &s.t.counters[Bulk]
	var got int64
	for {
		part, err := stream.Recv()
		if errors.Is(err, io.EOF) && got == size {
			watchdog.stop() // Raft may take its time to restore; the sender has a deadline
			return io.EOF
		}
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("transport: the snapshot ended after %d of %d bytes: %w",
				got, size, io.ErrUnexpectedEOF)
		}
		if err != nil {
			return err
		}
		chunk := part.GetData()
		if got += int64(len(chunk)); got > size {
			return fmt.Errorf("transport: the snapshot has more than %d bytes", size)
		}
		counters.framesReceived.Add(1)
		counters.bytesReceived.Add(uint64(len(chunk)))
		if _, err := w.Write(chunk); err != nil {
			return err
		}
		watchdog.extend(s.t.opts.Timeouts.SnapshotStall)
	}
}
