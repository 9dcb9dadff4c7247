package chaos

import (
	"context"
	"testing"
	"time"
)

// TestCatchUpBySnapshot keeps a node away until the others have truncated their logs past its end:
// it can only come back by a snapshot.
func TestCatchUpBySnapshot(t *testing.T) {
	t.Setenv("CODEGRAPH_SNAPSHOT_BYTES", "64KiB")
	const away = 2
	r := newRig(t, 3)
	c := r.client()
	h := newTree(t, "catchup", 12, 5)
	r.ingest(h)
	beside := []*history{newTree(t, "beside-1", 12, 40), newTree(t, "beside-2", 12, 40)}
	for _, b := range beside {
		r.ingest(b)
	}
	r.checkReplicas(c)
	had := r.samples(away, "codegraph_raft_last_index")
	r.kill(away)

	truncated := func() int { // shards whose log has lost what the node lacks, on every replica left
		n := 0
		first0, first1 := r.samples(0, "codegraph_raft_first_index"),
			r.samples(1, "codegraph_raft_first_index")
		for shard, last := range had {
			n += count(first0[shard] > last+1 && first1[shard] > last+1)
		}
		return n
	}
	writers := []*series{r.startSeries(beside[0]), r.startSeries(beside[1]), r.startSeries(h)}
	wait(t, time.Minute, "truncated logs", func() bool { return truncated() >= len(had)/2 })
	for _, w := range writers {
		if err := w.end(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d of %d logs are truncated after %d revisions", truncated(), len(had),
		len(h.acks)+len(beside[0].acks)+len(beside[1].acks))

	back := time.Now()
	r.startNode(away)
	r.waitCaughtUp(c)
	t.Logf("caught up in %v", time.Since(back).Round(time.Millisecond))
	r.checkReplicas(c)
	installed := r.metric(away, "codegraph_raft_snapshots_installed_total")
	if installed == 0 {
		t.Error("C7: the node has installed no snapshot")
	}
	t.Logf("%v snapshots installed", installed)

	only := r.client(away)
	for _, b := range append(beside, h) {
		r.checkContent(b, only)
		r.ingest(b)
		r.checkContent(b, only)
	}
	r.checkReplicas(c)
	r.checkSnapshotsListed(away, installed)

	r.kill(0, 1, 2) // all of them start from snapshots now, taken here or received
	r.start()
	r.checkContent(h, c)
	r.ingest(h)
	r.checkContent(h, c)
	r.checkReplicas(c)
}

// checkSnapshotsListed compares the list of shards with the metric.
func (r *rig) checkSnapshotsListed(node int, installed float64) {
	r.t.Helper()
	c := r.client()
	id := r.nodeIDs(c)[node]
	ctx, cancel := context.WithTimeout(r.t.Context(), readWithin)
	defer cancel()
	resp, err := c.Shards(ctx, false)
	if err != nil {
		r.t.Fatal(err)
	}
	listed := uint64(0)
	for _, s := range resp.GetShards() {
		for _, rep := range s.GetReplicas() {
			if rep.GetNodeId() == id {
				listed += rep.GetSnapshotsInstalled()
			}
		}
	}
	if float64(listed) != installed {
		r.t.Errorf("the shards list %d snapshots installed, the metric says %v", listed, installed)
	}
}
