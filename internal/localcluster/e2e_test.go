package localcluster

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/codegraphdb/codegraph"
	adminv1 "github.com/codegraphdb/codegraph/api/codegraph/admin/v1"
	ingestv1 "github.com/codegraphdb/codegraph/api/codegraph/ingest/v1"
	queryv1 "github.com/codegraphdb/codegraph/api/codegraph/query/v1"
	"github.com/codegraphdb/codegraph/ingest"
)

// built is the codegraphd of this tree, built once for all tests.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "codegraphd-*")
	if err != nil {
		return "", err
	}
	builtIn = dir
	path := filepath.Join(dir, "codegraphd")
	out, err := exec.Command("go", "build", "-o", path, "../../cmd/codegraphd").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// builtIn is the directory of it, once it is there.
var builtIn string

// realCluster starts nodes and waits until they are ready.
func realCluster(t *testing.T, opts Options) *Cluster {
	t.Helper()
	var err error
	if opts.Binary, err = built(); err != nil {
		t.Fatal(err)
	}
	c, err := New(filepath.Join(t.TempDir(), "cluster"), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for i := range c.Size() {
			if t.Failed() {
				t.Logf("node %d: %s", i+1, c.tail(i))
			}
			if c.PID(i) != 0 {
				_ = c.Kill(i)
			}
		}
	})
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ready(t, c)
	return c
}

func connect(t *testing.T, c *Cluster) *codegraph.Client {
	t.Helper()
	client, err := codegraph.Dial(t.Context(), codegraph.Options{Addresses: c.Addresses(),
		TLSCA: c.CA()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// takeIn ingests a directory under a name; during is called between reading and sealing.
func takeIn(t *testing.T, client *codegraph.Client, dir, name string, during func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	p, err := ingest.Discover(ctx, dir, ingest.DiscoverOptions{NoGit: true})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	im, err := client.OpenImport(ctx, codegraph.OpenOptions{Repo: name, Revision: p.Revision})
	if err != nil {
		t.Fatal(err)
	}
	defer im.Abort("the test ended")
	r, err := ingest.Run(ctx, p, ingest.Options{Repo: im.RepoID()}, im)
	if err != nil {
		t.Fatal(err)
	}
	if during != nil {
		during()
	}
	if err := im.Seal(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := im.Commit(ctx, &ingestv1.Stats{Files: uint64(r.Files)}); err != nil {
		t.Fatal(err)
	}
}

// callers asks who calls a symbol of the ingested directory.
func callers(t *testing.T, client *codegraph.Client, symbol string) []string {
	t.Helper()
	resp, err := client.Callers(t.Context(), &queryv1.CallersRequest{Ref: codegraph.Ref(symbol)})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range resp.GetRelations() {
		names = append(names, r.GetSymbol().GetQualifiedName())
	}
	return names
}

// writeTree makes a small Go module.
func writeTree(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{"go.mod": "module example.org/demo\n\ngo 1.26\n",
		"core/core.go": "package core\n\n// Core is called.\nfunc Core() {}\n"}
	for i := range n {
		files[fmt.Sprintf("p%d/p.go", i)] = fmt.Sprintf("package p%d\n\nimport "+
			"\"example.org/demo/core\"\n\nfunc Use%d() { core.Core() }\n", i, i)
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestOneNode: no peers, no certificates.
func TestOneNode(t *testing.T) {
	c := realCluster(t, Options{Nodes: 1})
	client := connect(t, c)
	takeIn(t, client, writeTree(t, 5), "demo", nil)
	if got := callers(t, client, "core.Core"); len(got) != 5 {
		t.Errorf("callers: %v", got)
	}
	if err := c.Restart(0); err != nil {
		t.Fatal(err)
	}
	ready(t, c)
	if got := callers(t, client, "core.Core"); len(got) != 5 {
		t.Errorf("callers after a restart: %v", got)
	}
}

// TestNodeKilled: a node dies in the middle of an ingest; nothing fails, and when it is back all
// replicas are equal.
func TestNodeKilled(t *testing.T) {
	c := realCluster(t, Options{Nodes: 3, TLS: true})
	client := connect(t, c)
	takeIn(t, client, writeTree(t, 20), "one", nil)
	if got := callers(t, client, "core.Core"); len(got) != 20 {
		t.Errorf("callers: %v", got)
	}
	victim := leader(t, c, client)
	takeIn(t, client, writeTree(t, 30), "one", func() {
		if err := c.Kill(victim); err != nil {
			t.Fatal(err)
		}
	})
	for range 10 {
		if got := callers(t, client, "core.Core"); len(got) != 30 {
			t.Errorf("callers without node %d: %v", victim+1, got)
		}
	}
	if err := c.Restart(victim); err != nil {
		t.Fatal(err)
	}
	ready(t, c)
	equalDigests(t, client)
}

// leader returns the node that leads the meta group.
func leader(t *testing.T, c *Cluster, client *codegraph.Client) int {
	t.Helper()
	nodes, err := client.Nodes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes.GetNodes() {
		for i, addr := range c.Addresses() {
			if n.GetMetaLeader() && n.GetClientAddress() == addr {
				return i
			}
		}
	}
	t.Fatalf("no meta leader among %v", nodes)
	return 0
}

// equalDigests waits until all replicas of every shard have applied the same and are equal.
func equalDigests(t *testing.T, client *codegraph.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		resp, err := client.Shards(ctx, true)
		if err != nil {
			t.Fatal(err)
		}
		why := ""
		for _, s := range resp.GetShards() {
			if w := differs(s); w != "" {
				why = w
			}
		}
		if why == "" && len(resp.GetShards()) > 0 {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal(why)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// differs says how the replicas of a shard differ.
func differs(s *adminv1.ShardInfo) string {
	for _, r := range s.GetReplicas() {
		first := s.GetReplicas()[0]
		switch {
		case r.GetError() != "":
			return fmt.Sprintf("shard %d: %s", s.GetId(), r.GetError())
		case r.GetDigest() == "":
			return fmt.Sprintf("shard %d: no digest", s.GetId())
		case r.GetAppliedIndex() != first.GetAppliedIndex(), r.GetDigest() != first.GetDigest():
			return fmt.Sprintf("shard %d: %v and %v differ", s.GetId(), first, r)
		}
	}
	if len(s.GetReplicas()) == 0 {
		return fmt.Sprintf("shard %d has no replica", s.GetId())
	}
	return ""
}

// TestRollingRestart: nodes end in order and come back, one after the other; no read fails.
func TestRollingRestart(t *testing.T) {
	c := realCluster(t, Options{Nodes: 3, TLS: true})
	client := connect(t, c)
	takeIn(t, client, writeTree(t, 10), "demo", nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var reads int
	done := make(chan error, 1)
	go func() {
		for ctx.Err() == nil {
			_, err := client.Callers(context.WithoutCancel(ctx),
				&queryv1.CallersRequest{Ref: codegraph.Ref("core.Core")})
			if err != nil {
				done <- err
				return
			}
			reads++
		}
		done <- nil
	}()
	for i := range c.Size() {
		killed, err := c.StopNode(i)
		if err != nil || killed {
			t.Fatalf("node %d: killed %v, %v", i+1, killed, err)
		}
		if err := c.StartNode(i); err != nil {
			t.Fatal(err)
		}
		ready(t, c)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("after %d reads: %v", reads, err)
	}
	if reads == 0 {
		t.Error("nothing was read")
	}
}

// TestAllKilled: what was acknowledged is there after all nodes died at once.
func TestAllKilled(t *testing.T) {
	c := realCluster(t, Options{Nodes: 3, TLS: true})
	client := connect(t, c)
	takeIn(t, client, writeTree(t, 12), "demo", nil)
	for i := range c.Size() {
		if err := c.Kill(i); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ready(t, c)
	if got := callers(t, client, "core.Core"); len(got) != 12 {
		t.Errorf("callers: %v", got)
	}
	equalDigests(t, client)
}
