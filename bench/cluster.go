package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/codegraphdb/codegraph/internal/localcluster"
)

const readyWithin = time.Minute

// cluster is a set of fresh nodes and the command that talks to them.
type cluster struct {
	local *localcluster.Cluster // nil if the nodes are somebody else's
	dir   string
	cgctl string
	flags []string // how cgctl reaches the nodes
}

// startCluster starts nodes in a directory of their own. bin holds codegraphd and cgctl.
func startCluster(ctx context.Context, bin string, opts localcluster.Options) (*cluster, error) {
	bin, err := filepath.Abs(bin)
	if err != nil {
		return nil, err
	}
	opts.Binary = filepath.Join(bin, "codegraphd")
	dir, err := os.MkdirTemp("", "codegraph-bench-*")
	if err != nil {
		return nil, err
	}
	c := &cluster{dir: dir, cgctl: filepath.Join(bin, "cgctl")}
	if c.local, err = localcluster.New(filepath.Join(dir, "cluster"), opts); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	c.flags = []string{"--address", strings.Join(c.local.Addresses(), ",")}
	if ca := c.local.CA(); ca != "" {
		c.flags = append(c.flags, "--tls-ca", ca)
	}
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	if err = c.local.Start(); err == nil {
		err = c.local.WaitReady(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return c, nil
}

// stop ends the nodes and removes their directory (B5).
func (c *cluster) stop() error {
	if c.local == nil {
		return nil
	}
	killed, err := c.local.Stop()
	if len(killed) > 0 {
		err = errors.Join(err, fmt.Errorf("nodes %v did not end on SIGTERM", killed))
	}
	return errors.Join(err, os.RemoveAll(c.dir))
}

// pids are the processes of the nodes.
func (c *cluster) pids() []int {
	var out []int
	for i := range c.local.Size() {
		out = append(out, c.local.PID(i))
	}
	return out
}

// command is one run of cgctl. It sees no configuration of whoever runs the benchmark.
func (c *cluster) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.cgctl, append(append([]string{}, c.flags...), args...)...)
	cmd.Env = append(os.Environ(), "CGCTL_CONFIG="+filepath.Join(c.dir, "cgctl.yaml"))
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// ask runs cgctl for its JSON.
func (c *cluster) ask(ctx context.Context, into any, args ...string) error {
	cmd := c.command(ctx, append(args, "-o", "json")...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		err = &failure{exit.ExitCode(), said.String()}
	}
	if err != nil {
		return fmt.Errorf("cgctl %s: %w", strings.Join(args, " "), err)
	}
	return json.Unmarshal(out, into)
}

// ingested is what `cgctl ingest -o json` prints.
type ingested struct {
	Repo         string         `json:"repo"`
	Files        int64          `json:"files"`
	Lines        int64          `json:"lines"`
	Vertices     int64          `json:"vertices"`
	Edges        int64          `json:"edges"`
	Unresolved   int64          `json:"unresolved"`
	SkippedFiles int64          `json:"skipped_files"`
	Skipped      map[string]int `json:"skipped"`
	PartialFiles int64          `json:"partial_files"`
}

// shard is a line of `cgctl shard list -o json`.
type shard struct {
	ID          string `json:"id"`
	Rows        int64  `json:"rows,string"`
	SlotsFilled int    `json:"slots_filled"`
}

// shards asks how full the shards are.
func (c *cluster) shards(ctx context.Context) ([]shard, error) {
	var list struct {
		Shards []shard `json:"shards"`
	}
	err := c.ask(ctx, &list, "shard", "list")
	return list.Shards, err
}
