package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// raftlogBench compares the stores that a node could keep its Raft logs in: groups of three
// replicas in this process, over the library's transport in memory, with real fsync in a
// directory on the disk that dir is on.
type raftlogBench struct {
	out, log io.Writer
	dir      string
	groups   []int
	writers  int
	size     int
	duration time.Duration // of one cell, over all passes
	passes   int
	bars     map[int]float64 // groups -> shared log against raft-boltdb
}

// cell is one store with one number of groups.
type cell struct {
	Store    string  `json:"store"`
	Groups   int     `json:"groups"`
	Ops      int     `json:"ops"`
	Errors   int     `json:"errors"`
	Rate     float64 `json:"ops_per_second"`
	P50      float64 `json:"p50_ms"`
	P99      float64 `json:"p99_ms"`
	Syncs    float64 `json:"fsyncs_per_entry"` // of all replicas, per operation
	SyncRate float64 `json:"fsyncs_per_second"`

	took  time.Duration
	syncs uint64
	times []time.Duration
	rates []float64 // of each pass
}

// raftlogReport is the last line of the output.
type raftlogReport struct {
	Writers   int                `json:"writers"`
	Size      int                `json:"entry_bytes"`
	Overwrite float64            `json:"raw_overwrite_fdatasync_per_second"`
	Append    float64            `json:"raw_append_fdatasync_per_second"`
	Cells     []*cell            `json:"cells"`
	Ratios    map[string]float64 `json:"shared_to_boltdb"`
	Missed    []string           `json:"missed"`
}

// run measures all cells and returns how many bars were missed.
func (b *raftlogBench) run(ctx context.Context) (missed int, err error) {
	dir, err := os.MkdirTemp(b.dir, ".bench-raftlog-*")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	// A thread that waits for the disk keeps its processor until Go's monitor takes it away, which
	// on a busy machine is late. Here are three nodes that wait.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(runtime.NumCPU() + raftReplicas))
	rep := &raftlogReport{Writers: b.writers, Size: b.size, Missed: []string{},
		Ratios: map[string]float64{}}
	for _, groups := range b.groups {
		for _, s := range logStores() {
			rep.Cells = append(rep.Cells, &cell{Store: s.name, Groups: groups})
		}
	}
	for pass := range b.passes {
		if err := b.pass(ctx, dir, pass, rep); err != nil {
			return 0, err
		}
	}
	rep.Overwrite /= float64(b.passes)
	rep.Append /= float64(b.passes)
	for _, c := range rep.Cells {
		c.finish()
	}
	b.judge(rep)
	b.print(rep)
	line, err := json.Marshal(rep)
	if err != nil {
		return 0, err
	}
	fmt.Fprintln(b.out, string(line))
	return len(rep.Missed), nil
}

// pass measures every cell once; every other pass in the reverse order, since others use the
// machine too.
func (b *raftlogBench) pass(ctx context.Context, dir string, pass int, rep *raftlogReport) error {
	overwrite, grow, err := rawSyncs(dir, time.Second)
	if err != nil {
		return err
	}
	rep.Overwrite += overwrite
	rep.Append += grow
	cells := slices.Clone(rep.Cells)
	if pass%2 == 1 {
		slices.Reverse(cells)
	}
	for _, c := range cells {
		fmt.Fprintf(b.log, "pass %d: %d groups, %s\n", pass+1, c.Groups, c.Store)
		if err := b.measure(ctx, dir, c); err != nil {
			return fmt.Errorf("%s with %d groups: %w", c.Store, c.Groups, err)
		}
	}
	return nil
}

// finish turns what was counted into figures.
func (c *cell) finish() {
	slices.Sort(c.times)
	at := func(q float64) float64 {
		if len(c.times) == 0 {
			return 0
		}
		return float64(c.times[int(q*float64(len(c.times)-1))].Microseconds()) / 1000
	}
	c.Ops = len(c.times)
	c.P50, c.P99 = at(0.5), at(0.99)
	if seconds := c.took.Seconds(); seconds > 0 {
		c.Rate = math.Round(float64(c.Ops) / seconds)
		c.SyncRate = math.Round(float64(c.syncs) / seconds)
	}
	c.Syncs = math.Round(1000*float64(c.syncs)/float64(max(c.Ops, 1))) / 1000
}

// find returns a cell of the report.
func (r *raftlogReport) find(store string, groups int) *cell {
	for _, c := range r.Cells {
		if c.Store == store && c.Groups == groups {
			return c
		}
	}
	return &cell{}
}

// judge compares the shared log with raft-boltdb: the median of the passes, since others use the
// machine too.
func (b *raftlogBench) judge(rep *raftlogReport) {
	for _, groups := range b.groups {
		bolt, shared := rep.find(storeBolt, groups), rep.find(storeShared, groups)
		var ratios []float64
		for i, rate := range shared.rates {
			ratios = append(ratios, rate/max(bolt.rates[i], 1))
		}
		slices.Sort(ratios)
		ratio := math.Round(100*ratios[len(ratios)/2]) / 100
		rep.Ratios[fmt.Sprint(groups)] = ratio
		if bar := b.bars[groups]; ratio < bar {
			rep.Missed = append(rep.Missed, fmt.Sprintf("%d groups: %.2fx raft-boltdb, bar %.1fx",
				groups, ratio, bar))
		}
	}
}

func (b *raftlogBench) print(rep *raftlogReport) {
	fmt.Fprintf(b.out, "%d writers, entries of %d B, three replicas, %d passes, %v per cell\n",
		b.writers, b.size, b.passes, b.duration)
	fmt.Fprintf(b.out, "raw fdatasync of 4 KiB: %.0f/s overwriting, %.0f/s appending\n\n",
		rep.Overwrite, rep.Append)
	const format = "%-8s %-22s %9s %8s %9s %9s %14s %9s\n"
	fmt.Fprintf(b.out, format, "groups", "log", "ops/s", "x bolt", "p50 ms", "p99 ms",
		"fsyncs/entry", "fsyncs/s")
	for _, c := range rep.Cells {
		bolt := max(rep.find(storeBolt, c.Groups).Rate, 1)
		fmt.Fprintf(b.out, format, fmt.Sprint(c.Groups), c.Store, fmt.Sprintf("%.0f", c.Rate),
			fmt.Sprintf("%.2f", c.Rate/bolt), fmt.Sprintf("%.2f", c.P50), fmt.Sprintf("%.2f", c.P99),
			fmt.Sprintf("%.3f", c.Syncs), fmt.Sprintf("%.0f", c.SyncRate))
	}
	errs := 0
	for _, c := range rep.Cells {
		errs += c.Errors
	}
	for _, groups := range b.groups {
		fmt.Fprintf(b.out, "\n%d groups: shared log %.2fx raft-boltdb (median of passes, bar %.1fx)",
			groups, rep.Ratios[fmt.Sprint(groups)], b.bars[groups])
	}
	fmt.Fprintf(b.out, "\n%d operations failed\n", errs)
	if len(rep.Missed) > 0 {
		fmt.Fprintln(b.out, "missed:", strings.Join(rep.Missed, "; "))
	}
}

// raftlogCommand is the subcommand.
func raftlogCommand(ctx context.Context, args []string) (int, error) {
	b := raftlogBench{out: os.Stdout, log: os.Stderr, passes: 3, groups: []int{1, 16, 64},
		bars: map[int]float64{1: 2.5, 16: 5, 64: 5}}
	flags := flag.NewFlagSet("raftlog", flag.ExitOnError)
	flags.StringVar(&b.dir, "dir", ".", "directory on the disk that is measured")
	flags.Var(groupsFlag{&b.groups}, "groups", "numbers of groups")
	flags.IntVar(&b.writers, "writers", 128, "operations at a time")
	flags.IntVar(&b.size, "size", 1024, "bytes of an entry")
	flags.DurationVar(&b.duration, "duration", 9*time.Second, "of a cell, over three passes")
	_ = flags.Parse(args) // ExitOnError
	return b.run(ctx)
}

// groupsFlag is a list of numbers, separated by commas.
type groupsFlag struct{ to *[]int }

// String implements flag.Value.
func (g groupsFlag) String() string {
	if g.to == nil {
		return ""
	}
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(*g.to), " ", ","), "[]")
}

// Set implements flag.Value.
func (g groupsFlag) Set(v string) error {
	*g.to = nil
	for _, s := range strings.Split(v, ",") {
		var n int
		if _, err := fmt.Sscan(s, &n); err != nil || n < 1 {
			return fmt.Errorf("%q is not a number of groups", s)
		}
		*g.to = append(*g.to, n)
	}
	slices.SortFunc(*g.to, cmp.Compare[int])
	return nil
}
