package query

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"unicode"

	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/query/exec"
)

// SearchMode is how names are compared. Values are those of the wire.
type SearchMode uint8

// The ways to compare names.
const (
	SearchAuto      SearchMode = iota // exact, prefix, camel-case, substring, until there are enough
	SearchExact                       // whatever the case of letters; equal case goes first
	SearchPrefix                      // the name begins with the text
	SearchSubstring                   // the name holds the text
	SearchCamel                       // schOne finds scheduleOne: each part begins a part of the name
)

// SearchRequest asks for symbols by name. Text may be qualified: a.b finds names like b in what is
// called like a.
type SearchRequest struct {
	Text  string
	Mode  SearchMode
	Kinds graph.KindSet // zero means any
	Repo  string
	Limit int // rows; zero means DefaultSearchRows
}

// DefaultSearchRows is how many matches SearchSymbols returns unless told otherwise.
const DefaultSearchRows = 50

// maxSearchScan is how many vertices of one shard a search looks at per way to compare.
const maxSearchScan = 10_000

// SearchSymbols returns the symbols whose names match, best first: by way to compare (equal, equal
// but for case, prefix, camel-case, substring), then definitions before files, exported ones,
// ones outside of tests, shorter names, and place. A cut at the limit is a gap.
func (e *Env) SearchSymbols(ctx context.Context, req SearchRequest) ([]*Symbol, *Trailer, error) {
	const op = "query.SearchSymbols"
	text := strings.TrimSpace(req.Text)
	if text == "" {
		return nil, nil, graph.Errorf(op, graph.KindInvalid, "the text to search for is empty")
	}
	repo, err := e.repoFilter(op, req.Repo)
	if err != nil {
		return nil, nil, err
	}
	limit := req.Limit
	if limit <= 0 {
		limit = DefaultSearchRows
	}
	c, ctx := e.begin(ctx)
	defer c.cancel()
	limit = min(limit, c.r.Limits().MaxRows)
	s := &search{call: c, kinds: req.Kinds, repo: repo, limit: limit, ranks: map[*exec.Vertex]int{}}
	s.name = text
	if at := strings.LastIndexAny(text, "./"); at > 0 && at < len(text)-1 {
		s.within, s.name = strings.ToLower(text[:at]), text[at+1:]
	}
	if err := c.cut(ctx, s.run(ctx, req.Mode)); err != nil {
		return nil, nil, err
	}
	found := s.best()
	if err := c.r.Fetch(ctx, found, false); err != nil {
		return nil, nil, err
	}
	out := make([]*Symbol, len(found))
	for i, v := range found {
		out[i] = c.r.Symbol(v)
	}
	return out, c.end(req.Repo), nil
}

// search collects matches with their rank: the way they matched, 0 the best.
type search struct {
	*call
	name   string
	within string // lower case; what the container is called like
	kinds  graph.KindSet
	repo   graph.RepoID
	limit  int
	ranks  map[*exec.Vertex]int
	found  []*exec.Vertex
}

const (
	rankEqual = iota
	rankFold
	rankPrefix
	rankCamel
	rankSubstring
)

func (s *search) run(ctx context.Context, mode SearchMode) error {
	lower := strings.ToLower(s.name)
	passes := []struct {
		mode SearchMode
		rank int
		spec graph.ScanSpec
	}{
		{SearchExact, rankEqual, graph.ScanSpec{Index: graph.IndexName, Value: s.name}},
		{SearchExact, rankFold, graph.ScanSpec{Index: graph.IndexNameLower, Value: lower}},
		{SearchPrefix, rankPrefix, graph.ScanSpec{Index: graph.IndexNameLower, Value: lower,
			Match: graph.MatchPrefix}},
		{SearchCamel, rankCamel, graph.ScanSpec{Index: graph.IndexCamel,
			Value: longest(orderedParts(s.name)), Match: graph.MatchPrefix}},
		{SearchSubstring, rankSubstring, graph.ScanSpec{Index: graph.IndexNameLower, Value: lower,
			Match: graph.MatchSubstring}},
	}
	if mode > SearchCamel {
		return graph.Errorf("query.SearchSymbols", graph.KindInvalid, "there is no search mode %d",
			mode)
	}
	for i, p := range passes {
		enough := len(s.found) >= s.limit && passes[i].mode != passes[max(i-1, 0)].mode
		if mode != SearchAuto && mode != p.mode && p.mode != SearchExact || p.spec.Value == "" {
			continue
		}
		if mode == SearchAuto && enough {
			break
		}
		p.spec.Kinds, p.spec.Repo, p.spec.Limit = s.kinds, s.repo, maxSearchScan
		if err := s.pass(ctx, &p.spec, p.rank); err != nil {
			return err
		}
	}
	return nil
}

func (s *search) pass(ctx context.Context, spec *graph.ScanSpec, rank int) error {
	parts := orderedParts(s.name)
	return s.r.Scan(ctx, spec, func(batch []*exec.Vertex) error {
		for _, v := range batch {
			if _, had := s.ranks[v]; had || s.outside(v) || !s.kinds.Allows(v.Props.Kind) {
				continue
			}
			if rank == rankCamel && !camelMatch(parts, orderedParts(v.Props.Name)) {
				continue
			}
			s.ranks[v] = rank
			s.found = append(s.found, v)
		}
		return nil
	})
}

// outside tells whether v is not in a container that is called like s.within.
func (s *search) outside(v *exec.Vertex) bool {
	if s.within == "" {
		return false
	}
	full := strings.ToLower(exec.QualifiedName(v.Props))
	full = strings.TrimSuffix(strings.TrimSuffix(full, strings.ToLower(v.Props.Name)), ".")
	return !HasNameSuffix(strings.TrimSuffix(full, "/"), s.within)
}

// best sorts what was found and cuts it at the limit.
func (s *search) best() []*exec.Vertex {
	flag := func(v *exec.Vertex) int {
		n := 0
		if placeKinds.Has(v.Props.Kind) {
			n += 4
		}
		if v.Props.Has(graph.FlagTest) {
			n += 2
		}
		if !v.Props.Has(graph.FlagExported) {
			n++
		}
		return n
	}
	slices.SortFunc(s.found, func(a, b *exec.Vertex) int {
		return cmp.Or(cmp.Compare(s.ranks[a], s.ranks[b]), cmp.Compare(flag(a), flag(b)),
			cmp.Compare(len(a.Props.Name), len(b.Props.Name)), byPlace(a, b))
	})
	if cut := len(s.found) - s.limit; cut > 0 {
		s.gap(GapLimit, uint64(cut), false, "only the best %d matches are listed", s.limit)
		s.found = s.found[:s.limit]
	}
	return s.found
}

// orderedParts splits a name where graph.CamelParts does, in the order of the name, in lower case.
func orderedParts(name string) []string {
	var parts []string
	runes := []rune(name)
	start := 0
	for i := 0; i <= len(runes); i++ {
		if i < len(runes) && !partEnds(runes, i) {
			continue
		}
		if i > start {
			parts = append(parts, strings.ToLower(string(runes[start:i])))
		}
		start = i
		if i < len(runes) && !wordRune(runes[i]) {
			start = i + 1
		}
	}
	return parts
}

func wordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// partEnds tells whether the part before runes[i] ends there.
func partEnds(runes []rune, i int) bool {
	if !wordRune(runes[i]) {
		return true
	}
	if i == 0 || !unicode.IsUpper(runes[i]) {
		return false
	}
	return !unicode.IsUpper(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1])
}

// camelMatch tells whether every part of the query begins a part of the name, in order.
func camelMatch(query, name []string) bool {
	at := 0
	for _, q := range query {
		for at < len(name) && !strings.HasPrefix(name[at], q) {
			at++
		}
		if at == len(name) {
			return false
		}
		at++
	}
	return len(query) > 0
}

func longest(parts []string) string {
	best := ""
	for _, p := range parts {
		if len(p) > len(best) {
			best = p
		}
	}
	return best
}
