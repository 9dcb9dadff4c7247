package txn

import (
	"time"

	"github.com/codegraphdb/codegraph/graph"
)

// Clock is what a process read from its clocks at one moment.
type Clock struct {
	Wall time.Time     // may jump
	Mono time.Duration // since any fixed moment; never goes back, does not jump
}

// pace is a moment that both clocks agreed on: a physical time, and the monotonic clock then.
type pace struct {
	phys int64 // milliseconds since 1970
	mono time.Duration
}

// limit returns the physical time that twice the monotonic clock allows by now.
func (p pace) limit(mono time.Duration) int64 {
	return p.phys + (2 * max(0, mono-p.mono)).Milliseconds()
}

// Oracle grants timestamps while its process leads the meta group (T1, T2). Between terms it
// watches at which pace other leaders move the window, so as not to jump when it comes to lead.
//
//	                    persisted window: the next leader begins above it
//	                                    v
//	granted ... last | may be granted ... until
//
// It is not for concurrent use.
type Oracle struct {
	granting bool
	last     graph.Timestamp // nothing at or below it may be granted
	until    graph.Timestamp // nothing above it may be granted
	at       pace            // where the physical part was last
	origin   pace            // of the windows that this process has seen
	live     bool            // the pace of the windows is known: origin is not from a replay
}

// Observe tells a process of the window in the meta group's state, whoever put it there, each time
// it has changed. Windows that come as fast as a log is replayed tell nothing of the pace.
func (o *Oracle) Observe(c Clock, until graph.Timestamp) {
	now := pace{until.UnixMilli(), c.Mono}
	switch {
	case o.origin == pace{} || now.phys > o.origin.limit(c.Mono)+Window.Milliseconds():
		o.origin, o.live = now, false
	case c.Mono-o.origin.mono >= liveAfter:
		o.origin, o.live = now, true
	}
}

// Start begins a term as leader: persisted is the window in the state after everything of the terms
// before has been applied. Nothing is granted until a window of this term is persisted.
func (o *Oracle) Start(c Clock, persisted graph.Timestamp) {
	o.granting, o.last, o.until = true, persisted, persisted
	phys := c.Wall.UnixMilli()
	if o.live {
		phys = min(phys, o.origin.limit(c.Mono))
	}
	o.at = pace{max(phys, 0), c.Mono}
}

// Stop ends the term.
func (o *Oracle) Stop() { o.granting = false }

// now returns the physical part: the wall clock as far as T2 allows.
func (o *Oracle) now(c Clock) int64 {
	phys := max(o.at.phys, min(c.Wall.UnixMilli(), o.at.limit(c.Mono)))
	if c.Mono-o.at.mono >= time.Millisecond { // else fractions would be lost
		o.at = pace{phys, c.Mono}
	}
	return phys
}

// Extend returns the window to persist now, if half of what there was is used.
func (o *Oracle) Extend(c Clock) (until graph.Timestamp, needed bool) {
	if !o.granting {
		return 0, false
	}
	phys := o.now(c)
	enough := max(graph.TimestampAt(phys+Window.Milliseconds()/2),
		o.last+graph.TimestampAt(ahead.Milliseconds()/2))
	until = max(graph.TimestampAt(phys+Window.Milliseconds()),
		o.last+graph.TimestampAt(ahead.Milliseconds()))
	return until &^ 1, o.until < enough
}

// Extended tells that a window returned by Extend in this term is in the log and applied.
func (o *Oracle) Extended(until graph.Timestamp) {
	if o.granting {
		o.until = max(o.until, until)
	}
}

// Grant returns the first of n timestamps; the others follow in steps of two. They belong to
// requests that arrived before the call, and leadership is confirmed after it (rule 6.1).
func (o *Oracle) Grant(c Clock, n int) (graph.Timestamp, error) {
	if !o.granting || n < 1 {
		return 0, unavailable(opGrant, "this node does not grant timestamps now")
	}
	first := o.last.NextCommit(graph.TimestampAt(o.now(c)))
	final := first + graph.Timestamp(2*(n-1))
	if final > o.until {
		return 0, unavailable(opGrant, "the window of timestamps up to %s is used up", o.until).
			WithRemedy("ask again: it is being extended")
	}
	o.last = final
	return first, nil
}

// Drift returns how far the wall clock is ahead of what may be granted; negative if it is behind
// what has been granted. Beyond DriftAlarm a clock of the cluster is wrong, or was.
func (o *Oracle) Drift(c Clock) time.Duration {
	wall := c.Wall.UnixMilli()
	over, under := max(0, wall-o.now(c)), max(0, o.last.UnixMilli()-wall)
	if over > under {
		return time.Duration(over) * time.Millisecond
	}
	return -time.Duration(under) * time.Millisecond
}
