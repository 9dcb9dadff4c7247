package cluster

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/codegraphdb/codegraph/graph"
)

const (
	snapshotName   = "codegraph-meta"
	snapshotFormat = 2
)

// stored is data as a snapshot has it: lists instead of maps, in a fixed order.
type stored struct {
	Applied   uint64          `json:"applied"`
	ClusterID string          `json:"cluster_id"`
	Name      string          `json:"name"`
	Founded   int64           `json:"founded"`
	RF        int             `json:"rf"`
	Map       Map             `json:"map"`
	Time      timeline        `json:"time"`
	Operators operators       `json:"operators"`
	LastRepo  graph.RepoID    `json:"last_repo"`
	Horizon   graph.Timestamp `json:"horizon"`
	Nodes     []Node          `json:"nodes"`
	Repos     []*Repository   `json:"repos"`
	Claims    []Claim         `json:"claims"`
	Imports   []*Import       `json:"imports"`
	Ended     []ended         `json:"ended"`
	Pending   []*outcome      `json:"pending"`
	Tail      []*outcome      `json:"tail"`
	Required  []ShardIndex    `json:"required"`
}

// Encode returns the state as bytes for State.Restore. Equal states give equal bytes.
func (s *Snapshot) Encode() ([]byte, error) {
	d := s.d
	body, err := json.Marshal(&stored{
		Applied: d.applied, ClusterID: d.clusterID, Name: d.name, Founded: d.founded, RF: d.rf,
		Map: d.shards, Time: d.time, Operators: d.operators, LastRepo: d.lastRepo,
		Horizon: d.horizon, Nodes: d.nodes, Repos: d.sortedRepos(), Claims: d.sortedClaims(),
		Imports: d.imports, Ended: d.ended, Pending: d.pending, Tail: d.tail, Required: d.required,
	})
	if err != nil {
		return nil, graph.Errorf("cluster.Encode", graph.KindInternal, "%w", err)
	}
	return seal(snapshotName, snapshotFormat, append(body, '\n')), nil
}

// Encode returns the state as bytes for Restore.
func (s *State) Encode() ([]byte, error) { return s.Snapshot().Encode() }

// Restore replaces the state by what Encode gave. On an error, a *FatalError, nothing has changed.
func (s *State) Restore(b []byte) error {
	d, err := decodeSnapshot(b)
	if err != nil {
		return &FatalError{"meta snapshot", err}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.publish(d)
	return nil
}

func decodeSnapshot(b []byte) (*data, error) {
	body, err := unseal(snapshotName, snapshotFormat, b)
	if err != nil {
		return nil, err
	}
	var st stored
	if err := decodeStrict(body, &st); err != nil {
		return nil, err
	}
	if slices.Contains(st.Repos, nil) || slices.Contains(st.Imports, nil) ||
		slices.Contains(st.Pending, nil) || slices.Contains(st.Tail, nil) ||
		slices.Contains(st.Operators.Open, nil) || slices.Contains(st.Operators.Ended, nil) {
		return nil, fmt.Errorf("a list has a hole")
	}
	d := &data{
		applied: st.Applied, clusterID: st.ClusterID, name: st.Name, founded: st.Founded, rf: st.RF,
		shards: st.Map, time: st.Time, operators: st.Operators, lastRepo: st.LastRepo,
		horizon: st.Horizon, nodes: st.Nodes, imports: st.Imports, ended: st.Ended,
		pending: st.Pending, tail: st.Tail, required: st.Required,
		repos:  map[graph.RepoID]*Repository{},
		names:  map[string]graph.RepoID{},
		claims: map[Package]Claim{},
	}
	for _, c := range st.Claims {
		d.claims[c.Package] = c
	}
	for _, r := range st.Repos {
		d.repos[r.ID] = r
		if r.Deleted == 0 {
			d.names[r.Name] = r.ID
		}
	}
	return d, d.check(len(st.Repos), len(st.Claims))
}

// check verifies what the rest of the code takes for granted.
func (d *data) check(repos, claims int) error {
	if d.clusterID != "" {
		if err := d.shards.Validate(); err != nil {
			return err
		}
	} else if len(d.repos)+len(d.nodes)+len(d.shards.Shards) > 0 {
		return fmt.Errorf("it has content but no cluster id")
	}
	if len(d.repos) != repos || len(d.claims) != claims {
		return fmt.Errorf("a repository or a claim is listed twice")
	}
	live := 0
	for id, r := range d.repos {
		if id == 0 || id > d.lastRepo {
			return fmt.Errorf("repository id %d was never given", id)
		}
		if r.Importing != 0 && d.openImport(r.Importing) < 0 {
			return fmt.Errorf("repository %d: its import %s is not open", id, r.Importing)
		}
		if r.Deleted == 0 {
			live++
		}
	}
	if live != len(d.names) {
		return fmt.Errorf("two repositories have one name")
	}
	for _, im := range d.imports {
		if r := d.repos[im.Repo]; r == nil || r.Importing != im.ID || im.ID > d.time.Last {
			return fmt.Errorf("import %s does not belong to repository %d", im.ID, im.Repo)
		}
	}
	for c := range maps.Values(d.claims) {
		if d.repos[c.Repo] == nil {
			return fmt.Errorf("package %q is claimed by repository %d, which does not exist", c.Name,
				c.Repo)
		}
	}
	return firstError(d.time.check(), d.checkOperators(), d.checkOrder())
}

// checkOrder verifies the orders that searches rely on.
func (d *data) checkOrder() error {
	byShard := func(a, b ShardIndex) int { return compareShard(a, b.Shard) }
	byID := func(a, b Node) int { return compareNode(a, b.ID) }
	ok := slices.IsSortedFunc(d.nodes, byID) && slices.IsSortedFunc(d.required, byShard)
	for _, list := range [][]*outcome{d.pending, d.tail} {
		for _, o := range list {
			ok = ok && slices.IsSortedFunc(o.Done, byShard)
		}
	}
	if !ok {
		return fmt.Errorf("a list is out of order")
	}
	return nil
}
