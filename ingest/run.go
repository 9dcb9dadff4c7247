package ingest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/ingest/ecma"
	"github.com/codegraphdb/codegraph/ingest/golang"
	"github.com/codegraphdb/codegraph/ingest/lang"
	"github.com/codegraphdb/codegraph/ingest/python"
)

// Sink takes facts. Put is called from several goroutines at once, in no particular order, once for
// every file and directory. It may block; the facts are its own.
type Sink interface {
	Put(ctx context.Context, f *graph.OwnerFacts) error
}

// runner is one run.
type runner struct {
	project   *Project
	opts      Options
	sink      Sink
	contents  *contents
	ledger    *ledger
	analyzers map[string]lang.Analyzer
	states    []fileState // by index in project.Files
}

// fileState is what the first pass found out about a file.
type fileState struct {
	skip      string // why it is skipped; "" if not
	partial   string // what of it is not understood
	generated bool
	lines     uint32
	hash      [16]byte
}

// Run reads the project's files and hands their facts to the sink. The project is read once and can
// be run again. An error ends the run; what the sink took until then stands for nothing.
func Run(ctx context.Context, p *Project, opts Options, sink Sink) (*Report, error) {
	r := newRunner(p, opts.withDefaults(), sink)
	defer r.contents.close()
	if err := r.run(ctx); err != nil {
		return nil, err
	}
	return r.ledger.finish(), nil
}

func newRunner(p *Project, opts Options, sink Sink) *runner {
	r := &runner{project: p, opts: opts, sink: sink, contents: newContents(opts),
		ledger: newLedger(p, opts), states: make([]fileState, len(p.Files))}
	r.analyzers = analyzers(lang.Base{Repo: opts.Repo, Root: baseOf(filepath.ToSlash(p.Root)),
		Units: r.units(), Paths: p.paths})
	return r
}

// analyzers returns an analyzer for each language of lang.Of. Languages of one family share one.
func analyzers(base lang.Base) map[string]lang.Analyzer {
	js := ecma.New(base)
	return map[string]lang.Analyzer{"go": golang.New(base), "python": python.New(base),
		"javascript": js, "typescript": js, "tsx": js}
}

// units returns the packages of the tree with the names that they have in symbol keys.
func (r *runner) units() []lang.Unit {
	own := "repo:" + strconv.FormatUint(uint64(r.opts.Repo), 10)
	units := slices.Clone(r.project.units)
	for i := range units {
		u := &units[i]
		u.Package = u.Name
		switch {
		case u.Name == "":
			u.Package = own
		case fixture(u.Dir), r.opts.Foreign != nil && r.opts.Foreign(u.Manager, u.Name):
			u.Package = own + "/" + u.Name
		}
	}
	return units
}

func (r *runner) run(ctx context.Context) error {
	n := len(r.project.Files)
	r.ledger.begin(PhaseScan, n)
	if err := r.each(ctx, r.scan); err != nil {
		return err
	}
	r.ledger.begin(PhaseLink, 0)
	for _, a := range r.distinct() {
		if err := a.Link(ctx); err != nil {
			return r.canceled(ctx, err)
		}
	}
	r.ledger.begin(PhaseResolve, n)
	if err := r.directories(ctx); err != nil {
		return err
	}
	return r.each(ctx, r.resolve)
}

// distinct returns each analyzer once, in a fixed order.
func (r *runner) distinct() []lang.Analyzer {
	names := make([]string, 0, len(r.analyzers))
	for name := range r.analyzers {
		names = append(names, name)
	}
	slices.Sort(names)
	var out []lang.Analyzer
	for _, name := range names {
		if a := r.analyzers[name]; a != nil && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

// fileFunc does something with the file of an index.
type fileFunc func(context.Context, *lang.Parser, int) error

// each calls fn for every file, from the run's workers.
func (r *runner) each(ctx context.Context, fn fileFunc) error {
	g, gctx := errgroup.WithContext(ctx)
	next := make(chan int, r.opts.Workers)
	g.Go(func() error {
		defer close(next)
		for i := range r.project.Files {
			select {
			case next <- i:
			case <-gctx.Done():
				return gctx.Err()
			}
		}
		return nil
	})
	for range r.opts.Workers {
		g.Go(func() error {
			p := lang.NewParser(r.opts.FileTime)
			defer p.Close()
			for i := range next {
				if err := fn(gctx, p, i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return r.canceled(ctx, g.Wait())
}

// canceled names the cause if the run was given up.
func (r *runner) canceled(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return graph.Errorf("ingest.Run", graph.KindCanceled, "reading %s was given up: %w",
			r.project.Root, context.Cause(ctx))
	}
	return err
}

// scan is the first pass over one file.
func (r *runner) scan(ctx context.Context, p *lang.Parser, i int) error {
	f, s := &r.project.Files[i], &r.states[i]
	s.skip = f.Skip
	if (f.plain() || s.skip == SkipLanguage) && r.project.sniffBinary(f.Path) {
		s.skip = SkipBinary
	}
	if s.skip != "" || f.plain() {
		s.hash = hashOf([]byte(s.skip + "\x00" + strconv.FormatInt(f.Size, 10)))
		r.ledger.step(0)
		return nil
	}
	var data []byte
	if data, s.skip = r.project.read(f.Path); s.skip != "" {
		r.ledger.step(0)
		return nil
	}
	s.hash, s.lines, s.generated = hashOf(data), countLines(data), isGenerated(f.Path, data)
	res, err := r.guarded(func() (lang.Result, error) {
		return r.analyzers[f.Language].Scan(ctx, p, r.file(i, data))
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	switch {
	case err != nil:
		s.skip = reasonOf(err)
	case res.TooDeep:
		s.partial = "nested too deeply"
	case res.ErrorLine > 0:
		s.partial = fmt.Sprintf("syntax error in line %d", res.ErrorLine)
	}
	r.ledger.step(s.lines)
	if s.skip != "" {
		return nil
	}
	return r.contents.put(i, data)
}

func (r *runner) file(i int, data []byte) *lang.File {
	f := &r.project.Files[i]
	return &lang.File{Index: i, Path: f.Path, Language: f.Language, Src: data,
		Generated: r.states[i].generated}
}

// guarded turns a panic of an extractor into an error: one file never ends a run (N2).
func (r *runner) guarded(fn func() (lang.Result, error)) (res lang.Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = graph.Errorf("", graph.KindInternal, "extractor failed: %v", p)
		}
	}()
	return fn()
}

// reasonOf says in a few words why a file could not be taken in.
func reasonOf(err error) string {
	const most = 120
	switch graph.KindOf(err) {
	case graph.KindDeadline:
		return "takes too long to parse"
	case graph.KindLimit:
		return "needs too much memory"
	}
	msg := strings.ToValidUTF8(err.Error(), "?")
	return msg[:min(len(msg), most)]
}

// resolve is the second pass over one file.
func (r *runner) resolve(ctx context.Context, p *lang.Parser, i int) error {
	f, s := &r.project.Files[i], &r.states[i]
	facts := r.newFacts(i)
	if s.skip == "" && !f.plain() {
		data, err := r.contents.take(i)
		if err != nil {
			return err
		}
		_, err = r.guarded(func() (lang.Result, error) {
			lf := r.file(i, data)
			out := lang.NewFacts(facts, lf)
			return lang.Result{}, r.analyzers[f.Language].Resolve(ctx, p, lf, out)
		})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			s.skip = reasonOf(err)
			facts = r.newFacts(i)
		}
	}
	if err := r.sink.Put(ctx, facts); err != nil {
		return err
	}
	r.ledger.stored(facts, true, s.generated)
	r.ledger.step(s.lines)
	return nil
}

// newFacts returns facts that hold the file's own vertex only.
func (r *runner) newFacts(i int) *graph.OwnerFacts {
	f, s := &r.project.Files[i], &r.states[i]
	key := lang.FileKey(r.opts.Repo, f.Path)
	v := graph.Vertex{ID: graph.IDOf(key), Kind: graph.File, Key: key, Name: baseOf(f.Path),
		Repo: r.opts.Repo, Path: f.Path, Lang: f.Language, Status: graph.StatusOK,
		Size: uint64(f.Size), Source: graph.SourceTreeSitter}
	if s.lines > 0 {
		v.Span = graph.Span{Line: 1, Column: 1, EndLine: s.lines}
	}
	switch {
	case s.skip != "":
		v.Status, v.Reason = graph.StatusSkipped, s.skip
	case s.partial != "":
		v.Status, v.Reason = graph.StatusPartial, s.partial
	}
	if s.generated {
		v.Flags |= graph.FlagGenerated
	}
	return &graph.OwnerFacts{Repo: r.opts.Repo, Path: f.Path, Source: graph.SourceTreeSitter,
		Home: v.ID.Slot(), ContentHash: s.hash, Status: v.Status, Lines: s.lines,
		Vertices: []graph.Vertex{v}}
}

func hashOf(data []byte) (h [16]byte) {
	sum := sha256.Sum256(data)
	copy(h[:], sum[:])
	return h
}

func countLines(data []byte) uint32 {
	n := uint32(bytes.Count(data, []byte{'\n'}))
	if len(data) > 0 && data[len(data)-1] != '\n' {
		n++
	}
	return n
}

// generatedLine is how generated files say so: Go's convention, and the tag that other languages
// and review tools use.
var generatedLine = regexp.MustCompile(
	`(?m)^\W{0,4}\s*(Code generated .*DO NOT EDIT\.?|.*@generated\b.*|.*\bautogenerated file\b.*)` +
		`\s*\W*$`)

var generatedNames = []string{".pb.go", ".pb.gw.go", "_pb2.py", "_pb2_grpc.py", "_pb.js", "_pb.ts",
	"_pb.d.ts", ".min.js", ".generated.ts", ".generated.js"}

// isGenerated tells whether a file says that a program wrote it.
func isGenerated(p string, data []byte) bool {
	for _, suffix := range generatedNames {
		if strings.HasSuffix(p, suffix) {
			return true
		}
	}
	const head = 4 << 10
	data = data[:min(len(data), head)]
	if !bytes.Contains(data, []byte("enerated")) {
		return false
	}
	return generatedLine.Match(data)
}
