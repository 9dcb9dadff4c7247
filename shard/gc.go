package shard

import (
	"bytes"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/codegraphdb/codegraph/graph"
)

// collect carries out one GC command: it looks at about MaxRows versions from the cursor on and
// removes those that no read at or above the safepoint, or at a pin, can see (1.4, 1.12).
func (a *applier) collect(e *Entry, body []byte, r *Result) error {
	gc := decodeGCCommand(body)
	if gc == nil {
		r.Err = errorf("Apply", graph.KindInvalid, "GC command of %d bytes is malformed", len(body))
		return nil
	}
	g := &a.st.gc
	gc.Pins = g.honoured(gc.Pins, gc.Safepoint)
	if r.Err = a.admitGC(gc); r.Err != nil {
		return nil
	}
	if err := a.commit(); err != nil { // what it reads must be there
		return err
	}
	if len(gc.Cursor) == 0 {
		g.pass = e.Index
		if gc.Safepoint > g.safepoint || !slices.Equal(gc.Pins, g.pins) {
			g.safepoint, g.pins = gc.Safepoint, gc.Pins
			a.publishOutcomes(g.watermark) // before the rows go: nobody may look there any more
		}
	}
	next, err := a.sweep(gc.Cursor, gc.MaxRows, r)
	if err != nil {
		return errorf("Apply", graph.KindOther, "shard %d: collect: %w", a.st.desc.ID, err)
	}
	g.cursor = next
	r.Cursor, r.Done = next, next == nil
	if r.Done {
		return a.finishGC()
	}
	return a.batch.Set(keyGC, g.encode(), nil)
}

// honoured returns the pins below a safepoint whose versions are all still there.
func (g *gcState) honoured(pins []graph.Timestamp, safepoint graph.Timestamp) []graph.Timestamp {
	var out []graph.Timestamp
	for _, p := range pins {
		_, had := slices.BinarySearch(g.pins, p)
		if p < safepoint && (p >= g.safepoint || had) {
			out = append(out, p)
		}
	}
	return out
}

// pinned tells whether a pin lies in the life of a version, [from, to).
func (g *gcState) pinned(from, to graph.Timestamp) bool {
	i, _ := slices.BinarySearch(g.pins, from)
	return i < len(g.pins) && g.pins[i] < to
}

// settledAt is the timestamp up to which every read that is allowed sees all commits.
func (g *gcState) settledAt() graph.Timestamp {
	if len(g.pins) > 0 {
		return min(g.safepoint, g.pins[0])
	}
	return g.safepoint
}

func (a *applier) admitGC(gc *GC) error {
	g := &a.st.gc
	if gc.Safepoint < g.safepoint {
		return errorf("Apply", graph.KindConflict, "safepoint %s is below the present one, %s",
			gc.Safepoint, g.safepoint)
	}
	if p := a.st.pendingTxns(); len(p) > 0 && gc.Safepoint >= p[0].Prepare {
		return errorf("Apply", graph.KindConflict,
			"transaction %s has been under way since %s, below the safepoint %s", p[0].Txn,
			p[0].Prepare, gc.Safepoint).WithReason(graph.ReasonLocked)
	}
	if len(gc.Cursor) == 0 {
		return nil
	}
	if gc.Safepoint != g.safepoint || g.pass == 0 || !bytes.Equal(gc.Cursor, g.cursor) ||
		!slices.Equal(gc.Pins, g.pins) {
		return errorf("Apply", graph.KindConflict,
			"GC does not continue where the pass of safepoint %s stopped", g.safepoint).
			WithRemedy("begin a new pass")
	}
	return nil
}

// sweep visits row keys from the cursor on and returns where the next command begins, nil at the
// end.
func (a *applier) sweep(cursor []byte, most int, r *Result) (next []byte, err error) {
	it, err := a.iter()
	if err != nil {
		return nil, err
	}
	var versions []version
	var row []byte
	seen := 0
	if len(cursor) == 0 {
		cursor = []byte{0} // before every row
	}
	for ok := it.SeekGE(cursor); ok; {
		switch kind := it.Key()[0]; kind {
		case graph.RowMeta, graph.RowLock:
			ok = it.SeekGE([]byte{kind + 1})
			continue
		case graph.RowTxn:
			if seen >= most {
				return bytes.Clone(it.Key()), nil
			}
			seen++
			if err := a.pruneRecord(it, r); err != nil {
				return nil, err
			}
			ok = it.Next()
			continue
		}
		key, id := splitVersion(it.Key())
		if seen >= most {
			return bytes.Clone(key), nil
		}
		row, versions = append(row[:0], key...), versions[:0]
		for ok && bytes.Equal(key, row) {
			lazy := it.LazyValue()
			versions = append(versions, version{id, lazy.Len() == 0})
			seen++
			if ok = it.Next(); ok {
				key, id = splitVersion(it.Key())
			}
		}
		if err := a.prune(row, versions, r); err != nil {
			return nil, err
		}
	}
	return nil, it.Error()
}

// version is one version of a row, newest first.
type version struct {
	id        graph.Timestamp
	tombstone bool
}

// prune removes the versions of one row that are dead: those of aborted imports; those that the
// next commit replaced at or below the safepoint, unless a pin lies in between; and a tombstone at
// or below the safepoint that hides nothing any more.
func (a *applier) prune(row []byte, versions []version, r *Result) error {
	g := &a.st.gc
	drop := func(id graph.Timestamp) error {
		r.Removed++
		return a.remove(row, id)
	}
	next := graph.MaxTimestamp // when the version at hand was replaced
	lastTombstone := -1        // of those that stay, the oldest, if it is a tombstone to drop
	for i, v := range versions {
		at, ended := a.committedAt(v.id)
		switch {
		case ended && (at == 0 || next <= g.safepoint && !g.pinned(at, next)):
			if err := drop(v.id); err != nil {
				return err
			}
		default:
			lastTombstone = -1
			if ended && v.tombstone && at <= g.safepoint {
				lastTombstone = i
			}
		}
		if ended && at != 0 {
			next = at
		}
	}
	if lastTombstone >= 0 {
		return drop(versions[lastTombstone].id)
	}
	return nil
}

// committedAt returns when a version was committed, zero if it was aborted; ended is false if that
// is not known here. Of an import below the watermark the id stands for the commit: no allowed read
// tells them apart (S8).
func (a *applier) committedAt(id graph.Timestamp) (at graph.Timestamp, ended bool) {
	if !id.IsImport() || id < a.st.gc.watermark {
		return id, true
	}
	s := a.st.imports[id]
	if s == nil || s.decided == 0 {
		return 0, false
	}
	return s.commit, true
}

// pruneRecord removes the record of a transaction that ended at or below the safepoint and of which
// nobody can ask any more: one that committed with other shards stays until all of them have
// resolved it, since to them no record means aborted.
func (a *applier) pruneRecord(it *pebble.Iterator, r *Result) error {
	if len(it.Key()) != 1+1+txnLen {
		return nil
	}
	value, err := it.ValueAndErr()
	if err != nil {
		return err
	}
	rec, err := graph.DecodeTxnRecord(value)
	if err != nil {
		return err
	}
	open := !rec.Resolved || rec.Status == graph.TxnCommitted && !rec.Final &&
		len(rec.Participants) > 1
	low := a.st.gc.safepoint // what began at it may still come, and then must find its end
	if open || rec.Start >= low || max(rec.Prepare, rec.Commit) > low {
		return nil
	}
	r.Removed++
	return a.drop(bytes.Clone(it.Key()), value)
}

// remove deletes one version and takes it out of counters and digest.
func (a *applier) remove(row []byte, id graph.Timestamp) error {
	a.key = appendVersion(append(a.key[:0], row...), id)
	value, err := a.get(a.key)
	if err != nil {
		return err
	}
	slot, ok := rowSlot(row)
	if !ok {
		return errorf("Apply", graph.KindCorrupt, "stored key %x is malformed", a.key)
	}
	a.count(slot, a.key, value, -1)
	return a.batch.Delete(a.key, nil)
}

// get returns the value of a key that must be there, without moving the iterator of the sweep.
func (a *applier) get(key []byte) ([]byte, error) {
	v, closer, err := a.store.db.Get(key)
	if err != nil {
		return nil, err
	}
	a.value = append(a.value[:0], v...)
	return a.value, closer.Close()
}

// finishGC ends a pass: imports that were settled before it began have no row left that a look-up
// could matter for, so the watermark rises to the first that was not (S8).
func (a *applier) finishGC() error {
	g := &a.st.gc
	mark := g.settledAt()
	for _, id := range a.st.sortedImports() {
		s := a.st.imports[id]
		if s.decided == 0 || s.decided >= g.pass || !s.aborted() && !s.committed(mark) {
			mark = min(mark, id)
			break
		}
	}
	g.watermark = max(g.watermark, mark)
	g.pass, g.cursor = 0, nil
	if g.changed[1] <= g.safepoint {
		g.changed = [2]graph.Timestamp{}
	} else if g.changed[0] <= g.safepoint {
		g.changed[0] = g.safepoint + 2
	}
	for _, id := range a.st.sortedImports() {
		if id >= g.watermark {
			break
		}
		delete(a.st.imports, id)
		delete(a.imports, id)
		if err := a.batch.Delete(importKey(id), nil); err != nil {
			return err
		}
	}
	a.pruned = true
	return a.batch.Set(keyGC, g.encode(), pebble.NoSync)
}

// publishOutcomes gives new views a table of the present state, under a watermark.
func (a *applier) publishOutcomes(watermark graph.Timestamp) {
	next := newOutcomes(a.st)
	next.watermark = watermark
	a.store.outcomes.Store(next)
}
