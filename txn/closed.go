package txn

import (
	"time"

	"github.com/codegraphdb/codegraph/graph"
)

// Closed is a promise about a shard: nothing commits at or below At behind Index in its log.
type Closed struct {
	Term  uint64
	At    graph.Timestamp
	Index uint64
}

// Tracker makes the closed timestamps of a shard that a replica leads in one term (T3):
//
//	T from the oracle -> Take(T, when it came) -> last index of the log -> Indexed(index)
//	a voter quorum has acknowledged heartbeats sent after a moment -> Acked(moment): publish
//
// Take comes before the index is read: a row that is acknowledged in between commits above T. The
// acknowledgement shows that no other leader had been elected when T was granted, so whoever leads
// later gets higher timestamps from the oracle for all that it writes. It is not for concurrent
// use.
type Tracker struct {
	term      uint64
	writes    *Writes
	prepared  map[ID]graph.Timestamp // transactions that hold locks, with their prepare timestamps
	taken     candidate              // between Take and Indexed
	waiting   []candidate            // for the acknowledgement, oldest first, at most two
	published graph.Timestamp
}

type candidate struct {
	closed Closed
	got    time.Duration // monotonic clock when T had come
}

// NewTracker returns the tracker of a term that begins. Prepared are the transactions that hold
// locks when everything of the terms before has been applied.
func NewTracker(term uint64, writes *Writes, prepared map[ID]graph.Timestamp) *Tracker {
	t := &Tracker{term: term, writes: writes, prepared: map[ID]graph.Timestamp{}}
	for id, at := range prepared {
		t.prepared[id] = at
	}
	return t
}

// Prepared says that a prepare has been applied. Its write is Done after that.
func (t *Tracker) Prepared(id ID, at graph.Timestamp) { t.prepared[id] = at }

// Resolved says that a transaction holds no lock any more.
func (t *Tracker) Resolved(id ID) { delete(t.prepared, id) }

// Take takes a timestamp that the oracle granted and that was here at a moment of the monotonic
// clock. It returns false if writes and prepared transactions leave nothing new to promise.
func (t *Tracker) Take(granted graph.Timestamp, got time.Duration) bool {
	at := t.writes.cap(granted &^ 1)
	for _, prepare := range t.prepared {
		at = below(at, prepare)
	}
	t.taken = candidate{}
	if at <= t.writes.taken {
		return false
	}
	t.writes.take(at)
	t.taken = candidate{Closed{Term: t.term, At: at}, got}
	return true
}

// Indexed completes the last Take by the last index of the log, read after it.
func (t *Tracker) Indexed(last uint64) {
	if t.taken.closed.At == 0 {
		return
	}
	t.taken.closed.Index = last
	if len(t.waiting) > 1 { // the oldest stays, or slow acknowledgements would never catch up
		t.waiting = t.waiting[:1]
	}
	t.waiting = append(t.waiting, t.taken)
	t.taken = candidate{}
}

// Acked says that a voter quorum has acknowledged, in this term, heartbeats sent after a moment. It
// returns what may be published by that, if anything.
func (t *Tracker) Acked(sentAfter time.Duration) (Closed, bool) {
	var out Closed
	for len(t.waiting) > 0 && t.waiting[0].got <= sentAfter {
		out = t.waiting[0].closed
		t.waiting = t.waiting[1:]
	}
	t.published = max(t.published, out.At)
	return out, out.At != 0
}

// Published returns the last closed timestamp published in this term.
func (t *Tracker) Published() graph.Timestamp { return t.published }

// keptClosed bounds what a replica keeps that it has not applied yet.
const keptClosed = 8

// Follower is what a replica knows of its shard's closed timestamps, also that of the leader.
// Promises hold for ever: what has been usable stays so. It is not for concurrent use.
type Follower struct {
	term  uint64
	known []Closed // rising in both; the first is usable, or all wait
}

// Learn takes what a leader published. What is of an older term or not above what is known is old.
func (f *Follower) Learn(c Closed) {
	n := len(f.known)
	if c.Term < f.term || n > 0 && c.At <= f.known[n-1].At {
		return
	}
	f.term = c.Term
	for n > 0 && f.known[n-1].Index >= c.Index { // a new leader's log may be shorter
		n--
	}
	if n >= keptClosed { // the replica lags: it reaches the older ones first
		n--
	}
	f.known = append(f.known[:n], c)
}

// Usable returns the timestamp at which the replica may be read: it has applied what the promise
// needs, and knows here what became of every import at or below decided.
func (f *Follower) Usable(applied uint64, decided graph.Timestamp) graph.Timestamp {
	n := 0
	for n < len(f.known) && f.known[n].Index <= applied {
		n++
	}
	if n == 0 {
		return 0
	}
	f.known = f.known[n-1:]
	return min(f.known[0].At, decided)
}
