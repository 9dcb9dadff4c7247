package shard

import (
	"bytes"
	"encoding/binary"

	"github.com/cockroachdb/pebble/v2"

	"github.com/codegraphdb/codegraph/graph"
)

// collect carries out one GC command: it looks at about maxRows versions from the cursor on and
// removes those that no read at or above the safepoint can see (1.4, 1.12).
func (a *applier) collect(e *Entry, body []byte, r *Result) error {
	if len(body) < 12 {
		r.Err = errorf("Apply", graph.KindInvalid, "GC command of %d bytes is malformed", len(body))
		return nil
	}
	safepoint := graph.Timestamp(bigU64(body))
	most, cursor := int(binary.BigEndian.Uint32(body[8:])), body[12:]
	if r.Err = a.admitGC(safepoint, cursor); r.Err != nil {
		return nil
	}
	if err := a.commit(); err != nil { // what it reads must be there
		return err
	}
	g := &a.st.gc
	if len(cursor) == 0 {
		g.pass = e.Index
	}
	if safepoint > g.safepoint {
		g.safepoint = safepoint
		a.publishOutcomes(g.watermark) // before the rows go: nobody may look below it any more
	}
	next, err := a.sweep(cursor, most, r)
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

func (a *applier) admitGC(safepoint graph.Timestamp, cursor []byte) error {
	g := &a.st.gc
	switch {
	case safepoint < g.safepoint:
		return errorf("Apply", graph.KindConflict, "safepoint %s is below the present one, %s",
			safepoint, g.safepoint)
	case len(cursor) == 0:
		return nil
	case safepoint != g.safepoint || g.pass == 0 || !bytes.Equal(cursor, g.cursor):
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
		if it.Key()[0] == graph.RowMeta {
			ok = it.SeekGE([]byte{graph.RowMeta + 1})
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

// prune removes the versions of one row that are dead: those of aborted imports; those older than
// the newest one committed at or below the safepoint; and that one too if it is a tombstone and
// hides nothing any more.
func (a *applier) prune(row []byte, versions []version, r *Result) error {
	keeper := -1
	left := 0 // versions that stay below the keeper: their imports are open here
	drop := func(id graph.Timestamp) error {
		r.Removed++
		return a.remove(row, id)
	}
	for i, v := range versions {
		s := a.st.imports[v.id]
		settled := v.id < a.st.gc.watermark
		committed := settled || s != nil && s.committed(a.st.gc.safepoint)
		aborted := !settled && s != nil && s.aborted()
		switch {
		case keeper < 0 && committed:
			keeper = i
		case aborted || committed:
			if err := drop(v.id); err != nil {
				return err
			}
		case keeper >= 0:
			left++
		}
	}
	if keeper >= 0 && left == 0 && versions[keeper].tombstone {
		return drop(versions[keeper].id)
	}
	return nil
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
	mark := g.safepoint
	for _, id := range a.st.sortedImports() {
		s := a.st.imports[id]
		if s.decided == 0 || s.decided >= g.pass || !s.aborted() && !s.committed(g.safepoint) {
			mark = min(mark, id)
			break
		}
	}
	g.watermark = max(g.watermark, mark)
	g.pass, g.cursor = 0, nil
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
