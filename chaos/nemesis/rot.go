//go:build linux

package nemesis

import (
	"context"
	"fmt"
	"time"

	"github.com/codegraphdb/codegraph/chaos/history"
	"github.com/codegraphdb/codegraph/chaos/rig"
)

func rotLog(n *Nemesis, _ context.Context) (*Fault, error) {
	return n.rot("rot-log", "raft", "log"), nil
}

func rotTable(n *Nemesis, _ context.Context) (*Fault, error) {
	return n.rot("rot-table", ".sst"), nil
}

func rotManifest(n *Nemesis, _ context.Context) (*Fault, error) {
	return n.rot("rot-manifest", "MANIFEST"), nil
}

// rot flips bytes in a file of one dead node, like one of kinds, and starts the node with it. One
// that notices before it serves anything gets its old data back at the end; one that has served and
// noticed later would have to be replaced, and stays down.
func (n *Nemesis) rot(name string, kinds ...string) *Fault {
	node := n.one()
	var rotten rig.Rot
	served := make(chan bool, 1)
	stop := make(chan struct{})
	return &Fault{Kind: name, Targets: names([]int{node}),
		Begin: func(ctx context.Context) (err error) {
			if _, err = n.rig.KillNodes(node); err != nil {
				return err
			}
			if rotten, err = n.rig.FlipBytes(node, n.rng, kinds); err != nil {
				return err
			}
			err = n.rig.Revive(node)
			n.rig.Excuse(node)
			go func() { served <- n.everReady(ctx, node, stop) }()
			return err
		},
		End: func(ctx context.Context) (history.Effect, string, error) {
			close(stop)
			effect := history.Effect{"flipped_bytes": rotten.Bytes}
			ready := <-served
			note, err := n.recover(ctx, node, ready)
			return effect, fmt.Sprintf("%s: %s", rotten.File, note), err
		}}
}

// everReady watches a node until stop and says whether it was ready at any time.
func (n *Nemesis) everReady(ctx context.Context, node int, stop chan struct{}) bool {
	const every = 50 * time.Millisecond
	for {
		if n.rig.Status(ctx)[node].Ready {
			return true
		}
		select {
		case <-stop:
			return n.rig.Status(ctx)[node].Ready
		case <-time.After(every):
		}
	}
}

// recover brings a node back that had rotten data.
func (n *Nemesis) recover(ctx context.Context, node int, served bool) (string, error) {
	now := n.rig.Status(ctx)[node]
	switch {
	case now.Ready:
		return "the node serves; what is rotten was not read, or repaired", nil
	case served:
		return "the node served and gave up later; only a replacement would help", nil
	case now.Running:
		if _, err := n.rig.KillNodes(node); err != nil {
			return "", err
		}
	}
	if err := n.rig.Unrot(node); err != nil {
		return "", err
	}
	return "the node refused to serve", n.rig.Revive(node)
}
