package cluster

import (
	"cmp"
	"maps"
	"slices"

	"github.com/codegraphdb/codegraph/graph"
)

// Bounds of what the state remembers. They are part of the state machine: changing one needs a new
// command version.
const (
	// TailOutcomes is how many outcomes still travel with views after every shard has them, so
	// that a follower that learns of its last entry late can answer at once.
	TailOutcomes = 16
	// LeaseMillis is how long an import keeps its lock without renewal.
	LeaseMillis = 10_000

	keptRevisions = 256  // per repository
	keptEnded     = 1024 // imports that are no longer open
	keptDeleted   = 64   // repositories that are no longer there
	keptOfDeleted = 16   // revisions of each of those
)

// data is the whole state at one index. It is never changed once it is published: a command works
// on a copy from clone, whose lists and maps are shared until own... or a copying set.
type data struct {
	applied   uint64
	clusterID string
	name      string
	founded   int64
	rf        int
	shards    Map
	time      timeline
	operators operators
	lastRepo  graph.RepoID
	nodes     []Node                       // sorted by id
	repos     map[graph.RepoID]*Repository // also those being imported first or deleted
	names     map[string]graph.RepoID
	claims    map[Package]Claim
	imports   []*Import // open, sorted by id
	ended     []ended   // oldest first
	pending   []*outcome
	tail      []*outcome
	horizon   graph.Timestamp // before it, deleted repositories are no longer known
	required  []ShardIndex    // what a replica must have applied to serve any view

	owned struct{ repos, names, claims bool } // maps that this copy has to itself
}

func newData() *data {
	return &data{
		repos:  map[graph.RepoID]*Repository{},
		names:  map[string]graph.RepoID{},
		claims: map[Package]Claim{},
	}
}

// clone returns a copy that a command may change through the methods below.
func (d *data) clone() *data {
	c := *d
	c.owned.repos, c.owned.names, c.owned.claims = false, false, false
	return &c
}

// setRepo stores a repository, which must be a copy.
func (d *data) setRepo(r *Repository) {
	if !d.owned.repos {
		d.repos, d.owned.repos = maps.Clone(d.repos), true
	}
	d.repos[r.ID] = r
}

func (d *data) dropRepo(id graph.RepoID) {
	if !d.owned.repos {
		d.repos, d.owned.repos = maps.Clone(d.repos), true
	}
	delete(d.repos, id)
}

// setName gives a name to a repository; id zero frees it.
func (d *data) setName(name string, id graph.RepoID) {
	if !d.owned.names {
		d.names, d.owned.names = maps.Clone(d.names), true
	}
	if id == 0 {
		delete(d.names, name)
		return
	}
	d.names[name] = id
}

func (d *data) ownClaims() {
	if !d.owned.claims {
		d.claims, d.owned.claims = maps.Clone(d.claims), true
	}
}

// openImport returns the position of an open import, -1 if it is not open.
func (d *data) openImport(id graph.Timestamp) int {
	return slices.IndexFunc(d.imports, func(im *Import) bool { return im.ID == id })
}

// setImport replaces the import at a position by a changed copy.
func (d *data) setImport(i int, im Import) {
	d.imports = slices.Clone(d.imports)
	d.imports[i] = &im
}

func (d *data) dropImport(i int) {
	d.imports = slices.Delete(slices.Clone(d.imports), i, i+1)
}

// remember appends to what is known of ended imports.
func (d *data) remember(e ended) {
	from := max(0, len(d.ended)+1-keptEnded)
	d.ended = append(slices.Clone(d.ended[from:]), e)
}

// findEnded returns what is known of an import that is no longer open.
func (d *data) findEnded(match func(ended) bool) (ended, bool) {
	i := slices.IndexFunc(d.ended, match)
	if i < 0 {
		return ended{}, false
	}
	return d.ended[i], true
}

// sortedRepos returns all repositories, also unborn and deleted ones, sorted by id.
func (d *data) sortedRepos() []*Repository {
	return slices.SortedFunc(maps.Values(d.repos), func(a, b *Repository) int {
		return cmp.Compare(a.ID, b.ID)
	})
}

// sortedClaims returns the claims sorted by package.
func (d *data) sortedClaims() []Claim {
	return slices.SortedFunc(maps.Values(d.claims), func(a, b Claim) int {
		return comparePackage(a.Package, b.Package)
	})
}

func comparePackage(a, b Package) int {
	return cmp.Or(cmp.Compare(a.Manager, b.Manager), cmp.Compare(a.Name, b.Name))
}
