package group

import (
	"log/slog"

	"github.com/codegraphdb/codegraph/node/datadir"
	"github.com/codegraphdb/codegraph/node/transport"
	"github.com/codegraphdb/codegraph/raftlog"
	"github.com/codegraphdb/codegraph/shard"
)

// Deps is what a replica takes from its node.
type Deps struct {
	Self   string // the node
	Dir    *datadir.Dir
	Engine *raftlog.Engine
	Trans  *transport.Transport
	Shard  shard.Options
	Logger *slog.Logger
	Fatal  func(error) // ends the process

	SnapshotAt int64 // bytes of a group's log at which a snapshot is taken
}
