package node

import (
	"testing"

	queryv1 "github.com/codegraphdb/codegraph/api/codegraph/query/v1"
	"github.com/codegraphdb/codegraph/graph"
)

// TestOneNode asks everything of one node that does not need a node of its own.
func TestOneNode(t *testing.T) {
	n := single(t)
	for _, c := range []struct {
		name string
		test func(*testing.T, *testNode)
	}{
		{"import", testImport},
		{"abort", testAbort},
		{"batches are deduplicated", testBatches},
		{"locks", testLocks},
		{"bad writes", testBadWrites},
		{"bad reads", testBadReads},
		{"bad peer requests", testBadPeerRequests},
		{"full disk", testFullDisk},
		{"health", testHealth},
		{"metrics", testMetrics},
		{"reflection", testReflection},
		{"strangers", testStrangers},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.test(t, n.in(t))
			n.alright()
		})
	}
	if err := visible(n, "p.A"); err != nil {
		t.Errorf("after all that: %v", err)
	}
}

// A revision is invisible until it is committed, and all there after it.
func testImport(t *testing.T, n *testNode) {
	im := begin(n, "r", "1")
	target := function("q", "Target")
	im.put(withRepo(im, file("p", &target, "A", "B")), withRepo(im, file("q", nil, "Target")))
	if err := visible(n, "p.A"); graph.KindOf(err) != graph.KindNotFound {
		t.Errorf("before the seal: %v", err)
	}
	req := im.sealed()
	if err := visible(n, "p.A"); graph.KindOf(err) != graph.KindNotFound {
		t.Errorf("before the commit: %v", err)
	}
	done, err := im.via.Commit(call(t), req)
	if err != nil {
		t.Fatal(err)
	}
	again, err := im.via.Commit(call(t), req)
	if err != nil || again.GetTimestamp() != done.GetTimestamp() {
		t.Errorf("the same commit again: %v, %v, want %v", again, err, done)
	}
	wantCallers(t, "in one shard", n, "p.B", "p.A")
	wantCallers(t, "across shards", n, "q.Target", "p.B")
	resp, err := n.query().GetSymbol(call(t), &queryv1.GetSymbolRequest{
		Ref: &queryv1.SymbolRef{Symbol: "p.A"}})
	if err != nil {
		t.Fatal(err)
	}
	s, tr := resp.GetSymbol(), resp.GetTrailer()
	if s.GetPath() != "p/x.go" || s.GetLine() != 3 || s.GetRepo() != "r" {
		t.Errorf("symbol %v", s)
	}
	if !tr.GetComplete() || tr.GetToken() != done.GetToken() || len(tr.GetRevisions()) != 1 ||
		tr.GetRevisions()[0].GetRevision() != "1" {
		t.Errorf("trailer %v", tr)
	}
}

func testAbort(t *testing.T, n *testNode) {
	im := begin(n, "aborted", "1")
	im.put(withRepo(im, file("ab", nil, "A", "B")))
	if err := im.abort(); err != nil {
		t.Fatal(err)
	}
	if err := im.abort(); err != nil {
		t.Errorf("the same abort again: %v", err)
	}
	_, err := im.via.Commit(call(t), im.unsealed())
	wantError(t, "commit after abort", told(err), graph.KindConflict, "aborted", "the test says so")
	if err := visible(n, "ab.A"); graph.KindOf(err) != graph.KindNotFound {
		t.Errorf("after the abort: %v", err)
	}
	// What was aborted does not come to light with the next revision.
	ingestFile(n, "aborted", "2", file("ac", nil, "C"))
	if err := visible(n, "ac.C"); err != nil {
		t.Error(err)
	}
	if err := visible(n, "ab.A"); graph.KindOf(err) != graph.KindNotFound {
		t.Errorf("after the next revision: %v", err)
	}
}

// Repeated batches are acknowledged and applied once; late ones are refused.
func testBatches(t *testing.T, n *testNode) {
	im := begin(n, "twice", "1")
	f := withRepo(im, file("tw", nil, "A"))
	s := im.shardOf(f.Rows()[0].Key)
	var rows []graph.Row
	for _, r := range f.Rows() {
		if im.shardOf(r.Key).GetId() == s.GetId() {
			rows = append(rows, r)
		}
	}
	b := im.batch(s, rows)
	if _, err := im.send(s, b); err != nil {
		t.Fatal(err)
	}
	before := n.groups.Get(s.GetId()).State().Totals()
	for range 3 {
		if _, err := im.send(s, b); err != nil {
			t.Errorf("the same batch again: %v", err)
		}
	}
	after := n.groups.Get(s.GetId()).State().Totals()
	if after.Rows != before.Rows || after.Digest != before.Digest || after.Applied == before.Applied {
		t.Errorf("a repeated batch turned %+v into %+v", before, after)
	}
	seal := im.batch(s, nil)
	seal.Seal = true
	first, err := im.send(s, seal)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := im.send(s, seal); err != nil || second != first {
		t.Errorf("the same seal again: %d, %v, want %d", second, err, first)
	}
	_, err = im.send(s, im.batch(s, rows))
	wantError(t, "a batch after the seal", err, graph.KindConflict)
	seal.Attempt--
	_, err = im.send(s, seal)
	wantError(t, "a lower attempt", err, graph.KindInvalid)
	if err := im.abort(); err != nil {
		t.Error(err)
	}
}

func TestRestartKeepsEverything(t *testing.T) {
	t.Parallel()
	n := single(t)
	ingestFile(n, "r", "1", file("p", nil, "A", "B"))
	open := begin(n, "s", "1")
	open.put(withRepo(open, file("q", nil, "C")))
	id := n.id()
	for name, end := range map[string]func(*testNode){"crash": (*testNode).crash,
		"stop": (*testNode).stop} {
		end(n)
		n = n.again()
		ready(t, n)
		if n.id() != id {
			t.Fatalf("%s: node %s came back as %s", name, id, n.id())
		}
		wantCallers(t, name, n, "p.B", "p.A")
	}
	// The import that was under way goes on.
	open.via = n.ingest()
	open.commit()
	if err := visible(n, "q.C"); err != nil {
		t.Error(err)
	}
	resp, err := n.query().GetSymbol(call(t), &queryv1.GetSymbolRequest{
		Ref: &queryv1.SymbolRef{Symbol: "q.C"}})
	if err != nil || len(resp.GetTrailer().GetRevisions()) == 0 {
		t.Errorf("%v, %v", resp, err)
	}
}
