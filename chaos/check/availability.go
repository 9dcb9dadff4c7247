package check

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/codegraphdb/codegraph/chaos/history"
)

// Availability measures, with the probes of an open-loop prober, in which spans each shard served
// nobody: from one success to the next, where that is longer than Config.ProbeGap. A probe that
// was due and not sent counts as one that failed, so a stalled prober cannot hide an outage.
func Availability() Checker { return fold{"availability", checkAvailability} }

func checkAvailability(f *finding, h *history.History, cfg Config) {
	byShard := h.ByKey(Probe)
	good, goodInFault, inFault := 0, 0, 0
	for _, shard := range slices.Sorted(maps.Keys(byShard)) {
		probes := byShard[shard]
		for _, o := range probes {
			f.Checked++
			during := faultAt(h, meant(o), meant(o)) != ""
			if during {
				inFault++
			}
			if o.Outcome == history.OK {
				good++
				if during {
					goodInFault++
				}
			}
		}
		f.Outages = append(f.Outages, outages(h, shard, probes, cfg.ProbeGap)...)
	}
	for _, shard := range cfg.Shards {
		if len(byShard[shard]) == 0 {
			f.unsure("shard %s was not probed", shard)
		}
	}
	share := func(name string, n, of int) {
		if of > 0 {
			f.figure(name, 100*float64(n)/float64(of))
		}
	}
	share("available_percent", good, f.Checked)
	share("available_in_faults_percent", goodInFault, inFault)
	f.summarise()
	for _, o := range f.Outages {
		if cfg.MaxOutage > 0 && o.For > cfg.MaxOutage {
			f.wrong(nil, "shard %s served no probe for %v from %v on (bound %v, fault %s)", o.Shard, o.For,
				o.From, cfg.MaxOutage, orElse(o.Fault, "none"))
		}
	}
}

// meant is when a probe was to be sent: by the schedule, if it has one.
func meant(o *history.Op) time.Duration {
	if o.Due > 0 {
		return o.Due
	}
	return o.Start
}

// outages returns the spans without success of one shard.
func outages(h *history.History, shard string, probes []*history.Op, gap time.Duration) []Outage {
	if len(probes) == 0 {
		return nil
	}
	good := oked(probes)
	slices.SortStableFunc(good, func(a, b *history.Op) int { return int(a.End - b.End) })
	first, last := meant(probes[0]), time.Duration(0)
	for _, o := range probes {
		first = min(first, meant(o))
		last = max(last, meant(o), o.End)
	}
	var out []Outage
	from := first
	add := func(to time.Duration, open bool) {
		if to-from > gap {
			out = append(out, Outage{Shard: shard, Fault: faultAt(h, from, to), From: from, For: to - from,
				Open: open})
		}
	}
	for _, o := range good {
		add(o.End, false)
		from = o.End
	}
	add(last, true)
	return out
}

// faultAt returns the kinds of the faults that overlap a span of time.
func faultAt(h *history.History, from, to time.Duration) string {
	var kinds []string
	for i := range h.Faults {
		if f := &h.Faults[i]; f.Begin <= to && f.End >= from && !slices.Contains(kinds, f.Kind) {
			kinds = append(kinds, f.Kind)
		}
	}
	slices.Sort(kinds)
	return strings.Join(kinds, "+")
}

// summarise adds the quantiles of the outages by kind of fault.
func (f *finding) summarise() {
	byFault := map[string][]time.Duration{}
	for _, o := range f.Outages {
		k := orElse(o.Fault, "none")
		byFault[k] = append(byFault[k], o.For)
	}
	for kind, all := range byFault {
		slices.Sort(all)
		f.figure("outages "+kind, float64(len(all)))
		f.figure("outage "+kind+" p50_ms", milliseconds(quantile(all, 0.5)))
		f.figure("outage "+kind+" p90_ms", milliseconds(quantile(all, 0.9)))
		f.figure("outage "+kind+" p99_ms", milliseconds(quantile(all, 0.99)))
		f.figure("outage "+kind+" max_ms", milliseconds(all[len(all)-1]))
	}
}
