package report

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/codegraphdb/codegraph/chaos/check"
	"github.com/codegraphdb/codegraph/chaos/history"
)

// The tables in RESULTS.md stand between these marks: `<!-- cells -->` to `<!-- /cells -->`.
const (
	cellTable   = "cells"
	killTable   = "kills"
	outageTable = "outages"
)

// Merge puts the verdicts of runs into the tables of RESULTS.md, by cell and commit.
func Merge(file string, verdicts []check.Verdict) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	merged, err := merge(string(text), verdicts)
	if err != nil {
		return fmt.Errorf("report: %s: %w", file, err)
	}
	return os.WriteFile(file, []byte(merged), 0o644)
}

// merge returns the text with the rows replaced.
func merge(text string, verdicts []check.Verdict) (string, error) {
	cells, kills, outages := map[string]*runs{}, map[string]*runs{}, map[string]*runs{}
	add := func(to map[string]*runs, key string, v *check.Verdict) {
		if to[key] == nil {
			to[key] = &runs{}
		}
		to[key].all = append(to[key].all, v)
	}
	for i := range verdicts {
		v := &verdicts[i]
		commit := or(v.Head.Commit, "unknown")
		if v.Head.Bug != "" {
			add(kills, row(v.Head.Bug, v.Head.Cell, commit), v)
			continue
		}
		add(cells, row(v.Head.Cell, commit), v)
		add(outages, row(or(v.Head.Nemesis, "none"), commit), v)
	}
	var err error
	for _, t := range []struct {
		name string
		keys int
		rows map[string]*runs
		rest func(*runs) string
	}{
		{cellTable, 2, cells, (*runs).cell},
		{killTable, 3, kills, (*runs).kill},
		{outageTable, 2, outages, (*runs).outage},
	} {
		rows := map[string]string{}
		for key, r := range t.rows {
			if rest := t.rest(r); rest != "" {
				rows[key] = rest
			}
		}
		if text, err = replaceRows(text, t.name, t.keys, rows); err != nil {
			return "", err
		}
	}
	return text, nil
}

// replaceRows puts rows into a table; the first cells of a row are its key.
func replaceRows(text, table string, keys int, rows map[string]string) (string, error) {
	begin, end := "<!-- "+table+" -->\n", "<!-- /"+table+" -->"
	before, rest, ok1 := strings.Cut(text, begin)
	body, after, ok2 := strings.Cut(rest, end)
	lines := strings.SplitAfter(body, "\n")
	if !ok1 || !ok2 || len(lines) < 3 {
		return "", fmt.Errorf("there is no table between %q and %q", strings.TrimSpace(begin), end)
	}
	var kept []string
	for _, l := range lines[2:] {
		cells := strings.Split(l, "|")
		if len(cells) <= keys {
			continue
		}
		if _, replaced := rows[strings.Join(cells[:keys+1], "|")+"|"]; !replaced {
			kept = append(kept, l)
		}
	}
	for key, row := range rows {
		kept = append(kept, key+row+"\n")
	}
	slices.Sort(kept)
	return before + begin + lines[0] + lines[1] + strings.Join(kept, "") + end + after, nil
}

// row makes the key of a row.
func row(cells ...string) string { return "| " + strings.Join(cells, " | ") + " |" }

// runs are the runs of one row.
type runs struct{ all []*check.Verdict }

// count says how many runs have a verdict.
func (r *runs) count(valid check.Valid) int {
	n := 0
	for _, v := range r.all {
		if v.Valid == valid {
			n++
		}
	}
	return n
}

// cell is the rest of a row of the matrix: a cell is as good as its worst run.
func (r *runs) cell() string {
	worst, length := check.True, time.Duration(0)
	ops := map[history.Type]int{}
	tried, effect := 0, 0
	for _, v := range r.all {
		length += v.Length
		for t, n := range v.Ops {
			ops[t] += n
		}
		for _, f := range v.Faults {
			tried += f.Tried
			effect += f.Effect
		}
	}
	for _, valid := range []check.Valid{check.Unknown, check.False} {
		if r.count(valid) > 0 {
			worst = valid
		}
	}
	return fmt.Sprintf(" %s | %d | %.2f | %d | %d | %d | %d of %d |", worst, len(r.all),
		length.Hours(), ops[history.OK], ops[history.Fail], ops[history.Info], effect, tried)
}

// kill is the rest of a row of the kill table: how often the planted bug was caught, and by whom.
func (r *runs) kill() string {
	var by []string
	var lengths []time.Duration
	for _, v := range r.all {
		if v.Valid != check.False {
			continue
		}
		lengths = append(lengths, v.Length)
		for _, res := range v.Results {
			if res.Valid == check.False && !slices.Contains(by, res.Checker) {
				by = append(by, res.Checker)
			}
		}
	}
	slices.Sort(by)
	return fmt.Sprintf(" %d of %d | %s | %s |", r.count(check.False), len(r.all),
		or(strings.Join(by, ", "), "not caught"), quantile(lengths, 0.5).Round(time.Second))
}

// outage is the rest of a row of the outages that a nemesis brought; empty if none were measured.
func (r *runs) outage() string {
	var all []time.Duration
	for _, v := range r.all {
		for _, res := range v.Results {
			for _, o := range res.Outages {
				all = append(all, o.For)
			}
		}
	}
	if len(all) == 0 {
		return ""
	}
	at := func(q float64) time.Duration { return quantile(all, q).Round(time.Millisecond) }
	return fmt.Sprintf(" %d | %v | %v | %v | %v |", len(all), at(0.5), at(0.9), at(0.99), at(1))
}

// quantile returns the value at share q, 0 of none.
func quantile(of []time.Duration, q float64) time.Duration {
	if len(of) == 0 {
		return 0
	}
	sorted := slices.SortedFunc(slices.Values(of), cmp.Compare[time.Duration])
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
