package history

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/codegraphdb/codegraph/graph"
)

// TestConcurrentClients records from many goroutines and reads everything back, paired.
func TestConcurrentClients(t *testing.T) {
	const clients, each = 8, 50
	name := filepath.Join(t.TempDir(), "history.jsonl.gz")
	rec, err := Create(name, Head{Cell: "set/kill", Workload: "set", Nemesis: "kill", Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	rec.Phase(Clean)
	fault := rec.Fault("kill", "n1", "n2")
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			c := rec.Client()
			for k := range each {
				call := c.Invoke(Request{Kind: "set.add", Key: "s", Value: i*each + k})
				outcomes := []error{nil, Definitely(errors.New("refused")), errors.New("timeout")}
				call.Done(Result{At: At{Timestamp: 5}}, outcomes[k%3])
			}
		})
	}
	wg.Wait()
	fault.End(Effect{"killed": 2}, "both")
	fault.End(nil, "the second time does nothing")
	rec.Digest("n1", 3, 17, "abc")
	if err := rec.Close(); err != nil {
		t.Fatal(err)
	}
	h, err := Open(name)
	if err != nil {
		t.Fatal(err)
	}
	if h.Cut != "" || len(h.Ops) != clients*each || h.Head.Seed != 7 || len(h.Seen) != 1 {
		t.Errorf("cut %q, %d operations, head %+v, seen %+v", h.Cut, len(h.Ops), h.Head, h.Seen)
	}
	if len(h.Faults) != 1 || !h.Faults[0].Ended || h.Faults[0].Effect["killed"] != 2 {
		t.Errorf("faults %+v", h.Faults)
	}
	checkPairs(t, h)
}

// checkPairs wants each operation with the outcome of its turn, and no process after Info.
func checkPairs(t *testing.T, h *History) {
	t.Helper()
	retired := map[int]bool{}
	for _, o := range h.Ops {
		var v int
		if _, err := fmt.Sscan(string(o.Input), &v); err != nil {
			t.Fatal(err)
		}
		want := []Type{OK, Fail, Info}[v%50%3]
		if o.Outcome != want || o.At.Timestamp != 5 || (o.Done == Forever) != (want == Info) {
			t.Errorf("operation %d is %+v, want %s", v, o, want)
		}
		if retired[o.Process] {
			t.Errorf("process %d goes on after info", o.Process)
		}
		retired[o.Process] = retired[o.Process] || o.Outcome == Info
	}
}

func TestCreateRefusesExisting(t *testing.T) {
	name := filepath.Join(t.TempDir(), "h.jsonl")
	if err := os.WriteFile(name, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(name, Head{}); !errors.Is(err, os.ErrExist) {
		t.Errorf("Create over an existing file: %v", err)
	}
}

// TestMisuse wants every mistake of a harness reported by Close.
func TestMisuse(t *testing.T) {
	for name, use := range map[string]func(*Recorder){
		"two calls at once": func(r *Recorder) {
			c := r.Client()
			c.Invoke(Request{Kind: "a"})
			c.Invoke(Request{Kind: "a"})
		},
		"done twice": func(r *Recorder) {
			call := r.Client().Invoke(Request{Kind: "a"})
			call.Done(Result{}, nil)
			call.Done(Result{}, nil)
		},
		"no kind": func(r *Recorder) { r.Client().Invoke(Request{}) },
		"value":   func(r *Recorder) { r.Client().Invoke(Request{Kind: "a", Value: func() {}}) },
		"answer": func(r *Recorder) {
			r.Client().Invoke(Request{Kind: "a"}).Done(Result{Value: func() {}}, nil)
		},
		"after the end": func(r *Recorder) { _ = r.Close(); r.Phase(Clean) },
	} {
		r := NewRecorder(io.Discard, Head{}, Options{})
		use(r)
		if err := r.Close(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// brokenWriter fails after some bytes.
type brokenWriter struct{ left int }

// Write is part of io.Writer.
func (w *brokenWriter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, errors.New("no space")
	}
	return len(p), nil
}

func TestWriteErrorSticks(t *testing.T) {
	r := NewRecorder(&brokenWriter{left: 100}, Head{}, Options{})
	for range 3 {
		r.Phase(Clean)
	}
	if err := r.Close(); err == nil || !strings.Contains(err.Error(), "no space") {
		t.Errorf("Close: %v", err)
	}
}

func TestOutcomeOf(t *testing.T) {
	kind := func(k graph.ErrorKind) error { return fmt.Errorf("call: %w", graph.Errorf("x", k, "y")) }
	for _, c := range []struct {
		err  error
		want Type
	}{
		{nil, OK},
		{errors.New("connection reset"), Info},
		{Definitely(errors.New("connection refused")), Fail},
		{fmt.Errorf("try 3: %w", Definitely(errors.New("refused"))), Fail},
		{Definitely(nil), OK},
		{kind(graph.KindConflict), Fail},
		{kind(graph.KindInvalid), Fail},
		{kind(graph.KindUnknown), Info},
		{kind(graph.KindUnavailable), Info},
		{kind(graph.KindDeadline), Info},
		{kind(graph.KindCanceled), Info},
		{kind(graph.KindNotLeader), Info},
		{kind(graph.KindExists), Info},
		{kind(graph.KindNotFound), Info},
		{kind(graph.KindInternal), Info},
		{kind(graph.KindOther), Info},
	} {
		if got := OutcomeOf(c.err); got != c.want {
			t.Errorf("OutcomeOf(%v) = %s, want %s", c.err, got, c.want)
		}
	}
}

// TestReadsAreNeverUnknown wants a read that broke to be a failure, and the client to stay itself.
func TestReadsAreNeverUnknown(t *testing.T) {
	var out bytes.Buffer
	r := NewRecorder(&out, Head{}, Options{})
	c := r.Client()
	c.Invoke(Request{Kind: "r", ReadOnly: true}).Done(Result{}, errors.New("timeout"))
	c.Invoke(Request{Kind: "w"}).Done(Result{}, errors.New("timeout"))
	c.Invoke(Request{Kind: "w"})
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	h, err := Read(&out)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"fail 1", "info 1", "info 2"} {
		if got := fmt.Sprintf("%s %d", h.Ops[i].Outcome, h.Ops[i].Process); got != want {
			t.Errorf("operation %d: outcome and process are %s, want %s", i, got, want)
		}
	}
	if h.Ops[2].End < h.Ops[2].Start || h.Ops[2].Done != Forever {
		t.Errorf("an operation under way at the end: %+v", h.Ops[2])
	}
}

// TestOrderIsOfLines wants real time to be the order of lines, whatever the clock says.
func TestOrderIsOfLines(t *testing.T) {
	var out bytes.Buffer
	now := time.Second
	r := NewRecorder(&out, Head{}, Options{Clock: func() (time.Time, time.Duration) {
		now -= time.Millisecond // a clock that runs backwards
		return time.Unix(0, 0), now
	}})
	a, b := r.Client(), r.Client()
	first := a.Invoke(Request{Kind: "w"})
	first.Done(Result{}, nil)
	second := b.Invoke(Request{Kind: "w"})
	third := a.Invoke(Request{Kind: "w"})
	second.Done(Result{}, nil)
	third.Done(Result{}, nil)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	h, err := Read(&out)
	if err != nil {
		t.Fatal(err)
	}
	o := h.Ops
	if !o[0].Before(&o[1]) || !o[0].Before(&o[2]) || o[1].Before(&o[2]) || o[2].Before(&o[1]) {
		t.Errorf("order: %+v", o)
	}
}
