package node

import (
	"context"
	"time"

	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/node/group"
	"github.com/codegraphdb/codegraph/shard"
)

const (
	gcRows  = 20_000 // versions that one command looks at
	gcPause = 20 * time.Millisecond
)

// gcTick is how often a node looks for versions to collect: they stay at most a quarter longer than
// the retention, but for a second, and no more than a minute.
func gcTick(retention time.Duration) time.Duration {
	return min(time.Minute, max(time.Second, retention/4))
}

// runGC collects superseded versions in the shards that this node leads. A pass is a row of Raft
// commands, so that every replica drops the same rows.
func (n *Node) runGC(ctx context.Context) {
	tick := time.NewTicker(gcTick(n.opts.Retention))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		end := graph.TimestampAt(time.Now().Add(-n.opts.Retention).UnixMilli())
		safepoint := n.meta.state.Snapshot().Safepoint(end)
		open, _ := n.groups.List()
		for _, r := range open {
			st := r.State().Stats()
			if r.LeaderTerm() == 0 || st.Due == 0 || safepoint < max(st.Due, st.Safepoint) {
				continue
			}
			if err := n.collect(ctx, r, safepoint); err != nil && ctx.Err() == nil {
				r.Logger().Info("collecting versions", "err", err)
			}
		}
	}
}

// collect runs one pass. Another leader would begin anew.
func (n *Node) collect(ctx context.Context, r *group.Replica, safepoint graph.Timestamp) error {
	var cursor []byte
	removed := 0
	for {
		step, cancel := context.WithTimeout(ctx, defaultDeadline)
		res, err := r.Propose(step, func(term, epoch uint64) []byte {
			return shard.EncodeGC(term, epoch, shard.GC{Safepoint: safepoint, Cursor: cursor,
				MaxRows: gcRows})
		})
		cancel()
		if err != nil {
			return err
		}
		removed += res.Removed
		if res.Done {
			r.Logger().Info("collected versions", "removed", removed, "safepoint", safepoint)
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
