package check

import (
	"fmt"
	"maps"
	"slices"

	"github.com/codegraphdb/codegraph/chaos/history"
)

// EdgeHalves is E1 for whole shards: what shard A holds of edges to B equals, bucket by bucket,
// what B holds of edges from A. Each shard is compared as it was last seen.
func EdgeHalves() Checker { return fold{"edge-halves", checkHalves} }

// shardPair is an ordered pair of shards.
type shardPair struct{ from, to uint64 }

func checkHalves(f *finding, h *history.History, _ Config) {
	out, in := map[shardPair]map[string]string{}, map[shardPair]map[string]string{}
	for _, o := range h.Seen {
		if o.Kind != history.SeenHalves {
			continue
		}
		v, err := decode[Halves](o.Value)
		if err != nil {
			f.unsure("halves on line %d: %v", o.Index, err)
			continue
		}
		out[shardPair{o.Shard, v.Peer}] = v.Out
		in[shardPair{v.Peer, o.Shard}] = v.In
	}
	pairs := maps.Clone(out)
	maps.Copy(pairs, in)
	keys := slices.SortedFunc(maps.Keys(pairs), func(a, b shardPair) int {
		return slices.Compare([]uint64{a.from, a.to}, []uint64{b.from, b.to})
	})
	for _, p := range keys {
		forward, ok1 := out[p]
		backward, ok2 := in[p]
		if !ok1 || !ok2 {
			f.unsure("edges from shard %d to %d were seen on one side only", p.from, p.to)
			continue
		}
		f.Checked++
		if bad := differing(forward, backward); len(bad) > 0 {
			f.wrong(nil, "edges from shard %d to %d differ in buckets %v", p.from, p.to, bad)
		}
	}
}

// differing names the buckets that are not the same on both sides.
func differing(a, b map[string]string) []string {
	all := maps.Clone(a)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, b)
	var out []string
	for _, bucket := range slices.Sorted(maps.Keys(all)) {
		if a[bucket] != b[bucket] {
			out = append(out, fmt.Sprintf("%s (%s, %s)", bucket, orElse(a[bucket], "none"),
				orElse(b[bucket], "none")))
		}
	}
	return out
}
