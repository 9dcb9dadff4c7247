//go:build linux

package cell

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/codegraphdb/codegraph"
	"github.com/codegraphdb/codegraph/chaos/check"
	"github.com/codegraphdb/codegraph/chaos/history"
	"github.com/codegraphdb/codegraph/chaos/nemesis"
	"github.com/codegraphdb/codegraph/chaos/report"
	"github.com/codegraphdb/codegraph/chaos/rig"
	"github.com/codegraphdb/codegraph/chaos/workload"
)

const (
	setupWithin = 2 * time.Minute
	settleFor   = 5 * time.Second // traffic after the cluster is whole again
	finalWithin = 2 * time.Minute
	recovery    = time.Minute // the machine is shared
	probeGap    = 500 * time.Millisecond
)

// run is one cell under way.
type run struct {
	opts    Options
	rig     *rig.Rig
	rec     *history.Recorder
	work    workload.Workload
	nemesis *nemesis.Nemesis // nil for none
	rng     *rand.Rand
	env     *workload.Env
	probes  []probe
}

// Run runs a cell inside of a sandbox and judges it. An error means that there was no run.
func Run(ctx context.Context, opts Options) (*check.Verdict, error) {
	opts = opts.withDefaults()
	if err := os.MkdirAll(filepath.Join(opts.Out, check.LogDir), 0o755); err != nil {
		return nil, err
	}
	r := &run{opts: opts, rng: rand.New(rand.NewPCG(opts.Seed, 0))}
	err := r.build(ctx)
	if err == nil {
		err = r.record(ctx)
	}
	if r.rig != nil {
		err = errors.Join(err, r.rig.SaveLogs(filepath.Join(opts.Out, check.LogDir)), r.rig.Close())
	}
	if err != nil {
		return nil, fmt.Errorf("cell %s: %w", opts.cell(), err)
	}
	h, v, err := check.Check(opts.Out)
	if err != nil {
		return nil, err
	}
	return &v, report.Write(opts.Out, h, &v)
}

// build makes the cluster and everything around it; when it returns the cluster is healthy.
func (r *run) build(ctx context.Context) (err error) {
	if r.work, err = workload.New(r.opts.Workload); err != nil {
		return err
	}
	disks, err := nemesis.NeedsDisks(r.opts.Nemesis)
	if err != nil {
		return err
	}
	if r.rig, err = rig.New(rig.Options{Work: r.opts.Work, Bin: r.opts.Bin, Nodes: r.opts.Nodes,
		Shards: r.opts.Shards, Disks: disks}); err != nil {
		return err
	}
	if r.opts.Nemesis != nemesis.None {
		if r.nemesis, err = nemesis.New(r.opts.Nemesis, r.rig, r.rng); err != nil {
			return err
		}
	}
	began := time.Now()
	if err := r.rig.StartAll(ctx); err != nil {
		return errors.Join(err, r.rig.SaveLogs(filepath.Join(r.opts.Out, check.LogDir)))
	}
	r.opts.Log("%s: the cluster is healthy after %v", r.opts.cell(),
		time.Since(began).Round(time.Millisecond))
	shards, err := r.rig.Shards(ctx, false)
	if err != nil {
		return err
	}
	r.probes = newProbes(shards)
	r.env = &workload.Env{Writers: r.opts.Writers, Nodes: r.opts.Nodes, Dial: r.dial,
		ShardOf: shardOf(shards)}
	r.rec, err = history.Create(filepath.Join(r.opts.Out, check.HistoryFile), r.head())
	r.env.Rec = r.rec
	return err
}

// dial makes the client of a worker. One that knows a single node does not wait for it.
func (r *run) dial(nodes ...int) (*codegraph.Client, error) {
	opts := codegraph.Options{}
	if len(nodes) > 0 {
		opts.RetryFor, opts.ConnectFor = 2*time.Second, 500*time.Millisecond
	}
	return r.rig.Dial(opts, nodes...)
}

// head is the head of the history.
func (r *run) head() history.Head {
	cfg := check.Config{MinRate: r.opts.MinRate, Replicas: min(r.opts.Nodes, 3), Recovery: recovery,
		ProbeGap: probeGap, Timeout: time.Minute}
	for _, p := range r.probes {
		cfg.Shards = append(cfg.Shards, p.shard)
	}
	return history.Head{Cell: r.opts.cell(), Workload: r.work.Checkers(), Nemesis: r.opts.Nemesis,
		Seed: int64(r.opts.Seed), Commit: r.opts.Commit, Bug: r.opts.Bug, Replay: r.opts.replay(),
		Note: fmt.Sprintf("%d nodes, %d shards, %d writers, %d readers, a probe of each shard every %v",
			r.opts.Nodes, r.opts.Shards, r.opts.Writers, r.opts.Readers, probeEvery),
		Config: cfg.Raw()}
}

// record drives the run through its phases.
func (r *run) record(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, r.rec.Close()) }()
	setup, cancel := context.WithTimeout(ctx, setupWithin)
	defer cancel()
	if err := r.setup(setup); err != nil {
		return err
	}
	r.rec.Phase(history.Clean)
	t, err := r.startTraffic(ctx)
	if err != nil {
		return err
	}
	defer t.end()
	if err := sleep(ctx, r.opts.Clean); err != nil {
		return err
	}
	r.rec.Phase(history.Faults)
	faulty := r.faults(ctx)
	r.rec.Phase(history.Healed)
	r.settle(ctx, faulty)
	t.endWork()
	r.rec.Phase(history.Final)
	finals, cancel := context.WithTimeout(ctx, finalWithin)
	defer cancel()
	r.final(finals)
	return nil
}

// settle waits for health after the last fault (CE2) and lets the traffic go on for a moment.
func (r *run) settle(ctx context.Context, faulty error) {
	const job = "return to health"
	r.job(job, check.JobRunning)
	if faulty == nil {
		faulty = r.rig.WaitHealthy(ctx)
	}
	if faulty != nil {
		r.opts.Log("%s: %v", r.opts.cell(), faulty)
		r.job(job+": "+faulty.Error(), "not done")
		return
	}
	r.job(job, check.JobDone)
	r.fallen()
	_ = sleep(ctx, settleFor)
	r.fallen()
}

// job records a step that has to come to an end.
func (r *run) job(name, state string) {
	r.rec.Observe(history.Observation{Kind: history.SeenJob, Name: name, Value: quoted(state)})
}

// fallen records nodes that ended though nobody ended them (CE3).
func (r *run) fallen() {
	for _, i := range r.rig.Fallen() {
		r.opts.Log("%s: %s ended by itself", r.opts.cell(), rig.Name(i))
		r.job("the life of "+rig.Name(i), "ended without a reason")
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
