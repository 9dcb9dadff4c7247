package workload

import (
	"context"
	"fmt"
	"strings"

	queryv1 "github.com/codegraphdb/codegraph/api/codegraph/query/v1"
	"github.com/codegraphdb/codegraph/chaos/check"
	"github.com/codegraphdb/codegraph/chaos/history"
)

// files is W6: a file is replaced again and again; its symbols lie in several shards, and one of
// them says how many there are. Nothing of an older version may stay.
//
// Version v of file k has the symbols File<k>x<v>x<i>. The first one stands on the line whose
// number is how many there are: that is the stored count, as long as no answer carries counters.
type files struct {
	env  *Env
	next []int // by file
}

const (
	filesPerWriter = 3
	mostSymbols    = 8
	filePrefix     = "File"
)

// Checkers names the check of replaced files.
func (*files) Checkers() string { return "file" }

// Setup writes the first version of each file.
func (f *files) Setup(ctx context.Context, env *Env) error {
	f.env, f.next = env, make([]int, env.Writers*filesPerWriter)
	return env.asWriters(func(w *Worker) error {
		for i := range filesPerWriter {
			for !f.replace(ctx, w, w.ID*filesPerWriter+i) {
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
			}
		}
		return nil
	})
}

// Op replaces a file or reads one.
func (f *files) Op(ctx context.Context, w *Worker) {
	if w.Writes {
		f.replace(ctx, w, w.ID*filesPerWriter+w.Rand.IntN(filesPerWriter))
		return
	}
	k := w.Rand.IntN(len(f.next))
	q := history.Request{Kind: check.FileRead, Key: fileName(k)}
	a := w.read(&q)
	_ = f.read(ctx, w, q, a) // it is recorded
}

// Final reads all files.
func (f *files) Final(ctx context.Context, w *Worker) error {
	return w.everyKey(len(f.next), func(k int) error {
		q := history.Request{Kind: check.FileRead, Key: fileName(k)}
		a := w.final(&q)
		return f.read(ctx, w, q, a)
	})
}

func fileName(k int) string { return fmt.Sprintf("%s%dx", filePrefix, k) }

func fileRepo(k int) string { return fmt.Sprintf("files%d", k/filesPerWriter) }

// versionID is the id of the operation that gives a version.
func versionID(k int, version string) string { return fmt.Sprintf("f%d.%s", k, version) }

func (f *files) replace(ctx context.Context, w *Worker, k int) bool {
	f.next[k]++
	version := fmt.Sprint(f.next[k])
	n := 1 + w.Rand.IntN(mostSymbols)
	file := source{path: fmt.Sprintf("d%d/x.go", k)}
	for i := range n {
		file.symbols = append(file.symbols, symbol{pkg: fmt.Sprintf("d%dp%d", k, i),
			name: fmt.Sprintf("%s%sx%d", fileName(k), version, i), line: 1})
	}
	file.symbols[0].line = uint32(n)
	return w.publish(ctx, history.Request{Kind: check.FileReplaced, Key: fileName(k),
		ID: versionID(k, version), Value: check.FileVersion{Rows: int64(n)}},
		&revision{repo: fileRepo(k), name: versionID(k, version), partial: true,
			sources: []source{file}})
}

func (f *files) read(ctx context.Context, w *Worker, q history.Request, a ask) error {
	var k int
	if _, err := fmt.Sscanf(q.Key, filePrefix+"%dx", &k); err != nil {
		return err
	}
	return w.record(ctx, q, func(ctx context.Context) (any, *queryv1.Trailer, error) {
		found, trailer, err := search(ctx, a, fileRepo(k), q.Key)
		out := check.FileRows{Rows: map[string]int64{}}
		for _, s := range found {
			version, part, _ := strings.Cut(strings.TrimPrefix(s.GetName(), q.Key), "x")
			out.Rows[versionID(k, version)]++
			if part == "0" {
				out.Stored += int64(s.GetLine())
			}
		}
		return out, trailer, err
	})
}
