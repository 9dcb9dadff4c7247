package cluster

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/codegraphdb/codegraph/graph"
)

func nodeNames(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("n%02d", i)
	}
	return out
}

func TestPlanIsBalanced(t *testing.T) {
	for nodes := 1; nodes <= 12; nodes++ {
		for _, shards := range []int{1, 2, 3, 5, 8, 16, 17, 64, 100, 255, 256} {
			for rf := 1; rf <= 5; rf++ {
				m, err := Plan(nodeNames(nodes), shards, rf)
				if err != nil {
					t.Fatal(err)
				}
				checkBalance(t, m, nodes, shards, min(rf, nodes))
			}
		}
	}
}

func checkBalance(t *testing.T, m Map, nodes, shards, rf int) {
	t.Helper()
	if err := m.Validate(); err != nil || len(m.Shards) != shards {
		t.Fatalf("%d nodes: %d shards, want %d: %v", nodes, len(m.Shards), shards, err)
	}
	replicas, leaders, slots := map[string]int{}, map[string]int{}, []int{}
	for _, n := range nodeNames(nodes) {
		replicas[n], leaders[n] = 0, 0
	}
	for _, d := range m.Shards {
		if len(d.Replicas) != rf {
			t.Fatalf("shard %d has %d replicas, want %d", d.ID, len(d.Replicas), rf)
		}
		for _, r := range d.Replicas {
			replicas[r.Node]++
		}
		leaders[d.Replicas[0].Node]++
		slots = append(slots, int(d.Hi)-int(d.Lo)+1)
	}
	spread := func(what string, values []int, most int) {
		if lo, hi := slices.Min(values), slices.Max(values); hi-lo > most {
			t.Fatalf("%d nodes, %d shards, rf %d: %s from %d to %d", nodes, shards, rf, what, lo, hi)
		}
	}
	spread("slots", slots, SlotBucket)
	spread("replicas", mapValues(replicas), 1)
	spread("leaders", mapValues(leaders), 1)
}

func mapValues(m map[string]int) []int {
	var out []int
	for _, v := range m {
		out = append(out, v)
	}
	return out
}

func TestPlanIgnoresTheOrderOfNodes(t *testing.T) {
	a, err := Plan([]string{"a", "b", "c", "d"}, 16, 3)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Plan([]string{"d", "b", "a", "c"}, 16, 3)
	if err != nil || !reflect.DeepEqual(a, b) {
		t.Fatalf("%v\n%s\n%s", err, a, b)
	}
}

func TestPlanRefuses(t *testing.T) {
	for name, f := range map[string]func() (Map, error){
		"no nodes":  func() (Map, error) { return Plan(nil, 16, 3) },
		"no shards": func() (Map, error) { return Plan([]string{"a"}, 0, 3) },
		"too many":  func() (Map, error) { return Plan([]string{"a"}, 257, 3) },
		"no copies": func() (Map, error) { return Plan([]string{"a"}, 16, 0) },
		"twice":     func() (Map, error) { return Plan([]string{"a", "a"}, 16, 3) },
		"bad id":    func() (Map, error) { return Plan([]string{"a/1"}, 16, 3) },
	} {
		if m, err := f(); !graph.IsKind(err, graph.KindInvalid) || len(m.Shards) != 0 {
			t.Errorf("%s: %v, %v", name, m, err)
		}
	}
}

func TestShardOf(t *testing.T) {
	m, err := Plan([]string{"a", "b"}, 7, 2)
	if err != nil {
		t.Fatal(err)
	}
	for slot := range graph.Slots {
		d := m.ShardOf(graph.Slot(slot))
		if d == nil || int(d.Lo) > slot || int(d.Hi) < slot {
			t.Fatalf("slot %d: %+v", slot, d)
		}
	}
	if (Map{}).ShardOf(5) != nil || m.Shard(99) != nil || m.Shard(3).ID != 3 {
		t.Fatal("a shard that is not there was found, or one that is was not")
	}
	if got := len(m.OnNode("a")); got != 7 || len(m.OnNode("c")) != 0 {
		t.Fatalf("%d shards on a", got)
	}
}

func TestMapValidateRefuses(t *testing.T) {
	for name, spoil := range map[string]func(*Map){
		"version":     func(m *Map) { m.Version = 0 },
		"hole":        func(m *Map) { m.Shards[1].Lo += SlotBucket },
		"overlap":     func(m *Map) { m.Shards[1].Lo -= SlotBucket },
		"end":         func(m *Map) { m.Shards = m.Shards[:3] },
		"odd bound":   func(m *Map) { m.Shards[0].Hi++; m.Shards[1].Lo++ },
		"id twice":    func(m *Map) { m.Shards[1].ID = 1 },
		"id 0":        func(m *Map) { m.Shards[1].ID = 0 },
		"epoch 0":     func(m *Map) { m.Shards[1].Epoch = 0 },
		"no replica":  func(m *Map) { m.Shards[1].Replicas = nil },
		"node twice":  func(m *Map) { m.Shards[1].Replicas[1].Node = m.Shards[1].Replicas[0].Node },
		"incarnation": func(m *Map) { m.Shards[1].Replicas[0].Incarnation = 0 },
		"no shards":   func(m *Map) { m.Shards = nil },
		"inside out":  func(m *Map) { m.Shards[0].Lo, m.Shards[0].Hi = m.Shards[0].Hi, 0 },
	} {
		m, err := Plan([]string{"a", "b"}, 4, 2)
		if err != nil {
			t.Fatal(err)
		}
		spoil(&m)
		if err := m.Validate(); !graph.IsKind(err, graph.KindInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestServerID(t *testing.T) {
	r := Replica{"b2c4", 17}
	if back, ok := ParseServerID(r.ServerID()); !ok || back != r {
		t.Fatalf("%v %v", back, ok)
	}
	for _, s := range []string{"", "a", "a/", "/1", "a/0", "a/01", "a/+1", "a/1/2", "a/x"} {
		if r, ok := ParseServerID(s); ok {
			t.Errorf("%q gives %v", s, r)
		}
	}
}
