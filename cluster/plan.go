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
	p := newPlacement(nodes, shards)
	m := Map{Version: 1}
	for i := range shards {
		d := Descriptor{
			ID:    uint64(i) + 1,
			Lo:    graph.Slot(i * MaxShards / shards * SlotBucket),
			Hi:    graph.Slot((i+1)*MaxShards/shards*SlotBucket - 1),
			Epoch: 1, LastIncarnation: 1,
		}
		for _, n := range p.choose(i, min(replicationFactor, len(nodes))) {
			d.Replicas = append(d.Replicas, Replica{Node: n, Incarnation: 1})
		}
		m.Shards = append(m.Shards, d)
	}
	p.even(m)
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

// placement counts the replicas that each node has been given. Leaders go round the nodes in order
// and are counted in advance, so that the followers even things out.
type placement struct {
	loads []*load
}

type load struct {
	node     string
	replicas int
}

func newPlacement(nodes []string, shards int) *placement {
	p := &placement{}
	for i, n := range slices.Sorted(slices.Values(nodes)) {
		leads := shards / len(nodes)
		if i < shards%len(nodes) {
			leads++
		}
		p.loads = append(p.loads, &load{node: n, replicas: leads})
	}
	return p
}

// choose returns n nodes for a shard: the one whose turn it is to lead, then those with the fewest
// replicas, beginning after the leader and, in each round, one further.
func (p *placement) choose(shard, n int) []string {
	total := len(p.loads)
	var followers []*load
	for i := range total - 1 {
		followers = append(followers, p.loads[(shard+1+(shard/total+i)%(total-1))%total])
	}
	slices.SortStableFunc(followers, func(a, b *load) int {
		return cmp.Compare(a.replicas, b.replicas)
	})
	out := []string{p.loads[shard%total].node}
	for _, l := range followers[:n-1] {
		l.replicas++
		out = append(out, l.node)
	}
	return out
}

// even moves followers from the node that has most to the one that has least, as long as they
// differ by more than one.
func (p *placement) even(m Map) {
	byReplicas := func(a, b *load) int { return cmp.Compare(a.replicas, b.replicas) }
	for {
		most, least := slices.MaxFunc(p.loads, byReplicas), slices.MinFunc(p.loads, byReplicas)
		if most.replicas-least.replicas < 2 || !moveFollower(m, most.node, least.node) {
			return
		}
		most.replicas--
		least.replicas++
	}
}

// moveFollower moves one follower from a node to another.
func moveFollower(m Map, from, to string) bool {
	for i := range m.Shards {
		d := &m.Shards[i]
		if _, there := d.Replica(to); there {
			continue
		}
		for j := 1; j < len(d.Replicas); j++ {
			if d.Replicas[j].Node == from {
				d.Replicas[j].Node = to
				return true
			}
		}
	}
	return false
}
