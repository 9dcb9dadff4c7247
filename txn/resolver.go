package txn

import "github.com/codegraphdb/codegraph/graph"

// Lock is a lock that a read, a write or a cleaner meets.
type Lock struct {
	Txn       ID
	Primary   graph.Slot // whose shard has the record
	Prepared  graph.Timestamp
	Exclusive bool
}

// HidesFrom tells whether a strong read at a timestamp cannot pass the lock: the transaction may
// have committed at or below it. Below the prepare timestamp it cannot have (T5). Shared locks hide
// no write.
func (l Lock) HidesFrom(at graph.Timestamp) bool { return l.Exclusive && l.Prepared <= at }

// Excludes tells whether a lock keeps another transaction from a lock or a write.
func (l Lock) Excludes(txn ID, exclusive bool) bool {
	return l.Txn != txn && (l.Exclusive || exclusive)
}

// Remedy is what to do about a lock that is in the way.
type Remedy uint8

// The remedies.
const (
	// Wait for its transaction, then look again.
	Wait Remedy = iota + 1
	// AbortAtPrimary decides an abort at the primary, where the coordinator may be quicker; then
	// look at the record that this gives.
	AbortAtPrimary
	// Carry out the record: resolve the transaction here as the record says.
	CarryOut
)

// String returns the remedy in words.
func (r Remedy) String() string {
	switch r {
	case Wait:
		return "wait"
	case AbortAtPrimary:
		return "abort at the primary"
	case CarryOut:
		return "carry out the record"
	}
	return "no remedy"
}

// Meet says what to do about a lock when its primary was asked: rec is the record there, lapsed
// says that the primary has heard nothing of the transaction for LockTTL. Nobody who has not asked
// the primary, with the leader of its shard confirmed, does anything but wait (T6).
func Meet(rec Record, lapsed bool) Remedy {
	switch {
	case rec.Decided():
		return CarryOut
	case lapsed:
		return AbortAtPrimary
	}
	return Wait
}
