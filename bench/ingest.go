package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"syscall"
	"time"

	"github.com/codegraphdb/codegraph/internal/localcluster"
)

// ingestBench measures ingests, each into a cluster of its own.
type ingestBench struct {
	out, log io.Writer
	bin      string
	inputs   string
	mode     string
	nodes    int
	bars     bars
}

// bars are what the first version must reach. Those on speed hold for inputs of barLines lines and
// more, where fixed costs no longer show, and for clear text; TLS stands beside.
type bars struct {
	linesPerSecond float64
	memoryMB       float64
}

const (
	barLines   = 200_000
	barSlots   = 1000
	barBalance = 2.5
)

// figures are what one ingest cost.
type figures struct {
	Input       string  `json:"input"`
	TLS         bool    `json:"tls"`
	Files       int64   `json:"files"`
	Skipped     int64   `json:"skipped_files"`
	Lines       int64   `json:"lines"`
	Vertices    int64   `json:"vertices"`
	Edges       int64   `json:"edges"`
	Unresolved  int64   `json:"unresolved"`
	LinesPerS   float64 `json:"lines_per_s"`
	WallS       float64 `json:"wall_s"`
	CPUNodesS   float64 `json:"cpu_nodes_s"`
	CPUClientS  float64 `json:"cpu_client_s"`
	CPUOthersS  float64 `json:"cpu_others_s"`   // of the machine, while it ran: not ours
	PeakNodeMB  float64 `json:"peak_node_mb"`   // the largest of the nodes
	PeakClient  float64 `json:"peak_client_mb"` // cgctl
	PeakAllMB   float64 `json:"peak_all_mb"`    // largest sum at one time, sampled
	SumPeaksMB  float64 `json:"sum_of_peaks_mb"`
	DiskMB      float64 `json:"disk_per_replica_mb"`
	SlotsFilled int     `json:"slots_filled"`
	Balance     float64 `json:"max_over_mean_rows"`
}

// run measures all inputs and returns how many bars were missed.
func (b *ingestBench) run(ctx context.Context, dirs []string) (int, error) {
	list, err := b.list(dirs)
	if err != nil {
		return 0, err
	}
	var modes []bool
	switch b.mode {
	case "insecure":
		modes = []bool{false}
	case "tls":
		modes = []bool{true}
	case "both":
		modes = []bool{false, true}
	default:
		return 0, fmt.Errorf("mode %q is not known; write insecure, tls or both", b.mode)
	}
	var results []figures
	missed := []string{}
	for _, in := range list {
		for _, tls := range modes {
			fmt.Fprintf(b.log, "bench: %s into %d nodes, TLS %v\n", in.name, b.nodes, tls)
			f, err := b.measure(ctx, in, tls)
			if err != nil {
				return 0, fmt.Errorf("%s: %w", in.name, err)
			}
			results = append(results, f)
			missed = append(missed, b.bars.missed(f)...)
		}
	}
	printFigures(b.out, results)
	last, err := json.Marshal(map[string]any{"nodes": b.nodes, "results": results, "missed": missed})
	if err != nil {
		return 0, err
	}
	_, err = fmt.Fprintf(b.out, "%s\n", last)
	return len(missed), err
}

func (b *ingestBench) list(dirs []string) ([]input, error) {
	if len(dirs) == 0 {
		return openInputs(b.inputs)
	}
	var out []input
	for _, dir := range dirs {
		in, err := openInput(dir)
		if err != nil {
			return nil, err
		}
		out = append(out, in)
	}
	return out, nil
}

// measure starts a cluster, ingests one input and ends the cluster.
func (b *ingestBench) measure(ctx context.Context, in input, tls bool) (f figures, err error) {
	c, err := startCluster(ctx, b.bin, localcluster.Options{Nodes: b.nodes, Name: "bench",
		TLS: tls, Insecure: !tls})
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	nodes, machine, err := busy(c)
	if err != nil {
		return f, err
	}
	f = figures{Input: in.name, TLS: tls}
	if err := b.ingest(ctx, c, in, &f); err != nil {
		return f, err
	}
	nodesAfter, machineAfter, err := busy(c)
	if err != nil {
		return f, err
	}
	f.CPUNodesS = nodesAfter - nodes
	f.CPUOthersS = max(0, machineAfter-machine-f.CPUNodesS-f.CPUClientS)
	return f, b.inspect(ctx, c, &f)
}

// busy is the CPU time of the nodes and of the whole machine so far.
func busy(c *cluster) (nodes, machine float64, err error) {
	for _, pid := range c.pids() {
		s, err := cpuSeconds(pid)
		if err != nil {
			return 0, 0, err
		}
		nodes += s
	}
	machine, err = machineSeconds()
	return nodes, machine, err
}

// ingest runs cgctl ingest and watches it.
func (b *ingestBench) ingest(ctx context.Context, c *cluster, in input, f *figures) error {
	cmd := c.command(ctx, "ingest", in.dir, "--name", in.name, "-o", "json")
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	memory := watchMemory(append(c.pids(), cmd.Process.Pid)...)
	err := cmd.Wait()
	f.WallS = time.Since(began).Seconds()
	f.PeakAllMB = megabytes(memory.end())
	if err != nil {
		return fmt.Errorf("cgctl ingest: %w\n%s", err, said.String())
	}
	var got ingested
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		return fmt.Errorf("cgctl ingest said %q: %w", out.String(), err)
	}
	f.Files, f.Skipped, f.Lines = got.Files, got.SkippedFiles, got.Lines
	f.Vertices, f.Edges, f.Unresolved = got.Vertices, got.Edges, got.Unresolved
	f.LinesPerS = float64(f.Lines) / f.WallS
	f.CPUClientS, f.PeakClient = clientUsage(cmd)
	return nil
}

// clientUsage is what the kernel says of a process that ended: CPU seconds and peak memory in MB.
func clientUsage(cmd *exec.Cmd) (cpu, mb float64) {
	state := cmd.ProcessState
	cpu = (state.UserTime() + state.SystemTime()).Seconds()
	if r, ok := state.SysUsage().(*syscall.Rusage); ok {
		mb = megabytes(r.Maxrss << 10)
	}
	return cpu, mb
}

// inspect adds what the nodes show after an ingest.
func (b *ingestBench) inspect(ctx context.Context, c *cluster, f *figures) error {
	f.SumPeaksMB = f.PeakClient
	for i, pid := range c.pids() {
		peak, err := resident(pid, "VmHWM")
		if err != nil {
			return err
		}
		f.PeakNodeMB = max(f.PeakNodeMB, megabytes(peak))
		f.SumPeaksMB += megabytes(peak)
		disk, err := diskUsage(c.local.DataDir(i))
		if err != nil {
			return err
		}
		f.DiskMB += megabytes(disk) / float64(c.local.Size())
	}
	shards, err := c.shards(ctx)
	if err != nil {
		return err
	}
	f.SlotsFilled, f.Balance = spread(shards)
	return nil
}

// spread is how many slots are filled, and the rows of the fullest shard over the mean.
func spread(shards []shard) (slots int, balance float64) {
	var sum, most int64
	for _, s := range shards {
		slots += s.SlotsFilled
		sum += s.Rows
		most = max(most, s.Rows)
	}
	if sum > 0 {
		balance = float64(most) * float64(len(shards)) / float64(sum)
	}
	return slots, balance
}

func megabytes(n int64) float64 { return float64(n) / (1 << 20) }

// missed names the bars that figures do not reach (B2).
func (b bars) missed(f figures) []string {
	name := f.Input
	if f.TLS {
		name += "_tls"
	}
	var out []string
	miss := func(bad bool, what string) {
		if bad {
			out = append(out, name+"_"+what)
		}
	}
	miss(f.Lines == 0, "lines")
	miss(!f.TLS && f.Lines >= barLines && f.LinesPerS < b.linesPerSecond, "lines_per_s")
	miss(f.PeakAllMB > b.memoryMB, "memory")
	if f.Input == "kubernetes" {
		miss(f.SlotsFilled < barSlots, "slots")
		miss(f.Balance > barBalance, "balance")
	}
	return out
}

// printFigures prints a row per figure and a column per ingest.
func printFigures(w io.Writer, results []figures) {
	row := func(name string, value func(f figures) string) {
		fmt.Fprintf(w, "%-22s", name)
		for _, f := range results {
			fmt.Fprintf(w, " %14s", value(f))
		}
		fmt.Fprintln(w)
	}
	count := func(n int64) string { return fmt.Sprint(n) }
	one := func(x float64) string { return fmt.Sprintf("%.1f", x) }
	row("input", func(f figures) string { return f.Input })
	row("peers", func(f figures) string {
		if f.TLS {
			return "TLS"
		}
		return "insecure"
	})
	row("files", func(f figures) string { return count(f.Files) })
	row("files skipped", func(f figures) string { return count(f.Skipped) })
	row("lines stored", func(f figures) string { return count(f.Lines) })
	row("symbols", func(f figures) string { return count(f.Vertices) })
	row("edges", func(f figures) string { return count(f.Edges) })
	row("unresolved", func(f figures) string { return count(f.Unresolved) })
	row("wall s", func(f figures) string { return one(f.WallS) })
	row("lines/s", func(f figures) string { return fmt.Sprintf("%.0f", f.LinesPerS) })
	row("CPU s, nodes", func(f figures) string { return one(f.CPUNodesS) })
	row("CPU s, cgctl", func(f figures) string { return one(f.CPUClientS) })
	row("CPU s, others", func(f figures) string { return one(f.CPUOthersS) })
	row("peak MB, largest node", func(f figures) string { return one(f.PeakNodeMB) })
	row("peak MB, cgctl", func(f figures) string { return one(f.PeakClient) })
	row("peak MB, all together", func(f figures) string { return one(f.PeakAllMB) })
	row("sum of peaks MB", func(f figures) string { return one(f.SumPeaksMB) })
	row("disk MB per replica", func(f figures) string { return one(f.DiskMB) })
	row("slots filled", func(f figures) string { return fmt.Sprint(f.SlotsFilled) })
	row("rows, max over mean", func(f figures) string { return fmt.Sprintf("%.2f", f.Balance) })
}
