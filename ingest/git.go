package ingest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/codegraphdb/codegraph/graph"
)

// git asks the git program about a work tree.
type git struct {
	root string
	head string // commit, "" before the first one
}

// openGit returns nil where there is no git program or the root is in no work tree.
func openGit(ctx context.Context, root string) *git {
	g := &git{root: root}
	inside, err := g.run(ctx, "rev-parse", "--is-inside-work-tree")
	if err != nil || strings.TrimSpace(string(inside)) != "true" {
		return nil
	}
	// A directory that an enclosing repository ignores is a tree of its own.
	if _, err := g.run(ctx, "check-ignore", "-q", "."); err == nil {
		return nil
	}
	if head, err := g.run(ctx, "rev-parse", "--verify", "-q", "HEAD"); err == nil {
		g.head = strings.TrimSpace(string(head))
	}
	return g
}

// run runs git with settings that keep it from asking, paging or running anything.
func (g *git) run(ctx context.Context, args ...string) ([]byte, error) {
	pre := []string{"-C", g.root, "-c", "core.quotePath=false", "-c", "core.fsmonitor=false",
		"-c", "safe.directory=*", "--no-optional-locks"}
	cmd := exec.CommandContext(ctx, "git", append(pre, args...)...)
	cmd.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0", "LC_ALL=C", "GIT_PAGER=cat")
	return cmd.Output()
}

// files lists tracked files and untracked ones that are not ignored; ok is false if git cannot say.
func (g *git) files(ctx context.Context) (files []string, ok bool) {
	out, err := g.run(ctx, "ls-files", "-co", "--exclude-standard", "-z")
	if err != nil {
		return nil, false
	}
	for name := range bytes.SplitSeq(out, []byte{0}) {
		if f := strings.TrimSuffix(string(name), "/"); f != "" {
			files = append(files, f)
		}
	}
	slices.Sort(files)
	files = slices.Compact(files)
	return slices.DeleteFunc(files, func(f string) bool { // tracked, but deleted in the work tree
		_, err := os.Lstat(filepath.Join(g.root, filepath.FromSlash(f)))
		return os.IsNotExist(err)
	}), true
}

// commits lists recent commits, newest first.
func (g *git) commits(ctx context.Context, most int) []string {
	if g.head == "" {
		return nil
	}
	out, err := g.run(ctx, "rev-list", "-n", strconv.Itoa(most), "HEAD")
	if err != nil {
		return []string{g.head}
	}
	return strings.Fields(string(out))
}

// changed lists the files that differ from HEAD, as status and path.
func (g *git) changed(ctx context.Context) ([]string, error) {
	out, err := g.run(ctx, "status", "--porcelain=v1", "-z", "--no-renames", "-uall", "--", ".")
	if err != nil {
		return nil, graph.Errorf("ingest.Discover", graph.KindOther, "git status in %s: %w", g.root, err)
	}
	prefix := g.prefix(ctx)
	var lines []string
	for entry := range bytes.SplitSeq(out, []byte{0}) {
		const head = len("XY ")
		if len(entry) > head {
			lines = append(lines, string(entry[:head])+strings.TrimPrefix(string(entry[head:]), prefix))
		}
	}
	slices.Sort(lines)
	return lines, nil
}

// prefix returns where the root is below the top of the work tree, with a slash at its end.
func (g *git) prefix(ctx context.Context) string {
	p, err := g.run(ctx, "rev-parse", "--show-prefix")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(p))
}

// remoteName returns what remoteName makes of the remote's URL, "" if there is none.
func (g *git) remoteName(ctx context.Context) string {
	remotes, err := g.run(ctx, "remote")
	if err != nil {
		return ""
	}
	names := strings.Fields(string(remotes))
	if len(names) == 0 {
		return ""
	}
	remote := names[0]
	if slices.Contains(names, "origin") {
		remote = "origin"
	}
	url, err := g.run(ctx, "config", "--get", "remote."+remote+".url")
	if err != nil {
		return ""
	}
	return remoteName(strings.TrimSpace(string(url)))
}

// remoteName returns host-less owner/name of a URL, or the last part of a path.
func remoteName(url string) string {
	url = strings.TrimSuffix(strings.TrimSuffix(url, "/"), ".git")
	if i := strings.Index(url, "://"); i >= 0 {
		if strings.HasPrefix(url, "file:") {
			return path.Base(url)
		}
		_, p, _ := strings.Cut(url[i+3:], "/")
		return strings.Trim(p, "/")
	}
	if host, p, ok := strings.Cut(url, ":"); ok && !strings.Contains(host, "/") {
		return strings.Trim(p, "/")
	}
	return path.Base(filepath.ToSlash(url))
}

// nameRevision fills in name, commit and revision.
func (p *Project) nameRevision(ctx context.Context, g *git, opts DiscoverOptions) error {
	p.Name = p.manifestName()
	if g == nil {
		if p.Name == "" {
			p.Name = filepath.Base(p.Root)
		}
		p.Revision = "tree." + p.hash(pathsOf(p.Files))
		return ctx.Err()
	}
	if name := g.remoteName(ctx); name != "" {
		p.Name = path.Join(name, g.prefix(ctx))
	}
	if p.Name == "" {
		p.Name = filepath.Base(p.Root)
	}
	if g.head == "" {
		p.Revision = "tree." + p.hash(pathsOf(p.Files))
		return ctx.Err()
	}
	p.Commit, p.Revision = g.head, g.head
	p.Commits = g.commits(ctx, opts.Commits)
	changed, err := g.changed(ctx)
	if err != nil {
		return err
	}
	if len(changed) > 0 {
		p.Dirty = true
		p.Revision = g.head + "-dirty." + p.hash(changed)
	}
	return ctx.Err()
}

func pathsOf(files []File) []string {
	out := make([]string, len(files))
	for i, f := range files {
		out[i] = "   " + f.Path
	}
	return out
}

// hash returns a short hash over paths, each with three characters of status before it, and the
// contents of the files. Links count by where they point.
func (p *Project) hash(entries []string) string {
	const head, digits = len("XY "), 12
	h := sha256.New()
	for _, e := range entries {
		io.WriteString(h, e+"\x00")
		rel := filepath.FromSlash(e[head:])
		if target, err := p.root.Readlink(rel); err == nil {
			io.WriteString(h, target)
		} else if f, err := p.root.Open(rel); err == nil {
			if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
				io.Copy(h, f)
			}
			f.Close()
		}
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil))[:digits]
}

// readAtMost reads a file that should have size bytes, and says why if it is larger than allowed.
func readAtMost(f io.Reader, most, size int64) (data []byte, skip string) {
	buf := bytes.NewBuffer(make([]byte, 0, min(size, most)+1))
	n, err := io.Copy(buf, io.LimitReader(f, most+1))
	switch {
	case err != nil:
		return nil, SkipUnreadable
	case n > most:
		return nil, SkipTooLarge
	}
	return buf.Bytes(), ""
}
