package check

import (
	"slices"

	"github.com/codegraphdb/codegraph/chaos/history"
)

// Digests is E6: replicas of a shard have the same digest at the same applied index. Every shard
// has to be compared after the last fault at least once, on all replicas if Config.Replicas is set.
func Digests() Checker { return fold{"digest", checkDigests} }

// shardIndex is a state of a shard's log.
type shardIndex struct{ shard, applied uint64 }

func checkDigests(f *finding, h *history.History, cfg Config) {
	type seen struct{ node, digest string }
	at := map[shardIndex][]seen{}
	healed := 0
	if p, ok := h.Phase(history.Healed); ok {
		healed = p.Index
	}
	compared := map[uint64]int{} // shard -> most nodes compared at one index after the heal
	for _, o := range h.Seen {
		if o.Kind != history.SeenDigest {
			continue
		}
		digest, err := decode[string](o.Value)
		if err != nil {
			f.unsure("digest on line %d: %v", o.Index, err)
			continue
		}
		f.Checked++
		k := shardIndex{o.Shard, o.Applied}
		for _, other := range at[k] {
			if other.digest != digest {
				f.wrong(nil, "shard %d at index %d: %s has digest %s, %s has %s (line %d)", o.Shard,
					o.Applied, other.node, other.digest, o.Node, digest, o.Index)
				break
			}
		}
		at[k] = append(at[k], seen{o.Node, digest})
		if o.Index < healed {
			continue
		}
		nodes := map[string]bool{}
		for _, s := range at[k] {
			nodes[s.node] = true
		}
		compared[o.Shard] = max(compared[o.Shard], len(nodes))
	}
	want := max(2, cfg.Replicas)
	var shards []uint64
	for k := range at {
		shards = append(shards, k.shard)
	}
	slices.Sort(shards)
	for _, shard := range slices.Compact(shards) {
		if compared[shard] < want {
			f.unsure("shard %d was compared on %d replicas at one index after the heal, not on %d", shard,
				compared[shard], want)
		}
	}
}
