package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"github.com/codegraphdb/codegraph"
	queryv1 "github.com/codegraphdb/codegraph/api/codegraph/query/v1"
)

const refHelp = `

SYMBOL is a symbol key, a qualified name or the end of one (Scheduler.scheduleOne), or path:line.`

// place is where a symbol stands.
func place(s *queryv1.Symbol) string {
	switch {
	case s.GetPath() == "":
		return ""
	case s.GetLine() == 0:
		return s.GetPath()
	}
	return fmt.Sprintf("%s:%d", s.GetPath(), s.GetLine())
}

// title is a symbol's name for people.
func title(s *queryv1.Symbol) string {
	for _, name := range []string{s.GetQualifiedName(), s.GetName(), s.GetKey()} {
		if name != "" {
			return name
		}
	}
	return s.GetId()
}

func symbolTable(symbols []*queryv1.Symbol) *table {
	t := newTable("KIND", "NAME", "LOCATION", "REPO")
	for _, s := range symbols {
		t.add(s.GetKind(), title(s), place(s), s.GetRepo())
	}
	return t
}

const shownSites = 3

// sites lists the first places of an edge.
func sites(e *queryv1.Edge) string {
	var parts []string
	for i, s := range e.GetSites() {
		if i == shownSites {
			break
		}
		parts = append(parts, fmt.Sprintf("%s:%d", s.GetPath(), s.GetLine()))
	}
	if more := int(e.GetCount()) - len(parts); more > 0 && len(parts) > 0 {
		parts = append(parts, fmt.Sprintf("+%d", more))
	}
	return strings.Join(parts, " ")
}

func relationTable(relations []*queryv1.Relation) *table {
	t := newTable("KIND", "NAME", "LOCATION", "AT", "RESOLUTION", "REPO")
	for _, r := range relations {
		s, e := r.GetSymbol(), r.GetEdge()
		t.add(s.GetKind(), title(s), place(s), sites(e), e.GetResolution(), s.GetRepo())
	}
	return t
}

func impactTable(relations []*queryv1.Relation) *table {
	t := newTable("DEPTH", "EDGE", "KIND", "NAME", "LOCATION", "REPO").numbers(0)
	for _, r := range relations {
		s := r.GetSymbol()
		t.add(r.GetDepth(), r.GetEdge().GetType(), s.GetKind(), title(s), place(s), s.GetRepo())
	}
	return t
}

// neighborTable shows edges seen from symbol id.
func neighborTable(id string, relations []*queryv1.Relation) *table {
	t := newTable("EDGE", "DIRECTION", "KIND", "NAME", "LOCATION", "AT", "RESOLUTION", "REPO")
	for _, r := range relations {
		s, e := r.GetSymbol(), r.GetEdge()
		direction := "in"
		if e.GetSourceId() == id {
			direction = "out"
		}
		t.add(e.GetType(), direction, s.GetKind(), title(s), place(s), sites(e), e.GetResolution(),
			s.GetRepo())
	}
	return t
}

// subject names on stderr what an answer is about.
func (a *app) subject(s *queryv1.Symbol) {
	if s == nil {
		return
	}
	at := place(s)
	if at == "" {
		at = "not ingested"
	}
	fmt.Fprintf(a.err, "# %s %s %s\n", s.GetKind(), title(s), at)
}

// related prints an answer that lists relations of a symbol.
func (a *app) related(m interface {
	proto.Message
	GetSymbol() *queryv1.Symbol
	GetRelations() []*queryv1.Relation
	GetTrailer() *queryv1.Trailer
}, noun string, t func() *table) error {
	a.subject(m.GetSymbol())
	if err := a.print(m, t); err != nil {
		return err
	}
	return a.trailer(len(m.GetRelations()), noun, m.GetTrailer())
}

func (a *app) symbolCommand() *cobra.Command {
	read := &a.read
	cmd := &cobra.Command{Use: "symbol SYMBOL", Short: "Show one symbol", Args: cobra.ExactArgs(1),
		Long: "Show one symbol." + refHelp,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.ask(cmd, func(ctx context.Context, c *codegraph.Client) error {
				resp, err := c.GetSymbol(ctx, &queryv1.GetSymbolRequest{Ref: read.ref(args[0]),
					Options: read.options()})
				if err != nil {
					return err
				}
				err = a.print(resp, func() *table { return symbolDetails(resp.GetSymbol()) })
				if err != nil {
					return err
				}
				return a.trailer(1, "symbol", resp.GetTrailer())
			})
		}}
	read.registerRepo(cmd)
	return cmd
}

func symbolDetails(s *queryv1.Symbol) *table {
	t := newTable("FIELD", "VALUE")
	add := func(field, value string) {
		if value != "" {
			t.add(field, value)
		}
	}
	add("kind", s.GetKind())
	add("name", title(s))
	add("location", place(s))
	add("signature", s.GetSignature())
	add("repository", s.GetRepo())
	add("language", s.GetLanguage())
	var flags []string
	for name, set := range map[string]bool{"exported": s.GetExported(), "test": s.GetTest(),
		"generated": s.GetGenerated()} {
		if set {
			flags = append(flags, name)
		}
	}
	slices.Sort(flags)
	add("flags", strings.Join(flags, ", "))
	add("key", s.GetKey())
	add("id", s.GetId())
	add("doc", s.GetDoc())
	return t
}

func (a *app) callersCommand() *cobra.Command {
	read := &a.read
	cmd := &cobra.Command{Use: "callers SYMBOL", Short: "Who calls a symbol, and where",
		Long: "Who calls a symbol, and where." + refHelp, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.ask(cmd, func(ctx context.Context, c *codegraph.Client) error {
				resp, err := c.Callers(ctx, &queryv1.CallersRequest{Ref: read.ref(args[0]),
					Options: read.options()})
				if err != nil {
					return err
				}
				return a.related(resp, "caller", func() *table {
					return relationTable(resp.GetRelations())
				})
			})
		}}
	read.registerRepo(cmd)
	return cmd
}

func (a *app) calleesCommand() *cobra.Command {
	read := &a.read
	cmd := &cobra.Command{Use: "callees SYMBOL", Short: "What a symbol calls, and where",
		Long: "What a symbol calls, and where." + refHelp, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.ask(cmd, func(ctx context.Context, c *codegraph.Client) error {
				resp, err := c.Callees(ctx, &queryv1.CalleesRequest{Ref: read.ref(args[0]),
					Options: read.options()})
				if err != nil {
					return err
				}
				return a.related(resp, "callee", func() *table {
					return relationTable(resp.GetRelations())
				})
			})
		}}
	read.registerRepo(cmd)
	return cmd
}

func (a *app) neighborsCommand() *cobra.Command {
	read := &a.read
	var types []string
	var direction string
	cmd := &cobra.Command{Use: "neighbors SYMBOL", Short: "The edges of a symbol",
		Long: "The edges of a symbol." + refHelp, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			towards, err := parseDirection(direction)
			if err != nil {
				return err
			}
			return a.ask(cmd, func(ctx context.Context, c *codegraph.Client) error {
				resp, err := c.Neighbors(ctx, &queryv1.NeighborsRequest{Ref: read.ref(args[0]),
					Types: upper(types), Direction: towards, Options: read.options()})
				if err != nil {
					return err
				}
				return a.related(resp, "edge", func() *table {
					return neighborTable(resp.GetSymbol().GetId(), resp.GetRelations())
				})
			})
		}}
	read.registerRepo(cmd)
	cmd.Flags().StringSliceVar(&types, "type", nil, "only edges of these types, e.g. CALLS")
	cmd.Flags().StringVar(&direction, "direction", "both", "in, out or both")
	return cmd
}

func upper(types []string) []string {
	out := make([]string, len(types))
	for i, t := range types {
		out[i] = strings.ToUpper(t)
	}
	return out
}

func parseDirection(s string) (queryv1.Direction, error) {
	switch s {
	case "both":
		return queryv1.Direction_DIRECTION_UNSPECIFIED, nil
	case "in":
		return queryv1.Direction_DIRECTION_IN, nil
	case "out":
		return queryv1.Direction_DIRECTION_OUT, nil
	}
	return 0, invalid("direction %q is not known", s).WithRemedy("write in, out or both")
}

func (a *app) impactCommand() *cobra.Command {
	read := &a.read
	var depth uint32
	cmd := &cobra.Command{Use: "impact SYMBOL", Short: "What a change of a symbol may affect",
		Long: "What a change of a symbol may affect, nearest first." + refHelp,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.ask(cmd, func(ctx context.Context, c *codegraph.Client) error {
				resp, err := c.Impact(ctx, &queryv1.ImpactRequest{Ref: read.ref(args[0]),
					MaxDepth: depth, Options: read.options()})
				if err != nil {
					return err
				}
				return a.related(resp, "symbol", func() *table {
					return impactTable(resp.GetRelations())
				})
			})
		}}
	read.registerRepo(cmd)
	cmd.Flags().Uint32Var(&depth, "depth", 0, "most hops (default 5, at most 20)")
	return cmd
}
