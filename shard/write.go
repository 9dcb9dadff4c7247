package shard

import (
	"bytes"
	"encoding/binary"

	"github.com/cespare/xxhash/v2"

	"github.com/codegraphdb/codegraph/graph"
)

func bigU64(b []byte) uint64 { return binary.BigEndian.Uint64(b) }

// write applies a batch of an import, as a whole or not at all.
func (a *applier) write(e *Entry, body []byte, r *Result) error {
	b, err := graph.DecodeBatch(body)
	if graph.IsKind(err, graph.KindUnsupported) {
		return err
	}
	if err != nil {
		r.Err = err
		return nil
	}
	if b.Import < a.st.gc.watermark {
		r.Err = errorf("Apply", graph.KindConflict, "import %s is older than what is kept since %s",
			b.Import, a.st.gc.watermark).WithRemedy("open a new import")
		return nil
	}
	s := a.st.imports[b.Import]
	first := s == nil
	if first {
		s = &importState{next: 1}
	}
	if r.Duplicate, r.Err = s.admit(b); r.Duplicate || r.Err != nil {
		r.SealIndex = s.sealed
		return nil
	}
	if r.Err = a.checkRows(b); r.Err != nil {
		return nil
	}
	if err := a.overlap(); err != nil {
		return err
	}
	if first {
		a.st.imports[b.Import] = s
	}
	for i := range b.Rows {
		if err := a.put(b.Import, i, &b.Rows[i], first); err != nil {
			return errorf("Apply", graph.KindOther, "shard %d: %w", a.st.desc.ID, err)
		}
	}
	s.record(b, e.Index)
	r.SealIndex = s.sealed
	a.imports[b.Import] = struct{}{}
	return nil
}

// checkRows refuses a batch with rows that are malformed, not of this shard, or there twice.
func (a *applier) checkRows(b *graph.Batch) error {
	clear(a.seen)
	a.hashes = a.hashes[:0]
	for i := range b.Rows {
		key := b.Rows[i].Key
		slot, ok := ingestSlot(key)
		if !ok {
			return errorf("Apply", graph.KindInvalid, "import %s, batch %d: row %d: key %x is malformed",
				b.Import, b.Seq, i, key[:min(len(key), 64)])
		}
		if !a.st.desc.Slots.Has(slot) {
			return errorf("Apply", graph.KindInvalid,
				"import %s, batch %d: row %d belongs to slot %d, shard %d has %d..%d", b.Import, b.Seq,
				i, slot, a.st.desc.ID, a.st.desc.Slots.Lo, a.st.desc.Slots.Hi)
		}
		h := xxhash.Sum64(key)
		if j, ok := a.seen[h]; ok && bytes.Equal(b.Rows[j].Key, key) {
			return errorf("Apply", graph.KindInvalid, "import %s, batch %d: rows %d and %d have one key",
				b.Import, b.Seq, j, i)
		}
		a.seen[h] = i
		a.hashes = append(a.hashes, h+uint64(b.Import))
	}
	return nil
}

// overlap commits what is in the batch if the write may replace a row of it: a later attempt of an
// import writes the same keys under the same id.
func (a *applier) overlap() error {
	if a.single {
		return nil
	}
	for _, h := range a.hashes {
		if _, ok := a.written[h]; ok {
			return a.commit()
		}
	}
	return nil
}

// put writes one row. If the import may have written it before, the old one leaves the counters, so
// that they and the digest stay exact (3.7).
func (a *applier) put(id graph.Timestamp, i int, row *graph.Row, fresh bool) error {
	slot, _ := rowSlot(row.Key)
	a.key = appendVersion(append(a.key[:0], row.Key...), id)
	if !fresh {
		old, ok, err := a.find(a.key)
		if err != nil {
			return err
		}
		if ok {
			a.count(slot, a.key, old, -1)
		}
	}
	op := a.batch.SetDeferred(len(a.key), len(row.Value))
	copy(op.Key, a.key)
	copy(op.Value, row.Value)
	if err := op.Finish(); err != nil {
		return err
	}
	a.count(slot, a.key, row.Value, 1)
	if !a.single {
		a.written[a.hashes[i]] = struct{}{}
	}
	return nil
}
