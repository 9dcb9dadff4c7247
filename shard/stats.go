package shard

import (
	"bytes"

	"github.com/cockroachdb/pebble/v2"

	"github.com/codegraphdb/codegraph/graph"
)

// Stats is what the replica knows of itself, cheaply, as of the last Apply.
type Stats struct {
	Descriptor  Descriptor
	Applied     uint64
	AppliedTerm uint64
	Base        uint64
	Incarnation uint64
	Safepoint   graph.Timestamp
	Watermark   graph.Timestamp
	Imports     int // whose state is kept
	Open        int // of these, without an outcome
	// Due is the first safepoint at which a pass of GC would find something that no pass has seen
	// to its end; zero: there is nothing.
	Due  graph.Timestamp
	Rows map[byte]int64    // physical rows per kind, all versions; do not change
	Pins []graph.Timestamp // below the safepoint, still readable; do not change
	// Pending is how many transactions are prepared here and not resolved, MinPrepare the lowest of
	// their timestamps: commits above it are to come.
	Pending    int
	MinPrepare graph.Timestamp
}

// publish makes a new summary after a change.
func (s *Shard) publish() {
	st := s.st
	sum := &Stats{Descriptor: st.desc, Applied: st.applied.index, AppliedTerm: st.applied.term,
		Base: st.base, Incarnation: st.incarnation, Safepoint: st.gc.safepoint,
		Watermark: st.gc.watermark, Imports: len(st.imports), Rows: make(map[byte]int64, 8),
		Pins: st.gc.pins, Pending: len(st.pending), Due: st.gc.changed[0]}
	for k, n := range st.kinds {
		sum.Rows[k] = n
	}
	for id, i := range st.imports {
		if i.decided == 0 {
			sum.Open++
			continue
		}
		due := i.commit
		if i.aborted() {
			due = id + 1
		}
		if sum.Due == 0 || due < sum.Due {
			sum.Due = due
		}
	}
	for _, p := range st.pending {
		if sum.MinPrepare == 0 || p.Prepare < sum.MinPrepare {
			sum.MinPrepare = p.Prepare
		}
	}
	s.summary.Store(sum)
}

// Stats returns what the replica knows of itself.
func (s *Shard) Stats() Stats { return *s.summary.Load() }

// Metrics are figures of the storage engine.
type Metrics struct {
	DiskBytes      uint64
	MemTableBytes  uint64
	MemTables      int64
	Tables         int64
	L0Sublevels    int32
	ReadAmp        int
	Compactions    int64
	CompactionDebt uint64
	Flushes        int64
	BytesFlushed   uint64
	BytesCompacted uint64
	FilterHits     int64
	FilterMisses   int64
	Iterators      int64 // of tables, open now
}

// Metrics returns figures of the storage engine; they are zero when the shard is closed.
func (s *Shard) Metrics() Metrics {
	cur, err := s.current("Metrics")
	if err != nil {
		return Metrics{}
	}
	m := engineMetrics(cur.db.Metrics())
	if err := cur.release(); err != nil {
		s.opts.Logger.Error("close a store", "err", err)
	}
	return m
}

func engineMetrics(p *pebble.Metrics) Metrics {
	total := p.Total()
	return Metrics{
		DiskBytes:      p.DiskSpaceUsage(),
		MemTableBytes:  p.MemTable.Size,
		MemTables:      p.MemTable.Count,
		Tables:         total.TablesCount,
		L0Sublevels:    p.Levels[0].Sublevels,
		ReadAmp:        p.ReadAmp(),
		Compactions:    p.Compact.Count,
		CompactionDebt: p.Compact.EstimatedDebt,
		Flushes:        p.Flush.Count,
		BytesFlushed:   total.TableBytesFlushed,
		BytesCompacted: total.TableBytesCompacted,
		FilterHits:     p.Filter.Hits,
		FilterMisses:   p.Filter.Misses,
		Iterators:      p.TableIters,
	}
}

// Recount reads every row and returns the digest and number that it finds. It is for tests and for
// checks of a replica: after it, Digest must return the same.
func (s *Shard) Recount() (Digest, int64, error) {
	s.apply.Lock()
	defer s.apply.Unlock()
	if s.dead != nil {
		return Digest{}, 0, s.dead
	}
	it, err := s.store.Load().db.NewIter(nil)
	if err != nil {
		return Digest{}, 0, errorf("Recount", graph.KindOther, "%w", err)
	}
	var d Digest
	var h hasher
	rows := int64(0)
	for ok := it.First(); ok; ok = it.Next() {
		if bytes.HasPrefix(it.Key(), []byte{graph.RowMeta}) {
			continue
		}
		v, verr := it.ValueAndErr()
		if verr != nil {
			err = verr
			break
		}
		d = d.add(h.row(it.Key(), v))
		rows++
	}
	if cerr := it.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		err = errorf("Recount", graph.KindOther, "shard %d: %w", s.opts.ID, err)
	}
	return d, rows, err
}
