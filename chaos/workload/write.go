package workload

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/codegraphdb/codegraph"
	ingestv1 "github.com/codegraphdb/codegraph/api/codegraph/ingest/v1"
	"github.com/codegraphdb/codegraph/chaos/history"
	"github.com/codegraphdb/codegraph/graph"
)

// source is one made-up file.
type source struct {
	path    string
	symbols []symbol
	calls   []call
}

// symbol is a function of a file; the package decides its shard.
type symbol struct {
	pkg, name string
	line      uint32
}

// call is an edge between two functions.
type call struct {
	from, to symbol
	count    uint32 // stands in both halves
}

// key is the symbol key of a function.
func (s symbol) key(repo string) string {
	return fmt.Sprintf("gomod example.test/%[1]s `example.test/%[1]s/%[2]s`/%[3]s().", repo, s.pkg,
		s.name)
}

// revision is one write.
type revision struct {
	repo    string
	name    string
	partial bool // files that are not named stay
	sources []source
}

// facts turns a file into what an indexer would say of it.
func (s *source) facts(repo string, id graph.RepoID) *graph.OwnerFacts {
	f := &graph.OwnerFacts{Repo: id, Path: s.path, Source: graph.SourceTreeSitter,
		Status: graph.StatusOK, Lines: uint32(len(s.symbols))}
	f.Home = graph.SlotOf(symbol{pkg: s.path, name: "Home"}.key(repo))
	for _, v := range s.symbols {
		key := v.key(repo)
		f.Vertices = append(f.Vertices, graph.Vertex{ID: graph.IDOf(key), Kind: graph.Function,
			Key: key, Repo: id, Path: s.path, Name: v.name, Span: graph.Span{Line: max(1, v.line)},
			Source: graph.SourceTreeSitter})
	}
	for _, c := range s.calls {
		f.Edges = append(f.Edges, graph.Edge{Src: graph.IDOf(c.from.key(repo)), Type: graph.Calls,
			Dst: graph.IDOf(c.to.key(repo)), DstKey: c.to.key(repo), Resolution: graph.Exact,
			Provenance: graph.FromSyntax, Confidence: 100, Count: c.count})
	}
	return f
}

// publish brings a revision in, as one recorded operation. It says whether the revision is there.
func (w *Worker) publish(ctx context.Context, q history.Request, rev *revision) bool {
	ctx, cancel := context.WithTimeout(ctx, writeFor)
	defer cancel()
	q.Deadline = writeFor + aborting
	call := w.H.Invoke(q)
	im, err := w.stage(ctx, rev)
	if err != nil {
		call.Done(history.Result{}, history.Definitely(err))
		return false
	}
	defer im.Abort("not committed")
	at, err := im.Commit(ctx, &ingestv1.Stats{Files: uint64(len(rev.sources))})
	if err != nil {
		call.Done(history.Result{}, errors.New(err.Error())) // unknown, whatever its kind (WL1)
		return false
	}
	call.Done(history.Result{At: history.At{Timestamp: uint64(at), Token: fmt.Sprint(w.DB.Token())}},
		nil)
	w.token = max(w.token, w.DB.Token())
	return true
}

// stage sends all of a revision, which nobody sees before its commit.
func (w *Worker) stage(ctx context.Context, rev *revision) (*codegraph.Import, error) {
	im, err := w.DB.OpenImport(ctx, codegraph.OpenOptions{Repo: rev.repo, Revision: rev.name,
		Partial: rev.partial, Holder: w.session()})
	if err != nil {
		return nil, err
	}
	for i := range rev.sources {
		if err = im.Put(ctx, rev.sources[i].facts(rev.repo, im.RepoID())); err != nil {
			break
		}
	}
	if err == nil {
		err = im.Seal(ctx)
	}
	if err != nil {
		im.Abort(err.Error())
		return nil, err
	}
	return im, nil
}

// writeOnce brings a revision in that is no operation of the history.
func (w *Worker) writeOnce(ctx context.Context, rev *revision) error {
	for {
		im, err := w.stage(ctx, rev)
		if err == nil {
			_, err = im.Commit(ctx, &ingestv1.Stats{})
			im.Abort("not committed")
		}
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("workload: revision %s of %s: %w", rev.name, rev.repo, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
