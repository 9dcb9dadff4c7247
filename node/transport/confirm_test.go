package transport

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

func TestConfirmedSince(t *testing.T) {
	_, _, g := pair(t, func(rpc raft.RPC) any {
		c := rpc.Command.(*raft.AppendEntriesRequest)
		// Term 9 is refused; term 8 is answered from a newer term.
		return &raft.AppendEntriesResponse{Term: max(c.Term, 9), Success: c.Term != 9}
	}, nil)
	for _, term := range []uint64{8, 9} {
		if err := heartbeat(g, "b", term); err != nil {
			t.Fatal(err)
		}
		if got := g.ConfirmedSince(sid("b"), term); !got.IsZero() {
			t.Errorf("term %d is confirmed without a success in it", term)
		}
	}
	before := time.Now()
	if err := heartbeat(g, "b", 10); err != nil {
		t.Fatal(err)
	}
	first := g.ConfirmedSince(sid("b"), 10)
	if first.Before(before) || first.After(time.Now()) {
		t.Errorf("confirmed %v, call made at %v", first, before)
	}
	if err := appendOne(g, "b", nil); err != nil { // term 1: old news
		t.Fatal(err)
	}
	if got := g.ConfirmedSince(sid("b"), 10); !got.Equal(first) {
		t.Errorf("an answer in an old term changed it to %v", got)
	}
	for term, id := range map[uint64]raft.ServerID{9: sid("b"), 10: "b/2"} {
		if got := g.ConfirmedSince(id, term); !got.IsZero() {
			t.Errorf("term %d of %s: %v", term, id, got)
		}
	}
}

// The send time is that of the frame: a call that waits on the peer does not confirm what
// happened after it left.
func TestConfirmationIsTheSendTime(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	_, _, g := pair(t, func(rpc raft.RPC) any {
		close(arrived)
		<-release
		return agree(rpc)
	}, func(o *Options) { o.Timeouts.Heartbeat = time.Minute })
	done := make(chan error, 1)
	go func() { done <- heartbeat(g, "b", 2) }()
	<-arrived
	read := time.Now() // a read that starts now is not confirmed by this heartbeat
	close(release)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := g.ConfirmedSince(sid("b"), 2); got.IsZero() || !got.Before(read) {
		t.Errorf("confirmed %v, but the call had arrived by %v", got, read)
	}
}

func TestWaitConfirmed(t *testing.T) {
	_, _, g := pair(t, agree, nil)
	peers := []raft.ServerID{sid("b"), sid("c")}
	start := time.Now()
	done := make(chan error, 1)
	go func() { done <- g.WaitConfirmed(t.Context(), peers, 1, 2, start) }()
	if err := heartbeat(g, "b", 2); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("one of two: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, err := range map[string]error{
		"two needed":   g.WaitConfirmed(ctx, peers, 2, 2, start),
		"another term": g.WaitConfirmed(ctx, peers, 1, 3, start),
		"later":        g.WaitConfirmed(ctx, peers, 1, 2, time.Now()),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_ = g.Close()
	if err := g.WaitConfirmed(t.Context(), peers, 2, 2, start); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}
