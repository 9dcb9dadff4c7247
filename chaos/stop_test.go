package chaos

import (
	"context"
	"syscall"
	"testing"
	"time"
)

// TestGracefulStop ends each node with SIGTERM under reads and ingests: it hands its leaders over
// and exits 0 in time, and no client sees an error.
func TestGracefulStop(t *testing.T) {
	r := newRig(t, 3)
	c := r.client()
	h := newTree(t, "stop", 12, 5)
	r.ingest(h)
	rd, w := r.startReader(h), r.startSeries(h)
	for i := range r.Size() {
		wait(t, readyWithin, "a node that leads a shard", func() bool {
			return r.metric(i, "codegraph_raft_leader") > 0
		})
		leads, meta := r.metric(i, "codegraph_raft_leader"), r.metric(i, "codegraph_meta_leader")
		began := time.Now()
		if err := r.Signal(i, syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		code, err := r.ExitCode(ctx, i)
		cancel()
		if err != nil || code != 0 {
			t.Fatalf("node %d: exit code %d after %v (%v), want 0 within 10 s", i+1, code,
				time.Since(began).Round(time.Millisecond), err)
		}
		ended := time.Now()
		t.Logf("node %d led %v shards, meta %v: exit code 0 after %v", i+1, leads, meta == 1,
			ended.Sub(began).Round(time.Millisecond))
		w.waitForAck(t)
		var k round
		k.add(h, began, time.Now())
		t.Logf("slowest strong read %v, other read %v, ingest %v", k.strong, k.snapshot, k.ingest)
		r.startNode(i)
		r.waitCaughtUp(c)
	}
	if err := w.end(); err != nil {
		t.Error(err)
	}
	rd.end()
	checkHistory(t, h)
	r.checkContent(h, c)
	r.checkReplicas(c)
}
