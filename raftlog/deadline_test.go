package raftlog

import (
	"testing"
	"time"
)

// However late a tick comes, it counts as one slice: a process that was stopped for long does not
// take its own absence for that of its disk.
func TestDeadlineCountsSlices(t *testing.T) {
	fired := 0
	d := newDeadline(deadlineSlices*time.Hour, func() { fired++ })
	defer d.stop()
	for range 2 {
		d.start()
		for range deadlineSlices - 1 {
			d.tick()
		}
		if fired != 0 {
			t.Fatal("fired a slice too early")
		}
		d.stop()
		d.tick()
	}
	if fired != 0 {
		t.Fatal("fired after it was stopped")
	}
	d.start()
	for range deadlineSlices + 1 {
		d.tick()
	}
	if fired != 1 {
		t.Fatalf("fired %d times, want once", fired)
	}
}

// By itself it fires no sooner than after its time.
func TestDeadlineFires(t *testing.T) {
	const after = 32 * time.Millisecond
	fired := make(chan time.Time, 1)
	d := newDeadline(after, func() { fired <- time.Now() })
	began := time.Now()
	d.start()
	if took := (<-fired).Sub(began); took < after {
		t.Errorf("fired after %v, want at least %v", took, after)
	}
}
