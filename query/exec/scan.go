package exec

import (
	"path"

	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/query/plan"
)

// seekStep finds vertices by key or id.
type seekStep struct {
	flow
	op   *plan.Seek
	need *need
}

func (s *seekStep) push(rows []row) error {
	if err := s.x.prepare(rows, s.need); err != nil {
		return err
	}
	type hit struct {
		w row
		v *Vertex
	}
	var hits []hit
	var vs []*Vertex
	for _, w := range rows {
		values, err := s.x.values(s.op.By, w, s.op.Many)
		if err != nil {
			return err
		}
		seen := map[*Vertex]bool{}
		for _, value := range values {
			id, ok := graph.ParseVertexID(value)
			if s.op.Key {
				id, ok = graph.IDOf(value), true
			}
			if v := s.x.r.Vertex(id); ok && !seen[v] {
				seen[v] = true
				vs = append(vs, v)
				hits = append(hits, hit{w, v})
			}
		}
	}
	if err := s.x.r.Fetch(s.x.ctx, vs, false); err != nil {
		return err
	}
	for _, h := range hits {
		p, err := s.x.props(h.v, false)
		if err != nil {
			return err
		}
		if p.Kind == graph.KindNone || !s.op.Kinds.Allows(p.Kind) {
			continue
		}
		out := clone(h.w)
		out[s.op.To.N] = h.v
		if err := s.emit(out); err != nil {
			return err
		}
	}
	return s.flush()
}

// values computes what an index is asked for: a text, or the texts of a list. Others match nothing.
func (x *run) values(e plan.Expr, w row, many bool) ([]string, error) {
	v, err := x.eval(e, w)
	if err != nil {
		return nil, err
	}
	list := []any{v}
	if many {
		if v == nil {
			return nil, nil
		}
		var ok bool
		if list, ok = v.([]any); !ok {
			return nil, typeError("IN takes a list, not %s", typeName(v))
		}
	}
	var out []string
	seen := map[string]bool{}
	for _, v := range list {
		if s, ok := v.(string); ok && !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out, nil
}

// scanStep finds vertices by an index. What it finds for a second row it keeps, so that a
// product of two patterns scans once for each value.
type scanStep struct {
	flow
	to      *plan.Slot
	kinds   graph.KindSet
	repo    plan.Expr
	index   *plan.IndexScan // nil: by label
	pointed bool

	need   *need
	asked  bool
	cached map[string][]*Vertex
}

func (s *scanStep) push(rows []row) error {
	if s.need == nil {
		s.need = needOf(s.repo)
		if s.index != nil {
			s.need = needOf(s.repo, s.index.By)
		}
	}
	if err := s.x.prepare(rows, s.need); err != nil {
		return err
	}
	for _, w := range rows {
		if err := s.row(w, len(rows) == 1 && !s.asked); err != nil {
			return err
		}
	}
	s.asked = true
	return s.flush()
}

// row scans for one row; a single row needs no cache.
func (s *scanStep) row(w row, single bool) error {
	specs, err := s.specs(w)
	if err != nil {
		return err
	}
	emit := func(vs []*Vertex) error {
		for _, v := range vs {
			out := clone(w)
			out[s.to.N] = v
			if err := s.emit(out); err != nil {
				return err
			}
		}
		if single {
			return s.flush()
		}
		return nil
	}
	if len(specs) > 1 {
		emit = once(emit)
	}
	for i := range specs {
		if single {
			err = s.scan(&specs[i], emit)
		} else {
			err = s.fromCache(&specs[i], emit)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// once passes on each vertex once.
func once(emit func([]*Vertex) error) func([]*Vertex) error {
	seen := map[*Vertex]bool{}
	return func(vs []*Vertex) error {
		var fresh []*Vertex
		for _, v := range vs {
			if !seen[v] {
				seen[v] = true
				fresh = append(fresh, v)
			}
		}
		return emit(fresh)
	}
}

// specs returns what has to be scanned for a row; nothing where that cannot match.
func (s *scanStep) specs(w row) ([]graph.ScanSpec, error) {
	spec := graph.ScanSpec{Index: graph.IndexKind, Kinds: s.kinds}
	if s.repo != nil {
		v, err := s.x.eval(s.repo, w)
		if err != nil {
			return nil, err
		}
		name, _ := v.(string)
		id, ok := s.x.r.snap.RepoID(name)
		if !ok {
			return nil, nil
		}
		spec.Repo = id
	}
	if s.kinds != 0 && len(s.kinds.List()) == 0 {
		return nil, nil
	}
	if s.index == nil {
		return []graph.ScanSpec{spec}, nil
	}
	values, err := s.x.values(s.index.By, w, s.index.Many)
	if err != nil {
		return nil, err
	}
	spec.Index, spec.Match = s.index.Index, s.index.Match
	var out []graph.ScanSpec
	seen := map[string]bool{}
	for _, v := range values {
		names := []string{v}
		switch {
		case s.index.Qualified:
			names = NameCandidates(v)
		case s.index.Base:
			names = []string{path.Base(v)}
		}
		for _, name := range names {
			if !seen[name] {
				seen[name] = true
				spec.Value = name
				out = append(out, spec)
			}
		}
	}
	return out, nil
}

func (s *scanStep) scan(spec *graph.ScanSpec, emit func([]*Vertex) error) error {
	if s.pointed {
		return s.scanPointed(emit)
	}
	return s.x.r.Scan(s.x.ctx, spec, emit)
}

func (s *scanStep) fromCache(spec *graph.ScanSpec, emit func([]*Vertex) error) error {
	key := string(graph.AppendScanSpec(nil, spec))
	vs, ok := s.cached[key]
	if !ok {
		err := s.scan(spec, func(batch []*Vertex) error {
			vs = append(vs, batch...)
			return s.x.r.Charge(int64(len(batch)) * 8)
		})
		if err != nil {
			return err
		}
		if s.cached == nil {
			s.cached = map[string][]*Vertex{}
		}
		s.cached[key] = vs
	}
	return emit(vs)
}

// scanPointed finds all vertices, and those that edges lead to and nobody describes.
func (s *scanStep) scanPointed(emit func([]*Vertex) error) error {
	stored := map[*Vertex]bool{}
	var ends []*Vertex
	seen := map[*Vertex]bool{}
	all := &graph.ScanSpec{Index: graph.IndexKind}
	err := s.x.r.Scan(s.x.ctx, all, func(batch []*Vertex) error {
		var found []*Vertex
		for _, v := range batch {
			stored[v] = true
			if s.kinds.Allows(v.Props.Kind) {
				found = append(found, v)
			}
		}
		spec := graph.ExpandSpec{Out: true}
		err := s.x.r.Expand(s.x.ctx, batch, spec, func(_ int, edges []graph.HalfEdge) error {
			for i := range edges {
				if v := s.x.r.Vertex(edges[i].Other); !seen[v] && !stored[v] {
					seen[v] = true
					ends = append(ends, v)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		if err := s.x.r.Charge(int64(len(batch)) * 64); err != nil {
			return err
		}
		return emit(found)
	})
	if err != nil {
		return err
	}
	return s.emitEnds(ends, stored, emit)
}

func (s *scanStep) emitEnds(ends []*Vertex, stored map[*Vertex]bool,
	emit func([]*Vertex) error) error {
	for at := 0; at < len(ends); at += batchRows {
		part := ends[at:min(at+batchRows, len(ends))]
		var found []*Vertex
		for _, v := range part {
			if !stored[v] {
				found = append(found, v)
			}
		}
		if err := s.x.r.Fetch(s.x.ctx, found, false); err != nil {
			return err
		}
		kept := found[:0]
		for _, v := range found {
			p, err := s.x.props(v, false)
			if err != nil {
				return err
			}
			if p.Kind != graph.KindNone && s.kinds.Allows(p.Kind) {
				kept = append(kept, v)
			}
		}
		if err := emit(kept); err != nil {
			return err
		}
	}
	return nil
}

// countStep counts without reading.
type countStep struct {
	flow
	op *plan.CountScan
}

func (s *countStep) push(rows []row) error {
	for _, w := range rows {
		scan := scanStep{flow: s.flow, kinds: s.op.Kinds, repo: s.op.Repo}
		specs, err := scan.specs(w)
		if err != nil {
			return err
		}
		var n int64
		for i := range specs {
			if n, err = s.x.r.Count(s.x.ctx, &specs[i]); err != nil {
				return err
			}
		}
		w[s.op.To.N] = n
	}
	return s.next.push(rows)
}
