package cluster

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// randomOperator makes a command that starts an operator or is about an open one.
func randomOperator(rng *rand.Rand, now int64, open []*Operator) Command {
	id := fmt.Sprint("o", rng.IntN(1000))
	about := id
	if len(open) > 0 {
		about = open[rng.IntN(len(open))].ID
	}
	nodes := []string{"n0", "n1", "n2", "n3"}
	switch rng.IntN(20) {
	case 0, 1, 2:
		c := &StartOperator{ID: id, Shard: 1 + rng.Uint64N(2),
			Op:   []OperatorKind{AddReplica, RemoveReplica, ReplaceReplica}[rng.IntN(3)],
			Node: nodes[rng.IntN(4)], From: nodes[rng.IntN(4)], NowMillis: now}
		if c.Op == AddReplica {
			c.From = ""
		}
		if c.Op == RemoveReplica {
			c.Node = ""
		}
		return c
	case 3:
		return &CancelOperator{about, "test", now}
	}
	steps := []OperatorStep{StepCheck, StepLearner, StepCatchUp, StepVoter, StepRemove, StepUndo}
	return &AdvanceOperator{about, steps[rng.IntN(len(steps))], "", now}
}

// TestIncarnations: under random operators a replica that has left the map never comes back, a
// shard always has a voter, an operator that ends leaves no learner, and every change has its
// epoch.
func TestIncarnations(t *testing.T) {
	type replica struct {
		shard uint64
		Replica
	}
	ended := 0
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 9))
		m := newMachine(t, 2)
		for n := range 4 {
			m.must(&RegisterNode{ID: fmt.Sprint("n", n), PeerAddr: "p", NowMillis: 1})
		}
		stands := map[replica]Standing{}
		for range 600 {
			before := m.Snapshot().Map()
			open, _ := m.Snapshot().Operators()
			_, _ = m.try(randomOperator(rng, 5, open)) // many are refused
			s := m.Snapshot()
			open, done := s.Operators()
			ended = max(ended, len(done))
			for i, d := range s.Map().Shards {
				busy := slices.ContainsFunc(open, func(o *Operator) bool { return o.Shard == d.ID })
				if len(d.Learners) > 1 || len(d.Learners) == 1 && !busy || len(d.Replicas) == 0 {
					t.Fatalf("seed %d: %s", seed, s.Map())
				}
				old := before.Shards[i]
				if changed := !slices.Equal(old.Replicas, d.Replicas) ||
					!slices.Equal(old.Learners, d.Learners); changed != (d.Epoch > old.Epoch) {
					t.Fatalf("seed %d: epoch %d, then %d: %s", seed, old.Epoch, d.Epoch, s.Map())
				}
				for _, r := range slices.Concat(d.Replicas, d.Learners) {
					stands[replica{d.ID, r}] = max(stands[replica{d.ID, r}], NotYet)
				}
			}
			for r, was := range stands {
				now := s.Standing(r.shard, r.Replica)
				if was == Dead && now != Dead || was != NotYet && now == NotYet {
					t.Fatalf("seed %d: replica %s of shard %d was %d and is %d", seed, r.ServerID(),
						r.shard, was, now)
				}
				stands[r] = now
			}
			if err := s.Map().Validate(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if ended < 10 {
		t.Fatalf("only %d operators ended", ended)
	}
}
