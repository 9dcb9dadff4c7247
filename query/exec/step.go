package exec

import (
	"errors"
	"slices"

	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/query/plan"
)

// step is a running step: it takes batches of rows and pushes what it makes of them to the next
// step. Whoever pushes a row gives it away.
type step interface {
	// push takes a batch. errDone says that no more rows are wanted.
	push(rows []row) error
	// finish says that there are no more rows; the step passes on what it held back.
	finish() error
}

// errDone ends the reading of a query that has all its rows.
var errDone = errors.New("done")

// flow collects rows for the next step.
type flow struct {
	x    *run
	next step
	rows []row
}

// emit adds a row and pushes a full batch.
func (f *flow) emit(w row) error {
	if f.rows == nil {
		f.rows = make([]row, 0, batchRows)
	}
	f.rows = append(f.rows, w)
	if len(f.rows) < batchRows {
		return nil
	}
	return f.flush()
}

// flush pushes what there is.
func (f *flow) flush() error {
	if len(f.rows) == 0 {
		return nil
	}
	rows := f.rows
	f.rows = nil
	return f.next.push(rows)
}

// finish pushes what there is and ends the next step. That nobody wants more is no error here.
func (f *flow) finish() error {
	if err := f.flush(); err != nil && err != errDone {
		return err
	}
	return f.next.finish()
}

func clone(w row) row { return slices.Clone(w) }

// build makes the chain of steps that ends in last.
func (x *run) build(ops []plan.Op, last step) (step, error) {
	next := last
	for _, op := range slices.Backward(ops) {
		s, err := x.step(op, flow{x: x, next: next})
		if err != nil {
			return nil, err
		}
		next = s
	}
	return next, nil
}

func (x *run) step(op plan.Op, f flow) (step, error) {
	switch op := op.(type) {
	case *plan.Seek:
		return &seekStep{flow: f, op: op, need: needOf(op.By)}, nil
	case *plan.IndexScan:
		return &scanStep{flow: f, to: op.To, kinds: op.Kinds, repo: op.Repo, index: op}, nil
	case *plan.KindScan:
		return &scanStep{flow: f, to: op.To, kinds: op.Kinds, repo: op.Repo, pointed: op.Pointed}, nil
	case *plan.CountScan:
		return &countStep{flow: f, op: op}, nil
	case *plan.Expand:
		switch {
		case op.Reach:
			return &reachStep{flow: f, op: op, adj: newAdjacency(x, op)}, nil
		case op.Variable:
			return &trailStep{flow: f, op: op, adj: newAdjacency(x, op)}, nil
		}
		return &expandStep{flow: f, op: op}, nil
	case *plan.Shortest:
		return &shortestStep{flow: f, op: op}, nil
	case *plan.Filter:
		return &filterStep{flow: f, conds: op.Conds, need: needOf(op.Conds...)}, nil
	case *plan.MakePath:
		return &pathStep{flow: f, op: op}, nil
	}
	return x.projectionStep(op, f)
}

func (x *run) projectionStep(op plan.Op, f flow) (step, error) {
	switch op := op.(type) {
	case *plan.Project:
		return &projectStep{flow: f, items: op.Items, need: needOf(assigned(op.Items)...)}, nil
	case *plan.Aggregate:
		return newAggregateStep(f, op), nil
	case *plan.Distinct:
		return &distinctStep{flow: f, slots: op.Slots, seen: map[string]struct{}{}}, nil
	case *plan.Sort:
		return newSortStep(f, op)
	case *plan.Skip:
		n, err := x.count(op.N, "SKIP")
		return &skipStep{flow: f, left: n}, err
	case *plan.Limit:
		n, err := x.count(op.N, "LIMIT")
		return &limitStep{flow: f, left: n}, err
	case *plan.Unwind:
		return &unwindStep{flow: f, op: op, need: needOf(op.List)}, nil
	case *plan.Optional:
		return newOptionalStep(f, op)
	case *plan.Collect:
		return newCollectStep(f, op)
	}
	return nil, graph.Errorf(opRun, graph.KindInternal, "no way to run %T", op)
}

func assigned(items []plan.Assign) []plan.Expr {
	out := make([]plan.Expr, len(items))
	for i, a := range items {
		out[i] = a.Expr
	}
	return out
}

// count computes a number of rows.
func (x *run) count(e plan.Expr, clause string) (int64, error) {
	v, err := x.eval(e, nil)
	if err != nil {
		return 0, err
	}
	n, ok := v.(int64)
	if !ok || n < 0 {
		return 0, typeError("%s takes a whole number that is not negative, not %v", clause, v)
	}
	return n, nil
}

// filterStep keeps the rows for which all conditions are true.
type filterStep struct {
	flow
	conds []plan.Expr
	need  *need
}

func (s *filterStep) push(rows []row) error {
	if err := s.x.prepare(rows, s.need); err != nil {
		return err
	}
	kept := make([]row, 0, len(rows))
	for _, w := range rows {
		keep := true
		for _, c := range s.conds {
			v, err := s.x.eval(c, w)
			if err != nil {
				return err
			}
			if _, isBool := v.(bool); !isBool && v != nil {
				return typeError("WHERE takes a boolean, not %s", typeName(v))
			}
			if v != true {
				keep = false
				break
			}
		}
		if keep {
			kept = append(kept, w)
		}
	}
	if len(kept) == 0 {
		return nil
	}
	return s.next.push(kept)
}

// pathStep puts paths together.
type pathStep struct {
	flow
	op *plan.MakePath
}

func (s *pathStep) push(rows []row) error {
	for _, w := range rows {
		w[s.op.To.N] = makeRoute(w, s.op)
	}
	return s.next.push(rows)
}

// makeRoute walks the edges from the start of a path; nil if a part of it is null.
func makeRoute(w row, op *plan.MakePath) any {
	at, ok := w[op.Start.N].(*Vertex)
	if !ok {
		return nil
	}
	p := &route{vertices: []*Vertex{at}}
	for _, h := range op.Hops {
		var edges []any
		switch v := w[h.Edge.N].(type) {
		case *edge:
			edges = []any{v}
		case []any:
			edges = v
		default:
			return nil
		}
		for _, v := range edges {
			e := v.(*edge)
			at = e.id.other(at)
			p.edges = append(p.edges, e)
			p.vertices = append(p.vertices, at)
		}
	}
	return p
}

// projectStep computes values.
type projectStep struct {
	flow
	items []plan.Assign
	need  *need
}

func (s *projectStep) push(rows []row) error {
	if err := s.x.prepare(rows, s.need); err != nil {
		return err
	}
	values := make([]any, len(s.items))
	for _, w := range rows {
		for i, a := range s.items {
			v, err := s.x.eval(a.Expr, w)
			if err != nil {
				return err
			}
			values[i] = v
		}
		for i, a := range s.items {
			w[a.To.N] = values[i]
		}
	}
	return s.next.push(rows)
}

// unwindStep makes a row of each element of a list.
type unwindStep struct {
	flow
	op   *plan.Unwind
	need *need
}

func (s *unwindStep) push(rows []row) error {
	if err := s.x.prepare(rows, s.need); err != nil {
		return err
	}
	for _, w := range rows {
		v, err := s.x.eval(s.op.List, w)
		if err != nil {
			return err
		}
		list, ok := v.([]any)
		if !ok && v != nil {
			list = []any{v}
		}
		for _, e := range list {
			out := clone(w)
			out[s.op.To.N] = e
			if err := s.emit(out); err != nil {
				return err
			}
		}
	}
	return s.flush()
}

// skipStep leaves out the first rows.
type skipStep struct {
	flow
	left int64
}

func (s *skipStep) push(rows []row) error {
	n := min(s.left, int64(len(rows)))
	s.left -= n
	if rows = rows[n:]; len(rows) == 0 {
		return nil
	}
	return s.next.push(rows)
}

// limitStep keeps the first rows.
type limitStep struct {
	flow
	left int64
}

func (s *limitStep) push(rows []row) error {
	if s.left == 0 {
		return errDone
	}
	n := min(s.left, int64(len(rows)))
	s.left -= n
	if err := s.next.push(rows[:n]); err != nil {
		return err
	}
	if s.left == 0 {
		return errDone
	}
	return nil
}

// distinctStep keeps the first of equal rows.
type distinctStep struct {
	flow
	slots []*plan.Slot
	seen  map[string]struct{}
	key   []byte
}

func (s *distinctStep) push(rows []row) error {
	kept := make([]row, 0, len(rows))
	var charge int64
	for _, w := range rows {
		s.key = s.key[:0]
		for _, slot := range s.slots {
			s.key = appendKey(s.key, w[slot.N])
		}
		if _, dup := s.seen[string(s.key)]; dup {
			continue
		}
		s.seen[string(s.key)] = struct{}{}
		charge += int64(len(s.key)) + 40
		kept = append(kept, w)
	}
	if err := s.x.r.Charge(charge); err != nil {
		return err
	}
	if len(kept) == 0 {
		return nil
	}
	return s.next.push(kept)
}
