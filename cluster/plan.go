package cluster

import (
	"cmp"
	"slices"

	"github.com/codegraphdb/codegraph/graph"
)

// Plan places shards on nodes: the first map of a cluster. It is a pure function of its arguments
// (the order of nodes does not matter). Slots are divided evenly; no node gets more than one
// replica more than another, and the preferred leader, the first replica, rotates likewise. A
// replication factor above the number of nodes means one replica on each.
func Plan(nodes []string, shards, replicationFactor int) (Map, error) {
	if err := checkPlan(nodes, shards, replicationFactor); err != nil {
		return Map{}, err
	}
	p := newPlacement(nodes)
	m := Map{Version: 1}
	for i := range shards {
		d := Descriptor{
			ID:    uint64(i) + 1,
			Lo:    graph.Slot(i * MaxShards / shards * SlotBucket),
			Hi:    graph.Slot((i+1)*MaxShards/shards*SlotBucket - 1),
			Epoch: 1,
		}
		for _, n := range p.choose(i, min(replicationFactor, len(nodes))) {
			d.Replicas = append(d.Replicas, Replica{Node: n, Incarnation: 1})
		}
		m.Shards = append(m.Shards, d)
	}
	return m, m.Validate()
}

func checkPlan(nodes []string, shards, replicationFactor int) error {
	const op = "cluster.Plan"
	if len(nodes) == 0 {
		return graph.Errorf(op, graph.KindInvalid, "no nodes to place shards on")
	}
	if shards < 1 || shards > MaxShards {
		return graph.Errorf(op, graph.KindInvalid, "%d shards (1 to %d)", shards, MaxShards)
	}
	if replicationFactor < 1 {
		return graph.Errorf(op, graph.KindInvalid, "replication factor %d (1 or more)",
			replicationFactor)
	}
	sorted := slices.Sorted(slices.Values(nodes))
	for i, n := range sorted {
		if err := checkNodeID(n); err != nil {
			return err
		}
		if i > 0 && n == sorted[i-1] {
			return graph.Errorf(op, graph.KindInvalid, "node %q is listed twice", n)
		}
	}
	return nil
}

// placement counts what each node has been given.
type placement struct {
	loads []*load
}

type load struct {
	node              string
	order             int
	replicas, leading int
}

func newPlacement(nodes []string) *placement {
	p := &placement{}
	for i, n := range slices.Sorted(slices.Values(nodes)) {
		p.loads = append(p.loads, &load{node: n, order: i})
	}
	return p
}

// choose returns the n nodes with the fewest replicas, the one with the fewest leaderships first.
// Ties go round with the shard.
func (p *placement) choose(shard, n int) []string {
	turn := func(l *load) int { return (l.order - shard%len(p.loads) + len(p.loads)) % len(p.loads) }
	byLoad := slices.Clone(p.loads)
	slices.SortFunc(byLoad, func(a, b *load) int {
		return cmp.Or(cmp.Compare(a.replicas, b.replicas), cmp.Compare(a.leading, b.leading),
			cmp.Compare(turn(a), turn(b)))
	})
	chosen := byLoad[:n]
	slices.SortFunc(chosen, func(a, b *load) int {
		return cmp.Or(cmp.Compare(a.leading, b.leading), cmp.Compare(turn(a), turn(b)))
	})
	chosen[0].leading++
	out := make([]string, n)
	for i, l := range chosen {
		l.replicas++
		out[i] = l.node
	}
	return out
}
