package group

import (
	"errors"
	"testing"
)

// future is a raft.Future that answers when told, or never.
type future chan error

// Error implements raft.Future.
func (f future) Error() error { return <-f }

// Raft forgets what waits in the queue of a group that is shut down: whoever waits for it must end
// with the group.
func TestUntil(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer error
		want   bool
	}{{"done", nil, true}, {"failed", errors.New("lost leadership"), false}} {
		f := make(future, 1)
		f <- c.answer
		if got := until(make(chan struct{}), f); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	stop := make(chan struct{})
	close(stop)
	if until(stop, make(future)) {
		t.Error("forgotten: it succeeded")
	}
}
