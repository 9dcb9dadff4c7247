package lint

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"
	"testing"
)

// module is the import path of the repository's root package.
const module = "github.com/codegraphdb/codegraph"

// source is one parsed Go file. Paths are slash-separated and relative to the tree's root.
type source struct {
	path      string
	dir       string // "." for the root package
	test      bool
	generated bool
	lines     []string
	fset      *token.FileSet
	ast       *ast.File
}

// line returns the line of a position in the file.
func (s *source) line(p token.Pos) int { return s.fset.Position(p).Line }

// at makes a finding at a position of the file.
func (s *source) at(p token.Pos, what, remedy string) finding {
	return finding{path: s.path, line: s.line(p), what: what, remedy: remedy}
}

// tree is every Go file of a repository, sorted by path.
type tree []*source

// finding is one broken rule at one place.
type finding struct {
	path   string
	line   int
	what   string
	remedy string
}

// place is the finding's position as editors understand it.
func (f finding) place() string { return fmt.Sprintf("%s:%d", f.path, f.line) }

func (f finding) String() string {
	return fmt.Sprintf("%s: %s\n\tremedy: %s", f.place(), f.what, f.remedy)
}

// rule is one check over a whole tree. Its name is the name of its planted bugs in testdata.
type rule struct {
	name  string
	check func(tree) []finding
}

// rules lists every rule. TestRepository runs them here, TestPlanted on the planted bugs.
func rules() []rule {
	return []rule{
		{"layers", checkLayers},
		{"fences", checkFences},
		{"deterministic", checkDeterministic},
		{"file", checkFileLength},
		{"line", checkLineLength},
		{"function", checkFunctionLength},
		{"main", checkMainLength},
		{"struct", checkStructFields},
		{"interface", checkInterfaceMethods},
		{"params", checkParams},
		{"package", checkPackageLength},
		{"exported", checkExportedDocs},
		{"docgo", checkPackageDocs},
		{"name", checkPackageNames},
		{"todo", checkTodos},
		{"panic", checkPanics},
		{"init", checkInits},
		{"skip", checkSkips},
	}
}

// TestRepository holds this repository to every rule.
func TestRepository(t *testing.T) {
	all := loadRepository(t)
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			for _, f := range r.check(all) {
				t.Error(f)
			}
		})
	}
}

// loadRepository parses this repository.
func loadRepository(t *testing.T) tree {
	t.Helper()
	return load(t, os.DirFS(filepath.Join("..", "..")))
}

// load parses every Go file below root, except where the go command does not look either.
func load(t *testing.T, root fs.FS) tree {
	t.Helper()
	var all tree
	err := fs.WalkDir(root, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if p != "." && skipDir(p) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		text, err := fs.ReadFile(root, p)
		if err != nil {
			return err
		}
		s, err := parse(p, text)
		if err != nil {
			return err
		}
		all = append(all, s)
		return nil
	})
	if err != nil {
		t.Fatalf("reading the tree: %v", err)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].path < all[j].path })
	return all
}

// skipDir says which directories hold no code of ours.
func skipDir(p string) bool {
	base := path.Base(p)
	if strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
		return true
	}
	return p == "bin" || base == "testdata" || base == "vendor" || base == "node_modules"
}

// parse reads one file. Build constraints are not looked at: every platform's files count.
func parse(p string, text []byte) (*source, error) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, p, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	text = bytes.TrimSuffix(text, []byte("\n"))
	return &source{
		path:      p,
		dir:       path.Dir(p),
		test:      strings.HasSuffix(p, "_test.go"),
		generated: ast.IsGenerated(f) || strings.HasSuffix(p, ".pb.go"),
		lines:     strings.Split(string(text), "\n"),
		fset:      fset,
		ast:       f,
	}, nil
}

// written returns the files that people wrote and that are not tests.
func (all tree) written() tree {
	return all.filter(func(s *source) bool { return !s.generated && !s.test })
}

// filter returns the files for which keep is true.
func (all tree) filter(keep func(*source) bool) tree {
	var out tree
	for _, s := range all {
		if keep(s) {
			out = append(out, s)
		}
	}
	return out
}

// within says whether dir is root or lies below it.
func within(dir, root string) bool {
	return dir == root || strings.HasPrefix(dir, root+"/")
}
