package workload

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/codegraphdb/codegraph"
	"github.com/codegraphdb/codegraph/chaos/history"
	"github.com/codegraphdb/codegraph/graph"
)

// Workload is one kind of traffic.
type Workload interface {
	// Checkers names the checkers of package check that judge it.
	Checkers() string
	// Setup writes what the workload begins with.
	Setup(context.Context, *Env) error
	// Op does one operation and records it.
	Op(context.Context, *Worker)
	// Final reads everything, strongly.
	Final(context.Context, *Worker) error
}

// Env is the cluster as workloads see it.
type Env struct {
	Rec     *history.Recorder
	Writers int
	// ShardOf says which shard holds a slot.
	ShardOf func(graph.Slot) uint64
	// Dial makes a client of some nodes, or of all.
	Dial func(nodes ...int) (*codegraph.Client, error)
	// Nodes is how many there are.
	Nodes int
}

// Worker is one client of the run. It belongs to one goroutine.
type Worker struct {
	ID     int // the first ones, below Env.Writers, write
	Writes bool
	Rand   *rand.Rand
	H      *history.Client
	DB     *codegraph.Client   // of all nodes
	Each   []*codegraph.Client // of one node each; no other worker uses them
	token  uint64              // of the session, where the workload keeps it itself
}

// NewWorker makes a worker.
func (e *Env) NewWorker(id int, seed uint64) (*Worker, error) {
	w := &Worker{ID: id, Writes: id < e.Writers, Rand: rand.New(rand.NewPCG(seed, uint64(id))),
		H: e.Rec.Client()}
	var err error
	if w.DB, err = e.Dial(); err != nil {
		return nil, err
	}
	for i := range e.Nodes {
		c, err := e.Dial(i)
		if err != nil {
			w.Close()
			return nil, err
		}
		w.Each = append(w.Each, c)
	}
	return w, nil
}

// Close ends the worker's connections.
func (w *Worker) Close() {
	for _, c := range append(w.Each, w.DB) {
		_ = c.Close() // there is nothing left to lose
	}
}

// session is the name under which the worker's reads are held to each other.
func (w *Worker) session() string { return fmt.Sprintf("w%d", w.ID) }

const (
	readFor  = 5 * time.Second
	writeFor = 8 * time.Second // less than some faults last: some outcomes stay unknown
	// aborting is how long a write may take longer, to give its lock back.
	aborting = 8 * time.Second
)

// known lists the workloads by the names of the plan and of their checkers.
func known() map[string]func() Workload {
	return map[string]func() Workload{
		"W2": func() Workload { return &sets{} },
		"W5": func() Workload { return &edges{} },
		"W6": func() Workload { return &files{} },
		"W7": func() Workload { return &revisions{} },
		"W8": func() Workload { return &sessions{} },
	}
}

// Names lists the workloads.
func Names() []string { return []string{"W2", "W5", "W6", "W7", "W8"} }

// New makes a workload.
func New(name string) (Workload, error) {
	if make := known()[name]; make != nil {
		return make(), nil
	}
	return nil, graph.Errorf("workload.New", graph.KindInvalid, "there is no workload %q", name).
		WithRemedy("one of %s", strings.Join(Names(), ", "))
}
