package chaos

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/codegraphdb/codegraph"
	ingestv1 "github.com/codegraphdb/codegraph/api/codegraph/ingest/v1"
	queryv1 "github.com/codegraphdb/codegraph/api/codegraph/query/v1"
	"github.com/codegraphdb/codegraph/graph"
)

// TestRoutedIngest imports through a client that is told of one node only: its batches go straight
// to the leaders of their shards, also after one of these was killed in the middle of an import. A
// client in gateway mode has them forwarded, which shows that the metric counts.
func TestRoutedIngest(t *testing.T) {
	r := newRig(t, 3)
	admin := r.client()
	victim := 1
	wait(t, readyWithin, "nodes that lead about as many of the 16 shards", func() bool {
		most := 0.0
		for i := range r.Size() {
			most = max(most, r.metric(i, "codegraph_raft_leader"))
		}
		return most < 8 && r.metric(victim, "codegraph_raft_leader") > 0
	})
	routed := r.routedClient(false)
	r.wantNoneForwarded(routed, "routed", 0, 1, 2)
	gateway := r.routedClient(true)
	sent, passed := r.importOnce(gateway, "gateway", nil, 0, 1, 2)
	t.Logf("in gateway mode %d of %d batches forwarded", passed, sent)
	if passed*4 < sent {
		t.Errorf("in gateway mode only %d of %d batches were forwarded", passed, sent)
	}

	began := time.Now()
	sent, passed = r.importOnce(routed, "routed", func() { r.kill(victim) }, 0, 2)
	t.Logf("a leader killed in an import: %d of %d batches forwarded, %v", passed, sent,
		time.Since(began).Round(time.Millisecond))
	if passed*2 > sent { // no more than what the dead node led
		t.Errorf("%d of %d batches were forwarded", passed, sent)
	}
	r.wantNoneForwarded(routed, "routed", 0, 2) // to the leaders after the failover
	r.startNode(victim)
	r.waitCaughtUp(admin)
	r.wantNoneForwarded(routed, "routed", 0, 1, 2)
	for _, repo := range []string{"routed", "gateway"} {
		ctx, cancel := context.WithTimeout(t.Context(), readWithin)
		_, err := admin.GetSymbol(ctx, &queryv1.GetSymbolRequest{Options: readOptions(true),
			Ref: &queryv1.SymbolRef{Symbol: "p39.F39", Repo: repo}})
		cancel()
		if err != nil {
			t.Errorf("C2: %s: %v", repo, err)
		}
	}
	r.checkReplicas(admin)
}

// routedClient makes a client that is told of node 1 only.
func (r *rig) routedClient(gateway bool) *codegraph.Client {
	r.t.Helper()
	c, err := codegraph.Dial(r.t.Context(), codegraph.Options{Addresses: r.Addresses()[:1],
		TLSCA: r.CA(), Gateway: gateway})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	return c
}

// wantNoneForwarded imports until no batch is forwarded by any of the nodes. Leaders may move, so
// one import is not enough; in gateway mode two thirds of the batches are forwarded each time.
func (r *rig) wantNoneForwarded(c *codegraph.Client, repo string, nodes ...int) {
	r.t.Helper()
	wait(r.t, readyWithin, "an import of which no batch is forwarded", func() bool {
		sent, passed := r.importOnce(c, repo, nil, nodes...)
		r.t.Logf("%d of %d batches forwarded", passed, sent)
		return passed == 0
	})
}

// importOnce imports a revision with rows in many shards and returns how many batches were sent
// and how many the nodes forwarded. before is called when the import is open.
func (r *rig) importOnce(c *codegraph.Client, repo string, before func(), nodes ...int) (
	sent, passed int) {
	r.t.Helper()
	count := func() (sum float64) {
		for _, i := range nodes {
			sum += r.metric(i, "codegraph_forwarded_writes_total")
		}
		return sum
	}
	ctx, cancel := context.WithTimeout(r.t.Context(), ingestWithin)
	defer cancel()
	im, err := c.OpenImport(ctx, codegraph.OpenOptions{Repo: repo,
		Revision: fmt.Sprintf("tree.%d", time.Now().UnixNano())})
	if err != nil {
		r.t.Fatal(err)
	}
	defer im.Abort("not committed")
	at := count()
	if before != nil {
		before()
	}
	for i := range 40 {
		if err := im.Put(ctx, routedFile(im, repo, i)); err != nil {
			r.t.Fatal(err)
		}
	}
	if err := im.Seal(ctx); err != nil {
		r.t.Fatalf("C5: %v", err)
	}
	if _, err := im.Commit(ctx, &ingestv1.Stats{}); err != nil {
		r.t.Fatalf("C5: %v", err)
	}
	return int(im.Written().Batches.Load()), int(count() - at)
}

// routedFile is a file with one function in a package of its own.
func routedFile(im *codegraph.Import, repo string, i int) *graph.OwnerFacts {
	name := fmt.Sprintf("F%d", i)
	key := fmt.Sprintf("gomod example.test/%[1]s `example.test/%[1]s/p%[2]d`/%[3]s().", repo, i, name)
	line := uint32(im.BaseTimestamp()>>18)%1e6 + 1 // another one in each revision
	path := fmt.Sprintf("p%d/x.go", i)
	id := graph.IDOf(key)
	return &graph.OwnerFacts{Repo: im.RepoID(), Path: path, Source: graph.SourceTreeSitter,
		Home: id.Slot(), Status: graph.StatusOK, Lines: 1, Vertices: []graph.Vertex{{ID: id,
			Kind: graph.Function, Key: key, Repo: im.RepoID(), Path: path, Name: name,
			Span: graph.Span{Line: line}, Source: graph.SourceTreeSitter}}}
}
