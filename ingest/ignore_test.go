package ingest

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestIgnore checks single patterns, as gitignore(5) explains them.
func TestIgnore(t *testing.T) {
	tests := []struct {
		rules, path string
		dir, want   bool
	}{
		{"a.txt", "a.txt", false, true},
		{"a.txt", "x/y/a.txt", false, true},
		{"/a.txt", "x/a.txt", false, false},
		{"/a.txt", "a.txt", false, true},
		{"x/a.txt", "y/x/a.txt", false, false},
		{"x/a.txt", "x/a.txt", false, true},
		{"build/", "build", true, true},
		{"build/", "build", false, false},
		{"build/", "x/build", true, true},
		{"*.o", "x/y.o", false, true},
		{"*.o", "x/y.oo", false, false},
		{"x/*.o", "x/y/z.o", false, false},
		{"**/z.o", "x/y/z.o", false, true},
		{"**/z.o", "z.o", false, true},
		{"x/**", "x/y/z", false, true},
		{"x/**", "x", true, false},
		{"x/**/z", "x/z", false, true},
		{"x/**/z", "x/a/b/z", false, true},
		{"a?c", "abc", false, true},
		{"a?c", "a/c", false, false},
		{"[a-c]x", "bx", false, true},
		{"[!a-c]x", "bx", false, false},
		{"[!a-c]x", "dx", false, true},
		{"[", "[", false, false},
		{"*.log\n!keep.log", "keep.log", false, false},
		{"*.log\n!keep.log", "other.log", false, true},
		{"!keep.log\n*.log", "keep.log", false, true},
		{"# comment", "# comment", false, false},
		{`\# name`, "# name", false, true},
		{`\!name`, "!name", false, true},
		{"name   ", "name", false, true},
		{`name\ `, "name ", false, true},
		{"a+b(c).txt", "a+b(c).txt", false, true},
		{"*", "anything", false, true},
		{"foo*bar", "foo/bar", false, false},
		{"a**b", "axxb", false, true},
		{"\r\nx\r\n", "x", false, true},
	}
	for _, test := range tests {
		got := ignorer{}.with("", test.rules).ignored(test.path, test.dir)
		if got != test.want {
			t.Errorf("%q on %q (directory %v): %v, want %v", test.rules, test.path, test.dir, got, test.want)
		}
	}
}

// TestIgnoreBelow checks that rules hold below their directory, and that nested files override.
func TestIgnoreBelow(t *testing.T) {
	g := ignorer{}.with("", "*.x").with("sub", "!a.x\n/b.y")
	for p, want := range map[string]bool{"a.x": true, "sub/a.x": false, "sub/deep/a.x": false,
		"sub/b.y": true, "sub/deep/b.y": false, "b.y": false} {
		if got := g.ignored(p, false); got != want {
			t.Errorf("%s: %v, want %v", p, got, want)
		}
	}
}

// ignoreTree has nested ignore files with exceptions, and one of our own.
var ignoreTree = map[string]string{
	".gitignore":       "*.log\n/out/\nnode_modules\n!important.log\ndoc/**/*.tmp\n",
	".codegraphignore": "skip/\n*.gen.go\n",
	"a.go":             "package a", "a.log": "x", "important.log": "x", "out/b.go": "package b",
	"lib/out/c.go": "package c", "lib/.gitignore": "*.go\n!keep.go\n", "lib/d.go": "package d",
	"lib/keep.go": "package e", "node_modules/m/index.js": "x()", "doc/a/b/c.tmp": "x",
	"doc/a/b/c.txt": "x", "skip/s.go": "package s", "x.gen.go": "package x",
	"deep/skip/t.go": "package t",
}

var ignoreWant = []string{".codegraphignore", ".gitignore", "a.go", "doc/a/b/c.txt",
	"important.log",
	"lib/.gitignore", "lib/keep.go"}

// TestListing checks that git and our own walk list the same files.
func TestListing(t *testing.T) {
	for _, name := range []string{"plain", "git", "git, walked"} {
		t.Run(name, func(t *testing.T) {
			root := writeTree(t, ignoreTree)
			if name != "plain" {
				runGit(t, root, "init", "-q")
				runGit(t, root, "add", ".")
			}
			p, err := Discover(t.Context(), root, DiscoverOptions{NoGit: name == "git, walked"})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			var got []string
			for _, f := range p.Files {
				got = append(got, f.Path)
			}
			if !slices.Equal(got, ignoreWant) {
				t.Errorf("got  %v\nwant %v", got, ignoreWant)
			}
		})
	}
}

// runGit runs git in a directory, with an identity and no configuration of the machine.
func runGit(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a",
		"GIT_COMMITTER_EMAIL=a@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// TestPackages checks which manifests declare a package: not those of fixtures and vendored trees.
func TestPackages(t *testing.T) {
	root := writeTree(t, map[string]string{
		"go.mod": "module example.com/a\n", "tools/go.mod": "module example.com/a/tools\n",
		"testdata/go.mod": "module example.com/fixture\n", "vendor/x/go.mod": "module example.com/x\n",
		"_gen/go.mod": "module example.com/gen\n", "package.json": `{"name": "@a/web"}`,
		"web/package.json": `{"name": "web", "version": "1.0.0"}`, "bad/package.json": "{",
		"node_modules/z/package.json": `{"name": "z"}`, "bad/go.mod": "modul",
		"py/pyproject.toml": "[project]\nname = 'My_Pkg'\n",
		"old/setup.py":      "setup(\n  name=\"old.pkg\",\n)",
		"cfg/setup.cfg":     "[metadata]\nname = cfgpkg\n",
	})
	got := map[string]bool{}
	for _, p := range discover(t, root).Packages {
		got[p.Manager+" "+p.Name] = true
	}
	want := []string{"gomod example.com/a", "gomod example.com/a/tools", "npm @a/web", "npm web",
		"pip cfgpkg", "pip my-pkg", "pip old-pkg"}
	if g := slices.Sorted(maps.Keys(got)); !slices.Equal(g, want) {
		t.Errorf("got  %v\nwant %v", g, want)
	}
}

// TestTSConfig checks comments, trailing commas and strings that look like them.
func TestTSConfig(t *testing.T) {
	in := `{ // a
 "a": "x // y, /* z */", /* b
 */ "b": [1, 2,], "c": {"d": "\"},",},
}`
	want := `{  "a": "x // y, /* z */",  "b": [1, 2], "c": {"d": "\"},"} }`
	got := strings.Join(strings.Fields(string(stripJSON([]byte(in)))), " ")
	if got != strings.Join(strings.Fields(want), " ") {
		t.Errorf("got %s", got)
	}
}

// TestSpill checks that contents over the budget come back from the temporary file.
func TestSpill(t *testing.T) {
	dir := t.TempDir()
	c := newContents(Options{MemoryBudget: 10, TempDir: dir})
	defer c.close()
	want := map[int]string{0: "0123456789", 1: "spilled", 2: "", 3: strings.Repeat("x", 1000)}
	for i := range len(want) {
		if err := c.put(i, []byte(want[i])); err != nil {
			t.Fatal(err)
		}
	}
	for i := range len(want) {
		if got, err := c.take(i); err != nil || string(got) != want[i] {
			t.Errorf("%d: %q, %v", i, got, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
