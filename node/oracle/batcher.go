package oracle

import (
	"context"
	"sync"
	"time"

	"github.com/codegraphdb/codegraph/graph"
)

const (
	maxCalls  = 4               // of a node under way at a time
	maxBatch  = 1 << 12         // timestamps of one call
	askWithin = 5 * time.Second // for one call, elections included
)

// Grant is a timestamp and the index of the meta group's log up to which every revision at or below
// it is decided.
type Grant struct {
	At    graph.Timestamp
	Index uint64
}

// Ask draws n timestamps, in steps of two from the one returned, from the confirmed leader of the
// meta group.
type Ask func(ctx context.Context, n int) (Grant, error)

// Batcher asks for the timestamps of a node's requests, for many with one call. A call serves the
// requests that were there before it left, and nothing of its answer is kept (rule 6.1).
type Batcher struct {
	ask Ask

	mu      sync.Mutex
	waiting []chan drawn
	calls   int
}

type drawn struct {
	grant Grant
	err   error
}

// NewBatcher returns the batcher of a node.
func NewBatcher(ask Ask) *Batcher { return &Batcher{ask: ask} }

// Draw returns a timestamp that is granted after the call began, to nobody else.
func (b *Batcher) Draw(ctx context.Context) (Grant, error) {
	ch := make(chan drawn, 1)
	b.mu.Lock()
	b.waiting = append(b.waiting, ch)
	if b.calls < maxCalls {
		b.calls++
		go b.run()
	}
	b.mu.Unlock()
	select {
	case d := <-ch:
		return d.grant, d.err
	case <-ctx.Done():
		return Grant{}, graph.Errorf("oracle.Draw", graph.KindUnavailable,
			"no timestamp in time: %w", ctx.Err())
	}
}

// run asks until nobody waits.
func (b *Batcher) run() {
	for {
		b.mu.Lock()
		n := min(len(b.waiting), maxBatch)
		batch := b.waiting[:n:n]
		b.waiting = b.waiting[n:]
		if n == 0 {
			b.waiting = nil
			b.calls--
		}
		b.mu.Unlock()
		if n == 0 {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), askWithin)
		first, err := b.ask(ctx, n)
		cancel()
		for i, ch := range batch {
			ch <- drawn{Grant{first.At + graph.Timestamp(2*i), first.Index}, err}
		}
	}
}
