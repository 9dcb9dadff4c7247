package exec

import (
	"github.com/codegraphdb/codegraph/query/plan"
)

// optionalStep runs steps for a batch and keeps the rows for which they give none.
type optionalStep struct {
	flow
	op      *plan.Optional
	sub     step
	matched []bool
}

func newOptionalStep(f flow, op *plan.Optional) (*optionalStep, error) {
	s := &optionalStep{flow: f, op: op}
	var err error
	s.sub, err = f.x.build(op.Sub, (*optionalEnd)(s))
	return s, err
}

func (s *optionalStep) push(rows []row) error {
	s.matched = make([]bool, len(rows))
	in := make([]row, len(rows))
	for i, w := range rows {
		w[s.op.Row.N] = int64(i)
		in[i] = clone(w)
	}
	if err := s.sub.push(in); err != nil {
		return err
	}
	for i, w := range rows {
		if s.matched[i] {
			continue
		}
		for _, slot := range s.op.Nulls {
			w[slot.N] = nil
		}
		if err := s.emit(w); err != nil {
			return err
		}
	}
	return s.flush()
}

// optionalEnd is where the steps of an optionalStep lead.
type optionalEnd optionalStep

func (s *optionalEnd) push(rows []row) error {
	for _, w := range rows {
		s.matched[w[s.op.Row.N].(int64)] = true
	}
	return s.next.push(rows)
}

func (s *optionalEnd) finish() error { return nil }

// collectStep runs steps for a batch and stores in each row what they give for it.
type collectStep struct {
	flow
	op    *plan.Collect
	sub   step
	need  *need
	count []int64
	lists [][]any
}

func newCollectStep(f flow, op *plan.Collect) (*collectStep, error) {
	s := &collectStep{flow: f, op: op, need: needOf()}
	if op.Yield != nil {
		s.need = needOf(op.Yield)
	}
	var err error
	s.sub, err = f.x.build(op.Sub, (*collectEnd)(s))
	return s, err
}

func (s *collectStep) push(rows []row) error {
	s.count, s.lists = make([]int64, len(rows)), make([][]any, len(rows))
	in := make([]row, len(rows))
	for i, w := range rows {
		w[s.op.Row.N] = int64(i)
		in[i] = clone(w)
	}
	if err := s.sub.push(in); err != nil {
		return err
	}
	for i, w := range rows {
		switch s.op.Mode {
		case plan.CollectExists:
			w[s.op.To.N] = s.count[i] > 0
		case plan.CollectCount:
			w[s.op.To.N] = s.count[i]
		case plan.CollectList:
			w[s.op.To.N] = append([]any{}, s.lists[i]...)
		}
	}
	return s.next.push(rows)
}

// collectEnd is where the steps of a collectStep lead.
type collectEnd collectStep

func (s *collectEnd) push(rows []row) error {
	if s.op.Mode == plan.CollectList {
		if err := s.x.prepare(rows, s.need); err != nil {
			return err
		}
	}
	for _, w := range rows {
		i := w[s.op.Row.N].(int64)
		s.count[i]++
		if s.op.Mode != plan.CollectList {
			continue
		}
		v, err := s.x.eval(s.op.Yield, w)
		if err != nil {
			return err
		}
		if err := s.x.r.Charge(24 + sizeOf(v)); err != nil {
			return err
		}
		s.lists[i] = append(s.lists[i], v)
	}
	return nil
}

func (s *collectEnd) finish() error { return nil }

// shortestStep finds shortest paths between two bound vertices.
type shortestStep struct {
	flow
	op *plan.Shortest
}

func (s *shortestStep) push(rows []row) error {
	for _, w := range rows {
		from, ok := w[s.op.From.N].(*Vertex)
		to, ok2 := w[s.op.To.N].(*Vertex)
		if !ok || !ok2 {
			continue
		}
		q := PathSearch{From: from, To: to, Out: s.op.Out, In: s.op.In, Types: s.op.Types,
			Max: s.op.Max}
		var paths [][]EdgeID
		var err error
		if s.op.All {
			paths, err = s.x.r.allShortest(s.x.ctx, q)
		} else {
			var path []EdgeID
			var found bool
			if path, found, err = s.x.r.ShortestPath(s.x.ctx, q); found {
				paths = [][]EdgeID{path}
			}
		}
		if err != nil {
			return err
		}
		if err := s.found(w, paths); err != nil {
			return err
		}
	}
	return s.flush()
}

func (s *shortestStep) found(w row, paths [][]EdgeID) error {
	for _, ids := range paths {
		if len(ids) < s.op.Min {
			continue
		}
		edges := make([]*edge, len(ids))
		for i, id := range ids {
			edges[i] = &edge{id: id}
		}
		if err := s.x.r.fill(s.x.ctx, edges); err != nil {
			return err
		}
		out := clone(w)
		out[s.op.Edges.N] = anyList(edges)
		if err := s.emit(out); err != nil {
			return err
		}
	}
	return nil
}
