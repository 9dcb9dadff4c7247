package ingest

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/codegraphdb/codegraph/graph"
)

var rewrite = flag.Bool("rewrite", false, "write the transcripts: commit diffs you understand")

// TestGolden ingests the trees in testdata and compares what every file says. A transcript holds
// the files of the tree (-- path --) and, last, the facts (-- want --).
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("transcripts: %v, %v", files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			parts := splitArchive(string(data))
			want := parts["want"]
			delete(parts, "want")
			got := transcript(runTree(t, writeTree(t, parts), Options{Repo: 7}))
			if *rewrite {
				head, _, _ := strings.Cut(string(data), "-- want --\n")
				if err := os.WriteFile(file, []byte(head+"-- want --\n"+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != want {
				t.Errorf("facts differ; run with -rewrite and look at the diff\n%s", firstDiff(want, got))
			}
		})
	}
}

// splitArchive splits text at lines of the form "-- name --".
func splitArchive(text string) map[string]string {
	out := map[string]string{}
	name := ""
	for line := range strings.Lines(text) {
		trimmed := strings.TrimSpace(line)
		if strings.HasPrefix(trimmed, "-- ") && strings.HasSuffix(trimmed, " --") {
			name = trimmed[3 : len(trimmed)-3]
			out[name] = ""
			continue
		}
		if name != "" {
			out[name] += line
		}
	}
	return out
}

// writeTree writes files into a new directory named tree.
func writeTree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "tree")
	if err := os.MkdirAll(root, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		p := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// gatherer is a sink that keeps everything.
type gatherer struct {
	mu    sync.Mutex
	facts map[string]*graph.OwnerFacts
}

func (g *gatherer) Put(_ context.Context, f *graph.OwnerFacts) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.facts[f.Path] != nil {
		return fmt.Errorf("%s comes twice", f.Path)
	}
	g.facts[f.Path] = f
	return nil
}

// runTree ingests a directory and returns the facts by path.
func runTree(t *testing.T, root string, opts Options) map[string]*graph.OwnerFacts {
	t.Helper()
	p := discover(t, root)
	g := &gatherer{facts: map[string]*graph.OwnerFacts{}}
	if _, err := Run(t.Context(), p, opts, g); err != nil {
		t.Fatal(err)
	}
	return g.facts
}

func discover(t *testing.T, root string) *Project {
	t.Helper()
	p, err := Discover(t.Context(), root, DiscoverOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// transcript writes facts as text, sorted.
func transcript(facts map[string]*graph.OwnerFacts) string {
	keys := map[graph.VertexID]string{}
	for _, f := range facts {
		for _, v := range f.Vertices {
			keys[v.ID] = v.Key
		}
	}
	var b strings.Builder
	for _, p := range slices.Sorted(maps.Keys(facts)) {
		f := facts[p]
		fmt.Fprintf(&b, "%q %s lines=%d unresolved=%d\n", p, f.Status, f.Lines, f.Unresolved)
		for i := range f.Vertices {
			writeVertex(&b, &f.Vertices[i])
		}
		for _, e := range sortedEdges(f.Edges, keys) {
			b.WriteString(e)
		}
	}
	return b.String()
}

func writeVertex(b *strings.Builder, v *graph.Vertex) {
	fmt.Fprintf(b, "  %s %s %d:%d-%d", v.Kind, v.Key, v.Span.Line, v.Span.Column, v.Span.EndLine)
	for i, name := range []string{"exported", "test", "generated", "abstract", "static", "async"} {
		if v.Has(1 << i) {
			b.WriteString(" " + name)
		}
	}
	if v.Complexity > 0 {
		fmt.Fprintf(b, " complexity=%d", v.Complexity)
	}
	for _, text := range []string{v.Reason, v.Signature, v.Doc} {
		if text != "" {
			fmt.Fprintf(b, " %q", text)
		}
	}
	b.WriteByte('\n')
}

func sortedEdges(edges []graph.Edge, keys map[graph.VertexID]string) []string {
	var out []string
	for _, e := range graph.MergeEdges(edges) {
		s := fmt.Sprintf("    %s -%s-> %s %s/%s", keys[e.Src], e.Type, e.DstKey, e.Resolution,
			e.Provenance)
		if e.DstForeign {
			s += " foreign"
		}
		for _, site := range e.Sites {
			s += fmt.Sprintf(" +%d:%d", site.Line, site.Column)
		}
		out = append(out, s+"\n")
	}
	slices.Sort(out)
	return out
}

func firstDiff(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		a, b := "", ""
		if i < len(w) {
			a = w[i]
		}
		if i < len(g) {
			b = g[i]
		}
		if a != b {
			return fmt.Sprintf("line %d\nwant %s\n got %s", i+1, a, b)
		}
	}
	return "no line differs"
}
