//go:build linux

package rig

import (
	"context"
	"errors"
	"fmt"
	"time"

	adminv1 "github.com/codegraphdb/codegraph/api/codegraph/admin/v1"
)

// askWithin bounds one question of the rig itself.
const askWithin = 10 * time.Second

// WaitHealthy waits until every node runs and is ready, every shard has a leader and all replicas
// have applied what any has.
func (r *Rig) WaitHealthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.opts.ReadyWithin)
	defer cancel()
	for {
		err := r.health(ctx)
		if err == nil {
			return nil
		}
		if dead := r.dead(); len(dead) > 0 {
			return fmt.Errorf("rig: %s ended by itself; its log ends with:\n%s", Name(dead[0]),
				r.logTail(dead[0]))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("rig: not healthy within %v: %w", r.opts.ReadyWithin, err)
		case <-time.After(pollEvery):
		}
	}
}

// health says what keeps the cluster from being whole.
func (r *Rig) health(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	for i, s := range r.Status(ctx) {
		if !s.Ready {
			return fmt.Errorf("node %d: %v", i+1, s.Problems)
		}
	}
	resp, err := r.client.Shards(ctx, false)
	if err != nil {
		return err
	}
	if len(resp.GetShards()) == 0 {
		return errors.New("there are no shards")
	}
	for _, s := range resp.GetShards() {
		if err := r.shardHealth(s); err != nil {
			return fmt.Errorf("shard %d: %w", s.GetId(), err)
		}
	}
	return nil
}

func (r *Rig) shardHealth(s *adminv1.ShardInfo) error {
	if want := min(r.Size(), 3); len(s.GetReplicas()) != want {
		return fmt.Errorf("%d replicas, want %d", len(s.GetReplicas()), want)
	}
	leaders := 0
	for _, rep := range s.GetReplicas() {
		if rep.GetError() != "" {
			return fmt.Errorf("%s: %s", rep.GetNodeId(), rep.GetError())
		}
		if rep.GetLeader() {
			leaders++
		}
	}
	if leaders != 1 {
		return fmt.Errorf("%d leaders", leaders)
	}
	return nil
}

// Leaders returns how many shards each node leads, and which node leads the meta group; -1 if that
// is not known.
func (r *Rig) Leaders(ctx context.Context) (leads []int, meta int, err error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	resp, err := r.client.Nodes(ctx)
	if err != nil {
		return nil, -1, err
	}
	leads, meta = make([]int, r.Size()), -1
	for _, n := range resp.GetNodes() {
		i := r.index(n.GetClientAddress())
		if i < 0 {
			return nil, -1, fmt.Errorf("rig: a stranger is in the cluster: %s", n.GetClientAddress())
		}
		leads[i] = int(n.GetLeaders())
		if n.GetMetaLeader() {
			meta = i
		}
	}
	return leads, meta, nil
}

// Shards lists the shards with their slots, with digests if asked.
func (r *Rig) Shards(ctx context.Context, digests bool) ([]*adminv1.ShardInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	resp, err := r.client.Shards(ctx, digests)
	return resp.GetShards(), err
}
