package lint

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// TestPlanted runs every rule on a small tree with planted bugs, and on correct code beside
// them: it must find exactly the lines of the section `want`. A rule without a file fails, and
// so does a file without a rule.
func TestPlanted(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	unused := map[string]bool{}
	for _, f := range files {
		unused[strings.TrimSuffix(filepath.Base(f), ".txt")] = true
	}
	for _, r := range rules() {
		delete(unused, r.name)
		t.Run(r.name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("testdata", r.name+".txt"))
			if err != nil {
				t.Fatalf("the rule %s has no planted bug: %v", r.name, err)
			}
			planted, want := plant(t, string(text))
			if len(want) == 0 {
				t.Fatal("the section `want` is empty: this rule has not been seen to catch anything")
			}
			compare(t, r.check(load(t, planted)), want)
		})
	}
	for name := range unused {
		t.Errorf("testdata/%s.txt belongs to no rule", name)
	}
}

// plant splits a file of `-- path --` sections into a tree and the expected findings. A line
// `//repeat N text` stands for N lines of text.
func plant(t *testing.T, text string) (fstest.MapFS, []string) {
	t.Helper()
	planted := fstest.MapFS{}
	var want []string
	_, rest, _ := strings.Cut("\n"+text, "\n-- ")
	for _, section := range strings.Split(rest, "\n-- ") {
		name, body, ok := strings.Cut(section, " --\n")
		if !ok {
			t.Fatalf("section %q has no `-- name --` line", section)
		}
		if name == "want" {
			want = strings.Split(strings.TrimSpace(body), "\n")
			continue
		}
		if !strings.HasSuffix(body, "\n") {
			body += "\n"
		}
		planted[name] = &fstest.MapFile{Data: []byte(repeat(t, body))}
	}
	return planted, want
}

// repeat expands the `//repeat` lines.
func repeat(t *testing.T, body string) string {
	t.Helper()
	lines := strings.Split(body, "\n")
	for i, l := range lines {
		rest, ok := strings.CutPrefix(l, "//repeat ")
		if !ok {
			continue
		}
		count, line, _ := strings.Cut(rest, " ")
		n, err := strconv.Atoi(count)
		if err != nil {
			t.Fatalf("%q: %v", l, err)
		}
		lines[i] = strings.TrimSuffix(strings.Repeat(line+"\n", n), "\n")
	}
	return strings.Join(lines, "\n")
}

// compare holds findings against `path:line part of the text`, both sorted.
func compare(t *testing.T, found []finding, want []string) {
	t.Helper()
	var got []string
	for _, f := range found {
		if f.remedy == "" {
			t.Errorf("%s gives no remedy", f.place())
		}
		got = append(got, fmt.Sprintf("%s %s", f.place(), f.what))
	}
	sort.Strings(got)
	sort.Strings(want)
	for i := 0; i < max(len(got), len(want)); i++ {
		switch {
		case i >= len(got):
			t.Errorf("not caught: %s", want[i])
		case i >= len(want):
			t.Errorf("caught but correct: %s", got[i])
		case !strings.HasPrefix(got[i], want[i]):
			t.Errorf("got  %s\nwant %s", got[i], want[i])
		}
	}
}

// TestAllowLists fails on entries that no longer allow anything, or that give no reason.
func TestAllowLists(t *testing.T) {
	all := loadRepository(t)
	for _, allowed := range []map[string]string{panicAllowed(), paramsAllowed()} {
		for entry, reason := range allowed {
			p, function, _ := strings.Cut(entry, " ")
			if reason == "" || !all.declared(p, function) {
				t.Errorf("%q is allowed without a reason, or there is no such function", entry)
			}
		}
	}
	for entry, reason := range nondeterministic() {
		p, _, _ := strings.Cut(entry, " ")
		if reason == "" || len(all.filter(func(s *source) bool { return s.path == p })) == 0 {
			t.Errorf("nondeterministic: %q has no reason or no such file", entry)
		}
	}
}
