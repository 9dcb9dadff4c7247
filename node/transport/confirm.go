package transport

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// confirmations remembers, per peer, the newest send time of a success in the newest term.
type confirmations struct {
	mu      sync.Mutex
	peers   map[raft.ServerID]confirmation
	changed chan struct{} // closed and replaced at each change
}

type confirmation struct {
	term uint64
	sent time.Time
}

func newConfirmations() *confirmations {
	return &confirmations{
		peers:   make(map[raft.ServerID]confirmation),
		changed: make(chan struct{}),
	}
}

func (c *confirmations) record(peer raft.ServerID, term uint64, sent time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.peers[peer]
	if term < old.term || (term == old.term && !sent.After(old.sent)) {
		return
	}
	c.peers[peer] = confirmation{term: term, sent: sent}
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *confirmations) since(peer raft.ServerID, term uint64) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if got := c.peers[peer]; got.term == term {
		return got.sent
	}
	return time.Time{}
}

// count returns how many of peers are confirmed at or after t, and what to wait on for more.
func (c *confirmations) count(
	peers []raft.ServerID, term uint64, t time.Time,
) (int, chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, p := range peers {
		if got, ok := c.peers[p]; ok && got.term == term && !got.sent.Before(t) {
			n++
		}
	}
	return n, c.changed
}

// ConfirmedSince returns when the newest heartbeat or append left to which peer answered with
// success in term, or the zero time. The peer still accepted this leader at that time or later.
func (g *GroupTransport) ConfirmedSince(peer raft.ServerID, term uint64) time.Time {
	return g.confirmed.since(peer, term)
}

// WaitConfirmed returns nil once need of the peers have a success in term that was sent at or
// after t. It sends nothing: poke the heartbeats with raft.Raft.VerifyLeader. While it waits, this
// group's heartbeats wait for no company.
func (g *GroupTransport) WaitConfirmed(
	ctx context.Context, peers []raft.ServerID, need int, term uint64, t time.Time,
) error {
	g.awaited.Add(1)
	defer g.awaited.Add(-1)
	g.t.hurry(peers)
	for {
		n, changed := g.confirmed.count(peers, term, t)
		if n >= need {
			return nil
		}
		select {
		case <-changed:
		case <-g.done:
			return g.errorf("confirm term %d: %w", term, ErrClosed)
		case <-ctx.Done():
			return fmt.Errorf("transport: group %d: term %d confirmed by %d of %d peers, "+
				"%d needed: %w", g.id, term, n, len(peers), need, ctx.Err())
		}
	}
}
