package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/codegraphdb/codegraph/chaos/check"
	"github.com/codegraphdb/codegraph/chaos/report"
)

// The exit codes: 0 only if everything is true.
const (
	exitTrue  = 0
	exitWrong = 1 // false or unknown
	exitUsage = 2
	exitError = 3 // a run that cannot be read
)

const usage = `usage: chaos check DIR...          print the verdicts; exit 0 only if all are true
       chaos report DIR...         the same, and write the reports beside the histories
       chaos results FILE DIR...   put stored verdicts into the tables of FILE
       chaos run --workload W7 --nemesis kill --seed N --time 45s --nodes 3 --out DIR
                                   one cell on real nodes (root); exit 0 only if its verdict is true
       chaos cell|ci|nightly [flags]   what make chaos-cell, chaos-ci and chaos-nightly run
`

// command is the program, without the process around it.
type command struct {
	out, errs io.Writer
}

// run does what the arguments say and returns the exit code.
func (c *command) run(args []string) int {
	switch {
	case len(args) >= 2 && args[0] == "check":
		return c.check(args[1:], false)
	case len(args) >= 2 && args[0] == "report":
		return c.check(args[1:], true)
	case len(args) >= 3 && args[0] == "results":
		return c.results(args[1], args[2:])
	case len(args) >= 2 && slices.Contains([]string{"run", "cell", "ci", "nightly", "inside", "guard"},
		args[0]):
		return c.live(args[0], args[1:])
	}
	fmt.Fprint(c.errs, usage)
	return exitUsage
}

// check checks each run again.
func (c *command) check(dirs []string, write bool) int {
	code := exitTrue
	for _, dir := range dirs {
		h, v, err := check.Check(dir)
		if err == nil {
			fmt.Fprint(c.out, v.String())
			if v.Valid != check.True {
				code = max(code, exitWrong)
			}
		}
		if err == nil && write {
			err = report.Write(dir, h, &v)
		}
		if err != nil {
			fmt.Fprintln(c.errs, err)
			code = exitError
		}
	}
	return code
}

// results merges verdicts into the tables of a file.
func (c *command) results(file string, dirs []string) int {
	var verdicts []check.Verdict
	for _, dir := range dirs {
		v, err := report.ReadVerdict(dir)
		if err != nil {
			fmt.Fprintln(c.errs, err)
			return exitError
		}
		verdicts = append(verdicts, v)
	}
	if err := report.Merge(file, verdicts); err != nil {
		fmt.Fprintln(c.errs, err)
		return exitError
	}
	fmt.Fprintf(c.out, "%s: %d runs\n", file, len(verdicts))
	return exitTrue
}
