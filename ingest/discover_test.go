package ingest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/codegraphdb/codegraph/graph"
)

// TestRoot checks what is said of a root that cannot be taken.
func TestRoot(t *testing.T) {
	root := writeTree(t, map[string]string{"file": "x"})
	tests := []struct {
		path string
		kind graph.ErrorKind
		want string
	}{
		{filepath.Join(root, "gone"), graph.KindNotFound, "is not there"},
		{filepath.Join(root, "file"), graph.KindInvalid, "is a file, not a directory"},
	}
	for _, test := range tests {
		_, err := Discover(t.Context(), test.path, DiscoverOptions{})
		if !graph.IsKind(err, test.kind) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", test.path, err)
		}
	}
}

// TestName checks where a repository's name comes from: remote, manifest, directory.
func TestName(t *testing.T) {
	tests := []struct {
		name, remote, want string
		files              map[string]string
	}{
		{"directory", "", "tree", map[string]string{"a.txt": "x"}},
		{"go module", "", "example.com/m", map[string]string{"go.mod": "module example.com/m\n"}},
		{"npm package", "", "@a/b", map[string]string{"package.json": `{"name":"@a/b"}`}},
		{"python", "", "pkg", map[string]string{"pyproject.toml": "[project]\nname = \"pkg\"\n"}},
		{"https", "https://host.example/own/er/api.git", "own/er/api", map[string]string{"a": "x"}},
		{"ssh", "git@host.example:owner/api.git", "owner/api", map[string]string{"a": "x"}},
		{"ssh url", "ssh://git@host.example:22/owner/api", "owner/api", map[string]string{"a": "x"}},
		{"path", "/some/where/api.git", "api", map[string]string{"a": "x"}},
		{"remote first", "https://host.example/o/r", "o/r", map[string]string{"go.mod": "module m\n"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			root := writeTree(t, test.files)
			if test.remote != "" {
				runGit(t, root, "init", "-q")
				runGit(t, root, "remote", "add", "origin", test.remote)
			}
			if got := discover(t, root).Name; got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

// TestRevision follows a tree through commits and changes.
func TestRevision(t *testing.T) {
	root := writeTree(t, map[string]string{"a.go": "package a\n", ".gitignore": "*.log\n"})
	plain := discover(t, root)
	if !strings.HasPrefix(plain.Revision, "tree.") || plain.Commit != "" {
		t.Errorf("without git: %q, %q", plain.Revision, plain.Commit)
	}
	runGit(t, root, "init", "-q")
	if r := discover(t, root).Revision; !strings.HasPrefix(r, "tree.") {
		t.Errorf("before the first commit: %q", r)
	}
	runGit(t, root, "add", ".")
	runGit(t, root, "commit", "-qm", "one")
	first := runGit(t, root, "rev-parse", "HEAD")
	if p := discover(t, root); p.Revision != first || p.Dirty {
		t.Errorf("clean: %q, dirty %v, want %q", p.Revision, p.Dirty, first)
	}
	write(t, root, "x.log", "ignored")
	if p := discover(t, root); p.Dirty {
		t.Errorf("an ignored file makes it %q", p.Revision)
	}
	write(t, root, "a.go", "package a // 1\n")
	one := discover(t, root).Revision
	write(t, root, "a.go", "package a // 2\n")
	two := discover(t, root).Revision
	write(t, root, "new.go", "package a\n")
	three := discover(t, root).Revision
	for _, r := range []string{one, two, three} {
		if !strings.HasPrefix(r, first+"-dirty.") {
			t.Errorf("changed: %q", r)
		}
	}
	if one == two || two == three || discover(t, root).Revision != three {
		t.Errorf("hashes do not tell changes apart: %q %q %q", one, two, three)
	}
	runGit(t, root, "add", ".")
	runGit(t, root, "commit", "-qm", "two")
	p := discover(t, root)
	if len(p.Commits) != 2 || p.Commits[1] != first || p.Commits[0] != p.Revision {
		t.Errorf("commits %v, revision %q", p.Commits, p.Revision)
	}
}

func write(t *testing.T, root, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestSubdirectory checks that a part of a work tree is not named like the whole.
func TestSubdirectory(t *testing.T) {
	root := writeTree(t, map[string]string{"sub/a.go": "package a\n", "b.go": "package b\n"})
	runGit(t, root, "init", "-q")
	runGit(t, root, "remote", "add", "origin", "https://host.example/o/r.git")
	runGit(t, root, "add", ".")
	runGit(t, root, "commit", "-qm", "one")
	p := discover(t, filepath.Join(root, "sub"))
	if p.Name != "o/r/sub" || len(p.Files) != 1 || p.Files[0].Path != "a.go" {
		t.Errorf("name %q, files %v", p.Name, p.Files)
	}
	write(t, root, "b.go", "package b // changed, but elsewhere\n")
	if p := discover(t, filepath.Join(root, "sub")); p.Dirty {
		t.Errorf("a change beside it makes it %q", p.Revision)
	}
	write(t, root, "sub/a.go", "package a // changed\n")
	if p := discover(t, filepath.Join(root, "sub")); !p.Dirty {
		t.Error("a change in it does not make it dirty")
	}
}
