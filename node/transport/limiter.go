package transport

import (
	"context"
	"sync"
	"time"
)

// limiter spaces out the chunks of all outgoing snapshots to a number of bytes per second.
type limiter struct {
	rate int

	mu   sync.Mutex
	next time.Time // when the next chunk may leave
}

// newLimiter returns nil, which limits nothing, for a rate of 0.
func newLimiter(bytesPerSecond int) *limiter {
	if bytesPerSecond <= 0 {
		return nil
	}
	return &limiter{rate: bytesPerSecond}
}

// wait blocks until n more bytes may leave.
func (l *limiter) wait(ctx context.Context, n int) error {
	if l == nil {
		return ctx.Err()
	}
	pause := l.reserve(n, time.Now())
	if pause <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// reserve books n bytes and returns how long to wait for them.
func (l *limiter) reserve(n int, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.next.Before(now) {
		l.next = now
	}
	pause := l.next.Sub(now)
	l.next = l.next.Add(time.Duration(float64(n) / float64(l.rate) * float64(time.Second)))
	return pause
}
