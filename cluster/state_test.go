package cluster

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/codegraphdb/codegraph/graph"
)

// machine applies commands one after the other.
type machine struct {
	*State
	t     testing.TB
	index uint64
}

func newMachine(t testing.TB, shards int) *machine {
	m := &machine{State: NewState(), t: t}
	m.must(&Init{ClusterID: "c", Name: "dev", Nodes: []string{"n1"}, Shards: shards,
		ReplicationFactor: 1, NowMillis: 1})
	m.must(&ExtendWindow{Until: graph.MaxTimestamp})
	return m
}

const testTerm = 3

// stamped is what the leader makes of a command: it keeps the command's time, so that tests say it,
// and draws the next timestamp.
func stamped(s *State, c Command) ([]byte, error) {
	last := s.Snapshot().d.time.Last
	switch c := c.(type) {
	case *OpenImport:
		c.At = last.NextCommit(graph.TimestampAt(c.NowMillis))
	case *CommitImport:
		c.At = last.NextCommit(graph.TimestampAt(c.NowMillis))
	}
	return encodeCommand(c, testTerm)
}

func (m *machine) try(c Command) ([]byte, error) {
	m.t.Helper()
	b, err := stamped(m.State, c)
	if err != nil {
		m.t.Fatal(err)
	}
	m.index++
	return m.Apply(m.index, testTerm, b)
}

func (m *machine) must(c Command) []byte {
	m.t.Helper()
	out, err := m.try(c)
	if err != nil {
		m.t.Fatal(err)
	}
	return out
}

func (m *machine) open(repo, request string) OpenResult {
	m.t.Helper()
	r, err := DecodeResult[OpenResult](m.must(&OpenImport{RepoName: repo, Revision: request,
		Holder: "h", RequestID: request, NowMillis: 5}))
	if err != nil {
		m.t.Fatal(err)
	}
	return r
}

func (m *machine) commit(id graph.Timestamp, index uint64) graph.Timestamp {
	m.t.Helper()
	c := &CommitImport{Import: id, Attempt: 1, NowMillis: 5}
	for _, d := range m.Snapshot().Map().Shards {
		c.Seals = append(c.Seals, ShardIndex{d.ID, index})
	}
	r, err := DecodeResult[CommitResult](m.must(c))
	if err != nil {
		m.t.Fatal(err)
	}
	return r.Commit
}

// TestOutcomeLeavesViewsOnlyWithItsIndex is invariant C6: whoever serves a view either gets an
// outcome with it or must have applied the entry that told it.
func TestOutcomeLeavesViewsOnlyWithItsIndex(t *testing.T) {
	m := newMachine(t, 2)
	told := map[graph.Timestamp]uint64{} // import -> index of the outcome in both shards
	check := func() {
		t.Helper()
		v, err := m.Snapshot().View(0)
		if err != nil {
			t.Fatal(err)
		}
		with := map[graph.Timestamp]bool{}
		for _, o := range v.Outcomes {
			with[o.Import] = true
		}
		for id, index := range told {
			if !with[id] && (v.MinAppliedOf(1) < index || v.MinAppliedOf(2) < index) {
				t.Fatalf("import %s: its outcome is at %d, the view needs %v", id, index, v.MinApplied)
			}
		}
		if len(v.Outcomes) > TailOutcomes+1 {
			t.Fatalf("%d outcomes travel", len(v.Outcomes))
		}
	}
	for i := range uint64(3 * TailOutcomes) {
		im := m.open("r", fmt.Sprint(i))
		m.commit(im.Import, 10*i+1)
		told[im.Import] = 10*i + 5
		check()
		m.must(&OutcomeDone{im.Import, []ShardIndex{{1, 10*i + 5}}})
		check()
		m.must(&OutcomeDone{im.Import, []ShardIndex{{2, 10*i + 5}}})
		check()
	}
	if v, err := m.Snapshot().View(0); err != nil || len(v.Outcomes) != TailOutcomes {
		t.Fatalf("%v, %v", v, err)
	}
	if p := m.Snapshot().PendingOutcomes(); len(p) != 0 {
		t.Fatalf("pending: %v", p)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	m := newMachine(t, 1)
	var first, last graph.Timestamp
	for i := range keptRevisions + 10 {
		im := m.open("r", fmt.Sprint(i))
		last = m.commit(im.Import, uint64(i)+1)
		m.must(&OutcomeDone{im.Import, []ShardIndex{{1, uint64(i) + 1}}})
		if i == 0 {
			first = last
		}
	}
	r, ok := m.Snapshot().Repository("r")
	if !ok || len(r.Revisions) != keptRevisions || r.Count != keptRevisions+10 {
		t.Fatalf("%d revisions, count %d", len(r.Revisions), r.Count)
	}
	if _, err := m.Snapshot().View(first); !graph.IsKind(err, graph.KindNotFound) {
		t.Fatalf("a forgotten revision: %v", err)
	}
	if v, err := m.Snapshot().View(r.Revisions[0].Commit); err != nil || len(v.Revisions) != 1 {
		t.Fatalf("the oldest one remembered: %v, %v", v, err)
	}
	for i := range keptEnded + 10 {
		im := m.open("other", fmt.Sprint("x", i))
		m.must(&AbortImport{im.Import, 1, "", 5})
		m.must(&OutcomeDone{im.Import, []ShardIndex{{1, 1}}})
	}
	if n := len(m.Snapshot().d.ended); n != keptEnded {
		t.Fatalf("%d ended imports", n)
	}
}

func TestDeletedRepositoriesAreBounded(t *testing.T) {
	m := newMachine(t, 1)
	var before graph.Timestamp
	for i := range keptDeleted + 3 {
		name := fmt.Sprint("r", i)
		at := m.commit(m.open(name, fmt.Sprint("open", i)).Import, 1)
		if i == 0 {
			before = at
		}
		r, err := DecodeResult[OpenResult](m.must(&OpenImport{RepoName: name, Delete: true,
			Holder: "h", RequestID: fmt.Sprint("delete", i), NowMillis: 5}))
		if err != nil {
			t.Fatal(err)
		}
		m.commit(r.Import, 1)
	}
	if n := len(m.Snapshot().d.repos); n != keptDeleted {
		t.Fatalf("%d repositories remembered", n)
	}
	if _, err := m.Snapshot().View(before); !graph.IsKind(err, graph.KindNotFound) {
		t.Fatalf("a view of forgotten repositories: %v", err)
	}
}

// TestRandomCommands drives two machines, one of which is restored now and then, and checks what
// must hold after every command.
func TestRandomCommands(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		a, b := newMachine(t, 2), newMachine(t, 2)
		seen := map[graph.Timestamp]bool{}
		var ids []graph.Timestamp
		for range 400 {
			c := randomCommand(rng, ids)
			x, err := a.try(c)
			y, err2 := b.try(c)
			if string(x) != string(y) || fmt.Sprint(err) != fmt.Sprint(err2) {
				t.Fatalf("seed %d: %s %v, %s %v", seed, x, err, y, err2)
			}
			if rng.IntN(10) == 0 {
				image, err := b.Encode()
				if err == nil {
					err = b.Restore(image)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if _, isOpen := c.(*OpenImport); isOpen && err == nil {
				r, err := DecodeResult[OpenResult](x)
				if err != nil {
					t.Fatal(err)
				}
				ids = append(ids, r.Import)
			}
			compareStates(t, a.State, b.State)
			checkState(t, a.Snapshot(), seen)
		}
		if a.Snapshot().LastCommit() == 0 {
			t.Fatalf("seed %d: nothing was ever committed", seed)
		}
	}
}

func randomCommand(rng *rand.Rand, ids []graph.Timestamp) Command {
	now := 1 + rng.Int64N(40_000)
	id := graph.Timestamp(1)
	if len(ids) > 0 {
		id = ids[max(0, len(ids)-1-rng.IntN(4))]
	}
	attempt := uint32(1 + rng.IntN(8)/7)
	switch rng.IntN(10) {
	case 8:
		return randomOperator(rng, now, nil)
	case 9:
		pin := fmt.Sprint("p", rng.IntN(3))
		at := max(id, 200) &^ 1
		return []Command{&RemovePin{pin}, &AddPin{pin, at, now, now}, &AddPin{pin, 2, 0, now},
			&AdvanceSafepoint{at - 100}, &ExtendWindow{at}}[rng.IntN(5)]
	case 0, 1:
		n := rng.IntN(40)
		return &OpenImport{RepoName: fmt.Sprint("r", n%5), Revision: "rev", Holder: "h",
			RequestID: fmt.Sprint(rng.IntN(2000)), Delete: n > 35, NowMillis: now,
			Packages: []Package{{"m", fmt.Sprint(rng.IntN(6))}, {"m", fmt.Sprint(n)}}}
	case 2, 3:
		return &CommitImport{Import: id, Attempt: attempt, NowMillis: now,
			Seals: []ShardIndex{{2, 1 + rng.Uint64N(99)}, {1, 1 + rng.Uint64N(99)}}}
	case 4:
		return &AbortImport{id, attempt, "test", now}
	case 5:
		return &RenewImport{id, attempt, now}
	case 6:
		if rng.IntN(5) == 0 {
			return &Expire{now, 1}
		}
		return &RegisterNode{ID: fmt.Sprint("n", rng.IntN(3)), PeerAddr: "p", NowMillis: now}
	}
	return &OutcomeDone{id, []ShardIndex{{1 + rng.Uint64N(2), 1 + rng.Uint64N(99)}}}
}

// checkState checks C3, C4, C6 and C7.
func checkState(t *testing.T, s *Snapshot, seen map[graph.Timestamp]bool) {
	t.Helper()
	if err := s.d.check(len(s.d.repos), len(s.d.claims)); err != nil {
		t.Fatal(err)
	}
	for _, c := range s.Claims() {
		_, open := s.Import(c.Import)
		if r, ok := s.RepositoryByID(c.Repo); !ok || r.Deleted != 0 || c.Import != 0 && !open {
			t.Fatalf("claim %+v is of nobody", c)
		}
	}
	v, err := s.View(0)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range v.Revisions {
		if r.Commit.IsImport() || r.Commit > s.LastCommit() || r.Import >= r.Commit {
			t.Fatalf("revision %+v of a view at %s", r, v.At)
		}
		seen[r.Commit] = true
	}
	for i, o := range v.Outcomes {
		if o.Commit == 0 || i > 0 && o.Import <= v.Outcomes[i-1].Import {
			t.Fatalf("outcomes %v", v.Outcomes)
		}
	}
}

func TestSnapshotsDoNotChange(t *testing.T) {
	m := newMachine(t, 2)
	var images []string
	var snaps []*Snapshot
	rng := rand.New(rand.NewPCG(7, 7))
	var ids []graph.Timestamp
	for range 300 {
		c := randomCommand(rng, ids)
		if out, err := m.try(c); err == nil {
			if r, err := DecodeResult[OpenResult](out); err == nil && r.Import != 0 {
				ids = append(ids, r.Import)
			}
		}
		image, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		snaps, images = append(snaps, m.Snapshot()), append(images, string(image))
	}
	for i, s := range snaps {
		if image, err := s.Encode(); err != nil || string(image) != images[i] {
			t.Fatalf("snapshot %d has changed (%v)", i, err)
		}
	}
}

func TestReadersBesideApply(t *testing.T) {
	m := newMachine(t, 2)
	ctx, cancel := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for ctx.Err() == nil {
				s := m.Snapshot()
				if v, err := s.View(0); err != nil || v.At != s.LastCommit() {
					t.Errorf("%v, %v", v, err)
				}
				s.Repositories()
			}
		})
	}
	var last graph.Timestamp
	for i := range 200 {
		last = m.commit(m.open("r", fmt.Sprint(i)).Import, uint64(i)+1)
	}
	s, err := m.Wait(t.Context(), func(s *Snapshot) bool { return s.LastCommit() >= last })
	if err != nil || s.LastCommit() != last {
		t.Fatal(err)
	}
	cancel()
	readers.Wait()
}

func TestWaitWakesAndGivesUp(t *testing.T) {
	m := newMachine(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := m.Wait(ctx, func(*Snapshot) bool { return false })
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := m.Wait(t.Context(), func(s *Snapshot) bool { return s.LastCommit() != 0 })
		done <- err
	}()
	m.commit(m.open("r", "q").Import, 1)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestLeaseAfterANewLeader(t *testing.T) {
	m := newMachine(t, 1)
	m.open("r", "q") // renewed at 5
	for _, c := range []struct {
		now, leading int64
		want         bool
	}{{5 + LeaseMillis - 1, 1, false}, {5 + LeaseMillis, 1, true}, {50_000, 45_000, false},
		{55_000, 45_000, true}} {
		if got := m.Snapshot().NeedsExpire(c.now, c.leading); got != c.want {
			t.Errorf("at %d, leading since %d: %v", c.now, c.leading, got)
		}
	}
}

func TestFatal(t *testing.T) {
	for name, b := range map[string]string{
		"newer version": `{"v":3,"kind":"renew","body":{}}`,
		"older version": `{"v":1,"kind":"renew","body":{}}`,
		"newer command": `{"v":2,"kind":"split","body":{}}`,
		"newer field":   `{"v":2,"kind":"expire","body":{"now":1,"leading":1,"why":2}}`,
		"garbage":       "\x00\x01", "empty": "", "null": "null",
		"tail":       `{"v":2,"kind":"expire","body":{}} x`,
		"null body":  `{"v":2,"kind":"expire","body":null}`,
		"wrong type": `{"v":2,"kind":"expire","body":{"now":"x"}}`,
		"deep":       `{"v":2,"kind":"expire","body":` + strings.Repeat("[", 100_000),
		"too long":   strings.Repeat(" ", MaxCommandBytes+1),
	} {
		m := newMachine(t, 1)
		var fatal *FatalError
		if _, err := m.Apply(3, testTerm, []byte(b)); !errors.As(err, &fatal) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := PrepareCommand([]byte(b), Stamp{NowMillis: 1}); err == nil {
			t.Errorf("%s: a leader would propose it", name)
		}
		if m.Snapshot().AppliedIndex() != 2 {
			t.Errorf("%s: was applied", name)
		}
	}
	m := newMachine(t, 1)
	b, err := encodeCommand(&Expire{1, 1}, testTerm)
	if err != nil {
		t.Fatal(err)
	}
	var fatal *FatalError
	if _, err := m.Apply(2, testTerm, b); !errors.As(err, &fatal) {
		t.Errorf("an index that is applied already: %v", err)
	}
}

func TestPrepareCommandStamps(t *testing.T) {
	b, err := EncodeCommand(&RenewImport{Import: 3, Attempt: 1, NowMillis: 1 << 40})
	if err != nil {
		t.Fatal(err)
	}
	if b, err = PrepareCommand(b, Stamp{NowMillis: 77, Term: 9}); err != nil {
		t.Fatal(err)
	}
	c, term, err := decodeCommand(b)
	if r, ok := c.(*RenewImport); err != nil || !ok || r.NowMillis != 77 || r.Import != 3 ||
		term != 9 {
		t.Fatalf("%+v, %v", c, err)
	}
}

func TestRestoreRefuses(t *testing.T) {
	m := newMachine(t, 2)
	m.open("r", "q")
	image, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(image), "\n")
	swap := func(old, new string) string {
		if !strings.Contains(body, old) {
			t.Fatalf("no %q in %s", old, body)
		}
		return string(seal(snapshotName, snapshotFormat, []byte(strings.Replace(body, old, new, 1))))
	}
	for name, b := range map[string]string{
		"empty": "", "torn": string(image[:len(image)-3]), "flipped": flip(string(image)),
		"format": strings.Replace(string(image), "meta 2 ", "meta 1 ", 1),
		"other":  strings.Replace(string(image), "meta", "mega", 1),
		"field":  swap(`"rf":1`, `"rf":1,"zz":1`), "hole": swap(`"hi":32767`, `"hi":32511`),
		"id":    swap(`"last_repo":1`, `"last_repo":0`),
		"null":  swap(`"repos":[`, `"repos":[null,`),
		"order": swap(`"last_commit":0`, `"last_commit":9999999999999999999`),
		"lock":  swap(`"importing":`, `"importing":2`), "cluster": swap(`_id":"c"`, `_id":""`),
	} {
		var fatal *FatalError
		if err := m.Restore([]byte(b)); !errors.As(err, &fatal) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := m.Restore(image); err != nil {
		t.Fatal(err)
	}
}

func flip(s string) string {
	b := []byte(s)
	b[len(b)/2] ^= 1
	return string(b)
}

func FuzzApply(f *testing.F) {
	for _, c := range []Command{&Expire{20_000, 1}, &RenewImport{graph.TimestampAt(5) | 1, 1, 9},
		&OpenImport{RepoName: "s", Revision: "x", RequestID: "z", NowMillis: 9},
		&CommitImport{Import: graph.TimestampAt(5) | 1, Attempt: 1, NowMillis: 7,
			Seals: []ShardIndex{{1, 1}, {2, 2}}}} {
		b, err := encodeCommand(c, testTerm)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m := newMachine(t, 2)
		m.open("r", "q")
		_, _ = m.Apply(m.index+1, testTerm, b)
		image, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Restore(image); err != nil {
			t.Fatalf("%q: %v", b, err)
		}
		checkState(t, m.Snapshot(), map[graph.Timestamp]bool{})
	})
}

func FuzzRestore(f *testing.F) {
	m := newMachine(f, 2)
	m.open("r", "q")
	image, err := m.Encode()
	if err != nil {
		f.Fatal(err)
	}
	_, body, _ := strings.Cut(string(image), "\n")
	f.Add([]byte(body))
	f.Fuzz(func(t *testing.T, body []byte) {
		s := NewState()
		if s.Restore(seal(snapshotName, snapshotFormat, body)) != nil {
			return
		}
		m := &machine{State: s, t: t, index: s.Snapshot().AppliedIndex()}
		if m.index > 1<<60 {
			return
		}
		for _, c := range []Command{&Expire{1 << 40, 1}, &RegisterNode{ID: "n", PeerAddr: "p",
			NowMillis: 1}, &OpenImport{RepoName: "r", Revision: "x", RequestID: "z", NowMillis: 9}} {
			_, _ = m.try(c)
		}
		_, _ = s.Snapshot().View(0)
		s.Snapshot().PendingOutcomes()
	})
}

// TestLongHistory: the commits that `cgctl ingest` lists of a repository with a long history fit.
func TestLongHistory(t *testing.T) {
	m := newMachine(t, 1)
	c := &OpenImport{RepoName: "r", Revision: "c0", Holder: "h", RequestID: "q", NowMillis: 5}
	for i := range 1000 {
		c.Commits = append(c.Commits, fmt.Sprintf("%040d", i))
	}
	m.must(c)
}
