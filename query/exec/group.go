package exec

import (
	"container/heap"
	"slices"

	"github.com/codegraphdb/codegraph/query/plan"
)

// aggregateStep groups rows.
type aggregateStep struct {
	flow
	op     *plan.Aggregate
	need   *need
	groups map[string]*group
	sorted []*group // in the order in which they came up
	over   bool     // the groups were passed on
}

type group struct {
	w     row
	state []aggState
}

func newAggregateStep(f flow, op *plan.Aggregate) *aggregateStep {
	exprs := assigned(op.Keys)
	for _, a := range op.Aggs {
		if a.Arg != nil {
			exprs = append(exprs, a.Arg)
		}
	}
	return &aggregateStep{flow: f, op: op, need: needOf(exprs...), groups: map[string]*group{}}
}

func (s *aggregateStep) push(rows []row) error {
	if err := s.x.prepare(rows, s.need); err != nil {
		return err
	}
	var key []byte
	keys := make([]any, len(s.op.Keys))
	for _, w := range rows {
		key = key[:0]
		for i, k := range s.op.Keys {
			v, err := s.x.eval(k.Expr, w)
			if err != nil {
				return err
			}
			keys[i] = v
			key = appendKey(key, v)
		}
		g := s.groups[string(key)]
		if g == nil {
			g = s.newGroup(len(w))
			for i, k := range s.op.Keys {
				g.w[k.To.N] = keys[i]
			}
			s.groups[string(key)] = g
			if err := s.x.r.Charge(int64(2*len(key)) + rowBytes(g.w) + 96); err != nil {
				return err
			}
		}
		if err := s.add(g, w); err != nil {
			return err
		}
	}
	return nil
}

func (s *aggregateStep) newGroup(width int) *group {
	g := &group{w: make(row, width), state: make([]aggState, len(s.op.Aggs))}
	s.sorted = append(s.sorted, g)
	return g
}

func (s *aggregateStep) add(g *group, w row) error {
	for i := range s.op.Aggs {
		a := &s.op.Aggs[i]
		if a.Arg == nil {
			g.state[i].count++
			continue
		}
		v, err := s.x.eval(a.Arg, w)
		if err != nil {
			return err
		}
		if v == nil {
			continue
		}
		held, err := g.state[i].add(a, v)
		if err != nil {
			return err
		}
		if err := s.x.r.Charge(held); err != nil {
			return err
		}
	}
	return nil
}

func (s *aggregateStep) finish() error {
	if len(s.sorted) == 0 && len(s.op.Keys) == 0 && !s.over {
		s.newGroup(s.x.width)
	}
	s.over = true
	for _, g := range s.sorted {
		for i := range s.op.Aggs {
			g.w[s.op.Aggs[i].To.N] = g.state[i].result(s.op.Aggs[i].Fn)
		}
		if err := s.emit(g.w); err != nil {
			if err == errDone {
				break
			}
			return err
		}
	}
	s.groups, s.sorted = nil, nil
	return s.flow.finish()
}

// aggState is the state of one aggregate in one group.
type aggState struct {
	count int64
	best  any   // min, max
	sum   any   // sum, avg: int64 as long as it fits, else float64
	list  []any // collect
	seen  map[string]struct{}
}

// add takes a value that is not null and returns how many bytes it holds now in addition.
func (s *aggState) add(a *plan.Agg, v any) (held int64, err error) {
	if a.Distinct {
		key := string(appendKey(nil, v))
		if _, dup := s.seen[key]; dup {
			return 0, nil
		}
		if s.seen == nil {
			s.seen = map[string]struct{}{}
		}
		s.seen[key] = struct{}{}
		held = int64(len(key)) + 40
	}
	s.count++
	switch a.Fn {
	case "collect":
		s.list = append(s.list, v)
		held += 24 + sizeOf(v)
	case "min":
		if s.best == nil || order(v, s.best) < 0 {
			s.best = v
		}
	case "max":
		if s.best == nil || order(v, s.best) > 0 {
			s.best = v
		}
	case "sum", "avg":
		if !numeric(v) {
			return 0, badArgument(a.Fn, v)
		}
		s.sum = plus(s.sum, v)
	}
	return held, nil
}

// plus adds numbers; integers that overflow go on as floats.
func plus(sum, v any) any {
	a, aInt := sum.(int64)
	b, bInt := v.(int64)
	if sum == nil {
		return v
	}
	if aInt && bInt {
		if c := a + b; (c > a) == (b > 0) || b == 0 {
			return c
		}
	}
	return toFloat(sum) + toFloat(v)
}

func (s *aggState) result(fn string) any {
	switch fn {
	case "count":
		return s.count
	case "collect":
		if s.list == nil {
			return []any{}
		}
		return s.list
	case "sum":
		if s.sum == nil {
			return int64(0)
		}
		return s.sum
	case "avg":
		if s.sum == nil {
			return nil
		}
		return toFloat(s.sum) / float64(s.count)
	}
	return s.best
}

// rowBytes is about how much memory a row takes.
func rowBytes(w row) int64 {
	n := int64(len(w))*16 + 24
	for _, v := range w {
		if v != nil {
			n += sizeOf(v)
		}
	}
	return n
}

// sortStep orders rows; with a limit it keeps only the rows that can be among the first.
type sortStep struct {
	flow
	op   *plan.Sort
	need *need
	keep int64 // rows that are needed; -1: all
	heap sortHeap
	seq  int64
}

// sortRow is a row with its keys. seq keeps equal rows in the order in which they came.
type sortRow struct {
	w    row
	keys []any
	seq  int64
}

func newSortStep(f flow, op *plan.Sort) (*sortStep, error) {
	s := &sortStep{flow: f, op: op, keep: -1}
	var exprs []plan.Expr
	for _, k := range op.Keys {
		exprs = append(exprs, k.Expr)
		s.heap.desc = append(s.heap.desc, k.Desc)
	}
	s.need = needOf(exprs...)
	if op.Limit == nil {
		return s, nil
	}
	for i, e := range []plan.Expr{op.Limit, op.Skip} {
		if e == nil {
			continue
		}
		n, err := f.x.count(e, [...]string{"LIMIT", "SKIP"}[i])
		if err != nil {
			return nil, err
		}
		s.keep = max(s.keep, 0) + n
	}
	return s, nil
}

func (s *sortStep) push(rows []row) error {
	if err := s.x.prepare(rows, s.need); err != nil {
		return err
	}
	for _, w := range rows {
		r := &sortRow{w: w, keys: make([]any, len(s.op.Keys)), seq: s.seq}
		s.seq++
		for i, k := range s.op.Keys {
			v, err := s.x.eval(k.Expr, w)
			if err != nil {
				return err
			}
			r.keys[i] = v
		}
		if s.keep == 0 || s.keep > 0 && int64(len(s.heap.rows)) == s.keep &&
			s.heap.compare(r, s.heap.rows[0]) >= 0 {
			continue
		}
		charge := rowBytes(w) + int64(len(r.keys))*16 + 64
		if s.keep > 0 && int64(len(s.heap.rows)) == s.keep {
			charge -= rowBytes(s.heap.rows[0].w) + int64(len(r.keys))*16 + 64
			s.heap.rows[0] = r
			heap.Fix(&s.heap, 0)
		} else if s.keep > 0 {
			heap.Push(&s.heap, r)
		} else {
			s.heap.rows = append(s.heap.rows, r)
		}
		if err := s.x.r.Charge(charge); err != nil {
			return err
		}
	}
	return nil
}

func (s *sortStep) finish() error {
	rows := s.heap.rows
	s.heap.rows = nil
	slices.SortFunc(rows, s.heap.compare)
	for _, r := range rows {
		if err := s.emit(r.w); err != nil {
			if err == errDone {
				break
			}
			return err
		}
	}
	return s.flow.finish()
}

// sortHeap has the last of its rows on top.
type sortHeap struct {
	rows []*sortRow
	desc []bool
}

func (h *sortHeap) compare(a, b *sortRow) int {
	for i, desc := range h.desc {
		c := order(a.keys[i], b.keys[i])
		if desc {
			c = -c
		}
		if c != 0 {
			return c
		}
	}
	if a.seq < b.seq {
		return -1
	}
	return 1
}

// Len, Less, Swap, Push and Pop are those of container/heap.
func (h *sortHeap) Len() int           { return len(h.rows) }
func (h *sortHeap) Less(i, j int) bool { return h.compare(h.rows[i], h.rows[j]) > 0 }
func (h *sortHeap) Swap(i, j int)      { h.rows[i], h.rows[j] = h.rows[j], h.rows[i] }

// Push adds a row.
func (h *sortHeap) Push(r any) { h.rows = append(h.rows, r.(*sortRow)) }

// Pop removes the last row of the slice.
func (h *sortHeap) Pop() any {
	r := h.rows[len(h.rows)-1]
	h.rows = h.rows[:len(h.rows)-1]
	return r
}
