package cluster

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/codegraphdb/codegraph/graph"
)

// SlotBucket is the smallest range of slots: bounds of shards are multiples of it, because some
// keys carry only the top 8 bits of their slot.
const SlotBucket = 256

// MaxShards is the number of shards beyond which nothing can be split.
const MaxShards = graph.Slots / SlotBucket

// Replica is one copy of a shard. A node that lost its disk comes back under a new incarnation.
type Replica struct {
	Node        string `json:"node"`
	Incarnation uint64 `json:"inc"`
}

// ServerID returns the name of the replica in its Raft group: "<node>/<incarnation>".
func (r Replica) ServerID() string {
	return r.Node + "/" + strconv.FormatUint(r.Incarnation, 10)
}

// ParseServerID parses what Replica.ServerID returns.
func ParseServerID(s string) (Replica, bool) {
	node, inc, ok := strings.Cut(s, "/")
	n, err := strconv.ParseUint(inc, 10, 64)
	r := Replica{node, n}
	return r, ok && err == nil && n > 0 && node != "" && r.ServerID() == s
}

// Descriptor is one shard: which slots it has and where its replicas are. The first replica is
// the one that should lead.
type Descriptor struct {
	ID       uint64     `json:"id"`
	Lo       graph.Slot `json:"lo"`
	Hi       graph.Slot `json:"hi"` // inclusive
	Epoch    uint64     `json:"epoch"`
	Replicas []Replica  `json:"replicas"`
	// Learners are replicas that are being made: they get the log, do not vote and serve nobody.
	Learners []Replica `json:"learners,omitempty"`
	// LastIncarnation is the highest incarnation given to a replica of the shard. An operator takes
	// the next for the one that it adds.
	LastIncarnation uint64 `json:"last_inc"`
}

// Replica returns the shard's replica on a node.
func (d *Descriptor) Replica(node string) (Replica, bool) {
	for _, r := range d.Replicas {
		if r.Node == node {
			return r, true
		}
	}
	return Replica{}, false
}

// Map is the versioned table of shards, sorted by slot. The zero Map has no shards. A Map is never
// changed after it is made.
type Map struct {
	Version uint64       `json:"version"`
	Shards  []Descriptor `json:"shards"`
}

// ShardOf returns the shard that has a slot, nil only if the map has no shards.
func (m Map) ShardOf(slot graph.Slot) *Descriptor {
	i := sort.Search(len(m.Shards), func(i int) bool { return m.Shards[i].Hi >= slot })
	if i == len(m.Shards) {
		return nil
	}
	return &m.Shards[i]
}

// Shard returns the shard with an id, nil if there is none.
func (m Map) Shard(id uint64) *Descriptor {
	i := slices.IndexFunc(m.Shards, func(d Descriptor) bool { return d.ID == id })
	if i < 0 {
		return nil
	}
	return &m.Shards[i]
}

// OnNode returns the shards that have a replica on a node.
func (m Map) OnNode(node string) []Descriptor {
	var out []Descriptor
	for _, d := range m.Shards {
		if _, ok := d.Replica(node); ok {
			out = append(out, d)
		}
	}
	return out
}

// Validate checks that the shards cover every slot exactly once, that bounds are multiples of
// SlotBucket, and that ids, epochs and replicas make sense.
func (m Map) Validate() error {
	bad := func(format string, args ...any) error {
		return graph.Errorf("cluster.Map", graph.KindInvalid, "map version %d: "+format,
			append([]any{m.Version}, args...)...)
	}
	if m.Version == 0 || len(m.Shards) == 0 || len(m.Shards) > MaxShards {
		return bad("it has %d shards (1 to %d)", len(m.Shards), MaxShards)
	}
	next := 0
	ids := map[uint64]bool{}
	for i := range m.Shards {
		d := &m.Shards[i]
		end := int(d.Hi) + 1
		if int(d.Lo) != next || end <= next || end%SlotBucket != 0 {
			return bad("shard %d has slots %d to %d, expected to begin at %d and to end before "+
				"a multiple of %d", d.ID, d.Lo, d.Hi, next, SlotBucket)
		}
		if d.ID == 0 || ids[d.ID] || d.Epoch == 0 {
			return bad("shard id %d, epoch %d: ids and epochs begin at 1, ids are given once",
				d.ID, d.Epoch)
		}
		if err := d.validateReplicas(); err != nil {
			return bad("shard %d: %v", d.ID, err)
		}
		ids[d.ID] = true
		next = end
	}
	if next != graph.Slots {
		return bad("slots %d to %d have no shard", next, graph.Slots-1)
	}
	return nil
}

func (d *Descriptor) validateReplicas() error {
	if len(d.Replicas) == 0 {
		return fmt.Errorf("it has no replica")
	}
	seen := map[string]bool{}
	for _, r := range slices.Concat(d.Replicas, d.Learners) {
		parsed, ok := ParseServerID(r.ServerID())
		if !ok || parsed != r || seen[r.Node] || r.Incarnation > d.LastIncarnation {
			return fmt.Errorf("replica %q is malformed, on a node that has one, or was never made",
				r.ServerID())
		}
		seen[r.Node] = true
	}
	return nil
}

// String returns one line per shard, for people: id, slots, epoch, replicas, learners with a +.
func (m Map) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "map version %d\n", m.Version)
	for _, d := range m.Shards {
		var names []string
		for _, r := range d.Replicas {
			names = append(names, r.ServerID())
		}
		for _, r := range d.Learners {
			names = append(names, "+"+r.ServerID())
		}
		fmt.Fprintf(&b, "shard %3d  slots %5d-%5d  epoch %d  %s\n", d.ID, d.Lo, d.Hi, d.Epoch,
			strings.Join(names, " "))
	}
	return b.String()
}
