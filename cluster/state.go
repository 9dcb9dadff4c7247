package cluster

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/codegraphdb/codegraph/graph"
)

// State is the state machine of the meta group. Apply and Restore are called by one goroutine at a
// time, as a Raft library does; everything else by anyone at any time. Reading is one atomic load:
// what is read is immutable.
type State struct {
	mu      sync.Mutex // serialises Apply and Restore
	current atomic.Pointer[Snapshot]
}

// NewState returns the empty state.
func NewState() *State {
	s := &State{}
	s.current.Store(newSnapshot(newData()))
	return s
}

// Snapshot returns the state as it is now. It never changes.
func (s *State) Snapshot() *Snapshot { return s.current.Load() }

// Apply applies the committed command at an index of the log, appended in a term, and returns its
// result for DecodeResult. An error that is a *graph.Error is a refusal: it is the same on every
// replica and nothing has changed. A *FatalError means that this replica must stop. A command at an
// index that is already applied is fatal too: the log and the state do not belong together.
func (s *State) Apply(index, term uint64, command []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.current.Load().d
	what := fmt.Sprintf("command at index %d", index)
	if index <= old.applied {
		return nil, &FatalError{what, fmt.Errorf("index %d is already applied", old.applied)}
	}
	c, evaluated, err := decodeCommand(command)
	if err != nil {
		return nil, &FatalError{what, err}
	}
	next := old.clone()
	out, refusal := applyTo(next, c, evaluated, term)
	if refusal != nil {
		next = old.clone()
	}
	next.applied = index
	s.publish(next)
	return out, refusal
}

// applyTo validates and applies a command to a copy of the state. One that a leader evaluated in
// another term is refused (rule 1.8): its timestamp may be below what has been granted since.
func applyTo(d *data, c Command, evaluated, term uint64) ([]byte, error) {
	if evaluated != term {
		return nil, graph.Errorf(opApply, graph.KindUnavailable, "command %s of term %d came into "+
			"the log in term %d", c.Kind(), evaluated, term).WithRemedy("ask again")
	}
	if err := c.validate(); err != nil {
		return nil, err
	}
	r, err := c.apply(d)
	if err != nil {
		return nil, err
	}
	return encodeResult(r)
}

// publish makes d what readers see and wakes those who wait.
func (s *State) publish(d *data) {
	old := s.current.Swap(newSnapshot(d))
	close(old.superseded)
}

// Wait returns the first state from now on that satisfies ok, or the error of ctx.
func (s *State) Wait(ctx context.Context, ok func(*Snapshot) bool) (*Snapshot, error) {
	for {
		snap := s.Snapshot()
		if ok(snap) {
			return snap, nil
		}
		select {
		case <-snap.superseded:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
