package report_test

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/codegraphdb/codegraph/chaos/check"
	"github.com/codegraphdb/codegraph/chaos/history"
	"github.com/codegraphdb/codegraph/chaos/report"
	"github.com/codegraphdb/codegraph/chaos/toydb"
)

// written runs a workload on the toy database and writes its report.
func written(t *testing.T, workload string, bug toydb.Bug) (
	string, *history.History, check.Verdict) {
	t.Helper()
	h, cfg, err := toydb.Run(workload, toydb.Options{Seed: 3, Bug: bug})
	if err != nil {
		t.Fatal(err)
	}
	checkers, err := check.For(workload)
	if err != nil {
		t.Fatal(err)
	}
	v := check.Run(h, append(checkers, check.EveryRun()...), cfg)
	dir := t.TempDir()
	if err := report.Write(dir, h, &v); err != nil {
		t.Fatal(err)
	}
	return dir, h, v
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestWrite wants all files, well-formed, with what went wrong in them.
func TestWrite(t *testing.T) {
	dir, h, v := written(t, "register", toydb.StaleRead)
	back, err := report.ReadVerdict(dir)
	if err != nil || back.Valid != check.False || back.String() != v.String() {
		t.Errorf("the verdict read back differs: %v\n%s", err, back.String())
	}
	for _, name := range []string{"latency.svg", "rate.svg"} {
		text := read(t, dir, name)
		dec := xml.NewDecoder(strings.NewReader(text))
		for err == nil {
			_, err = dec.Token()
		}
		if !errors.Is(err, io.EOF) {
			t.Errorf("%s: %v", name, err)
		}
		err = nil
		if n := strings.Count(text, "<title>kill"); n != len(h.Faults) {
			t.Errorf("%s has %d fault bands, there were %d", name, n, len(h.Faults))
		}
	}
	page := read(t, dir, "timeline.html")
	if n := strings.Count(page, "<title>line "); n != len(h.Ops) {
		t.Errorf("the timeline has %d bars, there were %d operations", n, len(h.Ops))
	}
	for _, want := range []string{"register/kill: false", "first problem", "no order of its"} {
		if !strings.Contains(page, want) {
			t.Errorf("the timeline does not say %q", want)
		}
	}
	alone := strings.ReplaceAll(page, "http://www.w3.org/2000/svg", "")
	for _, reference := range []string{"http:", "https:", "src=", "<script"} {
		if strings.Contains(alone, reference) {
			t.Errorf("the timeline refers to something else: %s", reference)
		}
	}
	if !strings.Contains(read(t, dir, "register.html"), "<html") {
		t.Error("Porcupine's picture is missing")
	}
}

func TestGreenHasNoMark(t *testing.T) {
	dir, _, v := written(t, "bank", toydb.None)
	if page := read(t, dir, "timeline.html"); strings.Contains(page, ">first problem<") {
		t.Errorf("a run that is %s has a first problem", v.Valid)
	}
}

// TestTimelineIsBounded wants a page that does not grow with the run, and that says what it lacks.
func TestTimelineIsBounded(t *testing.T) {
	h := &history.History{End: 1}
	for i := range 25000 {
		h.Ops = append(h.Ops, history.Op{Index: i, Done: i, Process: i%5 + 1, Kind: "x",
			Outcome: history.OK})
	}
	h.Ops[24999].Outcome = history.Info
	v := check.Run(h, []check.Checker{check.Stats()}, check.Config{})
	dir := t.TempDir()
	if err := report.Write(dir, h, &v); err != nil {
		t.Fatal(err)
	}
	page := read(t, dir, "timeline.html")
	for _, want := range []string{"5000 operations are not shown", "line 24999,"} {
		if !strings.Contains(page, want) {
			t.Errorf("the timeline does not have %q", want)
		}
	}
}

// TestMerge puts runs into the real file's tables, twice.
func TestMerge(t *testing.T) {
	file := filepath.Join(t.TempDir(), "RESULTS.md")
	text, err := os.ReadFile(filepath.Join("..", "RESULTS.md"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, good := written(t, "bank", toydb.None)
	_, _, bad := written(t, "bank", toydb.ReadSkew)
	_, _, second := written(t, "set", toydb.None)
	good.Head.Commit, bad.Head.Commit, second.Head.Commit = "abc1234", "abc1234", "abc1234"
	for range 2 { // the second time replaces the rows of the first
		if err := report.Merge(file, []check.Verdict{good, bad}); err != nil {
			t.Fatal(err)
		}
		if err := report.Merge(file, []check.Verdict{second}); err != nil {
			t.Fatal(err)
		}
	}
	merged := read(t, filepath.Dir(file), "RESULTS.md")
	for _, row := range []string{"| bank/kill | abc1234 | true | 1 |",
		"| set/kill | abc1234 | true | 1 |",
		"| read skew | bank/kill | abc1234 | 1 of 1 | bank |"} {
		if strings.Count(merged, row) != 1 {
			t.Errorf("the row %q is there %d times:\n%s", row, strings.Count(merged, row), merged)
		}
	}
	good2 := good
	good2.Valid = check.Unknown
	if err := report.Merge(file, []check.Verdict{good, good2}); err != nil {
		t.Fatal(err)
	}
	if merged := read(t, filepath.Dir(file), "RESULTS.md"); !strings.Contains(merged,
		"| bank/kill | abc1234 | unknown | 2 |") {
		t.Errorf("a cell is not as good as its worst run:\n%s", merged)
	}
}

func TestMergeRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "RESULTS.md")
	if err := os.WriteFile(file, []byte("no tables\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := report.Merge(file, nil); err == nil {
		t.Error("a file without tables is accepted")
	}
	if text := read(t, filepath.Dir(file), "RESULTS.md"); text != "no tables\n" {
		t.Errorf("the file was changed to %q", text)
	}
}
