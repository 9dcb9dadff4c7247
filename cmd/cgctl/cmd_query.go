package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/codegraphdb/codegraph"
	queryv1 "github.com/codegraphdb/codegraph/api/codegraph/query/v1"
)

func (a *app) queryCommand() *cobra.Command {
	read := &a.read
	var params []string
	var file string
	cmd := &cobra.Command{Use: "query ['CYPHER']", Short: "Ask in Cypher",
		Long: "Ask in Cypher. The query is the argument, --file, or standard input.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			query, err := a.queryText(args, file)
			if err != nil {
				return err
			}
			values, err := parseParams(params)
			if err != nil {
				return err
			}
			return a.ask(cmd, func(ctx context.Context, c *codegraph.Client) error {
				return a.runQuery(ctx, c, &queryv1.ExecuteRequest{Query: query, Parameters: values,
					Options: read.options()})
			})
		}}
	read.register(cmd)
	cmd.Flags().StringArrayVar(&params, "param", nil,
		"parameter name=value; the value is JSON, else a string")
	cmd.Flags().StringVarP(&file, "file", "f", "", "read the query from a file; - is standard input")
	return cmd
}

func (a *app) queryText(args []string, file string) (string, error) {
	var text []byte
	var err error
	switch {
	case len(args) == 1 && file != "":
		return "", invalid("give the query or --file, not both")
	case len(args) == 1:
		return args[0], nil
	case file == "" || file == "-":
		if f, ok := a.in.(*os.File); ok && file == "" && isTerminal(f) {
			return "", invalid("there is no query").WithRemedy("`cgctl shell` reads them line by line")
		}
		text, err = io.ReadAll(a.in)
	default:
		text, err = os.ReadFile(file)
	}
	if err != nil {
		return "", invalid("query: %w", err)
	}
	return string(text), nil
}

// parseParams reads name=value pairs.
func parseParams(pairs []string) (map[string]*queryv1.Value, error) {
	out := map[string]*queryv1.Value{}
	for _, p := range pairs {
		name, text, ok := strings.Cut(p, "=")
		name = strings.TrimPrefix(strings.TrimSpace(name), "$")
		if !ok || name == "" {
			return nil, invalid("parameter %q is not name=value", p)
		}
		out[name] = parseValue(text)
	}
	return out, nil
}

// runQuery prints the answer to a query.
func (a *app) runQuery(ctx context.Context, c *codegraph.Client,
	req *queryv1.ExecuteRequest) error {
	res, err := c.QueryAll(ctx, req)
	if err != nil {
		return err
	}
	if a.flags.output == formatTable {
		err = a.printTable(resultTable(res))
	} else {
		err = a.printValue(resultJSON(res))
	}
	if err != nil {
		return err
	}
	return a.trailer(len(res.Rows), "row", res.Trailer)
}

func resultTable(res *codegraph.Result) *table {
	t := newTable(res.Columns...)
	for i := range res.Columns {
		t.right[i] = len(res.Rows) > 0
	}
	for _, row := range res.Rows {
		cells := make([]any, len(row))
		for i, v := range row {
			cells[i] = valueText(v)
			if !isNumber(v) {
				t.right[i] = false
			}
		}
		t.add(cells...)
	}
	return t
}

func (a *app) explainCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{Use: "explain ['CYPHER']", Short: "Show the plan of a query",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			query, err := a.queryText(args, file)
			if err != nil {
				return err
			}
			return a.ask(cmd, func(ctx context.Context, c *codegraph.Client) error {
				return a.explainQuery(ctx, c, query)
			})
		}}
	cmd.Flags().StringVarP(&file, "file", "f", "", "read the query from a file; - is standard input")
	return cmd
}

func (a *app) explainQuery(ctx context.Context, c *codegraph.Client, query string) error {
	plan, err := c.Explain(ctx, query)
	if err != nil {
		return err
	}
	if a.flags.output != formatTable {
		return a.printValue(map[string]string{"plan": plan})
	}
	_, err = fmt.Fprintln(a.out, strings.TrimRight(plan, "\n"))
	return err
}
