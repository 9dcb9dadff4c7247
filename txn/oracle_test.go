package txn

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/codegraphdb/codegraph/graph"
)

var day0 = time.UnixMilli(1_790_000_000_000)

// metaGroup is a meta group of two nodes with a log that holds only windows.
type metaGroup struct {
	window  graph.Timestamp
	term    int
	leader  int // -1: nobody
	nodes   [2]Oracle
	pending [2]struct {
		until graph.Timestamp
		term  int
	}
	wall    [2]time.Duration // since day0
	mono    time.Duration
	granted graph.Timestamp // the highest
	forget  bool            // planted: a new leader does not look at the window in the log
	eager   bool            // planted: a window counts before it is in the log
}

func (g *metaGroup) clock(i int) Clock { return Clock{day0.Add(g.wall[i]), g.mono} }

// metaOps are all that can happen, to node i.
var metaOps = []struct {
	name string
	do   func(g *metaGroup, i int) error
}{
	{"elect", func(g *metaGroup, i int) error {
		if g.leader >= 0 {
			g.nodes[g.leader].Stop()
		}
		g.leader = i
		g.term++
		window := g.window
		if g.forget {
			window = 0
		}
		g.nodes[i].Start(g.clock(i), window)
		return nil
	}},
	{"propose", func(g *metaGroup, i int) error {
		if until, ok := g.nodes[i].Extend(g.clock(i)); ok && g.leader == i {
			g.pending[i].until, g.pending[i].term = until, g.term
			if g.eager {
				g.nodes[i].Extended(until)
			}
		}
		return nil
	}},
	{"commit", func(g *metaGroup, i int) error { return g.commit(i, true) }},
	{"commit, answer lost", func(g *metaGroup, i int) error { return g.commit(i, false) }},
	{"grant", func(g *metaGroup, i int) error { return g.grant(i, 1) }},
	{"grant many", func(g *metaGroup, i int) error { return g.grant(i, 1000) }},
	{"crash", func(g *metaGroup, i int) error {
		g.nodes[i] = Oracle{}
		if g.leader == i {
			g.leader = -1
		}
		return nil
	}},
	{"time passes", func(g *metaGroup, i int) error {
		g.mono += time.Second
		g.wall[0] += time.Second
		g.wall[1] += time.Second
		return nil
	}},
	{"clock forward", func(g *metaGroup, i int) error { g.wall[i] += time.Minute; return nil }},
	{"clock back", func(g *metaGroup, i int) error { g.wall[i] -= time.Hour; return nil }},
}

// commit puts a window into the log, unless its term is over (rule 1.8).
func (g *metaGroup) commit(i int, answered bool) error {
	p := g.pending[i]
	g.pending[i].until = 0
	if p.until == 0 || p.term != g.term {
		return nil
	}
	g.window = max(g.window, p.until) // one whose answer was lost comes twice
	for n := range g.nodes {
		g.nodes[n].Observe(g.clock(n), g.window)
	}
	if answered && g.leader == i {
		g.nodes[i].Extended(p.until)
	}
	return nil
}

func (g *metaGroup) grant(i, n int) error {
	if g.leader != i { // leadership is confirmed before a grant is used
		return nil
	}
	first, err := g.nodes[i].Grant(g.clock(i), n)
	if err != nil {
		return nil
	}
	last := first + graph.Timestamp(2*(n-1))
	if first <= g.granted || first.IsImport() || last > g.window {
		return fmt.Errorf("granted %s to %s after %s, the window in the log is up to %s", first, last,
			g.granted, g.window)
	}
	g.granted = last
	return nil
}

// explore does everything that can happen, in every order, up to a depth.
func (g *metaGroup) explore(depth int, path string) error {
	if depth == 0 {
		return nil
	}
	for _, op := range metaOps {
		for i := range g.nodes {
			next := *g
			err := op.do(&next, i)
			if err != nil {
				return fmt.Errorf("%s, %s %d: %w", path, op.name, i, err)
			}
			if next == *g {
				continue
			}
			if err := next.explore(depth-1, path+", "+op.name); err != nil {
				return err
			}
		}
	}
	return nil
}

func newMetaGroup() *metaGroup {
	g := &metaGroup{leader: -1}
	g.wall[1] = -time.Minute // clocks differ
	return g
}

// TestOracleNeverRepeats is T1, over every order of elections, crashes, lost answers, grants and
// clock jumps up to a length, and over long random ones.
func TestOracleNeverRepeats(t *testing.T) {
	if err := newMetaGroup().explore(6, "begin"); err != nil {
		t.Fatal(err)
	}
	// Deeper, from where both have led.
	g := newMetaGroup()
	for _, step := range []struct{ op, node int }{{0, 0}, {1, 0}, {2, 0}, {4, 0}, {0, 1}, {1, 1}} {
		if err := metaOps[step.op].do(g, step.node); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.explore(5, "both have led"); err != nil {
		t.Fatal(err)
	}
	grants := 0
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 3))
		g := newMetaGroup()
		for range 3000 {
			op, i := metaOps[rng.IntN(len(metaOps))], rng.IntN(2)
			if rng.IntN(4) > 0 { // mostly the leader at work
				op, i = metaOps[[]int{1, 2, 4, 5, 7}[rng.IntN(5)]], max(0, g.leader)
			}
			before := g.granted
			if err := op.do(g, i); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if g.granted != before {
				grants++
			}
		}
	}
	if grants < 10_000 {
		t.Fatalf("only %d grants", grants)
	}
}

// TestOracleNaive sees the exploration fail where it should.
func TestOracleNaive(t *testing.T) {
	for name, plant := range map[string]func(g *metaGroup){
		"a new leader forgets the window":      func(g *metaGroup) { g.forget = true },
		"a window counts before it is durable": func(g *metaGroup) { g.eager = true },
	} {
		g := newMetaGroup()
		plant(g)
		// Elected, extended and granted once: then anything.
		for _, op := range []int{0, 1, 2, 4} {
			if err := metaOps[op].do(g, 0); err != nil {
				t.Fatal(err)
			}
		}
		if err := g.explore(5, "begin"); err == nil {
			t.Errorf("%s: was not found", name)
		}
	}
}

// lead makes an oracle that leads with a window.
func lead(t *testing.T, c Clock, persisted graph.Timestamp) *Oracle {
	t.Helper()
	o := &Oracle{}
	o.Start(c, persisted)
	if _, err := o.Grant(c, 1); err == nil {
		t.Fatal("granted without a window")
	}
	until, ok := o.Extend(c)
	if !ok {
		t.Fatal("no window is asked for")
	}
	o.Extended(until)
	return o
}

func TestOracleGrantsInStepsOfTwo(t *testing.T) {
	c := Clock{Wall: day0}
	o := lead(t, c, 0)
	first, err := o.Grant(c, 3)
	if want := graph.TimestampAt(day0.UnixMilli()); err != nil || first != want {
		t.Fatalf("%s, %v, want %s", first, err, want)
	}
	if next, err := o.Grant(c, 1); err != nil || next != first+6 {
		t.Fatalf("%s after three from %s, %v", next, first, err)
	}
	if _, err := o.Grant(c, 1<<40); !graph.IsKind(err, graph.KindUnavailable) {
		t.Fatalf("granted what is not in the window: %v", err)
	}
	if next, err := o.Grant(c, 1); err != nil || next != first+8 {
		t.Fatalf("a refused grant was counted: %s, %v", next, err)
	}
	o.Stop()
	if _, err := o.Grant(c, 1); err == nil {
		t.Fatal("granted after the term")
	}
}

func TestOracleExtendsAtHalf(t *testing.T) {
	c := Clock{Wall: day0}
	o := lead(t, c, 0)
	for ms := range 3000 {
		c = Clock{day0.Add(time.Duration(ms) * time.Millisecond), time.Duration(ms) * time.Millisecond}
		if _, ok := o.Extend(c); ok != (ms > 1500) {
			t.Fatalf("after %d ms: %v", ms, ok)
		}
	}
}

// TestOracleManyElections: windows do not pile up on each other.
func TestOracleManyElections(t *testing.T) {
	var window graph.Timestamp
	for i := range 100 {
		c := Clock{day0.Add(time.Duration(i) * 10 * time.Millisecond), 0}
		o := &Oracle{}
		o.Start(c, window)
		until, ok := o.Extend(c)
		if !ok || until <= window {
			t.Fatalf("election %d: %s after %s, %v", i, until, window, ok)
		}
		window = until
		o.Extended(until)
		if _, err := o.Grant(c, 1); err != nil {
			t.Fatal(err)
		}
	}
	if ahead := window.UnixMilli() - day0.UnixMilli(); ahead > 15_000 {
		t.Fatalf("after 100 elections in a second the window is %d ms ahead", ahead)
	}
}

// TestRule6_6ClockJump: a leader whose clock jumps a day ahead runs at twice the pace, and says so.
func TestRule6_6ClockJump(t *testing.T) {
	at := func(mono, jump time.Duration) Clock { return Clock{day0.Add(mono + jump), mono} }
	o := lead(t, at(0, 0), 0)
	grant := func(c Clock) graph.Timestamp {
		t.Helper()
		if until, ok := o.Extend(c); ok {
			o.Extended(until)
		}
		ts, err := o.Grant(c, 1)
		if err != nil {
			t.Fatal(err)
		}
		return ts
	}
	const jump = 24 * time.Hour
	for ms := time.Duration(0); ms <= 10*time.Second; ms += 700 * time.Microsecond {
		ts := grant(at(ms, jump))
		if ran := ts.UnixMilli() - day0.UnixMilli(); ran > 2*ms.Milliseconds()+1 {
			t.Fatalf("after %s the oracle is %d ms on", ms, ran)
		}
	}
	c := at(10*time.Second, jump)
	if d := o.Drift(c); d < DriftAlarm || d < 23*time.Hour {
		t.Fatalf("the alarm says %s", d)
	}
	if ran := grant(c).UnixMilli() - day0.UnixMilli(); ran < 13_000 {
		t.Fatalf("after 10 s the oracle is %d ms on: it does not catch up", ran)
	}
	// Back: timestamps go on, and the alarm tells of that too.
	before := grant(c)
	c = at(11*time.Second, -jump)
	if after := grant(c); after <= before {
		t.Fatalf("%s after %s", after, before)
	}
	if d := o.Drift(c); d > -DriftAlarm {
		t.Fatalf("the alarm says %s", d)
	}
	// Within bounds nobody is alarmed.
	c = at(time.Second, 0)
	o = lead(t, c, 0)
	if _, err := o.Grant(c, 1); err != nil || o.Drift(c) != 0 {
		t.Fatalf("drift %s, %v", o.Drift(c), err)
	}
}

// TestRule6_6NewLeader: a node that has seen the pace of others does not jump when it comes to lead
// with a clock that is wrong. Where nobody has led for long, the clock is all there is.
func TestRule6_6NewLeader(t *testing.T) {
	const jump = 24 * time.Hour
	windows := func(o *Oracle, every time.Duration) (last graph.Timestamp, mono time.Duration) {
		for i := range 20 {
			mono = time.Duration(i) * every
			last = graph.TimestampAt(day0.UnixMilli() + int64(i)*1500)
			o.Observe(Clock{day0.Add(mono + jump), mono}, last)
		}
		return last, mono
	}
	o := &Oracle{}
	last, mono := windows(o, 1500*time.Millisecond)
	c := Clock{day0.Add(mono + jump), mono}
	o.Start(c, last)
	until, _ := o.Extend(c)
	if over := until.UnixMilli() - last.UnixMilli(); over > 2*Window.Milliseconds() {
		t.Fatalf("a new leader's first window is %d ms above the one before", over)
	}
	if d := o.Drift(c); d < 23*time.Hour {
		t.Fatalf("the alarm says %s", d)
	}
	o = &Oracle{}
	last, mono = windows(o, 10*time.Microsecond) // a replay after a day's rest
	c = Clock{day0.Add(mono + jump), mono + 3*time.Second}
	o.Start(c, last)
	until, _ = o.Extend(c)
	if until.UnixMilli() < c.Wall.UnixMilli() {
		t.Fatalf("after a day's rest the first window is up to %s", until)
	}
}
