package main

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParseMetrics(t *testing.T) {
	got, err := parseMetrics(strings.NewReader("# HELP x y\n# TYPE x gauge\n" +
		"codegraph_raft_term{shard=\"7\"} 3\ngo_goroutines 12\nbig 1.5e+06\n"))
	want := []reading{{"codegraph_raft_term", `shard="7"`, 3}, {"go_goroutines", "", 12},
		{"big", "", 1.5e6}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("parsed %v, want %v (%v)", got, want, err)
	}
	if _, err := parseMetrics(strings.NewReader("x y\n")); err == nil {
		t.Error("a value that is no number was taken")
	}
}

// A node that costs more than the bar is named, and so is a leader that nobody asked to change.
func TestIdleBarsCanBeMissed(t *testing.T) {
	b := idleBench{bars: map[int]float64{16: 6}}
	at := time.Unix(1000, 0)
	look := func(seconds int, terms, one, two float64) idleLook {
		return idleLook{at: at.Add(time.Duration(seconds) * time.Second), machine: one + two,
			cpu: []float64{one, two}, terms: terms}
	}
	before := look(0, 40, 10, 20)
	for _, c := range []struct {
		shards int
		after  idleLook
		want   []string
	}{
		{16, look(100, 40, 15, 26), nil},
		{16, look(100, 40, 15, 27), []string{"idle_cpu_16"}},
		{16, look(100, 41, 15, 26), []string{"idle_elections_16"}},
		{64, look(100, 40, 90, 90), nil}, // no bar
	} {
		f := idleBetween(c.shards, before, c.after)
		if got := b.missed(f); !slices.Equal(got, c.want) {
			t.Errorf("%+v: missed %q, want %q", f, got, c.want)
		}
	}
}
