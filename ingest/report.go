package ingest

import (
	"slices"
	"sync"
	"time"

	"github.com/codegraphdb/codegraph/graph"
)

// The phases of a run, in their order.
const (
	PhaseScan    = "scan"    // reading files, collecting definitions
	PhaseLink    = "link"    // joining them
	PhaseResolve = "resolve" // resolving references, handing facts over
)

// Progress says how far a run is.
type Progress struct {
	Phase   string
	Files   int           // done in this phase
	Total   int           // files of this phase
	Lines   int64         // lines of the files done
	Rate    float64       // lines per second in this phase
	Elapsed time.Duration // since the run began
	Left    time.Duration // guess for this phase; zero if there is none
}

// PhaseTime is how long a phase took.
type PhaseTime struct {
	Phase string
	Took  time.Duration
}

// Report is what a run did.
type Report struct {
	Files       int                      // all files that have facts
	Parsed      int                      // files whose contents were understood, at least in part
	Lines       int64                    // lines of all files that were read
	StoredLines int64                    // lines of files whose facts the sink took
	Generated   int                      // parsed files that say they are generated
	Skipped     map[string]int           // files by reason
	Partial     []string                 // paths of files with errors of syntax, the first maxListed
	PartialAll  int                      // how many there are
	Vertices    int                      // distinct vertices
	Kinds       map[graph.VertexKind]int // distinct vertices by kind
	Edges       map[graph.EdgeType]int   // distinct edges per file
	Unresolved  int                      // calls whose target is not known
	Ignored     int                      // files that ignore files leave out
	Phases      []PhaseTime
}

const maxListed = 100

// EdgeCount returns the number of edges of all types.
func (r *Report) EdgeCount() int {
	n := 0
	for _, c := range r.Edges {
		n += c
	}
	return n
}

// ledger gathers a report and tells about progress.
type ledger struct {
	opts  Options
	begun time.Time

	mu         sync.Mutex // guards what follows
	report     Report
	seen       map[graph.VertexID]graph.VertexKind
	progress   Progress
	phaseBegun time.Time
	told       time.Time
}

func newLedger(p *Project, opts Options) *ledger {
	return &ledger{opts: opts, begun: opts.Now(), seen: map[graph.VertexID]graph.VertexKind{},
		report: Report{Skipped: map[string]int{}, Kinds: map[graph.VertexKind]int{},
			Edges: map[graph.EdgeType]int{}, Ignored: p.Ignored}}
}

// begin starts a phase.
func (l *ledger) begin(phase string, total int) {
	l.end()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.phaseBegun = l.opts.Now()
	l.progress = Progress{Phase: phase, Total: total}
	l.told = time.Time{}
	l.tellLocked(l.phaseBegun)
}

// end ends the phase that runs.
func (l *ledger) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.progress.Phase == "" {
		return
	}
	now := l.opts.Now()
	l.told = time.Time{}
	l.tellLocked(now)
	l.report.Phases = append(l.report.Phases, PhaseTime{l.progress.Phase, now.Sub(l.phaseBegun)})
	l.progress.Phase = ""
}

// step counts one file of the phase.
func (l *ledger) step(lines uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.progress.Files++
	l.progress.Lines += int64(lines)
	l.tellLocked(l.opts.Now())
}

// tellLocked calls Progress unless it was called a moment ago. REQUIRES: l.mu.
func (l *ledger) tellLocked(now time.Time) {
	const often = 200 * time.Millisecond
	if l.opts.Progress == nil || !l.told.IsZero() && now.Sub(l.told) < often {
		return
	}
	l.told = now
	p := l.progress
	p.Elapsed = now.Sub(l.begun)
	if spent := now.Sub(l.phaseBegun).Seconds(); spent > 0 {
		p.Rate = float64(p.Lines) / spent
		if p.Files > 0 {
			left := spent / float64(p.Files) * float64(p.Total-p.Files)
			p.Left = time.Duration(left * float64(time.Second))
		}
	}
	l.opts.Progress(p)
}

// finish ends the last phase and returns the report.
func (l *ledger) finish() *Report {
	l.end()
	r := &l.report
	r.Vertices = len(l.seen)
	for _, k := range l.seen {
		r.Kinds[k]++
	}
	slices.Sort(r.Partial)
	r.Partial = r.Partial[:min(len(r.Partial), maxListed)]
	return r
}

// stored counts facts that the sink took.
func (l *ledger) stored(f *graph.OwnerFacts, isFile, generated bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := &l.report
	for i := range f.Vertices {
		v := &f.Vertices[i]
		if k, ok := l.seen[v.ID]; !ok || v.Kind < k { // fragments may differ; the order must not
			l.seen[v.ID] = v.Kind
		}
	}
	for i := range f.Edges {
		r.Edges[f.Edges[i].Type]++
	}
	r.Unresolved += int(f.Unresolved)
	if !isFile {
		return
	}
	r.Files++
	r.Lines += int64(f.Lines)
	switch f.Status {
	case graph.StatusSkipped:
		r.Skipped[f.Vertices[0].Reason]++
		return
	case graph.StatusPartial:
		r.PartialAll++
		r.Partial = append(r.Partial, f.Path)
	}
	if f.Vertices[0].Lang == "" { // a text, with nothing to parse
		return
	}
	r.Parsed++
	r.StoredLines += int64(f.Lines)
	if generated {
		r.Generated++
	}
}
