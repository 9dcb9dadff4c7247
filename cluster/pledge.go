package cluster

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/codegraphdb/codegraph/graph"
)

const (
	pledgeFile   = "pledge"
	pledgeFormat = 1
	pledgeName   = "codegraph-pledge"
)

// Pledge is a node's promise to found exactly one cluster with exactly these members. The members
// are sorted by node id; the first is the founder.
type Pledge struct {
	ClusterID string   `json:"cluster_id"`
	Name      string   `json:"name"`
	Members   []Member `json:"members"`
}

// Member is a founding node.
type Member struct {
	ID       string `json:"id"`
	PeerAddr string `json:"peer"`
}

// Founder returns the id of the node that leads the founding.
func (p *Pledge) Founder() string { return p.Members[0].ID }

// IDs returns the members' ids, sorted.
func (p *Pledge) IDs() []string {
	ids := make([]string, len(p.Members))
	for i, m := range p.Members {
		ids[i] = m.ID
	}
	return ids
}

// Has tells whether a node is a member.
func (p *Pledge) Has(id string) bool { return slices.Contains(p.IDs(), id) }

// Same tells whether two pledges are for the same cluster with the same members. Addresses may
// differ: they are hints.
func (p *Pledge) Same(q *Pledge) bool {
	return p.ClusterID == q.ClusterID && p.Name == q.Name && slices.Equal(p.IDs(), q.IDs())
}

func (p *Pledge) validate() error {
	if len(p.Members) == 0 || len(p.Members) > maxNodes {
		return invalid("a pledge of %d members (1 to %d)", len(p.Members), maxNodes)
	}
	for i, m := range p.Members {
		if err := firstError(checkNodeID(m.ID), checkText("peer address", m.PeerAddr,
			maxAddr)); err != nil {
			return err
		}
		if i > 0 && m.ID <= p.Members[i-1].ID {
			return invalid("members of a pledge are not sorted: %q, %q", p.Members[i-1].ID, m.ID)
		}
	}
	return firstError(checkName("cluster id", p.ClusterID, maxName),
		checkName("cluster name", p.Name, maxClusterName))
}

// LoadPledge returns the pledge in a data directory, nil if there is none.
func LoadPledge(dir string) (*Pledge, error) {
	const op = "cluster.LoadPledge"
	path := filepath.Join(dir, pledgeFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, graph.Errorf(op, graph.KindOther, "pledge: %w", err)
	}
	var p Pledge
	body, err := unseal(pledgeName, pledgeFormat, b)
	if err == nil {
		err = decodeStrict(body, &p)
	}
	if err == nil {
		err = p.validate()
	}
	if err != nil {
		return nil, graph.Errorf(op, graph.KindCorrupt, "pledge %s: %w", path, err).WithRemedy(
			"restore the file; if no member of that cluster was ever founded, empty their data " +
				"directories and start again")
	}
	return &p, nil
}

// SavePledge makes a pledge durable in a data directory. A node pledges itself once: another pledge
// than the one that is there is refused with KindConflict, the same one is accepted.
func SavePledge(dir string, p *Pledge) error {
	const op = "cluster.SavePledge"
	if err := p.validate(); err != nil {
		return err
	}
	old, err := LoadPledge(dir)
	if err != nil {
		return err
	}
	if old == nil {
		body, err := json.Marshal(p)
		if err != nil {
			return graph.Errorf(op, graph.KindInternal, "%w", err)
		}
		err = createDurable(dir, pledgeFile, seal(pledgeName, pledgeFormat, append(body, '\n')))
		if err == nil {
			return nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return graph.Errorf(op, graph.KindOther, "pledge: %w", err)
		}
		if old, err = LoadPledge(dir); err != nil { // somebody else was faster
			return err
		}
	}
	if old == nil {
		return graph.Errorf(op, graph.KindUnavailable, "the pledge file came and went")
	}
	if !old.Same(p) {
		return graph.Errorf(op, graph.KindConflict, "%s", alreadyPledged(old))
	}
	return syncDir(dir) // it may have been written just before a crash
}

// createDurable creates a file so that after a crash it is there whole or not at all. Where there
// is one of that name it fails with fs.ErrExist.
func createDurable(dir, name string, b []byte) error {
	f, err := os.CreateTemp(dir, name+".*.tmp")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Link(f.Name(), filepath.Join(dir, name))
	}
	_ = os.Remove(f.Name()) // a leftover is harmless
	if err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if closeErr := d.Close(); err == nil {
		err = closeErr
	}
	return err
}
