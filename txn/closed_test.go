package txn

import (
	"testing"
	"time"

	"github.com/codegraphdb/codegraph/graph"
)

const ms = time.Millisecond

// missed tells whether a replica would answer a read without a commit that belongs to it.
func missed(f *Follower, applied uint64, commit graph.Timestamp, index uint64) bool {
	return f.Usable(applied, graph.MaxTimestamp) >= commit && index > applied
}

// TestRule1_7aDeposedLeader: A pauses, B is elected and commits w@90; A goes on, gets T=100 and has
// not learnt that it leads no more.
func TestRule1_7aDeposedLeader(t *testing.T) {
	a := NewTracker(5, NewWrites(), nil)
	const acked = 10 * ms // heartbeats sent after that have no quorum
	a.Take(100, 2000*ms)
	a.Indexed(5)
	naive := Follower{}
	naive.Learn(Closed{Term: 5, At: 100, Index: 5}) // published at once
	if !missed(&naive, 5, 90, 6) {
		t.Error("the naive way misses nothing: the test cannot fail")
	}
	if c, ok := a.Acked(acked); ok {
		t.Errorf("published %+v, which nobody confirmed", c)
	}
	// Had nobody else been elected, the acknowledgement would come.
	if c, ok := a.Acked(2000 * ms); !ok || c != (Closed{5, 100, 5}) {
		t.Errorf("%+v, %v", c, ok)
	}
}

// TestRule1_7bIndexAfterTimestamp: a row of an import is acknowledged, at index 6, between the two
// samples; the import commits at the next timestamp.
func TestRule1_7bIndexAfterTimestamp(t *testing.T) {
	for name, naive := range map[string]bool{"index first": true, "timestamp first": false} {
		oracle, last := graph.Timestamp(88), uint64(5)
		draw := func() graph.Timestamp { oracle += 2; return oracle }
		tr := NewTracker(1, NewWrites(), nil)
		var commit graph.Timestamp
		between := func() { last, commit = 6, draw() }
		index := last
		if naive {
			between()
			tr.Take(draw(), 0)
		} else {
			tr.Take(draw(), 0)
			between()
			index = last
		}
		tr.Indexed(index)
		var f Follower
		c, _ := tr.Acked(1)
		f.Learn(c)
		if missed(&f, 5, commit, 6) != naive {
			t.Errorf("%s: published %+v, the row at 6 is of %s", name, c, commit)
		}
	}
}

// TestRule1_7cAnswersOutOfOrder: a write's answer of the oracle, 90, is processed after the answer
// that the ticker got later.
func TestRule1_7cAnswersOutOfOrder(t *testing.T) {
	w := NewWrites()
	tr := NewTracker(1, w, nil)
	h := w.Register([]Range{Key("k")})
	if !tr.Take(100, 0) {
		t.Fatal("a write that has no timestamp yet holds nothing down")
	}
	tr.Indexed(5)
	var naive Follower
	c, _ := tr.Acked(1)
	naive.Learn(c)
	if !missed(&naive, 5, 90, 6) {
		t.Error("a write at 90 would miss nothing: the test cannot fail")
	}
	if w.Assign(h, 90) || w.Assign(h, 100) {
		t.Error("a timestamp below the promise was assigned")
	}
	if !w.Assign(h, 102) {
		t.Error("a timestamp above the promise was not assigned")
	}
}

// TestClosedCaps: T stays below what is on its way into the log and below every prepare.
func TestClosedCaps(t *testing.T) {
	w := NewWrites()
	tr := NewTracker(3, w, map[ID]graph.Timestamp{{1}: 50})
	publish := func(granted graph.Timestamp) graph.Timestamp {
		if tr.Take(granted, 0) {
			tr.Indexed(7)
		}
		c, _ := tr.Acked(1)
		return c.At
	}
	step := func(what string, got, want graph.Timestamp) {
		t.Helper()
		if got != want {
			t.Errorf("%s: published %d, want %d", what, got, want)
		}
	}
	step("a lock of a term before", publish(100), 48)
	step("nothing new", publish(110), 0)
	tr.Resolved(ID{1})
	a, b := w.Register(nil), w.Register(nil)
	w.Assign(a, 114)
	step("a write on its way", publish(120), 112)
	w.Assign(b, 116)
	w.Done(a)
	step("another one", publish(120), 114)
	tr.Prepared(ID{2}, 116)
	w.Done(b)
	step("it was a prepare", publish(130), 0)
	tr.Resolved(ID{2})
	step("all done", publish(131), 130)
	if tr.Published() != 130 {
		t.Errorf("published %d", tr.Published())
	}
}

// TestSlowAcknowledgements: taking T faster than heartbeats come back does not starve it.
func TestSlowAcknowledgements(t *testing.T) {
	tr := NewTracker(1, NewWrites(), nil)
	var last graph.Timestamp
	for i := range 100 {
		tr.Take(graph.Timestamp(2*i+2), time.Duration(i)*ms)
		tr.Indexed(uint64(i))
		if c, ok := tr.Acked(time.Duration(i-10) * ms); ok {
			if c.At <= last || c.Index != uint64(c.At)/2-1 {
				t.Fatalf("%+v after %d", c, last)
			}
			last = c.At
		}
	}
	if last < 160 {
		t.Errorf("only %d was published", last)
	}
}

func TestFollower(t *testing.T) {
	var f Follower
	for _, c := range []struct {
		what          string
		learn         Closed
		applied, want uint64
	}{
		{"not there yet", Closed{2, 10, 5}, 4, 0},
		{"there", Closed{2, 10, 5}, 5, 10},
		{"an old term", Closed{1, 90, 5}, 5, 10},
		{"the next, not applied", Closed{2, 20, 9}, 5, 10},
		{"one lower", Closed{2, 14, 5}, 5, 10},
		{"a new leader with a shorter log", Closed{3, 30, 8}, 7, 10},
		{"applied", Closed{3, 30, 8}, 8, 30},
	} {
		f.Learn(c.learn)
		if got := f.Usable(c.applied, graph.MaxTimestamp); got != graph.Timestamp(c.want) {
			t.Errorf("%s: %d, want %d", c.what, got, c.want)
		}
	}
	if got := f.Usable(8, 24); got != 24 {
		t.Errorf("outcomes known up to 24: %d", got)
	}
	// A replica that lags keeps what it will reach first, and the newest.
	f = Follower{}
	for i := range uint64(100) {
		f.Learn(Closed{1, graph.Timestamp(2*i + 2), i + 1})
	}
	if got := f.Usable(3, graph.MaxTimestamp); got != 6 {
		t.Errorf("at index 3: %d", got)
	}
	if got := f.Usable(100, graph.MaxTimestamp); got != 200 {
		t.Errorf("at the end: %d", got)
	}
}

func TestWritesBlockReads(t *testing.T) {
	w := NewWrites()
	one := w.Register([]Range{Key("b"), {"m", "p"}})
	two := w.Register([]Range{Key("b")})
	blocks := func(at graph.Timestamp, keys ...Range) int { return len(w.Blocks(keys, at)) }
	if blocks(0, Key("b")) != 2 || blocks(0, Range{"a", "b"}) != 0 || blocks(0, Range{"a", "c"}) != 2 {
		t.Error("a write whose timestamp is not known does not block what it overlaps")
	}
	if blocks(0, Key("p")) != 0 || blocks(0, Key("m")) != 1 || blocks(0, Range{"o", "z"}) != 1 ||
		blocks(0, Range{"p", "z"}) != 0 || blocks(0, Range{"n", "o"}) != 1 {
		t.Error("ranges")
	}
	w.Assign(one, 10)
	w.Assign(two, 20)
	if blocks(9, Key("b")) != 0 || blocks(10, Key("b")) != 1 || blocks(20, Key("b")) != 2 {
		t.Error("a read waits for writes at or below its timestamp, and for no other")
	}
	w.Done(one)
	if got := w.Blocks([]Range{Key("b")}, 30); len(got) != 1 || got[0] != two || w.Pending(one) {
		t.Errorf("%v", got)
	}
	w.Done(two)
	w.Done(two)
	if w.Len() != 0 || w.Assign(two, 40) {
		t.Error("a write that is done")
	}
}
