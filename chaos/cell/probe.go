//go:build linux

package cell

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/codegraphdb/codegraph"
	adminv1 "github.com/codegraphdb/codegraph/api/codegraph/admin/v1"
	ingestv1 "github.com/codegraphdb/codegraph/api/codegraph/ingest/v1"
	queryv1 "github.com/codegraphdb/codegraph/api/codegraph/query/v1"
	"github.com/codegraphdb/codegraph/chaos/check"
	"github.com/codegraphdb/codegraph/chaos/history"
	"github.com/codegraphdb/codegraph/graph"
)

const (
	probeEvery  = 100 * time.Millisecond // of each shard
	probeWithin = time.Second
	probeRepo   = "probes"
)

// probe is a symbol in one shard. Asking for it strongly needs that shard and the meta group.
type probe struct {
	shard string
	id    uint64
	key   string
}

// shardOf says which shard holds a slot.
func shardOf(shards []*adminv1.ShardInfo) func(graph.Slot) uint64 {
	return func(s graph.Slot) uint64 {
		for _, i := range shards {
			if uint32(s) >= i.GetSlotLo() && uint32(s) <= i.GetSlotHi() {
				return i.GetId()
			}
		}
		return 0
	}
}

// newProbes chooses a symbol key in each shard.
func newProbes(shards []*adminv1.ShardInfo) []probe {
	of := shardOf(shards)
	var out []probe
	for _, s := range shards {
		for try := 0; ; try++ {
			key := fmt.Sprintf("gomod example.test/%[1]s `example.test/%[1]s/p%[2]d`/Probe%[3]d().",
				probeRepo, try, s.GetId())
			if of(graph.SlotOf(key)) == s.GetId() {
				out = append(out, probe{fmt.Sprint(s.GetId()), s.GetId(), key})
				break
			}
		}
	}
	return out
}

// setup writes the probes and what the workload begins with.
func (r *run) setup(ctx context.Context) error {
	im, err := r.rig.Client().OpenImport(ctx,
		codegraph.OpenOptions{Repo: probeRepo, Revision: "probes"})
	if err != nil {
		return err
	}
	defer im.Abort("not committed")
	for _, p := range r.probes {
		id := graph.IDOf(p.key)
		path := "p" + p.shard + "/x.go"
		err := im.Put(ctx, &graph.OwnerFacts{Repo: im.RepoID(), Path: path, Home: id.Slot(),
			Source: graph.SourceTreeSitter, Status: graph.StatusOK, Vertices: []graph.Vertex{{ID: id,
				Kind: graph.Function, Key: p.key, Repo: im.RepoID(), Path: path, Name: "Probe" + p.shard,
				Span: graph.Span{Line: 1}, Source: graph.SourceTreeSitter}}})
		if err != nil {
			return err
		}
	}
	if err := im.Seal(ctx); err != nil {
		return err
	}
	if _, err := im.Commit(ctx, &ingestv1.Stats{}); err != nil {
		return err
	}
	return r.work.Setup(ctx, r.env)
}

// probeClient is how the prober's client behaves: a probe is over when its second is.
func probeClient() codegraph.Options {
	return codegraph.Options{RetryFor: probeWithin, ConnectFor: probeWithin}
}

// probe asks for each shard by a fixed schedule, whatever became of the probes before (open loop).
func (r *run) probe(ctx context.Context, client *codegraph.Client) {
	var under sync.WaitGroup
	defer under.Wait()
	idle := make(chan *history.Client, 1024)
	take := func() *history.Client {
		select {
		case c := <-idle:
			return c
		default:
			return r.rec.Client()
		}
	}
	start := r.rec.Since()
	for n := 0; ; n++ {
		due := start + time.Duration(n)*probeEvery
		if sleep(ctx, due-r.rec.Since()) != nil {
			return
		}
		for _, p := range r.probes {
			h := take()
			call := h.Invoke(history.Request{Kind: check.Probe, Key: p.shard, Due: due,
				ReadOnly: true, Mode: history.Strong})
			under.Go(func() {
				call.Done(history.Result{}, ask(ctx, client, p.key))
				select {
				case idle <- h:
				default: // there are enough
				}
			})
		}
	}
}

// ask asks for one symbol. The end of the run does not cut it off.
func ask(ctx context.Context, client *codegraph.Client, key string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeWithin)
	defer cancel()
	_, err := client.GetSymbol(ctx, &queryv1.GetSymbolRequest{Ref: codegraph.Ref(key),
		Options: &queryv1.ReadOptions{Mode: queryv1.ReadMode_READ_MODE_STRONG}})
	return err
}
