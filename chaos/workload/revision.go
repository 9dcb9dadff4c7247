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

// revisions is W7: each revision of a small repository rewrites all files, which lie in several
// shards, with markers of its number; every read must show exactly one revision.
type revisions struct {
	env  *Env
	next []int // by writer
}

const (
	filesOfRevision = 6
	markPrefix      = "Mark"
)

// Checkers names the interval check of revisions.
func (*revisions) Checkers() string { return "revision" }

// Setup publishes the first revision of each repository.
func (r *revisions) Setup(ctx context.Context, env *Env) error {
	r.env, r.next = env, make([]int, env.Writers)
	return env.asWriters(func(w *Worker) error {
		for !r.publish(ctx, w) {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
		}
		return nil
	})
}

// Op publishes the next revision or reads one.
func (r *revisions) Op(ctx context.Context, w *Worker) {
	if w.Writes {
		r.publish(ctx, w)
		return
	}
	q := history.Request{Kind: check.RevisionRead, Key: repoName(w.Rand.IntN(r.env.Writers))}
	a := w.read(&q)
	_ = r.read(ctx, w, q, a) // it is recorded
}

// Final reads all repositories.
func (r *revisions) Final(ctx context.Context, w *Worker) error {
	return w.everyKey(r.env.Writers, func(repo int) error {
		q := history.Request{Kind: check.RevisionRead, Key: repoName(repo)}
		a := w.final(&q)
		return r.read(ctx, w, q, a)
	})
}

func repoName(i int) string { return fmt.Sprintf("rev%d", i) }

// publish brings the next revision in. The lock of the repository orders it behind the one before,
// even if that one's outcome is unknown.
func (r *revisions) publish(ctx context.Context, w *Worker) bool {
	r.next[w.ID]++
	n := r.next[w.ID]
	version := "r" + strconv.Itoa(n)
	input := check.Revision{Rev: n, Files: map[string]string{}}
	rev := revision{repo: repoName(w.ID), name: version}
	for i := range filesOfRevision {
		file := fmt.Sprintf("f%d", i)
		input.Files[file] = version
		rev.sources = append(rev.sources, source{path: file + "/x.go", symbols: []symbol{
			{pkg: file, name: markPrefix + "_" + file + "_" + version}}})
	}
	return w.publish(ctx, history.Request{Kind: check.RevisionPublish, Key: rev.repo, Value: input},
		&rev)
}

func (r *revisions) read(ctx context.Context, w *Worker, q history.Request, a ask) error {
	return w.record(ctx, q, func(ctx context.Context) (any, *queryv1.Trailer, error) {
		found, trailer, err := search(ctx, a, q.Key, markPrefix)
		if err != nil {
			return nil, nil, err
		}
		return shownRevision(q.Key, found, trailer), trailer, nil
	})
}

// shownRevision turns an answer into files and versions. Two markers of one file make a version
// that nobody published.
func shownRevision(repo string, found []*queryv1.Symbol, t *queryv1.Trailer) check.RevisionFiles {
	out := check.RevisionFiles{Files: map[string]string{}}
	for _, s := range found {
		parts := strings.Split(s.GetName(), "_")
		if len(parts) != 3 {
			parts = []string{"", s.GetName(), "stray"}
		}
		if other := out.Files[parts[1]]; other != "" {
			parts[2] = other + "+" + parts[2]
		}
		out.Files[parts[1]] = parts[2]
	}
	for _, ref := range t.GetRevisions() {
		n, err := strconv.Atoi(strings.TrimPrefix(ref.GetRevision(), "r"))
		if ref.GetRepo() == repo && err == nil {
			out.Rev = &n
		}
	}
	return out
}
