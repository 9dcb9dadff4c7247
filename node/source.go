package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/codegraphdb/codegraph/cluster"
	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/query"
	"github.com/codegraphdb/codegraph/shard"
)

// source answers a query from all shards at one view: from this node's replicas where they have
// applied enough, else from another node's.
type source struct {
	node    *Node
	view    *cluster.ViewInfo
	shards  cluster.Map
	partial bool // go on without a shard that cannot be read
	strong  bool // through confirmed leaders: there may be transactions

	mu      sync.Mutex
	readers map[uint64]reader
	missing map[uint64]error
	remote  atomic.Int64 // readers that are on other nodes
}

var _ query.Source = (*source)(nil)

// lagGrace is how long a local replica may take to catch up before another node is asked.
const lagGrace = 20 * time.Millisecond

func (n *Node) newSource(view *cluster.ViewInfo, partial bool) *source {
	return &source{node: n, view: view, shards: n.meta.state.Snapshot().Map(), partial: partial,
		readers: map[uint64]reader{}, missing: map[uint64]error{}}
}

// close gives the local views back.
func (s *source) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.readers {
		if v, ok := r.(*shard.View); ok {
			v.Close()
		}
	}
	clear(s.readers)
}

// cost returns how many shards were read, and how many of them on other nodes.
func (s *source) cost() (shards, remote uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return uint32(len(s.readers)), uint32(s.remote.Load())
}

// Unavailable names the shards that could not be read.
func (s *source) Unavailable() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for id, err := range s.missing {
		out = append(out, fmt.Sprintf("shard %d: %v", id, err))
	}
	slices.Sort(out)
	return out
}

// Lookup implements query.Source.
func (s *source) Lookup(ctx context.Context, ids []graph.VertexID, doc bool) (
	[]graph.Vertex, error) {
	out := make([]graph.Vertex, len(ids))
	for i, id := range ids {
		out[i].ID = id
	}
	err := s.scatter(ctx, ids, func(ctx context.Context, r reader, part []int) error {
		vs, err := r.Lookup(ctx, pick(ids, part), doc)
		for i, at := range part[:min(len(part), len(vs))] {
			out[at] = vs[i]
		}
		return err
	})
	return out, err
}

// Expand implements query.Source.
func (s *source) Expand(ctx context.Context, ids []graph.VertexID, spec *graph.ExpandSpec) (
	[]graph.Adjacency, error) {
	out := make([]graph.Adjacency, len(ids))
	for i, id := range ids {
		out[i].Vertex = id
	}
	err := s.scatter(ctx, ids, func(ctx context.Context, r reader, part []int) error {
		adj, _, err := r.Expand(ctx, pick(ids, part), spec)
		for i, at := range part[:min(len(part), len(adj))] {
			out[at] = adj[i]
		}
		return err
	})
	return out, err
}

// Scan implements query.Source: shard after shard, in the order of their slots.
func (s *source) Scan(ctx context.Context, spec *graph.ScanSpec,
	yield func([]graph.Vertex) error) error {
	for _, d := range s.shards.Shards {
		var stop error
		page, left := *spec, spec.Limit // outside of the closure: a retry goes on where it was
		err := s.on(ctx, &d, func(r reader) error {
			for {
				page.Limit = scanPage
				if left > 0 {
					page.Limit = min(left, scanPage)
				}
				vs, next, err := r.Scan(ctx, &page)
				if err != nil {
					return err
				}
				if len(vs) > 0 {
					if stop = yield(vs); stop != nil {
						return nil
					}
				}
				left -= len(vs)
				if next == nil || spec.Limit > 0 && left <= 0 {
					return nil
				}
				page.Cursor = next
			}
		})
		if err != nil {
			return err
		}
		if stop != nil {
			return stop
		}
	}
	return nil
}

// Count implements query.Source.
func (s *source) Count(ctx context.Context, spec *graph.ScanSpec) (int64, error) {
	var total atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for _, d := range s.shards.Shards {
		g.Go(func() error {
			return s.on(ctx, &d, func(r reader) error {
				n, err := r.Count(ctx, spec)
				total.Add(n)
				return err
			})
		})
	}
	if err := g.Wait(); err != nil {
		return 0, err
	}
	return total.Load(), nil
}

// Owners calls yield with the F rows of a repository's owners, all parts of an owner together.
func (s *source) Owners(ctx context.Context, repo graph.RepoID,
	yield func([]graph.Row) error) error {
	for i := range s.shards.Shards {
		var cursor []byte
		var stop error
		err := s.on(ctx, &s.shards.Shards[i], func(r reader) error {
			for {
				rows, next, err := r.Owners(ctx, repo, cursor, ownersPage)
				if err != nil {
					return err
				}
				if len(rows) > 0 {
					if stop = yield(rows); stop != nil {
						return nil
					}
				}
				if cursor = next; next == nil {
					return nil
				}
			}
		})
		if err = errors.Join(err, stop); err != nil {
			return err
		}
	}
	return nil
}

func pick(ids []graph.VertexID, part []int) []graph.VertexID {
	out := make([]graph.VertexID, len(part))
	for i, at := range part {
		out[i] = ids[at]
	}
	return out
}

// scatter groups ids by shard and calls fn once per shard, side by side.
func (s *source) scatter(ctx context.Context, ids []graph.VertexID,
	fn func(context.Context, reader, []int) error) error {
	parts := map[uint64][]int{}
	var descs []*cluster.Descriptor
	for i, id := range ids {
		d := s.shards.ShardOf(id.Slot())
		if parts[d.ID] == nil {
			descs = append(descs, d)
		}
		parts[d.ID] = append(parts[d.ID], i)
	}
	if len(descs) == 1 {
		return s.on(ctx, descs[0], func(r reader) error { return fn(ctx, r, parts[descs[0].ID]) })
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for _, d := range descs {
		g.Go(func() error {
			return s.on(ctx, d, func(r reader) error { return fn(ctx, r, parts[d.ID]) })
		})
	}
	return g.Wait()
}

// on calls fn with a reader of the shard. If the reader fails because its node is gone, the next
// one is tried; fn must be safe to repeat from its beginning.
func (s *source) on(ctx context.Context, d *cluster.Descriptor, fn func(reader) error) error {
	const attempts = 4
	var err error
	for range attempts {
		var r reader
		if r, err = s.reader(ctx, d); err != nil {
			break
		}
		err = fn(r)
		gone := graph.IsKind(err, graph.KindUnavailable) || graph.IsKind(err, graph.KindNotLeader)
		if !gone || ctx.Err() != nil {
			return err
		}
		s.drop(d.ID, r)
	}
	if s.partial && ctx.Err() == nil {
		s.mu.Lock()
		s.missing[d.ID] = err
		s.mu.Unlock()
		return nil
	}
	return err
}

func (s *source) drop(id uint64, r reader) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readers[id] == r {
		delete(s.readers, id)
	}
	if v, ok := r.(*shard.View); ok {
		v.Close()
	}
}

// reader returns the cached reader of a shard, or makes one.
func (s *source) reader(ctx context.Context, d *cluster.Descriptor) (reader, error) {
	s.mu.Lock()
	r := s.readers[d.ID]
	s.mu.Unlock()
	if r != nil {
		return r, nil
	}
	r, err := s.openReader(ctx, d)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if have := s.readers[d.ID]; have != nil {
		if v, ok := r.(*shard.View); ok {
			v.Close()
		}
		return have, nil
	}
	s.readers[d.ID] = r
	return r, nil
}

func (s *source) openReader(ctx context.Context, d *cluster.Descriptor) (reader, error) {
	if s.strong {
		return s.strongReader(ctx, d)
	}
	need := s.view.MinAppliedOf(d.ID)
	if now := s.node.meta.state.Snapshot().Map().Shard(d.ID); now != nil && now.Lo == d.Lo &&
		now.Hi == d.Hi {
		d = now // its replicas may be others than when the query began
	}
	local := s.node.ownReplica(d.ID)
	if local != nil {
		grace, cancel := context.WithTimeout(ctx, lagGrace)
		err := local.WaitApplied(grace, need)
		cancel()
		if err == nil {
			return local.State().View(s.view.View())
		}
	}
	var err error
	for _, target := range s.node.readOrder(d) {
		var r reader
		if r, err = s.remoteReader(ctx, target, d, need); err == nil {
			s.remote.Add(1)
			return r, nil
		}
	}
	if local != nil { // nobody else: wait for our own
		if werr := local.WaitApplied(ctx, need); werr == nil {
			return local.State().View(s.view.View())
		}
	}
	return nil, graph.Errorf("node.read", graph.KindUnavailable,
		"shard %d: no replica can be read (last: %v)", d.ID, err).
		WithRemedy("try again; `cgctl shard list` shows the replicas")
}

// remoteReader checks with an empty look-up that the node answers and has applied enough.
func (s *source) remoteReader(ctx context.Context, target string, d *cluster.Descriptor,
	need uint64) (reader, error) {
	client, err := s.node.peers.client(target)
	if err != nil {
		return nil, err
	}
	r := &remoteReader{client: client, shard: d.ID, epoch: d.Epoch,
		view: viewToPeer(s.view.View(), need)}
	r.view.Strong = s.strong
	probe, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	_, _, err = r.Owners(probe, 0, nil, 1)
	return r, err
}
