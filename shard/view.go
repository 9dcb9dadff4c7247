package shard

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"github.com/codegraphdb/codegraph/graph"
)

// checkEvery is how many rows or vertices are read between looks at the context.
const checkEvery = 256

// View reads the shard at one timestamp. It sees one state of the store, whatever is applied
// meanwhile. It is for one goroutine and must be closed.
type View struct {
	s       *Shard
	store   *store
	at      graph.Timestamp
	applied uint64 // of the state that it sees
	known   *outcomes
	extra   map[graph.Timestamp]graph.Timestamp // outcomes that came with the view
	memo    map[graph.Timestamp]bool
	last    graph.Timestamp // most rows in a row are of one import
	lastVis bool
	buf     [1 + idLen]byte
	rows    rowIter
	index   *rowIter       // for scans; made when needed
	kinds   map[byte]int64 // rows per kind, so that nobody looks for what is not there
}

// View opens a view. At must not be below the last safepoint of garbage collection, unless it is
// pinned.
func (s *Shard) View(v graph.View) (*View, error) {
	st, err := s.current("View")
	if err != nil {
		return nil, err
	}
	view := &View{s: s, store: st, at: v.At, memo: map[graph.Timestamp]bool{}}
	if err := view.open(); err != nil {
		return nil, errors.Join(err, view.Close())
	}
	if !view.known.readable(v.At) {
		return nil, errors.Join(errorf("View", graph.KindInvalid,
			"shard %d keeps no versions before %s, the read is at %s", s.opts.ID,
			view.known.safepoint, v.At).WithRemedy("read at a later time"), view.Close())
	}
	if len(v.Outcomes) > 0 {
		view.extra = make(map[graph.Timestamp]graph.Timestamp, len(v.Outcomes))
		for _, o := range v.Outcomes {
			view.extra[o.Import] = o.Commit
		}
	}
	return view, nil
}

// open takes an iterator and the table of outcomes that fits it: the safepoint of a table is
// published before the rows below it go, its watermark after (gc.go).
func (v *View) open() error {
	for {
		v.known = v.store.outcomes.Load()
		it, err := v.store.db.NewIter(&pebble.IterOptions{UseL6Filters: true})
		if err != nil {
			return errorf("View", graph.KindOther, "shard %d: %w", v.s.opts.ID, err)
		}
		v.rows = rowIter{v: v, it: it}
		if v.store.outcomes.Load() == v.known {
			break
		}
		if err := it.Close(); err != nil {
			return errorf("View", graph.KindOther, "shard %d: %w", v.s.opts.ID, err)
		}
		v.rows.it = nil
	}
	if v.rows.it.SeekPrefixGE(keyApplied) {
		b, err := v.rows.it.ValueAndErr()
		if err != nil || len(b) != 16 {
			return errorf("View", graph.KindCorrupt, "shard %d: applied index: %w", v.s.opts.ID, err)
		}
		v.applied = binary.BigEndian.Uint64(b)
	}
	if v.rows.it.SeekPrefixGE(keyKinds) {
		b, err := v.rows.it.ValueAndErr()
		if err != nil {
			return v.wrap(err)
		}
		v.kinds = decodeKinds(b)
	}
	return v.rows.it.Error()
}

// Applied returns the log index of the state that the view sees.
func (v *View) Applied() uint64 { return v.applied }

// Close ends the view.
func (v *View) Close() error {
	var err error
	if v.rows.it != nil {
		err = v.rows.it.Close()
		v.rows.it = nil
	}
	if v.index != nil {
		err = errors.Join(err, v.index.it.Close())
		v.index = nil
	}
	if v.store != nil {
		err = errors.Join(err, v.store.release())
		v.store = nil
	}
	return err
}

// visible tells whether what an import or a transaction wrote is seen (S4).
func (v *View) visible(id graph.Timestamp) bool {
	if !id.IsImport() {
		return id <= v.at
	}
	if id == v.last {
		return v.lastVis
	}
	vis, ok := v.memo[id]
	if !ok {
		vis = v.lookUp(id)
		v.memo[id] = vis
	}
	v.last, v.lastVis = id, vis
	return vis
}

func (v *View) lookUp(id graph.Timestamp) bool {
	if id < v.known.watermark {
		return true
	}
	c := v.known.get(id, v.applied)
	if c == 0 {
		c = v.extra[id]
	}
	return c != 0 && c <= v.at
}

// indexRows returns the second iterator, of the same state, for scans over an index.
func (v *View) indexRows() (*rowIter, error) {
	if v.index == nil {
		it, err := v.rows.it.Clone(pebble.CloneOptions{})
		if err != nil {
			return nil, v.wrap(err)
		}
		v.index = &rowIter{v: v, it: it}
	}
	return v.index, nil
}

func (v *View) wrap(err error) error {
	if err == nil {
		return nil
	}
	return errorf("View", graph.KindOther, "shard %d: read: %w", v.s.opts.ID, err)
}

// canceled returns the error of a context that has ended.
func canceled(ctx context.Context) error {
	err := ctx.Err()
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return errorf("View", graph.KindDeadline, "%w", err)
	}
	return errorf("View", graph.KindCanceled, "%w", err)
}

// rowIter walks over rows: of each key the visible version, without tombstones.
type rowIter struct {
	v    *View
	it   *pebble.Iterator
	row  []byte // key of the row that it stands on, or has passed
	have bool   // row is decided; its other versions are skipped
}

// seekPrefix goes to the first row with a whole prefix (splitKey); next stays within it.
func (r *rowIter) seekPrefix(prefix []byte) bool {
	r.have = false
	return r.settle(r.it.SeekPrefixGE(prefix))
}

// within bounds the iterator to keys with a prefix and goes to the first row at or after from.
func (r *rowIter) within(prefix, from []byte) bool {
	r.have = false
	r.it.SetBounds(prefix, successor(prefix))
	return r.settle(r.it.SeekGE(from))
}

func (r *rowIter) next() bool { return r.settle(r.it.Next()) }

func (r *rowIter) settle(ok bool) bool {
	for ; ok; ok = r.it.Next() {
		key, id := splitVersion(r.it.Key())
		if r.have && bytes.Equal(key, r.row) || !r.v.visible(id) {
			continue
		}
		r.row, r.have = append(r.row[:0], key...), true
		if lv := r.it.LazyValue(); lv.Len() > 0 {
			return true
		}
	}
	return false
}

// value returns the value of the row; it is valid until the iterator moves.
func (r *rowIter) value() ([]byte, error) {
	b, err := r.it.ValueAndErr()
	return b, r.v.wrap(err)
}

func (r *rowIter) err() error { return r.v.wrap(r.it.Error()) }

// owner returns the owner that ends the key of an N, D or X row.
func (r *rowIter) owner() graph.OwnerID {
	return graph.OwnerID(binary.BigEndian.Uint64(r.row[len(r.row)-ownerLen:]))
}
