package report

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"time"

	"github.com/codegraphdb/codegraph/chaos/history"
)

// The size of a plot and its margins, in pixels.
const (
	plotWidth  = 1000
	plotHeight = 320
	marginLeft = 70
	marginTop  = 30
	marginEnd  = 40
)

// outcomes are the outcomes of operations, in the order in which plots draw them.
var outcomes = []history.Type{history.OK, history.Fail, history.Info}

// colour is the colour of an outcome everywhere.
func colour(o history.Type) string {
	switch o {
	case history.OK:
		return "#3a8f4d"
	case history.Fail:
		return "#d08a1d"
	}
	return "#c0392b"
}

// plot is a drawing over the time of a run.
type plot struct {
	bytes.Buffer
	length time.Duration
}

// newPlot begins a drawing: frame, title, legend, fault bands and marks on the time axis.
func newPlot(h *history.History, title string) *plot {
	p := &plot{length: max(h.End, time.Millisecond)}
	fmt.Fprintf(p, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" `+
		`font-family="sans-serif" font-size="12">`+"\n", plotWidth, plotHeight)
	fmt.Fprintf(p, `<rect width="%d" height="%d" fill="white"/>`+"\n", plotWidth, plotHeight)
	fmt.Fprintf(p, `<text x="%d" y="18" font-size="14">%s</text>`+"\n", marginLeft,
		html.EscapeString(title))
	for i, o := range outcomes {
		fmt.Fprintf(p, `<text x="%d" y="18" fill="%s">%s</text>`+"\n", plotWidth-220+70*i, colour(o),
			legend(o))
	}
	for i := range h.Faults {
		f := &h.Faults[i]
		fmt.Fprintf(p, `<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="#88a" opacity="0.25">`+
			`<title>%s</title></rect>`+"\n", p.x(f.Begin), marginTop, max(1, p.x(f.End)-p.x(f.Begin)),
			plotHeight-marginTop-marginEnd, html.EscapeString(faultTitle(f)))
	}
	for i := range 11 {
		at := p.length * time.Duration(i) / 10
		fmt.Fprintf(p, `<text x="%.1f" y="%d" text-anchor="middle">%.1f s</text>`+"\n", p.x(at),
			plotHeight-marginEnd+18, at.Seconds())
	}
	return p
}

func legend(o history.Type) string {
	if o == history.Info {
		return "unknown"
	}
	return string(o)
}

func faultTitle(f *history.Fault) string {
	return fmt.Sprintf("%s %v: %v %s", f.Kind, f.Targets, f.Effect, f.Note)
}

// x is the position of a time.
func (p *plot) x(t time.Duration) float64 {
	return marginLeft + float64(t)/float64(p.length)*(plotWidth-marginLeft-20)
}

// y is the position of a share of the height.
func (p *plot) y(share float64) float64 {
	return plotHeight - marginEnd - min(1, max(0, share))*(plotHeight-marginTop-marginEnd)
}

// scale labels the vertical axis at a share of the height.
func (p *plot) scale(share float64, label string) {
	fmt.Fprintf(p, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#ddd"/>`+
		`<text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n", marginLeft, plotWidth-20, p.y(share),
		p.y(share), marginLeft-6, p.y(share)+4, label)
}

func (p *plot) close() []byte {
	p.WriteString("</svg>\n")
	return p.Bytes()
}

// latencyPlot draws each operation as a point, how long it took on a logarithmic scale. Points that
// fall on the same pixel are drawn once.
func latencyPlot(h *history.History) []byte {
	p := newPlot(h, "latency of each operation")
	const low, decades = 0.1, 6 // 0.1 ms to 100 s
	for i := range decades + 1 {
		p.scale(float64(i)/decades, fmt.Sprintf("%g ms", low*math.Pow10(i)))
	}
	drawn := map[string]bool{}
	for _, outcome := range outcomes {
		for i := range h.Ops {
			o := &h.Ops[i]
			if o.Outcome != outcome {
				continue
			}
			ms := max(low, float64((o.End-o.Start).Microseconds())/1000)
			point := fmt.Sprintf(`<circle cx="%.0f" cy="%.0f" r="1.5" fill="%s"/>`, p.x(o.Start),
				p.y(math.Log10(ms/low)/decades), colour(outcome))
			if !drawn[point] {
				drawn[point] = true
				p.WriteString(point + "\n")
			}
		}
	}
	return p.close()
}

// ratePlot draws how many operations ended in each outcome per second.
func ratePlot(h *history.History) []byte {
	p := newPlot(h, "operations a second, by the moment of their end")
	width := max(h.End/200, 100*time.Millisecond)
	counts := map[history.Type][]int{}
	most := 1
	for _, o := range outcomes {
		counts[o] = make([]int, int(h.End/width)+1)
	}
	for i := range h.Ops {
		o := &h.Ops[i]
		bucket := &counts[o.Outcome][int(o.End/width)]
		*bucket++
		most = max(most, *bucket)
	}
	for i := range 5 {
		share := float64(i) / 4
		p.scale(share, fmt.Sprintf("%.0f/s", share*float64(most)/width.Seconds()))
	}
	for _, o := range outcomes {
		fmt.Fprintf(p, `<polyline fill="none" stroke="%s" points="`, colour(o))
		for i, n := range counts[o] {
			fmt.Fprintf(p, "%.1f,%.1f ", p.x(width*time.Duration(i)+width/2), p.y(float64(n)/float64(most)))
		}
		p.WriteString(`"/>` + "\n")
	}
	return p.close()
}
