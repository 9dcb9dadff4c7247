package history

import (
	"encoding/json"
	"math"
	"time"
)

// Forever is the line on which an operation with unknown outcome ends.
const Forever = math.MaxInt

// Op is one operation: its invocation and what became of it.
type Op struct {
	Index    int // line of the invocation
	Done     int // line of the completion; Forever if the outcome is Info
	Process  int
	Kind     string
	Key      string
	ID       string
	Session  string
	Mode     Mode
	Floor    uint64
	Deadline time.Duration
	Due      time.Duration
	Input    json.RawMessage
	Output   json.RawMessage
	Outcome  Type // OK, Fail or Info
	Error    string
	Start    time.Duration
	End      time.Duration // when the client had its answer, or gave up
	At       At
}

// Before says whether o had ended, with an outcome, before p began (H1).
func (o *Op) Before(p *Op) bool { return o.Done < p.Index }

// Strong says whether a read has to show all that was acknowledged before it.
func (o *Op) Strong() bool { return o.Mode == Strong || o.Mode == "" }

// Fault is one thing a nemesis did.
type Fault struct {
	ID      int
	Kind    string
	Targets []string
	Effect  Effect
	Note    string
	Begin   time.Duration
	End     time.Duration // of the history, if the fault was never ended
	Ended   bool
}

// Phase is a part of the run.
type Phase struct {
	Name  string
	Index int
	Begin time.Duration
	End   time.Duration
}

// History is everything that one run recorded.
type History struct {
	Head   Head
	Ops    []Op // by invocation
	Faults []Fault
	Phases []Phase
	Seen   []Observation
	End    time.Duration
	// Cut says why the history may lack its end; empty for a complete one.
	Cut string
}

// Phase returns the first phase of a name.
func (h *History) Phase(name string) (Phase, bool) {
	for _, p := range h.Phases {
		if p.Name == name {
			return p, true
		}
	}
	return Phase{}, false
}

// Of returns the operations of the given kinds.
func (h *History) Of(kinds ...string) []*Op {
	var out []*Op
	for i := range h.Ops {
		for _, k := range kinds {
			if h.Ops[i].Kind == k {
				out = append(out, &h.Ops[i])
			}
		}
	}
	return out
}

// ByKey returns the operations of the given kinds under each key.
func (h *History) ByKey(kinds ...string) map[string][]*Op {
	out := map[string][]*Op{}
	for _, o := range h.Of(kinds...) {
		out[o.Key] = append(out[o.Key], o)
	}
	return out
}
