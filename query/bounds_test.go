package query

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/codegraphdb/codegraph/graph"
)

// denseSource is a graph of n functions that call five others each.
func denseSource(t *testing.T, n int) *memSource {
	t.Helper()
	rng := rand.New(rand.NewSource(1))
	var b strings.Builder
	b.WriteString("repo demo unresolved=7\n")
	for i := range n {
		fmt.Fprintf(&b, "Function p.f%d a.go:%d\n", i, i+1)
	}
	for i := range n {
		for range 5 {
			fmt.Fprintf(&b, "p.f%d -CALLS-> p.f%d\n", i, rng.Intn(n))
		}
	}
	m, err := newMemSource(b.String())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// countSink counts rows.
type countSink struct{ rows int }

func (s *countSink) Header([]string) error { return nil }

func (s *countSink) Rows(rows [][]Value) error {
	s.rows += len(rows)
	return nil
}

func TestUnboundedTrailsEndInALimit(t *testing.T) {
	m := denseSource(t, 5000)
	env := &Env{Source: m, Snapshot: &m.snap, Limits: Limits{Deadline: time.Hour}}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := env.Execute(context.Background(), "MATCH (a)-[*]->(b) RETURN count(*)", nil,
		&countSink{})
	runtime.ReadMemStats(&after)
	if !graph.IsKind(err, graph.KindLimit) || !strings.Contains(err.Error(), "10000000 edges") {
		t.Fatalf("want an error that names the bound on edges, got %v", err)
	}
	if held := int64(after.HeapSys) - int64(before.HeapSys); held > mostHeap {
		t.Errorf("the heap grew by %d MiB", held>>20)
	}
}

// mostHeap leaves room for what the collector has not freed yet.
const mostHeap = 512 << 20

func TestDeadline(t *testing.T) {
	m := denseSource(t, 50)
	m.hook = func(method string) error {
		if method == "Expand" {
			time.Sleep(20 * time.Millisecond) // longer than the deadline, whatever the machine
		}
		return nil
	}
	const text = "MATCH (a)-[:CALLS]->(b)-[:CALLS]->(c)-[:CALLS]->(d) RETURN a.name, d.name"
	env := &Env{Source: m, Snapshot: &m.snap, Limits: Limits{Deadline: 5 * time.Millisecond}}
	_, err := env.Execute(context.Background(), text, nil, &countSink{})
	if !graph.IsKind(err, graph.KindDeadline) {
		t.Fatalf("want a deadline, got %v", err)
	}
	env.Limits.AllowPartial = true
	trailer, err := env.Execute(context.Background(), text, nil, &countSink{})
	if err != nil {
		t.Fatal(err)
	}
	if trailer.Complete || len(trailer.Gaps) != 2 || trailer.Gaps[0].Cause != GapDeadline ||
		!trailer.Gaps[0].Partial || trailer.Gaps[1].Cause != GapUnresolved {
		t.Errorf("gaps %+v", trailer.Gaps)
	}
	_, err = env.Impact(context.Background(), Ref{Symbol: "p.f1"}, 5)
	if err != nil {
		t.Errorf("a partial impact failed: %v", err)
	}
}

func TestCancel(t *testing.T) {
	m := denseSource(t, 50)
	ctx, cancel := context.WithCancel(context.Background())
	m.hook = func(string) error { cancel(); return nil }
	env := &Env{Source: m, Snapshot: &m.snap, Limits: Limits{AllowPartial: true}}
	_, err := env.Execute(ctx, "MATCH (a)-[*]->(b) RETURN count(*)", nil, &countSink{})
	if !graph.IsKind(err, graph.KindCanceled) {
		t.Errorf("want canceled, got %v", err)
	}
}

func TestSourceErrorsComeThrough(t *testing.T) {
	broken := graph.Errorf("node.Read", graph.KindUnavailable, "shard/3 has no leader")
	for _, method := range []string{"Scan", "Expand", "Lookup"} {
		m := denseSource(t, 10)
		m.hook = func(called string) error {
			if called == method {
				return broken
			}
			return nil
		}
		env := &Env{Source: m, Snapshot: &m.snap, Limits: Limits{AllowPartial: true}}
		_, err := env.Execute(context.Background(),
			"MATCH (a)-[:CALLS]->(b:Function) RETURN a.name, b.doc", nil, &countSink{})
		if !errors.Is(err, broken) {
			t.Errorf("%s: got %v", method, err)
		}
	}
}

// TestBatches holds what a query asks of the source to one request a batch.
func TestBatches(t *testing.T) {
	m := denseSource(t, 300)
	env := &Env{Source: m, Snapshot: &m.snap}
	sink := &countSink{}
	_, err := env.Execute(context.Background(),
		"MATCH (a:Function) WITH collect(a) AS all UNWIND all AS a MATCH (a)-[:CALLS]->(b) "+
			"WHERE b.line > 0 RETURN a.name, b.name", nil, sink)
	if err != nil {
		t.Fatal(err)
	}
	if sink.rows < 1000 || m.calls["Expand"] != 1 || m.calls["Lookup"] > 4 {
		t.Errorf("%d rows took %v", sink.rows, m.calls)
	}
}

func TestLimitStopsEarly(t *testing.T) {
	m := denseSource(t, 3000)
	env := &Env{Source: m, Snapshot: &m.snap}
	trailer, err := env.Execute(context.Background(),
		"MATCH (a)-[:CALLS]->(b)-[:CALLS]->(c) RETURN a, b, c LIMIT 3", nil, &countSink{})
	if err != nil {
		t.Fatal(err)
	}
	if trailer.Cost.VerticesRead > 100 || trailer.Cost.EdgesVisited > 200 {
		t.Errorf("three rows cost %+v", trailer.Cost)
	}
}

// TestDroppedProperties runs a query whose properties do not fit into memory at one time.
func TestDroppedProperties(t *testing.T) {
	m := denseSource(t, 4000)
	env := &Env{Source: m, Snapshot: &m.snap, Limits: Limits{MaxMemory: 2 << 20}}
	sink := &countSink{}
	_, err := env.Execute(context.Background(),
		"MATCH (a:Function)-[:CALLS]->(b) WHERE b.line > 0 RETURN a.line, b.line", nil, sink)
	if err != nil {
		t.Fatal(err)
	}
	if sink.rows < 19_900 {
		t.Errorf("%d rows", sink.rows)
	}
}
