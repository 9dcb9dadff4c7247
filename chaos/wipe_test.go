package chaos

import (
	"context"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/codegraphdb/codegraph"
	adminv1 "github.com/codegraphdb/codegraph/api/codegraph/admin/v1"
)

// TestWipedNode removes the data directory of a node under reads and ingests. It comes back as
// another node, gets the replicas of the one that it was, and all replicas are equal.
func TestWipedNode(t *testing.T) {
	const wiped = 1
	r := newRig(t, 3)
	c := r.client()
	h, beside := newTree(t, "wiped", 12, 5), newTree(t, "beside", 12, 5)
	r.ingest(h)
	r.ingest(beside)
	old := r.nodeIDs(c)[wiped]
	rd := r.startReader(h)
	writers := []*series{r.startSeries(h), r.startSeries(beside)}

	r.kill(wiped)
	if err := os.RemoveAll(r.DataDir(wiped)); err != nil {
		t.Fatal(err)
	}
	r.startNode(wiped)
	fresh := r.nodeAt(c, wiped, old)
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p := r.cgctl(ctx, "shard", "replica", "replace", "all", fresh, "--from", old)
	if p.wait() != 0 {
		t.Fatal(p)
	}
	r.waitOperators(c, 16)
	t.Logf("all replicas were replaced in %v", time.Since(began).Round(time.Millisecond))
	writers[0].waitForAck(t)
	rd.end()
	for _, w := range writers {
		if err := w.end(); err != nil {
			t.Error(err)
		}
	}
	for _, b := range []*history{h, beside} {
		checkHistory(t, b)
		r.checkContent(b, r.client(wiped))
	}
	r.checkReplicas(c)
}

// nodeAt waits for another node than old at the address of the i-th and returns its id.
func (r *rig) nodeAt(c *codegraph.Client, i int, old string) (id string) {
	r.t.Helper()
	wait(r.t, readyWithin, "a new node", func() bool {
		ctx, cancel := context.WithTimeout(r.t.Context(), readWithin)
		defer cancel()
		resp, err := c.Nodes(ctx)
		if err != nil {
			return false
		}
		for _, n := range resp.GetNodes() {
			if n.GetClientAddress() == r.Addresses()[i] && n.GetId() != old {
				id = n.GetId()
			}
		}
		return id != ""
	})
	return id
}

// waitOperators waits until so many operators are done and none is under way.
func (r *rig) waitOperators(c *codegraph.Client, want int) {
	r.t.Helper()
	var last any
	defer func() {
		if r.t.Failed() {
			r.t.Logf("operators: %v", last)
		}
	}()
	wait(r.t, 3*time.Minute, "operators that are done", func() bool {
		ctx, cancel := context.WithTimeout(r.t.Context(), readWithin)
		defer cancel()
		resp, err := c.Operators(ctx)
		if err != nil {
			return false
		}
		last = resp.GetOperators()
		return len(resp.GetOperators()) >= want && !slices.ContainsFunc(resp.GetOperators(),
			func(o *adminv1.Operator) bool { return o.GetStep() != "done" })
	})
}
