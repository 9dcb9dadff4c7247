package transport

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"
)

func TestOutboxBounds(t *testing.T) {
	o := newOutbox[int](3, 100, 0)
	if !o.push(1, 500, false) {
		t.Error("an empty queue refused one large item")
	}
	if o.push(2, 1, false) {
		t.Error("a queue above its bytes took another item")
	}
	if got := o.take(10); !slices.Equal(got, []int{1}) {
		t.Errorf("take = %v, want the large item alone", got)
	}
	for i := range 3 {
		if !o.push(i, 10, false) {
			t.Errorf("push %d refused", i)
		}
	}
	if o.push(4, 10, false) {
		t.Error("a fourth item was taken")
	}
	if got := o.take(25); !slices.Equal(got, []int{0, 1}) {
		t.Errorf("take(25) = %v, want two items", got)
	}
	if got := o.take(25); !slices.Equal(got, []int{2}) {
		t.Errorf("take(25) = %v, want the last item", got)
	}
	if o.bytes != 0 {
		t.Errorf("%d bytes are left in an empty queue", o.bytes)
	}
}

func TestOutboxWindow(t *testing.T) {
	o := newOutbox[int](10, 1000, time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	sent := make(chan []int)
	done := make(chan error, 1)
	go func() {
		done <- o.run(ctx, 1000, func(b []int) error { sent <- b; return nil })
	}()
	o.push(1, 1, false)
	if got := <-sent; !slices.Equal(got, []int{1}) {
		t.Errorf("first batch %v: an idle lane must send at once", got)
	}
	o.push(2, 1, false) // inside the window: waits
	o.push(3, 1, false)
	select {
	case got := <-sent:
		t.Errorf("batch %v left inside the window", got)
	case <-time.After(20 * time.Millisecond):
	}
	o.push(4, 1, true)
	if got := <-sent; !slices.Equal(got, []int{2, 3, 4}) {
		t.Errorf("batch %v, want all three behind the urgent one", got)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("run = %v", err)
	}
}

func TestLimiterSpacesChunks(t *testing.T) {
	l := newLimiter(1000)
	now := time.Unix(100, 0)
	if d := l.reserve(500, now); d != 0 {
		t.Errorf("first chunk waits %v", d)
	}
	if d := l.reserve(500, now); d != 500*time.Millisecond {
		t.Errorf("second chunk waits %v, want 500ms", d)
	}
	if d := l.reserve(1, now.Add(time.Minute)); d != 0 {
		t.Errorf("unused time was not forgotten: %v", d)
	}
	if err := (*limiter)(nil).wait(t.Context(), 1<<30); err != nil {
		t.Errorf("no limit: %v", err)
	}
}
