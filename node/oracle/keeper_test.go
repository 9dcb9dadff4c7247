package oracle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/codegraphdb/codegraph/cluster"
	"github.com/codegraphdb/codegraph/graph"
)

// fakeLog is a meta group with one node: a queue of commands, which the test applies.
type fakeLog struct {
	mu    sync.Mutex
	term  uint64
	index uint64
	state *cluster.State
	queue []*fakeEntry
	auto  bool // apply at once
}

type fakeEntry struct {
	command []byte
	settled chan struct{}
	result  []byte
	err     error
}

func (e *fakeEntry) Settled() <-chan struct{} { return e.settled }
func (e *fakeEntry) Err() error               { return e.err }

func (l *fakeLog) Term() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.term
}

func (l *fakeLog) Window() (graph.Timestamp, bool) {
	s := l.state.Snapshot()
	return s.Window(), s.ClusterID() != ""
}

func (l *fakeLog) Append(command []byte) Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := &fakeEntry{command: command, settled: make(chan struct{})}
	l.queue = append(l.queue, e)
	if l.auto {
		l.applyLocked()
	}
	return e
}

// applyLocked applies what has been handed over, in that order.
func (l *fakeLog) applyLocked() {
	for _, e := range l.queue {
		l.index++
		e.result, e.err = l.state.Apply(l.index, l.term, e.command)
		close(e.settled)
	}
	l.queue = nil
}

func (l *fakeLog) do(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
}

// newFake returns a founded cluster whose only node leads.
func newFake(t *testing.T) (*fakeLog, *Keeper) {
	t.Helper()
	l := &fakeLog{term: 1, state: cluster.NewState(), auto: true}
	k := NewKeeper(l, slog.New(slog.DiscardHandler))
	e := propose(t, k, &cluster.Init{ClusterID: "c", Name: "dev", Nodes: []string{"n1"}, Shards: 1,
		ReplicationFactor: 1, NowMillis: 1})
	if e.Err() != nil {
		t.Fatal(e.Err())
	}
	if err := k.extend(nil); err != nil {
		t.Fatal(err)
	}
	return l, k
}

func propose(t *testing.T, k *Keeper, c cluster.Command) *fakeEntry {
	t.Helper()
	b, err := cluster.EncodeCommand(c)
	if err != nil {
		t.Fatal(err)
	}
	e, err := k.Propose(b)
	if err != nil {
		t.Fatal(err)
	}
	return e.(*fakeEntry)
}

func open(repo string) *cluster.OpenImport {
	return &cluster.OpenImport{RepoName: repo, Revision: "r", Holder: "h", RequestID: repo,
		NowMillis: 1}
}

func TestNothingBeforeTheWindow(t *testing.T) {
	l := &fakeLog{term: 1, state: cluster.NewState(), auto: true}
	k := NewKeeper(l, slog.New(slog.DiscardHandler))
	if err := k.extend(nil); err != nil || l.index != 0 {
		t.Fatalf("a window was proposed before the cluster is founded: %v", err)
	}
	if _, err := k.Grant(t.Context(), 1); !graph.IsKind(err, graph.KindUnavailable) {
		t.Fatal(err)
	}
}

// TestLogOrderIsTimestampOrder is K1: proposals from many at once apply, every one of them.
func TestLogOrderIsTimestampOrder(t *testing.T) {
	l, k := newFake(t)
	l.do(func() { l.auto = false })
	var all []*fakeEntry
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 50 {
				b, err := cluster.EncodeCommand(open(fmt.Sprintf("r%d-%d", i, j)))
				if err != nil {
					t.Error(err)
					return
				}
				e, err := k.Propose(b)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				all = append(all, e.(*fakeEntry))
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	l.do(l.applyLocked)
	for _, e := range all {
		if e.err != nil {
			t.Fatal(e.err)
		}
	}
	if len(l.state.Snapshot().Imports()) != 400 {
		t.Fatal("imports are missing")
	}
}

// TestGrantWaitsForCommandsBelow is K2, and rule 1.6: what was drawn before R is settled when R is
// given out, and what comes after is above it.
func TestGrantWaitsForCommandsBelow(t *testing.T) {
	l, k := newFake(t)
	l.do(func() { l.auto = false })
	before := propose(t, k, open("before"))
	granted := make(chan Granted, 1)
	go func() {
		g, err := k.Grant(t.Context(), 2)
		if err != nil {
			t.Error(err)
		}
		granted <- g
	}()
	short, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := k.Grant(short, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("granted while a command below is on its way: %v", err)
	}
	l.do(l.applyLocked)
	g := <-granted
	if before.err != nil || g.Term != 1 || g.N != 2 {
		t.Fatalf("%+v, %v", g, before.err)
	}
	l.do(func() { l.auto = true })
	after := propose(t, k, open("after"))
	a, err := cluster.DecodeResult[cluster.OpenResult](before.result)
	b, err2 := cluster.DecodeResult[cluster.OpenResult](after.result)
	if err != nil || err2 != nil || a.Import >= g.First || b.Import <= g.First+2 {
		t.Fatalf("%s, then %s, then %s (%v, %v)", a.Import, g.First, b.Import, err, err2)
	}
	s := l.state.Snapshot()
	if _, err := s.ViewDecided(g.First, s.AppliedIndex()); err != nil {
		t.Fatal(err)
	}
}

// TestRule1_8CommandOfAnotherTerm: what was drawn in one term and comes into the log in another is
// refused, since others may have been granted more in between.
func TestRule1_8CommandOfAnotherTerm(t *testing.T) {
	l, k := newFake(t)
	l.do(func() { l.auto = false })
	e := propose(t, k, open("late"))
	l.do(func() { l.term = 3; l.applyLocked(); l.auto = true })
	if !graph.IsKind(e.err, graph.KindUnavailable) {
		t.Fatalf("%v", e.err)
	}
	if err := k.extend(nil); err != nil {
		t.Fatal(err)
	}
	if e := propose(t, k, open("late")); e.err != nil {
		t.Fatal(e.err)
	}
}

// TestTermsGoOn: over many terms, of which some end before their window is there, nothing is
// granted twice, and a node that does not lead grants nothing.
func TestTermsGoOn(t *testing.T) {
	l, k := newFake(t)
	var all []graph.Timestamp
	for term := range uint64(20) {
		l.do(func() { l.term = term + 1 })
		if term%3 == 0 {
			l.do(func() { l.term = 0 })
		} else if err := k.extend(nil); err != nil {
			t.Fatal(err)
		}
		g, err := k.Grant(t.Context(), 1)
		if (err == nil) != (term%3 != 0) {
			t.Fatalf("term %d: %v", term+1, err)
		}
		if err == nil {
			all = append(all, g.First)
		}
	}
	if !slices.IsSorted(all) || len(slices.Compact(all)) != 13 {
		t.Fatalf("%v", all)
	}
	if d := k.Drift(); d.Abs() > time.Minute {
		t.Errorf("drift %s", d)
	}
}

func TestRunExtends(t *testing.T) {
	l, k := newFake(t)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { k.Run(stop) })
	defer wg.Wait()
	defer close(stop)
	first := l.state.Snapshot().Window()
	l.do(func() { l.term = 2 })
	k.Wake()
	_, err := l.state.Wait(t.Context(), func(s *cluster.Snapshot) bool { return s.Window() > first })
	if err != nil {
		t.Fatal(err)
	}
}

// TestAlarm: a clock that is far ahead is reported, once.
func TestAlarm(t *testing.T) {
	l, _ := newFake(t)
	var said strings.Builder
	k := NewKeeper(l, slog.New(slog.NewTextHandler(&said, nil)))
	far := graph.TimestampAt(time.Now().Add(time.Hour).UnixMilli())
	b, err := cluster.EncodeCommand(&cluster.ExtendWindow{Until: far})
	if err == nil {
		b, err = cluster.PrepareCommand(b, cluster.Stamp{Term: 1})
	}
	if err != nil {
		t.Fatal(err)
	}
	l.Append(b) // a leader whose clock was an hour ahead
	for range 3 {
		if err := k.extend(nil); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(said.String(), "far apart"); n != 1 || k.Drift() > -50*time.Minute {
		t.Fatalf("%d alarms, drift %s: %s", n, k.Drift(), said.String())
	}
}
