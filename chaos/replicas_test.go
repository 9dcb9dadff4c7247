package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/codegraphdb/codegraph"
	adminv1 "github.com/codegraphdb/codegraph/api/codegraph/admin/v1"
)

// checkDigests holds the replicas of all shards to C6.
func checkDigests(shards []*adminv1.ShardInfo, replicas int) error {
	if len(shards) == 0 {
		return errors.New("there are no shards")
	}
	rows := uint64(0)
	for _, s := range shards {
		rows += s.GetRows()
		if len(s.GetReplicas()) != replicas {
			return fmt.Errorf("shard %d has %d replicas, want %d", s.GetId(), len(s.GetReplicas()),
				replicas)
		}
		first := s.GetReplicas()[0]
		for _, r := range s.GetReplicas() {
			switch {
			case r.GetError() != "":
				return fmt.Errorf("shard %d on %s: %s", s.GetId(), r.GetNodeId(), r.GetError())
			case r.GetDigest() == "":
				return fmt.Errorf("shard %d on %s has no digest", s.GetId(), r.GetNodeId())
			case r.GetDigest() != first.GetDigest() || r.GetAppliedIndex() != first.GetAppliedIndex():
				return fmt.Errorf("C6: shard %d has digest %s at %d on %s, %s at %d on %s", s.GetId(),
					first.GetDigest(), first.GetAppliedIndex(), first.GetNodeId(), r.GetDigest(),
					r.GetAppliedIndex(), r.GetNodeId())
			}
		}
	}
	if rows == 0 {
		return errors.New("all shards are empty")
	}
	return nil
}

// checkReplicas waits until all replicas are equal.
func (r *rig) checkReplicas(c *codegraph.Client) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 30*time.Second)
	defer cancel()
	for {
		resp, err := c.Shards(ctx, true)
		if err == nil {
			err = checkDigests(resp.GetShards(), min(r.Size(), 3))
		}
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			r.t.Fatalf("after 30 s: %v", err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// nodeIDs returns the ids of the nodes in the order of the rig.
func (r *rig) nodeIDs(c *codegraph.Client) []string {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), readWithin)
	defer cancel()
	resp, err := c.Nodes(ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	out := make([]string, r.Size())
	for _, n := range resp.GetNodes() {
		if i := slices.Index(r.Addresses(), n.GetClientAddress()); i >= 0 {
			out[i] = n.GetId()
		}
	}
	if slices.Contains(out, "") {
		r.t.Fatalf("not all nodes are registered: %v", resp.GetNodes())
	}
	return out
}

// metaLeader returns which node leads the meta group.
func (r *rig) metaLeader(c *codegraph.Client, ids []string) int {
	r.t.Helper()
	leader := -1
	wait(r.t, readWithin, "a leader of the meta group", func() bool {
		ctx, cancel := context.WithTimeout(r.t.Context(), readWithin)
		defer cancel()
		s, err := c.Status(ctx)
		if err == nil {
			leader = slices.Index(ids, s.GetMetaLeader())
		}
		return leader >= 0
	})
	return leader
}

// applied returns the highest index that any replica has applied, by shard.
func (r *rig) applied(c *codegraph.Client) map[uint64]uint64 {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), readWithin)
	defer cancel()
	resp, err := c.Shards(ctx, false)
	if err != nil {
		r.t.Fatal(err)
	}
	out := map[uint64]uint64{}
	for _, s := range resp.GetShards() {
		for _, rep := range s.GetReplicas() {
			out[s.GetId()] = max(out[s.GetId()], rep.GetAppliedIndex())
		}
	}
	return out
}

// waitCaughtUp waits until every replica has applied what any had applied when it was called.
func (r *rig) waitCaughtUp(c *codegraph.Client) {
	r.t.Helper()
	target := r.applied(c)
	wait(r.t, readyWithin, "replicas that have caught up", func() bool {
		ctx, cancel := context.WithTimeout(r.t.Context(), readWithin)
		defer cancel()
		resp, err := c.Shards(ctx, false)
		if err != nil {
			return false
		}
		for _, s := range resp.GetShards() {
			for _, rep := range s.GetReplicas() {
				if rep.GetError() != "" || rep.GetAppliedIndex() < target[s.GetId()] {
					return false
				}
			}
		}
		return true
	})
}
