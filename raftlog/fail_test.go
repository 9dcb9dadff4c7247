package raftlog

import (
	"errors"
	"fmt"
	"path"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/hashicorp/raft"

	"github.com/codegraphdb/codegraph/graph"
)

// onLogSync calls f at every sync of a segment.
func onLogSync(f func() error) errorfs.InjectorFunc {
	return func(op errorfs.Op) error {
		switch op.Kind {
		case errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo:
			if path.Ext(op.Path) == segmentSuffix {
				return f()
			}
		}
		return nil
	}
}

func TestRevokedHandle(t *testing.T) {
	e := openEngine(t, exact(vfs.NewMem()))
	revokers := map[string]func(g *Group){
		"reopen":  func(g *Group) { e.Group(g.ID()) },
		"close":   func(g *Group) { _ = g.Close() },
		"destroy": func(g *Group) { _ = e.Destroy(g.ID()) },
	}
	for name, revoke := range revokers {
		t.Run(name, func(t *testing.T) {
			g := e.Group(1)
			store(t, g, entries(1, 3, 1))
			revoke(g)
			_ = g.Close() // does nothing to whoever came after it
			_, first := g.FirstIndex()
			_, last := g.LastIndex()
			_, get := g.Get([]byte("x"))
			_, num := g.GetUint64([]byte("x"))
			for call, err := range map[string]error{
				"FirstIndex": first, "LastIndex": last, "Get": get, "GetUint64": num,
				"GetLog":       g.GetLog(1, &raft.Log{}),
				"StoreLog":     g.StoreLog(entries(4, 4, 1)[0]),
				"StoreLogs":    g.StoreLogs(entries(4, 4, 1)),
				"DeleteRange":  g.DeleteRange(1, 3),
				"Set":          g.Set([]byte("x"), nil),
				"SetUint64":    g.SetUint64([]byte("x"), 1),
				"LastVoteTerm": g.SetUint64([]byte("LastVoteTerm"), 1),
				"Verify":       g.Verify(1),
				"Err":          g.Err(),
			} {
				if !errors.Is(err, ErrRevoked) {
					t.Errorf("%s on a revoked handle = %v", call, err)
				}
			}
			if name == "destroy" {
				return
			}
			g = e.Group(1)
			if got := content(t, g); got != "1(t1) ..3" {
				t.Errorf("log is %s", got)
			}
			if err := e.Destroy(1); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// Scenario 5.5: a write that is in flight when the group is opened again ends before the new
// handle is given out, so the new instance reads a log that no longer changes.
func TestReopenWaitsForWriteInFlight(t *testing.T) {
	syncing, release := make(chan struct{}, 99), make(chan struct{})
	var hold atomic.Bool
	fs := errorfs.Wrap(vfs.NewMem(), onLogSync(func() error {
		if hold.Load() {
			syncing <- struct{}{}
			<-release
		}
		return nil
	}))
	e := openEngine(t, exact(fs))
	free := sync.OnceFunc(func() { close(release) })
	t.Cleanup(free)
	old := e.Group(1)
	store(t, old, entries(1, 3, 1))
	hold.Store(true)
	stored := make(chan error, 1)
	go func() { stored <- old.StoreLogs(entries(4, 6, 1)) }()
	<-syncing
	reopened := make(chan *Group, 1)
	go func() { reopened <- e.Group(1) }()
	for e.state(1).gen.Load() < 2 { // the old handle is revoked already
		time.Sleep(time.Millisecond)
	}
	select {
	case <-reopened:
		t.Fatal("the group was opened while a write was in flight")
	default:
	}
	hold.Store(false)
	free()
	if err := <-stored; err != nil {
		t.Errorf("the write in flight: %v", err)
	}
	g := <-reopened
	if got := content(t, g); got != "1(t1) ..6" {
		t.Errorf("log is %s", got)
	}
}

// Scenario 5.2: a write that misses the deadline kills the engine; nothing is appended behind it.
func TestWriteDeadline(t *testing.T) {
	release := make(chan struct{})
	var hold atomic.Bool
	fs := errorfs.Wrap(vfs.NewMem(), onLogSync(func() error {
		if hold.Load() {
			<-release
		}
		return nil
	}))
	fatal := make(chan error, 9)
	opts := exact(fs)
	opts.WriteDeadline = 30 * time.Millisecond
	opts.OnFatal = func(err error) { fatal <- err }
	e := openEngine(t, opts)
	free := sync.OnceFunc(func() { close(release) })
	t.Cleanup(free)
	g, other := e.Group(1), e.Group(2)
	store(t, g, entries(1, 3, 1))
	hold.Store(true)
	err := g.StoreLogs(entries(4, 6, 1))
	if !errors.Is(err, ErrDeadline) || !errors.Is(err, ErrFailed) ||
		!graph.IsKind(err, graph.KindDeadline) {
		t.Errorf("a late write returned %v", err)
	}
	if err := <-fatal; !errors.Is(err, ErrDeadline) {
		t.Errorf("OnFatal was told %v", err)
	}
	deadCalls(t, e, g, other)
	hold.Store(false)
	free() // the write lands now
	if err := e.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
	deadCalls(t, e, g, other)
	select {
	case err := <-fatal:
		t.Errorf("OnFatal was called again: %v", err)
	default:
	}
}

// deadCalls checks that every call on a dead engine fails at once.
func deadCalls(t *testing.T, e *Engine, groups ...*Group) {
	t.Helper()
	for _, g := range append(groups, e.Group(3)) {
		_, last := g.LastIndex()
		_, get := g.Get([]byte("x"))
		for call, err := range map[string]error{
			"LastIndex": last, "Get": get,
			"GetLog":      g.GetLog(1, &raft.Log{}),
			"StoreLogs":   g.StoreLogs(entries(4, 4, 2)),
			"DeleteRange": g.DeleteRange(1, 3),
			"SetUint64":   g.SetUint64([]byte("CurrentTerm"), 9),
			"Destroy":     e.Destroy(g.ID()),
		} {
			if !errors.Is(err, ErrFailed) {
				t.Errorf("%s on a dead engine = %v", call, err)
			}
		}
	}
}

func TestWriteError(t *testing.T) {
	for _, cause := range []syscall.Errno{syscall.EIO, syscall.ENOSPC} {
		t.Run(cause.Error(), func(t *testing.T) {
			var broken atomic.Bool
			mem := vfs.NewCrashableMem()
			fs := errorfs.Wrap(mem, onLogSync(func() error {
				if broken.Load() {
					return cause
				}
				return nil
			}))
			fatal := make(chan error, 9)
			opts := exact(fs)
			opts.OnFatal = func(err error) { fatal <- err }
			e := openEngine(t, opts)
			g := e.Group(1)
			store(t, g, entries(1, 3, 1))
			broken.Store(true)
			if err := g.StoreLogs(entries(4, 6, 1)); !errors.Is(err, ErrFailed) || !errors.Is(err, cause) {
				t.Errorf("a failed write returned %v", err)
			}
			err := <-fatal
			if !errors.Is(err, cause) {
				t.Errorf("OnFatal was told %v", err)
			}
			if got := graph.IsKind(err, graph.KindDiskFull); got != (cause == syscall.ENOSPC) {
				t.Errorf("kind is %v", graph.KindOf(err))
			}
			deadCalls(t, e, g)
			after := openEngine(t, exact(crash(mem, 0)))
			if got := content(t, after.Group(1)); got != "1(t1) ..3" {
				t.Errorf("after a restart the log is %s", got)
			}
		})
	}
}

// fullDisk refuses new files while it is full.
func fullDisk(fs vfs.FS, full *atomic.Bool) vfs.FS {
	return errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if full.Load() && op.Kind == errorfs.OpOpen && path.Ext(op.Path) == segmentSuffix {
			return syscall.ENOSPC
		}
		return nil
	}))
}

// On a full disk appends are refused and nothing else: terms, votes and truncations take what is
// reserved, and what a truncation leaves free is written over without a new file.
func TestDiskFull(t *testing.T) {
	var full atomic.Bool
	mem := vfs.NewCrashableMem()
	opts := exact(fullDisk(mem, &full))
	opts.SegmentBytes = 64 << 10
	opts.OnFatal = func(err error) { t.Errorf("fatal: %v", err) }
	e := openEngine(t, opts)
	g, other := e.Group(1), e.Group(2)
	store(t, other, entries(1, 9, 1))
	full.Store(true)
	last := uint64(0)
	var err error
	for n := uint64(32); n > 0; n /= 2 { // to the last byte
		for err = nil; err == nil; last += n {
			if last > 1<<20 {
				t.Fatal("a full disk takes entries without end")
			}
			err = g.StoreLogs(entries(last+1, last+n, 1))
		}
		last -= n
	}
	if !errors.Is(err, ErrDiskFull) || !graph.IsKind(err, graph.KindDiskFull) {
		t.Fatalf("StoreLogs on a full disk = %v", err)
	}
	if got := content(t, g); got != fmt.Sprintf("1(t1) ..%d", last) {
		t.Errorf("after the refusal the log is %s", got)
	}
	for term := uint64(2); term < 40; term++ {
		err = errors.Join(g.SetUint64([]byte("CurrentTerm"), term),
			g.Set([]byte("LastVoteCand"), []byte("a")))
		if err != nil {
			t.Fatalf("a vote on a full disk: %v", err)
		}
	}
	if err := g.StoreLogs(entries(last-5, last+30, 2)); !errors.Is(err, ErrDiskFull) {
		t.Errorf("a conflicting append on a full disk = %v", err)
	}
	if got := content(t, g); got != fmt.Sprintf("1(t1) ..%d", last) {
		t.Errorf("a refused append changed the log to %s", got)
	}
	if err := errors.Join(g.DeleteRange(1, last-1), other.DeleteRange(1, 9)); err != nil {
		t.Errorf("truncation on a full disk: %v", err)
	}
	for i := last + 1; i < last+2000; i++ {
		store(t, g, entries(i, i, 2))
		if err := g.DeleteRange(0, i-1); err != nil {
			t.Fatal(err)
		}
	}
	opts.FS = crash(mem, 0)
	want := fmt.Sprintf("%d(t2) ..%[1]d", last+1999)
	if got := content(t, openEngine(t, opts).Group(1)); got != want {
		t.Errorf("after a restart the log is %s", got)
	}
}

func TestCallsAfterClose(t *testing.T) {
	e := openEngine(t, exact(vfs.NewMem()))
	g := e.Group(1)
	store(t, g, entries(1, 3, 1))
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	for call, err := range map[string]error{
		"GetLog":    g.GetLog(1, &raft.Log{}),
		"StoreLogs": g.StoreLogs(entries(4, 4, 1)),
		"Set":       e.Group(1).Set([]byte("x"), nil),
		"Destroy":   e.Destroy(1),
	} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s on a closed engine = %v", call, err)
		}
	}
	if err := e.Close(); err != nil {
		t.Errorf("second Close = %v", err)
	}
	if m := e.Metrics(); m.Appends != 1 || m.DiskBytes != 0 {
		t.Errorf("metrics of a closed engine: %v", m)
	}
}
