package shard

import (
	"github.com/cockroachdb/pebble/v2"

	"github.com/codegraphdb/codegraph/graph"
)

// cutBytes bounds a Pebble batch: a call with more entries is written in several, each with the
// applied index of its last entry.
const cutBytes = 4 << 20

// Apply applies entries in order and returns one result for each. Entries at or below the applied
// index are skipped. An error means that the replica cannot go on: it must be opened again and the
// log replayed, or the process ended; what a Result reports is a normal rejection.
func (s *Shard) Apply(entries []Entry) ([]Result, error) {
	s.apply.Lock()
	defer s.apply.Unlock()
	if s.dead != nil {
		return nil, s.dead
	}
	a := newApplier(s)
	a.single = len(entries) == 1
	defer a.close()
	results := make([]Result, len(entries))
	for i := range entries {
		r, err := a.entry(&entries[i])
		if err == nil && a.batch.Len() >= cutBytes {
			err = a.commit()
		}
		if err != nil {
			return nil, s.fail(err)
		}
		results[i] = r
	}
	if err := a.commit(); err != nil {
		return nil, s.fail(err)
	}
	s.publish()
	return results, nil
}

// applier carries out one call of Apply. It changes the state in memory as it goes; if the batch
// then fails the replica is dead and the state with it.
type applier struct {
	s     *Shard
	st    *state
	store *store
	batch *pebble.Batch
	it    *pebble.Iterator // over what is committed; nil until needed
	hash  hasher
	key   []byte
	// written has a hash of every row in the batch, to know when a look-up would miss one.
	written map[uint64]struct{}
	single  bool                         // the call has one entry: nothing will look for what it wrote
	seen    map[uint64]int               // hash of key -> row of the write being checked
	hashes  []uint64                     // hash of the key of each row of the write being applied
	slots   map[graph.Slot]struct{}      // changed since the last commit
	imports map[graph.Timestamp]struct{} // changed since the last commit
	moved   bool                         // applied has changed
	rows    bool                         // counters have changed
	value   []byte                       // scratch
	pruned  bool                         // the watermark has risen
	touched bool                         // there is more for GC to look at
}

func newApplier(s *Shard) *applier {
	cur := s.store.Load()
	return &applier{s: s, st: s.st, store: cur, batch: cur.db.NewBatch(),
		written: map[uint64]struct{}{}, seen: map[uint64]int{}, slots: map[graph.Slot]struct{}{},
		imports: map[graph.Timestamp]struct{}{}}
}

func (a *applier) close() {
	if a.it != nil {
		a.it.Close()
	}
	a.batch.Close()
}

// entry applies one entry; its error ends the replica.
func (a *applier) entry(e *Entry) (Result, error) {
	r := Result{Index: e.Index}
	if e.Index <= a.st.applied.index {
		r.Skipped = true
		return r, nil
	}
	defer func() { a.st.applied, a.moved = position{e.Index, e.Term}, true }()
	if len(e.Data) == 0 {
		return r, nil
	}
	c, err := decodeCommand(e.Data)
	if err != nil {
		return r, err
	}
	if r.Err = a.current(e, &c); r.Err != nil {
		return r, nil
	}
	switch c.typ {
	case cmdWrite:
		err = a.write(e, c.body, &r)
	case cmdOutcome:
		err = a.outcome(e, c.body, &r)
	case cmdConfigure:
		err = a.configure(c.body, &r)
	case cmdGC:
		err = a.collect(e, c.body, &r)
	default:
		err = a.transaction(c.typ, c.body, &r)
	}
	return r, err
}

// current rejects a command that was evaluated under another term or epoch (1.8).
func (a *applier) current(e *Entry, c *command) error {
	if c.term != e.Term {
		return errorf("Apply", graph.KindConflict,
			"entry %d of term %d was evaluated in term %d", e.Index, e.Term, c.term).
			WithRemedy("send the request again")
	}
	if c.typ != cmdConfigure && c.epoch != a.st.desc.Epoch {
		return errorf("Apply", graph.KindStaleEpoch,
			"entry %d was evaluated under epoch %d of shard %d, which is at %d",
			e.Index, c.epoch, a.st.desc.ID, a.st.desc.Epoch).WithRemedy("fetch the map and retry")
	}
	return nil
}

func (a *applier) configure(body []byte, r *Result) error {
	d, err := decodeDescriptor(body)
	if graph.IsKind(err, graph.KindUnsupported) {
		return err
	}
	cur := a.st.desc
	switch {
	case err != nil:
		r.Err = err
	case d == cur:
		r.Duplicate = true
	case d.ID != cur.ID:
		r.Err = errorf("Apply", graph.KindInvalid, "descriptor of shard %d sent to %d", d.ID, cur.ID)
	case d.Epoch <= cur.Epoch:
		r.Err = errorf("Apply", graph.KindStaleEpoch, "shard %d: epoch %d is not above %d",
			cur.ID, d.Epoch, cur.Epoch)
	case !d.Slots.Covers(cur.Slots):
		r.Err = errorf("Apply", graph.KindUnsupported, "shard %d cannot give up slots", cur.ID)
	default:
		a.st.desc = d
		return a.batch.Set(keyDescriptor, d.encode(), nil)
	}
	return nil
}

// outcome records what became of an import. It is idempotent; two that differ are a bug somewhere
// and the first one stands.
func (a *applier) outcome(e *Entry, body []byte, r *Result) error {
	if len(body) != 16 {
		r.Err = errorf("Apply", graph.KindInvalid, "outcome of %d bytes is malformed", len(body))
		return nil
	}
	id, commit := graph.Timestamp(bigU64(body)), graph.Timestamp(bigU64(body[8:]))
	if !id.IsImport() || commit.IsImport() || commit != 0 && commit < id {
		r.Err = errorf("Apply", graph.KindInvalid, "import %s cannot end as %s", id, commit)
		return nil
	}
	if id < a.st.gc.watermark {
		r.Duplicate = true // decided and collected long ago (S8)
		return nil
	}
	s := a.st.imports[id]
	if s == nil {
		s = &importState{next: 1}
		a.st.imports[id] = s
	}
	if s.decided != 0 {
		r.Duplicate = s.commit == commit
		if !r.Duplicate {
			r.Err = errorf("Apply", graph.KindInternal,
				"import %s ended as %s and cannot end as %s", id, s.commit, commit)
		}
		return nil
	}
	s.decided, s.commit, s.ahead = e.Index, commit, nil
	a.imports[id] = struct{}{}
	a.store.outcomes.Load().add(id, decided{e.Index, commit})
	return nil
}

// commit writes the batch with the state that covers it (S1).
func (a *applier) commit() error {
	if !a.moved && a.batch.Empty() {
		return nil
	}
	err := a.seal()
	if err == nil {
		err = a.batch.Commit(pebble.NoSync)
	}
	if err != nil {
		return errorf("Apply", graph.KindOther, "shard %d: %w", a.st.desc.ID, err)
	}
	if a.it != nil {
		a.it.Close()
		a.it = nil
	}
	if a.pruned { // after the rows are there that no longer need a look-up
		a.publishOutcomes(a.st.gc.watermark)
		a.pruned = false
	}
	a.batch.Reset()
	clear(a.written)
	clear(a.slots)
	clear(a.imports)
	a.moved, a.rows, a.touched = false, false, false
	return nil
}

// seal adds the changed rows of the state to the batch. Their order in the batch does not matter:
// the keys differ.
func (a *applier) seal() error {
	b := a.batch
	if err := b.Set(keyApplied, a.st.applied.encode(), nil); err != nil {
		return err
	}
	if a.touched {
		if err := b.Set(keyGC, a.st.gc.encode(), nil); err != nil {
			return err
		}
	}
	for id := range a.imports {
		if err := b.Set(importKey(id), a.st.imports[id].encode(), nil); err != nil {
			return err
		}
	}
	if !a.rows {
		return nil
	}
	for s := range a.slots {
		if err := b.Set(slotKey(s), a.st.slots[s].encode(), nil); err != nil {
			return err
		}
	}
	return b.Set(keyKinds, a.st.encodeKinds(), nil)
}

// find returns the value of a stored key, as of the last commit.
func (a *applier) find(key []byte) (value []byte, ok bool, err error) {
	it, err := a.iter()
	if err != nil {
		return nil, false, err
	}
	if !it.SeekPrefixGE(key) || string(it.Key()) != string(key) {
		return nil, false, it.Error()
	}
	value, err = it.ValueAndErr()
	return value, err == nil, err
}

func (a *applier) iter() (*pebble.Iterator, error) {
	var err error
	if a.it == nil {
		a.it, err = a.store.db.NewIter(&pebble.IterOptions{UseL6Filters: true})
	}
	return a.it, err
}

// count adds (or, with sign -1, takes away) one row to the figures of its slot and kind.
func (a *applier) count(slot graph.Slot, key, value []byte, sign int64) {
	ss := a.st.slot(slot)
	ss.rows += sign
	a.st.kinds[key[0]] += sign
	d := a.hash.row(key, value)
	if sign > 0 {
		ss.digest = ss.digest.add(d)
	} else {
		ss.digest = ss.digest.sub(d)
	}
	a.slots[slot] = struct{}{}
	a.rows = true
}
