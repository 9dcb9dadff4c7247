package raftlog

import (
	"sync"
	"time"
)

// deadlineSlices is into how many parts a deadline is cut.
const deadlineSlices = 16

// deadline fires when something has taken too long, in time during which this process ran: one that
// was stopped (SIGSTOP, a machine that was suspended) finds its clock ahead and its disk in order.
// So the time is cut into slices, and whatever passes between two of them counts as one.
type deadline struct {
	slice time.Duration
	fire  func()

	mu    sync.Mutex
	timer *time.Timer
	left  int // slices; 0 while it is not armed
}

func newDeadline(after time.Duration, fire func()) *deadline {
	d := &deadline{slice: after / deadlineSlices, fire: fire}
	d.timer = time.AfterFunc(time.Hour, d.tick)
	d.timer.Stop()
	return d
}

// start arms the deadline. A tick of an earlier start that is still under way may cost one slice.
func (d *deadline) start() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left = deadlineSlices
	d.timer.Reset(d.slice)
}

// stop disarms it.
func (d *deadline) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left = 0
	d.timer.Stop()
}

func (d *deadline) tick() {
	d.mu.Lock()
	due := d.left == 1
	if d.left > 0 {
		d.left--
	}
	if d.left > 0 {
		d.timer.Reset(d.slice)
	}
	d.mu.Unlock()
	if due {
		d.fire()
	}
}
