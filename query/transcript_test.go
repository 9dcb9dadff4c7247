package query

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/codegraphdb/codegraph/graph"
)

var rewrite = flag.Bool("rewrite", false, "write the answers into testdata")

// TestTranscripts runs testdata/*.txt: blocks of a command line, its input, "----" and the answer,
// apart by blank lines. `go test ./query -run Transcripts -rewrite` writes the answers.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) { runTranscript(t, file) })
	}
}

func runTranscript(t *testing.T, file string) {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	session := &transcript{limits: Limits{}}
	var out strings.Builder
	for i, block := range strings.Split(strings.TrimSpace(string(data)), "\n\n") {
		if i > 0 {
			out.WriteString("\n\n")
		}
		if strings.HasPrefix(block, "#") {
			out.WriteString(block)
			continue
		}
		input, want, _ := strings.Cut(block+"\n", "\n----\n")
		want = strings.TrimSuffix(want, "\n")
		command, rest, _ := strings.Cut(input, "\n")
		got := strings.TrimSuffix(session.run(command, strings.TrimSuffix(rest, "\n")), "\n")
		if got != want && !*rewrite {
			t.Errorf("%s: %s\n%s\n-- got --\n%s\n-- want --\n%s", file, command, rest, got, want)
		}
		fmt.Fprintf(&out, "%s\n----\n%s", strings.TrimSuffix(input, "\n"), got)
	}
	if *rewrite {
		if err := os.WriteFile(file, []byte(out.String()+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// transcript is the state of one file: the graph and the settings so far.
type transcript struct {
	source *memSource
	limits Limits
	params map[string]Value
}

// run executes one command: "graph" sets the graph, "limits" the bounds, "params" the parameters,
// "query", "explain" and the names of the typed calls ask.
func (s *transcript) run(command, input string) string {
	words := strings.Fields(command)
	opts := map[string]string{}
	var args []string
	for _, w := range words[1:] {
		if name, value, ok := strings.Cut(w, "="); ok {
			opts[name] = value
		} else {
			args = append(args, w)
		}
	}
	if input != "" && words[0] != "graph" {
		args = append(args, input)
	}
	switch words[0] {
	case "graph":
		source, err := newMemSource(input)
		if err != nil {
			return "error: " + err.Error()
		}
		s.source = source
		return fmt.Sprintf("%d vertices", len(source.here))
	case "limits":
		return s.setLimits(opts)
	case "unavailable":
		s.source.snap.Unavailable = func() []string { return args }
		return "ok"
	}
	env := &Env{Source: s.source, Snapshot: &s.source.snap, Limits: s.limits}
	text, err := s.ask(env, words[0], args, opts)
	if err != nil {
		text += showError(err)
	}
	return text
}

func (s *transcript) setLimits(opts map[string]string) string {
	number := func(name string) int64 {
		n, _ := strconv.ParseInt(opts[name], 10, 64)
		return n
	}
	s.limits = Limits{MaxRows: int(number("rows")), MaxEdges: number("edges"),
		MaxMemory: number("memory"), AllowPartial: opts["partial"] == "true"}
	return "ok"
}

func showError(err error) string {
	var q *QueryError
	if errors.As(err, &q) {
		return fmt.Sprintf("%s: %s", graph.KindOf(err), q.Rendered)
	}
	return fmt.Sprintf("%s: %v", graph.KindOf(err), err)
}

func (s *transcript) ask(env *Env, command string, args []string,
	opts map[string]string) (string, error) {
	ctx := context.Background()
	ref := Ref{Repo: opts["repo"]}
	if len(args) > 0 {
		ref.Symbol = args[0]
	}
	depth, _ := strconv.Atoi(opts["depth"])
	var out *Relations
	var err error
	switch command {
	case "get":
		symbol, trailer, err := env.GetSymbol(ctx, ref)
		if err != nil {
			return "", err
		}
		return Describe(symbol) + "\n" + showGaps(trailer), nil
	case "search":
		return s.search(env, args, opts)
	case "path":
		return s.path(env, args, depth)
	case "query":
		return s.query(env, args, opts)
	case "explain":
		return Explain(args[0])
	case "export":
		return exportText(env, args[0])
	case "callers":
		out, err = env.Callers(ctx, ref)
	case "callees":
		out, err = env.Callees(ctx, ref)
	case "impact":
		out, err = env.Impact(ctx, ref, depth)
	case "neighbors":
		out, err = env.Neighbors(ctx, ref, nil, Both)
	default:
		return "", fmt.Errorf("no command %q", command)
	}
	if err != nil {
		return "", err
	}
	return relationsText(out), nil
}

// query shows the rows as a table; option "sorted" sorts them, options name parameters.
func (s *transcript) query(env *Env, args []string, opts map[string]string) (string, error) {
	params := map[string]Value{}
	for name, text := range opts {
		params[name] = text
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			params[name] = n
		}
		if strings.Contains(text, ",") {
			var list []Value
			for _, t := range strings.Split(text, ",") {
				list = append(list, t)
			}
			params[name] = list
		}
	}
	t := &tableSink{}
	trailer, err := env.Execute(context.Background(), args[len(args)-1], params, t)
	if args[0] == "sorted" {
		slices.Sort(t.lines)
	}
	text := ""
	if t.header != "" {
		text = t.header + "\n" + strings.Repeat("-", len(t.header)) + "\n"
	}
	for _, line := range t.lines {
		text += line + "\n"
	}
	if trailer != nil {
		text += showGaps(trailer)
	}
	return text, err
}

// tableSink keeps an answer as lines.
type tableSink struct {
	header string
	lines  []string
	rows   [][]Value
}

func (t *tableSink) Header(columns []string) error {
	t.header = strings.Join(columns, " | ")
	return nil
}

func (t *tableSink) Rows(rows [][]Value) error {
	t.rows = append(t.rows, rows...)
	for _, r := range rows {
		var cells []string
		for _, v := range r {
			cells = append(cells, valueText(v))
		}
		t.lines = append(t.lines, strings.Join(cells, " | "))
	}
	return nil
}

func valueText(v Value) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return v
	case *Symbol:
		return "(" + v.QualifiedName() + ":" + v.Kind.String() + ")"
	case *Edge:
		return "[" + v.Type.String() + " x" + strconv.Itoa(int(v.Count)) + "]"
	case *Path:
		text := valueText(v.Symbols[0])
		for i, e := range v.Edges {
			arrow := "-" + e.Type.String() + "->"
			if e.Src != v.Symbols[i].ID {
				arrow = "<-" + e.Type.String() + "-"
			}
			text += arrow + valueText(v.Symbols[i+1])
		}
		return text
	case []Value:
		var out []string
		for _, e := range v {
			out = append(out, valueText(e))
		}
		return "[" + strings.Join(out, ", ") + "]"
	case map[string]Value:
		var out []string
		for _, k := range slices.Sorted(maps.Keys(v)) {
			out = append(out, k+": "+valueText(v[k]))
		}
		return "{" + strings.Join(out, ", ") + "}"
	}
	return fmt.Sprint(v)
}

func (s *transcript) search(env *Env, args []string, opts map[string]string) (string, error) {
	modes := []string{"auto", "exact", "prefix", "substring", "camel"}
	limit, _ := strconv.Atoi(opts["limit"])
	kinds, _ := graph.ParseLabel(opts["kind"])
	found, trailer, err := env.SearchSymbols(context.Background(), SearchRequest{
		Text: strings.Join(args, " "), Mode: SearchMode(max(slices.Index(modes, opts["mode"]), 0)),
		Kinds: kinds, Repo: opts["repo"], Limit: limit})
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, v := range found {
		fmt.Fprintln(&b, Describe(v))
	}
	return b.String() + showGaps(trailer), nil
}

func (s *transcript) path(env *Env, args []string, depth int) (string, error) {
	req := PathRequest{From: Ref{Symbol: args[0]}, To: Ref{Symbol: args[1]}, MaxDepth: depth}
	path, trailer, err := env.FindPath(context.Background(), req)
	if err != nil {
		return "", err
	}
	if path == nil {
		return "no path\n" + showGaps(trailer), nil
	}
	var b strings.Builder
	for i, v := range path.Symbols {
		if i > 0 {
			fmt.Fprintf(&b, "  %s at %s\n", path.Edges[i-1].Type, placesText(path.Edges[i-1].Sites))
		}
		fmt.Fprintln(&b, Describe(v))
	}
	return b.String() + showGaps(trailer), nil
}

func exportText(env *Env, repo string) (string, error) {
	var b strings.Builder
	names := map[graph.VertexID]string{}
	trailer, err := env.Export(context.Background(), repo, ExportSink{
		Symbols: func(batch []*Symbol) error {
			for _, v := range batch {
				names[v.ID] = v.QualifiedName()
				fmt.Fprintln(&b, Describe(v))
			}
			return nil
		},
		Edges: func(batch []*Edge) error {
			for _, e := range batch {
				fmt.Fprintf(&b, "%s %s %s %s\n", names[e.Src], e.Type, names[e.Dst], placesText(e.Sites))
			}
			return nil
		}})
	if err != nil {
		return "", err
	}
	return b.String() + showGaps(trailer), nil
}

func placesText(places []Place) string {
	var out []string
	for _, p := range places {
		out = append(out, fmt.Sprintf("%s:%d", p.Path, p.Line))
	}
	return strings.Join(out, " ")
}

func relationsText(r *Relations) string {
	var b strings.Builder
	for _, rel := range r.Relations {
		arrow := "<-"
		if rel.Edge.Dst == rel.Symbol.ID {
			arrow = "->"
		}
		fmt.Fprintf(&b, "%d %s%s %s", rel.Depth, arrow, rel.Edge.Type, Describe(rel.Symbol))
		if len(rel.Edge.Sites) > 0 {
			fmt.Fprintf(&b, " at %s", placesText(rel.Edge.Sites))
		}
		b.WriteByte('\n')
	}
	return b.String() + showGaps(r.Trailer)
}

func showGaps(t *Trailer) string {
	var b strings.Builder
	for _, g := range t.Gaps {
		fmt.Fprintf(&b, "gap %s", g.Cause)
		if g.Count > 0 {
			fmt.Fprintf(&b, " %d", g.Count)
		}
		if g.Partial {
			b.WriteString(" partial")
		}
		fmt.Fprintf(&b, ": %s\n", g.Detail)
	}
	if t.Complete != (len(t.Gaps) == 0) {
		b.WriteString("complete does not agree with the gaps\n")
	}
	return b.String()
}
