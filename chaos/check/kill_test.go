package check_test

import (
	"slices"
	"testing"

	"github.com/codegraphdb/codegraph/chaos/check"
	"github.com/codegraphdb/codegraph/chaos/toydb"
)

// allWorkloads are the workloads that the toy database knows: all that check.For knows.
var allWorkloads = []string{"register", "set", "bank", "edge", "halves", "file", "revision", "walk",
	"session", "upsert", "applied"}

// kill is one planted bug and the checker that has to find it.
type kill struct {
	checker  string
	workload string
	bug      toydb.Bug
	want     check.Valid
}

// kills is the kill table: every checker and every bug is in it.
var kills = []kill{
	{"register", "register", toydb.StaleRead, check.False},
	{"register", "register", toydb.LostWrite, check.False},
	{"register", "register", toydb.BlindCAS, check.False},
	{"register", "register", toydb.FalseFail, check.False},
	{"set", "set", toydb.LostWrite, check.False},
	{"set", "set", toydb.StaleRead, check.False},
	{"set", "set", toydb.FalseFail, check.False},
	{"bank", "bank", toydb.ReadSkew, check.False},
	{"bank", "bank", toydb.LostUpdate, check.False},
	{"bank", "bank", toydb.HalfCommit, check.False},
	{"bank", "bank", toydb.MissingRow, check.False},
	{"edge", "edge", toydb.HalfEdge, check.False},
	{"edge", "edge", toydb.StaleRead, check.False},
	{"edge", "edge", toydb.LostWrite, check.False},
	{"edge-count", "edge", toydb.Drift, check.False},
	{"edge-halves", "halves", toydb.LostHalf, check.False},
	{"file", "file", toydb.Ghost, check.False},
	{"file", "file", toydb.Drift, check.False},
	{"file", "file", toydb.StaleRead, check.False},
	{"file", "file", toydb.LostWrite, check.False},
	{"revision", "revision", toydb.HalfRevision, check.False},
	{"revision", "revision", toydb.LongFork, check.False},
	{"revision", "revision", toydb.StaleRead, check.False},
	{"revision", "revision", toydb.NoFloor, check.False},
	{"revision", "revision", toydb.WrongAsOf, check.False},
	{"revision", "revision", toydb.LostWrite, check.False},
	{"walk", "walk", toydb.TornWalk, check.False},
	{"session", "session", toydb.NoFloor, check.False},
	{"session", "session", toydb.LostWrite, check.False},
	{"upsert", "upsert", toydb.TwoIDs, check.False},
	{"upsert", "upsert", toydb.DeadIndex, check.False},
	{"applied-once", "applied", toydb.AppliedTwice, check.False},
	{"digest", "set", toydb.Diverge, check.False},
	{"liveness", "set", toydb.Wedged, check.False},
	{"liveness", "set", toydb.StuckJob, check.False},
	{"liveness", "set", toydb.Overdue, check.False},
	{"logs", "set", toydb.Panics, check.False},
	{"availability", "set", toydb.LongOutage, check.False},
	{"rate", "set", toydb.Idle, check.Unknown},
	{"stats", "set", toydb.NeverOK, check.Unknown},
	{"effect", "set", toydb.NoEffect, check.Unknown},
	{"effect", "set", toydb.Dropped, check.Unknown},
	{"history", "set", toydb.CutOff, check.Unknown},
}

// verdict runs a workload on the toy database and puts all checkers to it.
func verdict(t *testing.T, workload string, o toydb.Options) check.Verdict {
	t.Helper()
	h, cfg, err := toydb.Run(workload, o)
	if err != nil {
		t.Fatal(err)
	}
	checkers, err := check.For(workload)
	if err != nil {
		t.Fatal(err)
	}
	return check.Run(h, append(checkers, check.EveryRun()...), cfg)
}

// TestKillTable plants every bug and wants it found by its checker, and not by chance: in each of
// three seeds, as the planted bugs of the real database have to be.
func TestKillTable(t *testing.T) {
	for _, k := range kills {
		t.Run(k.checker+"/"+string(k.bug), func(t *testing.T) {
			for seed := range int64(3) {
				v := verdict(t, k.workload, toydb.Options{Seed: seed + 1, Bug: k.bug})
				if r := v.Result(k.checker); r == nil || r.Valid != k.want || v.Valid == check.True {
					t.Errorf("seed %d: want %s from %s:\n%s", seed+1, k.want, k.checker, v.String())
				}
			}
		})
	}
}

// TestCorrectIsTrue wants no false alarm, whatever the share of lost answers, the lag, and whether
// answers carry timestamps.
func TestCorrectIsTrue(t *testing.T) {
	settings := []toydb.Options{{}, {Bare: true}, {Unknown: -1}, {Unknown: 0.15, Bare: true},
		{Clients: 12}}
	for _, w := range allWorkloads {
		t.Run(w, func(t *testing.T) {
			for seed := range int64(4) {
				for _, o := range settings {
					o.Seed = seed + 1
					if v := verdict(t, w, o); v.Valid != check.True {
						t.Errorf("%+v:\n%s", o, v.String())
					}
				}
			}
		})
	}
}

// TestKillTableIsComplete wants every checker in the table, and every bug.
func TestKillTableIsComplete(t *testing.T) {
	checkers := check.EveryRun()
	for _, w := range allWorkloads {
		of, err := check.For(w)
		if err != nil {
			t.Fatal(err)
		}
		checkers = append(checkers, of...)
	}
	for _, c := range checkers {
		if !slices.ContainsFunc(kills, func(k kill) bool { return k.checker == c.Name() }) {
			t.Errorf("no bug is planted for the checker %s", c.Name())
		}
	}
	for _, b := range toydb.Bugs() {
		if !slices.ContainsFunc(kills, func(k kill) bool { return k.bug == b }) {
			t.Errorf("no checker has to find %q", b)
		}
	}
}
