package transport

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"
)

func TestOutboxBounds(t *testing.T) {
	o := newOutbox[int](3, 100)
	if !o.push(1, 500, atOnce) {
		t.Error("an empty queue refused one large item")
	}
	if o.push(2, 1, atOnce) {
		t.Error("a queue above its bytes took another item")
	}
	if got := o.take(10); !slices.Equal(got, []int{1}) {
		t.Errorf("take = %v, want the large item alone", got)
	}
	for i := range 3 {
		if !o.push(i, 10, atOnce) {
			t.Errorf("push %d refused", i)
		}
	}
	if o.push(4, 10, atOnce) {
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

// What waits for company leaves with the first item that does not, or when it is due.
func TestOutboxWaitsForTheFirstThatIsDue(t *testing.T) {
	o := newOutbox[int](10, 1000)
	ctx, cancel := context.WithCancel(t.Context())
	sent := make(chan []int)
	done := make(chan error, 1)
	go func() {
		done <- o.run(ctx, 1000, func(b []int) error { sent <- b; return nil })
	}()
	never := time.Now().Add(time.Hour)
	none := func(why string) {
		t.Helper()
		select {
		case got := <-sent:
			t.Errorf("batch %v left %s", got, why)
		case <-time.After(20 * time.Millisecond):
		}
	}
	want := func(items ...int) {
		t.Helper()
		if got := <-sent; !slices.Equal(got, items) {
			t.Errorf("batch %v, want %v", got, items)
		}
	}
	o.push(1, 1, never)
	o.push(2, 1, never)
	none("long before it was due")
	o.push(3, 1, atOnce)
	want(1, 2, 3)
	o.push(4, 1, never)
	none("although nothing is due any more")
	o.push(5, 1, time.Now().Add(time.Millisecond))
	want(4, 5)
	o.push(6, 1, never)
	o.hurry()
	want(6)
	o.hurry()
	o.push(7, 1, never)
	none("because an empty queue was hurried before")
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
