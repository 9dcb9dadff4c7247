package shard

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"github.com/codegraphdb/codegraph/graph"
)

// Shard is one replica of a shard. Apply and Install exclude each other; everything else may be
// called at any time.
type Shard struct {
	dir  string
	opts Options

	apply sync.Mutex // Apply, Flush, Persist, Install, Close: one at a time
	st    *state     // guarded by apply
	dead  error      // guarded by apply: why nothing more is applied

	store    atomic.Pointer[store] // nil when closed
	released chan struct{}         // closed when nothing uses the store any more
	summary  atomic.Pointer[Stats] // what Stats and Applied return
}

// Open opens the replica in dir, or makes an empty one.
func Open(dir string, opts Options) (*Shard, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Shard{dir: dir, opts: opts, released: make(chan struct{})}
	if err := makeDir(opts.FS, dir); err != nil {
		return nil, errorf("Open", graph.KindOther, "shard %d: %w", opts.ID, err)
	}
	name, err := readCurrent(opts.FS, dir)
	if err != nil {
		return nil, err
	}
	if err := removeLeftovers(opts.FS, dir, name); err != nil {
		return nil, errorf("Open", graph.KindOther, "shard %d: %w", opts.ID, err)
	}
	if name == "" {
		if name, err = s.create(); err != nil {
			return nil, err
		}
	}
	if err := s.open(name); err != nil {
		return nil, err
	}
	return s, nil
}

// create makes an empty store and then the pointer to it.
func (s *Shard) create() (string, error) {
	name := nextStore("")
	db, err := openDB(s.opts.FS.PathJoin(s.dir, name), &s.opts)
	if err != nil {
		return "", err
	}
	b := db.NewBatch()
	d := Descriptor{s.opts.ID, s.opts.Epoch, s.opts.Slots}
	err = errors.Join(
		b.Set(keyFormat, []byte{storeFormat}, nil),
		b.Set(keyDescriptor, d.encode(), nil),
		b.Set(keyIncarnation, encodeU64(s.opts.Incarnation), nil),
		b.Commit(pebble.NoSync))
	if err == nil {
		err = db.Flush()
	}
	disk := s.opts.FS
	if err = errors.Join(err, db.Close()); err == nil {
		err = writeCurrent(disk, s.dir, name)
	}
	if err != nil {
		return "", errorf("Open", graph.KindOther, "shard %d: make a store: %w", s.opts.ID, err)
	}
	return name, nil
}

// open opens the store of a name and makes it the one in use.
func (s *Shard) open(name string) error {
	db, err := openDB(s.opts.FS.PathJoin(s.dir, name), &s.opts)
	if err != nil {
		return err
	}
	st, err := loadState(db)
	if err == nil {
		err = s.check(st)
	}
	if err != nil {
		return errors.Join(err, db.Close())
	}
	s.use(&store{db: db, name: name}, st)
	return nil
}

func (s *Shard) use(next *store, st *state) {
	next.refs.Store(1)
	next.outcomes.Store(newOutcomes(st))
	s.st = st
	s.store.Store(next)
	s.publish()
}

// check refuses a store that is not this replica's.
func (s *Shard) check(st *state) error {
	switch {
	case st == nil:
		return errorf("Open", graph.KindCorrupt, "shard %d: the store has no state", s.opts.ID).
			WithRemedy("remove the replica and add it again")
	case st.desc.ID != s.opts.ID:
		return errorf("Open", graph.KindInvalid, "the store belongs to shard %d, not %d",
			st.desc.ID, s.opts.ID)
	case s.opts.Incarnation != 0 && st.incarnation != s.opts.Incarnation:
		return errorf("Open", graph.KindInvalid,
			"shard %d: the store belongs to incarnation %d of the replica, not %d",
			s.opts.ID, st.incarnation, s.opts.Incarnation)
	}
	return nil
}

// current returns the store in use with a reference.
func (s *Shard) current(op string) (*store, error) {
	for {
		cur := s.store.Load()
		if cur == nil {
			return nil, errorf(op, graph.KindUnavailable, "shard %d is closed", s.opts.ID)
		}
		if cur.acquire() {
			return cur, nil
		}
	}
}

// Close closes the replica. Open views stay usable until they are closed. What is not flushed is
// lost and must be replayed.
func (s *Shard) Close() error {
	s.apply.Lock()
	defer s.apply.Unlock()
	cur := s.store.Swap(nil)
	if cur == nil {
		return nil
	}
	s.dead = errorf("Apply", graph.KindUnavailable, "shard %d is closed", s.opts.ID)
	was := cur.closed
	cur.closed = func() (err error) {
		defer close(s.released)
		if was != nil {
			err = was()
		}
		return err
	}
	return cur.release()
}

// WaitReleased returns when the shard is closed and the last view of it, too: its directory may go.
func (s *Shard) WaitReleased(ctx context.Context) error {
	select {
	case <-s.released:
		return nil
	case <-ctx.Done():
		return errorf("WaitReleased", graph.KindUnavailable, "shard %d is still read: %w", s.opts.ID,
			ctx.Err())
	}
}

// Flush makes everything applied so far durable and returns the index that now is. Apply goes on
// meanwhile.
func (s *Shard) Flush() (uint64, error) { return s.persist("Flush", 0) }

// Persist records that a snapshot of the log at index covers this store, and makes it durable:
// when it returns, the log may be truncated up to the index (5.1).
func (s *Shard) Persist(index uint64) error {
	_, err := s.persist("Persist", index)
	return err
}

func (s *Shard) persist(op string, base uint64) (applied uint64, err error) {
	cur, err := s.current(op) // keeps the store open while the flush runs
	if err != nil {
		return 0, err
	}
	applied, done, err := s.rotate(op, base)
	if err == nil {
		<-done
	}
	return applied, errors.Join(err, cur.release())
}

// rotate begins a flush of everything applied; done is closed when it is durable.
func (s *Shard) rotate(op string, base uint64) (applied uint64, done <-chan struct{}, err error) {
	s.apply.Lock()
	defer s.apply.Unlock()
	if s.dead != nil {
		return 0, nil, s.dead
	}
	db := s.store.Load().db
	if base > s.st.base {
		if err := db.Set(keyBase, encodeU64(base), pebble.NoSync); err != nil {
			return 0, nil, s.fail(errorf(op, graph.KindOther, "shard %d: %w", s.opts.ID, err))
		}
		s.st.base = base
		s.publish()
	}
	if done, err = db.AsyncFlush(); err != nil {
		return 0, nil, s.fail(errorf(op, graph.KindOther, "shard %d: %w", s.opts.ID, err))
	}
	return s.st.applied.index, done, nil
}

// fail ends the replica: nothing more is applied until it is opened again.
func (s *Shard) fail(err error) error {
	if s.dead == nil {
		s.dead = err
		s.opts.Logger.Error("shard failed", "err", err)
	}
	return err
}

// Descriptor returns the shard's id, epoch and slots.
func (s *Shard) Descriptor() Descriptor { return s.summary.Load().Descriptor }

// Applied returns the index and term of the last entry applied.
func (s *Shard) Applied() (index, term uint64) {
	sum := s.summary.Load()
	return sum.Applied, sum.AppliedTerm
}

// Base returns the index of the last snapshot persisted or installed.
func (s *Shard) Base() uint64 { return s.summary.Load().Base }

// DurableApplied returns the index of the last entry that would survive a crash now.
func (s *Shard) DurableApplied() (uint64, error) {
	cur, err := s.current("DurableApplied")
	if err != nil {
		return 0, err
	}
	index, err := durableApplied(cur.db)
	return index, errors.Join(err, cur.release())
}

func durableApplied(db *pebble.DB) (uint64, error) {
	it, err := db.NewIter(&pebble.IterOptions{OnlyReadGuaranteedDurable: true})
	if err != nil {
		return 0, errorf("DurableApplied", graph.KindOther, "%w", err)
	}
	index := uint64(0)
	if it.SeekPrefixGE(keyApplied) {
		var v []byte
		if v, err = it.ValueAndErr(); err == nil && len(v) == 16 {
			index = binary.BigEndian.Uint64(v)
		}
	}
	return index, errors.Join(err, it.Close())
}

// Digest returns the digest of all rows and their number.
func (s *Shard) Digest() (Digest, int64) {
	s.apply.Lock()
	defer s.apply.Unlock()
	rows, d := s.st.total()
	return d, rows
}

// SlotDigest returns the digest and the number of rows of one slot.
func (s *Shard) SlotDigest(slot graph.Slot) (Digest, int64) {
	s.apply.Lock()
	defer s.apply.Unlock()
	if ss := s.st.slots[slot]; ss != nil {
		return ss.digest, ss.rows
	}
	return Digest{}, 0
}
