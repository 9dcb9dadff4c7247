package check

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/codegraphdb/codegraph/chaos/history"
)

// Config is what checkers need to know beside the history. All but Logs goes into the history's
// head, so that a stored run can be checked again.
type Config struct {
	Timeout   time.Duration `json:"timeout,omitempty"`    // for a search; default one minute
	MinRate   float64       `json:"min_rate,omitempty"`   // ok ones a second in Clean; default 100
	Replicas  int           `json:"replicas,omitempty"`   // of each shard; digests must come from all
	Shards    []string      `json:"shards,omitempty"`     // keys of probes; each must recover
	Recovery  time.Duration `json:"recovery,omitempty"`   // bound after Healed; default 30 s
	Grace     time.Duration `json:"grace,omitempty"`      // an answer after its deadline; default 1 s
	ProbeGap  time.Duration `json:"probe_gap,omitempty"`  // no success for longer is an outage; 250 ms
	MaxOutage time.Duration `json:"max_outage,omitempty"` // a longer outage is wrong; 0 for no bound
	Staleness time.Duration `json:"staleness,omitempty"`  // bound for snapshot reads; 0 for none
	Bank      Bank          `json:"bank,omitzero"`
	StableIDs bool          `json:"stable_ids,omitempty"` // a key always gets the same id
	Indexes   bool          `json:"indexes,omitempty"`    // applied indexes do not fall in a session
	Logs      fs.FS         `json:"-"`                    // the logs of all nodes
}

// Bank is how the bank of a run was founded.
type Bank struct {
	Accounts []string `json:"accounts,omitempty"`
	Total    int64    `json:"total,omitempty"`
	Negative bool     `json:"negative,omitempty"` // balances may be negative
}

func (c Config) withDefaults() Config {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&c.Timeout, time.Minute)
	def(&c.Recovery, 30*time.Second)
	def(&c.Grace, time.Second)
	def(&c.ProbeGap, 250*time.Millisecond)
	if c.MinRate == 0 {
		c.MinRate = 100
	}
	return c
}

// Raw is the configuration as history.Head wants it.
func (c Config) Raw() json.RawMessage {
	text, _ := json.Marshal(c) // numbers, texts and lists only
	return text
}

// Checker looks for one kind of broken promise.
type Checker interface {
	Name() string
	Check(*history.History, Config) Result
}

// fold is a checker made of a function.
type fold struct {
	name  string
	check func(*finding, *history.History, Config)
}

// Name returns the checker's name.
func (c fold) Name() string { return c.name }

// Check runs the fold.
func (c fold) Check(h *history.History, cfg Config) Result {
	f := &finding{Result: Result{Checker: c.name}}
	c.check(f, h, cfg)
	return f.result()
}

// workloads lists the checkers of each workload.
func workloads() map[string][]Checker {
	return map[string][]Checker{
		"register": {Register()},
		"set":      {Set()},
		"bank":     {BankTotal()},
		"edge":     {Edges(), EdgeCounts()},
		"halves":   {EdgeHalves()},
		"file":     {FileReplace()},
		"revision": {Revisions()},
		"walk":     {Walks()},
		"session":  {Sessions()},
		"upsert":   {Upserts()},
		"applied":  {AppliedOnce()},
	}
}

// For returns the checkers of workloads, named in one text with spaces between: "bank set".
func For(workload string) ([]Checker, error) {
	known := workloads()
	var out []Checker
	for _, w := range strings.Fields(workload) {
		checkers, ok := known[w]
		if !ok {
			var names []string
			for name := range known {
				names = append(names, name)
			}
			slices.Sort(names)
			return nil, fmt.Errorf("check: there is no workload %q (remedy: one of %s)", w,
				strings.Join(names, ", "))
		}
		out = append(out, checkers...)
	}
	if len(out) == 0 {
		return nil, errors.New("check: the history names no workload (remedy: set Workload in its head)")
	}
	return out, nil
}

// EveryRun returns the checkers that look at every run with real nodes.
func EveryRun() []Checker {
	return []Checker{Digests(), Liveness(), Stats(), Rate(), Effects(), LogScan(), Availability()}
}

// Run puts all checkers to the history. A cut history is at best unknown.
func Run(h *history.History, checkers []Checker, cfg Config) Verdict {
	cfg = cfg.withDefaults()
	v := Verdict{Valid: True, Head: h.Head, Length: h.End, Ops: map[history.Type]int{},
		Faults: countFaults(h)}
	for i := range h.Ops {
		v.Ops[h.Ops[i].Outcome]++
	}
	whole := fold{"history", checkWhole}
	for _, c := range append([]Checker{whole}, checkers...) {
		r := runOne(c, h, cfg)
		v.Valid = worse(v.Valid, r.Valid)
		v.Results = append(v.Results, r)
	}
	if len(checkers) == 0 {
		v.Valid = worse(v.Valid, Unknown)
	}
	return v
}

// runOne turns a checker that breaks into an unknown result (V2).
func runOne(c Checker, h *history.History, cfg Config) (r Result) {
	defer func() {
		if broken := recover(); broken != nil {
			r = Result{Checker: c.Name(), Valid: Unknown,
				Doubts: []string{fmt.Sprintf("the checker broke: %v\n%s", broken, debug.Stack())}}
		}
	}()
	return c.Check(h, cfg)
}

// checkWhole wants a history with its end.
func checkWhole(f *finding, h *history.History, _ Config) {
	f.Checked = len(h.Ops)
	if h.Cut != "" {
		f.unsure("the history is cut: %s", h.Cut)
	}
}

// HistoryFile is the name of the history in the directory of a run; logs are in LogDir.
const (
	HistoryFile = "history.jsonl.gz"
	LogDir      = "logs"
)

// Check reads and checks a stored run: its history, with the configuration in its head, and logs.
func Check(dir string) (*history.History, Verdict, error) {
	h, err := history.Open(filepath.Join(dir, HistoryFile))
	if err != nil {
		return nil, Verdict{}, err
	}
	var cfg Config
	if len(h.Head.Config) > 0 {
		if err := json.Unmarshal(h.Head.Config, &cfg); err != nil {
			return nil, Verdict{}, fmt.Errorf("%s: configuration in the head: %w", dir, err)
		}
	}
	checkers, err := For(h.Head.Workload)
	if err != nil {
		return nil, Verdict{}, fmt.Errorf("%s: %w", dir, err)
	}
	logs := filepath.Join(dir, LogDir)
	if _, err := os.Stat(logs); err == nil {
		cfg.Logs = os.DirFS(logs)
	}
	return h, Run(h, append(checkers, EveryRun()...), cfg), nil
}
