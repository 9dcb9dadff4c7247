package cluster

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/codegraphdb/codegraph/graph"
)

// TestBootstrapEnds runs three nodes that crash at random, losing what they were told, and expects
// one cluster of all three.
func TestBootstrapEnds(t *testing.T) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 3))
		f := &founders{t: t, model: newModel(3, 3, 3), state: make(modelState, 3),
			dirs: []string{t.TempDir(), t.TempDir(), t.TempDir()}, pledged: make([][]string, 3)}
		missing := func(n modelNode) bool { return n.cluster == "" }
		for step := 0; slices.ContainsFunc(f.state, missing); step++ {
			if step > 10_000 {
				t.Fatalf("seed %d: stuck at %s", seed, f.state.key())
			}
			i := rng.IntN(3)
			if rng.IntN(3) == 0 {
				f.crash(i)
			}
			f.step(i, fmt.Sprint("id", step))
		}
		s := f.state
		if s[0].cluster != s[1].cluster || s[1].cluster != s[2].cluster {
			t.Fatalf("seed %d: %s", seed, s.key())
		}
		if err := f.model.check(s); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// founders are nodes with real data directories.
type founders struct {
	t       *testing.T
	model   *model
	state   modelState
	dirs    []string
	pledged [][]string // the answers that each has heard
}

// crash leaves node i with what is on disk.
func (f *founders) crash(i int) {
	p, err := LoadPledge(f.dirs[i])
	if err != nil {
		f.t.Fatal(err)
	}
	f.pledged[i], f.state[i].pledge = nil, p
}

// step lets node i decide once and does what it decided.
func (f *founders) step(i int, fresh string) {
	var peers []Peer
	for j := range f.state {
		peers = append(peers, Peer{ID: f.model.id(j), PeerAddr: "h:1", Name: "dev", Expect: 3,
			ClusterID: f.state[j].cluster, Alive: true})
	}
	a := Decide(BootstrapView{Self: f.model.self(f.state, i), Peers: peers, Pledged: f.pledged[i],
		NewClusterID: fresh})
	switch a.Kind {
	case ActionSavePledge:
		f.save(i, a.Pledge)
	case ActionSendPledge:
		for _, to := range a.To {
			j := int(to.ID[0] - 'a')
			if err := HandlePledge(f.model.self(f.state, j), a.Pledge); err != nil {
				f.t.Fatal(err)
			}
			f.save(j, a.Pledge)
			f.pledged[i] = append(f.pledged[i], to.ID)
		}
	case ActionFound:
		f.state[i].cluster = a.ClusterID
	case ActionRefuse, ActionJoin:
		f.t.Fatalf("%v: %s", a.Kind, a.Reason)
	}
}

func (f *founders) save(i int, p *Pledge) {
	if err := SavePledge(f.dirs[i], p); err != nil {
		f.t.Fatal(err)
	}
	f.state[i].pledge = p
}

func unfounded(expect int, ids ...string) []Peer {
	var out []Peer
	for _, id := range ids {
		out = append(out, Peer{ID: id, PeerAddr: id + ":1", Name: "dev", Expect: expect, Alive: true})
	}
	return out
}

func TestDecide(t *testing.T) {
	member := Peer{ID: "m", PeerAddr: "m:1", Name: "dev", ClusterID: "X", Alive: true}
	dead := member
	dead.Alive = false
	stranger := member
	stranger.Name = "prod"
	second := Peer{ID: "k", Name: "dev", ClusterID: "Y", Alive: true}
	me := Self{ID: "a", PeerAddr: "a:1", Name: "dev", Expect: 3}
	joiner := Self{ID: "a", Name: "dev"}
	pledge := &Pledge{ClusterID: "X", Name: "dev", Members: []Member{{"a", ""}, {"b", "old:1"}}}
	pledged := Self{ID: "a", Name: "dev", Expect: 2, Pledge: pledge}
	founded := pledged
	founded.ClusterID = "X"
	other := pledged
	other.ID = "b"
	renamed := pledged
	renamed.Name = "prod"
	copied := pledged
	copied.ID = "z"
	for _, c := range []struct {
		name   string
		view   BootstrapView
		kind   ActionKind
		detail string
	}{
		{"alone", BootstrapView{Self: me}, ActionWait, "found 1 of the 3 nodes"},
		{"two", BootstrapView{Self: me, Peers: unfounded(3, "b")}, ActionWait, "a, b"},
		{"itself is no peer", BootstrapView{Self: me, Peers: unfounded(3, "a", "b")}, ActionWait,
			"found 2"},
		{"founder", BootstrapView{Self: me, Peers: unfounded(3, "c", "b"), NewClusterID: "N"},
			ActionSavePledge, ""},
		{"seen twice", BootstrapView{Self: me, Peers: unfounded(3, "b", "b")}, ActionWait, "found 2"},
		{"not the founder", BootstrapView{Self: Self{ID: "c", Name: "dev", Expect: 3},
			Peers: unfounded(3, "a", "b")}, ActionWait, "waiting for a"},
		{"too many", BootstrapView{Self: me, Peers: unfounded(3, "b", "c", "d")}, ActionRefuse,
			"found 4 nodes without a cluster (a, b, c, d), but --bootstrap-expect is 3"},
		{"dead ones do not count", BootstrapView{Self: me,
			Peers: append(unfounded(3, "b"), dead)}, ActionWait, "found 2"},
		{"joiners do not count", BootstrapView{Self: me, NewClusterID: "N",
			Peers: append(unfounded(3, "b", "c"), unfounded(0, "d")...)}, ActionSavePledge, ""},
		{"they disagree", BootstrapView{Self: me, Peers: unfounded(5, "b", "c")}, ActionRefuse,
			"node b has --bootstrap-expect=5, this node has 3"},
		{"no id", BootstrapView{Self: me, Peers: unfounded(3, "b", "c")}, ActionRefuse, "cluster id"},
		{"a cluster exists", BootstrapView{Self: me,
			Peers: append(unfounded(3, "b", "c"), member)}, ActionJoin, "exists (X)"},
		{"another name", BootstrapView{Self: me, Peers: []Peer{stranger}}, ActionWait, "found 1"},
		{"two clusters", BootstrapView{Self: me, Peers: []Peer{member, second}}, ActionRefuse, "X, Y"},
		{"joiner", BootstrapView{Self: joiner, Peers: unfounded(3, "b")}, ActionWait, "--join"},
		{"joiner joins", BootstrapView{Self: joiner, Peers: []Peer{member}}, ActionJoin, ""},
		{"pledged", BootstrapView{Self: pledged}, ActionSendPledge, "pledges of b"},
		{"all answered", BootstrapView{Self: pledged, Pledged: []string{"b"}}, ActionFound, ""},
		{"pledged, not the founder", BootstrapView{Self: other}, ActionWait, "founder a"},
		{"pledged, seen founded", BootstrapView{Self: other, Peers: []Peer{member}}, ActionFound, ""},
		{"pledged, other cluster", BootstrapView{Self: pledged, Peers: []Peer{second},
			Pledged: []string{"b"}}, ActionRefuse, "there is a cluster Y"},
		{"pledged, renamed", BootstrapView{Self: renamed}, ActionRefuse, `says "prod"`},
		{"copied directory", BootstrapView{Self: copied}, ActionRefuse, "was copied"},
		{"member", BootstrapView{Self: founded, Peers: unfounded(2, "b", "c")}, ActionMember, ""},
	} {
		a := Decide(c.view)
		if a.Kind != c.kind || !strings.Contains(a.Reason, c.detail) {
			t.Errorf("%s: %v, %q; want %v, %q", c.name, a.Kind, a.Reason, c.kind, c.detail)
		}
		if again := Decide(c.view); !reflect.DeepEqual(again, a) {
			t.Errorf("%s: decides %v, then %v", c.name, a, again)
		}
	}
	if a := Decide(BootstrapView{Self: founded, Peers: unfounded(2, "b", "c")}); len(a.To) != 1 ||
		a.To[0] != (Member{"b", "b:1"}) {
		t.Errorf("tells %v", a.To)
	}
	if a := Decide(BootstrapView{Self: pledged, Peers: unfounded(2, "b")}); len(a.To) != 1 ||
		a.To[0] != (Member{"b", "b:1"}) {
		t.Errorf("asks %v at the address it had", a.To)
	}
}

func TestHandlePledgeRefuses(t *testing.T) {
	good := func() *Pledge {
		return &Pledge{ClusterID: "X", Name: "dev", Members: []Member{{"a", "a:1"}, {"b", "b:1"}}}
	}
	self := Self{ID: "b", Name: "dev", Expect: 2}
	if err := HandlePledge(self, good()); err != nil {
		t.Fatal(err)
	}
	held := self
	held.Pledge, held.ClusterID = good(), "X"
	if err := HandlePledge(held, good()); err != nil {
		t.Fatalf("repeated after the founding: %v", err)
	}
	for name, c := range map[string]func(*Self, *Pledge){
		"not a member": func(s *Self, _ *Pledge) { s.ID = "c" },
		"name":         func(s *Self, _ *Pledge) { s.Name = "prod" },
		"expect":       func(s *Self, _ *Pledge) { s.Expect = 3 },
		"founded":      func(s *Self, _ *Pledge) { s.ClusterID = "X" },
		"other id":     func(s *Self, p *Pledge) { s.Pledge = good(); p.ClusterID = "Y" },
		"other set":    func(s *Self, p *Pledge) { s.Pledge = good(); p.Members[0].ID = "A" },
		"empty":        func(_ *Self, p *Pledge) { p.Members = nil },
		"unsorted":     func(_ *Self, p *Pledge) { slices.Reverse(p.Members) },
		"twice":        func(_ *Self, p *Pledge) { p.Members[0] = p.Members[1] },
		"no id":        func(_ *Self, p *Pledge) { p.ClusterID = "" },
		"hostile id":   func(_ *Self, p *Pledge) { p.ClusterID = "\x1b[2J" },
		"hostile":      func(_ *Self, p *Pledge) { p.Members[0].ID = "a/../b" },
	} {
		s, p := self, good()
		c(&s, p)
		if err := HandlePledge(s, p); !graph.IsKind(err, graph.KindConflict) &&
			!graph.IsKind(err, graph.KindInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, s := range map[string]Self{"no pledge": self,
		"other": {ID: "b", ClusterID: "Y"}} {
		if err := HandleFound(s, "X"); !graph.IsKind(err, graph.KindConflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := HandleFound(self, ""); !graph.IsKind(err, graph.KindInvalid) {
		t.Error(err)
	}
}

func TestPledgeFile(t *testing.T) {
	dir := t.TempDir()
	if p, err := LoadPledge(dir); p != nil || err != nil {
		t.Fatal(p, err)
	}
	p := &Pledge{ClusterID: "X", Name: "dev", Members: []Member{{"a", "a:1"}, {"b", "b:1"}}}
	for range 2 {
		if err := SavePledge(dir, p); err != nil {
			t.Fatal(err)
		}
	}
	back, err := LoadPledge(dir)
	if err != nil || !back.Same(p) || back.Members[1] != p.Members[1] {
		t.Fatalf("%+v, %v", back, err)
	}
	q := *p
	q.ClusterID = "Y"
	if err := SavePledge(dir, &q); !graph.IsKind(err, graph.KindConflict) {
		t.Fatal(err)
	}
	path := filepath.Join(dir, pledgeFile)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"empty": {}, "torn": whole[:len(whole)-9],
		"flipped": []byte(flip(string(whole)))} {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if p, err := LoadPledge(dir); !graph.IsKind(err, graph.KindCorrupt) {
			t.Errorf("%s: %v, %v", name, p, err)
		}
		if err := SavePledge(dir, p); err == nil {
			t.Errorf("%s: was overwritten", name)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.tmp")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := SavePledge(filepath.Join(dir, "nowhere"), p); err == nil {
		t.Error("saved in a directory that is not there")
	}
}

// TestPledgeRace is one node that founds and is asked by another founder at the same moment.
func TestPledgeRace(t *testing.T) {
	for range 20 {
		dir := t.TempDir()
		var wg sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			wg.Go(func() {
				errs[i] = SavePledge(dir, &Pledge{ClusterID: fmt.Sprint("c", i%4), Name: "dev",
					Members: []Member{{"a", ""}, {"b", ""}}})
			})
		}
		wg.Wait()
		kept, err := LoadPledge(dir)
		if err != nil || kept == nil {
			t.Fatal(kept, err)
		}
		for i, err := range errs {
			var refused *graph.Error
			if same := kept.ClusterID == fmt.Sprint("c", i%4); same != (err == nil) ||
				err != nil && !(errors.As(err, &refused) && refused.Kind == graph.KindConflict) {
				t.Fatalf("pledge %d, kept %s: %v", i%4, kept.ClusterID, err)
			}
		}
	}
}
