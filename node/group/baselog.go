package group

import (
	"errors"

	"github.com/hashicorp/raft"
)

// BaseLog is a group's log as Raft sees it: it also knows the term of the entry that the newest
// snapshot ends with, when the log begins right after it.
//
// A follower that got a snapshot has no entry at its index, and the library (1.7.3) looks for the
// entry before new ones in the log only. If it has appended more and the answer got lost, the
// leader begins after the snapshot once more, is refused, goes back until its own log ends, sends
// the same snapshot, and so on for ever.
//
// Nobody takes the answer for an entry to apply or to send: for that it would have to be preceded
// by one that is there.
type BaseLog struct {
	raft.LogStore
	snaps raft.SnapshotStore
}

// NewBaseLog makes the view of log for a group whose snapshots are snaps.
func NewBaseLog(log raft.LogStore, snaps raft.SnapshotStore) BaseLog { return BaseLog{log, snaps} }

// GetLog implements raft.LogStore.
func (b BaseLog) GetLog(index uint64, l *raft.Log) error {
	missing := b.LogStore.GetLog(index, l)
	if !errors.Is(missing, raft.ErrLogNotFound) {
		return missing
	}
	metas, err := b.snaps.List() // newest first
	if err != nil || len(metas) == 0 || metas[0].Index != index {
		return missing
	}
	var next raft.Log
	if b.LogStore.GetLog(index+1, &next) != nil {
		return missing
	}
	*l = raft.Log{Index: index, Term: metas[0].Term, Type: raft.LogNoop}
	return nil
}
