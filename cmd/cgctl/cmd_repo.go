package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/codegraphdb/codegraph"
	adminv1 "github.com/codegraphdb/codegraph/api/codegraph/admin/v1"
	queryv1 "github.com/codegraphdb/codegraph/api/codegraph/query/v1"
	"github.com/codegraphdb/codegraph/graph"
)

func (a *app) repoCommand() *cobra.Command {
	return noun("repo", "The repositories in the graph", a.repoListCommand(), a.repoShowCommand(),
		a.repoDeleteCommand(), a.repoExportCommand())
}

func (a *app) repoListCommand() *cobra.Command {
	return &cobra.Command{Use: "list", Short: "List the repositories", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.ask(cmd, func(ctx context.Context, c *codegraph.Client) error {
				resp, err := c.Repositories(ctx, "")
				if err != nil {
					return err
				}
				return a.print(resp, func() *table { return repoTable(resp.GetRepositories()) })
			})
		}}
}

func repoTable(repos []*adminv1.Repository) *table {
	t := newTable("NAME", "REVISION", "AT", "FILES", "LINES", "VERTICES", "EDGES", "UNRESOLVED",
		"IMPORTING").numbers(3, 4, 5, 6, 7)
	for _, r := range repos {
		t.add(r.GetName(), shortRevision(r.GetRevision()), instant(r.GetTimestamp()), r.GetFiles(),
			r.GetLines(), r.GetVertices(), r.GetEdges(), r.GetUnresolved(), r.GetImporting())
	}
	return t
}

// oneRepository returns the repository of a name.
func oneRepository(ctx context.Context, c *codegraph.Client, name string) (*adminv1.Repository,
	error) {
	resp, err := c.Repositories(ctx, name)
	if err != nil {
		return nil, err
	}
	for _, r := range resp.GetRepositories() {
		if r.GetName() == name {
			return r, nil
		}
	}
	return nil, graph.Errorf("", graph.KindNotFound, "there is no repository %q", name).
		WithRemedy("`cgctl repo list` lists them")
}

func (a *app) repoShowCommand() *cobra.Command {
	return &cobra.Command{Use: "show NAME", Short: "Show one repository", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.ask(cmd, func(ctx context.Context, c *codegraph.Client) error {
				r, err := oneRepository(ctx, c, args[0])
				if err != nil {
					return err
				}
				return a.print(r, func() *table { return repoDetails(r) })
			})
		}}
}

func repoDetails(r *adminv1.Repository) *table {
	t := newTable("FIELD", "VALUE")
	t.add("name", r.GetName())
	t.add("revision", r.GetRevision())
	t.add("at", instant(r.GetTimestamp()))
	t.add("revisions", r.GetRevisions())
	t.add("files", fmt.Sprintf("%d, %d skipped, %d understood in part", r.GetFiles(),
		r.GetSkippedFiles(), r.GetPartialFiles()))
	t.add("lines", r.GetLines())
	t.add("vertices", r.GetVertices())
	t.add("edges", r.GetEdges())
	t.add("unresolved", r.GetUnresolved())
	t.add("packages", strings.Join(r.GetPackages(), ", "))
	if r.GetImporting() != "" {
		since := time.UnixMilli(r.GetImportingSinceMillis()).UTC().Format(time.RFC3339)
		t.add("importing", r.GetImporting()+" since "+since)
	}
	return t
}

func (a *app) repoDeleteCommand() *cobra.Command {
	return &cobra.Command{Use: "delete NAME", Short: "Remove all of a repository",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if a.flags.timeout > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, a.flags.timeout)
				defer cancel()
			}
			return a.connect(ctx, func(ctx context.Context, c *codegraph.Client) error {
				if _, err := oneRepository(ctx, c, args[0]); err != nil {
					return err
				}
				at, err := c.DeleteRepository(ctx, args[0])
				if err != nil {
					return err
				}
				fmt.Fprintf(a.err, "# deleted %s at %s\n", args[0], instant(uint64(at)))
				return nil
			})
		}}
}

func (a *app) repoExportCommand() *cobra.Command {
	read := &a.read
	var format string
	cmd := &cobra.Command{Use: "export NAME", Short: "Write all of a repository to standard output",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := newExporter(format, a.out)
			if err != nil {
				return err
			}
			ctx := cmd.Context()
			if a.flags.timeout > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, a.flags.timeout)
				defer cancel()
			}
			return a.connect(ctx, func(ctx context.Context, c *codegraph.Client) error {
				return a.export(c.Export(ctx, &queryv1.ExportRequest{Repo: args[0],
					Options: read.options()}), w)
			})
		}}
	f := cmd.Flags()
	f.BoolVar(&read.strong, "strong", false, "see everything acknowledged before")
	f.StringVar(&format, "format", "jsonl", "csv or jsonl")
	return cmd
}

func (a *app) export(messages iter.Seq2[*queryv1.ExportResponse, error], w exporter) error {
	count := 0
	for m, err := range messages {
		if err != nil {
			_ = w.end()
			return err
		}
		if t := m.GetTrailer(); t != nil {
			if err := w.end(); err != nil {
				return err
			}
			return a.trailer(count, "row", t)
		}
		count++
		if err := w.write(m); err != nil {
			return err
		}
	}
	return w.end()
}

// exporter writes vertices and edges in one format.
type exporter interface {
	write(*queryv1.ExportResponse) error
	end() error
}

func newExporter(format string, out io.Writer) (exporter, error) {
	buffered := bufio.NewWriterSize(out, 1<<16)
	switch format {
	case "jsonl":
		return &jsonLines{buffered}, nil
	case "csv":
		return &csvLines{csv.NewWriter(buffered), buffered, false}, nil
	}
	return nil, invalid("export format %q is not known", format).WithRemedy("write csv or jsonl")
}

// jsonLines writes one object a line: {"symbol": …} or {"edge": …}.
type jsonLines struct{ out *bufio.Writer }

func (j *jsonLines) write(m *queryv1.ExportResponse) error {
	line := map[string]any{}
	if s := m.GetSymbol(); s != nil {
		line["symbol"] = protoJSON{s}
	} else {
		line["edge"] = protoJSON{m.GetEdge()}
	}
	b, err := json.Marshal(line)
	if err != nil {
		return err
	}
	_, err = j.out.Write(append(b, '\n'))
	return err
}

func (j *jsonLines) end() error { return j.out.Flush() }

// csvLines writes vertices and edges under one header; the first column tells them apart.
type csvLines struct {
	w     *csv.Writer
	out   *bufio.Writer
	begun bool
}

var csvHeader = []string{"record", "id", "kind", "qualified_name", "path", "line", "end_line",
	"language", "signature", "key", "source_id", "target_id", "resolution", "count"}

func (c *csvLines) write(m *queryv1.ExportResponse) error {
	if err := c.begin(); err != nil {
		return err
	}
	if s := m.GetSymbol(); s != nil {
		return c.w.Write([]string{"vertex", s.GetId(), s.GetKind(), s.GetQualifiedName(), s.GetPath(),
			number(s.GetLine()), number(s.GetEndLine()), s.GetLanguage(), s.GetSignature(),
			s.GetKey(), "", "", "", ""})
	}
	e := m.GetEdge()
	path, line := "", ""
	if len(e.GetSites()) > 0 {
		path, line = e.GetSites()[0].GetPath(), number(e.GetSites()[0].GetLine())
	}
	return c.w.Write([]string{"edge", "", e.GetType(), "", path, line, "", "", "", "",
		e.GetSourceId(), e.GetTargetId(), e.GetResolution(), number(e.GetCount())})
}

func (c *csvLines) begin() error {
	if c.begun {
		return nil
	}
	c.begun = true
	return c.w.Write(csvHeader)
}

func (c *csvLines) end() error {
	if err := c.begin(); err != nil {
		return err
	}
	c.w.Flush()
	if err := c.w.Error(); err != nil {
		return err
	}
	return c.out.Flush()
}

func number(n uint32) string { return strconv.FormatUint(uint64(n), 10) }
