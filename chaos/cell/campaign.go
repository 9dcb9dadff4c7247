package cell

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/codegraphdb/codegraph/chaos/check"
	"github.com/codegraphdb/codegraph/chaos/history"
	"github.com/codegraphdb/codegraph/chaos/report"
)

// Campaign runs several cells, one after the other.
type Campaign struct {
	Cells  []Cell
	Seed   uint64
	Commit string
	Root   string // runs lie in Root/commit/workload-nemesis-seed
	Out    io.Writer
	// Run makes one run in a directory; what is wrong with it stands in its verdict.
	Run func(c Cell, seed uint64, dir string) error
	// Budget is the time after which no further cell begins; 0 for none. Cells left out are missed.
	Budget time.Duration
	// Results is the file whose tables get the verdicts; empty for none.
	Results string
}

// Dir is the directory of a cell's run.
func (c *Campaign) Dir(of Cell) string {
	return filepath.Join(c.Root, c.Commit,
		fmt.Sprintf("%s-%s-%d", of.Workload, of.Nemesis, c.Seed))
}

// Do runs the cells that have no verdict yet (CE4), prints a table and, as the last line, one JSON
// object, and says whether all verdicts are true.
func (c *Campaign) Do() (bool, error) {
	began := time.Now()
	missed := []string{}
	var verdicts []check.Verdict
	fmt.Fprintf(c.Out, "%-14s %-8s %7s %7s %5s %5s %8s\n", "cell", "verdict", "seconds", "ok", "fail",
		"info", "effect")
	for _, of := range c.Cells {
		v, err := c.verdict(of, c.Budget > 0 && time.Since(began) > c.Budget)
		if err != nil {
			fmt.Fprintf(c.Out, "%-14s %v\n", of, err)
			missed = append(missed, of.String())
			continue
		}
		verdicts = append(verdicts, *v)
		fmt.Fprintln(c.Out, row(of, v))
		if v.Valid != check.True {
			missed = append(missed, of.String())
			fmt.Fprintln(c.Out, problems(v), "  "+v.Head.Replay, "\n  ", c.Dir(of))
		}
	}
	if c.Results != "" && len(verdicts) > 0 {
		if err := report.Merge(c.Results, verdicts); err != nil {
			return false, err
		}
	}
	last, err := json.Marshal(map[string]any{"cells": len(c.Cells), "run": len(verdicts),
		"seed": c.Seed, "commit": c.Commit, "seconds": int(time.Since(began).Seconds()),
		"missed": missed})
	if err != nil {
		return false, err
	}
	fmt.Fprintln(c.Out, string(last))
	return len(missed) == 0, nil
}

// verdict returns the verdict of a cell, of an earlier run if there is one.
func (c *Campaign) verdict(of Cell, late bool) (*check.Verdict, error) {
	dir := c.Dir(of)
	if v, err := report.ReadVerdict(dir); err == nil {
		return &v, nil
	}
	if late {
		return nil, fmt.Errorf("not begun: the time of %v is over", c.Budget)
	}
	if err := os.RemoveAll(dir); err != nil { // a run that was cut off
		return nil, err
	}
	ran := c.Run(of, c.Seed, dir)
	v, err := report.ReadVerdict(dir)
	if err != nil {
		return nil, fmt.Errorf("there was no run: %w", ran)
	}
	return &v, nil
}

func row(of Cell, v *check.Verdict) string {
	tried, effect := 0, 0
	for _, f := range v.Faults {
		tried += f.Tried
		effect += f.Effect
	}
	return fmt.Sprintf("%-14s %-8s %7.0f %7d %5d %5d %3d of %d", of, v.Valid, v.Length.Seconds(),
		v.Ops[history.OK], v.Ops[history.Fail], v.Ops[history.Info], effect, tried)
}

// problems are the lines of a verdict that say what is wrong.
func problems(v *check.Verdict) string {
	var out []string
	for line := range strings.Lines(v.String()) {
		text := strings.TrimSpace(line)
		if strings.HasPrefix(text, "wrong:") || strings.HasPrefix(text, "unknown:") {
			out = append(out, "  "+text[:min(len(text), 300)])
		}
	}
	return strings.Join(out, "\n") + "\n"
}
