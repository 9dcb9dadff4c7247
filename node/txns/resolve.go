package txns

import (
	"context"
	"slices"
	"time"

	peerv1 "github.com/codegraphdb/codegraph/api/codegraph/peer/v1"
	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/txn"
)

// Pauses between two looks at a transaction that holds a lock.
const (
	lookSoon = 2 * time.Millisecond
	lookLate = 50 * time.Millisecond
)

// outlast waits until a lock is gone, at most until a moment. It tells whether it is.
func (ld *leader) outlast(ctx context.Context, lock *graph.Lock, most time.Time) bool {
	ctx, cancel := context.WithDeadline(ctx, most)
	defer cancel()
	return ld.clear(ctx, lock) == nil
}

// clear waits until the holder of a lock has ended, and carries its end out here. The primary says
// what became of it; nobody else does (T6).
func (ld *leader) clear(ctx context.Context, lock *graph.Lock) error {
	pause := lookSoon
	for {
		p := ld.pending(lock.Txn)
		if p == nil {
			return nil
		}
		if err := ld.meet(ctx, p.Primary, p.Start, lock.Txn, p.Slots); err != errWait {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return graph.Errorf(opStep, graph.KindUnavailable,
				"shard %d: transaction %s is under way: %w", ld.shard, lock.Txn, ctx.Err())
		}
		if ld.rep.LeaderTerm() != ld.term {
			return ld.ended()
		}
		pause = min(2*pause, lookLate)
	}
}

// pending returns what is known here of a transaction that holds locks here.
func (ld *leader) pending(id graph.TxnID) *graph.TxnRecord {
	list := ld.rep.State().Pending()
	for i := range list {
		if list[i].Txn == id {
			return &list[i].TxnRecord
		}
	}
	return nil
}

// errWait says that a transaction goes on.
var errWait = graph.Errorf(opStep, graph.KindUnavailable, "a transaction is under way")

// meet asks the primary about a transaction with locks here and does what follows.
func (ld *leader) meet(ctx context.Context, primary graph.Slot, start graph.Timestamp,
	id graph.TxnID, slots graph.SlotRange) error {
	resp, err := ld.local.ask(ctx, primary, &peerv1.TransactRequest{TransactionId: id[:],
		Step: peerv1.TransactionStep_TRANSACTION_STEP_STATUS, Slot: uint32(primary)})
	if err != nil {
		return err
	}
	rec, err := decoded(resp)
	if err != nil {
		return err
	}
	outcome := recordOf(rec)
	if txn.Meet(outcome, resp.GetLapsed()) == txn.AbortAtPrimary {
		if outcome, err = ld.local.abort(ctx, primary, start, id); err != nil {
			return err
		}
	}
	if txn.Meet(outcome, false) != txn.CarryOut {
		return errWait
	}
	_, err = ld.resolve(ctx, &graph.Resolve{Txn: id, Primary: primary, Slots: slots, Start: start,
		Commit: outcome.Commit})
	return err
}

// abort decides an abort at the primary and returns what the record says then.
func (l *Local) abort(ctx context.Context, primary graph.Slot, start graph.Timestamp,
	id graph.TxnID) (txn.Record, error) {
	d := &graph.Decide{Txn: id, Primary: primary, Start: start}
	resp, err := l.ask(ctx, primary, &peerv1.TransactRequest{Body: d.Encode(),
		Step: peerv1.TransactionStep_TRANSACTION_STEP_DECIDE})
	if err != nil {
		return txn.Record{}, err
	}
	rec, err := decoded(resp)
	return recordOf(rec), err
}

// ask takes a step at the leader of the shard that has a slot.
func (l *Local) ask(ctx context.Context, slot graph.Slot, req *peerv1.TransactRequest) (
	*peerv1.TransactResponse, error) {
	for _, s := range l.cluster.Shards() {
		if s.Slots.Has(slot) {
			req.ShardId = s.ID
			return l.cluster.Transact(ctx, req)
		}
	}
	return nil, graph.Errorf(opStep, graph.KindUnavailable, "no shard has slot %d", slot)
}

func decoded(resp *peerv1.TransactResponse) (*graph.TxnRecord, error) {
	if len(resp.GetRecord()) == 0 {
		return nil, nil
	}
	return graph.DecodeTxnRecord(resp.GetRecord())
}

const (
	sweepEvery = time.Second
	sweepAfter = 3 * time.Second // a transaction takes less, unless its coordinator is gone
)

// sweep looks after transactions whose coordinators have been lost, in the shards that this node
// leads: nobody else may ever meet their locks.
func (l *Local) sweep() {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-l.ctx.Done():
			return
		case <-tick.C:
		}
		for _, s := range l.cluster.Shards() {
			if ld, err := l.leaderOf(s.ID); err == nil {
				ld.sweep()
			}
		}
	}
}

func (ld *leader) sweep() {
	now := time.Now()
	list := ld.rep.State().Pending()
	seen := make(map[graph.TxnID]time.Time, len(list))
	ld.mu.Lock()
	for i := range list {
		seen[list[i].Txn] = now
		if at, ok := ld.seen[list[i].Txn]; ok {
			seen[list[i].Txn] = at
		}
	}
	ld.seen = seen
	ld.mu.Unlock()
	for i := range list {
		p := &list[i]
		if now.Sub(seen[p.Txn]) < sweepAfter {
			continue
		}
		ctx, cancel := context.WithTimeout(ld.local.ctx, waitLong)
		err := ld.finish(ctx, p.Txn, &p.TxnRecord)
		cancel()
		if err != nil && err != errWait && ld.local.ctx.Err() == nil {
			ld.local.logger.Info("a transaction without coordinator", "shard", ld.shard,
				"transaction", p.Txn, "err", err)
		}
	}
}

// finish ends a transaction that is pending here. At the primary the others are resolved first:
// then nobody will ask again.
func (ld *leader) finish(ctx context.Context, id graph.TxnID, p *graph.TxnRecord) error {
	if !p.Slots.Has(p.Primary) {
		return ld.meet(ctx, p.Primary, p.Start, id, p.Slots)
	}
	outcome := recordOf(p)
	if !outcome.Decided() {
		if !ld.lapsed(txn.ID(id)) {
			return errWait
		}
		var err error
		if outcome, err = ld.local.abort(ctx, p.Primary, p.Start, id); err != nil {
			return err
		}
	}
	return ld.local.resolveAll(ctx, id, p, outcome)
}

// resolveAll carries out what was decided in all shards, at the primary last.
func (l *Local) resolveAll(ctx context.Context, id graph.TxnID, p *graph.TxnRecord,
	outcome txn.Record) error {
	parts := slices.Clone(p.Participants)
	slices.SortStableFunc(parts, func(a, b graph.SlotRange) int {
		if a.Has(p.Primary) == b.Has(p.Primary) {
			return 0
		} else if a.Has(p.Primary) {
			return 1
		}
		return -1
	})
	for _, slots := range parts {
		r := &graph.Resolve{Txn: id, Primary: p.Primary, Slots: slots, Start: p.Start,
			Commit: outcome.Commit, Final: slots.Has(p.Primary)}
		resp, err := l.ask(ctx, graph.Anchor(p.Primary, slots), &peerv1.TransactRequest{
			Step: peerv1.TransactionStep_TRANSACTION_STEP_RESOLVE, Body: r.Encode()})
		if err == nil {
			err = refusal(resp)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
