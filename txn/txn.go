package txn

import (
	"encoding/hex"

	"github.com/codegraphdb/codegraph/graph"
)

// ID names a transaction. The client chooses it; it is never zero.
type ID [16]byte

// String returns the id in hexadecimal.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Status is what a transaction's record says.
type Status uint8

// The statuses of a record. Stored by shards: append, never reorder.
const (
	NoRecord  Status = iota // the primary knows nothing of the transaction
	Pending                 // prepared there, not decided
	Committed               // decided: it took effect at the commit timestamp
	Aborted                 // decided: it never takes effect
)

// String returns the status in words.
func (s Status) String() string {
	switch s {
	case NoRecord:
		return "no record"
	case Pending:
		return "pending"
	case Committed:
		return "committed"
	case Aborted:
		return "aborted"
	}
	return "unknown status"
}

// Record is the transaction's record on its primary.
type Record struct {
	Status Status
	Commit graph.Timestamp // if Committed
}

// Decided tells whether the record will never change.
func (r Record) Decided() bool { return r.Status == Committed || r.Status == Aborted }
