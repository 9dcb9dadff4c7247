package lint

import (
	"bufio"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// root is the repository's root as these tests see it.
var root = filepath.Join("..", "..")

// readLines returns the lines of a file of the repository.
func readLines(t *testing.T, name string) []string {
	t.Helper()
	f, err := os.Open(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []string
	for sc := bufio.NewScanner(f); sc.Scan(); {
		out = append(out, sc.Text())
	}
	return out
}

// cells splits a row of a Markdown table; other lines give nil.
func cells(line string) []string {
	if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|--") {
		return nil
	}
	line = strings.ReplaceAll(strings.Trim(line, "|"), `\|`, "\x00")
	out := strings.Split(line, "|")
	for i, c := range out {
		out[i] = strings.TrimSpace(strings.ReplaceAll(c, "\x00", "|"))
	}
	return out
}

// direct returns the modules that go.mod requires for our own sake.
func direct(lines []string) []string {
	var out []string
	inside := false
	for _, l := range lines {
		switch fields := strings.Fields(l); {
		case strings.HasPrefix(l, "require ("):
			inside = true
		case strings.HasPrefix(l, ")"):
			inside = false
		case inside && len(fields) >= 2 && !strings.Contains(l, "// indirect"):
			out = append(out, fields[0])
		}
	}
	slices.Sort(out)
	return out
}

// TestDependenciesTable holds docs/DEPENDENCIES.md to go.mod, both ways.
func TestDependenciesTable(t *testing.T) {
	want := direct(readLines(t, "go.mod"))
	if len(want) == 0 {
		t.Fatal("found no dependency in go.mod")
	}
	var got []string
	for _, l := range readLines(t, "docs/DEPENDENCIES.md") {
		c := cells(l)
		if len(c) != 3 || !strings.HasPrefix(c[0], "`") {
			continue
		}
		if c[1] == "" || c[2] == "" {
			t.Errorf("docs/DEPENDENCIES.md: %s has no place or no reason", c[0])
		}
		got = append(got, strings.Trim(c[0], "`"))
	}
	slices.Sort(got)
	for _, m := range want {
		if !slices.Contains(got, m) {
			t.Errorf("docs/DEPENDENCIES.md has no row for %s; add it with the reason", m)
		}
	}
	for _, m := range got {
		if !slices.Contains(want, m) {
			t.Errorf("docs/DEPENDENCIES.md names %s, which go.mod does not require", m)
		}
	}
}

// TestAcceptanceStates refuses a point that is called done without showing it.
func TestAcceptanceStates(t *testing.T) {
	rows := 0
	for _, l := range readLines(t, "docs/ACCEPTANCE.md") {
		c := cells(l)
		if c == nil || c[0] == "id" {
			continue
		}
		rows++
		if err := acceptance(c); err != "" {
			t.Errorf("docs/ACCEPTANCE.md: %s: %s", c[0], err)
		}
	}
	if rows == 0 {
		t.Fatal("docs/ACCEPTANCE.md has no row")
	}
}

// acceptance says what is wrong with one row.
func acceptance(c []string) string {
	if len(c) != 6 {
		return "a row has six cells"
	}
	switch state, note, command, commit := c[2], c[3], c[4], c[5]; {
	case state == "open":
		return ""
	case state == "partial" && note == "":
		return "partial without saying what is missing"
	case state == "partial":
		return ""
	case state != "done":
		return "the state is open, partial or done, not " + state
	case command == "" || commit == "":
		return "done without a command and a commit"
	}
	return ""
}

func TestAcceptanceRefuses(t *testing.T) {
	for _, line := range []string{
		"| M1 | text | done | | make test | |",
		"| M1 | text | done | 5 s | | 123 |",
		"| M1 | text | partial | | | |",
		"| M1 | text | finished | | | |",
		"| M1 | text | done |",
	} {
		if acceptance(cells(line)) == "" {
			t.Errorf("accepted %s", line)
		}
	}
	if err := acceptance(cells(`| M1 | a \| b | done | | make test | 123 |`)); err != "" {
		t.Errorf("refused a correct row: %s", err)
	}
}

// TestArchitectureNamesPackages wants every package with code in ARCHITECTURE.md.
func TestArchitectureNamesPackages(t *testing.T) {
	text := strings.Join(readLines(t, "ARCHITECTURE.md"), "\n")
	seen := map[string]bool{}
	for _, s := range loadRepository(t) {
		name := packageName(s.dir)
		if seen[name] || name == "api/..." {
			continue
		}
		seen[name] = true
		if !strings.Contains(text, "`"+name+"`") && !strings.Contains(text, name+"/`") {
			t.Errorf("%s: ARCHITECTURE.md does not name the package `%s`", s.path, name)
		}
	}
}

// link matches a relative link of Markdown.
var link = regexp.MustCompile(`\]\(([^)#:]+)\)`)

// TestLinks follows every relative link of the documents.
func TestLinks(t *testing.T) {
	docs, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	top, err := filepath.Glob(filepath.Join(root, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, doc := range append(docs, top...) {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			target := filepath.Join(filepath.Dir(doc), filepath.FromSlash(m[1]))
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s, which is not there", filepath.Base(doc), m[1])
			}
		}
	}
}
