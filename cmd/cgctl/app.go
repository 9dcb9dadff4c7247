package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/codegraphdb/codegraph"
	queryv1 "github.com/codegraphdb/codegraph/api/codegraph/query/v1"
	"github.com/codegraphdb/codegraph/graph"
)

// app is one run of the program.
type app struct {
	in     io.Reader
	out    io.Writer
	err    io.Writer
	env    func(string) string
	flags  globalFlags
	read   readFlags
	config *config
	ran    bool // the arguments were right
}

// globalFlags are the flags of every command.
type globalFlags struct {
	addresses []string
	tlsCA     string
	context   string
	insecure  bool
	gateway   bool
	output    string
	noHeaders bool
	timeout   time.Duration
}

// readFlags are the flags of commands that read.
type readFlags struct {
	limit   uint32
	strong  bool
	partial bool
	repo    string
}

// Main runs cgctl and returns its exit code.
func Main(args []string, in io.Reader, out, errOut io.Writer, env func(string) string) int {
	a := &app{in: in, out: out, err: errOut, env: env}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	defer context.AfterFunc(ctx, stop)() // a second Ctrl-C ends the program at once
	return a.run(ctx, args)
}

func (a *app) run(ctx context.Context, args []string) int {
	root := a.command()
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	err := root.ExecuteContext(ctx)
	if err != nil && !a.ran {
		err = usageError{err}
	}
	return a.finish(ctx, err)
}

func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:           "cgctl",
		Short:         "Ask, fill and look after a codegraph cluster",
		SilenceErrors: true, SilenceUsage: true,
		Version: version,
		PersistentPreRunE: func(*cobra.Command, []string) (err error) {
			a.ran = true
			if err := checkOutput(a.flags.output); err != nil {
				return err
			}
			a.config, err = loadConfig(configPath(a.env))
			return err
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	f := root.PersistentFlags()
	f.StringSliceVar(&a.flags.addresses, "address", nil,
		"client ports of nodes, host:port (default: those of the context, else 127.0.0.1:7600)")
	f.StringVar(&a.flags.tlsCA, "tls-ca", "", "certificates that sign the nodes (PEM)")
	f.StringVar(&a.flags.context, "context", "", "context of the configuration file to use")
	f.BoolVar(&a.flags.insecure, "insecure", false, "talk in clear text to hosts other than this one")
	f.BoolVar(&a.flags.gateway, "gateway", false,
		"talk to the nodes of --address or the context only, as through a load balancer")
	f.StringVarP(&a.flags.output, "output", "o", "table", "table, json or yaml")
	f.BoolVar(&a.flags.noHeaders, "no-headers", false, "tables without the line of headers")
	f.DurationVar(&a.flags.timeout, "timeout", 0, "give up after this time (default: the server's)")
	root.AddGroup(&cobra.Group{ID: "ask", Title: "Ask:"}, &cobra.Group{ID: "fill", Title: "Fill:"},
		&cobra.Group{ID: "cluster", Title: "Look after the cluster:"})
	a.addGroup(root, "ask", a.queryCommand(), a.shellCommand(), a.explainCommand(),
		a.symbolCommand(), a.searchCommand(), a.callersCommand(), a.calleesCommand(),
		a.neighborsCommand(), a.impactCommand(), a.pathCommand())
	a.addGroup(root, "fill", a.ingestCommand(), a.repoCommand())
	a.addGroup(root, "cluster", a.statusCommand(), a.nodeCommand(), a.shardCommand(),
		a.devCommand())
	root.AddCommand(a.versionCommand())
	return root
}

func (a *app) addGroup(root *cobra.Command, group string, commands ...*cobra.Command) {
	for _, c := range commands {
		c.GroupID = group
		root.AddCommand(c)
	}
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(a.out, "cgctl", version)
			return err
		}}
}

// noun is a command that only holds others.
func noun(use, short string, verbs ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cmd.SetOut(cmd.ErrOrStderr())
			_ = cmd.Help()
			return usageError{fmt.Errorf("%s needs one of the commands above", cmd.CommandPath())}
		}}
	c.AddCommand(verbs...)
	return c
}

func (r *readFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.Uint32Var(&r.limit, "limit", 0, "most rows; an answer that is cut says so")
	f.BoolVar(&r.strong, "strong", false, "see everything acknowledged before")
	f.BoolVar(&r.partial, "allow-partial", false, "show what was found if a bound is met (exit 6)")
}

func (r *readFlags) registerRepo(cmd *cobra.Command) {
	r.register(cmd)
	cmd.Flags().StringVar(&r.repo, "repo", "", "only symbols of this repository")
}

func (r *readFlags) options() *queryv1.ReadOptions {
	o := &queryv1.ReadOptions{Mode: queryv1.ReadMode_READ_MODE_SNAPSHOT, MaxRows: r.limit,
		AllowPartial: r.partial || r.limit > 0} // who names a limit wants what is within it
	if r.strong {
		o.Mode = queryv1.ReadMode_READ_MODE_STRONG
	}
	return o
}

func (r *readFlags) ref(symbol string) *queryv1.SymbolRef {
	return &queryv1.SymbolRef{Symbol: strings.TrimPrefix(symbol, "./"), Repo: r.repo}
}

// longest is how long a command waits that was not told: longer than the servers' own bound, whose
// message says more.
const longest = 45 * time.Second

// ask calls f with a client; it ends after the timeout and remembers the session's token.
func (a *app) ask(cmd *cobra.Command, f func(context.Context, *codegraph.Client) error) error {
	timeout := a.flags.timeout
	if timeout == 0 {
		timeout = longest
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
	defer cancel()
	return a.connect(ctx, f)
}

// connect calls f with a client and remembers the session's token.
func (a *app) connect(ctx context.Context,
	f func(context.Context, *codegraph.Client) error) error {
	target, err := a.target()
	if err != nil {
		return err
	}
	opts := codegraph.Options{Addresses: target.Addresses, TLSCA: target.TLSCA,
		Gateway: a.flags.gateway, UserAgent: "cgctl/" + version, Token: a.config.token(target.name)}
	if opts.TLSCA == "" && !a.flags.insecure && !allLoopback(opts.Addresses) {
		opts.TLS = &tls.Config{MinVersion: tls.VersionTLS13}
	}
	c, err := codegraph.Dial(ctx, opts)
	if err != nil {
		return err
	}
	defer c.Close()
	err = f(ctx, c)
	if token := c.Token(); token > opts.Token {
		a.config.keepToken(target.name, token)
	}
	return err
}

// target says which cluster to talk to: flags win over the environment, that over the context.
func (a *app) target() (namedContext, error) {
	addresses := a.flags.addresses
	if len(addresses) == 0 && a.env("CGCTL_ADDRESS") != "" {
		addresses = strings.Split(a.env("CGCTL_ADDRESS"), ",")
	}
	ca := a.flags.tlsCA
	if ca == "" {
		ca = a.env("CGCTL_TLS_CA")
	}
	name := a.flags.context
	if name == "" {
		name = a.env("CGCTL_CONTEXT")
	}
	if len(addresses) > 0 {
		t := namedContext{clusterContext: clusterContext{Addresses: addresses, TLSCA: ca}}
		if ca == "" {
			t.TLSCA = a.config.authorityOf(name, addresses)
		}
		return t, nil
	}
	t, err := a.config.named(name)
	if err == nil && ca != "" {
		t.TLSCA = ca
	}
	return t, err
}

func allLoopback(addresses []string) bool {
	for _, addr := range addresses {
		host, _, err := net.SplitHostPort(addr)
		ip := net.ParseIP(host)
		if err == nil && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return false
		}
	}
	return true
}

func invalid(format string, args ...any) *graph.Error {
	return graph.Errorf("", graph.KindInvalid, format, args...)
}
