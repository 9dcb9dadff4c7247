package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/codegraphdb/codegraph"
	queryv1 "github.com/codegraphdb/codegraph/api/codegraph/query/v1"
)

func (a *app) pathCommand() *cobra.Command {
	read := &a.read
	var types []string
	var depth uint32
	cmd := &cobra.Command{Use: "path FROM TO", Short: "A shortest path between two symbols",
		Long: "A shortest path between two symbols, from caller to callee unless --type names " +
			"other edges." + refHelp, Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.ask(cmd, func(ctx context.Context, c *codegraph.Client) error {
				resp, err := c.FindPath(ctx, &queryv1.FindPathRequest{From: read.ref(args[0]),
					To: read.ref(args[1]), Types: upper(types), MaxDepth: depth,
					Options: read.options()})
				if err != nil {
					return err
				}
				return a.foundPath(resp)
			})
		}}
	read.registerRepo(cmd)
	cmd.Flags().StringSliceVar(&types, "type", nil, "types of edges to follow (default CALLS)")
	cmd.Flags().Uint32Var(&depth, "depth", 0, "most hops (default 15, at most 50)")
	return cmd
}

func (a *app) foundPath(resp *queryv1.FindPathResponse) error {
	if resp.GetFound() || a.flags.output != formatTable {
		if err := a.print(resp, func() *table { return pathTable(resp.GetPath()) }); err != nil {
			return err
		}
	}
	if !resp.GetFound() {
		fmt.Fprintln(a.err, "# there is no such path")
		if err := a.trailer(0, "hop", resp.GetTrailer()); err != nil {
			return err
		}
		return errNothing
	}
	return a.trailer(len(resp.GetPath().GetEdges()), "hop", resp.GetTrailer())
}

func pathTable(p *queryv1.PathValue) *table {
	t := newTable("HOP", "EDGE", "KIND", "NAME", "LOCATION", "AT", "REPO").numbers(0)
	for i, s := range p.GetSymbols() {
		edge, at := "", ""
		if i > 0 && i <= len(p.GetEdges()) {
			e := p.GetEdges()[i-1]
			edge, at = e.GetType(), sites(e)
		}
		t.add(i, edge, s.GetKind(), title(s), place(s), at, s.GetRepo())
	}
	return t
}

func (a *app) searchCommand() *cobra.Command {
	read := &a.read
	var mode string
	var kinds []string
	cmd := &cobra.Command{Use: "search TEXT", Short: "Find symbols by name",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			how, err := parseMode(mode)
			if err != nil {
				return err
			}
			return a.ask(cmd, func(ctx context.Context, c *codegraph.Client) error {
				resp, err := c.SearchSymbols(ctx, &queryv1.SearchSymbolsRequest{Text: args[0],
					Mode: how, Kinds: kinds, Repo: read.repo, Options: read.options()})
				if err != nil {
					return err
				}
				err = a.print(resp, func() *table { return symbolTable(resp.GetSymbols()) })
				if err != nil {
					return err
				}
				return a.trailer(len(resp.GetSymbols()), "symbol", resp.GetTrailer())
			})
		}}
	read.registerRepo(cmd)
	cmd.Flags().StringVar(&mode, "mode", "",
		"exact, prefix, substring or camel (default: one after the other until there are enough)")
	cmd.Flags().StringSliceVar(&kinds, "kind", nil, "only these kinds, e.g. Function,Method")
	return cmd
}

func parseMode(s string) (queryv1.SearchMode, error) {
	if s == "" {
		return queryv1.SearchMode_SEARCH_MODE_UNSPECIFIED, nil
	}
	mode, ok := queryv1.SearchMode_value["SEARCH_MODE_"+strings.ToUpper(s)]
	if !ok || mode == 0 {
		return 0, invalid("search mode %q is not known", s).
			WithRemedy("write exact, prefix, substring or camel")
	}
	return queryv1.SearchMode(mode), nil
}
