package check

import (
	"slices"
	"time"

	"github.com/codegraphdb/codegraph/chaos/history"
)

// Liveness is E15: after the heal every shard serves a probe within Config.Recovery, no request
// outlives its deadline, and every move, split and join is done or rolled back at the end.
func Liveness() Checker { return fold{"liveness", checkLiveness} }

func checkLiveness(f *finding, h *history.History, cfg Config) {
	checkRecovery(f, h, cfg)
	checkDeadlines(f, h, cfg)
	checkJobs(f, h)
}

// checkRecovery wants a probe served on every shard soon after the heal.
func checkRecovery(f *finding, h *history.History, cfg Config) {
	healed, ok := h.Phase(history.Healed)
	if !ok {
		f.unsure("the history has no phase %q", history.Healed)
		return
	}
	shards := slices.Clone(cfg.Shards)
	if len(shards) == 0 {
		for _, o := range h.Of(Probe) {
			shards = append(shards, o.Key)
		}
		slices.Sort(shards)
		shards = slices.Compact(shards)
	}
	if len(shards) == 0 {
		f.unsure("no shard was probed")
	}
	var slowest time.Duration
	for _, shard := range shards {
		f.Checked++
		took, probes := recovered(h, shard, healed)
		switch {
		case probes == 0:
			f.unsure("shard %s was not probed after the heal", shard)
		case took < 0:
			f.wrong(nil, "shard %s served none of %d probes after the heal", shard, probes)
		case took > cfg.Recovery:
			f.wrong(nil, "shard %s served its first probe %v after the heal (bound %v)", shard, took,
				cfg.Recovery)
		}
		slowest = max(slowest, took)
	}
	f.figure("recovery_max_ms", milliseconds(slowest))
}

// recovered returns how long after the heal a shard served its first probe, negative for never.
func recovered(h *history.History, shard string, healed history.Phase) (
	took time.Duration, probes int) {
	took = -1
	for _, o := range h.Of(Probe) {
		if o.Key != shard || o.Index < healed.Index {
			continue
		}
		probes++
		if o.Outcome == history.OK && (took < 0 || o.End-healed.Begin < took) {
			took = o.End - healed.Begin
		}
	}
	return took, probes
}

// checkDeadlines looks for requests that were answered long after their deadline, or never.
func checkDeadlines(f *finding, h *history.History, cfg Config) {
	for i := range h.Ops {
		o := &h.Ops[i]
		if o.Deadline <= 0 {
			continue
		}
		f.Checked++
		if took := o.End - o.Start; took > o.Deadline+cfg.Grace {
			f.wrong(ops(o), "%s %s was under way for %v, its deadline was %v", o.Kind, o.Key, took,
				o.Deadline)
		}
	}
}

// checkJobs wants every job to have come to an end.
func checkJobs(f *finding, h *history.History) {
	last := map[string]string{}
	var names []string
	for _, o := range h.Seen {
		if o.Kind != history.SeenJob {
			continue
		}
		state, err := decode[string](o.Value)
		if err != nil {
			f.unsure("job on line %d: %v", o.Index, err)
			continue
		}
		if _, known := last[o.Name]; !known {
			names = append(names, o.Name)
		}
		last[o.Name] = state
	}
	for _, name := range names {
		f.Checked++
		if s := last[name]; s != JobDone && s != JobRolledBack {
			f.wrong(nil, "%s is still %s at the end", name, s)
		}
	}
}
