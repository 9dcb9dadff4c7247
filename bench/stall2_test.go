package main

import (
	"context"
	"time"

	peerv1 "github.com/codegraphdb/codegraph/api/codegraph/peer/v1"
)

func (p *prober) writeOnce(ctx context.Context, node int, shard, epoch uint64) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	_, _ = p.nodes[node].WriteShard(ctx, &peerv1.WriteShardRequest{ShardId: shard, Epoch: epoch,
		Command: peerv1.ShardCommand_SHARD_COMMAND_OUTCOME, Body: p.outcome()})
}
