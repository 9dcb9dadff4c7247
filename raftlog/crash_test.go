package raftlog

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// crash returns the file system as it may be after a power loss: what was synced and a random
// part of what was not.
func crash(fs *vfs.MemFS, seed uint64) *vfs.MemFS {
	percent := int(seed%3) * 50
	return fs.CrashClone(vfs.CrashCloneCfg{
		UnsyncedDataPercent: percent,
		RNG:                 rand.New(rand.NewPCG(seed, 1)),
	})
}

// model is what a group must hold: its acknowledged writes.
type model struct {
	first, last uint64
	terms       map[uint64]uint64
	term        uint64
}

func (m *model) append(first, last, term uint64) {
	if m.last != 0 && first > m.last+1 {
		*m = model{term: m.term}
	}
	if m.terms == nil {
		m.terms = map[uint64]uint64{}
	}
	if m.last == 0 || first <= m.first {
		m.first = first
	}
	for i := first; i <= last; i++ {
		m.terms[i] = term
	}
	m.last = last
}

func (m *model) String() string {
	s := ""
	var term uint64
	for i := m.first; i <= m.last && m.last != 0; i++ {
		if m.terms[i] != term {
			term = m.terms[i]
			s += fmt.Sprintf("%d(t%d) ", i, term)
		}
	}
	return s + fmt.Sprintf("..%d", m.last)
}

// step does one random acknowledged write.
func (m *model) step(t *testing.T, g *Group, rng *rand.Rand) {
	t.Helper()
	m.term++
	n := rng.Uint64N(4)
	first := m.last + 1
	switch k := rng.IntN(10); {
	case k == 0 && m.last > 2: // conflict
		first = m.last - 2
	case k == 1: // a snapshot was installed
		first = m.last + 10
	case k == 2 && m.last > m.first: // compaction
		if err := g.DeleteRange(m.first, m.last-1); err != nil {
			t.Fatal(err)
		}
		m.first = m.last
		return
	case k == 3 && m.last > m.first: // conflict, as Raft clears it
		if err := g.DeleteRange(m.last, m.last); err != nil {
			t.Fatal(err)
		}
		m.last--
		return
	}
	store(t, g, entries(first, first+n, m.term))
	m.append(first, first+n, m.term)
	err := errors.Join(
		g.SetUint64([]byte("CurrentTerm"), m.term),
		g.SetUint64([]byte("LastVoteTerm"), m.term),
		g.Set([]byte("LastVoteCand"), fmt.Append(nil, m.term)),
	)
	if err != nil {
		t.Fatal(err)
	}
}

func TestCrashLosesNothingAcknowledged(t *testing.T) {
	for seed := uint64(0); seed < 12; seed++ {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 0))
			fs := vfs.NewCrashableMem()
			opts := exact(fs)
			opts.SegmentBytes = 16 << 10 // so that segments change
			models := []*model{{}, {}, {}}
			for round := uint64(0); round < 4; round++ {
				opts.FS = fs
				e := openEngine(t, opts)
				handles := make([]*Group, len(models))
				for id, m := range models {
					g := e.Group(uint64(id))
					handles[id] = g
					if got := content(t, g); got != m.String() {
						t.Fatalf("round %d: group %d is %s, want %s", round, id, got, m)
					}
					checkTerms(t, g, m.term)
				}
				for range 60 {
					id := rng.IntN(len(models))
					models[id].step(t, handles[id], rng)
				}
				fs = crash(fs, seed+round)
			}
		})
	}
}

func checkTerms(t *testing.T, g *Group, term uint64) {
	t.Helper()
	vote, cand := vote(t, g)
	if cur, err := g.GetUint64([]byte("CurrentTerm")); err != nil || cur < vote {
		t.Fatalf("term %d below vote %d, %v", cur, vote, err)
	}
	if vote != 0 && cand != fmt.Sprint(vote) {
		t.Fatalf("the vote of term %d is for the candidate of %s", vote, cand)
	}
	if vote > term {
		t.Fatalf("vote of term %d, term is %d", vote, term)
	}
}

func vote(t *testing.T, g *Group) (uint64, string) {
	t.Helper()
	term, err1 := g.GetUint64([]byte("LastVoteTerm"))
	cand, err2 := g.Get([]byte("LastVoteCand"))
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return term, string(cand)
}

// Scenario A.4: a crash between Raft's two writes of a vote must not give the new term to the
// candidate of the old one. CurrentTerm is durable at once.
func TestCrashBetweenVoteTermAndCandidate(t *testing.T) {
	fs := vfs.NewCrashableMem()
	e := openEngine(t, exact(fs))
	g := e.Group(1)
	err := errors.Join(
		g.SetUint64([]byte("CurrentTerm"), 4),
		g.SetUint64([]byte("LastVoteTerm"), 4),
		g.Set([]byte("LastVoteCand"), []byte("a")),
	)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.SetUint64([]byte("CurrentTerm"), 5); err != nil {
		t.Fatal(err)
	}
	if err := g.SetUint64([]byte("LastVoteTerm"), 5); err != nil {
		t.Fatal(err)
	}
	if term, cand := vote(t, g); term != 4 || cand != "a" {
		t.Errorf("between the writes the vote reads %d %q", term, cand)
	}
	for percent := 0; percent <= 100; percent += 100 {
		cfg := vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rand.New(rand.NewPCG(1, 1))}
		after := openEngine(t, exact(fs.CrashClone(cfg))).Group(1)
		if term, cand := vote(t, after); term != 4 || cand != "a" {
			t.Errorf("after a crash the vote is %d %q", term, cand)
		}
		if cur, err := after.GetUint64([]byte("CurrentTerm")); cur != 5 || err != nil {
			t.Errorf("after a crash the term is %d, %v", cur, err)
		}
	}
	if err := g.Set([]byte("LastVoteCand"), []byte("b")); err != nil {
		t.Fatal(err)
	}
	after := openEngine(t, exact(crash(fs, 0))).Group(1)
	if term, cand := vote(t, after); term != 5 || cand != "b" {
		t.Errorf("an acknowledged vote reads %d %q after a crash", term, cand)
	}
	// A restarted instance does not inherit a term that was held back.
	if err := g.SetUint64([]byte("LastVoteTerm"), 9); err != nil {
		t.Fatal(err)
	}
	g = e.Group(1)
	if err := g.Set([]byte("LastVoteCand"), []byte("c")); err != nil {
		t.Fatal(err)
	}
	if term, _ := vote(t, g); term != 5 {
		t.Errorf("the old handle's vote term %d came through", term)
	}
}
