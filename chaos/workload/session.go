package workload

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"

	queryv1 "github.com/codegraphdb/codegraph/api/codegraph/query/v1"
	"github.com/codegraphdb/codegraph/chaos/check"
	"github.com/codegraphdb/codegraph/chaos/history"
)

// sessions is W8: sessions ask another node with each read and carry their token along; now and
// then one is handed the token of somebody else. None may go backwards.
type sessions struct {
	env   *Env
	next  []int64 // version by writer
	shown atomic.Uint64
}

const sessionPrefix = "Ver"

// Checkers names the check of sessions.
func (*sessions) Checkers() string { return "session" }

// Setup writes the first version of each key.
func (s *sessions) Setup(ctx context.Context, env *Env) error {
	s.env, s.next = env, make([]int64, env.Writers)
	return env.asWriters(func(w *Worker) error {
		for !s.write(ctx, w) {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
		}
		return nil
	})
}

// Op writes the next version, or reads one through any node.
func (s *sessions) Op(ctx context.Context, w *Worker) {
	if w.Writes && w.Rand.IntN(2) == 0 {
		s.write(ctx, w)
		return
	}
	if handed := s.shown.Load(); !w.Writes && w.Rand.IntN(8) == 0 {
		w.token = max(w.token, handed)
	}
	key := w.Rand.IntN(s.env.Writers)
	if w.Writes {
		key = w.ID // its own writes
	}
	node := w.Rand.IntN(len(w.Each))
	q := history.Request{Kind: check.SessionRead, Key: sessionKey(key), Session: w.session(),
		Mode: history.AtLeast, Floor: w.token, ReadOnly: true, Deadline: readFor + aborting}
	_ = s.read(ctx, w, q, ask{db: w.Each[node], token: w.token}) // it is recorded
}

// Final reads all keys through every node.
func (s *sessions) Final(ctx context.Context, w *Worker) error {
	return w.everyKey(s.env.Writers, func(key int) error {
		q := history.Request{Kind: check.SessionRead, Key: sessionKey(key)}
		a := w.final(&q)
		return s.read(ctx, w, q, a)
	})
}

func sessionKey(key int) string { return fmt.Sprintf("sess%d", key) }

func (s *sessions) write(ctx context.Context, w *Worker) bool {
	s.next[w.ID]++
	v := s.next[w.ID]
	file := source{path: "k/x.go", symbols: []symbol{
		{pkg: fmt.Sprintf("k%d", v%16), name: sessionPrefix + strconv.FormatInt(v, 10)}}}
	done := w.publish(ctx, history.Request{Kind: check.SessionWrite, Key: sessionKey(w.ID),
		Session: w.session(), Value: v}, &revision{repo: sessionKey(w.ID),
		name: fmt.Sprintf("v%d", v), partial: true, sources: []source{file}})
	if done {
		s.shown.Store(w.token)
	}
	return done
}

func (s *sessions) read(ctx context.Context, w *Worker, q history.Request, a ask) error {
	return w.record(ctx, q, func(ctx context.Context) (any, *queryv1.Trailer, error) {
		found, trailer, err := search(ctx, a, q.Key, sessionPrefix)
		if err != nil {
			return nil, nil, err
		}
		return shownVersion(found), trailer, nil
	})
}

// shownVersion is the one version that an answer shows; several, or none, are -1, which nobody
// writes.
func shownVersion(found []*queryv1.Symbol) int64 {
	if len(found) != 1 {
		return -1
	}
	v, err := strconv.ParseInt(strings.TrimPrefix(found[0].GetName(), sessionPrefix), 10, 64)
	if err != nil {
		return -1
	}
	return v
}
