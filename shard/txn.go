package shard

import (
	"cmp"
	"errors"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/codegraphdb/codegraph/graph"
)

// transaction applies one of the commands of transactions. A refusal has no effect, but that a
// transaction within one shard that is refused for good has ended: its id never commits.
func (a *applier) transaction(typ commandType, body []byte, r *Result) error {
	if !a.batch.Empty() { // what it reads must be there
		if err := a.commit(); err != nil {
			return err
		}
	}
	var err error
	switch typ {
	case cmdOnePhase:
		var t *graph.OnePhase
		if t, err = graph.DecodeOnePhase(body); err == nil {
			err = a.onePhase(t, r)
			return a.wrapTxn(t.Txn, err)
		}
	case cmdPrepare:
		var t *graph.Prepare
		if t, err = graph.DecodePrepare(body); err == nil {
			err = a.prepare(t, r)
			return a.wrapTxn(t.Txn, err)
		}
	case cmdDecide:
		var t *graph.Decide
		if t, err = graph.DecodeDecide(body); err == nil {
			err = a.decide(t, r)
			return a.wrapTxn(t.Txn, err)
		}
	case cmdResolve:
		var t *graph.Resolve
		if t, err = graph.DecodeResolve(body); err == nil {
			err = a.resolve(t, r)
			return a.wrapTxn(t.Txn, err)
		}
	}
	if graph.IsKind(err, graph.KindUnsupported) && graph.ReasonOf(err) == "" {
		return err
	}
	r.Err = err
	return nil
}

func (a *applier) wrapTxn(id graph.TxnID, err error) error {
	if err == nil {
		return nil
	}
	return errorf("Apply", graph.KindOther, "shard %d: transaction %s: %w", a.st.desc.ID, id, err)
}

// conflict makes a refusal.
func conflict(reason graph.Reason, format string, args ...any) *graph.Error {
	return errorf("Apply", graph.KindConflict, format, args...).WithReason(reason)
}

// onePhase judges a transaction, writes what it does and its record, in one step.
func (a *applier) onePhase(t *graph.OnePhase, r *Result) error {
	rec, err := a.record(t.Primary, t.Txn)
	if err != nil {
		return err
	}
	if r.Txn = rec; rec != nil {
		r.Duplicate = rec.Status == graph.TxnCommitted
		switch rec.Status {
		case graph.TxnPrepared:
			r.Err = conflict(graph.ReasonEnded, "transaction %s is prepared with other shards", t.Txn)
		case graph.TxnAborted:
			r.Err = refusedBefore(t.Txn, rec)
		}
		return nil
	}
	slots, touched := t.Part.Slots()
	if !touched {
		slots = graph.SlotRange{Lo: uint16(t.Primary), Hi: uint16(t.Primary)}
	}
	if r.Err = a.admitTxn(t.Txn, t.Start, t.Commit); r.Err != nil {
		return nil
	}
	if r.Err = a.placed(t.Txn, t.Primary, slots); r.Err != nil {
		return nil
	}
	x, err := a.evaluate(t.Txn, t.Start, &t.Part, a.st.desc.Slots)
	if err != nil {
		return err
	}
	rec = &graph.TxnRecord{Status: graph.TxnCommitted, Primary: t.Primary, Slots: slots,
		Start: t.Start, Commit: t.Commit, Resolved: true, Final: true}
	if r.Blocked = x.blocked; x.refused != nil {
		r.Err = x.refused
		if x.blocked != nil {
			return nil
		}
		rec.Status, rec.Commit = graph.TxnAborted, 0
		rec.Kind, rec.Reason, rec.Msg = x.refused.Kind, x.refused.Reason, x.refused.Msg
	}
	r.Txn = rec
	if r.Err == nil {
		if err := x.write(t.Commit); err != nil {
			return err
		}
	}
	return a.setRecord(t.Txn, nil, rec)
}

func refusedBefore(id graph.TxnID, rec *graph.TxnRecord) error {
	if rec.Msg == "" {
		return conflict(graph.ReasonEnded, "transaction %s was aborted", id)
	}
	return errorf("Apply", rec.Kind, "%s", rec.Msg).WithReason(rec.Reason)
}

// admitTxn refuses timestamps that the shard cannot honour. Such a refusal is not for good: the
// same transaction may come again with another timestamp.
func (a *applier) admitTxn(id graph.TxnID, start, at graph.Timestamp) error {
	low := a.st.gc.safepoint
	switch {
	case at.IsImport() || at <= start:
		return errorf("Apply", graph.KindInvalid, "transaction %s that began at %s cannot end at %s",
			id, start, at)
	case start < low:
		return conflict(graph.ReasonTooOld, "transaction %s began at %s, shard %d keeps versions from %s",
			id, start, a.st.desc.ID, low).WithRemedy("begin again")
	case at <= low:
		return conflict(graph.ReasonTooOld, "transaction %s would end at %s, not above the safepoint %s",
			id, at, low)
	}
	return nil
}

// placed refuses what does not belong here.
func (a *applier) placed(id graph.TxnID, slot graph.Slot, touched graph.SlotRange) error {
	if has := a.st.desc.Slots; !has.Has(slot) || !has.Covers(touched) {
		return errorf("Apply", graph.KindInvalid,
			"transaction %s touches slots %d..%d and %d, shard %d has %d..%d", id, touched.Lo,
			touched.Hi, slot, a.st.desc.ID, has.Lo, has.Hi)
	}
	return nil
}

// prepare judges the part of a transaction and stages it under locks.
func (a *applier) prepare(t *graph.Prepare, r *Result) error {
	anchor := graph.Anchor(t.Primary, t.Slots)
	rec, err := a.record(anchor, t.Txn)
	if err != nil {
		return err
	}
	if r.Txn = rec; rec != nil {
		switch {
		case rec.Status == graph.TxnAborted:
			r.Err = refusedBefore(t.Txn, rec)
		case rec.Start != t.Start || rec.Primary != t.Primary:
			r.Err = conflict(graph.ReasonEnded,
				"transaction %s is %s here as begun at %s with primary slot %d", t.Txn, rec.Status,
				rec.Start, rec.Primary)
		default:
			r.Duplicate = true
		}
		return nil
	}
	if r.Err = a.admitTxn(t.Txn, t.Start, t.At); r.Err != nil {
		return nil
	}
	if r.Err = a.placed(t.Txn, anchor, t.Slots); r.Err != nil {
		return nil
	}
	touched, ok := t.Part.Slots()
	if t.Part.ReadsIndex() { // it lies in all buckets of the shard
		touched, ok = a.st.desc.Slots, true
	}
	if ok && !t.Slots.Covers(touched) {
		r.Err = errorf("Apply", graph.KindInvalid, "transaction %s touches slots %d..%d and says %d..%d",
			t.Txn, touched.Lo, touched.Hi, t.Slots.Lo, t.Slots.Hi)
		return nil
	}
	x, err := a.evaluate(t.Txn, t.Start, &t.Part, t.Slots)
	if err != nil {
		return err
	}
	if r.Blocked = x.blocked; x.refused != nil {
		r.Err = x.refused
		return nil
	}
	r.Txn = &graph.TxnRecord{Status: graph.TxnPrepared, Primary: t.Primary, Slots: t.Slots,
		Start: t.Start, Prepare: t.At}
	if anchor == t.Primary {
		r.Txn.Participants = t.Participants
	}
	if err := x.stage(t); err != nil {
		return err
	}
	return a.setRecord(t.Txn, nil, r.Txn)
}

// decide ends a transaction at its primary. What was decided first stands.
func (a *applier) decide(t *graph.Decide, r *Result) error {
	if r.Err = a.placed(t.Txn, t.Primary, graph.SlotRange{Lo: uint16(t.Primary),
		Hi: uint16(t.Primary)}); r.Err != nil {
		return nil
	}
	rec, err := a.record(t.Primary, t.Txn)
	if err != nil {
		return err
	}
	if r.Txn = rec; rec == nil {
		return a.decideUnknown(t, r)
	}
	switch {
	case rec.Status != graph.TxnPrepared:
		r.Duplicate = rec.Commit == t.Commit
		if !r.Duplicate {
			r.Err = conflict(graph.ReasonEnded, "transaction %s is %s, at %s", t.Txn, rec.Status,
				rec.Commit)
		}
		return nil
	case t.Commit == 0:
	case t.Commit.IsImport() || t.Commit <= rec.Prepare || t.Commit <= a.st.gc.safepoint:
		r.Err = errorf("Apply", graph.KindInvalid,
			"transaction %s was prepared at %s and cannot commit at %s", t.Txn, rec.Prepare, t.Commit)
		return nil
	}
	next := *rec
	next.Status, next.Commit = graph.TxnCommitted, t.Commit
	if t.Commit == 0 {
		next.Status = graph.TxnAborted
	}
	r.Txn = &next
	return a.setRecord(t.Txn, rec, &next)
}

// decideUnknown decides about a transaction that is not prepared at its primary: it can only be
// aborted, and then it stays so. Records below the safepoint go, but none of a transaction that
// another shard may still ask about as committed: there, too, nothing means aborted.
func (a *applier) decideUnknown(t *graph.Decide, r *Result) error {
	if t.Commit != 0 {
		r.Err = conflict(graph.ReasonEnded, "transaction %s is not prepared here", t.Txn)
		return nil
	}
	r.Txn = &graph.TxnRecord{Status: graph.TxnAborted, Primary: t.Primary, Start: t.Start,
		Slots: graph.SlotRange{Lo: uint16(t.Primary), Hi: uint16(t.Primary)}, Resolved: true}
	if r.Duplicate = t.Start < a.st.gc.safepoint; r.Duplicate {
		return nil
	}
	return a.setRecord(t.Txn, nil, r.Txn)
}

// resolve carries out what was decided: staged rows become versions, or go; locks go.
func (a *applier) resolve(t *graph.Resolve, r *Result) error {
	anchor := graph.Anchor(t.Primary, t.Slots)
	if r.Err = a.placed(t.Txn, anchor, t.Slots); r.Err != nil {
		return nil
	}
	rec, err := a.record(anchor, t.Txn)
	if err != nil {
		return err
	}
	if r.Txn = rec; rec == nil {
		return a.resolveUnknown(t, r)
	}
	status := graph.TxnCommitted
	if t.Commit == 0 {
		status = graph.TxnAborted
	}
	primary := anchor == t.Primary
	switch {
	case rec.Status == graph.TxnPrepared && primary:
		r.Err = conflict(graph.ReasonEnded, "transaction %s is not decided yet", t.Txn)
		return nil
	case rec.Status == graph.TxnPrepared && t.Commit != 0 && t.Commit <= rec.Prepare,
		rec.Status != graph.TxnPrepared && (rec.Status != status || rec.Commit != t.Commit):
		r.Err = conflict(graph.ReasonEnded, "transaction %s, prepared at %s, is %s, at %s", t.Txn,
			rec.Prepare, rec.Status, rec.Commit)
		return nil
	}
	final := rec.Final || primary && t.Final
	if rec.Resolved {
		r.Duplicate = true
		if final == rec.Final {
			return nil
		}
	} else if err := a.unstage(t.Txn, rec.Slots, t.Commit); err != nil {
		return err
	}
	next := *rec
	next.Status, next.Commit, next.Resolved, next.Final = status, t.Commit, true, final
	r.Txn = &next
	return a.setRecord(t.Txn, rec, &next)
}

// resolveUnknown takes in the end of a transaction that is not prepared here. An abort is kept, so
// that a part that comes late is refused (1.3).
func (a *applier) resolveUnknown(t *graph.Resolve, r *Result) error {
	low := a.st.gc.safepoint
	switch {
	case t.Commit == 0 && t.Start >= low:
		r.Txn = &graph.TxnRecord{Status: graph.TxnAborted, Primary: t.Primary, Slots: t.Slots,
			Start: t.Start, Resolved: true,
			Final: t.Final && graph.Anchor(t.Primary, t.Slots) == t.Primary}
		return a.setRecord(t.Txn, nil, r.Txn)
	case t.Commit == 0 || t.Commit <= low: // ended here long ago
		r.Duplicate = true
	default:
		r.Err = conflict(graph.ReasonEnded, "transaction %s is not prepared here", t.Txn)
	}
	return nil
}

// record returns what is known of a transaction; nil if nothing is.
func (a *applier) record(slot graph.Slot, id graph.TxnID) (*graph.TxnRecord, error) {
	value, ok, err := a.find(graph.RecordRowKey(slot, id))
	if err != nil || !ok {
		return nil, err
	}
	return graph.DecodeTxnRecord(value)
}

// setRecord replaces what is known of a transaction.
func (a *applier) setRecord(id graph.TxnID, old, next *graph.TxnRecord) error {
	key := graph.RecordRowKey(graph.Anchor(next.Primary, next.Slots), id)
	if old != nil {
		slot, _ := rowSlot(key)
		a.count(slot, key, old.Encode(), -1)
	}
	if err := a.set(key, next.Encode()); err != nil {
		return err
	}
	a.st.gc.touch(max(next.Start, next.Commit))
	a.touched = true
	if next.Resolved {
		if _, had := a.st.pending[id]; !had {
			return nil
		}
		delete(a.st.pending, id)
		return a.batch.Delete(pendingKey(id), nil)
	}
	a.st.pending[id] = next
	return a.batch.Set(pendingKey(id), next.Encode(), nil)
}

// touch notes that there will be something to collect after a timestamp.
func (g *gcState) touch(ts graph.Timestamp) {
	if g.changed[0] == 0 || ts < g.changed[0] {
		g.changed[0] = ts
	}
	g.changed[1] = max(g.changed[1], ts)
}

// PendingTxn is a transaction that is prepared in the shard and not resolved.
type PendingTxn struct {
	Txn graph.TxnID
	graph.TxnRecord
}

// Pending returns the transactions that are prepared in the shard and not resolved, in the order of
// their prepare timestamps. Each holds locks and keeps the closed timestamp down.
func (s *Shard) Pending() []PendingTxn {
	s.apply.Lock()
	defer s.apply.Unlock()
	return s.st.pendingTxns()
}

func (st *state) pendingTxns() []PendingTxn {
	out := make([]PendingTxn, 0, len(st.pending))
	for id, rec := range st.pending {
		out = append(out, PendingTxn{id, *rec})
	}
	slices.SortFunc(out, func(a, b PendingTxn) int {
		return cmp.Or(cmp.Compare(a.Prepare, b.Prepare), slices.Compare(a.Txn[:], b.Txn[:]))
	})
	return out
}

// Txn returns what the shard knows of a transaction whose primary, or the lowest slot of whose part
// here, is slot; nil if it knows nothing.
func (s *Shard) Txn(slot graph.Slot, id graph.TxnID) (*graph.TxnRecord, error) {
	cur, err := s.current("Txn")
	if err != nil {
		return nil, err
	}
	rec, err := readRecord(cur.db, slot, id)
	if cerr := cur.release(); err == nil && cerr != nil {
		err = errorf("Txn", graph.KindOther, "shard %d: %w", s.opts.ID, cerr)
	}
	return rec, err
}

func readRecord(db pebble.Reader, slot graph.Slot, id graph.TxnID) (*graph.TxnRecord, error) {
	value, closer, err := db.Get(graph.RecordRowKey(slot, id))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, errorf("Txn", graph.KindOther, "transaction %s: %w", id, err)
	}
	rec, err := graph.DecodeTxnRecord(value)
	return rec, errors.Join(err, closer.Close())
}
