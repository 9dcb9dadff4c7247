package check_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/codegraphdb/codegraph/chaos/check"
	"github.com/codegraphdb/codegraph/chaos/history"
)

// broken is a checker that breaks.
type broken struct{}

// Name is part of check.Checker.
func (broken) Name() string { return "broken" }

// Check is part of check.Checker.
func (broken) Check(*history.History, check.Config) check.Result {
	var none []int
	return check.Result{Checked: none[3]}
}

func TestBrokenCheckerIsUnknown(t *testing.T) {
	v := check.Run(&history.History{}, []check.Checker{broken{}}, check.Config{})
	r := v.Result("broken")
	if v.Valid != check.Unknown || r.Valid != check.Unknown || len(r.Doubts) == 0 {
		t.Errorf("verdict %+v", v)
	}
}

// TestNothingIsUnknown wants no checker, and no run without checkers, to be green on nothing.
func TestNothingIsUnknown(t *testing.T) {
	h := &history.History{Head: history.Head{Nemesis: "kill"}}
	for _, c := range everyChecker(t) {
		if v := check.Run(h, []check.Checker{c}, check.Config{}); v.Valid != check.Unknown {
			t.Errorf("%s is %s of an empty history", c.Name(), v.Valid)
		}
	}
	if v := check.Run(h, nil, check.Config{}); v.Valid != check.Unknown {
		t.Errorf("no checker: %s", v.Valid)
	}
}

// TestUnreadableIsUnknown gives every operation a value that does not belong to it.
func TestUnreadableIsUnknown(t *testing.T) {
	for kind, checker := range map[string]check.Checker{
		check.RegisterRead: check.Register(), check.RegisterWrite: check.Register(),
		check.RegisterCAS: check.Register(), check.SetAdd: check.Set(), check.SetRead: check.Set(),
		check.BankRead: check.BankTotal(), check.EdgeRead: check.Edges(),
		check.EdgeCount: check.EdgeCounts(), check.FileRead: check.FileReplace(),
		check.RevisionPublish: check.Revisions(),
		check.RevisionRead:    check.Revisions(), check.RevisionWalk: check.Walks(),
		check.SessionRead: check.Sessions(), check.SessionWrite: check.Sessions(),
		check.UpsertPut: check.Upserts(), check.UpsertRead: check.Upserts(),
	} {
		var out bytes.Buffer
		rec := history.NewRecorder(&out, history.Head{}, history.Options{})
		call := rec.Client().Invoke(history.Request{Kind: kind, Key: "k", Value: "bad \"input\""})
		call.Done(history.Result{Value: map[string]string{"no": "answer"}}, nil)
		if err := rec.Close(); err != nil {
			t.Fatal(err)
		}
		h, err := history.Read(&out)
		if err != nil {
			t.Fatal(err)
		}
		cfg := check.Config{Bank: check.Bank{Accounts: []string{"a"}}}
		if v := check.Run(h, []check.Checker{checker}, cfg); v.Valid != check.Unknown {
			t.Errorf("%s:\n%s", kind, v.String())
		}
	}
}

// TestSearchTimeIsBounded gives Porcupine a key with many unknown swaps, which would take for ever.
func TestSearchTimeIsBounded(t *testing.T) {
	var out bytes.Buffer
	rec := history.NewRecorder(&out, history.Head{}, history.Options{})
	for i := range int64(40) {
		c := rec.Client()
		call := c.Invoke(history.Request{Kind: check.RegisterCAS, Key: "x",
			Value: check.CAS{From: i % 3, To: (i + 1) % 3}})
		call.Done(history.Result{}, errors.New("timeout"))
	}
	for i := range int64(40) {
		c := rec.Client()
		call := c.Invoke(history.Request{Kind: check.RegisterWrite, Key: "x", Value: i % 3})
		call.Done(history.Result{}, errors.New("timeout"))
	}
	c := rec.Client()
	for range 30 {
		for _, v := range []int64{0, 2, 1} {
			call := c.Invoke(history.Request{Kind: check.RegisterRead, Key: "x"})
			call.Done(history.Result{Value: v}, nil)
		}
	}
	call := c.Invoke(history.Request{Kind: check.RegisterRead, Key: "x"})
	call.Done(history.Result{Value: 77}, nil)
	if err := rec.Close(); err != nil {
		t.Fatal(err)
	}
	h, err := history.Read(&out)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	v := check.Run(h, []check.Checker{check.Register()}, check.Config{Timeout: 100 * time.Millisecond})
	if v.Valid != check.Unknown {
		t.Errorf("after %v:\n%s", time.Since(began), v.String())
	}
}

func TestForRefuses(t *testing.T) {
	for _, w := range []string{"", "sets", "set nothing"} {
		if _, err := check.For(w); err == nil {
			t.Errorf("For(%q) gave no error", w)
		}
	}
}

// TestCheckStored checks a stored directory with the configuration in its head.
func TestCheckStored(t *testing.T) {
	dir := t.TempDir()
	head := history.Head{Cell: "bank/none", Workload: "bank", Nemesis: "none",
		Config: check.Config{Bank: check.Bank{Accounts: []string{"a"}, Total: 3}}.Raw()}
	rec, err := history.Create(filepath.Join(dir, check.HistoryFile), head)
	if err != nil {
		t.Fatal(err)
	}
	call := rec.Client().Invoke(history.Request{Kind: check.BankRead, ReadOnly: true})
	call.Done(history.Result{Value: map[string]int64{"a": 4}}, nil)
	if err := rec.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, check.LogDir), 0o700); err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(dir, check.LogDir, "n1.log")
	if err := os.WriteFile(log, []byte("panic: oh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, v, err := check.Check(dir)
	if err != nil {
		t.Fatal(err)
	}
	if v.Result("bank").Valid != check.False || v.Result("logs").Valid != check.False ||
		!strings.Contains(v.String(), "the total is 4, not 3") {
		t.Errorf("verdict:\n%s", v.String())
	}
	if _, _, err := check.Check(t.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a directory without history: %v", err)
	}
}
