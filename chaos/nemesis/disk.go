//go:build linux

package nemesis

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/codegraphdb/codegraph/chaos/history"
)

func powerOne(n *Nemesis, _ context.Context) (*Fault, error) {
	return n.power("power-one", n.one()), nil
}

func powerLeader(n *Nemesis, ctx context.Context) (*Fault, error) {
	i, err := n.leader(ctx)
	return n.power("power-leader", i), err
}

func powerAll(n *Nemesis, _ context.Context) (*Fault, error) {
	return n.power("power-all", n.all()...), nil
}

// power ends nodes at once and takes what they had not fsynced.
func (n *Nemesis) power(name string, nodes ...int) *Fault {
	effect := history.Effect{}
	return &Fault{Kind: name, Targets: names(nodes),
		Begin: func(context.Context) (err error) {
			if effect["killed"], err = n.rig.KillNodes(nodes...); err != nil {
				return err
			}
			for _, i := range nodes {
				lost, err := n.rig.Disk(i).LosePower()
				if err != nil {
					return err
				}
				if lost == 0 {
					return fmt.Errorf("nemesis: node %d lost nothing with its power", i+1)
				}
				effect["lost_bytes"] += lost
			}
			return nil
		},
		End: func(context.Context) (history.Effect, string, error) {
			if effect["lost_bytes"] == 0 { // a kill alone is another fault
				return nil, "", n.revive(nodes)
			}
			return effect, "", n.revive(nodes)
		}}
}

func stallOne(n *Nemesis, _ context.Context) (*Fault, error) {
	return n.stall("stall-one", n.one()), nil
}

func stallLeader(n *Nemesis, ctx context.Context) (*Fault, error) {
	i, err := n.leader(ctx)
	return n.stall("stall-leader", i), err
}

// stall makes every write of a node hang. The node may give up and end; it is started again then.
func (n *Nemesis) stall(name string, node int) *Fault {
	held := make(chan time.Duration, 1)
	return &Fault{Kind: name, Targets: names([]int{node}),
		Begin: func(context.Context) error {
			n.rig.Excuse(node)
			if err := n.rig.Disk(node).Freeze(); err != nil {
				return err
			}
			go func() { // ends with the thaw
				took, _ := n.rig.Disk(node).Write() // only how long it took counts
				held <- took
			}()
			return nil
		},
		End: func(context.Context) (history.Effect, string, error) {
			if err := n.rig.Disk(node).Thaw(); err != nil {
				return nil, "", err
			}
			effect := history.Effect{"write_held_ms": (<-held).Milliseconds()}
			note, err := n.pickUp(node)
			return effect, note, err
		}}
}

// pickUp starts a node that has given up, and says so.
func (n *Nemesis) pickUp(node int) (string, error) {
	note := ""
	if n.rig.PID(node) == 0 {
		note = "the node ended by itself"
	}
	return note, n.rig.Revive(node)
}

func fillOne(n *Nemesis, _ context.Context) (*Fault, error) {
	return n.fill("nospace-one", n.one()), nil
}

func fillLeader(n *Nemesis, ctx context.Context) (*Fault, error) {
	i, err := n.leader(ctx)
	return n.fill("nospace-leader", i), err
}

// fill takes all free space of a node's disk. The node may end; it is started again then.
func (n *Nemesis) fill(name string, node int) *Fault {
	effect := history.Effect{}
	return &Fault{Kind: name, Targets: names([]int{node}),
		Begin: func(context.Context) (err error) {
			n.rig.Excuse(node)
			if effect["filled_bytes"], err = n.rig.Disk(node).Fill(); err != nil {
				return err
			}
			if _, err := n.rig.Disk(node).Write(); errors.Is(err, syscall.ENOSPC) {
				effect["refused"] = 1
			}
			return nil
		},
		End: func(context.Context) (history.Effect, string, error) {
			if err := n.rig.Disk(node).Free(); err != nil {
				return nil, "", err
			}
			note, err := n.pickUp(node)
			if effect["refused"] == 0 {
				return nil, "the disk was not full", err
			}
			return effect, note, err
		}}
}
