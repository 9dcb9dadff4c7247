package check

import (
	"fmt"
	"strings"
	"time"

	"github.com/codegraphdb/codegraph/chaos/history"
)

// Valid is what a checker found.
type Valid string

// The three values, from good to bad. Only True is green.
const (
	True    Valid = "true"
	Unknown Valid = "unknown"
	False   Valid = "false"
)

// worse returns the worse one of two.
func worse(a, b Valid) Valid {
	rank := map[Valid]int{True: 0, Unknown: 1, False: 2}
	if rank[b] > rank[a] {
		return b
	}
	return a
}

// maxProblems is how many problems and doubts a result spells out; Count has all.
const maxProblems = 10

// Problem is one broken promise.
type Problem struct {
	What string `json:"what"`
	Ops  []int  `json:"ops,omitempty"` // lines of the invocations, counted from 0
}

// Result is what one checker found.
type Result struct {
	Checker  string             `json:"checker"`
	Valid    Valid              `json:"valid"`
	Checked  int                `json:"checked"` // how many things it looked at
	Count    int                `json:"count,omitempty"`
	Problems []Problem          `json:"problems,omitempty"` // the first of Count
	Doubts   []string           `json:"doubts,omitempty"`   // why it is unknown
	Figures  map[string]float64 `json:"figures,omitempty"`
	Outages  []Outage           `json:"outages,omitempty"`
	Files    map[string][]byte  `json:"-"` // further reports, by file name
}

// Outage is a span in which a shard served no probe.
type Outage struct {
	Shard string        `json:"shard"`
	Fault string        `json:"fault,omitempty"` // kind of the fault it falls into
	From  time.Duration `json:"from"`
	For   time.Duration `json:"for"`
	Open  bool          `json:"open,omitempty"` // it had not ended when the run did
}

// FaultCount says how often a kind of fault was tried and how often it did anything.
type FaultCount struct {
	Kind   string `json:"kind"`
	Tried  int    `json:"tried"`
	Effect int    `json:"effect"`
}

// Verdict is what all checkers together found in one run.
type Verdict struct {
	Valid   Valid                `json:"valid"`
	Head    history.Head         `json:"head"`
	Length  time.Duration        `json:"length"`
	Ops     map[history.Type]int `json:"ops"`
	Faults  []FaultCount         `json:"faults,omitempty"`
	Results []Result             `json:"results"`
}

// String is the verdict as text: one line for each checker, and what is wrong.
func (v *Verdict) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s after %v, %d ok, %d fail, %d unknown\n", orElse(v.Head.Cell, "run"),
		v.Valid, v.Length.Round(time.Millisecond),
		v.Ops[history.OK], v.Ops[history.Fail], v.Ops[history.Info])
	for _, f := range v.Faults {
		fmt.Fprintf(&b, "  fault %s: %d, %d with effect\n", f.Kind, f.Tried, f.Effect)
	}
	for i := range v.Results {
		r := &v.Results[i]
		fmt.Fprintf(&b, "  %-12s %-7s checked %d\n", r.Checker, r.Valid, r.Checked)
		for _, p := range r.Problems {
			fmt.Fprintf(&b, "    wrong: %s %v\n", p.What, p.Ops)
		}
		if n := r.Count - len(r.Problems); n > 0 {
			fmt.Fprintf(&b, "    and %d more\n", n)
		}
		for _, d := range r.Doubts {
			fmt.Fprintf(&b, "    unknown: %s\n", d)
		}
	}
	return b.String()
}

// Result returns the result of a checker, nil if it did not run.
func (v *Verdict) Result(checker string) *Result {
	for i := range v.Results {
		if v.Results[i].Checker == checker {
			return &v.Results[i]
		}
	}
	return nil
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// finding collects what a checker sees.
type finding struct {
	Result
	doubts int
}

// wrong notes a broken promise.
func (f *finding) wrong(ops []*history.Op, format string, args ...any) {
	f.Count++
	if len(f.Problems) >= maxProblems {
		return
	}
	p := Problem{What: fmt.Sprintf(format, args...)}
	for _, o := range ops {
		if o != nil {
			p.Ops = append(p.Ops, o.Index)
		}
	}
	f.Problems = append(f.Problems, p)
}

// unsure notes why the checker cannot know.
func (f *finding) unsure(format string, args ...any) {
	f.doubts++
	if len(f.Doubts) < maxProblems {
		f.Doubts = append(f.Doubts, fmt.Sprintf(format, args...))
	}
}

// figure notes a number worth publishing.
func (f *finding) figure(name string, value float64) {
	if f.Figures == nil {
		f.Figures = map[string]float64{}
	}
	f.Figures[name] = value
}

// result ends the check (V2).
func (f *finding) result() Result {
	f.Valid = True
	if f.Checked == 0 && f.Count == 0 && f.doubts == 0 {
		f.unsure("there was nothing to check")
	}
	if f.doubts > 0 {
		f.Valid = Unknown
	}
	if f.Count > 0 {
		f.Valid = False
	}
	return f.Result
}

func ops(o ...*history.Op) []*history.Op { return o }
