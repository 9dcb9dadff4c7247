package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/codegraphdb/codegraph"
	adminv1 "github.com/codegraphdb/codegraph/api/codegraph/admin/v1"
)

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{Use: "status", Short: "The cluster in short", Args: cobra.NoArgs,
		Long: "The cluster in short, as one of its nodes sees it; exit code 5 if it is not ready.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.ask(cmd, func(ctx context.Context, c *codegraph.Client) error {
				s, err := c.Status(ctx)
				if err != nil {
					return err
				}
				if err := a.print(s, func() *table { return statusTable(s) }); err != nil {
					return err
				}
				if s.GetReady() {
					return nil
				}
				return notReady(s.GetProblems())
			})
		}}
}

func statusTable(s *adminv1.StatusResponse) *table {
	leader := s.GetMetaLeader()
	if leader == "" {
		leader = "none"
	}
	ready := "yes"
	if !s.GetReady() {
		ready = "no"
	}
	t := newTable("FIELD", "VALUE")
	t.add("cluster", fmt.Sprintf("%s (%s)", s.GetClusterName(), s.GetClusterId()))
	t.add("ready", ready)
	t.add("nodes", fmt.Sprintf("%d of %d alive", s.GetNodesAlive(), s.GetNodes()))
	t.add("shards", fmt.Sprintf("%d of %d have a leader", s.GetShardsWithLeader(), s.GetShards()))
	t.add("repositories", s.GetRepositories())
	t.add("meta leader", leader)
	t.add("answered by", s.GetNodeId())
	t.add("version", s.GetVersion())
	t.add("timestamp", instant(s.GetTimestamp()))
	return t
}

func (a *app) nodeCommand() *cobra.Command {
	list := &cobra.Command{Use: "list", Short: "List the nodes", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.ask(cmd, func(ctx context.Context, c *codegraph.Client) error {
				resp, err := c.Nodes(ctx)
				if err != nil {
					return err
				}
				return a.print(resp, func() *table { return nodeTable(resp.GetNodes()) })
			})
		}}
	return noun("node", "The nodes of the cluster", list)
}

func nodeTable(nodes []*adminv1.Node) *table {
	t := newTable("ID", "CLIENT", "OPS", "STATE", "META", "REPLICAS", "LEADERS", "DISK FREE",
		"LOCALITY", "VERSION").numbers(5, 6, 7)
	for _, n := range nodes {
		state, meta := "dead", ""
		if n.GetAlive() {
			state = "alive"
		}
		switch {
		case n.GetMetaLeader():
			meta = "leader"
		case n.GetMetaVoter():
			meta = "voter"
		}
		t.add(n.GetId(), n.GetClientAddress(), n.GetOpsAddress(), state, meta, n.GetReplicas(),
			n.GetLeaders(), bytesText(n.GetDiskFreeBytes()), n.GetLocality(), n.GetVersion())
	}
	return t
}

func (a *app) shardCommand() *cobra.Command {
	var digests bool
	list := &cobra.Command{Use: "list", Short: "List the shards with their replicas",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.ask(cmd, func(ctx context.Context, c *codegraph.Client) error {
				resp, err := c.Shards(ctx, digests)
				if err != nil {
					return err
				}
				return a.print(resp, func() *table { return shardTable(resp.GetShards(), digests) })
			})
		}}
	list.Flags().BoolVar(&digests, "digests", false, "with the digest of every replica")
	return noun("shard", "The shards of the graph", list, a.replicaCommand())
}

const shownNodeID = 8

// shardTable has one line per replica, so that replicas can be compared.
func shardTable(shards []*adminv1.ShardInfo, digests bool) *table {
	headers := []string{"SHARD", "SLOTS", "EPOCH", "ROWS", "FILLED", "NODE", "ROLE", "APPLIED",
		"LAST", "DISK"}
	if digests {
		headers = append(headers, "DIGEST")
	}
	t := newTable(headers...).numbers(0, 2, 3, 4, 7, 8, 9)
	for _, s := range shards {
		for _, r := range s.GetReplicas() {
			role := "follower"
			if r.GetLeader() {
				role = "leader"
			}
			if r.GetLearner() {
				role = "learner"
			}
			if r.GetError() != "" {
				role = "unreachable: " + r.GetError()
			}
			cells := []any{s.GetId(), fmt.Sprintf("%d-%d", s.GetSlotLo(), s.GetSlotHi()),
				s.GetEpoch(), s.GetRows(), s.GetSlotsFilled(), shortNode(r.GetNodeId()),
				role, r.GetAppliedIndex(), r.GetLastIndex(), bytesText(r.GetDiskBytes())}
			if digests {
				cells = append(cells, r.GetDigest())
			}
			t.add(cells...)
		}
	}
	return t
}

// bytesText renders a size for people.
func bytesText(n uint64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	size := float64(n)
	for i, u := range units {
		if size < 1024 || i == len(units)-1 {
			text := fmt.Sprintf("%.1f", size)
			return strings.TrimSuffix(text, ".0") + " " + u
		}
		size /= 1024
	}
	return ""
}
