package ingest

import (
	"context"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/ingest/lang"
)

func baseOf(p string) string { return path.Base(p) }

// directories hands over the facts of the directories: each names what it holds.
func (r *runner) directories(ctx context.Context) error {
	entries := map[string][]string{"": nil} // paths by directory
	for _, f := range r.project.Files {
		child := f.Path
		for {
			dir := dirOf(child)
			known := len(entries[child]) > 0
			entries[dir] = append(entries[dir], child)
			if dir == "" || known {
				break
			}
			child = dir
		}
	}
	dirs := make([]string, 0, len(entries))
	for d := range entries {
		dirs = append(dirs, d)
	}
	slices.Sort(dirs)
	for _, d := range dirs {
		slices.Sort(entries[d])
		facts := r.directory(d, slices.Compact(entries[d]))
		if err := r.sink.Put(ctx, facts); err != nil {
			return r.canceled(ctx, err)
		}
		r.ledger.stored(facts, false, false)
	}
	return nil
}

// directory returns the facts of one directory; the root stands for the repository.
func (r *runner) directory(dir string, children []string) *graph.OwnerFacts {
	v := graph.Vertex{Kind: graph.Directory, Key: lang.FileKey(r.opts.Repo, dir), Name: path.Base(dir),
		Repo: r.opts.Repo, Path: dir, Source: graph.SourceTreeSitter}
	if dir == "" {
		v.Kind, v.Name = graph.Repository, r.project.Name
	}
	v.ID = graph.IDOf(v.Key)
	f := &graph.OwnerFacts{Repo: r.opts.Repo, Path: dir, Source: graph.SourceTreeSitter,
		Home: v.ID.Slot(), Status: graph.StatusNone, Vertices: []graph.Vertex{v},
		ContentHash: hashOf([]byte(v.Name + "\x00" + strings.Join(children, "\x00")))}
	for _, c := range children {
		key := lang.FileKey(r.opts.Repo, c)
		f.Edges = append(f.Edges, graph.Edge{Src: v.ID, Type: graph.Contains, Dst: graph.IDOf(key),
			DstKey: key, Resolution: graph.Exact, Provenance: graph.FromSyntax, Confidence: 100, Count: 1})
	}
	return f
}

// sniffBinary tells whether a file that no language reads looks binary.
func (p *Project) sniffBinary(rel string) bool {
	const head = 8000
	f, err := p.root.Open(filepath.FromSlash(rel))
	if err != nil {
		return false
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return false
	}
	buf := make([]byte, head)
	n, _ := f.Read(buf)
	return isBinary(buf[:n])
}
