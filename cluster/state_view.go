package cluster

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/codegraphdb/codegraph/graph"
)

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
func (s *Snapshot) LastCommit() graph.Timestamp { return s.d.lastCommit }

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
	return slices.ContainsFunc(s.d.imports, func(im *Import) bool {
		return clockWasAhead(im, nowMillis) || leaseEnded(im, nowMillis, leadingMillis)
	})
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

// View returns the view at a timestamp; zero means the last commit. A timestamp after the last
// commit is refused with KindUnavailable, since commits at or below it may still come; one before
// the oldest revision remembered with KindNotFound.
func (s *Snapshot) View(at graph.Timestamp) (*ViewInfo, error) {
	const op = "cluster.View"
	switch {
	case at == 0 || at == s.d.lastCommit:
		s.latest.Do(func() { s.latestView = s.makeView(s.d.lastCommit) })
		return s.latestView, nil
	case at.IsImport():
		return nil, graph.Errorf(op, graph.KindInvalid, "%s is an import id, not a timestamp", at)
	case at > s.d.lastCommit:
		return nil, graph.Errorf(op, graph.KindUnavailable, "timestamp %s is after %s, the last "+
			"commit that this node knows of", at, s.d.lastCommit).WithRemedy("ask again")
	}
	if at < s.d.horizon {
		return nil, graph.Errorf(op, graph.KindNotFound, "repositories deleted before %s are no "+
			"longer known", s.d.horizon).WithRemedy("ask at a timestamp from then on")
	}
	if r := s.forgotten(at); r != nil {
		return nil, graph.Errorf(op, graph.KindNotFound, "the revision of repository %q at %s is "+
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

// Safepoint returns the timestamp below which nobody may read any more when the retention ends at
// one: that of the last commit until then, which is what reads saw at the end of the retention
// however long ago it was. Open imports read their base and write at their id: both stay allowed.
func (s *Snapshot) Safepoint(retained graph.Timestamp) graph.Timestamp {
	for _, im := range s.d.imports {
		retained = min(retained, (im.ID-1)&^1)
		if im.Base != 0 {
			retained = min(retained, im.Base)
		}
	}
	last, forgotten := graph.Timestamp(0), false
	commit := func(at graph.Timestamp) {
		if at <= retained {
			last = max(last, at)
		}
	}
	horizon := func(at graph.Timestamp) { // commits before it are not known
		commit(at)
		forgotten = forgotten || at > retained
	}
	horizon(s.d.horizon)
	for _, r := range s.d.repos {
		horizon(r.Horizon)
		commit(r.Deleted)
		for i := range r.Revisions {
			commit(r.Revisions[i].Commit)
		}
	}
	if forgotten { // many commits ago: nobody reads there any more
		return retained
	}
	return last
}
