package codegraph

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"

	ingestv1 "github.com/codegraphdb/codegraph/api/codegraph/ingest/v1"
	"github.com/codegraphdb/codegraph/graph"
)

// batchBytes is when a batch is cut; one row more may be in it.
const batchBytes = 1 << 20

// rowOverhead is what a row costs in a batch beside its key and value.
const rowOverhead = 8

// lane collects the rows of one shard and numbers its batches.
type lane struct {
	shard *ingestv1.Shard

	mu      sync.Mutex
	rows    []graph.Row
	size    int
	seq     uint64
	sealed  bool
	index   uint64 // log index of the seal
	pending sync.WaitGroup
}

// Written counts what an import sent.
type Written struct {
	Rows, Bytes, Batches atomic.Uint64
}

// Written returns what was sent so far.
func (im *Import) Written() *Written { return &im.written }

// newLanes sorts the shards by slot and checks that they cover all of them.
func newLanes(shards []*ingestv1.Shard) ([]*lane, error) {
	var lanes []*lane
	for _, s := range shards {
		lanes = append(lanes, &lane{shard: s})
	}
	slices.SortFunc(lanes, func(a, b *lane) int {
		return cmp.Compare(a.shard.GetSlotLo(), b.shard.GetSlotLo())
	})
	next := uint32(0)
	for _, l := range lanes {
		if l.shard.GetSlotLo() != next || l.shard.GetSlotHi() < next {
			break
		}
		next = l.shard.GetSlotHi() + 1
	}
	if next != graph.Slots {
		return nil, graph.Errorf("Open", graph.KindInternal,
			"the server's map has no shard for slot %d", next)
	}
	return lanes, nil
}

// laneOf returns the lane of a row.
func (im *Import) laneOf(key []byte) (int, error) {
	info, err := graph.ParseRow(key)
	if err != nil {
		return 0, err
	}
	i, found := slices.BinarySearchFunc(im.lanes, uint32(info.Slot), func(l *lane, slot uint32) int {
		return cmp.Compare(l.shard.GetSlotLo(), slot)
	})
	if !found {
		i--
	}
	return i, nil
}

// Put takes everything that one owner says in this revision. What the base says already is not
// sent. It waits while too much is on its way (C5).
func (im *Import) Put(ctx context.Context, facts *graph.OwnerFacts) error {
	if facts.Repo != im.RepoID() {
		return graph.Errorf("Put", graph.KindInvalid, "%s: facts of repository %d, not %d", facts.Path,
			facts.Repo, im.RepoID())
	}
	old, err := im.base.take(facts.Owner(), facts.Path)
	if err != nil {
		return err
	}
	diff, err := changes(old, facts.Rows())
	if err != nil {
		return err
	}
	return im.write(ctx, diff)
}

func (im *Import) write(ctx context.Context, rows []graph.Row) error {
	perLane := make([][]graph.Row, len(im.lanes))
	for _, r := range rows {
		i, err := im.laneOf(r.Key)
		if err != nil {
			return err
		}
		perLane[i] = append(perLane[i], r)
	}
	for i, rows := range perLane {
		if len(rows) == 0 {
			continue
		}
		if err := im.collect(ctx, im.lanes[i], rows); err != nil {
			return err
		}
	}
	return nil
}

// collect adds rows to a lane and sends what makes whole batches.
func (im *Import) collect(ctx context.Context, l *lane, rows []graph.Row) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sealed {
		return graph.Errorf("Put", graph.KindInvalid, "the import is sealed")
	}
	for _, r := range rows {
		l.rows = append(l.rows, r)
		l.size += len(r.Key) + len(r.Value) + rowOverhead
		if l.size < batchBytes {
			continue
		}
		size := min(int64(l.size), im.client.opts.InFlight)
		if err := im.wait(ctx, size); err != nil {
			return err
		}
		b := im.cut(l)
		l.pending.Add(1)
		go func() {
			defer l.pending.Done()
			defer im.room.Release(size)
			if _, err := im.send(l, b); err != nil {
				im.fail(err)
			}
		}()
	}
	return nil
}

// wait takes room for size bytes.
func (im *Import) wait(ctx context.Context, size int64) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(im.ctx, cancel)()
	if err := im.room.Acquire(ctx, size); err != nil {
		return im.failed(err)
	}
	if im.ctx.Err() != nil {
		im.room.Release(size)
		return im.failed(context.Cause(im.ctx))
	}
	return nil
}

// cut makes the lane's next batch of what it has collected. The caller holds l.mu.
func (im *Import) cut(l *lane) *graph.Batch {
	l.seq++
	b := &graph.Batch{Import: im.ID(), Attempt: im.Attempt(), Seq: l.seq, Repo: im.RepoID(),
		Rows: l.rows}
	l.rows, l.size = nil, 0
	return b
}

// send sends one batch until it is acknowledged and returns its log index (C4).
func (im *Import) send(l *lane, b *graph.Batch) (uint64, error) {
	data := b.Encode()
	resp, err := im.client.write(im.ctx, l.shard, data)
	if graph.IsKind(err, graph.KindStaleEpoch) {
		err = graph.Errorf("Write", graph.KindStaleEpoch, "shard %d changed while the import ran: %w",
			l.shard.GetId(), err).WithRemedy("ingest again")
	}
	if err != nil {
		return 0, err
	}
	im.written.Rows.Add(uint64(len(b.Rows)))
	im.written.Bytes.Add(uint64(len(data)))
	im.written.Batches.Add(1)
	return resp.GetLogIndex(), nil
}

// Seal deletes what the owners of the base wrote that were not put (but for a partial import),
// sends what is left and tells every shard that nothing follows.
func (im *Import) Seal(ctx context.Context) error {
	if !im.opts.Partial {
		for _, owner := range im.base.rest() {
			old, err := im.base.take(owner, "")
			if err != nil {
				return err
			}
			gone, err := changes(old, nil)
			if err != nil {
				return err
			}
			if err := im.write(ctx, gone); err != nil {
				return err
			}
		}
	}
	var wg sync.WaitGroup
	for _, l := range im.lanes {
		wg.Go(func() {
			if err := im.seal(l); err != nil {
				im.fail(err)
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		im.fail(context.Cause(ctx))
		<-done
	}
	if im.ctx.Err() != nil {
		return im.failed(context.Cause(im.ctx))
	}
	return nil
}

// seal waits until everything before it was acknowledged and sends the lane's last batch.
func (im *Import) seal(l *lane) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pending.Wait()
	if im.ctx.Err() != nil || l.sealed {
		return im.ctx.Err()
	}
	b := im.cut(l)
	b.Seal, l.sealed = true, true
	var err error
	l.index, err = im.send(l, b)
	return err
}

// seals returns the log index of every shard's seal.
func (im *Import) seals() ([]*ingestv1.Seal, error) {
	var out []*ingestv1.Seal
	for _, l := range im.lanes {
		l.mu.Lock()
		index := l.index
		l.mu.Unlock()
		if index == 0 {
			return nil, im.failed(graph.Errorf("Commit", graph.KindInvalid,
				"shard %d is not sealed", l.shard.GetId()))
		}
		out = append(out, &ingestv1.Seal{ShardId: l.shard.GetId(), LogIndex: index})
	}
	return out, nil
}
