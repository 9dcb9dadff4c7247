package workload

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	queryv1 "github.com/codegraphdb/codegraph/api/codegraph/query/v1"
	"github.com/codegraphdb/codegraph/chaos/check"
	"github.com/codegraphdb/codegraph/chaos/history"
)

// sets is W2: each writer adds unique symbols to a repository of its own, one with each revision,
// all over the shards; every read must show what was added before it.
type sets struct {
	env  *Env
	next []int64 // by writer
}

const elementPrefix = "Elem"

// Checkers names set-full.
func (*sets) Checkers() string { return "set" }

// Setup adds the first element of each set.
func (s *sets) Setup(ctx context.Context, env *Env) error {
	s.env, s.next = env, make([]int64, env.Writers)
	return env.asWriters(func(w *Worker) error {
		for !s.add(ctx, w) {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
		}
		return nil
	})
}

// Op adds an element or reads a set.
func (s *sets) Op(ctx context.Context, w *Worker) {
	if w.Writes {
		s.add(ctx, w)
		return
	}
	set := w.Rand.IntN(s.env.Writers)
	q := history.Request{Kind: check.SetRead, Key: setName(set)}
	a := w.read(&q)
	_ = s.read(ctx, w, q, a) // it is recorded
}

// Final reads all sets.
func (s *sets) Final(ctx context.Context, w *Worker) error {
	return w.everyKey(s.env.Writers, func(set int) error {
		q := history.Request{Kind: check.SetRead, Key: setName(set)}
		a := w.final(&q)
		return s.read(ctx, w, q, a)
	})
}

func setName(set int) string { return fmt.Sprintf("set%d", set) }

// add adds the next element; its number is never used again.
func (s *sets) add(ctx context.Context, w *Worker) bool {
	s.next[w.ID]++
	v := s.next[w.ID]
	file := source{path: fmt.Sprintf("p%d/e.go", v),
		symbols: []symbol{{pkg: fmt.Sprintf("p%d", v), name: elementPrefix + strconv.FormatInt(v, 10)}}}
	return w.publish(ctx, history.Request{Kind: check.SetAdd, Key: setName(w.ID), Value: v},
		&revision{repo: setName(w.ID), name: fmt.Sprintf("e%d", v), partial: true,
			sources: []source{file}})
}

func (s *sets) read(ctx context.Context, w *Worker, q history.Request, a ask) error {
	return w.record(ctx, q, func(ctx context.Context) (any, *queryv1.Trailer, error) {
		found, trailer, err := search(ctx, a, q.Key, elementPrefix)
		values := []int64{}
		for _, sym := range found {
			v, bad := strconv.ParseInt(strings.TrimPrefix(sym.GetName(), elementPrefix), 10, 64)
			if bad != nil {
				v = -1 // nobody added it
			}
			values = append(values, v)
		}
		return values, trailer, err
	})
}
