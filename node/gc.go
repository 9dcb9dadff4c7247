package node

import (
	"context"
	"time"

	"github.com/codegraphdb/codegraph/cluster"
	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/shard"
)

const (
	gcTick  = time.Minute
	gcRows  = 20_000 // versions that one command looks at
	gcPause = 20 * time.Millisecond
)

// runGC collects superseded versions in the shards that this node leads. A pass is a row of Raft
// commands, so that every replica drops the same rows.
func (n *Node) runGC(ctx context.Context) {
	tick := time.NewTicker(gcTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		snap := n.meta.state.Snapshot()
		safepoint := gcSafepoint(snap, time.Now().Add(-n.opts.Retention).UnixMilli())
		open, _ := n.groups.list()
		for _, r := range open {
			if r.leading.ready.Load() == 0 || !gcWorth(snap, r.state.Stats().Safepoint, safepoint) {
				continue
			}
			if err := r.collect(ctx, safepoint); err != nil && ctx.Err() == nil {
				r.logger.Info("collecting versions", "err", err)
			}
		}
	}
}

// gcSafepoint is the timestamp below which nobody may read any more: the end of the retention, but
// never after the last commit, which is what reads see, nor after the oldest open import, whose
// batches a shard would refuse.
func gcSafepoint(s *cluster.Snapshot, retainedMillis int64) graph.Timestamp {
	safepoint := min(graph.TimestampAt(retainedMillis), s.LastCommit())
	if open := s.Imports(); len(open) > 0 && open[0].ID <= safepoint {
		safepoint = (open[0].ID - 1) &^ 1
	}
	return safepoint
}

// gcWorth tells whether a repository was committed between two safepoints: only then a version
// can have been superseded.
func gcWorth(s *cluster.Snapshot, from, to graph.Timestamp) bool {
	if to <= from {
		return false
	}
	for _, r := range s.Repositories() {
		for _, rev := range r.Revisions {
			if from < rev.Commit && rev.Commit <= to {
				return true
			}
		}
	}
	return s.DeletedBetween(from, to)
}

// collect runs one pass. Another leader would begin anew.
func (r *replica) collect(ctx context.Context, safepoint graph.Timestamp) error {
	var cursor []byte
	removed := 0
	for {
		step, cancel := context.WithTimeout(ctx, defaultDeadline)
		res, err := r.propose(step, func(term, epoch uint64) []byte {
			return shard.EncodeGC(term, epoch, safepoint, cursor, gcRows)
		})
		cancel()
		if err != nil {
			return err
		}
		removed += res.Removed
		if res.Done {
			r.logger.Info("collected versions", "removed", removed, "safepoint", safepoint)
			return nil
		}
		cursor = res.Cursor
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(gcPause):
		}
	}
}
