package query

import (
	"cmp"
	"context"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/query/exec"
)

// Ref names a symbol: its key or id, its qualified name or a suffix of it that begins at a '.' or
// '/', or path:line, where path may be a suffix too. Repo, if not empty, names the only repository
// to look in.
type Ref struct {
	Symbol string
	Repo   string
}

const opResolve = "query.Resolve"

// kinds that a plain name means only if nothing else has it.
var placeKinds = graph.NewKindSet(graph.Repository, graph.Directory, graph.File)

// resolve finds the one vertex that ref names; its properties are there.
func (c *call) resolve(ctx context.Context, ref Ref) (*exec.Vertex, error) {
	text := strings.TrimSpace(ref.Symbol)
	if text == "" {
		return nil, graph.Errorf(opResolve, graph.KindInvalid, "the symbol's name is empty").
			WithRemedy("give a symbol key, a qualified name or path:line")
	}
	repo, err := c.env.repoFilter(opResolve, ref.Repo)
	if err != nil {
		return nil, err
	}
	if v, err := c.resolveID(ctx, text); v != nil || err != nil {
		return v, err
	}
	if file, line, ok := splitPlace(text); ok {
		found, err := c.atPlace(ctx, file, line, repo)
		if err != nil || len(found) > 0 {
			return c.single(text, found, err)
		}
	}
	found, err := c.byName(ctx, text, repo)
	if err == nil && len(found) == 0 {
		return nil, c.notFound(ctx, text, repo)
	}
	return c.single(text, found, err)
}

// resolveID takes text as a symbol key or an id. Nil without error means that it is neither.
func (c *call) resolveID(ctx context.Context, text string) (*exec.Vertex, error) {
	id, isID := graph.ParseVertexID(text)
	if !isID {
		if strings.Count(text, " ") < 2 {
			return nil, nil
		}
		if _, err := graph.ParseSymbol(text); err != nil {
			return nil, nil
		}
		id = graph.IDOf(text)
	}
	v := c.r.Vertex(id)
	if err := c.r.Fetch(ctx, []*exec.Vertex{v}, false); err != nil {
		return nil, err
	}
	if v.Props.Kind == graph.KindNone {
		if isID {
			return nil, graph.Errorf(opResolve, graph.KindNotFound, "there is no symbol with id %s",
				text)
		}
		return nil, graph.Errorf(opResolve, graph.KindNotFound, "there is no symbol with key %q",
			text)
	}
	return v, nil
}

// single returns the only one of found, or says that there are several.
func (c *call) single(text string, found []*exec.Vertex, err error) (*exec.Vertex, error) {
	if err != nil {
		return nil, err
	}
	found = preferDefinitions(found)
	if len(found) == 1 {
		return found[0], nil
	}
	slices.SortFunc(found, byPlace)
	a := &AmbiguousError{Ref: text, Total: len(found)}
	for _, v := range found[:min(len(found), maxCandidates)] {
		a.Candidates = append(a.Candidates, c.r.Symbol(v))
	}
	return nil, a
}

// preferDefinitions drops files and directories where there is something else, and what is only
// pointed at where there is a definition.
func preferDefinitions(found []*exec.Vertex) []*exec.Vertex {
	open := graph.NewKindSet(graph.ExternalSymbol, graph.UnresolvedRef)
	for _, drop := range []graph.KindSet{open, placeKinds} {
		kept := slices.DeleteFunc(slices.Clone(found), func(v *exec.Vertex) bool {
			return drop.Has(v.Props.Kind)
		})
		if len(kept) > 0 {
			found = kept
		}
	}
	return found
}

// byPlace orders vertices for people: repository, path, line, then key.
func byPlace(a, b *exec.Vertex) int {
	return cmp.Or(cmp.Compare(a.Props.Repo, b.Props.Repo), cmp.Compare(a.Props.Path, b.Props.Path),
		cmp.Compare(a.Props.Span.Line, b.Props.Span.Line), cmp.Compare(a.Props.Key, b.Props.Key))
}

// byName finds the vertices whose qualified name is text or ends in it. A whole qualified name
// goes before a suffix.
func (c *call) byName(ctx context.Context, text string, repo graph.RepoID) ([]*exec.Vertex, error) {
	text = strings.Trim(text, "./")
	var whole, suffix []*exec.Vertex
	seen := map[*exec.Vertex]bool{}
	for _, name := range exec.NameCandidates(text) {
		spec := &graph.ScanSpec{Index: graph.IndexName, Value: name, Repo: repo}
		err := c.r.Scan(ctx, spec, func(batch []*exec.Vertex) error {
			for _, v := range batch {
				full := exec.QualifiedName(v.Props)
				switch {
				case seen[v]:
				case full == text || v.Props.Path == text:
					whole = append(whole, v)
				case HasNameSuffix(full, text) || HasNameSuffix(v.Props.Path, text):
					suffix = append(suffix, v)
				}
				seen[v] = true
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if len(whole) > 0 {
		return whole, nil
	}
	return suffix, nil
}

// HasNameSuffix tells whether full is suffix or ends in it right after a '.' or '/'.
func HasNameSuffix(full, suffix string) bool {
	if suffix == "" || !strings.HasSuffix(full, suffix) {
		return false
	}
	at := len(full) - len(suffix)
	return at == 0 || full[at-1] == '.' || full[at-1] == '/'
}

// splitPlace splits path:line or path:line:column.
func splitPlace(text string) (file string, line uint32, ok bool) {
	file, number, ok := cutLast(text)
	if !ok {
		return "", 0, false
	}
	if shorter, first, twice := cutLast(file); twice {
		file, number = shorter, first
	}
	return strings.TrimPrefix(path.Clean(file), "/"), number, true
}

func cutLast(text string) (string, uint32, bool) {
	at := strings.LastIndexByte(text, ':')
	if at <= 0 {
		return "", 0, false
	}
	n, err := strconv.ParseUint(text[at+1:], 10, 32)
	return text[:at], uint32(n), err == nil && n > 0
}

// atPlace finds the innermost definitions around a line, one per file whose path ends in file; a
// file without one stands for itself.
func (c *call) atPlace(ctx context.Context, file string, line uint32,
	repo graph.RepoID) ([]*exec.Vertex, error) {
	var files []*exec.Vertex
	spec := &graph.ScanSpec{Index: graph.IndexPath, Value: path.Base(file), Repo: repo}
	err := c.r.Scan(ctx, spec, func(batch []*exec.Vertex) error {
		for _, v := range batch {
			if v.Props.Path == file || strings.HasSuffix(v.Props.Path, "/"+file) {
				files = append(files, v)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if whole := slices.DeleteFunc(slices.Clone(files), func(v *exec.Vertex) bool {
		return v.Props.Path != file
	}); len(whole) > 0 {
		files = whole
	}
	out := make([]*exec.Vertex, 0, len(files))
	for _, f := range files {
		v, err := c.innermost(ctx, f, line)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// innermost walks down CONTAINS from a file and returns the definition with the smallest span
// around line, the file itself if there is none. A method may hang below its type only, which may
// stand in another file of the package: so, if nothing in the file holds the line, the package's
// types are tried.
func (c *call) innermost(ctx context.Context, file *exec.Vertex,
	line uint32) (*exec.Vertex, error) {
	best, seen := file, map[*exec.Vertex]bool{file: true}
	packages, err := c.neighbours(ctx, []*exec.Vertex{file}, graph.ExpandSpec{In: true,
		Types: graph.NewEdgeSet(graph.Contains)})
	if err != nil {
		return nil, err
	}
	packages = slices.DeleteFunc(packages, func(v *exec.Vertex) bool {
		return v.Props.Kind != graph.Package && v.Props.Kind != graph.Module
	})
	for _, roots := range [][]*exec.Vertex{{file}, packages} {
		const levels = 8
		level := roots
		for depth := 0; depth < levels && len(level) > 0; depth++ {
			next, err := c.neighbours(ctx, level, graph.ExpandSpec{Out: true,
				Types: graph.NewEdgeSet(graph.Contains)})
			if err != nil {
				return nil, err
			}
			level = level[:0:0]
			for _, v := range next {
				if seen[v] || placeKinds.Has(v.Props.Kind) {
					continue
				}
				seen[v] = true
				level = append(level, v)
				if v.Props.Path == file.Props.Path && holds(v, line) && narrower(v, best, file) {
					best = v
				}
			}
		}
		if best != file {
			break
		}
	}
	return best, nil
}

// holds tells whether line is within v.
func holds(v *exec.Vertex, line uint32) bool {
	s := v.Props.Span
	return s.Line > 0 && s.Line <= line && line <= max(s.EndLine, s.Line)
}

// narrower tells whether a is a better answer than b.
func narrower(a, b, file *exec.Vertex) bool {
	if b == file {
		return true
	}
	lines := func(v *exec.Vertex) uint32 {
		return max(v.Props.Span.EndLine, v.Props.Span.Line) - v.Props.Span.Line
	}
	whole := func(v *exec.Vertex) int {
		if v.Props.Kind == graph.Module || v.Props.Kind == graph.Package {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(whole(a), whole(b)), cmp.Compare(lines(a), lines(b)),
		-cmp.Compare(a.Props.Span.Column, b.Props.Span.Column), byPlace(a, b)) < 0
}

// neighbours returns the distinct other ends of the edges of vs, fetched, in the order of edges.
func (c *call) neighbours(ctx context.Context, vs []*exec.Vertex,
	spec graph.ExpandSpec) ([]*exec.Vertex, error) {
	var out []*exec.Vertex
	seen := map[*exec.Vertex]bool{}
	err := c.r.Expand(ctx, vs, spec, func(_ int, edges []graph.HalfEdge) error {
		for i := range edges {
			if v := c.r.Vertex(edges[i].Other); !seen[v] {
				seen[v] = true
				out = append(out, v)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, c.r.Fetch(ctx, out, false)
}
