package transport

import (
	"context"
	"sync"
	"time"
)

// outbox is a bounded queue that one goroutine empties in batches.
type outbox[T any] struct {
	maxItems int
	maxBytes int
	window   time.Duration // pause between two batches; urgent items end it
	wake     chan struct{} // holds one token when something was pushed

	mu     sync.Mutex
	items  []boxed[T]
	bytes  int
	urgent bool
}

type boxed[T any] struct {
	value T
	size  int
}

func newOutbox[T any](maxItems, maxBytes int, window time.Duration) *outbox[T] {
	return &outbox[T]{
		maxItems: maxItems, maxBytes: maxBytes, window: window, wake: make(chan struct{}, 1),
	}
}

// push queues v and reports whether there was room. One item always fits into an empty queue.
func (o *outbox[T]) push(v T, size int, urgent bool) bool {
	o.mu.Lock()
	full := len(o.items) >= o.maxItems || (len(o.items) > 0 && o.bytes+size > o.maxBytes)
	if !full {
		o.items = append(o.items, boxed[T]{v, size})
		o.bytes += size
		o.urgent = o.urgent || urgent
	}
	o.mu.Unlock()
	if full {
		return false
	}
	select {
	case o.wake <- struct{}{}:
	default:
	}
	return true
}

// take removes the oldest items, at least one if there is any, up to limit bytes.
func (o *outbox[T]) take(limit int) []T {
	o.mu.Lock()
	defer o.mu.Unlock()
	var out []T
	taken := 0
	for _, it := range o.items {
		if len(out) > 0 && taken+it.size > limit {
			break
		}
		out = append(out, it.value)
		taken += it.size
	}
	clear(o.items[:len(out)])
	o.items = o.items[len(out):]
	o.bytes -= taken
	if len(o.items) == 0 {
		o.items, o.urgent = nil, false
	}
	return out
}

func (o *outbox[T]) state() (empty, urgent bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.items) == 0, o.urgent
}

// wait blocks until a batch may leave: something is queued, and it is urgent or the window since
// the last batch is over. It returns false when ctx ends.
func (o *outbox[T]) wait(ctx context.Context, last time.Time) bool {
	for {
		var pause <-chan time.Time
		if empty, urgent := o.state(); !empty {
			hold := o.window - time.Since(last)
			if urgent || hold <= 0 {
				return ctx.Err() == nil
			}
			pause = time.After(hold)
		}
		select {
		case <-o.wake:
		case <-pause:
		case <-ctx.Done():
			return false
		}
	}
}

// run sends batches of up to limit bytes until send fails or ctx ends.
func (o *outbox[T]) run(ctx context.Context, limit int, send func([]T) error) error {
	var last time.Time
	for o.wait(ctx, last) {
		for batch := o.take(limit); len(batch) > 0; batch = o.take(limit) {
			if err := send(batch); err != nil {
				return err
			}
		}
		last = time.Now()
	}
	return context.Cause(ctx)
}
