package txns

import (
	"context"
	"sync"
	"time"

	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/shard"
	"github.com/codegraphdb/codegraph/txn"
)

const opStep = "txns.Step"

// leader is what this node knows of the transactions of a shard while it leads it in one term.
type leader struct {
	local *Local
	shard uint64
	rep   Replica
	term  uint64

	mu      sync.Mutex
	writes  *txn.Writes
	changed chan struct{}             // closed when a write is done
	heard   map[txn.ID]time.Time      // when coordinators of pending transactions were heard of
	seen    map[graph.TxnID]time.Time // when the sweep met pending transactions first
}

// leaderOf returns the shard's leader, if that is this node.
func (l *Local) leaderOf(id uint64) (*leader, error) {
	rep := l.cluster.Replica(id)
	if rep == nil {
		return nil, graph.Errorf(opStep, graph.KindNotLeader, "shard %d has no replica here", id)
	}
	term := rep.LeaderTerm()
	if term == 0 {
		return nil, graph.Errorf(opStep, graph.KindNotLeader, "this node does not lead shard %d", id)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	ld := l.leaders[id]
	if ld == nil || ld.rep != rep || ld.term < term {
		ld = &leader{local: l, shard: id, rep: rep, term: term, writes: txn.NewWrites(),
			changed: make(chan struct{}), heard: map[txn.ID]time.Time{},
			seen: map[graph.TxnID]time.Time{}}
		l.leaders[id] = ld
	}
	return ld, nil
}

// ended is the error of a step whose term has ended while it was under way.
func (ld *leader) ended() error {
	return graph.Errorf(opStep, graph.KindUnavailable,
		"shard %d: term %d has ended, the outcome is not known here", ld.shard, ld.term)
}

// latch waits until no write under way overlaps with keys, and registers one.
func (ld *leader) latch(ctx context.Context, keys []txn.Range) (txn.Handle, error) {
	for {
		ld.mu.Lock()
		if len(ld.writes.Blocks(keys, graph.MaxTimestamp)) == 0 {
			h := ld.writes.Register(keys)
			ld.mu.Unlock()
			return h, nil
		}
		ch := ld.changed
		ld.mu.Unlock()
		if err := ld.await(ctx, ch); err != nil {
			return 0, err
		}
	}
}

// termTick is how often those who wait look whether the term goes on.
const termTick = 100 * time.Millisecond

func (ld *leader) await(ctx context.Context, ch <-chan struct{}) error {
	tick := time.NewTimer(termTick)
	defer tick.Stop()
	select {
	case <-ch:
	case <-tick.C:
	case <-ctx.Done():
		return graph.Errorf(opStep, graph.KindUnavailable, "shard %d: waiting for other writes: %w",
			ld.shard, ctx.Err())
	}
	if ld.rep.LeaderTerm() != ld.term {
		return ld.ended()
	}
	return nil
}

// done ends a write and wakes who waits for it.
func (ld *leader) done(h txn.Handle) {
	ld.mu.Lock()
	defer ld.mu.Unlock()
	ld.writes.Done(h)
	close(ld.changed)
	ld.changed = make(chan struct{})
}

// timestamp draws the timestamp of a latched write.
func (ld *leader) timestamp(h txn.Handle) (graph.Timestamp, error) {
	for {
		at, err := ld.local.cluster.Draw(ld.local.ctx)
		if err != nil {
			return 0, err
		}
		ld.mu.Lock()
		ok := ld.writes.Assign(h, at)
		ld.mu.Unlock()
		if ok {
			return at, nil
		}
	}
}

// write latches keys, draws a timestamp and proposes what make encodes. It goes on when ctx ends:
// the latch is held until it is known what became of the write, or the term ends with it.
func (ld *leader) write(ctx context.Context, keys []txn.Range,
	encode func(at graph.Timestamp, epoch uint64) []byte) (shard.Result, error) {
	h, err := ld.latch(ctx, keys)
	if err != nil {
		return shard.Result{}, err
	}
	return ld.inBackground(ctx, func() (shard.Result, error) {
		at, err := ld.timestamp(h)
		if err != nil {
			ld.done(h)
			return shard.Result{}, err
		}
		res, known, err := ld.propose(func(epoch uint64) []byte { return encode(at, epoch) })
		if known {
			ld.done(h)
		}
		return res, err
	})
}

func (ld *leader) inBackground(ctx context.Context, do func() (shard.Result, error)) (
	shard.Result, error) {
	type answer struct {
		res shard.Result
		err error
	}
	ch := make(chan answer, 1)
	ld.local.tasks.Go(func() {
		res, err := do()
		ch <- answer{res, err}
	})
	select {
	case a := <-ch:
		return a.res, a.err
	case <-ctx.Done():
		return shard.Result{}, graph.Errorf(opStep, graph.KindUnavailable,
			"shard %d: the outcome is not known yet: %w", ld.shard, ctx.Err())
	}
}

// proposeAgain is the pause before a command is proposed again.
const proposeAgain = 20 * time.Millisecond

// propose proposes a command in the leader's term until it is known what became of it: entries of
// one term keep their order, so that the same command once more tells (T7). Known is false if the
// term has ended before that. A refusal is in the result, not in the error.
func (ld *leader) propose(encode func(epoch uint64) []byte) (res shard.Result, known bool,
	err error) {
	for {
		res, err = ld.rep.Propose(ld.local.ctx, func(_, epoch uint64) []byte { return encode(epoch) })
		switch {
		case res.Index != 0 && fenced(res.Err):
			return res, true, graph.Errorf(opStep, graph.KindUnavailable, "shard %d: %w", ld.shard,
				res.Err)
		case res.Index != 0:
			return res, true, nil
		case graph.IsKind(err, graph.KindNotLeader): // not handed over
			return res, true, err
		case ld.local.ctx.Err() != nil || ld.rep.LeaderTerm() != ld.term:
			return res, false, ld.ended()
		}
		time.Sleep(proposeAgain)
	}
}

// fenced tells whether a command was refused for the term or the epoch that it was evaluated under
// (rule 1.8): that says nothing of the transaction.
func fenced(err error) bool {
	return graph.IsKind(err, graph.KindStaleEpoch) ||
		graph.IsKind(err, graph.KindConflict) && graph.ReasonOf(err) == ""
}

// hear notes that the coordinator of a transaction is alive.
func (ld *leader) hear(id txn.ID) {
	ld.mu.Lock()
	defer ld.mu.Unlock()
	ld.heard[id] = time.Now()
}

// lapsed tells whether nothing was heard of a transaction for the TTL of its locks. Who has just
// come to lead has heard of all of them now.
func (ld *leader) lapsed(id txn.ID) bool {
	ld.mu.Lock()
	defer ld.mu.Unlock()
	at, ok := ld.heard[id]
	if !ok {
		ld.heard[id] = time.Now()
		return false
	}
	return time.Since(at) >= ld.local.ttl
}

// forget drops what is remembered of a transaction that has ended.
func (ld *leader) forget(id txn.ID) {
	ld.mu.Lock()
	defer ld.mu.Unlock()
	delete(ld.heard, id)
}
