package node

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	queryv1 "github.com/codegraphdb/codegraph/api/codegraph/query/v1"
	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/node/transport"
)

// leadership follows one group's leadership: a leader may serve what depends on the log only
// after a barrier of its own term is applied.
type leadership struct {
	notify <-chan bool
	ready  atomic.Uint64 // term whose barrier is applied here; 0 while not leading
}

// watch runs until stop closes; gained is called after each barrier.
func (l *leadership) watch(r *raft.Raft, stop <-chan struct{}, gained func()) {
	for {
		select {
		case <-stop:
			return
		case leads := <-l.notify:
			if !leads {
				l.ready.Store(0)
				continue
			}
			term := r.CurrentTerm()
			if !until(stop, r.Barrier(0)) {
				continue
			}
			l.ready.Store(term)
			gained()
		}
	}
}

// until waits for a Raft future and tells whether it succeeded. The library forgets the futures of
// a group that is shut down while they wait in its queue, so the end of stop ends the wait.
func until(stop <-chan struct{}, f raft.Future) bool {
	done := make(chan error, 1)
	go func() { done <- f.Error() }()
	select {
	case err := <-done:
		return err == nil
	case <-stop:
		return false
	}
}

func (r *replica) watchLeadership() {
	defer r.done.Done()
	r.leading.watch(r.raft, r.stop, func() { r.logger.Debug("leads") })
}

// confirm returns nil once a voter quorum has accepted this leader after the call began; its state
// then holds everything acknowledged before the call. The library's VerifyLeader is satisfied by
// responses to heartbeats that were sent before it; it only pokes here.
func confirm(ctx context.Context, r *raft.Raft, l *leadership, t *transport.GroupTransport) error {
	const op = "node.confirm"
	began := time.Now()
	term := l.ready.Load()
	if term == 0 || r.State() != raft.Leader || r.CurrentTerm() != term {
		return graph.Errorf(op, graph.KindNotLeader, "this node does not lead the group")
	}
	conf := r.GetConfiguration()
	if err := conf.Error(); err != nil {
		return err
	}
	var peers []raft.ServerID
	voters := 0
	for _, s := range conf.Configuration().Servers {
		if s.Suffrage != raft.Voter {
			continue
		}
		voters++
		if string(s.ID) != string(t.LocalAddr()) {
			peers = append(peers, s.ID)
		}
	}
	need := voters / 2 // beside this node
	if need == 0 {
		return nil
	}
	poke := r.VerifyLeader()
	if err := t.WaitConfirmed(ctx, peers, need, term, began); err != nil {
		return graph.Errorf(op, graph.KindUnavailable, "leadership is not confirmed: %w", err)
	}
	_ = poke // its answer says less than WaitConfirmed
	return nil
}

// notLeaderError names the node that leads, where it is known.
type notLeaderError struct {
	err     graph.Error
	leader  string
	address string // of its client port, for clients
}

func notLeader(op, leader, format string, args ...any) error {
	return &notLeaderError{err: graph.Error{Op: op, Kind: graph.KindNotLeader,
		Msg: fmt.Sprintf(format, args...)}, leader: leader}
}

// Error implements error.
func (e *notLeaderError) Error() string { return e.err.Error() }

// Unwrap gives errors.As the kind.
func (e *notLeaderError) Unwrap() error { return &e.err }

// ErrorDetail implements api.Detailer.
func (e *notLeaderError) ErrorDetail(d *queryv1.ErrorDetail) {
	d.LeaderHint, d.LeaderAddress = e.leader, e.address
}

// signal wakes waiters when something that they look at has changed.
type signal struct {
	mu sync.Mutex
	ch chan struct{}
}

func (s *signal) changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch == nil {
		s.ch = make(chan struct{})
	}
	return s.ch
}

func (s *signal) broadcast() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch != nil {
		close(s.ch)
		s.ch = nil
	}
}

// wait returns when cond holds, or ctx ends.
func (s *signal) wait(ctx context.Context, cond func() bool) error {
	for {
		ch := s.changed()
		if cond() {
			return nil
		}
		select {
		case <-ch:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// newRaftLogger sends the library's messages to slog. Its normal life (elections, heartbeats) is
// information for debugging here.
func newRaftLogger(logger *slog.Logger) hclog.Logger {
	l := hclog.NewInterceptLogger(&hclog.LoggerOptions{Level: hclog.Info, Output: nowhere{}})
	l.RegisterSink(slogSink{logger})
	return l
}

type nowhere struct{}

// Write implements io.Writer.
func (nowhere) Write(p []byte) (int, error) { return len(p), nil }

type slogSink struct{ logger *slog.Logger }

// Accept implements hclog.SinkAdapter.
func (s slogSink) Accept(_ string, level hclog.Level, msg string, args ...any) {
	at := slog.LevelDebug
	if level >= hclog.Error {
		at = slog.LevelWarn
	}
	for i, a := range args {
		if f, ok := a.(hclog.Format); ok && len(f) > 0 {
			args[i] = fmt.Sprintf(f[0].(string), f[1:]...)
		}
	}
	s.logger.Log(context.Background(), at, "raft: "+msg, args...)
}
