//go:build linux

package cell

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/codegraphdb/codegraph/chaos/workload"
)

// pace is the shortest time from one operation of a worker to the next: workers are not there to
// take the processor from the nodes.
const pace = 10 * time.Millisecond

// traffic is the workers and the prober.
type traffic struct {
	cancelWork, cancelAll context.CancelFunc
	work, all             sync.WaitGroup
}

// startTraffic starts all workers and the prober.
func (r *run) startTraffic(ctx context.Context) (*traffic, error) {
	t := &traffic{}
	ctx, t.cancelAll = context.WithCancel(ctx)
	stop, cancel := context.WithCancel(ctx)
	t.cancelWork = cancel
	var workers []*workload.Worker
	for id := range r.opts.Writers + r.opts.Readers {
		w, err := r.env.NewWorker(id, r.opts.Seed+1)
		if err != nil {
			t.end()
			return nil, err
		}
		workers = append(workers, w)
	}
	for _, w := range workers {
		t.work.Go(func() {
			defer w.Close()
			for stop.Err() == nil {
				began := time.Now()
				r.work.Op(ctx, w) // the last one is not cut off by the end of the phase
				_ = sleep(stop, pace-time.Since(began))
			}
		})
	}
	client, err := r.rig.Dial(probeClient())
	if err != nil {
		t.end()
		return nil, err
	}
	t.all.Go(func() {
		defer client.Close()
		r.probe(ctx, client)
	})
	return t, nil
}

// endWork ends the workers; each ends its operation first.
func (t *traffic) endWork() {
	t.cancelWork()
	t.work.Wait()
}

// end ends everything.
func (t *traffic) end() {
	t.endWork()
	t.cancelAll()
	t.all.Wait()
}

func quoted(s string) json.RawMessage {
	text, _ := json.Marshal(s) // a string always becomes JSON
	return text
}
