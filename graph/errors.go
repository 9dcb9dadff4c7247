package graph

import (
	"errors"
	"fmt"
	"strings"
)

// ErrorKind classifies an error. Values are wire-stable: append, never reorder.
type ErrorKind uint8

// The kinds of errors. api maps each to one gRPC status code; cgctl to one exit code.
const (
	KindOther        ErrorKind = iota // not classified
	KindInvalid                       // the request is malformed; the same request fails again
	KindNotFound                      // the named thing does not exist
	KindExists                        // the thing exists already
	KindConflict                      // a precondition does not hold or somebody else holds a lock
	KindUnavailable                   // cannot be served now; a retry may help
	KindDeadline                      // the deadline ended the work
	KindLimit                         // a bound on rows, memory, edges or size was met
	KindUnauthorized                  // who asks is unknown
	KindForbidden                     // who asks may not
	KindUnsupported                   // known, but not offered
	KindCorrupt                       // stored bytes are not what was written
	KindInternal                      // a bug
	KindCanceled                      // the caller gave up
	KindNotLeader                     // the replica asked does not lead the group
	KindStaleEpoch                    // the request was routed by an old map
	KindAmbiguous                     // several things match a name
	KindDiskFull                      // writes are refused until space is freed
	KindUnknown                       // the outcome of a write is not known; ask again by its id
)

var kindNames = [...]string{
	"other", "invalid", "not found", "exists", "conflict", "unavailable", "deadline", "limit",
	"unauthorized", "forbidden", "unsupported", "corrupt", "internal", "canceled", "not leader",
	"stale epoch", "ambiguous", "disk full", "unknown outcome",
}

// String returns the kind in words.
func (k ErrorKind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Error is an error with the operation that failed, its kind and, where there is one, the remedy.
type Error struct {
	Op     string    // "shard.Apply", "ingest.Open"
	Kind   ErrorKind // what class of failure
	Reason Reason    // tells apart what one kind covers; may be empty
	Msg    string    // names the thing and the place
	Remedy string    // what the reader can do about it; may be empty
	Err    error     // the cause; may be nil
}

// Reason tells apart errors of one kind for whoever reacts to them. Values travel: none changes.
type Reason string

// The reasons for which a transaction is refused.
const (
	// ReasonOwnedByIngest: only an import may do that to an ingested vertex or edge (1.1).
	ReasonOwnedByIngest Reason = "OWNED_BY_INGEST"
	// ReasonLocked: another transaction is under way there; once it has ended the same may work.
	ReasonLocked Reason = "LOCKED"
	// ReasonChanged: something was changed after the transaction began; begin again.
	ReasonChanged Reason = "CHANGED"
	// ReasonPrecondition: a precondition of the request does not hold.
	ReasonPrecondition Reason = "PRECONDITION"
	// ReasonHasEdges: a vertex with edges is deleted only with them.
	ReasonHasEdges Reason = "HAS_EDGES"
	// ReasonTooOld: a timestamp lies below what the shard keeps.
	ReasonTooOld Reason = "TOO_OLD"
	// ReasonEnded: the transaction has already ended in another way.
	ReasonEnded Reason = "ENDED"
)

// Error returns "op: message: cause (remedy)".
func (e *Error) Error() string {
	var b strings.Builder
	if e.Op != "" {
		b.WriteString(e.Op)
		b.WriteString(": ")
	}
	msg := e.Msg
	if msg == "" && e.Err == nil {
		msg = e.Kind.String()
	}
	b.WriteString(msg)
	if e.Err != nil {
		if msg != "" {
			b.WriteString(": ")
		}
		b.WriteString(e.Err.Error())
	}
	if e.Remedy != "" {
		b.WriteString(" (")
		b.WriteString(e.Remedy)
		b.WriteString(")")
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error; the format may wrap a cause with %w.
func Errorf(op string, kind ErrorKind, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	cause := errors.Unwrap(err)
	if cause == nil {
		return &Error{Op: op, Kind: kind, Msg: err.Error()}
	}
	msg := strings.TrimSuffix(strings.TrimSuffix(err.Error(), cause.Error()), ": ")
	return &Error{Op: op, Kind: kind, Msg: msg, Err: cause}
}

// WithRemedy returns e with what the reader can do about it.
func (e *Error) WithRemedy(format string, args ...any) *Error {
	e.Remedy = fmt.Sprintf(format, args...)
	return e
}

// WithReason returns e with the reason.
func (e *Error) WithReason(r Reason) *Error {
	e.Reason = r
	return e
}

// ReasonOf returns the reason of the first Error in err's chain that has one, "" if none has.
func ReasonOf(err error) Reason {
	for err != nil {
		var e *Error
		if !errors.As(err, &e) {
			return ""
		}
		if e.Reason != "" {
			return e.Reason
		}
		err = e.Err
	}
	return ""
}

// KindOf returns the kind of the first Error in err's chain, KindOther if there is none.
func KindOf(err error) ErrorKind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return KindOther
}

// IsKind tells whether the first Error in err's chain is of kind k.
func IsKind(err error, k ErrorKind) bool { return err != nil && KindOf(err) == k }

// ParseErrorKind returns the kind that String spells; KindOther for anything else.
func ParseErrorKind(s string) ErrorKind {
	for i, name := range kindNames {
		if name == s {
			return ErrorKind(i)
		}
	}
	return KindOther
}
