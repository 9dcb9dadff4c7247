package group

import (
	"log/slog"

	"github.com/codegraphdb/codegraph/cluster"
	"github.com/codegraphdb/codegraph/node/transport"
	"github.com/codegraphdb/codegraph/shard"
)

// Desc returns the shard as the map has it. It is not to be changed.
func (r *Replica) Desc() *cluster.Descriptor { return r.desc.Load() }

// Self returns which replica of the shard this is.
func (r *Replica) Self() cluster.Replica { return r.self }

// Label returns the shard's id, for metrics.
func (r *Replica) Label() string { return r.label }

// Logger returns the logger that names the shard.
func (r *Replica) Logger() *slog.Logger { return r.logger }

// State returns the state machine.
func (r *Replica) State() *shard.Shard { return r.state }

// LeaderTerm returns the term in which this replica leads, with a barrier applied, else 0.
func (r *Replica) LeaderTerm() uint64 { return r.leading.Term() }

// Leader returns the node that leads the group as far as this replica knows.
func (r *Replica) Leader() string {
	_, id := r.raft.LeaderWithID()
	node, _, err := transport.SplitReplicaID(id)
	if err != nil {
		return ""
	}
	return node
}

// Term returns the current term.
func (r *Replica) Term() uint64 { return r.raft.CurrentTerm() }

// LastIndex returns the index of the last entry of the log.
func (r *Replica) LastIndex() uint64 { return r.raft.LastIndex() }

// FirstIndex returns the index of the first entry that is still in the log.
func (r *Replica) FirstIndex() (uint64, error) { return r.log.FirstIndex() }

// AppliedIndex returns the index up to which Raft has handed entries to the state.
func (r *Replica) AppliedIndex() uint64 { return r.raft.AppliedIndex() }

// Installed returns how many snapshots of a leader were installed since the start.
func (r *Replica) Installed() uint64 { return r.installed.Load() }
