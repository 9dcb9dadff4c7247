package ingest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/codegraphdb/codegraph/graph"
)

// TestSkipped checks that files that cannot be taken in are there and say why.
func TestSkipped(t *testing.T) {
	root := writeTree(t, map[string]string{
		"ok.go": "package a\n\nfunc F() {}\n", "binary.go": "package a\x00", "data.bin": "\x00\x01",
		"latin.go": "package a // \xe9\n", "big.go": "package a\n" + strings.Repeat("// x\n", 1000),
		"vendor/v/v.go": "package v\n", "node_modules/m/i.js": "f()", "main.rs": "fn main() {}",
		"note.md": "# x\n", "empty.go": "", "broken.go": "package a\nfunc G( {{{ )\n",
		"made.pb.go": "package a\n",
	})
	if err := os.Symlink("/etc/passwd", filepath.Join(root, "out.go")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("ok.go", filepath.Join(root, "in.go")); err != nil {
		t.Fatal(err)
	}
	p, err := Discover(t.Context(), root, DiscoverOptions{MaxFileBytes: 4000})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	g := &gatherer{facts: map[string]*graph.OwnerFacts{}}
	report, err := Run(t.Context(), p, Options{Repo: 7}, g)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"ok.go": "ok", "binary.go": "skipped binary",
		"data.bin": "skipped binary", "latin.go": "skipped not UTF-8", "big.go": "skipped too large",
		"vendor/v/v.go":       "skipped vendored",
		"node_modules/m/i.js": "skipped vendored", "main.rs": "skipped language not supported",
		"note.md": "ok", "empty.go": "ok", "broken.go": "partial syntax error in line 2",
		"made.pb.go": "ok", "out.go": "skipped symbolic link", "in.go": "skipped symbolic link"}
	for name, w := range want {
		f := g.facts[name]
		if f == nil {
			t.Errorf("%s has no facts", name)
			continue
		}
		v := f.Vertices[0]
		got := strings.TrimSpace(v.Status.String() + " " + v.Reason)
		if got != w || f.Status != v.Status {
			t.Errorf("%s: %q, want %q", name, got, w)
		}
	}
	if !g.facts["made.pb.go"].Vertices[0].Has(graph.FlagGenerated) {
		t.Error("made.pb.go is not flagged as generated")
	}
	if report.Files != len(want) || report.Skipped[SkipVendored] != 2 || report.Generated != 1 ||
		!slices.Equal(report.Partial, []string{"broken.go"}) {
		t.Errorf("report %+v", report)
	}
	if report.StoredLines >= report.Lines+1 || report.StoredLines == 0 {
		t.Errorf("%d of %d lines stored", report.StoredLines, report.Lines)
	}
}

// TestEscape checks that a link to a directory outside of the root leads nowhere.
func TestEscape(t *testing.T) {
	outside := writeTree(t, map[string]string{"secret.go": "package secret\n\nfunc Secret() {}\n"})
	root := writeTree(t, map[string]string{"a.go": "package a\n"})
	if err := os.Symlink(outside, filepath.Join(root, "dir")); err != nil {
		t.Fatal(err)
	}
	facts := runTree(t, root, Options{Repo: 7})
	if text := transcript(facts); strings.Contains(text, "ecret") {
		t.Errorf("a file outside of the root was read:\n%s", text)
	}
	if facts["dir"] == nil || facts["dir"].Vertices[0].Reason != SkipSymlink {
		t.Errorf("the link is not recorded: %+v", facts["dir"])
	}
	p := discover(t, root)
	if _, skip := p.read("dir/secret.go"); skip == "" {
		t.Error("a path through the link can be read")
	}
}

// hostile are files made to break an extractor: each must be taken in somehow.
func hostile(t *testing.T) map[string]string {
	t.Helper()
	data, err := os.ReadFile("testdata/hostile/files.txt")
	if err != nil {
		t.Fatal(err)
	}
	files := splitArchive(string(data))
	many := strings.Repeat
	maps.Copy(files, map[string]string{
		"deep.go":   "package a\nvar x = " + many("(", 50000) + "1" + many(")", 50000) + "\n",
		"index.go":  "package a\nvar y = " + many("a[", 20000) + "1" + many("]", 20000) + "\n",
		"types.go":  "package a\nvar z " + many("[]", 30000) + "int\n",
		"line.go":   "package a // " + many("x", 1<<20),
		"deep.py":   "x = " + many("[", 20000) + many("]", 20000) + "\n",
		"indent.py": many("if x:\n ", 3000),
		"deep.ts":   "let x = " + many("{a:", 20000) + "1" + many("}", 20000),
		"deep.tsx":  many("<a>", 10000),
		"bom.go":    "\ufeffpackage a\nfunc bom() {}\n",
		"crlf.py":   "def f():\r\n  g()\r\n",
	})
	noises := []string{"}{)(][", "\x01\x02\x03", "func class def => {", "`", "'''", "/*", "\\"}
	for _, ext := range []string{"go", "py", "js", "ts", "tsx"} {
		for i, noise := range noises {
			files[fmt.Sprintf("noise%d.%s", i, ext)] = noise + "\n" + noise
		}
	}
	return files
}

// TestHostile checks that no file ends a run, and that every file has facts.
func TestHostile(t *testing.T) {
	files := hostile(t)
	facts := runTree(t, writeTree(t, files), Options{Repo: 7})
	for name := range files {
		f := facts[name]
		if f == nil {
			t.Errorf("%s has no facts", name)
			continue
		}
		if r := f.Vertices[0].Reason; strings.Contains(r, "extractor failed") {
			t.Errorf("%s: %s", name, r)
		}
	}
	for _, name := range []string{"deep.go", "deep.py", "deep.ts", "types.go"} {
		if f := facts[name]; f != nil && f.Status == graph.StatusOK {
			t.Errorf("%s is said to be understood as a whole", name)
		}
	}
}

// TestPanic checks that a failing extractor costs one file.
func TestPanic(t *testing.T) {
	p := discover(t, writeTree(t, map[string]string{"a.go": "package a\n", "b.py": "x = 1\n"}))
	g := &gatherer{facts: map[string]*graph.OwnerFacts{}}
	r := newRunner(p, Options{Repo: 7}.withDefaults(), g)
	r.analyzers["go"] = nil // a nil interface panics when it is used
	if err := r.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if f := g.facts["a.go"]; f.Status != graph.StatusSkipped ||
		!strings.Contains(f.Vertices[0].Reason, "extractor failed") {
		t.Errorf("a.go: %+v", f.Vertices[0])
	}
	if f := g.facts["b.py"]; f.Status != graph.StatusOK {
		t.Errorf("b.py: %+v", f.Vertices[0])
	}
}

// goldenTree puts all transcripts' trees side by side.
func goldenTree(t *testing.T) string {
	t.Helper()
	all := map[string]string{}
	files, _ := filepath.Glob("testdata/*.txt")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		parts := splitArchive(string(data))
		delete(parts, "want")
		for name, text := range parts {
			all[strings.TrimSuffix(filepath.Base(file), ".txt")+"/"+name] = text
		}
	}
	return writeTree(t, all)
}

// TestDeterministic checks that workers, budget and repetition change nothing (N3), and that what
// is pointed at as our own is there.
func TestDeterministic(t *testing.T) {
	root := goldenTree(t)
	var first string
	for _, opts := range []Options{{Workers: 1}, {Workers: 8}, {Workers: 3, MemoryBudget: 1},
		{Workers: 8}} {
		opts.Repo = 7
		facts := runTree(t, root, opts)
		text := transcript(facts)
		if first == "" {
			first = text
			checkTargets(t, facts)
		}
		if text != first {
			t.Errorf("%d workers, budget %d:\n%s", opts.Workers, opts.MemoryBudget, firstDiff(first, text))
		}
	}
}

func checkTargets(t *testing.T, facts map[string]*graph.OwnerFacts) {
	t.Helper()
	have := map[graph.VertexID]bool{}
	for _, f := range facts {
		for _, v := range f.Vertices {
			have[v.ID] = true
			if v.ID != graph.IDOf(v.Key) {
				t.Errorf("%s: id does not fit the key", v.Key)
			}
			if _, err := graph.ParseSymbol(v.Key); err != nil {
				t.Error(err)
			}
		}
	}
	for p, f := range facts {
		for _, e := range f.Edges {
			if !have[e.Src] || !e.DstForeign && !have[e.Dst] {
				t.Errorf("%s: %s -> %s has an end that nobody defines", p, e.Type, e.DstKey)
			}
			if e.Type == graph.Calls && (e.Confidence == 0 || e.Resolution == graph.ResolutionNone) {
				t.Errorf("%s: CALLS -> %s without evidence", p, e.DstKey)
			}
		}
	}
}

// TestForeignPackage checks that a package owned by another repository is told apart.
func TestForeignPackage(t *testing.T) {
	root := writeTree(t, map[string]string{"go.mod": "module example.com/m\n",
		"a.go": "package m\n\nfunc F() { F() }\n"})
	facts := runTree(t, root, Options{Repo: 7, Foreign: func(manager, pkg string) bool {
		return manager == graph.ManagerGo && pkg == "example.com/m"
	}})
	want := "gomod repo:7/example.com/m `example.com/m`/F()."
	if text := transcript(facts); !strings.Contains(text, want+" -CALLS-> "+want) {
		t.Errorf("no %s in\n%s", want, text)
	}
}

// blocking is a sink that takes n facts and then waits for the run to end.
type blocking struct {
	n     int64
	taken atomic.Int64
	full  chan struct{}
}

func (b *blocking) Put(ctx context.Context, _ *graph.OwnerFacts) error {
	if n := b.taken.Add(1); n == b.n {
		close(b.full)
	} else if n < b.n {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

// TestCancel checks that a run ends when it is given up while the sink blocks, and that the sink
// got no more than the workers held.
func TestCancel(t *testing.T) {
	files := map[string]string{}
	for i := range 200 {
		files[fmt.Sprintf("f%03d.go", i)] = fmt.Sprintf("package a\n\nfunc F%d() {}\n", i)
	}
	p := discover(t, writeTree(t, files))
	ctx, cancel := context.WithCancelCause(t.Context())
	b := &blocking{n: 20, full: make(chan struct{})}
	done := make(chan error)
	go func() {
		_, err := Run(ctx, p, Options{Repo: 7, Workers: 4}, b)
		done <- err
	}()
	<-b.full
	cause := errors.New("interrupted")
	cancel(cause)
	if err := <-done; !graph.IsKind(err, graph.KindCanceled) || !errors.Is(err, cause) {
		t.Errorf("error %v", err)
	}
	if n := b.taken.Load(); n > b.n+4 {
		t.Errorf("the sink was called %d times after it blocked at %d", n, b.n)
	}
}

// refusing is a sink that fails.
type refusing struct{ err error }

func (r refusing) Put(context.Context, *graph.OwnerFacts) error { return r.err }

// TestSinkError checks that the sink's error ends the run and comes back as it is.
func TestSinkError(t *testing.T) {
	p := discover(t, goldenTree(t))
	want := errors.New("no room")
	if _, err := Run(t.Context(), p, Options{Repo: 7}, refusing{want}); !errors.Is(err, want) {
		t.Errorf("error %v", err)
	}
}

// TestProgress checks phases, counts and the guess of the time left, by a clock of its own.
func TestProgress(t *testing.T) {
	p := discover(t, goldenTree(t))
	var mu sync.Mutex
	now := time.Unix(0, 0)
	var seen []Progress
	opts := Options{Repo: 7, Workers: 1,
		Now: func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			now = now.Add(50 * time.Millisecond)
			return now
		},
		Progress: func(p Progress) { seen = append(seen, p) },
	}
	g := &gatherer{facts: map[string]*graph.OwnerFacts{}}
	report, err := Run(t.Context(), p, opts, g)
	if err != nil {
		t.Fatal(err)
	}
	last := map[string]Progress{}
	for _, s := range seen {
		if l := last[s.Phase]; s.Files < l.Files || s.Lines < l.Lines || s.Elapsed < l.Elapsed {
			t.Errorf("progress goes back: %+v, %+v", l, s)
		}
		last[s.Phase] = s
	}
	for _, phase := range []string{PhaseScan, PhaseResolve} {
		l := last[phase]
		if l.Files != len(p.Files) || l.Total != len(p.Files) || l.Left != 0 || l.Rate <= 0 {
			t.Errorf("%s ends with %+v", phase, l)
		}
	}
	if got := slices.Sorted(maps.Keys(last)); len(got) != 3 || len(report.Phases) != 3 {
		t.Errorf("phases %v, %v", got, report.Phases)
	}
	guessed := false
	for _, s := range seen {
		guessed = guessed || s.Left > 0
	}
	if !guessed {
		t.Error("nobody guesses how long it takes")
	}
}

// TestGenerated checks the ways in which files say that a program wrote them.
func TestGenerated(t *testing.T) {
	tests := []struct {
		path, text string
		want       bool
	}{
		{"a.go", "// Code generated by x. DO NOT EDIT.\n\npackage a", true},
		{"a.go", "package a\n\n// Code generated by x. DO NOT EDIT.\n", true},
		{"a.go", "package a\nvar s = \"Code generated by x. DO NOT EDIT.\"\n", false},
		{"a.go", "package a // not generated\n", false},
		{"a.ts", "/**\n * @generated\n */\n", true},
		{"a.py", "# @generated by y\n", true},
		{"a_pb2.py", "", true}, {"a.pb.go", "", true}, {"a.min.js", "", true},
	}
	for _, test := range tests {
		if got := isGenerated(test.path, []byte(test.text)); got != test.want {
			t.Errorf("%s %q: %v", test.path, test.text, got)
		}
	}
}

// TestLines checks how lines are counted.
func TestLines(t *testing.T) {
	for text, want := range map[string]uint32{"": 0, "a": 1, "a\n": 1, "a\nb": 2, "\n\n": 2} {
		if got := countLines([]byte(text)); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}
