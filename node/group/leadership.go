package group

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/node/transport"
)

// Leadership follows one group's leadership: a leader may serve what depends on the log only
// after a barrier of its own term is applied.
type Leadership struct {
	notify <-chan bool
	ready  atomic.Uint64 // term whose barrier is applied here; 0 while not leading
}

// Follow has Raft tell l about the group that conf makes. It goes before Watch.
func (l *Leadership) Follow(conf *raft.Config) {
	notify := make(chan bool, 8)
	conf.NotifyCh, l.notify = notify, notify
}

// Term returns the term in which this node leads and whose barrier it has applied, 0 if there is
// none.
func (l *Leadership) Term() uint64 { return l.ready.Load() }

// Watch runs until stop closes; gained is called after each barrier.
func (l *Leadership) Watch(r *raft.Raft, stop <-chan struct{}, gained func()) {
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

func (r *Replica) watchLeadership() {
	defer r.done.Done()
	r.leading.Watch(r.raft, r.stop, func() { r.logger.Debug("leads"); r.poke() })
}

// Confirm returns nil once a voter quorum has accepted this leader after the call began; its state
// then holds everything acknowledged before the call. The library's VerifyLeader is satisfied by
// responses to heartbeats that were sent before it; it only pokes here.
func Confirm(ctx context.Context, r *raft.Raft, l *Leadership, t *transport.GroupTransport) error {
	const op = "group.Confirm"
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

// Wait waits for a Raft future or the end of ctx; after the latter the outcome is unknown.
func Wait(ctx context.Context, f raft.Future) error {
	ch := make(chan error, 1)
	go func() { ch <- f.Error() }()
	select {
	case err := <-ch:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
