package cluster

import (
	"encoding/json"

	"github.com/hashicorp/memberlist"

	"github.com/codegraphdb/codegraph/graph"
)

// Meta is what a node tells of itself by gossip. The JSON of it, with its format, has to fit into
// 512 bytes, hence the short names.
type Meta struct {
	ClusterName string `json:"n"`
	ClusterID   string `json:"c,omitempty"` // empty: the node belongs to no cluster
	ClientAddr  string `json:"a,omitempty"`
	PeerAddr    string `json:"p,omitempty"`
	OpsAddr     string `json:"o,omitempty"`
	Version     string `json:"v,omitempty"`
	Expect      int    `json:"e,omitempty"` // bootstrap-expect
	Leaving     bool   `json:"l,omitempty"` // the node is saying goodbye; set by Leave
}

const metaFormat = 1

type metaFrame struct {
	Format int `json:"f"`
	Meta
}

func (m *Meta) validate() error {
	err := firstError(checkName("cluster name", m.ClusterName, maxClusterName),
		checkText("cluster id", m.ClusterID, maxName), checkText("client address", m.ClientAddr, maxAddr),
		checkText("peer address", m.PeerAddr, maxAddr), checkText("ops address", m.OpsAddr, maxAddr),
		checkText("version", m.Version, maxName))
	if err == nil && (m.Expect < 0 || m.Expect > maxNodes) {
		err = invalid("bootstrap-expect %d (0 to %d)", m.Expect, maxNodes)
	}
	if err != nil {
		return err
	}
	_, err = m.encode()
	return err
}

func (m *Meta) encode() ([]byte, error) {
	b, err := json.Marshal(metaFrame{metaFormat, *m})
	if err == nil && len(b) > memberlist.MetaMaxSize {
		return nil, graph.Errorf(opGossip, graph.KindLimit, "what this node tells of itself has %d "+
			"bytes (limit %d)", len(b), memberlist.MetaMaxSize).
			WithRemedy("use shorter addresses or a shorter cluster name")
	}
	return b, err
}

// decodeMeta decodes what a stranger sent. Unknown fields are those of a newer version.
func decodeMeta(b []byte) (Meta, error) {
	var f metaFrame
	if len(b) > memberlist.MetaMaxSize {
		return Meta{}, invalid("metadata of %d bytes", len(b))
	}
	if err := json.Unmarshal(b, &f); err != nil {
		return Meta{}, invalid("metadata is not codegraph's: %w", err)
	}
	if f.Format < 1 {
		return Meta{}, invalid("metadata has format %d", f.Format)
	}
	return f.Meta, f.Meta.validate()
}

// accepts tells why a node with other metadata is not of this node's cluster; nil if it may be.
func (m *Meta) accepts(other *Meta) error {
	if other.ClusterName != m.ClusterName {
		return graph.Errorf(opGossip, graph.KindConflict, "it is of cluster %q, this node of %q",
			other.ClusterName, m.ClusterName)
	}
	if m.ClusterID != "" && other.ClusterID != "" && other.ClusterID != m.ClusterID {
		return graph.Errorf(opGossip, graph.KindConflict, "it is of another cluster named %q: %s, "+
			"not %s", m.ClusterName, other.ClusterID, m.ClusterID)
	}
	return nil
}
