package chaos

import (
	"context"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// leaseEnds is when the lock of an ingest that died is free at the latest: the lease, and what the
// meta leader needs to notice.
const leaseEnds = 13 * time.Second

// TestImportLock: one ingest of a repository at a time; its lock goes with the one who holds it.
func TestImportLock(t *testing.T) {
	r := newRig(t, 3)
	h := newTree(t, "lock", 300, 3)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()

	holder := r.holdLock(ctx, h)
	second := r.cgctl(ctx, "ingest", h.tree.dir+"/"+h.tree.repo, "--name", h.tree.repo)
	code := second.wait()
	t.Logf("refusal: %s", second.err.String())
	since := regexp.MustCompile(`since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)
	pid := "pid " + itoa(holder.cmd.Process.Pid)
	if text := second.err.String(); code != 7 || !strings.Contains(text, pid) ||
		!since.MatchString(text) {
		t.Errorf("want exit code 7, the holder (%s) and since when: %v", pid, second)
	}

	signal(t, holder, syscall.SIGCONT) // Ctrl-C gives the lock back
	signal(t, holder, os.Interrupt)
	if code := holder.wait(); code != 130 {
		t.Errorf("C7: want exit code 130 after Ctrl-C: %v", holder)
	}
	next := r.holdLock(ctx, h) // fails if it is refused

	killed := time.Now() // nobody gives this one back: the lease ends it
	signal(t, next, syscall.SIGKILL)
	next.wait()
	refused := 0
	for {
		began := time.Now()
		p, err := r.startIngest(ctx, h, 0)
		if err != nil {
			t.Fatal(err)
		}
		if code := p.wait(); code == 0 {
			if err := finishIngest(h, 0, p, began); err != nil {
				t.Fatal(err)
			}
			t.Logf("the lock was free %v after kill -9, %d ingests were refused",
				began.Sub(killed).Round(100*time.Millisecond), refused)
			if free := began.Sub(killed); free > leaseEnds {
				t.Errorf("the lock was held for %v", free)
			}
			break
		} else if code != 7 {
			t.Fatalf("want exit code 7 while the lock is held: %v", p)
		}
		refused++
		time.Sleep(200 * time.Millisecond)
	}
	if refused == 0 {
		t.Error("C7: the killed ingest held no lock")
	}
	r.checkContent(h, r.client())
	r.checkReplicas(r.client())
}

// holdLock starts an ingest and stops its process while it holds the lock.
func (r *rig) holdLock(ctx context.Context, h *history) *program {
	r.t.Helper()
	c := r.client()
	p, err := r.startIngest(ctx, h, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	pid := "pid " + itoa(p.cmd.Process.Pid)
	wait(r.t, ingestWithin, "an ingest that holds the lock", func() bool {
		select {
		case <-p.done:
			r.t.Fatalf("the ingest ended before it could be stopped: %v", p)
		default:
		}
		resp, err := c.Repositories(ctx, "")
		if err != nil {
			r.t.Fatal(err)
		}
		for _, repo := range resp.GetRepositories() {
			if repo.GetName() == h.tree.repo && strings.Contains(repo.GetImporting(), pid) {
				return true
			}
		}
		return false
	})
	signal(r.t, p, syscall.SIGSTOP)
	return p
}

func signal(t *testing.T, p *program, sig os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		t.Fatalf("%v: %v: %v", sig, err, p)
	}
}
