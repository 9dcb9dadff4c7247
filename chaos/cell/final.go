//go:build linux

package cell

import (
	"context"
	"time"

	"github.com/codegraphdb/codegraph"
	adminv1 "github.com/codegraphdb/codegraph/api/codegraph/admin/v1"
	"github.com/codegraphdb/codegraph/chaos/check"
	"github.com/codegraphdb/codegraph/chaos/rig"
)

// final reads everything once through each node and compares all replicas. What fails is recorded
// as a step that did not come to its end.
func (r *run) final(ctx context.Context) {
	for i := range r.opts.Nodes {
		job := "final reads through " + rig.Name(i)
		r.job(job, check.JobRunning)
		if err := r.finalOf(ctx, i); err != nil {
			r.opts.Log("%s: %s: %v", r.opts.cell(), job, err)
			continue
		}
		r.job(job, check.JobDone)
	}
	r.digests(ctx)
}

// finalOf reads everything through one node.
func (r *run) finalOf(ctx context.Context, node int) error {
	env := *r.env
	env.Dial = func(...int) (*codegraph.Client, error) {
		return r.rig.Dial(codegraph.Options{}, node)
	}
	w, err := env.NewWorker(r.opts.Writers+r.opts.Readers+node, r.opts.Seed)
	if err != nil {
		return err
	}
	defer w.Close()
	return r.work.Final(ctx, w)
}

const (
	pollDigests = 250 * time.Millisecond // how often replicas are asked that are not even yet
	evenWithin  = 30 * time.Second
)

// digests records the digests of all replicas until those of each shard are of one index, or the
// time is over: then the checker says that they were not compared.
func (r *run) digests(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, evenWithin)
	defer cancel()
	for {
		shards, err := r.rig.Shards(ctx, true)
		even := err == nil && len(shards) > 0
		for _, s := range shards {
			even = r.digest(s) && even
		}
		if even || sleep(ctx, pollDigests) != nil {
			return
		}
	}
}

// digest records what the replicas of a shard say and tells whether all did, of one index.
func (r *run) digest(s *adminv1.ShardInfo) bool {
	even := true
	for _, rep := range s.GetReplicas() {
		if rep.GetError() != "" || rep.GetDigest() == "" {
			even = false
			continue
		}
		even = even && rep.GetAppliedIndex() == s.GetReplicas()[0].GetAppliedIndex()
		r.rec.Digest(rep.GetNodeId(), s.GetId(), rep.GetAppliedIndex(), rep.GetDigest())
	}
	return even
}
