package txns

import (
	"context"

	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/shard"
	"github.com/codegraphdb/codegraph/txn"
)

// Reader reads a shard that this node leads at a timestamp that was granted before the leader was
// confirmed: each call sees everything committed at or below it (rule 6.5). It may be used by many
// goroutines.
type Reader struct {
	ld   *leader
	view graph.View
}

// Strong returns a reader of a shard. The leader is confirmed once for a view: term is the one in
// which it was, zero if it has not been yet.
func (l *Local) Strong(ctx context.Context, shard uint64, view graph.View, term uint64) (
	*Reader, error) {
	ld, err := l.leaderOf(shard)
	if err != nil {
		return nil, err
	}
	if term != ld.term {
		if err := ld.rep.Confirm(ctx); err != nil {
			return nil, err
		}
		if ld.rep.LeaderTerm() != ld.term {
			return nil, ld.ended()
		}
	}
	return &Reader{ld, view}, nil
}

// Term returns the term in which the leader was confirmed.
func (r *Reader) Term() uint64 { return r.ld.term }

// open waits for the writes under way and for the locks that may hide something, then opens a view.
func (r *Reader) open(ctx context.Context, keys []txn.Range,
	locks func(*shard.View) ([]graph.Lock, error)) (*shard.View, error) {
	for {
		r.ld.mu.Lock()
		blocked := len(r.ld.writes.Blocks(keys, r.view.At)) > 0
		ch := r.ld.changed
		r.ld.mu.Unlock()
		if !blocked {
			break
		}
		if err := r.ld.await(ctx, ch); err != nil {
			return nil, err
		}
	}
	for {
		v, err := r.ld.rep.State().View(r.view)
		if err != nil {
			return nil, err
		}
		list, err := locks(v)
		if err == nil && len(list) == 0 {
			return v, nil
		}
		if cerr := v.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return nil, err
		}
		for i := range list {
			if err := r.ld.clear(ctx, &list[i]); err != nil {
				return nil, err
			}
		}
	}
}

func (r *Reader) openFor(ctx context.Context, ids []graph.VertexID) (*shard.View, error) {
	keys := make([]txn.Range, len(ids))
	for i, id := range ids {
		keys[i] = below(string(graph.VertexLockPrefix(id)[1:]))
	}
	return r.open(ctx, keys, func(v *shard.View) ([]graph.Lock, error) { return v.Locks(ids, true) })
}

func (r *Reader) openAll(ctx context.Context) (*shard.View, error) {
	return r.open(ctx, []txn.Range{everything()}, (*shard.View).AllLocks)
}

// Lookup returns vertices.
func (r *Reader) Lookup(ctx context.Context, ids []graph.VertexID, doc bool) (
	[]graph.Vertex, error) {
	v, err := r.openFor(ctx, ids)
	if err != nil {
		return nil, err
	}
	defer v.Close()
	return v.Lookup(ctx, ids, doc)
}

// Expand returns edges.
func (r *Reader) Expand(ctx context.Context, ids []graph.VertexID, s *graph.ExpandSpec) (
	[]graph.Adjacency, int, error) {
	v, err := r.openFor(ctx, ids)
	if err != nil {
		return nil, 0, err
	}
	defer v.Close()
	return v.Expand(ctx, ids, s)
}

// Scan returns vertices that an index holds.
func (r *Reader) Scan(ctx context.Context, s *graph.ScanSpec) ([]graph.Vertex, []byte, error) {
	v, err := r.openAll(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer v.Close()
	return v.Scan(ctx, s)
}

// Count counts vertices that an index holds.
func (r *Reader) Count(ctx context.Context, s *graph.ScanSpec) (int64, error) {
	v, err := r.openAll(ctx)
	if err != nil {
		return 0, err
	}
	defer v.Close()
	return v.Count(ctx, s)
}

// Owners returns rows that only imports write: there is nothing to wait for.
func (r *Reader) Owners(ctx context.Context, repo graph.RepoID, cursor []byte, limit int) (
	[]graph.Row, []byte, error) {
	v, err := r.ld.rep.State().View(r.view)
	if err != nil {
		return nil, nil, err
	}
	defer v.Close()
	return v.Owners(ctx, repo, cursor, limit)
}
