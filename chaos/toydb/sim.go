package toydb

import (
	"bytes"
	"container/heap"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing/fstest"
	"time"

	"github.com/codegraphdb/codegraph/chaos/check"
	"github.com/codegraphdb/codegraph/chaos/history"
)

// Options choose a run.
type Options struct {
	Seed    int64
	Bug     Bug
	Clients int           // default 6
	Length  time.Duration // of the traffic, virtual; default 1.2 s
	Lag     time.Duration // of snapshot reads; default 60 ms
	Unknown float64       // share of lost answers; default 0.02, negative for none
	Bare    bool          // answers carry no timestamps: checkers see real time only
}

func (o Options) withDefaults() Options {
	if o.Clients == 0 {
		o.Clients = 6
	}
	if o.Length == 0 {
		o.Length = 1200 * time.Millisecond
	}
	if o.Lag == 0 {
		o.Lag = 60 * time.Millisecond
	}
	if o.Unknown == 0 {
		o.Unknown = 0.02
	}
	return o
}

// step is one operation: the request, and what the database does at the moment it takes effect.
type step struct {
	req    history.Request
	effect func() (history.Result, error)
}

// load is a workload: the next operation of a client, and the reads at the end.
type load struct {
	next  func(client int) step
	final func() []step
}

// sim is a run under way.
type sim struct {
	Options
	*store
	rng    *rand.Rand
	rec    *history.Recorder
	now    time.Duration
	order  int
	events events
	cfg    check.Config
	steps  int
	copies map[string]int64  // how often an operation was applied
	tokens map[string]uint64 // session -> what it has seen
}

// startOfTime is the wall clock at the start of every run.
var startOfTime = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// errLost stands for an answer that did not arrive.
var errLost = errors.New("the connection broke")

// Run runs a workload and returns its history, read back from what was recorded, and the
// configuration for the checkers.
func Run(workload string, o Options) (*history.History, check.Config, error) {
	var file bytes.Buffer
	cfg, err := Record(&file, workload, o)
	if err != nil {
		return nil, cfg, err
	}
	h, err := history.Read(&file)
	return h, cfg, err
}

// Record runs a workload and writes its history.
func Record(w io.Writer, workload string, o Options) (check.Config, error) {
	s := &sim{Options: o.withDefaults(), store: newStore(), copies: map[string]int64{},
		tokens: map[string]uint64{}, rng: rand.New(rand.NewPCG(uint64(o.Seed), 42))}
	s.cfg = check.Config{Replicas: len(nodes), Shards: []string{"1", "2"}, MaxOutage: s.Length / 2,
		Logs: s.logs()}
	l, err := s.load(workload)
	if err != nil {
		return s.cfg, err
	}
	head := history.Head{Cell: workload + "/kill", Workload: workload, Nemesis: "kill", Seed: o.Seed,
		Bug: string(o.Bug), Config: s.cfg.Raw()}
	var file bytes.Buffer
	s.rec = history.NewRecorder(&file, head, history.Options{
		Clock: func() (time.Time, time.Duration) { return startOfTime.Add(s.now), s.now }})
	s.play(l)
	if err := s.rec.Close(); err != nil {
		return s.cfg, err
	}
	text := file.Bytes()
	if o.Bug == CutOff {
		text = text[:len(text)*9/10]
	}
	_, err = w.Write(text)
	return s.cfg, err
}

// play puts everything that happens on the agenda and works through it.
func (s *sim) play(l load) {
	third := s.Length / 3
	s.at(0, func() { s.rec.Phase(history.Clean) })
	s.at(third, func() { s.rec.Phase(history.Faults) })
	s.at(2*third, func() { s.rec.Phase(history.Healed) })
	s.at(s.Length, func() { s.rec.Phase(history.Final) })
	s.nemesis(third)
	for shard := range 2 {
		s.prober(shard+1, third)
	}
	for i := range s.Clients {
		c := s.rec.Client()
		s.at(s.upTo(5*time.Millisecond), func() { s.work(c, i, l) })
	}
	c := s.rec.Client()
	s.at(s.Length+time.Second, func() { s.finalReads(c, l.final()) })
	s.run()
	s.observe()
}

// work lets a client do one operation and then the next.
func (s *sim) work(c *history.Client, i int, l load) {
	if s.now >= s.Length || s.Bug == Idle && s.steps > 20 {
		return
	}
	s.steps++
	st := l.next(i)
	call := c.Invoke(st.req)
	again := func() { s.at(s.now+s.upTo(4*time.Millisecond), func() { s.work(c, i, l) }) }
	if s.rng.Float64() < s.Unknown {
		s.lose(call, st, again)
		return
	}
	s.at(s.now+s.upTo(6*time.Millisecond), func() {
		res, err := s.take(st)
		s.at(s.now+s.upTo(6*time.Millisecond), func() {
			call.Done(res, err)
			again()
		})
	})
}

// take lets an operation take effect and returns what the client will see of it.
func (s *sim) take(st step) (history.Result, error) {
	res, err := st.effect()
	if s.Bare {
		res.At = history.At{}
	}
	if s.Bug == NeverOK && strings.HasSuffix(st.req.Kind, ".read") {
		err = errRefused
	}
	return res, err
}

// lose lets the answer get lost; the operation takes effect in time, much later, or never.
func (s *sim) lose(call *history.Call, st step, again func()) {
	effect := func() { _, _ = st.effect() } // nobody hears of it
	switch s.rng.IntN(3) {
	case 0:
		s.at(s.now+s.upTo(6*time.Millisecond), effect)
	case 1:
		s.at(s.now+s.upTo(300*time.Millisecond), effect)
	}
	err := errLost
	if s.Bug == FalseFail {
		err = history.Definitely(errLost)
	}
	s.at(s.now+20*time.Millisecond, func() {
		call.Done(history.Result{}, err)
		again()
	})
}

// finalReads reads everything once more when nothing is under way.
func (s *sim) finalReads(c *history.Client, reads []step) {
	for _, st := range reads {
		call := c.Invoke(st.req)
		call.Done(s.take(st))
	}
}

// upTo draws a span of time.
func (s *sim) upTo(d time.Duration) time.Duration {
	return time.Duration(s.rng.Int64N(int64(d))) + time.Microsecond
}

// chance draws whether a bug strikes.
func (s *sim) chance(b Bug, share float64) bool { return s.Bug == b && s.rng.Float64() < share }

// logs are the logs of the nodes.
func (s *sim) logs() fstest.MapFS {
	text := "level=INFO msg=ready\n"
	if s.Bug == Panics {
		text += "panic: runtime error: index out of range [3] with length 3\n"
	}
	out := fstest.MapFS{}
	for _, n := range nodes {
		out[n+".log"] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

// load returns a workload by name.
func (s *sim) load(name string) (load, error) {
	switch name {
	case "register":
		return s.register(), nil
	case "set":
		return s.set(), nil
	case "bank":
		return s.bank(), nil
	case "edge", "halves":
		return s.edge(), nil
	case "file":
		return s.file(), nil
	case "revision", "walk":
		return s.revision(), nil
	case "session":
		return s.session(), nil
	case "upsert", "applied":
		return s.upsert(), nil
	}
	return load{}, fmt.Errorf("toydb: there is no workload %q", name)
}

// event is something on the agenda; order keeps those of one moment apart.
type event struct {
	at    time.Duration
	order int
	do    func()
}

type events []event

// Len is part of heap.Interface.
func (e events) Len() int { return len(e) }

// Less is part of heap.Interface.
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].order < e[j].order
}

// Swap is part of heap.Interface.
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }

// Push is part of heap.Interface.
func (e *events) Push(x any) { *e = append(*e, x.(event)) }

// Pop is part of heap.Interface.
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = slices.Delete(*e, len(*e)-1, len(*e))
	return last
}

// at puts something on the agenda.
func (s *sim) at(t time.Duration, do func()) {
	s.order++
	heap.Push(&s.events, event{t, s.order, do})
}

// run works through the agenda.
func (s *sim) run() {
	for len(s.events) > 0 {
		e := heap.Pop(&s.events).(event)
		s.now = max(s.now, e.at)
		e.do()
	}
}

func num(n int64) string { return strconv.FormatInt(n, 10) }

func parse(text string) int64 {
	n, _ := strconv.ParseInt(text, 10, 64) // an empty text is 0
	return n
}
