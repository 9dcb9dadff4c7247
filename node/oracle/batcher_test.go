package oracle

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/codegraphdb/codegraph/graph"
)

// TestRule6_1BatchedNeverKept: every request gets a timestamp of its own, and none gets one of a
// call that left before it came.
func TestRule6_1BatchedNeverKept(t *testing.T) {
	var mu sync.Mutex
	next, calls := graph.Timestamp(2), 0
	b := NewBatcher(func(_ context.Context, n int) (Grant, error) {
		mu.Lock()
		defer mu.Unlock()
		calls++
		g := Grant{next, uint64(calls)}
		next += graph.Timestamp(2 * n)
		return g, nil
	})
	const askers, each = 64, 50
	seen := make([][]graph.Timestamp, askers)
	var wg sync.WaitGroup
	for i := range askers {
		wg.Go(func() {
			for range each {
				mu.Lock()
				floor := next // whatever was granted before the request is below
				mu.Unlock()
				g, err := b.Draw(t.Context())
				if err != nil || g.At < floor {
					t.Errorf("%s after %s was granted: %v", g.At, floor, err)
				}
				seen[i] = append(seen[i], g.At)
			}
		})
	}
	wg.Wait()
	all := map[graph.Timestamp]bool{}
	for _, list := range seen {
		for _, at := range list {
			all[at] = true
		}
	}
	if len(all) != askers*each {
		t.Errorf("%d timestamps for %d requests", len(all), askers*each)
	}
}

// Requests that come while calls are under way share the next one.
func TestRequestsShareCalls(t *testing.T) {
	entered, leave := make(chan int, maxCalls+1), make(chan struct{})
	b := NewBatcher(func(_ context.Context, n int) (Grant, error) {
		entered <- n
		<-leave
		return Grant{At: 2}, nil
	})
	var wg sync.WaitGroup
	for range maxCalls {
		wg.Go(func() { _, _ = b.Draw(t.Context()) })
		if n := <-entered; n != 1 {
			t.Errorf("%d requests in the first calls", n)
		}
	}
	for i := range 100 {
		wg.Go(func() { _, _ = b.Draw(t.Context()) })
		for waiting := 0; waiting <= i; {
			b.mu.Lock()
			waiting = len(b.waiting)
			b.mu.Unlock()
		}
	}
	close(leave)
	if n := <-entered; n != 100 {
		t.Errorf("%d of 100 requests in the next call", n)
	}
	wg.Wait()
}

func TestDrawFails(t *testing.T) {
	gone := errors.New("gone")
	b := NewBatcher(func(context.Context, int) (Grant, error) { return Grant{}, gone })
	if _, err := b.Draw(t.Context()); !errors.Is(err, gone) {
		t.Errorf("%v", err)
	}
	stuck := NewBatcher(func(ctx context.Context, _ int) (Grant, error) {
		<-ctx.Done()
		return Grant{}, ctx.Err()
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := stuck.Draw(ctx); !graph.IsKind(err, graph.KindUnavailable) {
		t.Errorf("%v", err)
	}
}
