//go:build linux

package nemesis

import (
	"context"
	"errors"

	"github.com/codegraphdb/codegraph/chaos/history"
	"github.com/codegraphdb/codegraph/chaos/rig"
)

// isolateOne cuts a node off from all others.
func isolateOne(n *Nemesis, _ context.Context) (*Fault, error) {
	return n.isolate("partition-one", n.one()), nil
}

func isolateLeader(n *Nemesis, ctx context.Context) (*Fault, error) {
	i, err := n.leader(ctx)
	return n.isolate("partition-leader", i), err
}

func (n *Nemesis) isolate(name string, node int) *Fault {
	var links []rig.Link
	for _, other := range n.all() {
		if other != node {
			links = append(links, rig.Link{From: node, To: other}, rig.Link{From: other, To: node})
		}
	}
	return n.cut(name, []int{node}, links)
}

// deafen lets nothing reach a node that leads; what it sends arrives.
func deafen(n *Nemesis, ctx context.Context) (*Fault, error) {
	node, err := n.leader(ctx)
	var links []rig.Link
	for _, other := range n.all() {
		if other != node {
			links = append(links, rig.Link{From: other, To: node})
		}
	}
	return n.cut("partition-deaf", []int{node}, links), err
}

// mute lets nothing that a node sends arrive; it hears all others.
func mute(n *Nemesis, ctx context.Context) (*Fault, error) {
	node, err := n.leader(ctx)
	var links []rig.Link
	for _, other := range n.all() {
		if other != node {
			links = append(links, rig.Link{From: node, To: other})
		}
	}
	return n.cut("partition-mute", []int{node}, links), err
}

// bridge cuts links so that no two majorities are the same and none is complete: of three nodes two
// do not see each other, of more each sees its neighbours in a ring.
func bridge(n *Nemesis, _ context.Context) (*Fault, error) {
	order := n.rng.Perm(n.rig.Size())
	near := max(1, (len(order)-1)/4) // neighbours on each side that make a majority
	var links []rig.Link
	for i := range order {
		for j := range order {
			apart := min((i-j+len(order))%len(order), (j-i+len(order))%len(order))
			three := len(order) == 3 && min(i, j) == 0 && max(i, j) == 1
			if apart > near || three {
				links = append(links, rig.Link{From: order[i], To: order[j]})
			}
		}
	}
	return n.cut("partition-ring", n.all(), links), nil
}

// cut cuts links and joins them again.
func (n *Nemesis) cut(name string, nodes []int, links []rig.Link) *Fault {
	return &Fault{Kind: name, Targets: names(nodes),
		Begin: func(context.Context) error {
			for _, l := range links {
				if _, err := n.rig.Cut(l); err != nil {
					return err
				}
			}
			return nil
		},
		End: func(context.Context) (history.Effect, string, error) {
			effect := history.Effect{}
			var errs []error
			for _, l := range links {
				dropped, err := n.rig.Join(l)
				effect["dropped"] += dropped
				errs = append(errs, err)
			}
			return effect, "", errors.Join(errs...)
		}}
}
