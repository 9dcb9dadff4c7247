package report

import (
	"bytes"
	"cmp"
	"fmt"
	"html/template"
	"slices"
	"time"

	"github.com/codegraphdb/codegraph/chaos/check"
	"github.com/codegraphdb/codegraph/chaos/history"
)

// maxBars is how many operations a timeline shows. Those that a problem names and those that were
// not ok come first, then those nearest to the first problem.
const maxBars = 20000

// bar is one operation on the page; numbers are pixels.
type bar struct {
	X, Y, Width float64
	Colour      string
	Marked      bool
	Title       string
}

// band is a fault on the page.
type band struct {
	X, Width float64
	Title    string
}

// page is what the template draws.
type page struct {
	Verdict       *check.Verdict
	Text          string
	Bars          []bar
	Bands         []band
	Phases        []band
	First         float64 // position of the first problem, negative for none
	Width, Height float64
	Lanes, Left   int
}

const (
	laneHeight = 14
	topOfLanes = 40
)

// timeline draws the page.
func timeline(h *history.History, v *check.Verdict) ([]byte, error) {
	named := map[int]bool{}
	first := time.Duration(-1)
	for _, r := range v.Results {
		for _, p := range r.Problems {
			for _, index := range p.Ops {
				named[index] = true
			}
		}
	}
	for i := range h.Ops {
		if o := &h.Ops[i]; named[o.Index] && (first < 0 || o.Start < first) {
			first = o.Start
		}
	}
	seconds := h.End.Seconds()
	scale := max(1200, min(60000, seconds*100)) / max(seconds, 0.001)
	x := func(t time.Duration) float64 { return t.Seconds() * scale }
	pg := page{Verdict: v, Text: v.String(), First: -1, Width: x(h.End) + 20}
	if first >= 0 {
		pg.First = x(first)
	}
	shown := chooseOps(h, named, first)
	pg.Left = len(h.Ops) - len(shown)
	lanes := newLanes()
	for _, o := range shown {
		y := topOfLanes + laneHeight*lanes.take(o)
		pg.Bars = append(pg.Bars, bar{X: x(o.Start), Y: float64(y), Width: max(1, x(o.End)-x(o.Start)),
			Colour: colour(o.Outcome), Marked: named[o.Index], Title: title(o)})
	}
	pg.Lanes = len(lanes.free)
	pg.Height = float64(topOfLanes + laneHeight*pg.Lanes + 10)
	for i := range h.Faults {
		f := &h.Faults[i]
		pg.Bands = append(pg.Bands, band{x(f.Begin), max(1, x(f.End)-x(f.Begin)), faultTitle(f)})
	}
	for _, p := range h.Phases {
		pg.Phases = append(pg.Phases, band{x(p.Begin), x(p.End) - x(p.Begin), p.Name})
	}
	var out bytes.Buffer
	err := timelinePage.Execute(&out, pg)
	return out.Bytes(), err
}

// chooseOps returns what fits on the page, by time.
func chooseOps(h *history.History, named map[int]bool, first time.Duration) []*history.Op {
	all := make([]*history.Op, len(h.Ops))
	for i := range h.Ops {
		all[i] = &h.Ops[i]
	}
	if len(all) <= maxBars {
		return all
	}
	weight := func(o *history.Op) time.Duration {
		switch {
		case named[o.Index]:
			return -2
		case o.Outcome != history.OK:
			return -1
		}
		return max(o.Start-first, first-o.Start)
	}
	slices.SortStableFunc(all, func(a, b *history.Op) int { return cmp.Compare(weight(a), weight(b)) })
	all = all[:maxBars]
	slices.SortFunc(all, func(a, b *history.Op) int { return cmp.Compare(a.Index, b.Index) })
	return all
}

// laneSet places operations on lines so that none overlap. A process keeps its line while it can.
type laneSet struct {
	free []time.Duration // end of the last operation on each line
	of   map[int]int     // process -> line
}

func newLanes() *laneSet { return &laneSet{of: map[int]int{}} }

// take returns the line of an operation.
func (l *laneSet) take(o *history.Op) int {
	if i, ok := l.of[o.Process]; ok && l.free[i] <= o.Start {
		l.free[i] = o.End
		return i
	}
	i := slices.IndexFunc(l.free, func(end time.Duration) bool { return end < o.Start })
	if i < 0 {
		i = len(l.free)
		l.free = append(l.free, 0)
	}
	l.free[i] = o.End
	l.of[o.Process] = i
	return i
}

// title is what a bar says when it is pointed at.
func title(o *history.Op) string {
	cut := func(text []byte) string {
		if len(text) > 200 {
			return string(text[:200]) + "..."
		}
		return string(text)
	}
	return fmt.Sprintf("line %d, process %d: %s %s %s %s -> %s %s %s (%v, from %v)", o.Index,
		o.Process, o.Kind, o.Key, o.ID, cut(o.Input), legend(o.Outcome), cut(o.Output), o.Error,
		(o.End - o.Start).Round(time.Microsecond), o.Start)
}

var timelinePage = template.Must(template.New("timeline").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<title>{{.Verdict.Head.Cell}}: {{.Verdict.Valid}}</title>
<style>body{font-family:sans-serif;margin:1em}pre{background:#f4f4f4;padding:.6em;overflow-x:auto}
div{overflow-x:auto;border:1px solid #ccc}</style></head><body>
<h1>{{.Verdict.Head.Cell}}: {{.Verdict.Valid}}</h1>
<p>Seed {{.Verdict.Head.Seed}}, commit {{.Verdict.Head.Commit}}. {{.Verdict.Head.Replay}}</p>
<pre>{{.Text}}</pre>
<p>Each bar is an operation: green ok, yellow failed, red unknown; a black frame is named by a
problem. Blue bands are faults, the dashed line is the first problem. Point at anything to read it.
{{if .Left}}{{.Left}} operations are not shown; history.jsonl.gz has them all.{{end}}</p>
<div><svg xmlns="http://www.w3.org/2000/svg" width="{{.Width}}" height="{{.Height}}" font-size="11">
{{range .Phases}}<text x="{{.X}}" y="12">{{.Title}}</text>
<line x1="{{.X}}" x2="{{.X}}" y1="0" y2="{{$.Height}}" stroke="#999"/>
{{end}}{{range .Bands}}<rect x="{{.X}}" y="16" width="{{.Width}}" height="{{$.Height}}" fill="#88a"
 opacity="0.25"><title>{{.Title}}</title></rect><text x="{{.X}}" y="28">{{.Title}}</text>
{{end}}{{range .Bars}}<rect x="{{.X}}" y="{{.Y}}" width="{{.Width}}" height="11"
 fill="{{.Colour}}"` +
	`{{if .Marked}} stroke="black" stroke-width="2"{{end}}><title>{{.Title}}</title></rect>
{{end}}{{if ge .First 0.0}}<line x1="{{.First}}" x2="{{.First}}" y1="16" y2="{{.Height}}"
 stroke="black" stroke-dasharray="4"/><text x="{{.First}}" y="38">first problem</text>{{end}}
</svg></div></body></html>
`))
