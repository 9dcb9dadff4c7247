package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// module writes files below a new directory and returns a package of it.
func module(t *testing.T, importPath, sub string, files map[string]string) linkedPackage {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		p := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	m := &linkedModule{Path: importPath, Version: "v1.2.3", Dir: root}
	return linkedPackage{ImportPath: importPath + "/" + sub, Dir: filepath.Join(root, sub), Module: m}
}

// A module's own licence counts, that of a linked sub-directory too, of another one not.
func TestCollectTakesWhatIsLinked(t *testing.T) {
	p := module(t, "example.org/m", "inner", map[string]string{
		"LICENSE":             "outer text\r\n",
		"license.go":          "package m",
		"inner/COPYING.txt":   "inner text",
		"inner/code.go":       "package inner",
		"elsewhere/LICENSE":   "not linked",
		"inner/license/x.txt": "a directory is not a licence",
	})
	components, err := collect([]linkedPackage{p, p})
	if err != nil {
		t.Fatal(err)
	}
	text := string(render(components))
	for _, want := range []string{"  example.org/m v1.2.3\n", "\nLICENSE\n\nouter text\n",
		"\ninner/COPYING.txt\n\ninner text\n"} {
		if strings.Count(text, want) != 1 {
			t.Errorf("%q is not there once in:\n%s", want, text)
		}
	}
	if strings.Contains(text, "not linked") || strings.Contains(text, "package m") {
		t.Errorf("took too much:\n%s", text)
	}
}

func TestCollectRefusesWhatHasNoLicence(t *testing.T) {
	bare := module(t, "example.org/bare", "p", map[string]string{"p/code.go": "package p"})
	if _, err := collect([]linkedPackage{bare}); err == nil ||
		!strings.Contains(err.Error(), "example.org/bare") {
		t.Errorf("a module without a licence: error %v", err)
	}
	grammar := module(t, binding, "klingon", map[string]string{"LICENSE": "MIT", "klingon/x.c": ""})
	if _, err := collect([]linkedPackage{grammar}); err == nil ||
		!strings.Contains(err.Error(), "add its upstream") {
		t.Errorf("a grammar without an upstream: error %v", err)
	}
}

func TestGrammarsCarryTheirAuthors(t *testing.T) {
	for _, u := range upstreams() {
		c, ok := grammarOf(strings.TrimSuffix(binding+"/"+u.dir, "/"))
		if !ok || len(c.texts) != 1 || !strings.Contains(c.texts[0].text, u.copyright) {
			t.Errorf("%q: no licence text with %s", u.dir, u.copyright)
		}
	}
	if _, ok := grammarOf(binding + "-fork/golang"); ok {
		t.Error("another module passed for the binding")
	}
}
