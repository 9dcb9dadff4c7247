//go:build chaosroot

package chaos

import (
	"context"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// persistent ingests one revision after the other, whatever the answers are, until it is ended.
type persistent struct {
	refused, failed atomic.Int64
	stop            context.CancelFunc
	done            chan struct{}
}

// startPersistent begins to ingest.
func (r *rig) startPersistent(h *history) *persistent {
	p := &persistent{done: make(chan struct{})}
	var ctx context.Context
	ctx, p.stop = context.WithCancel(context.Background())
	go func() {
		defer close(p.done)
		for ctx.Err() == nil {
			p.once(r, h)
		}
	}()
	r.t.Cleanup(p.end)
	return p
}

// once tries the next revision.
func (p *persistent) once(r *rig, h *history) {
	ctx, cancel := context.WithTimeout(context.Background(), ingestWithin)
	defer cancel()
	rev, began := h.acked()+1, time.Now()
	run, err := r.startIngest(ctx, h, rev)
	if err == nil {
		err = finishIngest(h, rev, run, began)
	}
	if err == nil {
		return
	}
	if run != nil && run.wait() == 7 {
		p.refused.Add(1)
	} else {
		p.failed.Add(1)
	}
	h.mu.Lock()
	h.lost++
	h.mu.Unlock()
	time.Sleep(50 * time.Millisecond) // a refusal is quick
}

// end lets the attempt under way finish.
func (p *persistent) end() {
	p.stop()
	<-p.done
}

// dropErrors takes the reads out that had no answer, and says how many they were: with no node
// left there is none to be had. What was answered must be right all the same.
func (h *history) dropErrors() (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var kept []read
	for i := range h.reads {
		if h.reads[i].err == nil {
			kept = append(kept, h.reads[i])
		}
	}
	n = len(h.reads) - len(kept)
	h.reads = kept
	return n
}

// full is how long a disk stays without a single byte.
const full = 6 * time.Second

// fillUp takes every byte of some disks for a while; meanwhile is called when nothing is left.
func (d *diskRig) fillUp(meanwhile func(), nodes ...int) {
	d.t.Helper()
	var stops []func()
	for _, i := range nodes {
		stops = append(stops, d.disks[i].fillUp())
	}
	began := time.Now()
	for _, i := range nodes {
		wait(d.t, readWithin, "a disk without a byte", func() bool { return d.disks[i].free() < 4096 })
	}
	wait(d.t, 2*full, "the time on a full disk", func() bool { return time.Since(began) > full })
	meanwhile()
	for i, stop := range stops {
		stop()
		d.disks[nodes[i]].empty()
	}
}

// ended returns the nodes that have ended. They must have said why.
func (d *diskRig) ended(pids []int) []int {
	d.t.Helper()
	var out []int
	for i := range d.Size() {
		if d.PID(i) == pids[i] {
			continue
		}
		out = append(out, i)
		ctx, cancel := context.WithTimeout(d.t.Context(), readWithin)
		code, err := d.ExitCode(ctx, i)
		cancel()
		log, rerr := os.ReadFile(d.LogFile(i))
		if err != nil || rerr != nil {
			d.t.Fatal(err, rerr)
		}
		d.t.Logf("node %d ended with exit code %d:\n%s", i+1, code, tail(d.LogFile(i), 4))
		if code != 1 || !strings.Contains(tail(d.LogFile(i), 20), "fatal") ||
			!strings.Contains(string(log), noSpace) {
			d.t.Errorf("node %d ended with exit code %d, want 1 and %q in its log", i+1, code, noSpace)
		}
	}
	return out
}

// testNoSpace takes every byte of every disk under reads and ingests.
func testNoSpace(t *testing.T, f *figures) {
	d := newDiskRig(t)
	a, b := newTree(t, "none-a", 12, 5), newTree(t, "none-b", 40, 100)
	d.ingest(a)
	d.ingest(b)
	readers := []*reader{d.startReader(a), d.startReader(b)}
	writers := []*persistent{d.startPersistent(a), d.startPersistent(b)}
	before := a.acked()
	wait(t, ingestWithin, "an acknowledgement", func() bool { return a.acked() > before })
	pids := d.pids()
	d.fillUp(func() {}, 0, 1, 2)
	ended := d.ended(pids)
	began := time.Now()
	d.start()
	last := []int{a.acked(), b.acked()}
	for i, h := range []*history{a, b} {
		wait(t, 2*ingestWithin, "an acknowledgement of "+h.tree.repo,
			func() bool { return h.acked() > last[i] })
	}
	f.add("no_space_nodes_ended", len(ended))
	f.add("no_space_acks_again_s", time.Since(began))
	refused, failed := d.endLoad(readers, writers)
	f.add("no_space_ingests_refused", refused)
	f.add("no_space_ingests_failed", failed)
	f.add("no_space_reads_without_answer", a.dropErrors()+b.dropErrors())
	d.ingest(a)
	d.ingest(b)
	d.checkAll(a, b)
	f.add("no_space_revisions_acknowledged", len(a.acks)+len(b.acks))
	f.add("no_space_reads_right", len(a.reads)+len(b.reads))
}

// endLoad ends reads and ingests, and returns how many ingests were refused and how many failed.
func (d *diskRig) endLoad(readers []*reader, writers []*persistent) (refused, failed int64) {
	for _, w := range writers {
		w.end()
		refused += w.refused.Load()
		failed += w.failed.Load()
	}
	for _, rd := range readers {
		rd.end()
	}
	return refused, failed
}

// testNoSpaceOnOne takes every byte of one disk under reads and ingests: reads do not fail, and
// a node that ended starts again as soon as there is space.
func testNoSpaceOnOne(t *testing.T, f *figures) {
	const victim = 1
	d := newDiskRig(t)
	h := newTree(t, "one", 20, 20)
	d.ingest(h)
	readers := []*reader{d.startReader(h)}
	writers := []*persistent{d.startPersistent(h)}
	wait(t, ingestWithin, "an acknowledgement", func() bool { return h.acked() > 0 })
	pids := d.pids()
	d.fillUp(func() {
		ended := d.ended(pids)
		for _, i := range ended {
			if i != victim {
				t.Errorf("node %d ended, the disk of node %d was full", i+1, victim+1)
			}
		}
		f.add("one_full_node_ended", len(ended) > 0)
		if len(ended) == 0 { // start it on a full disk
			d.kill(victim)
		}
		f.add("one_acks_while_it_was_down", d.acksWithout(h))
		d.checkStartFull(victim, f)
	}, victim)
	began := time.Now()
	d.start()
	d.waitCaughtUp(d.client)
	f.add("one_caught_up_s", time.Since(began))
	refused, failed := d.endLoad(readers, writers)
	f.add("one_ingests_refused", refused)
	f.add("one_ingests_failed", failed)
	d.ingest(h)
	d.checkAll(h)
	f.add("one_reads_right", len(h.reads))
}

// acksWithout returns how many acknowledgements come from the nodes that are left.
func (d *diskRig) acksWithout(h *history) int {
	d.t.Helper()
	before := h.acked()
	wait(d.t, 2*ingestWithin, "an acknowledgement of two nodes",
		func() bool { return h.acked() > before })
	return h.acked() - before
}

// checkStartFull starts a node on a disk without a byte. It must end at once and say why, or do its
// work.
func (d *diskRig) checkStartFull(node int, f *figures) {
	d.t.Helper()
	if err := d.StartNode(node); err != nil {
		d.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(d.t.Context(), full)
	defer cancel()
	ready := d.WaitNodeReady(ctx, node)
	f.add("one_starts_on_full_disk", ready == nil)
	if ready == nil {
		return
	}
	code, err := d.ExitCode(ctx, node)
	if err != nil {
		d.t.Fatalf("start on a full disk: the node neither ends nor gets ready: %v", ready)
	}
	text := tail(d.LogFile(node), 3)
	d.t.Logf("start on a full disk: exit code %d:\n%s", code, text)
	if code != 1 || !strings.Contains(text, noSpace) || !strings.Contains(text, d.DataDir(node)) {
		d.t.Errorf("start on a full disk: exit code %d, want 1, the directory and %q: %s", code,
			noSpace, text)
	}
}
