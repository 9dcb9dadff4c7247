package check

import (
	"maps"
	"slices"
	"time"

	"github.com/codegraphdb/codegraph/chaos/history"
)

// Stats counts outcomes; a kind of operation that never succeeded was not tested.
func Stats() Checker { return fold{"stats", checkStats} }

// Rate is the gate on the clean phase: enough operations a second, and each kind among them. Below
// it faults would have met an idle cluster.
func Rate() Checker { return fold{"rate", checkRate} }

// Effects is the gate on faults: every fault was ended and had a measured effect, and there was
// one at all if the head names a nemesis.
func Effects() Checker { return fold{"effect", checkEffects} }

// byKind groups all operations.
func byKind(h *history.History) map[string][]*history.Op {
	out := map[string][]*history.Op{}
	for i := range h.Ops {
		out[h.Ops[i].Kind] = append(out[h.Ops[i].Kind], &h.Ops[i])
	}
	return out
}

func checkStats(f *finding, h *history.History, _ Config) {
	kinds := byKind(h)
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		n := map[history.Type]int{}
		for _, o := range kinds[kind] {
			n[o.Outcome]++
		}
		f.Checked += len(kinds[kind])
		f.figure(kind+" ok", float64(n[history.OK]))
		f.figure(kind+" fail", float64(n[history.Fail]))
		f.figure(kind+" unknown", float64(n[history.Info]))
		if n[history.OK] == 0 {
			f.unsure("no %s of %d succeeded", kind, len(kinds[kind]))
		}
	}
}

func checkRate(f *finding, h *history.History, cfg Config) {
	clean, ok := h.Phase(history.Clean)
	if !ok || clean.End <= clean.Begin {
		f.unsure("the history has no phase %q", history.Clean)
		return
	}
	done := 0
	succeeded := map[string]bool{}
	for i := range h.Ops {
		o := &h.Ops[i]
		if o.Outcome != history.OK || o.End > clean.End || o.Start < clean.Begin {
			continue
		}
		succeeded[o.Kind] = true
		if o.Kind != Probe {
			done++
		}
	}
	f.Checked = done
	rate := float64(done) / (clean.End - clean.Begin).Seconds()
	f.figure("clean_ok_per_s", rate)
	if rate < cfg.MinRate {
		f.unsure("%.1f operations a second in the clean phase, the gate is %.1f", rate, cfg.MinRate)
	}
	for _, kind := range slices.Sorted(maps.Keys(byKind(h))) {
		if !succeeded[kind] && begunIn(h, kind, clean) {
			f.unsure("no %s succeeded in the clean phase", kind)
		}
	}
}

// begunIn says whether an operation of a kind was tried in a phase, or belongs to those that every
// phase has: the final reads of some workloads do not.
func begunIn(h *history.History, kind string, p history.Phase) bool {
	first := time.Duration(-1)
	for _, o := range h.Of(kind) {
		if first < 0 {
			first = o.Start
		}
		if o.Start >= p.Begin && o.Start < p.End {
			return true
		}
	}
	final, ok := h.Phase(history.Final)
	return !ok || first < final.Begin
}

// countFaults counts each kind of fault.
func countFaults(h *history.History) []FaultCount {
	counts := map[string]*FaultCount{}
	for i := range h.Faults {
		k := h.Faults[i].Kind
		if counts[k] == nil {
			counts[k] = &FaultCount{Kind: k}
		}
		counts[k].Tried++
		if h.Faults[i].Effect.Any() {
			counts[k].Effect++
		}
	}
	var out []FaultCount
	for _, k := range slices.Sorted(maps.Keys(counts)) {
		out = append(out, *counts[k])
	}
	return out
}

func checkEffects(f *finding, h *history.History, _ Config) {
	for i := range h.Faults {
		fault := &h.Faults[i]
		f.Checked++
		switch {
		case !fault.Ended:
			f.unsure("%s %v (fault %d) was not ended", fault.Kind, fault.Targets, fault.ID)
		case !fault.Effect.Any():
			f.unsure("%s %v (fault %d) had no effect, so nothing was tested", fault.Kind, fault.Targets,
				fault.ID)
		}
	}
	none := h.Head.Nemesis == "" || h.Head.Nemesis == "none"
	switch {
	case none && len(h.Faults) > 0:
		f.unsure("the head names no nemesis, but there were faults")
	case none:
		f.Checked++
	case len(h.Faults) == 0:
		f.unsure("the nemesis %q did nothing", h.Head.Nemesis)
	}
}
