package txn

import "time"

const (
	// Window is how far ahead of the clock timestamps are reserved in the meta group's log.
	Window = 3 * time.Second
	// LockTTL is how long a transaction is left alone after its coordinator was last heard of.
	LockTTL = 10 * time.Second
	// DriftAlarm is the difference between the wall clock and the oracle that calls for a person.
	DriftAlarm = 10 * time.Second

	// ahead is how much is reserved when the oracle is ahead of the clock, as after a change of
	// leader: 13 million timestamps. Whole windows on top of each other would run away.
	ahead = 100 * time.Millisecond
	// liveAfter is how long a node has to see the window move before it knows the pace.
	liveAfter = time.Second
)
