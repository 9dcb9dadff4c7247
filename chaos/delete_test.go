package chaos

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/codegraphdb/codegraph"
	"github.com/codegraphdb/codegraph/shard"
)

// content is what a replica of a shard holds: all versions of all rows, visible or not.
type content struct {
	digest string
	rows   uint64
}

// checkSame compares what the shards hold with what they held before (C8).
func checkSame(got, want map[uint64]content) error {
	if len(want) == 0 || len(got) != len(want) {
		return fmt.Errorf("C8: %d shards, %d before", len(got), len(want))
	}
	for _, id := range slices.Sorted(maps.Keys(want)) {
		if got[id] != want[id] {
			return fmt.Errorf("C8: shard %d holds %+v, %+v before", id, got[id], want[id])
		}
	}
	return nil
}

func total(shards map[uint64]content) (rows uint64) {
	for _, c := range shards {
		rows += c.rows
	}
	return rows
}

// contents asks what the shards hold, and fails if their replicas differ.
func (r *rig) contents(c *codegraph.Client) (map[uint64]content, error) {
	ctx, cancel := context.WithTimeout(r.t.Context(), readWithin)
	defer cancel()
	resp, err := c.Shards(ctx, true)
	if err == nil {
		err = checkDigests(resp.GetShards(), r.Size())
	}
	if err != nil {
		return nil, err
	}
	out := map[uint64]content{}
	for _, s := range resp.GetShards() {
		out[s.GetId()] = content{s.GetReplicas()[0].GetDigest(), s.GetRows()}
	}
	return out, nil
}

// TestDeleteIsCollected deletes one of two repositories and waits for the end of the retention:
// every replica of every shard then holds what it held before that repository came, in memory and
// on the disk. Reads of the other one go on, and a node dies in between.
func TestDeleteIsCollected(t *testing.T) {
	t.Setenv("CODEGRAPH_RETENTION", "4s")
	t.Setenv("CODEGRAPH_SNAPSHOT_BYTES", "64") // what was applied is flushed within seconds
	r := newRig(t, 3)
	c := r.client()
	kept, gone := newTree(t, "kept", 12, 10), newTree(t, "gone", 12, 10)
	r.ingest(kept)
	before := r.settled(c)
	r.ingest(gone)
	r.checkContent(gone, c)
	if with := r.settled(c); total(with) < total(before)*3/2 {
		t.Fatalf("C7: %d rows with the repository, %d before it", total(with), total(before))
	}

	rd := r.startReader(kept)
	r.delete("gone")
	r.kill(1)
	r.startNode(1)
	r.waitContents(c, before)
	rd.end()
	checkHistory(t, kept)
	if got := r.names(c, "gone", markPrefix); len(got) > 0 {
		t.Errorf("%v are still found", got)
	}
	r.checkContent(kept, c)

	r.waitFlushed(c)
	r.kill(0, 1, 2)
	r.checkStores(before)
	r.start()
	again := newTree(t, "gone", 8, 10)
	r.ingest(again)
	r.checkContent(again, c)
	r.checkContent(kept, c)
	r.checkReplicas(c)
}

// waitContents waits until all replicas hold what they held before.
func (r *rig) waitContents(c *codegraph.Client, before map[uint64]content) {
	r.t.Helper()
	began := time.Now()
	for {
		now, err := r.contents(c)
		if err == nil {
			err = checkSame(now, before)
		}
		took := time.Since(began).Round(time.Millisecond)
		switch {
		case err == nil:
			r.t.Logf("after %v %d rows in %d shards are left", took, total(now), len(now))
			return
		case took > time.Minute:
			r.t.Fatalf("after %v: %v", took, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// settled returns what the shards hold once all replicas are equal.
func (r *rig) settled(c *codegraph.Client) (out map[uint64]content) {
	r.t.Helper()
	wait(r.t, readyWithin, "equal replicas", func() bool {
		var err error
		out, err = r.contents(c)
		return err == nil
	})
	return out
}

// delete removes a repository with cgctl, which then lists it no more.
func (r *rig) delete(repo string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), ingestWithin)
	defer cancel()
	if p := r.cgctl(ctx, "repo", "delete", repo); p.wait() != 0 {
		r.t.Fatal(p)
	}
	p := r.cgctl(ctx, "repo", "list", "--no-headers")
	if p.wait() != 0 || strings.Contains(p.out.String(), repo) {
		r.t.Errorf("after deleting %s: %v", repo, p)
	}
	if p = r.cgctl(ctx, "repo", "show", repo); p.wait() != 4 {
		r.t.Errorf("want exit code 4, %s is not there: %v", repo, p)
	}
}

// waitFlushed waits until every replica has a snapshot of what it had applied when it was called:
// its store is durable up to there.
func (r *rig) waitFlushed(c *codegraph.Client) {
	r.t.Helper()
	applied := r.applied(c)
	wait(r.t, readyWithin, "snapshots of all replicas", func() bool {
		for i := range r.Size() {
			for id, index := range applied {
				if r.lastSnapshot(i, id) < index {
					return false
				}
			}
		}
		return true
	})
}

func (r *rig) shardDir(node int, id uint64) string {
	return filepath.Join(r.DataDir(node), "shards", strconv.FormatUint(id, 10))
}

// lastSnapshot returns the highest index of a snapshot of a shard; zero if there is none. The names
// are term-index-number.
func (r *rig) lastSnapshot(node int, id uint64) (last uint64) {
	r.t.Helper()
	entries, err := os.ReadDir(filepath.Join(r.shardDir(node, id), "snapshots"))
	if err != nil {
		r.t.Fatal(err)
	}
	for _, e := range entries {
		if parts := strings.Split(e.Name(), "-"); len(parts) == 3 {
			if index, err := strconv.ParseUint(parts[1], 10, 64); err == nil {
				last = max(last, index)
			}
		}
	}
	return last
}

// checkStores reads every row from the disks of the nodes, none of which runs.
func (r *rig) checkStores(want map[uint64]content) {
	r.t.Helper()
	for i := range r.Size() {
		got := map[uint64]content{}
		for id := range want {
			dir := r.t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(filepath.Join(r.shardDir(i, id), "db"))); err != nil {
				r.t.Fatal(err)
			}
			got[id] = r.recount(dir, id)
		}
		if err := checkSame(got, want); err != nil {
			r.t.Errorf("the disk of node %d: %v", i+1, err)
		}
	}
}

// recount counts the rows of a store.
func (r *rig) recount(dir string, id uint64) content {
	r.t.Helper()
	s, err := shard.Open(dir, shard.Options{ID: id})
	if err != nil {
		r.t.Fatal(err)
	}
	defer s.Close()
	digest, rows, err := s.Recount()
	if err != nil {
		r.t.Fatal(err)
	}
	return content{digest.String(), uint64(rows)}
}
