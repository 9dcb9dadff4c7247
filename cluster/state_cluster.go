package cluster

import (
	"slices"

	"github.com/codegraphdb/codegraph/graph"
)

// mustBeFounded refuses commands that need a cluster.
func (d *data) mustBeFounded() error {
	if d.clusterID == "" {
		return graph.Errorf(opApply, graph.KindUnavailable, "the cluster has not been founded")
	}
	return nil
}

func (c *Init) apply(d *data) (any, error) {
	if d.clusterID == c.ClusterID {
		return InitResult{d.shards}, nil
	}
	if d.clusterID != "" {
		return nil, conflict("cluster %q is already founded with id %s, not %s", d.name, d.clusterID,
			c.ClusterID)
	}
	m, err := Plan(c.Nodes, c.Shards, c.ReplicationFactor)
	if err != nil {
		return nil, err
	}
	d.clusterID, d.name, d.founded = c.ClusterID, c.Name, c.NowMillis
	d.shards, d.rf = m, c.ReplicationFactor
	return InitResult{m}, nil
}

func (c *RegisterNode) apply(d *data) (any, error) {
	if err := d.mustBeFounded(); err != nil {
		return nil, err
	}
	n := Node{ID: c.ID, ClientAddr: c.ClientAddr, PeerAddr: c.PeerAddr, OpsAddr: c.OpsAddr,
		Locality: c.Locality, Version: c.Version, RegisteredMillis: c.NowMillis}
	i, found := slices.BinarySearchFunc(d.nodes, c.ID, compareNode)
	if !found && len(d.nodes) >= maxNodes {
		return nil, graph.Errorf(opApply, graph.KindLimit, "the cluster has %d nodes (limit %d)",
			len(d.nodes), maxNodes)
	}
	d.nodes = slices.Clone(d.nodes)
	if !found {
		d.nodes = slices.Insert(d.nodes, i, n)
		return NoResult{}, nil
	}
	n.RegisteredMillis = d.nodes[i].RegisteredMillis
	d.nodes[i] = n
	return NoResult{}, nil
}
