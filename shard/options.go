package shard

import (
	"errors"
	"log/slog"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/codegraphdb/codegraph/graph"
)

// SlotRange is a range of slots, both ends included.
type SlotRange = graph.SlotRange

// Descriptor says which shard this is and which slots it has. Its epoch grows with every change.
type Descriptor struct {
	ID    uint64
	Epoch uint64
	Slots SlotRange
}

// Options configure a replica.
type Options struct {
	// ID, Slots and Epoch are the descriptor at the birth of the shard: the same for every replica
	// of the group, whenever it is made. A store that exists keeps its own; only ID must agree.
	ID    uint64
	Slots SlotRange
	Epoch uint64
	// Incarnation of this replica; a store of another one is refused. Zero is not checked.
	Incarnation uint64

	Cache     *pebble.Cache     // shared by the shards of a node; nil: a small one of its own
	FileCache *pebble.FileCache // shared by the shards of a node; nil: one of its own
	// CompactionScheduler limits compactions over all shards of a node; nil: one of its own.
	CompactionScheduler pebble.CompactionScheduler
	FS                  vfs.FS // nil: the disk
	MemTableSize        uint64 // zero: 16 MiB
	Logger              *slog.Logger
	// OnFatal is called for an error in the background (flush, fsync, manifest) after which the
	// store must not be used; it should end the process. Such errors are logged, too.
	OnFatal func(error)
}

const defaultMemTable = 16 << 20

func (o Options) withDefaults() (Options, error) {
	if o.Slots.Lo > o.Slots.Hi {
		return o, errorf("Open", graph.KindInvalid, "shard %d: slots %d..%d are no range",
			o.ID, o.Slots.Lo, o.Slots.Hi)
	}
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.MemTableSize == 0 {
		o.MemTableSize = defaultMemTable
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.OnFatal == nil {
		o.OnFatal = func(error) {}
	}
	o.Logger = o.Logger.With("shard", o.ID)
	return o, nil
}

// logAdapter turns Pebble's messages into slog records. Pebble goes on after Errorf; after Fatalf
// it must not.
type logAdapter struct {
	log     *slog.Logger
	onFatal func(error)
}

// Infof implements pebble.Logger; what Pebble tells in passing is for debugging.
func (l logAdapter) Infof(format string, args ...any) {
	l.log.Debug("pebble", "msg", lazyText{format, args})
}

// Errorf implements pebble.Logger.
func (l logAdapter) Errorf(format string, args ...any) {
	l.log.Error("pebble", "msg", lazyText{format, args})
}

// Fatalf implements pebble.Logger. It does not return.
func (l logAdapter) Fatalf(format string, args ...any) {
	err := errors.New(lazyText{format, args}.String())
	l.log.Error("pebble cannot go on", "err", err)
	l.onFatal(err)
	panic(err)
}
