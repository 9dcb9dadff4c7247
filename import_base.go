package codegraph

import (
	"cmp"
	"slices"
	"sync"

	ingestv1 "github.com/codegraphdb/codegraph/api/codegraph/ingest/v1"
	"github.com/codegraphdb/codegraph/graph"
)

// base is what the repository's owners wrote up to the current revision, as undecoded F rows: about
// 50 bytes for each row of the repository.
type base struct {
	mu     sync.Mutex
	owners map[graph.OwnerID][]graph.Row
	put    map[graph.OwnerID]string // owners of this revision: their paths
}

func newBase() *base {
	return &base{owners: map[graph.OwnerID][]graph.Row{}, put: map[graph.OwnerID]string{}}
}

func (b *base) add(rows []*ingestv1.Row) error {
	for _, r := range rows {
		info, err := graph.ParseRow(r.GetKey())
		if err != nil {
			return err
		}
		if info.Kind != graph.RowOwner {
			return graph.Errorf("Base", graph.KindInternal, "the server sent a row of kind %c", info.Kind)
		}
		b.owners[info.Owner] = append(b.owners[info.Owner],
			graph.Row{Key: r.GetKey(), Value: r.GetValue()})
	}
	return nil
}

// take returns the F rows of an owner that is put now; each owner is put once.
func (b *base) take(owner graph.OwnerID, path string) ([]graph.Row, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if other, twice := b.put[owner]; twice {
		return nil, graph.Errorf("Put", graph.KindInvalid, "%s and %s are one owner, put twice",
			other, path)
	}
	b.put[owner] = path
	rows := b.owners[owner]
	delete(b.owners, owner)
	return rows, nil
}

// rest returns the owners that were not put, sorted.
func (b *base) rest() []graph.OwnerID {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]graph.OwnerID, 0, len(b.owners))
	for o := range b.owners {
		out = append(out, o)
	}
	slices.Sort(out)
	return out
}

// changes returns the rows that turn what the base has of an owner into rows.
func changes(old, rows []graph.Row) ([]graph.Row, error) {
	if len(old) == 0 {
		return graph.Diff(nil, nil, rows), nil
	}
	slices.SortFunc(old, func(a, b graph.Row) int { return cmp.Compare(string(a.Key), string(b.Key)) })
	m, err := graph.DecodeManifest(old)
	if err != nil {
		return nil, err
	}
	return graph.Diff(m, old, rows), nil
}
