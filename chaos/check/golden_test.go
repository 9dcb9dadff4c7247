package check_test

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/codegraphdb/codegraph/chaos/check"
	"github.com/codegraphdb/codegraph/chaos/history"
)

// golden is one history of testdata/golden: `<checker>-<anomaly>.<bad|unknown|good>.jsonl`.
type golden struct {
	file, checker, stem string
	want                check.Valid
}

// everyChecker returns all checkers there are.
func everyChecker(t *testing.T) []check.Checker {
	t.Helper()
	checkers, err := check.For(strings.Join(allWorkloads, " "))
	if err != nil {
		t.Fatal(err)
	}
	return append(checkers, check.EveryRun()...)
}

// readGolden lists the files. A checker's name may be the beginning of another one's.
func readGolden(t *testing.T) []golden {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "golden", "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"history"}
	for _, c := range everyChecker(t) {
		names = append(names, c.Name())
	}
	wants := map[string]check.Valid{"bad": check.False, "unknown": check.Unknown, "good": check.True}
	var out []golden
	for _, f := range files {
		parts := strings.Split(filepath.Base(f), ".")
		g := golden{file: f, stem: parts[0], want: wants[parts[1]]}
		for _, n := range names {
			if strings.HasPrefix(g.stem, n+"-") && len(n) > len(g.checker) {
				g.checker = n
			}
		}
		if g.checker == "" || g.want == "" || len(parts) != 3 {
			t.Fatalf("%s is not named <checker>-<anomaly>.<bad|unknown|good>.jsonl", f)
		}
		out = append(out, g)
	}
	return out
}

// TestGolden holds each checker to its golden histories.
func TestGolden(t *testing.T) {
	for _, g := range readGolden(t) {
		t.Run(strings.TrimSuffix(filepath.Base(g.file), ".jsonl"), func(t *testing.T) {
			h, err := history.Open(g.file)
			if err != nil {
				t.Fatal(err)
			}
			var cfg check.Config
			if len(h.Head.Config) > 0 {
				if err := json.Unmarshal(h.Head.Config, &cfg); err != nil {
					t.Fatal(err)
				}
			}
			checkers := slices.DeleteFunc(everyChecker(t), func(c check.Checker) bool {
				return c.Name() != g.checker
			})
			v := check.Run(h, checkers, cfg)
			r := v.Result(g.checker)
			if r == nil || r.Valid != g.want {
				t.Fatalf("%s: want %s:\n%s", h.Head.Note, g.want, v.String())
			}
			if told := len(r.Problems) + len(r.Doubts); g.want != check.True && told == 0 {
				t.Errorf("%s does not say why it is %s", g.checker, r.Valid)
			}
		})
	}
}

// TestGoldenIsComplete wants a history that is refused for every checker, and a legal twin for
// each of those.
func TestGoldenIsComplete(t *testing.T) {
	all := readGolden(t)
	for _, c := range everyChecker(t) {
		refused := slices.ContainsFunc(all, func(g golden) bool {
			return g.checker == c.Name() && g.want != check.True
		})
		if !refused && c.Name() != "logs" { // TestLogScan: a log is no history
			t.Errorf("there is no bad history for %s", c.Name())
		}
	}
	for _, g := range all {
		twins := 0
		for _, o := range all {
			if o.stem == g.stem {
				twins++
			}
		}
		if twins != 2 {
			t.Errorf("%s has no twin", g.file)
		}
	}
}

func TestLogScan(t *testing.T) {
	for text, want := range map[string]check.Valid{
		"level=INFO msg=ready\n":                                check.True,
		"level=ERROR msg=\"disk stalled, the process ends\"\n":  check.True,
		"x\npanic: runtime error: index out of range\n":         check.False,
		"==================\nWARNING: DATA RACE\nWrite at 0x\n": check.False,
		"fatal error: concurrent map writes\n":                  check.False,
		"{\"level\":\"FATAL\",\"msg\":\"out\"}\n":               check.False,
	} {
		logs := fstest.MapFS{"n1.log": {Data: []byte(text)}, "n2.log": {Data: []byte("fine\n")}}
		v := check.Run(&history.History{}, []check.Checker{check.LogScan()}, check.Config{Logs: logs})
		if v.Result("logs").Valid != want {
			t.Errorf("%q: want %s:\n%s", text, want, v.String())
		}
	}
	v := check.Run(&history.History{}, []check.Checker{check.LogScan()}, check.Config{})
	if v.Valid != check.Unknown {
		t.Errorf("without logs: %s", v.Valid)
	}
}
