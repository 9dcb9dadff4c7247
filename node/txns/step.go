package txns

import (
	"context"
	"time"

	peerv1 "github.com/codegraphdb/codegraph/api/codegraph/peer/v1"
	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/shard"
	"github.com/codegraphdb/codegraph/txn"
)

// How long a step waits for a lock. Among transactions that hold locks only the one that began
// earlier waits long: so they cannot wait for each other in a circle for long.
const (
	waitLong  = 2 * time.Second
	waitShort = 100 * time.Millisecond
)

// Step takes a step of a transaction in a shard that this node leads. An error means that nobody
// here knows whether it was taken: it may be asked for again.
func (l *Local) Step(ctx context.Context, req *peerv1.TransactRequest) (
	*peerv1.TransactResponse, error) {
	ld, err := l.leaderOf(req.GetShardId())
	if err != nil {
		return nil, err
	}
	switch req.GetStep() {
	case peerv1.TransactionStep_TRANSACTION_STEP_ONE_PHASE:
		t, err := graph.DecodeOnePhase(req.GetBody())
		if err != nil {
			return refused(nil, err), nil
		}
		return ld.onePhase(ctx, t)
	case peerv1.TransactionStep_TRANSACTION_STEP_PREPARE:
		t, err := graph.DecodePrepare(req.GetBody())
		if err != nil {
			return refused(nil, err), nil
		}
		return ld.prepare(ctx, t)
	case peerv1.TransactionStep_TRANSACTION_STEP_DECIDE:
		t, err := graph.DecodeDecide(req.GetBody())
		if err != nil {
			return refused(nil, err), nil
		}
		return ld.decide(ctx, t)
	case peerv1.TransactionStep_TRANSACTION_STEP_RESOLVE:
		t, err := graph.DecodeResolve(req.GetBody())
		if err != nil {
			return refused(nil, err), nil
		}
		return ld.resolve(ctx, t)
	}
	return ld.status(req)
}

// onePhase carries out a transaction of one shard. It holds no locks while it waits for one.
func (ld *leader) onePhase(ctx context.Context, t *graph.OnePhase) (
	*peerv1.TransactResponse, error) {
	slots := ld.rep.State().Descriptor().Slots
	give := time.Now().Add(waitLong)
	for {
		res, err := ld.write(ctx, latches(&t.Part, slots),
			func(at graph.Timestamp, epoch uint64) []byte {
				c := *t
				if c.Commit = at; c.Start == 0 { // nothing that it touches is under way: it begins now
					c.Start = at - 2
				}
				return shard.EncodeOnePhase(ld.term, epoch, &c)
			})
		if err != nil {
			return nil, err
		}
		if res.Blocked == nil || !ld.outlast(ctx, res.Blocked, give) {
			return answered(res), nil
		}
	}
}

// prepare stages the part of a transaction.
func (ld *leader) prepare(ctx context.Context, t *graph.Prepare) (
	*peerv1.TransactResponse, error) {
	if t.Slots.Has(t.Primary) {
		ld.hear(txn.ID(t.Txn))
	}
	began := time.Now()
	for {
		res, err := ld.write(ctx, latches(&t.Part, t.Slots),
			func(at graph.Timestamp, epoch uint64) []byte {
				c := *t
				c.At = at
				return shard.EncodePrepare(ld.term, epoch, &c)
			})
		if err != nil {
			return nil, err
		}
		if res.Blocked == nil {
			return answered(res), nil
		}
		wait := waitShort
		if t.Start < res.Blocked.Start {
			wait = waitLong
		}
		if !ld.outlast(ctx, res.Blocked, began.Add(wait)) {
			return answered(res), nil
		}
	}
}

func (ld *leader) decide(ctx context.Context, t *graph.Decide) (*peerv1.TransactResponse, error) {
	res, err := ld.inBackground(ctx, func() (shard.Result, error) {
		res, _, err := ld.propose(func(epoch uint64) []byte {
			return shard.EncodeDecide(ld.term, epoch, t)
		})
		return res, err
	})
	if err != nil {
		return nil, err
	}
	return answered(res), nil
}

func (ld *leader) resolve(ctx context.Context, t *graph.Resolve) (
	*peerv1.TransactResponse, error) {
	res, err := ld.inBackground(ctx, func() (shard.Result, error) {
		res, _, err := ld.propose(func(epoch uint64) []byte {
			return shard.EncodeResolve(ld.term, epoch, t)
		})
		return res, err
	})
	if err != nil {
		return nil, err
	}
	ld.forget(txn.ID(t.Txn))
	return answered(res), nil
}

// status tells what the primary knows.
func (ld *leader) status(req *peerv1.TransactRequest) (*peerv1.TransactResponse, error) {
	var id txn.ID
	if len(req.GetTransactionId()) != len(id) {
		return nil, graph.Errorf(opStep, graph.KindInvalid, "step %v is not known", req.GetStep())
	}
	copy(id[:], req.GetTransactionId())
	rec, err := ld.rep.State().Txn(graph.Slot(req.GetSlot()), graph.TxnID(id))
	if err != nil {
		return nil, err
	}
	resp := answered(shard.Result{Txn: rec})
	if recordOf(rec).Decided() {
		return resp, nil
	}
	if req.GetStep() == peerv1.TransactionStep_TRANSACTION_STEP_RENEW {
		ld.hear(id)
	}
	resp.Lapsed = ld.lapsed(id)
	return resp, nil
}

// latches returns the keys of a part that writes and strong reads wait for: names of locks, each
// with all that it covers.
func latches(p *graph.TxnPart, slots graph.SlotRange) []txn.Range {
	held := p.HeldLocks(slots)
	out := make([]txn.Range, len(held))
	for i, h := range held {
		out[i] = below(h.Name)
	}
	return out
}

// below returns the range of the names that begin with one.
func below(name string) txn.Range {
	hi := []byte(name)
	for i := len(hi) - 1; i >= 0; i-- {
		if hi[i]++; hi[i] != 0 {
			return txn.Range{Lo: name, Hi: string(hi[:i+1])}
		}
	}
	return everything()
}

// everything returns the range of all names of locks: after two bytes of slot comes a letter.
func everything() txn.Range { return txn.Range{Hi: "\xff\xff\xff"} }

func answered(res shard.Result) *peerv1.TransactResponse { return refused(res.Txn, res.Err) }

func refused(rec *graph.TxnRecord, err error) *peerv1.TransactResponse {
	resp := &peerv1.TransactResponse{}
	if rec != nil {
		resp.Record = rec.Encode()
	}
	if err != nil {
		e := &graph.Error{Kind: graph.KindOf(err), Reason: graph.ReasonOf(err), Err: err}
		resp.Refusal = &peerv1.Refusal{Kind: e.Kind.String(), Reason: string(e.Reason),
			Message: message(err), Remedy: remedy(err)}
	}
	return resp
}

// recordOf turns what a shard knows into what decides.
func recordOf(rec *graph.TxnRecord) txn.Record {
	if rec == nil {
		return txn.Record{}
	}
	switch rec.Status {
	case graph.TxnCommitted:
		return txn.Record{Status: txn.Committed, Commit: rec.Commit}
	case graph.TxnAborted:
		return txn.Record{Status: txn.Aborted}
	case graph.TxnPrepared:
		return txn.Record{Status: txn.Pending}
	}
	return txn.Record{}
}
