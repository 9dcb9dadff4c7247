package ingest

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/ingest/lang"
)

// Project is a tree of source files as Discover found it.
type Project struct {
	Root     string    // absolute path
	Name     string    // from the git remote, else a manifest, else the directory
	Revision string    // commit, commit-dirty.hash, or tree.hash
	Commit   string    // HEAD, "" without git
	Dirty    bool      // the tree is not what Commit says
	Commits  []string  // recent commits, newest first
	Packages []Package // declared by the tree, sorted
	Files    []File    // sorted by path
	Ignored  int       // files that ignore files leave out, as far as the walk saw them
	units    []lang.Unit
	paths    []lang.PathMap
	maxBytes int64
	root     *os.Root
}

// Package is a package that a manifest of the tree declares and that others can import.
type Package struct {
	Manager string
	Name    string
	Path    string // the manifest
}

// File is a file of the tree.
type File struct {
	Path     string // relative to the root, '/' separated
	Size     int64
	Language string // "" if its contents are not looked at
	Skip     string // why it is skipped, as far as is known without reading it
}

// plain tells whether the file holds no source code: it gets a vertex, its contents are not read.
func (f *File) plain() bool { return f.Skip == "" && f.Language == "" }

// The reasons for which files are skipped.
const (
	SkipBinary     = "binary"
	SkipTooLarge   = "too large"
	SkipVendored   = "vendored"
	SkipUnreadable = "unreadable"
	SkipNotUTF8    = "not UTF-8"
	SkipSymlink    = "symbolic link"
	SkipLanguage   = "language not supported"
	SkipSubmodule  = "submodule"
)

// Discover looks at the tree below root. Close the project after use.
func Discover(ctx context.Context, root string, opts DiscoverOptions) (*Project, error) {
	opts = opts.withDefaults()
	p := &Project{maxBytes: opts.MaxFileBytes}
	if err := p.open(root); err != nil {
		return nil, err
	}
	if err := p.discover(ctx, opts); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// Close lets go of the root directory.
func (p *Project) Close() error { return p.root.Close() }

func (p *Project) open(root string) error {
	const op = "ingest.Discover"
	abs, err := filepath.Abs(root)
	if err != nil {
		return graph.Errorf(op, graph.KindInvalid, "path %q: %w", root, err)
	}
	info, err := os.Stat(abs)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return graph.Errorf(op, graph.KindNotFound, "%s is not there", abs).
			WithRemedy("give the directory that holds the repository")
	case err != nil:
		return graph.Errorf(op, graph.KindInvalid, "%s cannot be looked at: %w", abs, err)
	case !info.IsDir():
		return graph.Errorf(op, graph.KindInvalid, "%s is a file, not a directory", abs).
			WithRemedy("give the directory that holds the repository")
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		abs = real
	}
	p.Root = abs
	if p.root, err = os.OpenRoot(abs); err != nil {
		return graph.Errorf(op, graph.KindForbidden, "%s cannot be read: %w", abs, err)
	}
	return nil
}

func (p *Project) discover(ctx context.Context, opts DiscoverOptions) error {
	g := openGit(ctx, p.Root)
	listed, err := p.list(ctx, g, opts)
	if err != nil {
		return err
	}
	for _, rel := range listed {
		if err := ctx.Err(); err != nil {
			return graph.Errorf("ingest.Discover", graph.KindCanceled, "looking at %s: %w", p.Root, err)
		}
		p.Files = append(p.Files, p.look(rel))
	}
	p.readManifests()
	if err := p.nameRevision(ctx, g, opts); err != nil {
		return err
	}
	return nil
}

// list returns the files that are not ignored, sorted.
func (p *Project) list(ctx context.Context, g *git, opts DiscoverOptions) ([]string, error) {
	if g != nil && !opts.NoGit {
		if files, ok := g.files(ctx); ok {
			return p.filterOwnIgnores(files), nil
		}
	}
	w := walker{project: p, ctx: ctx}
	if err := w.walk(".", ignorer{}); err != nil {
		return nil, err
	}
	slices.Sort(w.files)
	return w.files, nil
}

// look tells what is known of a file without reading it.
func (p *Project) look(rel string) File {
	f := File{Path: rel, Language: lang.Of(rel)}
	info, err := p.root.Lstat(filepath.FromSlash(rel))
	switch {
	case err != nil:
		f.Skip = SkipUnreadable
	case info.Mode()&fs.ModeSymlink != 0:
		f.Skip = SkipSymlink
	case info.IsDir():
		f.Skip = SkipSubmodule
	case !info.Mode().IsRegular():
		f.Skip = SkipUnreadable
	case vendored(rel):
		f.Skip = SkipVendored
	case info.Size() > p.maxBytes:
		f.Skip = SkipTooLarge
	case lang.Unread(rel):
		f.Skip = SkipLanguage
	}
	if info != nil {
		f.Size = info.Size()
	}
	if !utf8.ValidString(rel) {
		f.Path, f.Skip = strings.ToValidUTF8(rel, "\ufffd"), SkipUnreadable
	}
	return f
}

// read returns the contents of a file of the tree, or why there are none (N1).
func (p *Project) read(rel string) (data []byte, skip string) {
	f, err := p.root.Open(filepath.FromSlash(rel))
	if err != nil {
		return nil, SkipUnreadable
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil, SkipUnreadable
	}
	data, skip = readAtMost(f, p.maxBytes, info.Size())
	switch {
	case skip != "":
		return nil, skip
	case isBinary(data):
		return nil, SkipBinary
	case !utf8.Valid(data):
		return nil, SkipNotUTF8
	}
	return data, ""
}

// isBinary tells whether the first bytes hold a zero, as git tells.
func isBinary(data []byte) bool {
	const head = 8000
	return slices.Contains(data[:min(len(data), head)], 0)
}

// walker lists a directory tree where git cannot.
type walker struct {
	project *Project
	ctx     context.Context
	files   []string
}

func (w *walker) walk(dir string, ign ignorer) error {
	if err := w.ctx.Err(); err != nil {
		return graph.Errorf("ingest.Discover", graph.KindCanceled, "listing %s: %w",
			w.project.Root, err)
	}
	f, err := w.project.root.Open(filepath.FromSlash(dir))
	if err != nil {
		return nil // a directory that cannot be read has no files to record
	}
	entries, _ := f.ReadDir(-1)
	f.Close()
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	base := strings.TrimPrefix(dir, ".")
	for _, name := range ignoreFiles {
		if text, err := w.project.root.ReadFile(filepath.FromSlash(path.Join(dir, name))); err == nil {
			ign = ign.with(base, string(text))
		}
	}
	for _, e := range entries {
		rel := path.Join(dir, e.Name())
		if e.Name() == ".git" {
			continue
		}
		if ign.ignored(rel, e.IsDir()) {
			w.project.Ignored++
			continue
		}
		if !e.IsDir() {
			w.files = append(w.files, rel)
			continue
		}
		if err := w.walk(rel, ign); err != nil {
			return err
		}
	}
	return nil
}

// filterOwnIgnores applies the .codegraphignore files to a list that git gave.
func (p *Project) filterOwnIgnores(files []string) []string {
	slices.Sort(files)
	var ign ignorer
	for _, f := range files { // sorted: a directory's own file may come late, so gather first
		if path.Base(f) == ".codegraphignore" {
			if text, err := p.root.ReadFile(filepath.FromSlash(f)); err == nil {
				ign = ign.with(strings.TrimPrefix(path.Dir(f), "."), string(text))
			}
		}
	}
	if len(ign.rules) == 0 {
		return files
	}
	out := files[:0]
	for _, f := range files {
		if ign.ignoredBelow(f) {
			p.Ignored++
			continue
		}
		out = append(out, f)
	}
	return out
}

// ignoredBelow tells whether p or one of its parents is ignored.
func (g ignorer) ignoredBelow(p string) bool {
	for i, c := range p {
		if c == '/' && g.ignored(p[:i], true) {
			return true
		}
	}
	return g.ignored(p, false)
}
