//go:build linux

package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/codegraphdb/codegraph/chaos/cell"
	"github.com/codegraphdb/codegraph/chaos/check"
	"github.com/codegraphdb/codegraph/chaos/rig"
)

// flags are the flags of `chaos run`, `cell`, `ci` and `nightly`.
type flags struct {
	cell.Options
	cell, part, root string
	results          string
	commits          int
	budget           time.Duration
}

// parse reads them.
func (c *command) parse(name string, args []string) (*flags, error) {
	var f flags
	set := flag.NewFlagSet("chaos "+name, flag.ContinueOnError)
	set.SetOutput(c.errs)
	set.StringVar(&f.Workload, "workload", "W7", "workload of the cell")
	set.StringVar(&f.Nemesis, "nemesis", "kill", "nemesis of the cell")
	set.Uint64Var(&f.Seed, "seed", 1, "of faults and traffic")
	set.DurationVar(&f.Time, "time", 45*time.Second, "of the faults")
	set.IntVar(&f.Nodes, "nodes", 3, "nodes of the cluster")
	set.IntVar(&f.Shards, "shards", 4, "shards of the cluster")
	set.Float64Var(&f.MinRate, "min-rate", 50, "operations a second that the clean phase must have")
	set.StringVar(&f.Out, "out", "", "directory of the run; must not hold one")
	set.StringVar(&f.Commit, "commit", "unknown", "commit of the code")
	set.StringVar(&f.cell, "cell", "W7/kill", "the one cell (cell)")
	set.StringVar(&f.part, "part", "1/12", "part of the matrix (nightly)")
	set.StringVar(&f.root, "root", ".chaos", "directory of all runs (ci, nightly)")
	set.StringVar(&f.results, "results", "", "file whose tables get the verdicts")
	set.IntVar(&f.commits, "commits", 0, "how many commits the code has (ci)")
	set.DurationVar(&f.budget, "budget", 0, "after this time no further cell begins")
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	if set.NArg() > 0 {
		return nil, fmt.Errorf("unknown argument %q", set.Arg(0))
	}
	f.Bug = os.Getenv("CHAOS_BUG")
	if f.Bin = os.Getenv("CODEGRAPH_BIN"); f.Bin == "" {
		f.Bin = "bin"
	}
	var err error
	if f.Bin, err = filepath.Abs(f.Bin); err == nil {
		_, err = os.Stat(filepath.Join(f.Bin, "codegraphd"))
	}
	return &f, err
}

// live runs cells on real nodes.
func (c *command) live(name string, args []string) int {
	switch name {
	case rig.ArgGuard:
		return c.result(rig.Guard(args[0]))
	case rig.ArgInside:
		return c.inside(args[0], args[1:])
	}
	f, err := c.parse(name, args)
	if err != nil {
		fmt.Fprintln(c.errs, "chaos:", err)
		return exitUsage
	}
	if name == "run" {
		if f.Out == "" {
			fmt.Fprintln(c.errs, "chaos: run wants --out DIR, a directory for what it records")
			return exitUsage
		}
		code, err := c.sandbox(&f.Options)
		if err != nil {
			fmt.Fprintln(c.errs, "chaos:", err)
			return exitError
		}
		return code
	}
	return c.campaign(name, f)
}

// result turns an error into an exit code.
func (c *command) result(err error) int {
	if err != nil {
		fmt.Fprintln(c.errs, "chaos:", err)
		return exitError
	}
	return exitTrue
}

// cells are the cells that a command is about.
func (f *flags) cells(name string) ([]cell.Cell, error) {
	switch name {
	case "nightly":
		return cell.Part(f.part)
	case "cell":
		of, err := cell.ParseCell(f.cell)
		return []cell.Cell{of}, err
	}
	return cell.Rotation(f.commits), nil
}

// campaign runs the cells of a commit or of a night.
func (c *command) campaign(name string, f *flags) int {
	cells, err := f.cells(name)
	if err != nil {
		fmt.Fprintln(c.errs, "chaos:", err)
		return exitUsage
	}
	run := cell.Campaign{Cells: cells, Seed: f.Seed, Commit: f.Commit, Root: f.root, Out: c.out,
		Budget: f.budget, Results: f.results,
		Run: func(of cell.Cell, seed uint64, dir string) error {
			opts := f.Options
			opts.Workload, opts.Nemesis, opts.Seed, opts.Out = of.Workload, of.Nemesis, seed, dir
			_, err := c.sandbox(&opts)
			return err
		}}
	good, err := run.Do()
	if err != nil {
		return c.result(err)
	}
	if !good {
		return exitWrong
	}
	return exitTrue
}

// sandbox makes one run in namespaces of its own.
func (c *command) sandbox(o *cell.Options) (int, error) {
	out, err := filepath.Abs(o.Out)
	if err != nil {
		return exitError, err
	}
	if _, err := os.Stat(filepath.Join(out, check.HistoryFile)); err == nil {
		return exitUsage, fmt.Errorf("there is a run in %s (remedy: another --out)", out)
	}
	work, err := os.MkdirTemp("", "codegraph-chaos-")
	if err != nil {
		return exitError, err
	}
	code, err := rig.Sandbox(work, []string{"run", "--workload", o.Workload, "--nemesis", o.Nemesis,
		"--seed", strconv.FormatUint(o.Seed, 10), "--time", o.Time.String(),
		"--nodes", strconv.Itoa(o.Nodes), "--shards", strconv.Itoa(o.Shards),
		"--min-rate", fmt.Sprint(o.MinRate), "--commit", o.Commit, "--out", out})
	if err != nil {
		return exitError, err
	}
	if code != exitTrue && code != exitWrong {
		return code, fmt.Errorf("the runner of %s/%s ended with code %d", o.Workload, o.Nemesis, code)
	}
	return code, nil
}

// inside is the process in the namespaces: it makes the run.
func (c *command) inside(work string, args []string) int {
	if len(args) == 0 {
		return exitUsage
	}
	f, err := c.parse(args[0], args[1:])
	if err == nil {
		err = rig.Enter()
	}
	if err != nil {
		return c.result(err)
	}
	f.Work = work
	f.Log = func(format string, args ...any) {
		at := time.Now().UTC().Format("15:04:05.000 ")
		fmt.Fprintf(c.errs, at+format+"\n", args...)
	}
	v, err := cell.Run(context.Background(), f.Options)
	if err != nil {
		return c.result(err)
	}
	fmt.Fprint(c.out, v.String())
	if v.Valid != check.True {
		return exitWrong
	}
	return exitTrue
}
