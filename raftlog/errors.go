package raftlog

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/codegraphdb/codegraph/graph"
)

// Sentinels, to be tested with errors.Is. What is returned wraps them in a *graph.Error that
// names the group, the index or the file. A missing entry is raft.ErrLogNotFound, unwrapped,
// because Raft compares it.
var (
	// ErrRevoked: the handle was closed, or the group was opened again or destroyed.
	ErrRevoked = errors.New("handle revoked")
	// ErrFailed: the store died of an earlier error or a missed deadline.
	ErrFailed = errors.New("log store failed")
	// ErrDeadline: a write missed the deadline; it may still land.
	ErrDeadline = errors.New("write deadline exceeded")
	// ErrDiskFull: there is no room for another segment. Nothing was written; truncations, terms
	// and votes still work.
	ErrDiskFull = errors.New("disk full")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("log store closed")
	// ErrCorrupt: stored bytes are not what was written.
	ErrCorrupt = errors.New("corrupt")
	// ErrHole: the call would leave a hole in a group's log. Nothing was written.
	ErrHole = errors.New("hole in the log")
	// ErrNoSnapshot: no snapshot has this id.
	ErrNoSnapshot = errors.New("no such snapshot")
	// ErrNewerFormat: the files were written by a newer version.
	ErrNewerFormat = errors.New("newer format")
)

// writeError makes the error of a store whose write failed.
func writeError(op string, cause error) error {
	kind := graph.KindUnavailable
	switch {
	case errors.Is(cause, syscall.ENOSPC):
		kind = graph.KindDiskFull
	case errors.Is(cause, ErrDeadline):
		kind = graph.KindDeadline
	}
	return &graph.Error{
		Op:     op,
		Kind:   kind,
		Err:    fmt.Errorf("%w: %w", ErrFailed, cause),
		Remedy: "look at the disk, then restart the process",
	}
}

// corrupt makes an error of kind corrupt that names the place.
func corrupt(op, format string, args ...any) error {
	msg := fmt.Sprintf(format, args...)
	return &graph.Error{Op: op, Kind: graph.KindCorrupt, Msg: msg, Err: ErrCorrupt}
}

// refuse makes an error of the given kind around a sentinel.
func refuse(op string, kind graph.ErrorKind, sentinel error, format string, args ...any) error {
	return &graph.Error{Op: op, Kind: kind, Msg: fmt.Sprintf(format, args...), Err: sentinel}
}
