package chaos

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/codegraphdb/codegraph"
)

// number reads a number from the environment.
func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// round is what one kill did.
type round struct {
	victim     int
	metaLeader bool
	ingesting  bool
	strong     time.Duration // the slowest strong read
	snapshot   time.Duration // the slowest other read
	ingest     time.Duration // the slowest ingest
	catchUp    time.Duration // from the start of the process until it has everything
}

// TestKillRounds kills a node, round after round, under steady reads and ingests.
func TestKillRounds(t *testing.T) {
	seed := number(t, "SEED", uint64(time.Now().UnixNano()))
	rounds := int(number(t, "ROUNDS", 10))
	t.Logf("SEED=%d ROUNDS=%d", seed, rounds)
	rng := rand.New(rand.NewPCG(seed, 0))
	r := newRig(t, 3)
	c := r.client()
	ids := r.nodeIDs(c)
	a, b := newTree(t, "kill-a", 12, 5), newTree(t, "kill-b", 12, 5)
	r.ingest(a)
	r.ingest(b)
	readers := []*reader{r.startReader(a), r.startReader(b)}
	writers := []*series{r.startSeries(a), r.startSeries(b)}

	var done []round
	leaders, beside := 0, 0
	for n := range rounds {
		victim, leader := rng.IntN(r.Size()), r.metaLeader(c, ids)
		if leaders == 0 && n == rounds-1 { // the seed chose none
			victim = leader
		}
		k := r.killRound(c, victim, rng, writers)
		k.metaLeader = victim == leader
		leaders += count(k.metaLeader)
		beside += count(k.ingesting)
		done = append(done, k)
		t.Logf("round %d: node %d, meta leader %v: slowest strong read %v, other read %v, "+
			"ingest %v; catch-up %v", n+1, victim+1, k.metaLeader, k.strong, k.snapshot, k.ingest,
			k.catchUp)
	}
	for _, w := range writers {
		if err := w.end(); err != nil {
			t.Error(err)
		}
	}
	for _, rd := range readers {
		rd.end()
	}
	if leaders == 0 || beside == 0 {
		t.Errorf("C7: %d victims led the meta group, %d died beside an ingest", leaders, beside)
	}
	r.checkReplicas(c)
	for _, h := range []*history{a, b} {
		checkHistory(t, h)
		r.checkContent(h, c)
		t.Logf("%s: %d revisions acknowledged, %d reads", h.tree.repo, len(h.acks), len(h.reads))
	}
	logRounds(t, done)
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// killRound kills a node while an ingest is under way, waits until ingests go on without it, and
// brings it back.
func (r *rig) killRound(c *codegraph.Client, victim int, rng *rand.Rand,
	writers []*series) round {
	r.t.Helper()
	k := round{victim: victim}
	wait(r.t, ingestWithin, "an ingest", writers[0].running.Load)
	time.Sleep(time.Duration(rng.IntN(200)) * time.Millisecond) // any phase of an ingest
	began := time.Now()
	k.ingesting = writers[0].running.Load() || writers[1].running.Load()
	r.kill(victim)
	for _, w := range writers {
		w.waitForAck(r.t)
	}
	back := time.Now()
	r.startNode(victim)
	r.waitCaughtUp(c)
	k.catchUp = time.Since(back).Round(time.Millisecond)
	for _, w := range writers {
		k.add(w.h, began, time.Now())
	}
	return k
}

// add takes the slowest of a history into the round's figures.
func (k *round) add(h *history, from, to time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var strong, snapshot []read
	for _, r := range h.reads {
		if r.strong {
			strong = append(strong, r)
		} else {
			snapshot = append(snapshot, r)
		}
	}
	k.strong = max(k.strong, outage(strong, from, to)).Round(time.Millisecond)
	k.snapshot = max(k.snapshot, outage(snapshot, from, to)).Round(time.Millisecond)
	for _, a := range h.acks {
		if a.at.After(from) && a.at.Before(to) {
			k.ingest = max(k.ingest, a.took).Round(time.Millisecond)
		}
	}
}

// logRounds prints the figures of all rounds.
func logRounds(t *testing.T, rounds []round) {
	t.Helper()
	for _, f := range []struct {
		name  string
		bound time.Duration
		of    func(round) time.Duration
	}{
		{"slowest strong read per kill", failover, func(k round) time.Duration { return k.strong }},
		{"slowest other read per kill", failover, func(k round) time.Duration { return k.snapshot }},
		{"slowest ingest per kill", 0, func(k round) time.Duration { return k.ingest }},
		{"catch-up", 0, func(k round) time.Duration { return k.catchUp }},
	} {
		var all []time.Duration
		longest := time.Duration(0)
		for _, k := range rounds {
			all = append(all, f.of(k))
			longest = max(longest, f.of(k))
		}
		t.Log(fmt.Sprintf("%-30s p50 %v, max %v", f.name, median(all), longest))
		if f.bound > 0 && median(all) > f.bound {
			t.Errorf("C4: %s: p50 %v is over %v", f.name, median(all), f.bound)
		}
	}
}
