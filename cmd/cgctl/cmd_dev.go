package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/internal/localcluster"
)

// devFlags are the flags of `cgctl dev`.
type devFlags struct {
	dir      string
	nodes    int
	basePort int
	purge    bool
}

const (
	devDir      = ".codegraph-dev"
	devContext  = "dev"
	devBasePort = 7600
	devNodes    = 3
	readyWithin = 60 * time.Second
)

// context is the name under which the configuration file knows the cluster.
func (d *devFlags) context() string {
	if d.dir == devDir {
		return devContext
	}
	return devContext + "-" + filepath.Base(filepath.Clean(d.dir))
}

func (a *app) devCommand() *cobra.Command {
	var d devFlags
	up := &cobra.Command{Use: "up [-- CODEGRAPHD-FLAG...]", Short: "Start a cluster on this machine",
		Long: "Start a cluster of real codegraphd processes on this machine, with certificates of " +
			"its own, and make it the current context. What stands after -- goes to every node. " +
			"With --insecure there is no TLS, for measurements.",
		RunE: func(cmd *cobra.Command, args []string) error { return a.devUp(cmd, &d, args) }}
	up.Flags().IntVar(&d.nodes, "nodes", devNodes, "number of nodes")
	up.Flags().IntVar(&d.basePort, "base-port", devBasePort,
		"node k gets the four ports from here + 10(k-1)")
	down := &cobra.Command{Use: "down", Short: "End the cluster of `dev up`; its data stays",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.devDown(&d) }}
	down.Flags().BoolVar(&d.purge, "purge", false, "delete the data, too")
	status := &cobra.Command{Use: "status", Short: "The processes of the cluster of `dev up`",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.devStatus(cmd.Context(), &d) }}
	cmd := noun("dev", "A cluster of real processes on this machine", up, down, status)
	cmd.PersistentFlags().StringVar(&d.dir, "dir", devDir, "directory of the cluster")
	return cmd
}

func (a *app) devUp(cmd *cobra.Command, d *devFlags, args []string) error {
	began := time.Now()
	fresh := !localcluster.Exists(d.dir)
	c, err := a.devCluster(cmd, d, args)
	if err != nil {
		return err
	}
	running := 0
	for i := range c.Size() {
		if c.PID(i) != 0 {
			running++
		}
	}
	if err := c.Start(); err != nil {
		return err
	}
	timeout := a.flags.timeout
	if timeout == 0 {
		timeout = readyWithin
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
	defer cancel()
	if err := c.WaitReady(ctx); err != nil {
		return err
	}
	if running == c.Size() {
		fmt.Fprintf(a.err, "# the cluster in %s runs already\n", c.Dir())
	} else {
		fmt.Fprintf(a.err, "# %d nodes are ready after %.1f s; their data lies in %s\n", c.Size(),
			time.Since(began).Seconds(), c.Dir())
	}
	if fresh {
		a.config.forgetToken(d.context())
	}
	err = a.config.use(d.context(), clusterContext{Addresses: c.Addresses(), TLSCA: c.CA()})
	if err != nil {
		fmt.Fprintf(a.err, "# the context could not be kept (%v): give --address and --tls-ca\n", err)
	} else {
		fmt.Fprintf(a.err, "# context %q in %s is the current one now\n", d.context(), a.config.path)
	}
	if err := a.printDev(c.Status(ctx)); err != nil {
		return err
	}
	flag := ""
	if d.dir != devDir {
		flag = " --dir " + d.dir
	}
	fmt.Fprintf(a.err, "# go on with `cgctl ingest PATH`; `cgctl dev down%s` ends the cluster\n", flag)
	return nil
}

// devCluster opens the cluster of the directory or makes one.
func (a *app) devCluster(cmd *cobra.Command, d *devFlags, args []string) (*localcluster.Cluster,
	error) {
	if !localcluster.Exists(d.dir) {
		return localcluster.New(d.dir, localcluster.Options{Nodes: d.nodes, BasePort: d.basePort,
			TLS: !a.flags.insecure, Insecure: a.flags.insecure, Args: args})
	}
	c, err := localcluster.Open(d.dir)
	if err != nil {
		return nil, err
	}
	if cmd.Flags().Changed("nodes") && c.Size() != d.nodes {
		return nil, graph.Errorf("", graph.KindConflict, "the cluster in %s has %d nodes, not %d",
			c.Dir(), c.Size(), d.nodes).
			WithRemedy("`cgctl dev down --purge` deletes it, --dir names another place")
	}
	return c, nil
}

func (a *app) devDown(d *devFlags) error {
	c, err := localcluster.Open(d.dir)
	if err != nil {
		return err
	}
	killed, err := c.Stop()
	if err != nil {
		return err
	}
	for _, k := range killed {
		fmt.Fprintf(a.err, "# node %d did not end within 10 s and was killed\n", k)
	}
	fmt.Fprintf(a.err, "# the cluster in %s has ended\n", c.Dir())
	if !d.purge && d.dir == devDir {
		fmt.Fprintln(a.err, "# its data is kept: `cgctl dev up` goes on with it, --purge deletes it")
	}
	if d.purge {
		if err := c.Purge(); err != nil {
			return err
		}
		fmt.Fprintf(a.err, "# deleted %s\n", c.Dir())
	}
	return a.config.drop(d.context(), devContext)
}

// devReport is what `cgctl dev status -o json` prints.
type devReport struct {
	Nodes []localcluster.NodeStatus `json:"nodes"`
}

func (a *app) printDev(nodes []localcluster.NodeStatus) error {
	if a.flags.output != formatTable {
		return a.printValue(devReport{nodes})
	}
	t := newTable("NODE", "CLIENT", "OPS", "PID", "STATE", "LOG").numbers(0, 3)
	for _, n := range nodes {
		state := "ready"
		if !n.Ready {
			state = strings.Join(n.Problems, "; ")
		}
		t.add(n.Node, n.Client, n.Ops, n.PID, state, n.Log)
	}
	return a.printTable(t)
}

func (a *app) devStatus(ctx context.Context, d *devFlags) error {
	c, err := localcluster.Open(d.dir)
	if err != nil {
		return err
	}
	nodes := c.Status(ctx)
	if err := a.printDev(nodes); err != nil {
		return err
	}
	var problems []string
	for _, n := range nodes {
		if !n.Ready {
			problems = append(problems, fmt.Sprintf("node %d: %s", n.Node,
				strings.Join(n.Problems, "; ")))
		}
	}
	return notReady(problems)
}

// notReady is the error of a cluster with problems; nil without any.
func notReady(problems []string) error {
	if len(problems) == 0 {
		return nil
	}
	return graph.Errorf("", graph.KindUnavailable, "not ready: %s", strings.Join(problems, "; "))
}
