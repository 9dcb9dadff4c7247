package transport

import (
	"context"
	"sync"
	"time"
)

// outbox is a bounded queue that one goroutine empties in batches. Every item says when the batch
// with it leaves at the latest; the first of these times counts for all.
type outbox[T any] struct {
	maxItems int
	maxBytes int
	wake     chan struct{} // holds one token when the time to leave has come nearer

	mu    sync.Mutex
	items []boxed[T]
	bytes int
	due   time.Time // when the queue leaves; it is empty if there are no items
}

type boxed[T any] struct {
	value T
	size  int
}

func newOutbox[T any](maxItems, maxBytes int) *outbox[T] {
	return &outbox[T]{maxItems: maxItems, maxBytes: maxBytes, wake: make(chan struct{}, 1)}
}

// push queues v to leave at due, the zero time for at once, and reports whether there was room.
// One item always fits into an empty queue.
func (o *outbox[T]) push(v T, size int, due time.Time) bool {
	o.mu.Lock()
	if len(o.items) >= o.maxItems || (len(o.items) > 0 && o.bytes+size > o.maxBytes) {
		o.mu.Unlock()
		return false
	}
	sooner := len(o.items) == 0 || due.Before(o.due)
	if sooner {
		o.due = due
	}
	o.items = append(o.items, boxed[T]{v, size})
	o.bytes += size
	o.mu.Unlock()
	if sooner {
		o.poke()
	}
	return true
}

// hurry lets what is queued leave at once.
func (o *outbox[T]) hurry() {
	o.mu.Lock()
	waits := len(o.items) > 0 && !o.due.IsZero()
	o.due = time.Time{}
	o.mu.Unlock()
	if waits {
		o.poke()
	}
}

func (o *outbox[T]) poke() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
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
		o.items = nil
	}
	return out
}

func (o *outbox[T]) state() (empty bool, due time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.items) == 0, o.due
}

// wait blocks until something is queued that is due. It returns false when ctx ends.
func (o *outbox[T]) wait(ctx context.Context) bool {
	for {
		var pause <-chan time.Time
		if empty, due := o.state(); !empty {
			hold := time.Until(due)
			if hold <= 0 {
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
	for o.wait(ctx) {
		batch := o.take(limit)
		if len(batch) == 0 {
			continue
		}
		if err := send(batch); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}
