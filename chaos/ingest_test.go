package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// ingestWithin bounds one ingest of a small tree, failover included.
const ingestWithin = 45 * time.Second

// newTree makes a repository below a new directory.
func newTree(t *testing.T, repo string, base, bulk int) *history {
	t.Helper()
	return newHistory(&tree{dir: t.TempDir(), repo: repo, base: base, bulk: bulk})
}

// startIngest writes a revision and starts cgctl on it.
func (r *rig) startIngest(ctx context.Context, h *history, rev int) (*program, error) {
	if err := h.tree.write(rev); err != nil {
		return nil, err
	}
	h.begin(rev)
	return r.cgctl(ctx, "ingest", h.tree.dir+"/"+h.tree.repo, "--name", h.tree.repo, "-o", "json"),
		nil
}

// finishIngest waits for cgctl and records its acknowledgement (C5).
func finishIngest(h *history, rev int, p *program, began time.Time) error {
	if code := p.wait(); code != 0 {
		return fmt.Errorf("C5: ingest of revision %d: %v", rev, p)
	}
	var summary struct{ Revision, Timestamp string }
	if err := json.Unmarshal(p.out.Bytes(), &summary); err != nil {
		return fmt.Errorf("ingest of revision %d: %w: %v", rev, err, p)
	}
	at, err := strconv.ParseUint(summary.Timestamp, 10, 64)
	if err != nil || summary.Revision == "" {
		return fmt.Errorf("ingest of revision %d: no timestamp or revision: %v", rev, p)
	}
	h.acknowledge(ack{rev: rev, revision: summary.Revision, timestamp: at, at: time.Now(),
		took: time.Since(began)})
	return nil
}

// ingest brings the next revision in.
func (r *rig) ingest(h *history) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), ingestWithin)
	defer cancel()
	if err := r.ingestNext(ctx, h); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) ingestNext(ctx context.Context, h *history) error {
	rev, began := h.acked()+1, time.Now()
	p, err := r.startIngest(ctx, h, rev)
	if err != nil {
		return err
	}
	return finishIngest(h, rev, p, began)
}

// series ingests one revision after the other until it is stopped.
type series struct {
	h       *history
	running atomic.Bool // a cgctl is under way
	stop    chan struct{}
	once    sync.Once
	done    chan struct{}
	err     error // once done is closed
}

// startSeries begins a series; it ends with the test at the latest.
func (r *rig) startSeries(h *history) *series {
	s := &series{h: h, stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		for s.err == nil {
			select {
			case <-s.stop:
				return
			default:
			}
			ctx, cancel := context.WithTimeout(context.Background(), ingestWithin)
			s.running.Store(true)
			s.err = r.ingestNext(ctx, h)
			s.running.Store(false)
			cancel()
		}
	}()
	r.t.Cleanup(func() { _ = s.end() })
	return s
}

// end lets the ingest under way finish and returns the error that ended the series, if one did.
func (s *series) end() error {
	s.once.Do(func() { close(s.stop) })
	<-s.done
	return s.err
}

// waitForAck waits for the acknowledgement of an ingest that began after now.
func (s *series) waitForAck(t *testing.T) {
	t.Helper()
	target := s.h.acked() + 2 // the one under way may have been done before
	wait(t, ingestWithin, fmt.Sprintf("revision %d of %s", target, s.h.tree.repo), func() bool {
		select {
		case <-s.done:
			t.Fatal(s.err)
		default:
		}
		return s.h.acked() >= target
	})
}
