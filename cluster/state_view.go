package cluster

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/codegraphdb/codegraph/graph"
)

const opView = "cluster.View"

// Snapshot is the state at one index of the log. It, and everything that its methods return, is
// shared and must not be changed.
type Snapshot struct {
	d          *data
	superseded chan struct{}

	latest     sync.Once
	latestView *ViewInfo
}

func newSnapshot(d *data) *Snapshot {
	return &Snapshot{d: d, superseded: make(chan struct{})}
}

// Changed returns a channel that is closed when a newer state is there.
func (s *Snapshot) Changed() <-chan struct{} { return s.superseded }

// AppliedIndex returns the index of the last command applied. Entries of the log that are no
// commands (elections, membership) do not count.
func (s *Snapshot) AppliedIndex() uint64 { return s.d.applied }

// ClusterID returns the id of the cluster; empty if it has not been founded.
func (s *Snapshot) ClusterID() string { return s.d.clusterID }

// Name returns the name of the cluster.
func (s *Snapshot) Name() string { return s.d.name }

// LastCommit returns the commit timestamp of the last revision, zero if there is none.
func (s *Snapshot) LastCommit() graph.Timestamp { return s.d.time.LastCommit }

// Transactions tells whether there may be transactions.
func (s *Snapshot) Transactions() bool { return s.d.time.Transactions }

// Map returns the table of shards; the zero Map before the cluster is founded.
func (s *Snapshot) Map() Map { return s.d.shards }

// ReplicationFactor returns how many replicas a shard should have.
func (s *Snapshot) ReplicationFactor() int { return s.d.rf }

// Nodes returns the nodes, sorted by id.
func (s *Snapshot) Nodes() []Node { return s.d.nodes }

// Node returns the node with an id.
func (s *Snapshot) Node(id string) (Node, bool) {
	i, ok := slices.BinarySearchFunc(s.d.nodes, id, compareNode)
	if !ok {
		return Node{}, false
	}
	return s.d.nodes[i], true
}

func compareNode(n Node, id string) int { return cmp.Compare(n.ID, id) }

// Repositories returns the repositories that have a revision or are being imported for the first
// time (Current then is the zero Revision), sorted by name.
func (s *Snapshot) Repositories() []*Repository {
	out := make([]*Repository, 0, len(s.d.names))
	for _, r := range s.d.sortedRepos() {
		if r.Deleted == 0 {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b *Repository) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Repository returns the repository that has a name.
func (s *Snapshot) Repository(name string) (*Repository, bool) {
	r, ok := s.d.repos[s.d.names[name]]
	return r, ok
}

// RepositoryByID returns the repository with an id, also one deleted not long ago.
func (s *Snapshot) RepositoryByID(id graph.RepoID) (*Repository, bool) {
	r, ok := s.d.repos[id]
	return r, ok
}

// Imports returns the open imports, oldest first.
func (s *Snapshot) Imports() []*Import { return s.d.imports }

// Import returns an open import.
func (s *Snapshot) Import(id graph.Timestamp) (*Import, bool) {
	i := s.d.openImport(id)
	if i < 0 {
		return nil, false
	}
	return s.d.imports[i], true
}

// Claims returns the claims, tentative ones too, sorted by package.
func (s *Snapshot) Claims() []Claim { return s.d.sortedClaims() }

// NeedsExpire tells whether Expire with these arguments would change anything.
func (s *Snapshot) NeedsExpire(nowMillis, leadingMillis int64) bool {
	expired := func(p Pin) bool { return p.expired(nowMillis) }
	ended := func(im *Import) bool {
		return clockWasAhead(im, nowMillis) || leaseEnded(im, nowMillis, leadingMillis)
	}
	return slices.ContainsFunc(s.d.time.Pins, expired) || slices.ContainsFunc(s.d.imports, ended)
}

// PendingOutcome is the outcome of an import and the shards whose logs do not have it yet.
type PendingOutcome struct {
	Outcome graph.Outcome
	Shards  []uint64
}

// PendingOutcomes returns what the meta leader still has to write into shards, oldest import
// first.
func (s *Snapshot) PendingOutcomes() []PendingOutcome {
	out := make([]PendingOutcome, 0, len(s.d.pending))
	for _, o := range s.d.pending {
		p := PendingOutcome{Outcome: graph.Outcome{Import: o.Import, Commit: o.Commit}}
		for i := range s.d.shards.Shards {
			id := s.d.shards.Shards[i].ID
			if _, done := slices.BinarySearchFunc(o.Done, id, compareShard); !done {
				p.Shards = append(p.Shards, id)
			}
		}
		out = append(out, p)
	}
	return out
}

// ViewInfo is a read at one timestamp with what is needed to serve it.
type ViewInfo struct {
	At       graph.Timestamp
	Outcomes []graph.Outcome // committed at or before At, perhaps not known to every shard
	// MinApplied is the index of each shard's log that a replica must have applied, sorted by
	// shard. Shards that are not listed have no requirement.
	MinApplied []ShardIndex
	Revisions  []ViewRevision // sorted by repository name
}

// ViewRevision is the revision of a repository that a view sees.
type ViewRevision struct {
	Repo graph.RepoID
	Name string
	Revision
}

// View returns the graph's part of the view.
func (v *ViewInfo) View() graph.View { return graph.View{At: v.At, Outcomes: v.Outcomes} }

// MinAppliedOf returns the index that a replica of a shard must have applied.
func (v *ViewInfo) MinAppliedOf(shard uint64) uint64 {
	i, ok := slices.BinarySearchFunc(v.MinApplied, shard, compareShard)
	if !ok {
		return 0
	}
	return v.MinApplied[i].Index
}

// View returns the view at a timestamp; zero means the last commit. One after the last timestamp
// that this state has seen given is refused with KindUnavailable, since commits at or below it may
// still come: ViewDecided serves it. One before the oldest revision remembered, or below the
// safepoint and not pinned, is refused with KindNotFound.
func (s *Snapshot) View(at graph.Timestamp) (*ViewInfo, error) {
	if at > s.d.time.Last && !at.IsImport() {
		return nil, graph.Errorf(opView, graph.KindUnavailable, "timestamp %s is after %s, the last "+
			"that this node knows of", at, s.d.time.Last).WithRemedy("ask again")
	}
	return s.view(at)
}

// ViewDecided returns the view at a timestamp that the oracle granted with an index of the meta log
// up to which every revision at or below it is decided.
func (s *Snapshot) ViewDecided(at graph.Timestamp, index uint64) (*ViewInfo, error) {
	if s.d.applied < index {
		return nil, graph.Errorf(opView, graph.KindUnavailable, "this node has applied entry %d of "+
			"the meta group, timestamp %s needs %d", s.d.applied, at, index).WithRemedy("ask again")
	}
	if at > s.d.time.Window {
		return nil, graph.Errorf(opView, graph.KindInvalid, "timestamp %s was never granted", at)
	}
	return s.view(at)
}

func (s *Snapshot) view(at graph.Timestamp) (*ViewInfo, error) {
	switch {
	case at == 0 || at == s.d.time.LastCommit:
		s.latest.Do(func() { s.latestView = s.makeView(s.d.time.LastCommit) })
		return s.latestView, nil
	case at.IsImport():
		return nil, graph.Errorf(opView, graph.KindInvalid, "%s is an import id, not a timestamp", at)
	case at < s.d.time.Safepoint && !s.d.time.pinned(at):
		return nil, graph.Errorf(opView, graph.KindNotFound, "versions before %s are collected, and "+
			"%s is not pinned", s.d.time.Safepoint, at).WithRemedy("ask at a timestamp from then on")
	case at < s.d.horizon:
		return nil, graph.Errorf(opView, graph.KindNotFound, "repositories deleted before %s are no "+
			"longer known", s.d.horizon).WithRemedy("ask at a timestamp from then on")
	}
	if r := s.forgotten(at); r != nil {
		return nil, graph.Errorf(opView, graph.KindNotFound, "the revision of repository %q at %s is "+
			"no longer known", r.Name, at).WithRemedy("ask at a timestamp after %s", r.Horizon)
	}
	return s.makeView(at), nil
}

// forgotten returns a repository whose revision at a timestamp is no longer known.
func (s *Snapshot) forgotten(at graph.Timestamp) *Repository {
	for _, r := range s.d.sortedRepos() {
		if r.Horizon != 0 && len(r.Revisions) > 0 && at < r.Revisions[0].Commit {
			return r
		}
	}
	return nil
}

func (s *Snapshot) makeView(at graph.Timestamp) *ViewInfo {
	v := &ViewInfo{At: at, MinApplied: s.d.required}
	for _, list := range [][]*outcome{s.d.tail, s.d.pending} {
		for _, o := range list {
			if o.Commit != 0 && o.Commit <= at {
				v.Outcomes = append(v.Outcomes, graph.Outcome{Import: o.Import, Commit: o.Commit})
			}
		}
	}
	slices.SortFunc(v.Outcomes, func(a, b graph.Outcome) int {
		return cmp.Compare(a.Import, b.Import)
	})
	for _, r := range s.d.repos {
		if rev, ok := r.At(at); ok {
			v.Revisions = append(v.Revisions, ViewRevision{r.ID, r.Name, rev})
		}
	}
	slices.SortFunc(v.Revisions, func(a, b ViewRevision) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(a.Repo, b.Repo))
	})
	return v
}
