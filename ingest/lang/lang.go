package lang

import (
	"context"
	"path"
	"strings"

	"github.com/codegraphdb/codegraph/graph"
)

// Unit is a package in the sense of a package manager: what a manifest of the tree declares.
type Unit struct {
	Manager  string              // graph.ManagerGo, ...
	Dir      string              // of the manifest, "" for the root
	Name     string              // as the manifest says it
	Package  string              // in symbol keys: Name, or repo:<id>/Name if owned elsewhere
	Requires []string            // Go: required modules, sorted
	Replaces map[string]string   // Go: import path -> directory of the tree
	Entries  map[string][]string // npm: files of the entry points, by subpath (".", "./sub")
}

// File is a source file as both passes see it.
type File struct {
	Index     int    // place in the sorted list of files
	Path      string // relative to the root, '/' separated
	Language  string // Of tells it
	Src       []byte
	Generated bool
}

// Dir returns the directory of the file, "" for the root.
func (f *File) Dir() string { return dirOf(f.Path) }

func dirOf(p string) string {
	if d := path.Dir(p); d != "." {
		return d
	}
	return ""
}

// Base is what every language needs to know of the repository.
type Base struct {
	Repo  graph.RepoID
	Root  string // name of the root directory
	Units []Unit // deepest directory first, then by name
	Paths []PathMap
}

// PathMap is an entry of `paths` in a tsconfig.json, or its baseUrl.
type PathMap struct {
	Dir     string   // where it holds
	Pattern string   // with at most one *
	Targets []string // relative to the root
}

// Result says how a file parsed.
type Result struct {
	ErrorLine uint32 // line of the first part that does not parse, 0 if all does
	TooDeep   bool   // nested deeper than is looked at
}

// Analyzer is one family of languages. Scan and Resolve are called from several goroutines, with a
// parser for each; Link is called once, between the two.
type Analyzer interface {
	// Scan collects what the file defines.
	Scan(ctx context.Context, p *Parser, f *File) (Result, error)
	// Link joins what was scanned.
	Link(ctx context.Context) error
	// Resolve adds the file's definitions and references to out.
	Resolve(ctx context.Context, p *Parser, f *File, out *Facts) error
}

// languages lists the languages by file extension.
var languages = map[string]string{
	".go": "go",
	".py": "python", ".pyi": "python",
	".js": "javascript", ".mjs": "javascript", ".cjs": "javascript", ".jsx": "javascript",
	".ts": "typescript", ".mts": "typescript", ".cts": "typescript",
	".tsx": "tsx",
}

// Of returns the language of a path, "" if it is none of ours.
func Of(p string) string { return languages[strings.ToLower(path.Ext(p))] }

// UnitOf returns the unit of a manager that holds dir; units are sorted deepest first.
func (b *Base) UnitOf(manager, dir string) *Unit {
	for i := range b.Units {
		u := &b.Units[i]
		if u.Manager == manager && (u.Dir == "" || u.Dir == dir || strings.HasPrefix(dir, u.Dir+"/")) {
			return u
		}
	}
	return nil
}
