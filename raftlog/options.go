package raftlog

import (
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Defaults of Options and SnapshotOptions.
const (
	DefaultWriteDeadline = 10 * time.Second
	DefaultSegmentBytes  = 16 << 20
	DefaultMaxBytes      = 1 << 30
	DefaultCacheBytes    = 64 << 20
	DefaultRetainBytes   = 8 << 20
	DefaultPinBytes      = 256 << 20
	DefaultKeepSnapshots = 2
	// DefaultSnapshotBytes is the LogBytes at which a node should take a snapshot of a group.
	DefaultSnapshotBytes = 32 << 20
)

// Options configures an Engine or a MetaLog. The zero value works.
type Options struct {
	// FS is the file system; nil means the operating system's. MetaLog always uses the latter.
	FS vfs.FS

	// Logger receives what the storage engine reports; nil discards it.
	Logger *slog.Logger

	// WriteDeadline bounds one write including its fsync. A write that takes longer kills the
	// engine (R5). Default 10 s.
	WriteDeadline time.Duration

	// OnFatal is called once, on a goroutine of its own, when the engine died. A node exits the
	// process: what Raft believes and what the disk holds may differ. Nil only logs.
	OnFatal func(err error)

	// OnCorrupt is called once per group, on a goroutine of its own, when a row of it does not
	// verify. A node destroys the replica and adds it again as a non-voter. Nil only logs.
	OnCorrupt func(group uint64, err error)

	// SegmentBytes is the size of a segment's file. Two are there at least; a batch that needs
	// more room gets a file of its own. Default 16 MiB.
	SegmentBytes int64

	// MaxBytes is the size of the log on disk above which the entries that are still needed of
	// its oldest segments are written again at its end, so that one group that does not truncate
	// does not keep what all the others wrote since. A log of which more than half is needed may
	// be larger. Default 1 GiB.
	MaxBytes int64

	// CacheBytes bounds the newest entries of all groups that are kept in memory, so that what
	// is applied or sent to followers is not read from disk. Default 64 MiB; negative keeps none.
	CacheBytes int64

	// RetainBytes is how much of a group's log survives the truncation of a prefix, so that a
	// follower that lags a little does not need a snapshot. It is meant to replace Raft's
	// TrailingLogs, which counts entries of any size: set that to a small number, not to 0 (a
	// truncation of the whole log is taken literally). Default 8 MiB; negative keeps nothing.
	RetainBytes int64

	// PinBytes is the size of a group's log above which pins no longer defer truncation.
	// Default 256 MiB.
	PinBytes int64
}

func (o Options) withDefaults() Options {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.WriteDeadline <= 0 {
		o.WriteDeadline = DefaultWriteDeadline
	}
	if o.SegmentBytes <= 0 {
		o.SegmentBytes = DefaultSegmentBytes
	}
	o.SegmentBytes = max(o.SegmentBytes, 4*firstRound)
	if o.MaxBytes <= 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = DefaultCacheBytes
	}
	if o.RetainBytes == 0 {
		o.RetainBytes = DefaultRetainBytes
	}
	if o.PinBytes <= 0 {
		o.PinBytes = DefaultPinBytes
	}
	return o
}

// SnapshotOptions configures Snapshots. The zero value works.
type SnapshotOptions struct {
	// FS is the file system; nil means the operating system's.
	FS vfs.FS

	// Logger receives warnings; nil discards them.
	Logger *slog.Logger

	// Keep is how many snapshots taken or installed here stay listed. Default 2.
	Keep int

	// OnSend is called with a snapshot's index when it is opened for sending; what it returns is
	// called when the stream is closed. A node passes Group.Pin. Nil does nothing.
	OnSend func(index uint64) (release func())
}

func (o SnapshotOptions) withDefaults() SnapshotOptions {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Keep <= 0 {
		o.Keep = DefaultKeepSnapshots
	}
	return o
}
