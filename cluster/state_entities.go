package cluster

import (
	"slices"

	"github.com/codegraphdb/codegraph/graph"
)

// Node is a process that belongs to the cluster.
type Node struct {
	ID               string `json:"id"`
	ClientAddr       string `json:"client"`
	PeerAddr         string `json:"peer"`
	OpsAddr          string `json:"ops"`
	Locality         string `json:"locality,omitempty"`
	Version          string `json:"version"`
	RegisteredMillis int64  `json:"registered"`
}

// Package names a package in its manager's words.
type Package struct {
	Manager string `json:"manager"`
	Name    string `json:"name"`
}

// Claim says which repository a package belongs to.
type Claim struct {
	Package
	Repo   graph.RepoID    `json:"repo"`
	Import graph.Timestamp `json:"import,omitempty"` // the open import that took it; 0: confirmed
}

// Stats are what a revision says of itself.
type Stats struct {
	Files        uint64 `json:"files"`
	SkippedFiles uint64 `json:"skipped_files"`
	PartialFiles uint64 `json:"partial_files"`
	Lines        uint64 `json:"lines"`
	Vertices     uint64 `json:"vertices"`
	Edges        uint64 `json:"edges"`
	Unresolved   uint64 `json:"unresolved"`
}

// Revision is one ingested state of a repository.
type Revision struct {
	Revision string          `json:"revision"`
	Import   graph.Timestamp `json:"import"`
	Commit   graph.Timestamp `json:"commit"`
	Stats    Stats           `json:"stats"`
	Foreign  []Package       `json:"foreign,omitempty"` // resolved as packages of other repositories
}

// Repository is one repository with the revisions that are remembered, oldest first.
type Repository struct {
	ID        graph.RepoID    `json:"id"`
	Name      string          `json:"name"`
	Packages  []Package       `json:"packages,omitempty"` // declared by the last revision
	Commits   []string        `json:"commits,omitempty"`  // recent ones at the last revision
	Revisions []Revision      `json:"revisions,omitempty"`
	Count     uint64          `json:"count"`               // revisions ever committed
	Horizon   graph.Timestamp `json:"horizon,omitempty"`   // commit of the last forgotten revision
	Deleted   graph.Timestamp `json:"deleted,omitempty"`   // commit of its deletion
	Importing graph.Timestamp `json:"importing,omitempty"` // its open import
}

// Current returns the last revision; the zero Revision if there is none.
func (r *Repository) Current() Revision {
	if len(r.Revisions) == 0 {
		return Revision{}
	}
	return r.Revisions[len(r.Revisions)-1]
}

// At returns the revision that a view at a timestamp sees.
func (r *Repository) At(at graph.Timestamp) (Revision, bool) {
	if r.Deleted != 0 && r.Deleted <= at {
		return Revision{}, false
	}
	for i := len(r.Revisions) - 1; i >= 0; i-- {
		if r.Revisions[i].Commit <= at {
			return r.Revisions[i], true
		}
	}
	return Revision{}, false
}

// Import is an open import.
type Import struct {
	ID            graph.Timestamp `json:"id"`
	Attempt       uint32          `json:"attempt"`
	Repo          graph.RepoID    `json:"repo"`
	RepoName      string          `json:"name"`
	Revision      string          `json:"revision"`
	Packages      []Package       `json:"packages,omitempty"`
	Commits       []string        `json:"commits,omitempty"`
	Foreign       []Package       `json:"foreign,omitempty"`
	Base          graph.Timestamp `json:"base"`
	Delete        bool            `json:"delete,omitempty"`
	Holder        string          `json:"holder"`
	RequestID     string          `json:"request"`
	OpenedMillis  int64           `json:"opened"`
	RenewedMillis int64           `json:"renewed"`
}

// ended is what is remembered of an import that is no longer open.
type ended struct {
	Import    graph.Timestamp `json:"import"`
	Attempt   uint32          `json:"attempt"`
	Commit    graph.Timestamp `json:"commit,omitempty"` // zero: aborted
	Reason    string          `json:"reason,omitempty"`
	RequestID string          `json:"request"`
}

// ShardIndex is an index of a shard's log.
type ShardIndex struct {
	Shard uint64 `json:"shard"`
	Index uint64 `json:"index"`
}

// outcome is an ended import whose outcome is on its way into the shards' logs, or, if it has
// arrived everywhere, still travels with views.
type outcome struct {
	Import graph.Timestamp `json:"import"`
	Commit graph.Timestamp `json:"commit,omitempty"`
	Done   []ShardIndex    `json:"done,omitempty"` // sorted by shard
}

// raise sets the index of a shard to at least index, keeping the list sorted. It returns a copy.
func raise(list []ShardIndex, s ShardIndex) []ShardIndex {
	i, found := slices.BinarySearchFunc(list, s.Shard, compareShard)
	list = slices.Clone(list)
	if !found {
		return slices.Insert(list, i, s)
	}
	list[i].Index = max(list[i].Index, s.Index)
	return list
}

func compareShard(s ShardIndex, shard uint64) int {
	switch {
	case s.Shard < shard:
		return -1
	case s.Shard > shard:
		return 1
	}
	return 0
}
