package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/codegraphdb/codegraph/internal/localcluster"
)

// idleBench measures what nodes cost that nobody asks anything.
type idleBench struct {
	out, log io.Writer
	bin      string
	nodes    int
	shards   []int
	settle   time.Duration
	window   time.Duration
	bars     map[int]float64 // shards -> percent of a core per node
}

// idleFigures are one run.
type idleFigures struct {
	Shards    int       `json:"shards"`
	Percent   []float64 `json:"core_percent"` // per node
	Worst     float64   `json:"worst_percent"`
	Others    float64   `json:"others_percent"` // of a core, the rest of the machine: not ours
	Elections int       `json:"elections"`      // nobody asked for, within the window
	Frames    float64   `json:"frames_per_s"`   // per node, all lanes
	Seconds   float64   `json:"window_s"`
}

// run measures all numbers of shards and returns how many bars were missed.
func (b *idleBench) run(ctx context.Context) (int, error) {
	var results []idleFigures
	missed := []string{}
	for _, shards := range b.shards {
		fmt.Fprintf(b.log, "bench: %d idle nodes, %d shards\n", b.nodes, shards)
		f, err := b.measure(ctx, shards)
		if err != nil {
			return 0, fmt.Errorf("%d shards: %w", shards, err)
		}
		results = append(results, f)
		missed = append(missed, b.missed(f)...)
	}
	b.print(results)
	last, err := json.Marshal(map[string]any{"nodes": b.nodes, "results": results, "missed": missed})
	if err != nil {
		return 0, err
	}
	_, err = fmt.Fprintf(b.out, "%s\n", last)
	return len(missed), err
}

// missed names the bars that figures do not reach (B2). Leaders that nobody asked to change are
// time-outs that are too short for what the nodes cost.
func (b *idleBench) missed(f idleFigures) []string {
	var out []string
	if bar, ok := b.bars[f.Shards]; ok && f.Worst > bar {
		out = append(out, fmt.Sprintf("idle_cpu_%d", f.Shards))
	}
	if f.Elections > 0 {
		out = append(out, fmt.Sprintf("idle_elections_%d", f.Shards))
	}
	return out
}

// measure starts a cluster, lets it settle, and watches it do nothing.
func (b *idleBench) measure(ctx context.Context, shards int) (f idleFigures, err error) {
	c, err := startCluster(ctx, b.bin, localcluster.Options{Nodes: b.nodes, Name: "bench", TLS: true,
		Args: []string{"--shards", fmt.Sprint(shards)}})
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	if err := pause(ctx, b.settle); err != nil {
		return f, err
	}
	before, err := lookIdle(ctx, c)
	if err == nil {
		err = pause(ctx, b.window)
	}
	if err != nil {
		return f, err
	}
	after, err := lookIdle(ctx, c)
	if err != nil {
		return f, err
	}
	return idleBetween(shards, before, after), nil
}

// idleLook is the counters of all nodes at one time.
type idleLook struct {
	at      time.Time
	machine float64   // CPU seconds
	cpu     []float64 // CPU seconds per node
	terms   float64   // sum over the shards of the newest term that any node knows
	frames  float64
}

func lookIdle(ctx context.Context, c *cluster) (l idleLook, err error) {
	newest := map[string]float64{}
	for i := range c.local.Size() {
		metrics, err := scrape(ctx, c.local.OpsAddress(i))
		if err != nil {
			return l, err
		}
		for _, m := range metrics {
			switch m.name {
			case "codegraph_raft_term":
				newest[m.labels] = max(newest[m.labels], m.value)
			case "codegraph_peer_frames_sent_total":
				l.frames += m.value
			}
		}
	}
	for _, term := range newest {
		l.terms += term
	}
	l.at = time.Now()
	for _, pid := range c.pids() {
		s, err := cpuSeconds(pid)
		if err != nil {
			return l, err
		}
		l.cpu = append(l.cpu, s)
	}
	l.machine, err = machineSeconds()
	return l, err
}

func idleBetween(shards int, before, after idleLook) idleFigures {
	f := idleFigures{Shards: shards, Seconds: after.at.Sub(before.at).Seconds(),
		Elections: int(after.terms - before.terms)}
	f.Frames = (after.frames - before.frames) / f.Seconds / float64(len(after.cpu))
	f.Others = (after.machine - before.machine) / f.Seconds * 100
	for i := range after.cpu {
		percent := (after.cpu[i] - before.cpu[i]) / f.Seconds * 100
		f.Percent = append(f.Percent, percent)
		f.Worst = max(f.Worst, percent)
		f.Others -= percent
	}
	f.Others = max(0, f.Others)
	return f
}

func (b *idleBench) print(results []idleFigures) {
	fmt.Fprintf(b.out, "%-8s %-28s %8s %8s %10s %12s %8s\n", "shards", "% of a core, per node",
		"worst", "bar", "elections", "frames/s", "others")
	for _, f := range results {
		nodes := ""
		for _, p := range f.Percent {
			nodes += fmt.Sprintf("%7.1f", p)
		}
		bar := "-"
		if v, ok := b.bars[f.Shards]; ok {
			bar = fmt.Sprintf("%.0f", v)
		}
		fmt.Fprintf(b.out, "%-8d %-28s %8.1f %8s %10d %12.0f %7.0f%%\n", f.Shards, nodes, f.Worst, bar,
			f.Elections, f.Frames, f.Others)
	}
}

// pause waits, unless ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
