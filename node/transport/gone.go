package transport

import (
	"context"
	"errors"
	"net"
	"sync"
	"syscall"
	"time"
)

const (
	goneTries   = 10                     // looks at a node whose connection broke
	gonePause   = 20 * time.Millisecond  // between two looks: a process dies piece by piece
	goneDial    = 200 * time.Millisecond // the longest look
	goneForSure = time.Second            // how long a look that found nobody holds
)

// deaths remembers the nodes at whose address nobody listened.
type deaths struct {
	mu      sync.Mutex
	looking map[string]bool
	seen    map[string]time.Time // when it was found
	dial    sync.Mutex           // one look at a time
}

// begin tells whether the caller is the one to look at a node, until end.
func (d *deaths) begin(node string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.looking[node] {
		return false
	}
	d.looking[node] = true
	return true
}

func (d *deaths) end(node string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.looking, node)
}

func (d *deaths) fresh(node string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return time.Since(d.seen[node]) < goneForSure
}

func (d *deaths) found(node string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seen[node] = time.Now()
}

// lost is called when a connection with a node ended and this node did not end it. If the node's
// process has died, its groups get other leaders without waiting for a time-out.
func (t *Transport) lost(node string) {
	if !t.deaths.begin(node) {
		return
	}
	look := func() {
		defer t.deaths.end(node)
		for range goneTries {
			if t.gone(node) {
				t.log.Info("the process of a peer has died", "peer", node)
				t.replaceLeaders(node)
				return
			}
			if !sleep(t.ctx, gonePause) {
				return
			}
		}
	}
	if !t.spawn(look) {
		t.deaths.end(node)
	}
}

// gone tells whether nobody listens at a node's address: the machine answers and refuses. Silence
// is no proof.
func (t *Transport) gone(node string) bool {
	t.deaths.dial.Lock()
	defer t.deaths.dial.Unlock()
	if t.deaths.fresh(node) {
		return true
	}
	addr, err := t.opts.Resolve(node)
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(t.ctx, goneDial)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err == nil {
		_ = conn.Close()
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return false
	}
	t.deaths.found(node)
	return true
}

// sleep waits, unless ctx ends.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
