package raftlog

import (
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// guard holds the rule that a store dies of its first error (R5).
type guard struct {
	deadline time.Duration
	onFatal  func(error)
	logger   *slog.Logger

	once   sync.Once
	failed chan struct{} // closed when the store died
	cause  error         // set before failed is closed
}

func newGuard(opts Options) *guard {
	return &guard{
		deadline: opts.WriteDeadline,
		onFatal:  opts.OnFatal,
		logger:   opts.Logger,
		failed:   make(chan struct{}),
	}
}

// err returns why the store is dead, nil while it lives.
func (g *guard) err() error {
	select {
	case <-g.failed:
		return g.cause
	default:
		return nil
	}
}

// fail marks the store dead and tells the owner. Only the first call counts.
func (g *guard) fail(op string, cause error) {
	g.once.Do(func() {
		g.cause = writeError(op, cause)
		close(g.failed)
		g.logger.Error("raft log store failed", "op", op, "error", cause)
		if g.onFatal != nil {
			go g.onFatal(g.cause)
		}
	})
}

// run calls write on a goroutine of its own and waits for it, for the deadline, or for the death
// of the store, whichever is first. write calls fail itself, before it lets others in.
func (g *guard) run(op string, write func() error) error {
	done := make(chan error, 1)
	go func() { done <- write() }()
	late := make(chan struct{})
	d := newDeadline(g.deadline, func() { close(late) })
	d.start()
	defer d.stop()
	select {
	case err := <-done:
		if err != nil {
			return err
		}
	case <-late:
		g.fail(op, g.late())
	case <-g.failed:
	}
	return g.err()
}

// late is what a write died of that missed the deadline.
func (g *guard) late() error { return fmt.Errorf("%w after %v", ErrDeadline, g.deadline) }
