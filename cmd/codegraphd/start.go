package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/node"
)

// Exit codes of codegraphd.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

// run executes the command line and returns the exit code.
func run(args []string, getenv func(string) string, stderr io.Writer) int {
	c := &command{getenv: getenv, stderr: stderr}
	root := c.root()
	root.SetArgs(args)
	root.SetErr(stderr)
	if err := root.Execute(); err != nil {
		fmt.Fprintf(stderr, "codegraphd: %v\n", err)
		if graph.IsKind(err, graph.KindInvalid) || strings.HasPrefix(err.Error(), "unknown ") {
			return exitUsage
		}
		return exitError
	}
	return exitOK
}

// command is what the subcommands share.
type command struct {
	getenv func(string) string
	stderr io.Writer
}

func (c *command) root() *cobra.Command {
	root := &cobra.Command{Use: "codegraphd", Short: "one node of a codegraph cluster",
		SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(c.startCommand(), c.devCommand(), versionCommand())
	return root
}

func versionCommand() *cobra.Command {
	return &cobra.Command{Use: "version", Short: "print the version", Args: cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) { fmt.Fprintln(cmd.OutOrStdout(), version) }}
}

func (c *command) startCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "start", Short: "run a node", Args: cobra.NoArgs,
		Long: "Runs a node until SIGTERM or SIGINT. Every flag is also a key of the YAML file\n" +
			"given by --config and an environment variable (CODEGRAPH_DATA_DIR for --data-dir);\n" +
			"the flag wins over the environment, that over the file."}
	addSettings(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return c.start(given(cmd)) }
	return cmd
}

func addSettings(cmd *cobra.Command) {
	for _, s := range node.Settings {
		if s.Key == "insecure" {
			cmd.Flags().Bool(s.Key, false, s.Doc)
			continue
		}
		cmd.Flags().String(s.Key, s.Default, s.Doc)
	}
}

// given returns the flags that stand on the command line.
func given(cmd *cobra.Command) map[string]string {
	out := map[string]string{}
	for _, s := range node.Settings {
		if f := cmd.Flags().Lookup(s.Key); f != nil && f.Changed {
			out[s.Key] = f.Value.String()
		}
	}
	return out
}

// devCommand runs a single node on loopback; its data stays in a directory of the user.
func (c *command) devCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "dev", Short: "run a single node that needs no setting",
		Args: cobra.NoArgs}
	addSettings(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		flags := given(cmd)
		if flags["data-dir"] == "" {
			dir, err := os.UserCacheDir()
			if err != nil {
				return graph.Errorf("codegraphd.dev", graph.KindInvalid, "no data directory: %w", err).
					WithRemedy("give --data-dir")
			}
			flags["data-dir"] = filepath.Join(dir, "codegraph", "dev")
			fmt.Fprintf(c.stderr, "data directory: %s\n", flags["data-dir"])
		}
		if flags["bootstrap-expect"] == "" {
			flags["bootstrap-expect"] = "1"
		}
		if flags["cluster-name"] == "" {
			flags["cluster-name"] = "dev"
		}
		return c.start(flags)
	}
	return cmd
}

func (c *command) start(flags map[string]string) error {
	opts, err := node.LoadOptions(flags, c.getenv)
	if err != nil {
		return err
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(opts.LogLevel)); err != nil {
		return graph.Errorf("codegraphd.start", graph.KindInvalid, "log-level: %w", err)
	}
	opts.Version = version
	opts.Logger = slog.New(slog.NewJSONHandler(c.stderr, &slog.HandlerOptions{Level: level}))
	debug.SetMemoryLimit(opts.MemoryLimit)

	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)
	n, err := node.Start(opts)
	if err != nil {
		return err
	}
	select {
	case err := <-n.Fatal():
		return fmt.Errorf("fatal: %w", err)
	case <-signals:
		return stop(n, opts.Logger)
	}
}

// stopWithin is the time after which a node that does not stop in order is left.
const stopWithin = 10*time.Second - 500*time.Millisecond

func stop(n *node.Node, logger *slog.Logger) error {
	done := make(chan error, 1)
	go func() { done <- n.Stop() }()
	select {
	case err := <-done:
		return err
	case err := <-n.Fatal():
		return fmt.Errorf("fatal while stopping: %w", err)
	case <-time.After(stopWithin):
		logger.Error("not stopped in time; leaving: what was acknowledged is on disk")
		return graph.Errorf("codegraphd.stop", graph.KindDeadline, "not stopped within %v", stopWithin)
	}
}
