package exec

import (
	"context"

	"github.com/codegraphdb/codegraph/graph"
)

// Source is what a query reads from: every shard of the graph at one timestamp. With AllowPartial
// it leaves out shards that cannot be read and reports them through Snapshot.Unavailable.
type Source interface {
	// Lookup returns one vertex per id, in the order of ids. A vertex that is only pointed at is an
	// ExternalSymbol or UnresolvedRef; one that is not there has no kind.
	Lookup(ctx context.Context, ids []graph.VertexID, doc bool) ([]graph.Vertex, error)
	// Scan passes the vertices that an index finds to yield, in an order that does not change
	// between equal scans. Vertices that are only pointed at are in no index. The limit of spec
	// holds per shard.
	Scan(ctx context.Context, spec *graph.ScanSpec, yield func([]graph.Vertex) error) error
	// Count returns how many vertices Scan would pass.
	Count(ctx context.Context, spec *graph.ScanSpec) (int64, error)
	// Expand returns the edges of each id, in the order of ids.
	Expand(ctx context.Context, ids []graph.VertexID, spec *graph.ExpandSpec) ([]graph.Adjacency,
		error)
}

// Snapshot says what a Source shows.
type Snapshot struct {
	Timestamp graph.Timestamp
	Token     graph.Timestamp
	Revisions []Revision // sorted by name
	// Unavailable names the shards that could not be read so far; nil stands for none.
	Unavailable func() []string
}

// Revision is the ingested state of one repository.
type Revision struct {
	Repo       graph.RepoID
	Name       string
	Revision   string
	Timestamp  graph.Timestamp
	Files      uint64
	Skipped    uint64 // files not parsed
	Partial    uint64 // files parsed in part
	Unresolved uint64 // calls whose target is not known
}

// RepoName returns the name of a repository, empty if the snapshot does not have it.
func (s *Snapshot) RepoName(id graph.RepoID) string {
	for i := range s.Revisions {
		if s.Revisions[i].Repo == id {
			return s.Revisions[i].Name
		}
	}
	return ""
}

// RepoID returns the id of the repository with a name.
func (s *Snapshot) RepoID(name string) (graph.RepoID, bool) {
	for i := range s.Revisions {
		if s.Revisions[i].Name == name {
			return s.Revisions[i].Repo, true
		}
	}
	return 0, false
}
