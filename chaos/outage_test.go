package chaos

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/codegraphdb/codegraph"
	queryv1 "github.com/codegraphdb/codegraph/api/codegraph/query/v1"
	"github.com/codegraphdb/codegraph/graph"
)

// TestAllKilledAtOnce kills all nodes at the same moment, twice: at rest and beside an ingest.
func TestAllKilledAtOnce(t *testing.T) {
	r := newRig(t, 3)
	c := r.client()
	h := newTree(t, "all", 20, 5)
	for range 3 {
		r.ingest(h)
	}
	r.kill(0, 1, 2)
	r.start()
	r.checkContent(h, c)
	r.checkReplicas(c)

	s := r.startSeries(h)
	s.waitForAck(t)
	wait(t, ingestWithin, "an ingest", s.running.Load)
	r.kill(0, 1, 2)
	if !s.running.Load() {
		t.Error("C7: no ingest was under way")
	}
	began := time.Now()
	r.start()
	t.Logf("all nodes are ready again after %v", time.Since(began).Round(time.Millisecond))
	s.waitForAck(t)
	if err := s.end(); err != nil {
		t.Fatal(err)
	}
	r.ingest(h)
	checkHistory(t, h)
	r.checkContent(h, c)
	r.checkReplicas(c)
}

// refusedWithin bounds how long a request may wait for a quorum that is not there.
const refusedWithin = 30 * time.Second

// TestShardWithoutLeader kills two of three nodes. What needs a quorum is refused, in words and in
// time; snapshots are read from the replicas that are left.
func TestShardWithoutLeader(t *testing.T) {
	r := newRig(t, 3)
	c := r.client()
	h := newTree(t, "quorum", 20, 5)
	r.ingest(h)
	r.checkReplicas(c)
	r.waitSeen(h, 2)
	r.kill(0, 1)
	r.checkSnapshotReads(h, 2)
	r.checkNoQuorum(h, 2)
	r.start()
	r.waitUnlocked(h, c)
	r.checkContent(h, c)
	r.ingest(h)
	r.checkContent(h, c)
	r.checkReplicas(c)
}

// waitUnlocked waits until nobody holds the lock of a repository. An ingest that was refused
// for want of a quorum may have left its request in a log, where it comes true later: the lease
// ends it.
func (r *rig) waitUnlocked(h *history, c *codegraph.Client) {
	r.t.Helper()
	wait(r.t, leaseEnds, "a free lock", func() bool {
		ctx, cancel := context.WithTimeout(r.t.Context(), readWithin)
		defer cancel()
		resp, err := c.Repositories(ctx, h.tree.repo)
		if err != nil {
			r.t.Fatal(err)
		}
		return resp.GetRepositories()[0].GetImporting() == ""
	})
}

// waitSeen waits until snapshot reads through a node show the newest revision: without a token they
// may be behind, and a node that is then cut off stays so.
func (r *rig) waitSeen(h *history, node int) {
	r.t.Helper()
	c := r.client(node)
	wait(r.t, readyWithin, fmt.Sprintf("revision %d through node %d", h.acked(), node+1), func() bool {
		ctx, cancel := context.WithTimeout(r.t.Context(), readWithin)
		defer cancel()
		marks, _, err := search(ctx, c, h.tree.repo, markPrefix, readOptions(false))
		rev, werr := wholeRevision(h.tree, marks)
		return err == nil && werr == nil && rev == h.acked()
	})
}

// checkSnapshotReads reads the whole newest revision from one node.
func (r *rig) checkSnapshotReads(h *history, node int) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), readWithin)
	defer cancel()
	marks, trailer, err := search(ctx, r.client(node), h.tree.repo, markPrefix, readOptions(false))
	if err != nil {
		r.t.Fatalf("snapshot read without quorum: %v", err)
	}
	if rev, err := wholeRevision(h.tree, marks); err != nil || rev != h.acked() {
		r.t.Errorf("snapshot read without quorum: revision %d (%v), want %d", rev, err, h.acked())
	}
	for _, g := range trailer.GetGaps() { // a file may have been skipped; nothing may be missing
		if g.GetPartial() {
			r.t.Errorf("the answer has a gap: %v", g)
		}
	}
}

// checkNoQuorum asks a node that is left for what it cannot do.
func (r *rig) checkNoQuorum(h *history, node int) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), refusedWithin)
	defer cancel()
	began := time.Now()
	p := r.cgctl(ctx, "ingest", h.tree.dir+"/"+h.tree.repo, "--name", h.tree.repo)
	_, _, err := search(ctx, r.client(node), h.tree.repo, markPrefix, readOptions(true))
	r.t.Logf("strong read after %v: %v", time.Since(began).Round(time.Millisecond), err)
	if !graph.IsKind(err, graph.KindUnavailable) || !strings.Contains(err.Error(), "leader") {
		r.t.Errorf("strong read without quorum: %v, want unavailable for want of a leader", err)
	}
	code := p.wait()
	r.t.Logf("ingest after %v: %v", time.Since(began).Round(time.Millisecond), p)
	if code != 5 || !strings.Contains(p.err.String(), "leader") {
		r.t.Errorf("ingest without quorum: want exit code 5 for want of a leader: %v", p)
	}
}

// TestShardUnreachable kills all replicas of some shards: three of four nodes, where a shard has
// three replicas. An answer without them is refused, or says so.
func TestShardUnreachable(t *testing.T) {
	r := newRig(t, 4)
	c := r.client()
	h := newTree(t, "gaps", 40, 0)
	r.ingest(h)
	r.checkReplicas(c)
	r.waitSeen(h, 3)
	r.kill(0, 1)
	r.checkSnapshotReads(h, 3) // every shard has a replica left, though some have no leader
	r.kill(2)

	ctx, cancel := context.WithTimeout(t.Context(), refusedWithin)
	defer cancel()
	only := r.client(3)
	began := time.Now()
	_, _, err := search(ctx, only, h.tree.repo, markPrefix, readOptions(false))
	t.Logf("read after %v: %v", time.Since(began).Round(time.Millisecond), err)
	if !graph.IsKind(err, graph.KindUnavailable) || !strings.Contains(err.Error(), "shard") {
		t.Errorf("read without a shard: %v, want unavailable that names the shard", err)
	}
	o := readOptions(false)
	o.AllowPartial = true
	marks, trailer, err := search(ctx, only, h.tree.repo, markPrefix, o)
	if err != nil {
		t.Fatal(err)
	}
	want := h.tree.packages(h.acked())
	t.Logf("partial answer: %d of %d markers, gaps %v", len(marks), want, trailer.GetGaps())
	if len(marks) == 0 || len(marks) >= want {
		t.Errorf("C7: %d of %d markers in a partial answer", len(marks), want)
	}
	if !hasGap(trailer, queryv1.GapCause_GAP_CAUSE_SHARD_UNAVAILABLE) || trailer.GetComplete() {
		t.Errorf("the trailer does not name the shard: %v", trailer)
	}
	r.start()
	r.checkContent(h, c)
	r.ingest(h)
	r.checkContent(h, c)
	r.checkReplicas(c)
}

// hasGap tells whether a trailer says that rows are missing for a cause, with a detail.
func hasGap(t *queryv1.Trailer, cause queryv1.GapCause) bool {
	for _, g := range t.GetGaps() {
		if g.GetCause() == cause && g.GetPartial() && g.GetCount() > 0 &&
			strings.Contains(g.GetDetail(), "shard") {
			return true
		}
	}
	return false
}
