package graph

import "fmt"

// Timestamp is a point in the order of commits: physical milliseconds << 18 | counter.
// Its lowest bit tells an import id (1) from a commit timestamp (0); zero is "before everything".
type Timestamp uint64

const timestampCounterBits = 18

// MaxTimestamp is after every commit.
const MaxTimestamp = Timestamp(1<<64 - 2)

// TimestampAt returns the first commit timestamp of a millisecond since 1970.
func TimestampAt(unixMilli int64) Timestamp {
	return Timestamp(uint64(unixMilli) << timestampCounterBits)
}

// NextCommit returns the smallest commit timestamp that is after t and not before floor.
func (t Timestamp) NextCommit(floor Timestamp) Timestamp {
	next := (t | 1) + 1
	if floor = (floor + 1) &^ 1; floor > next {
		return floor
	}
	return next
}

// ImportID returns the import id that belongs to the commit timestamp t.
func (t Timestamp) ImportID() Timestamp { return t | 1 }

// IsImport tells whether t is an import id.
func (t Timestamp) IsImport() bool { return t&1 == 1 }

// UnixMilli returns the physical part, milliseconds since 1970.
func (t Timestamp) UnixMilli() int64 { return int64(t >> timestampCounterBits) }

// String returns milliseconds and counter, e.g. "1790000000000.4".
func (t Timestamp) String() string {
	return fmt.Sprintf("%d.%d", t.UnixMilli(), uint64(t)&(1<<timestampCounterBits-1))
}
