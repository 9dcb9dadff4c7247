//go:build linux

package nemesis

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/codegraphdb/codegraph/chaos/history"
	"github.com/codegraphdb/codegraph/chaos/rig"
	"github.com/codegraphdb/codegraph/graph"
)

// None is the nemesis that does nothing.
const None = "none"

// Fault is one thing that a nemesis does.
type Fault struct {
	Kind    string
	Targets []string
	// Begin puts it into effect.
	Begin func(context.Context) error
	// End heals it and says what it has done.
	End func(context.Context) (history.Effect, string, error)
}

// variant chooses the targets of one kind of fault.
type variant func(*Nemesis, context.Context) (*Fault, error)

// Nemesis makes faults.
type Nemesis struct {
	rig      *rig.Rig
	rng      *rand.Rand
	variants []variant
	next     int
}

// kind is a line of the table of nemeses.
type kind struct {
	name     string
	disks    bool // nodes need disks of their own
	variants []variant
	missing  string // what it waits for
}

// table lists all nemeses.
func table() []kind {
	kinds := []kind{
		{name: "kill", variants: []variant{killOne, killLeader, killAll}},
		{name: "pause", variants: []variant{pauseOne, pauseLeader}},
		{name: "partition", variants: []variant{isolateOne, isolateLeader, deafen, mute, bridge}},
		{name: "power", disks: true, variants: []variant{powerOne, powerAll, powerLeader}},
		{name: "stall", disks: true, variants: []variant{stallOne, stallLeader}},
		{name: "nospace", disks: true, variants: []variant{fillOne, fillLeader}},
		{name: "rot", disks: true, variants: []variant{rotLog, rotTable, rotManifest}},
	}
	all := kind{name: "all", disks: true}
	for _, k := range kinds {
		if k.name != "rot" { // nothing replaces a node yet whose data is gone
			all.variants = append(all.variants, k.variants...)
		}
	}
	return append(kinds, all,
		kind{name: "transfer", missing: "a call that moves leaders"},
		kind{name: "wipe", missing: "the replacement of replicas"})
}

// Names lists the nemeses that work, None first.
func Names() []string {
	out := []string{None}
	for _, k := range table() {
		if k.missing == "" {
			out = append(out, k.name)
		}
	}
	return out
}

func find(name string) (kind, error) {
	for _, k := range table() {
		if k.name != name {
			continue
		}
		if k.missing != "" {
			return k, graph.Errorf("nemesis.New", graph.KindUnsupported, "nemesis %s waits for %s", name,
				k.missing)
		}
		return k, nil
	}
	return kind{}, graph.Errorf("nemesis.New", graph.KindInvalid, "there is no nemesis %q", name).
		WithRemedy("one of %s", strings.Join(Names(), ", "))
}

// NeedsDisks tells whether nodes need disks of their own for a nemesis; it fails for one that is
// not there.
func NeedsDisks(name string) (bool, error) {
	if name == None {
		return false, nil
	}
	k, err := find(name)
	return k.disks, err
}

// New makes a nemesis.
func New(name string, r *rig.Rig, rng *rand.Rand) (*Nemesis, error) {
	k, err := find(name)
	if err != nil {
		return nil, err
	}
	variants := slices.Clone(k.variants)
	rng.Shuffle(len(variants), func(i, j int) {
		variants[i], variants[j] = variants[j], variants[i]
	})
	return &Nemesis{rig: r, rng: rng, variants: variants}, nil
}

// Next chooses the next fault.
func (n *Nemesis) Next(ctx context.Context) (*Fault, error) {
	v := n.variants[n.next%len(n.variants)]
	n.next++
	return v(n, ctx)
}

// one chooses any node.
func (n *Nemesis) one() int { return n.rng.IntN(n.rig.Size()) }

// leader chooses the node that leads the meta group or, every other time, most shards.
func (n *Nemesis) leader(ctx context.Context) (int, error) {
	leads, meta, err := n.rig.Leaders(ctx)
	if err != nil {
		return 0, err
	}
	if meta >= 0 && n.next%2 == 0 {
		return meta, nil
	}
	most := 0
	for i, shards := range leads {
		if shards > leads[most] {
			most = i
		}
	}
	return most, nil
}

// all lists every node.
func (n *Nemesis) all() []int {
	var out []int
	for i := range n.rig.Size() {
		out = append(out, i)
	}
	return out
}

func names(nodes []int) []string {
	var out []string
	for _, i := range nodes {
		out = append(out, rig.Name(i))
	}
	return out
}
