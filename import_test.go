package codegraph

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/codegraphdb/codegraph/api"
	ingestv1 "github.com/codegraphdb/codegraph/api/codegraph/ingest/v1"
	"github.com/codegraphdb/codegraph/graph"
)

// bring imports files and returns the import.
func bring(t *testing.T, c *Client, opts OpenOptions, files ...*graph.OwnerFacts) *Import {
	t.Helper()
	im, err := c.OpenImport(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for _, f := range files {
		wg.Go(func() {
			if err := im.Put(t.Context(), f); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := im.Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := im.Commit(t.Context(), &ingestv1.Stats{}); err != nil {
		t.Fatal(err)
	}
	return im
}

// holds compares what the cluster has committed with the rows of files.
func holds(t *testing.T, f *fakeCluster, files ...*graph.OwnerFacts) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	want := map[string][]byte{}
	for _, file := range files {
		for _, r := range file.Rows() {
			want[string(r.Key)] = r.Value
		}
	}
	for k, v := range want {
		if !bytes.Equal(f.rows[k], v) {
			t.Fatalf("row %x is missing or differs", k)
		}
	}
	if len(f.rows) != len(want) {
		t.Fatalf("%d rows are there, want %d", len(f.rows), len(want))
	}
}

func manyFiles(n, functions int) (files []*graph.OwnerFacts) {
	for i := range n {
		files = append(files, facts(fmt.Sprintf("f%d.go", i), functions))
	}
	return files
}

func TestImportArrives(t *testing.T) {
	f := newFakeCluster(4)
	addrs, _ := serve(t, 1, f, &fakeQueries{}, nil)
	c := dial(t, Options{Addresses: addrs})
	files := manyFiles(30, 40)
	im := bring(t, c, OpenOptions{Repo: "r", Revision: "1"}, files...)
	holds(t, f, files...)
	if len(f.sealed) != 4 {
		t.Errorf("%d shards are sealed, want 4", len(f.sealed))
	}
	if got := im.Foreign(); len(got) != 1 || got[0].Name != "other" {
		t.Errorf("foreign packages: %v", got)
	}
	if c.Token() == 0 {
		t.Error("the commit gave no token")
	}
	if f.locked() {
		t.Error("the lock is still held")
	}
}

func TestImportCutsBatches(t *testing.T) {
	f := newFakeCluster(2)
	addrs, _ := serve(t, 1, f, &fakeQueries{}, nil)
	files := manyFiles(12, 1500)
	im := bring(t, dial(t, Options{Addresses: addrs}), OpenOptions{Repo: "r"}, files...)
	holds(t, f, files...)
	if f.writes < 4 || uint64(f.writes) != im.Written().Batches.Load() {
		t.Errorf("%d batches arrived, the client counts %d", f.writes, im.Written().Batches.Load())
	}
	if f.largest > batchBytes+1<<17 {
		t.Errorf("a batch has %d bytes", f.largest)
	}
}

func TestImportUnderFaults(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			f := newFakeCluster(3)
			with := &faults{rng: rand.New(rand.NewPCG(seed, 1)), share: 0.15}
			addrs, _ := serve(t, 3, f, &fakeQueries{}, with)
			c := dial(t, Options{Addresses: addrs})
			files := manyFiles(16, 900)
			bring(t, c, OpenOptions{Repo: "r"}, files...)
			holds(t, f, files...)
		})
	}
}

func TestImportSurvivesNode(t *testing.T) {
	f := newFakeCluster(3)
	addrs, stop := serve(t, 3, f, &fakeQueries{}, nil)
	c := dial(t, Options{Addresses: addrs})
	im, err := c.OpenImport(t.Context(), OpenOptions{Repo: "r"})
	if err != nil {
		t.Fatal(err)
	}
	files := manyFiles(12, 900)
	for i, file := range files {
		if i == 5 {
			stop[0]()
		}
		if err := im.Put(t.Context(), file); err != nil {
			t.Fatal(err)
		}
	}
	if err := im.Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := im.Commit(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	holds(t, f, files...)
}

func TestImportSendsOnlyChanges(t *testing.T) {
	f := newFakeCluster(4)
	addrs, _ := serve(t, 1, f, &fakeQueries{}, nil)
	c := dial(t, Options{Addresses: addrs})
	files := manyFiles(6, 20)
	bring(t, c, OpenOptions{Repo: "r"}, files...)
	same := bring(t, c, OpenOptions{Repo: "r"}, files...)
	if n := same.Written().Rows.Load(); n != 0 {
		t.Errorf("the same revision again sent %d rows", n)
	}
	files[2] = facts("f2.go", 19) // one function less
	left := append(files[:4:4], files[5])
	im := bring(t, c, OpenOptions{Repo: "r"}, left...)
	holds(t, f, left...)
	if n := im.Written().Rows.Load(); n == 0 || n > 300 {
		t.Errorf("a small change sent %d rows", n)
	}
	bring(t, c, OpenOptions{Repo: "r", Partial: true}, facts("new.go", 3))
	holds(t, f, append(left, facts("new.go", 3))...)
}

func TestDeleteRepository(t *testing.T) {
	f := newFakeCluster(4)
	addrs, _ := serve(t, 1, f, &fakeQueries{}, nil)
	c := dial(t, Options{Addresses: addrs})
	bring(t, c, OpenOptions{Repo: "r"}, manyFiles(5, 10)...)
	if _, err := c.DeleteRepository(t.Context(), "r"); err != nil {
		t.Fatal(err)
	}
	holds(t, f)
}

func TestImportRefusesOwnerTwice(t *testing.T) {
	f := newFakeCluster(1)
	addrs, _ := serve(t, 1, f, &fakeQueries{}, nil)
	im, err := dial(t, Options{Addresses: addrs}).OpenImport(t.Context(), OpenOptions{Repo: "r"})
	if err != nil {
		t.Fatal(err)
	}
	defer im.Abort("test")
	if err := im.Put(t.Context(), facts("a.go", 1)); err != nil {
		t.Fatal(err)
	}
	if err := im.Put(t.Context(), facts("a.go", 1)); !graph.IsKind(err, graph.KindInvalid) {
		t.Errorf("second Put of an owner: %v", err)
	}
	if _, err := im.Commit(t.Context(), nil); !graph.IsKind(err, graph.KindInvalid) {
		t.Errorf("Commit without Seal: %v", err)
	}
}

// TestImportCanceled: the lock is given back although nobody calls Abort.
func TestImportCanceled(t *testing.T) {
	f := newFakeCluster(2)
	addrs, _ := serve(t, 1, f, &fakeQueries{}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	im, err := dial(t, Options{Addresses: addrs}).OpenImport(ctx, OpenOptions{Repo: "r"})
	if err != nil {
		t.Fatal(err)
	}
	if err := im.Put(ctx, facts("a.go", 1)); err != nil {
		t.Fatal(err)
	}
	cancel()
	eventually(t, "the lock is given back", func() bool { return !f.locked() })
	if err := im.Seal(ctx); err == nil {
		t.Error("Seal after the end of the context succeeded")
	}
}

// TestImportWaits: with nothing acknowledged, Put stops at the bound, and goes on afterwards.
func TestImportWaits(t *testing.T) {
	f := newFakeCluster(1)
	f.block = make(chan struct{})
	addrs, _ := serve(t, 1, f, &fakeQueries{}, nil)
	c := dial(t, Options{Addresses: addrs, InFlight: 2 << 20})
	im, err := c.OpenImport(t.Context(), OpenOptions{Repo: "r"})
	if err != nil {
		t.Fatal(err)
	}
	files := manyFiles(30, 900)
	full, cancel := context.WithCancel(t.Context())
	var blocked error
	put := 0
	for _, file := range files {
		if !im.room.TryAcquire(batchBytes + 1<<16) {
			cancel() // full: this Put must wait, and so fail, when a batch is cut
		} else {
			im.room.Release(batchBytes + 1<<16)
		}
		if blocked = im.Put(full, file); blocked != nil {
			break
		}
		put++
	}
	if blocked == nil || put == 0 {
		t.Fatalf("%d files were taken without any acknowledgement, then %v", put, blocked)
	}
	close(f.block)
	cancel()
	im.Abort("test")
}

func TestImportFailures(t *testing.T) {
	lost := api.Status(graph.Errorf("Renew", graph.KindConflict, "the import was aborted"))
	for _, tc := range []struct {
		name string
		set  func(*fakeCluster)
		kind graph.ErrorKind
		want string
	}{
		{"stale epoch", func(f *fakeCluster) { f.stale = true }, graph.KindStaleEpoch, "shard 1 changed"},
		{"lease lost", func(f *fakeCluster) { f.renew = lost; f.block = make(chan struct{}) },
			graph.KindConflict, "the lock of repository r is lost"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := newFakeCluster(1)
			tc.set(f)
			addrs, _ := serve(t, 1, f, &fakeQueries{}, nil)
			im, err := dial(t, Options{Addresses: addrs}).OpenImport(t.Context(),
				OpenOptions{Repo: "r"})
			if err != nil {
				t.Fatal(err)
			}
			defer im.Abort("test")
			if err := im.Put(t.Context(), facts("a.go", 1)); err != nil {
				t.Fatal(err)
			}
			err = im.Seal(t.Context())
			if !graph.IsKind(err, tc.kind) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Seal: %v", err)
			}
		})
	}
}

func TestOpenConflict(t *testing.T) {
	f := newFakeCluster(1)
	addrs, _ := serve(t, 1, f, &fakeQueries{}, nil)
	c := dial(t, Options{Addresses: addrs})
	im, err := c.OpenImport(t.Context(), OpenOptions{Repo: "r"})
	if err != nil {
		t.Fatal(err)
	}
	defer im.Abort("test")
	_, err = c.OpenImport(t.Context(), OpenOptions{Repo: "r"})
	var e *Error
	if !errors.As(err, &e) || e.Kind != graph.KindConflict || e.Address == "" {
		t.Errorf("second Open: %v", err)
	}
}

func TestLanesRefuseHoles(t *testing.T) {
	f := newFakeCluster(4)
	if _, err := newLanes(f.shards); err != nil {
		t.Fatal(err)
	}
	if _, err := newLanes(append(f.shards[:1:1], f.shards[2:]...)); err == nil {
		t.Error("a map with a hole was taken")
	}
	if _, err := newLanes(nil); err == nil {
		t.Error("an empty map was taken")
	}
}
