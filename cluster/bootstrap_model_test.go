package cluster

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// The model: every node at every moment may decide with any view that gossip could give it (any
// peers missing, any news of memberships stale), with any answers lost, and any request that was
// ever sent may arrive, again and again. A crash loses only what is not persisted, that is answers
// and views, so it needs no step of its own. All states that can be reached are visited.

// modelNode is what a node has persisted.
type modelNode struct {
	pledge  *Pledge
	cluster string
}

type modelState []modelNode

func (s modelState) key() string {
	var b strings.Builder
	for _, n := range s {
		if n.pledge != nil {
			fmt.Fprint(&b, n.pledge.ClusterID, n.pledge.IDs())
		}
		fmt.Fprintf(&b, "|%s;", n.cluster)
	}
	return b.String()
}

// model explores the states; the decisions can be replaced by wrong ones.
type model struct {
	expect []int // bootstrap-expect of each node
	decide func(BootstrapView) Action
	pledge func(Self, *Pledge) error
	found  func(Self, string) error

	seen  map[string]bool
	queue []modelState
	most  int // members of the biggest cluster that was founded
}

func newModel(expect ...int) *model {
	return &model{expect: expect, decide: Decide, pledge: HandlePledge, found: HandleFound,
		seen: map[string]bool{}}
}

func (m *model) id(i int) string { return string(rune('a' + i)) }

func (m *model) self(s modelState, i int) Self {
	return Self{ID: m.id(i), Name: "dev", Expect: m.expect[i], ClusterID: s[i].cluster,
		Pledge: s[i].pledge}
}

// explore visits every state and returns the first violation.
func (m *model) explore() error {
	m.add(make(modelState, len(m.expect)))
	for len(m.queue) > 0 {
		s := m.queue[0]
		m.queue = m.queue[1:]
		if err := m.check(s); err != nil {
			return fmt.Errorf("%w in %s", err, s.key())
		}
		for i := range s {
			m.decisions(s, i)
			m.deliveries(s, i)
		}
	}
	return nil
}

func (m *model) add(s modelState) {
	if k := s.key(); !m.seen[k] {
		m.seen[k] = true
		m.queue = append(m.queue, s)
	}
}

func (m *model) with(s modelState, i int, change func(*modelNode)) {
	next := slices.Clone(s)
	change(&next[i])
	m.add(next)
}

// decisions lets node i decide with every view and every set of answers.
func (m *model) decisions(s modelState, i int) {
	m.views(s, i, 0, nil, func(peers []Peer) {
		for _, pledged := range m.answers(s, i) {
			a := m.decide(BootstrapView{Self: m.self(s, i), Peers: peers, Pledged: pledged,
				NewClusterID: "cluster-of-" + m.id(i)})
			switch a.Kind {
			case ActionSavePledge:
				m.with(s, i, func(n *modelNode) { n.pledge = a.Pledge })
			case ActionFound, ActionJoin:
				m.with(s, i, func(n *modelNode) { n.cluster = a.ClusterID })
			}
		}
	})
}

// views calls yield with every view of the peers from j on: unseen, seen, seen without the news.
func (m *model) views(s modelState, i, j int, peers []Peer, yield func([]Peer)) {
	if j == len(s) {
		yield(peers)
		return
	}
	m.views(s, i, j+1, peers, yield)
	if i == j {
		return
	}
	p := Peer{ID: m.id(j), Name: "dev", Expect: m.expect[j], Alive: true}
	m.views(s, i, j+1, append(slices.Clone(peers), p), yield)
	if p.ClusterID = s[j].cluster; p.ClusterID != "" {
		m.views(s, i, j+1, append(slices.Clone(peers), p), yield)
	}
}

// answers returns every set of yeses that node i may have heard: those who have pledged the same.
func (m *model) answers(s modelState, i int) [][]string {
	sets := [][]string{nil}
	for j := range s {
		if i != j && s[i].pledge != nil && s[j].pledge != nil && s[i].pledge.Same(s[j].pledge) {
			for _, set := range sets {
				sets = append(sets, append(slices.Clone(set), m.id(j)))
			}
		}
	}
	return sets
}

// deliveries lets every request that anybody can have sent arrive at node i.
func (m *model) deliveries(s modelState, i int) {
	for j := range s {
		p := s[j].pledge
		if p != nil && p.Founder() == m.id(j) && m.pledge(m.self(s, i), p) == nil {
			m.with(s, i, func(n *modelNode) { n.pledge = p })
		}
		if c := s[j].cluster; c != "" && m.found(m.self(s, i), c) == nil {
			m.with(s, i, func(n *modelNode) { n.cluster = c })
		}
	}
}

// check is invariant C9.
func (m *model) check(s modelState) error {
	for i, n := range s {
		if n.cluster == "" || n.pledge == nil || n.pledge.ClusterID != n.cluster {
			continue // it joined, or belongs to nothing
		}
		m.most = max(m.most, len(n.pledge.Members))
		for j, other := range s {
			if !n.pledge.Has(m.id(j)) {
				continue
			}
			if other.pledge == nil || !other.pledge.Same(n.pledge) {
				return fmt.Errorf("%s founded without the pledge of %s", m.id(i), m.id(j))
			}
			if other.cluster != "" && other.cluster != n.cluster {
				return fmt.Errorf("%s and %s are in different clusters", m.id(i), m.id(j))
			}
		}
	}
	return nil
}

func TestBootstrapNeverSplits(t *testing.T) {
	for _, expect := range [][]int{{1, 1}, {2, 2, 2}, {3, 3, 3}, {2, 2, 2, 2}, {3, 3, 3, 3},
		{2, 2, 3, 3}, {3, 3, 3, 0}, {1, 2, 2, 0}} {
		m := newModel(expect...)
		if err := m.explore(); err != nil {
			t.Fatalf("expect %v: %v", expect, err)
		}
		if m.most != slices.Max(expect) && !slices.Equal(expect, []int{2, 2, 3, 3}) {
			t.Fatalf("expect %v: the biggest cluster has %d members", expect, m.most)
		}
		t.Logf("expect %v: %d states", expect, len(m.seen))
	}
}

// TestModelFindsPlantedBugs shows that the model can fail.
func TestModelFindsPlantedBugs(t *testing.T) {
	bugs := map[string]func(*model){
		"pledges itself again": func(m *model) {
			m.pledge = func(self Self, p *Pledge) error {
				self.Pledge = nil
				return HandlePledge(self, p)
			}
		},
		"founds without answers": func(m *model) {
			m.decide = func(v BootstrapView) Action {
				if v.Self.Pledge != nil {
					v.Pledged = v.Self.Pledge.IDs()
				}
				return Decide(v)
			}
		},
		"forgets its pledge when it sees a cluster": func(m *model) {
			m.decide = func(v BootstrapView) Action {
				if len(foundedClusters(v.Peers)) > 0 {
					v.Self.Pledge = nil
				}
				return Decide(v)
			}
		},
		"founds on hearsay": func(m *model) {
			m.found = func(Self, string) error { return nil }
		},
		"is a member and pledges": func(m *model) {
			m.pledge = func(self Self, p *Pledge) error {
				self.ClusterID = ""
				return HandlePledge(self, p)
			}
		},
	}
	for name, plant := range bugs {
		m := newModel(2, 2, 2, 2)
		plant(m)
		if err := m.explore(); err == nil {
			t.Errorf("%s: not found in %d states", name, len(m.seen))
		} else {
			t.Logf("%s: %v", name, err)
		}
	}
}
