package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"

	"github.com/reeflective/readline"
	"github.com/spf13/cobra"

	"github.com/codegraphdb/codegraph"
	queryv1 "github.com/codegraphdb/codegraph/api/codegraph/query/v1"
)

const shellHelp = `A query may take several lines and ends in a semicolon.
  :param name=value   set a parameter ($name in queries); the value is JSON, else a string
  :param              list the parameters
  :explain QUERY;     show the plan of a query
  :callers SYMBOL     and :callees, :impact, :symbol, :search: the commands of that name
  :help               this text
  :quit               leave (also Ctrl-D)
`

// lineReader gives one statement after the other: lines up to a semicolon, or one line that begins
// with a colon. io.EOF ends it.
type lineReader interface {
	statement() (string, error)
}

// shell is one `cgctl shell`.
type shell struct {
	app    *app
	client *codegraph.Client
	read   *readFlags
	params map[string]*queryv1.Value
	lines  lineReader
}

func (a *app) shellCommand() *cobra.Command {
	read := &a.read
	cmd := &cobra.Command{Use: "shell", Short: "Ask in Cypher, line by line", Args: cobra.NoArgs,
		Long: "Ask in Cypher, line by line.\n\n" + shellHelp,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.connect(cmd.Context(), func(ctx context.Context, c *codegraph.Client) error {
				s := &shell{app: a, client: c, read: read, params: map[string]*queryv1.Value{},
					lines: a.statements()}
				return s.run(cmd, ctx)
			})
		}}
	read.register(cmd)
	return cmd
}

// statements reads from the terminal with editing and history, else plainly.
func (a *app) statements() lineReader {
	f, ok := a.in.(*os.File)
	if !ok || !isTerminal(f) {
		return &plainLines{bufio.NewScanner(a.in)}
	}
	fmt.Fprintln(a.err, "# :help lists what can be asked; a query ends in a semicolon")
	rl := readline.NewShell()
	rl.Prompt.Primary(func() string { return "cgctl> " })
	rl.Prompt.Secondary(func() string { return "    -> " })
	rl.AcceptMultiline = func(line []rune) bool { return finished(string(line)) }
	if a.config.path != "" {
		rl.History.AddFromFile("history", filepath.Join(filepath.Dir(a.config.path), "history"))
	}
	return &terminalLines{rl}
}

// finished tells whether text is a whole statement.
func finished(text string) bool {
	text = strings.TrimSpace(text)
	return text == "" || strings.HasSuffix(text, ";") ||
		strings.HasPrefix(text, ":") && !strings.HasPrefix(text, ":explain")
}

// terminalLines reads from a terminal.
type terminalLines struct{ rl *readline.Shell }

func (t *terminalLines) statement() (string, error) {
	for {
		line, err := t.rl.Readline()
		if errors.Is(err, readline.ErrInterrupt) {
			continue
		}
		return line, err
	}
}

// plainLines reads a file or a pipe.
type plainLines struct{ in *bufio.Scanner }

func (p *plainLines) statement() (string, error) {
	var text strings.Builder
	for p.in.Scan() {
		text.WriteString(p.in.Text())
		if finished(text.String()) {
			return text.String(), nil
		}
		text.WriteByte('\n')
	}
	if err := p.in.Err(); err != nil {
		return "", err
	}
	if rest := strings.TrimSpace(text.String()); rest != "" {
		return rest, nil
	}
	return "", io.EOF
}

// run reads statements until the end. A statement that fails is explained; on a terminal the shell
// goes on, in a script it ends.
func (s *shell) run(cmd *cobra.Command, ctx context.Context) error {
	_, interactive := s.lines.(*terminalLines)
	for interactive || ctx.Err() == nil { // Ctrl-C ends what is asked, not the shell
		text, err := s.lines.statement()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		text = strings.TrimSpace(strings.TrimRight(strings.TrimSpace(text), ";"))
		if text == ":quit" || text == ":exit" {
			return nil
		}
		if text == "" {
			continue
		}
		err = s.one(cmd, text)
		switch {
		case err == nil || errors.Is(err, errPartial) || errors.Is(err, errNothing):
		case interactive:
			s.app.explain(err)
		default:
			return err
		}
	}
	return ctx.Err()
}

// one runs one statement; Ctrl-C ends it, not the shell.
func (s *shell) one(cmd *cobra.Command, text string) error {
	ctx, stop := signal.NotifyContext(context.WithoutCancel(cmd.Context()), os.Interrupt)
	defer stop()
	timeout := s.app.flags.timeout
	if timeout == 0 {
		timeout = longest
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if strings.HasPrefix(text, ":") {
		return s.command(ctx, cmd, text)
	}
	return s.app.runQuery(ctx, s.client, &queryv1.ExecuteRequest{Query: text, Parameters: s.params,
		Options: s.read.options()})
}

func (s *shell) command(ctx context.Context, cmd *cobra.Command, text string) error {
	verb, rest, _ := strings.Cut(strings.TrimPrefix(text, ":"), " ")
	verb, more, cut := strings.Cut(verb, "\n")
	if cut {
		rest = more + " " + rest
	}
	rest = strings.TrimSpace(rest)
	switch verb {
	case "help":
		fmt.Fprint(s.app.err, shellHelp)
		return nil
	case "param":
		return s.param(rest)
	case "explain":
		return s.app.explainQuery(ctx, s.client, rest)
	case "callers", "callees", "impact", "symbol", "search":
		sub, _, err := cmd.Root().Find([]string{verb})
		if err != nil {
			return err
		}
		sub.SetContext(ctx)
		return sub.RunE(sub, []string{rest})
	}
	return invalid("there is no command :%s", verb).WithRemedy(":help lists them")
}

func (s *shell) param(text string) error {
	if text == "" {
		for _, name := range slices.Sorted(maps.Keys(s.params)) {
			fmt.Fprintf(s.app.err, "$%s = %s\n", name, valueText(s.params[name]))
		}
		return nil
	}
	values, err := parseParams([]string{text})
	if err == nil {
		maps.Copy(s.params, values)
	}
	return err
}
