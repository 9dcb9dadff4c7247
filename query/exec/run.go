package exec

import (
	"context"

	"github.com/codegraphdb/codegraph/query/plan"
)

// Run runs a plan and passes its rows to sink in batches. It returns errors of bounds as they are:
// with a partial answer allowed, onBound turns them into nil and the query finishes what it has.
func Run(ctx context.Context, r *Reader, q *plan.Query, opts RunOptions) error {
	out := &output{x: nil, sink: opts.Sink, left: r.limits.MaxRows}
	if q.Distinct {
		out.seen = map[string]struct{}{}
	}
	for _, part := range q.Parts {
		x := &run{r: r, params: opts.Params, ctx: ctx, width: part.Width}
		out.x, out.slots = x, part.Out
		out.need = &need{vertices: map[int]bool{}, edges: map[int]bool{}, doc: true}
		for _, slot := range part.Out {
			out.need.vertices[slot], out.need.edges[slot] = true, true
		}
		first, err := x.build(part.Ops, out)
		if err != nil {
			return err
		}
		err = first.push([]row{make(row, part.Width)})
		if err == errDone {
			err = nil
		}
		if err == nil {
			err = first.finish()
		}
		if err == nil {
			continue
		}
		if err = opts.OnBound(err); err != nil {
			return err
		}
		if out.left > 0 {
			return first.finish()
		}
		return nil
	}
	return nil
}

// RunOptions are what Run needs beside the plan.
type RunOptions struct {
	Params  map[string]Value
	Sink    func(rows [][]Value) error
	OnBound func(error) error // nil to go on with a partial answer
}

// output is the last step: it makes values of an answer out of rows.
type output struct {
	x     *run
	sink  func(rows [][]Value) error
	slots []int
	need  *need
	left  int                 // rows until the bound
	seen  map[string]struct{} // for UNION
}

func (o *output) push(rows []row) error {
	if o.seen != nil {
		rows = o.fresh(rows)
	}
	over := len(rows) > o.left
	if over {
		rows = rows[:o.left]
	}
	if err := o.x.prepare(rows, o.need); err != nil {
		return err
	}
	batch := make([][]Value, len(rows))
	for i, w := range rows {
		batch[i] = make([]Value, len(o.slots))
		for j, slot := range o.slots {
			v, err := o.x.answer(w[slot])
			if err != nil {
				return err
			}
			batch[i][j] = v
		}
	}
	o.left -= len(rows)
	if len(batch) > 0 {
		if err := o.sink(batch); err != nil {
			return err
		}
	}
	if over {
		return rowLimit(o.x.r.limits.MaxRows)
	}
	return nil
}

func (o *output) finish() error { return nil }

// fresh drops rows that were there before.
func (o *output) fresh(rows []row) []row {
	var kept []row
	for _, w := range rows {
		var key []byte
		for _, slot := range o.slots {
			key = appendKey(key, w[slot])
		}
		if _, dup := o.seen[string(key)]; !dup {
			o.seen[string(key)] = struct{}{}
			o.x.r.held += int64(len(key)) + 40
			kept = append(kept, w)
		}
	}
	return kept
}

// answer returns a value as it stands in an answer.
func (x *run) answer(v any) (Value, error) {
	switch v := v.(type) {
	case *Vertex:
		if _, err := x.props(v, true); err != nil {
			return nil, err
		}
		return x.r.Symbol(v), nil
	case *edge:
		return x.answerEdge(v)
	case *route:
		p := &Path{}
		for _, u := range v.vertices {
			if _, err := x.props(u, true); err != nil {
				return nil, err
			}
			p.Symbols = append(p.Symbols, x.r.Symbol(u))
		}
		for _, e := range v.edges {
			a, err := x.answerEdge(e)
			if err != nil {
				return nil, err
			}
			p.Edges = append(p.Edges, a)
		}
		return p, nil
	case []any:
		out := make([]Value, len(v))
		for i, e := range v {
			a, err := x.answer(e)
			if err != nil {
				return nil, err
			}
			out[i] = a
		}
		return out, nil
	case map[string]any:
		out := make(map[string]Value, len(v))
		for k, e := range v {
			a, err := x.answer(e)
			if err != nil {
				return nil, err
			}
			out[k] = a
		}
		return out, nil
	}
	return v, nil
}

func (x *run) answerEdge(e *edge) (*Edge, error) {
	src, err := x.props(e.id.Src, false)
	if err != nil {
		return nil, err
	}
	return &Edge{Type: e.id.Type, Src: e.id.Src.ID, Dst: e.id.Dst.ID, Resolution: e.resolution,
		Provenance: e.provenance, Confidence: e.confidence, Count: e.count,
		Sites: Places(src, e.half)}, nil
}
