package raftlog

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/hashicorp/raft"
)

// groupModel is what a group must hold.
type groupModel struct {
	model
	cand   string
	commit uint64
}

func (m groupModel) clone() groupModel {
	m.terms = maps.Clone(m.terms)
	return m
}

// describe says what a group of an engine holds, in the words of groupModel.String.
func describe(t *testing.T, g *Group) string {
	t.Helper()
	term, cand := vote(t, g)
	commit, err := g.GetCommitIndex()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s, vote %d %q, commit %d", content(t, g), term, cand, commit)
}

// String describes the group.
func (m groupModel) String() string {
	return fmt.Sprintf("%s, vote %d %q, commit %d", m.model.String(), m.term, m.cand,
		min(m.commit, m.last))
}

// padded returns entries of very different lengths.
func padded(first, last, term uint64, rng *rand.Rand) []*raft.Log {
	logs := entries(first, last, term)
	for _, l := range logs {
		if n := rng.IntN(1500); n%3 > 0 {
			l.Extensions = make([]byte, n)
		}
	}
	return logs
}

// step changes the model and returns the one write that makes the group the same.
func (m *groupModel) step(rng *rand.Rand, slow bool) func(e *Engine, g *Group) error {
	first, n := m.last+1, rng.Uint64N(5)
	switch k := rng.IntN(12); {
	case k == 0:
		m.term++
		m.cand = fmt.Sprint("c", m.term)
		term, cand := m.term, m.cand
		return func(_ *Engine, g *Group) error {
			return errors.Join(g.SetUint64(nameVoteTerm, term), g.Set(nameVoteCand, []byte(cand)))
		}
	case k == 1 && m.last > max(m.first, m.commit)+2: // conflict
		first = m.last - 1
	case k == 2 && !slow: // a snapshot was installed
		first = m.last + 10
	case k <= 5 && m.last > m.first && !slow: // compaction
		from, to := m.first, m.first+rng.Uint64N(m.last-m.first)
		m.first = to + 1
		return func(_ *Engine, g *Group) error { return g.DeleteRange(from, to) }
	case k == 6 && m.last > max(m.first, m.commit)+1: // conflict, as Raft clears it
		last := m.last
		m.last--
		return func(_ *Engine, g *Group) error { return g.DeleteRange(last, last) }
	case k == 7 && rng.IntN(20) == 0 && !slow:
		*m = groupModel{}
		return func(e *Engine, g *Group) error { return e.Destroy(g.ID()) }
	}
	logs := padded(first, first+n, m.term, rng)
	m.append(first, first+n, m.term)
	if commit := first - 1; rng.IntN(2) == 0 && commit > m.commit {
		m.commit = commit
	}
	commit := m.commit
	return func(_ *Engine, g *Group) error {
		return errors.Join(g.StageCommitIndex(commit), g.StoreLogs(logs))
	}
}

// crashes takes copies of a file system at random operations, each as it may be after a power
// loss, with what every group may hold then: what was acknowledged, or the write in flight too.
type crashes struct {
	mu      sync.Mutex
	mem     *vfs.MemFS
	rng     *rand.Rand
	acked   []string
	pending []string
	taken   []crashPoint
}

type crashPoint struct {
	fs             *vfs.MemFS
	acked, pending []string
}

// MaybeError implements errorfs.Injector.
func (c *crashes) MaybeError(op errorfs.Op) error {
	if op.Kind.ReadOrWrite() == errorfs.OpIsRead && op.Kind != errorfs.OpOpen {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if path.Ext(op.Path) == segmentSuffix && c.rng.IntN(60) == 0 {
		c.taken = append(c.taken, crashPoint{
			fs: c.mem.CrashClone(vfs.CrashCloneCfg{
				UnsyncedDataPercent: c.rng.IntN(101), RNG: c.rng}),
			acked:   append([]string(nil), c.acked...),
			pending: append([]string(nil), c.pending...),
		})
	}
	return nil
}

// String implements errorfs.Injector.
func (c *crashes) String() string { return "crashes" }

// Random writes of groups, of which one never truncates, in segments so small that they are
// recycled and rewritten all the time. After a crash at any moment each group holds what was
// acknowledged, or that and the write in flight; never a part, a hole, or anything older.
func TestModelWithCrashes(t *testing.T) {
	points := 0
	for seed := uint64(0); seed < 6; seed++ {
		c := &crashes{mem: vfs.NewCrashableMem(), rng: rand.New(rand.NewPCG(seed, 2))}
		rng := rand.New(rand.NewPCG(seed, 3))
		opts := exact(errorfs.Wrap(c.mem, c))
		opts.SegmentBytes, opts.MaxBytes, opts.CacheBytes = 1, 80<<10, 8<<10
		opts.OnFatal = func(err error) { t.Errorf("fatal: %v", err) }
		models := make([]groupModel, 4)
		for _, m := range models {
			c.acked, c.pending = append(c.acked, m.String()), append(c.pending, m.String())
		}
		var rewritten, released uint64
		for round := 0; round < 3; round++ {
			e := openEngine(t, opts)
			runModel(t, e, c, models, rng)
			rewritten += e.Metrics().Rewritten
			released = max(released, uint64(e.segs.usage().lowest))
			if err := e.Close(); err != nil {
				t.Fatal(err)
			}
			checkCache(t, e)
			checkModel(t, c.mem, crashPoint{acked: c.acked, pending: c.acked})
		}
		if rewritten == 0 || released < 5 {
			t.Errorf("seed %d: %d entries rewritten, segment %d is the oldest", seed, rewritten, released)
		}
		for _, p := range c.taken {
			checkModel(t, p.fs, p)
		}
		points += len(c.taken)
	}
	if points < 100 {
		t.Errorf("%d crashes", points)
	}
}

// runModel does random writes.
func runModel(t *testing.T, e *Engine, c *crashes, models []groupModel, rng *rand.Rand) {
	t.Helper()
	groups := make([]*Group, len(models))
	for i := range models {
		groups[i] = e.Group(uint64(i))
	}
	for range 250 {
		i := rng.IntN(len(models))
		if i == 0 && models[0].last > 30 {
			i = 1 // the slow one is small
		}
		next := models[i].clone()
		write := next.step(rng, i == 0)
		c.mu.Lock()
		c.pending[i] = next.String()
		c.mu.Unlock()
		if err := write(e, groups[i]); err != nil {
			t.Fatal(err)
		}
		c.mu.Lock()
		c.acked[i] = next.String()
		c.mu.Unlock()
		models[i] = next
		if next.last == 0 {
			groups[i] = e.Group(uint64(i)) // destroyed
		}
	}
}

// checkCache checks that an engine that was closed knows what it holds in memory.
func checkCache(t *testing.T, e *Engine) {
	t.Helper()
	var sum int64
	for _, st := range e.states() {
		var bytes int64
		for i, l := range st.recent.logs {
			bytes += int64(entryBytes(&l))
			if _, ok := st.index.at(l.Index); !ok || l.Index != st.recent.logs[0].Index+uint64(i) {
				t.Errorf("group %d: entry %d is in memory, the log is %+v", st.id, l.Index, st.ext)
			}
		}
		if bytes != st.recent.bytes {
			t.Errorf("group %d: %d bytes in memory, %d counted", st.id, bytes, st.recent.bytes)
		}
		sum += bytes
	}
	if c := e.writer.cache; c.bytes != sum || sum > c.limit {
		t.Errorf("%d bytes in memory, %d counted, the limit is %d", sum, c.bytes, c.limit)
	}
}

// checkModel opens what a crash left, twice.
func checkModel(t *testing.T, fs *vfs.MemFS, p crashPoint) {
	t.Helper()
	opts := exact(fs)
	opts.SegmentBytes = 1
	var before []string
	for open := range 2 {
		e, err := Open("log", opts)
		if err != nil {
			t.Fatalf("open %d after a crash: %v", open, err)
		}
		for i := range p.acked {
			got := describe(t, e.Group(uint64(i)))
			if got != p.acked[i] && got != p.pending[i] {
				t.Errorf("group %d is\n%s, acknowledged was\n%s, in flight\n%s", i, got, p.acked[i],
					p.pending[i])
			}
			if open == 1 && got != before[i] {
				t.Errorf("group %d is\n%s, before it was\n%s", i, got, before[i])
			}
			before = append(before, got)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A segment that is written over again shows nothing of what was in it, however much of the new
// rounds there is.
func TestRecycledSegments(t *testing.T) {
	fs := vfs.NewCrashableMem()
	opts := exact(fs)
	opts.SegmentBytes = 1
	e := openEngine(t, opts)
	g := e.Group(1)
	rng := rand.New(rand.NewPCG(1, 1))
	for i := uint64(1); i <= 400; i++ {
		store(t, g, padded(i, i, i, rng))
		if err := g.DeleteRange(0, i-1); err != nil {
			t.Fatal(err)
		}
		if i%16 > 0 {
			continue
		}
		for seed := range uint64(3) {
			opts.FS = crash(fs, seed)
			after := openEngine(t, opts)
			if got := content(t, after.Group(1)); got != fmt.Sprintf("%d(t%[1]d) ..%[1]d", i) {
				t.Fatalf("after a crash the log is %s, %d was acknowledged", got, i)
			}
			_ = after.Close()
		}
	}
	if u := e.segs.usage(); u.lowest < 10 || u.log+u.free > 6 {
		t.Errorf("%d segments from %d on and %d free", u.log, u.lowest, u.free)
	}
}

// Who looked up an entry before it was truncated, and reads when its segment was written over,
// is told that the entry is not there.
func TestReadOfRecycledSegment(t *testing.T) {
	var onRead func() // of the only reader
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if f := onRead; op.Kind == errorfs.OpFileReadAt && f != nil {
			onRead = nil
			f()
		}
		return nil
	}))
	opts := uncached(fs)
	opts.SegmentBytes = 1
	opts.OnCorrupt = func(id uint64, err error) { t.Errorf("group %d: %v", id, err) }
	e := openEngine(t, opts)
	g := e.Group(1)
	store(t, g, entries(1, 3, 1))
	lies := spotOf(t, e, 1, 2).name
	onRead = func() {
		for i := uint64(4); ; i++ {
			store(t, g, entries(i, i, 1))
			if err := g.DeleteRange(1, i-1); err != nil {
				t.Fatal(err)
			}
			if cur := e.segs.get(e.segs.usage().lowest); cur.name == lies && cur.id > 1 {
				return
			}
		}
	}
	var l raft.Log
	if err := g.GetLog(2, &l); err != raft.ErrLogNotFound {
		t.Errorf("GetLog = %v", err)
	}
}

// Reads never see a segment that was written over since they looked up their entry.
func TestReadersDuringRecycling(t *testing.T) {
	opts := uncached(vfs.NewMem())
	opts.SegmentBytes, opts.MaxBytes = 1, 1
	opts.OnCorrupt = func(id uint64, err error) { t.Errorf("group %d: %v", id, err) }
	e := openEngine(t, opts)
	slow, fast := e.Group(1), e.Group(2)
	store(t, slow, entries(1, 50, 1))
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for _, g := range []*Group{slow, fast} {
		wg.Go(func() {
			var l raft.Log
			for {
				select {
				case <-stop:
					return
				default:
				}
				first, _ := g.FirstIndex()
				if err := g.GetLog(first, &l); err != nil && err != raft.ErrLogNotFound {
					t.Errorf("GetLog(%d): %v", first, err)
					return
				}
			}
		})
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for i := uint64(1); i < 1500; i++ {
		store(t, fast, padded(i, i, 1, rng))
		if err := fast.DeleteRange(0, i-1); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	wg.Wait()
	if got := content(t, slow); got != "1(t1) ..50" || e.Metrics().Rewritten == 0 {
		t.Errorf("the slow group is %s, %v", got, e.Metrics())
	}
}
