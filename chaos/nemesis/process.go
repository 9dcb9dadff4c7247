//go:build linux

package nemesis

import (
	"context"
	"errors"
	"time"

	"github.com/codegraphdb/codegraph/chaos/history"
)

func killOne(n *Nemesis, _ context.Context) (*Fault, error) {
	return n.kill("kill-one", n.one()), nil
}

func killLeader(n *Nemesis, ctx context.Context) (*Fault, error) {
	i, err := n.leader(ctx)
	return n.kill("kill-leader", i), err
}

func killAll(n *Nemesis, _ context.Context) (*Fault, error) {
	return n.kill("kill-all", n.all()...), nil
}

// kill ends nodes with SIGKILL and starts them again at the end.
func (n *Nemesis) kill(name string, nodes ...int) *Fault {
	effect := history.Effect{}
	return &Fault{Kind: name, Targets: names(nodes),
		Begin: func(context.Context) (err error) {
			effect["killed"], err = n.rig.KillNodes(nodes...)
			return err
		},
		End: func(context.Context) (history.Effect, string, error) {
			return effect, "", n.revive(nodes)
		}}
}

// revive starts nodes.
func (n *Nemesis) revive(nodes []int) error {
	var errs []error
	for _, i := range nodes {
		errs = append(errs, n.rig.Revive(i))
	}
	return errors.Join(errs...)
}

func pauseOne(n *Nemesis, _ context.Context) (*Fault, error) {
	return n.pause("pause-one", n.one()), nil
}

func pauseLeader(n *Nemesis, ctx context.Context) (*Fault, error) {
	i, err := n.leader(ctx)
	return n.pause("pause-leader", i), err
}

// pause stops every thread of a node.
func (n *Nemesis) pause(name string, node int) *Fault {
	var began time.Time
	return &Fault{Kind: name, Targets: names([]int{node}),
		Begin: func(context.Context) error {
			err := n.rig.Pause(node) // returns when no thread runs
			began = time.Now()
			return err
		},
		End: func(context.Context) (history.Effect, string, error) {
			stopped := time.Since(began)
			err := n.rig.Resume(node)
			return history.Effect{"stopped_ms": stopped.Milliseconds()}, "", err
		}}
}
