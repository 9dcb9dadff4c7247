package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/codegraphdb/codegraph"
	adminv1 "github.com/codegraphdb/codegraph/api/codegraph/admin/v1"
)

const replicaLong = `Replicas are changed by operators: the cluster carries one out step by step,
also when the node that began it dies. Each shard has one at a time.

A node whose data directory was lost or damaged: remove the directory and start the node again. It
comes back as a new node, which "cgctl node list" shows beside the old one. Then

  cgctl shard replica replace all <new node> --from <old node>

and "cgctl shard replica list" until every operator is done.`

func (a *app) replicaCommand() *cobra.Command {
	add := a.replicaChange(adminv1.ReplicaChange_REPLICA_CHANGE_ADD, "add",
		"Give a node a replica of a shard")
	remove := a.replicaChange(adminv1.ReplicaChange_REPLICA_CHANGE_REMOVE, "remove",
		"Take a node's replica of a shard away")
	replace := a.replicaChange(adminv1.ReplicaChange_REPLICA_CHANGE_REPLACE, "replace",
		"Give a node a replica in place of another node's, or anew")
	c := noun("replica", "Add, remove and replace the replicas of shards", add, remove, replace,
		a.operatorListCommand(), a.operatorCancelCommand())
	c.Long = replicaLong
	return c
}

func (a *app) replicaChange(change adminv1.ReplicaChange, verb, short string) *cobra.Command {
	var from string
	cmd := &cobra.Command{Use: verb + " <shard>|all <node>", Short: short, Args: cobra.ExactArgs(2),
		Long: short + ".\n\nA node is named by its id or the beginning of it; \"all\" means every " +
			"shard for which this is to be done. The command returns once the operators have started.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.ask(cmd, func(ctx context.Context, c *codegraph.Client) error {
				reqs, err := changeRequests(ctx, c, change, args, from)
				if err != nil {
					return err
				}
				resp := &adminv1.ListOperatorsResponse{}
				for _, req := range reqs {
					o, err := c.ChangeReplicas(ctx, req)
					if err != nil {
						return err
					}
					resp.Operators = append(resp.Operators, o.GetOperator())
				}
				return a.print(resp, func() *table { return operatorTable(resp.GetOperators()) })
			})
		}}
	if change == adminv1.ReplicaChange_REPLICA_CHANGE_REPLACE {
		cmd.Flags().StringVar(&from, "from", "",
			"the node that loses its replica (default: the same, whose replica begins anew)")
	}
	return cmd
}

// changeRequests makes the requests that the arguments of a verb stand for, one for each shard.
func changeRequests(ctx context.Context, c *codegraph.Client, change adminv1.ReplicaChange,
	args []string, from string) ([]*adminv1.ChangeReplicasRequest, error) {
	nodes, err := c.Nodes(ctx)
	if err != nil {
		return nil, err
	}
	node, err := nodeOf(nodes.GetNodes(), args[1])
	if err != nil {
		return nil, err
	}
	like := adminv1.ChangeReplicasRequest{Change: change, NodeId: node}
	switch change {
	case adminv1.ReplicaChange_REPLICA_CHANGE_REMOVE:
		like.NodeId, like.FromNodeId = "", node
	case adminv1.ReplicaChange_REPLICA_CHANGE_REPLACE:
		like.FromNodeId = node
		if from != "" {
			like.FromNodeId, err = nodeOf(nodes.GetNodes(), from)
		}
	}
	if err != nil {
		return nil, err
	}
	shards, err := shardsFor(ctx, c, args[0], &like)
	var out []*adminv1.ChangeReplicasRequest
	for _, id := range shards {
		out = append(out, &adminv1.ChangeReplicasRequest{Id: uuid.NewString(), Change: change,
			ShardId: id, NodeId: like.GetNodeId(), FromNodeId: like.GetFromNodeId()})
	}
	return out, err
}

// shardsFor returns the shard that an argument names; for "all" those that a change makes sense
// for.
func shardsFor(ctx context.Context, c *codegraph.Client, arg string,
	req *adminv1.ChangeReplicasRequest) (out []uint64, err error) {
	if arg != "all" {
		id, err := strconv.ParseUint(arg, 10, 64)
		if err != nil {
			return nil, usageError{fmt.Errorf("shard %q is neither a number nor \"all\"", arg)}
		}
		return []uint64{id}, nil
	}
	resp, err := c.Shards(ctx, false)
	if err != nil {
		return nil, err
	}
	for _, s := range resp.GetShards() {
		loses, has := req.GetFromNodeId() == "", false
		for _, r := range s.GetReplicas() {
			loses = loses || r.GetNodeId() == req.GetFromNodeId()
			has = has || r.GetNodeId() == req.GetNodeId()
		}
		if loses && (!has || req.GetNodeId() == req.GetFromNodeId()) {
			out = append(out, s.GetId())
		}
	}
	return out, nil
}

// nodeOf returns the id of the node whose id begins so.
func nodeOf(nodes []*adminv1.Node, prefix string) (string, error) {
	var found []string
	for _, n := range nodes {
		if n.GetId() == prefix {
			return prefix, nil
		}
		if strings.HasPrefix(n.GetId(), prefix) {
			found = append(found, n.GetId())
		}
	}
	if len(found) != 1 {
		return "", usageError{fmt.Errorf("%d nodes have an id that begins with %q; `cgctl node list` "+
			"shows them", len(found), prefix)}
	}
	return found[0], nil
}

func (a *app) operatorListCommand() *cobra.Command {
	return &cobra.Command{Use: "list", Args: cobra.NoArgs,
		Short: "List the changes under way and the last that ended",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.ask(cmd, func(ctx context.Context, c *codegraph.Client) error {
				resp, err := c.Operators(ctx)
				if err != nil {
					return err
				}
				return a.print(resp, func() *table { return operatorTable(resp.GetOperators()) })
			})
		}}
}

func (a *app) operatorCancelCommand() *cobra.Command {
	var reason string
	cmd := &cobra.Command{Use: "cancel <operator>", Args: cobra.ExactArgs(1),
		Short: "End a change and undo what it has done",
		Long: "End a change and undo what it has done. It is refused once an old replica is being " +
			"removed.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.ask(cmd, func(ctx context.Context, c *codegraph.Client) error {
				resp, err := c.CancelOperator(ctx,
					&adminv1.CancelOperatorRequest{Id: args[0], Reason: reason})
				if err != nil {
					return err
				}
				all := []*adminv1.Operator{resp.GetOperator()}
				return a.print(resp, func() *table { return operatorTable(all) })
			})
		}}
	cmd.Flags().StringVar(&reason, "reason", "by hand", "why, for those who look at the list")
	return cmd
}

func operatorTable(list []*adminv1.Operator) *table {
	t := newTable("OPERATOR", "CHANGE", "SHARD", "NODE", "FROM", "STEP", "SINCE", "ERROR").numbers(2)
	for _, o := range list {
		change := strings.ToLower(strings.TrimPrefix(o.GetChange().String(), "REPLICA_CHANGE_"))
		step, since := o.GetStep(), time.UnixMilli(o.GetChangedMillis()).UTC().Format(time.RFC3339)
		if o.GetCancelled() != "" {
			step += " (cancelled: " + o.GetCancelled() + ")"
		}
		t.add(o.GetId(), change, o.GetShardId(), shortNode(o.GetNodeId()),
			shortNode(o.GetFromNodeId()), step, since, o.GetError())
	}
	return t
}

func shortNode(id string) string { return id[:min(len(id), shownNodeID)] }
