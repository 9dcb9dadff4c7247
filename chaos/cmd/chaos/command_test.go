package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/codegraphdb/codegraph/chaos/check"
	"github.com/codegraphdb/codegraph/chaos/history"
	"github.com/codegraphdb/codegraph/chaos/toydb"
)

// stored stores a run of the toy database as a runner would.
func stored(t *testing.T, workload string, bug toydb.Bug) string {
	t.Helper()
	dir := t.TempDir()
	var text bytes.Buffer
	if _, err := toydb.Record(&text, workload, toydb.Options{Seed: 5, Bug: bug}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, check.HistoryFile), text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	logs := filepath.Join(dir, check.LogDir)
	if err := os.Mkdir(logs, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(logs, "n1.log"), []byte("ready\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestExitCodes wants 0 for what is true, and for nothing else.
func TestExitCodes(t *testing.T) {
	good, bad := stored(t, "bank", toydb.None), stored(t, "bank", toydb.ReadSkew)
	cut, idle := stored(t, "bank", toydb.CutOff), stored(t, "bank", toydb.NoEffect)
	broken := t.TempDir()
	text := []byte("{}\n{}\n")
	if err := os.WriteFile(filepath.Join(broken, check.HistoryFile), text, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"check", good}, exitTrue, "bank/kill: true"},
		{[]string{"check", bad}, exitWrong, "the total is"},
		{[]string{"check", cut}, exitWrong, "the history is cut"},
		{[]string{"check", idle}, exitWrong, "had no effect"},
		{[]string{"check", good, bad}, exitWrong, "bank/kill: false"},
		{[]string{"check", broken, good}, exitError, "line 1"},
		{[]string{"check", t.TempDir()}, exitError, "no such file"},
		{[]string{"check"}, exitUsage, "usage"},
		{[]string{"chek", good}, exitUsage, "usage"},
		{nil, exitUsage, "usage"},
	} {
		var out bytes.Buffer
		cmd := command{out: &out, errs: &out}
		if code := cmd.run(c.args); code != c.code || !strings.Contains(out.String(), c.says) {
			t.Errorf("%v: code %d, want %d and %q:\n%s", c.args, code, c.code, c.says, out.String())
		}
	}
}

func TestReportAndResults(t *testing.T) {
	dir := stored(t, "set", toydb.None)
	results := filepath.Join(t.TempDir(), "RESULTS.md")
	text, err := os.ReadFile(filepath.Join("..", "..", "RESULTS.md"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(results, text, 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd := command{out: &out, errs: &out}
	for _, args := range [][]string{{"report", dir}, {"results", results, dir}} {
		if code := cmd.run(args); code != exitTrue {
			t.Fatalf("%v: code %d:\n%s", args, code, out.String())
		}
	}
	merged, err := os.ReadFile(results)
	if err != nil || !strings.Contains(string(merged), "| set/kill |") {
		t.Errorf("results: %v\n%s", err, merged)
	}
	if code := cmd.run([]string{"results", results, t.TempDir()}); code != exitError {
		t.Errorf("a directory without verdict: code %d", code)
	}
	if h, err := history.Open(filepath.Join(dir, check.HistoryFile)); err != nil || h.Cut != "" {
		t.Errorf("the history was changed: %v", err)
	}
}
