package txn

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/codegraphdb/codegraph/graph"
)

// event is something that can happen in a world.
type event struct {
	what string
	do   func(w *world)
}

// events returns all that can happen next.
func (w *world) events() []event {
	var out []event
	for t := range w.specs {
		for k := range w.tries {
			co := w.co[t][k]
			switch {
			case !co.born && (k == 0 || w.co[t][k-1].born):
				out = append(out, event{"start", func(w *world) { w.start(t, k) }})
			case co.asking:
				out = append(out, event{"time", func(w *world) { w.time(t, k) }})
			}
		}
	}
	for _, m := range w.messages {
		what := fmt.Sprintf("%s %d.%d", m.op, m.txn, m.part)
		if !m.reply {
			out = append(out, event{what, func(w *world) { w.request(m) }})
			continue
		}
		for k := range w.tries {
			if w.co[m.txn][k].c != nil {
				out = append(out, event{what + " replied", func(w *world) { w.reply(m, k) }})
			}
		}
	}
	for i := range w.shards {
		for _, l := range w.shards[i].locks {
			out = append(out, event{"clean", func(w *world) { w.clean(i, l, true) }})
		}
	}
	for i := range w.readers {
		if w.readers[i].read < 2 {
			out = append(out, event{"read", func(w *world) { w.read(i) }})
		}
	}
	return out
}

func (w *world) time(t, k int) {
	co := &w.co[t][k]
	if !co.asking {
		return
	}
	co.asking = false
	at := co.early
	if at == 0 {
		at = w.draw()
	}
	w.do(t, k, co.c.Time(at))
}

// key is equal for states that cannot be told apart: timestamps count by their order only.
func (w *world) key() string {
	var all []graph.Timestamp
	w.timestamps(func(at graph.Timestamp) { all = append(all, at) })
	slices.Sort(all)
	all = slices.Compact(all)
	var b []byte
	num := func(n int) { b = append(b, byte(n)) }
	ts := func(at graph.Timestamp) {
		i, _ := slices.BinarySearch(all, at)
		num(i)
	}
	rec := func(r Record) { num(int(r.Status)); ts(r.Commit) }
	flag := func(v bool) {
		if v {
			num(1)
		} else {
			num(0)
		}
	}
	w.encode(num, ts, rec, flag)
	return string(b)
}

func (w *world) encode(num func(int), ts func(graph.Timestamp), rec func(Record), flag func(bool)) {
	for t := range w.specs {
		ts(w.starts[t])
		rec(w.told[t])
		for _, co := range w.co[t][:w.tries] {
			flag(co.born)
			flag(co.asking)
			ts(co.early)
			if c := co.c; c != nil {
				num(int(c.phase))
				for i := range c.prepared {
					flag(c.prepared[i])
					flag(c.resolved[i])
				}
				rec(c.want)
				rec(c.out.Record)
			}
		}
	}
	for i := range w.shards {
		sh := &w.shards[i]
		num(len(sh.versions))
		for _, v := range sh.versions {
			num(v.txn)
			ts(v.at)
		}
		num(len(sh.locks))
		for _, l := range sh.locks {
			num(int(l.Txn[0]))
			if len(w.readers) > 0 { // nobody else looks at it
				ts(l.Prepared)
			}
		}
		for t := range w.specs {
			rec(sh.records[t])
		}
	}
	for _, m := range w.messages {
		num(m.txn<<5 | int(m.op)<<1 | m.part)
		flag(m.reply)
		flag(m.refused)
		rec(m.rec)
	}
	num(255)
	for _, r := range w.readers {
		ts(r.at)
		num(r.read<<4 | r.saw[0]<<2 | r.saw[1])
	}
}

// timestamps calls f with all timestamps of the state.
func (w *world) timestamps(f func(graph.Timestamp)) {
	skip := func(int) {}
	w.encode(skip, f, func(r Record) { f(r.Commit) }, func(bool) {})
}

// settle lets everybody who meets a lock do their work, until none is left.
func (w *world) settle() error {
	for range 20 {
		left := 0
		for i := range w.shards {
			for _, l := range slices.Clone(w.shards[i].locks) {
				left++
				w.clean(i, l, true)
			}
		}
		if left == 0 {
			return w.flipped
		}
	}
	return fmt.Errorf("locks stay for good: %v %v", w.shards[0].locks, w.shards[1].locks)
}

// check settles a copy of the state and compares it with what was promised.
func (w *world) check() error {
	if w.flipped != nil {
		return w.flipped
	}
	end := w.clone()
	if err := end.settle(); err != nil {
		return err
	}
	for t := range end.specs {
		if err := end.checkAtomic(t); err != nil {
			return err
		}
	}
	if err := end.checkIsolation(); err != nil {
		return err
	}
	for i, r := range end.readers {
		for shard := range r.read {
			if now := end.shards[shard].newest(r.at); now != r.saw[shard] {
				return fmt.Errorf("reader %d at %d saw transaction %d in shard %d; now it is %d", i, r.at,
					r.saw[shard]-1, shard, now-1)
			}
		}
	}
	return nil
}

// checkAtomic: a transaction is everywhere or nowhere, as its record and its client were told.
func (w *world) checkAtomic(t int) error {
	s := w.specs[t]
	rec := w.shards[s.primaryShard()].records[t]
	if told := w.told[t]; told.Decided() && told != rec {
		return fmt.Errorf("transaction %d: the client was told %v, the record is %v", t, told, rec)
	}
	for shard, u := range s.use {
		n := 0
		for _, v := range w.shards[shard].versions {
			if v.txn != t {
				continue
			}
			n++
			if rec.Status != Committed || v.at != rec.Commit {
				return fmt.Errorf("transaction %d: a version at %d, the record is %v", t, v.at, rec)
			}
		}
		if want := rec.Status == Committed && u == writes; n > 1 || (n == 1) != want {
			return fmt.Errorf("transaction %d, %v: %d versions in shard %d", t, rec, n, shard)
		}
	}
	return nil
}

// checkIsolation: no update is lost, and what was validated held at the commit.
func (w *world) checkIsolation() error {
	for a := range w.specs {
		ra := w.shards[w.specs[a].primaryShard()].records[a]
		if ra.Status != Committed {
			continue
		}
		for b := range w.specs {
			rb := w.shards[w.specs[b].primaryShard()].records[b]
			if a == b || rb.Status != Committed || rb.Commit >= ra.Commit || rb.Commit <= w.starts[a] {
				continue // b did not commit while a ran
			}
			for shard := range w.shards {
				if w.specs[a].use[shard] != no && w.specs[b].use[shard] == writes {
					return fmt.Errorf("transactions %d at %d and %d at %d: both committed, in shard %d one "+
						"did not know of the other", b, rb.Commit, a, ra.Commit, shard)
				}
			}
		}
	}
	return nil
}

// explore visits every state that can be reached, up to a number, and returns what is wrong with
// the first bad one, with the way there.
func explore(first *world, limit int) (states int, err error) {
	type step struct {
		w    *world
		from int
		what string
	}
	seen := map[string]bool{first.key(): true}
	queue := []step{{w: first}}
	for i := 0; i < len(queue); i++ {
		w := queue[i].w
		queue[i].w = nil
		for _, e := range w.events() {
			next := w.clone()
			e.do(next)
			k := next.key()
			if seen[k] {
				continue
			}
			seen[k] = true
			if err := next.check(); err != nil {
				path := []string{e.what}
				for j := i; j > 0; j = queue[j].from {
					path = append(path, queue[j].what)
				}
				slices.Reverse(path)
				return len(seen), fmt.Errorf("%s: %w", strings.Join(path, ", "), err)
			}
			if len(seen) > limit {
				return len(seen), nil
			}
			queue = append(queue, step{next, i, e.what})
		}
	}
	return len(seen), nil
}

var (
	both     = spec{use: [2]use{writes, writes}, primary: 0}
	bothToo  = spec{use: [2]use{writes, writes}, primary: 1}
	single   = spec{use: [2]use{writes, no}}
	skewed   = spec{use: [2]use{validate, writes}, primary: 0}
	skewedTo = spec{use: [2]use{writes, validate}, primary: 1}
)

// states bounds the worlds whose states would take minutes to visit (some 400,000 each):
// go test ./txn -run Exhaustively -states 1000000
var states = flag.Int("states", 5000, "how many states of a large world to visit")

// TestTransactionsExhaustively visits every state of small worlds, and the nearest of larger ones.
func TestTransactionsExhaustively(t *testing.T) {
	for name, c := range map[string]struct {
		small bool
		w     *world
	}{
		"one, tried twice":          {true, newWorld(bugs{}, 2, 0, both)},
		"one and a reader":          {true, newWorld(bugs{}, 1, 1, both)},
		"one phase, tried twice":    {true, newWorld(bugs{}, 2, 1, single)},
		"one phase and two":         {true, newWorld(bugs{}, 1, 0, single, both)},
		"two":                       {false, newWorld(bugs{}, 1, 0, both, bothToo)},
		"two with the same primary": {false, newWorld(bugs{}, 1, 0, both, both)},
		"write skew":                {false, newWorld(bugs{}, 1, 0, skewed, skewedTo)},
	} {
		limit := *states
		if c.small {
			limit = 1 << 30
		}
		n, err := explore(c.w, limit)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		t.Logf("%s: %d states", name, n)
	}
}

// walk takes random steps and checks after each; at the end nobody dies any more, and everybody
// must get an answer.
func walk(w *world, seed uint64, steps int) error {
	rng := rand.New(rand.NewPCG(seed, 5))
	var path []string
	for range steps {
		all := w.events()
		if len(all) == 0 {
			break
		}
		e := all[rng.IntN(len(all))]
		e.do(w)
		path = append(path, e.what)
		if err := w.check(); err != nil {
			return fmt.Errorf("seed %d: %s: %w", seed, strings.Join(path, ", "), err)
		}
	}
	for range 20 {
		for _, e := range w.events() {
			if e.what != "clean" {
				e.do(w)
			}
		}
	}
	for t := range w.specs {
		if !w.told[t].Decided() {
			return fmt.Errorf("seed %d: the client of %d never gets an answer", seed, t)
		}
	}
	return w.check()
}

func threeAndTwo(b bugs) *world {
	return newWorld(b, 2, 2, both, bothToo, single)
}

// TestTransactionsAtRandom walks through larger worlds.
func TestTransactionsAtRandom(t *testing.T) {
	committed, aborted := 0, 0
	for seed := range uint64(600) {
		for _, w := range []*world{threeAndTwo(bugs{}),
			newWorld(bugs{unrecorded: true}, 2, 1, single, skewedTo, both)} {
			if err := walk(w, seed, 60); err != nil {
				t.Fatal(err)
			}
			for i := range w.specs {
				if w.told[i].Status == Committed {
					committed++
				} else {
					aborted++
				}
			}
		}
	}
	if committed < 500 || aborted < 500 {
		t.Fatalf("%d committed, %d aborted: too few of one kind", committed, aborted)
	}
}

// TestTransactionsNaive sees the model fail for protocols with one thing wrong each.
func TestTransactionsNaive(t *testing.T) {
	skew := func(b bugs) *world { return newWorld(b, 1, 0, skewed, skewedTo) }
	reading := func(b bugs) *world { return newWorld(b, 1, 1, both) }
	for name, c := range map[string]struct {
		bugs
		world func(bugs) *world
	}{
		"commits before all have prepared":     {bugs{early: true}, threeAndTwo},
		"takes its timestamp before they have": {bugs{tooLow: true}, reading},
		"decides over a decision":              {bugs{overrides: true}, reading},
		"frees a lock without asking":          {bugs{unasked: true}, reading},
		"reads past locks":                     {bugs{blind: true}, reading},
		"validates without locking":            {bugs{unlocked: true}, skew},
		"tells a refusal before it is decided": {bugs{unforgiving: true}, threeAndTwo},
	} {
		_, err := explore(c.world(c.bugs), 3000)
		for seed := uint64(0); seed < 2000 && err == nil; seed++ {
			err = walk(c.world(c.bugs), seed, 60)
		}
		if err == nil {
			t.Errorf("%s: was not found", name)
		} else {
			t.Logf("%s: %v", name, err)
		}
	}
}
