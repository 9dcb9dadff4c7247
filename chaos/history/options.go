package history

import "time"

// Options are the parts of a Recorder that a simulation replaces.
type Options struct {
	// Clock gives the wall clock and the time since the start; the second never goes backwards.
	Clock func() (wall time.Time, since time.Duration)
	// FlushEvery is the longest time that lines stay in memory; default one second.
	FlushEvery time.Duration
}

func (o Options) withDefaults() Options {
	if o.Clock == nil {
		start := time.Now()
		o.Clock = func() (time.Time, time.Duration) {
			now := time.Now()
			return now, now.Sub(start)
		}
	}
	if o.FlushEvery <= 0 {
		o.FlushEvery = time.Second
	}
	return o
}
