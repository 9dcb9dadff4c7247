package workload

import (
	"maps"
	"slices"
	"testing"

	queryv1 "github.com/codegraphdb/codegraph/api/codegraph/query/v1"
	"github.com/codegraphdb/codegraph/chaos/check"
	"github.com/codegraphdb/codegraph/graph"
)

func symbols(names ...string) (out []*queryv1.Symbol) {
	for _, n := range names {
		out = append(out, &queryv1.Symbol{Name: n})
	}
	return out
}

// TestNames wants every workload to be made by its name, with checkers that there are.
func TestNames(t *testing.T) {
	if want := slices.Sorted(maps.Keys(known())); !slices.Equal(Names(), want) {
		t.Errorf("names are %v, known are %v", Names(), want)
	}
	for _, name := range Names() {
		w, err := New(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := check.For(w.Checkers()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := New("W0"); !graph.IsKind(err, graph.KindInvalid) {
		t.Errorf("W0: %v", err)
	}
}

// TestShownRevision wants what an answer shows to be recorded as it is, two versions of a file
// included.
func TestShownRevision(t *testing.T) {
	trailer := &queryv1.Trailer{Revisions: []*queryv1.RevisionRef{{Repo: "other", Revision: "r9"},
		{Repo: "rev0", Revision: "r4"}}}
	for _, c := range []struct {
		names []string
		want  map[string]string
	}{
		{[]string{"Mark_f0_r4", "Mark_f1_r4"}, map[string]string{"f0": "r4", "f1": "r4"}},
		{[]string{"Mark_f0_r4", "Mark_f1_r3"}, map[string]string{"f0": "r4", "f1": "r3"}},
		{[]string{"Mark_f0_r3", "Mark_f0_r4"}, map[string]string{"f0": "r3+r4"}},
		{[]string{"Marker"}, map[string]string{"Marker": "stray"}},
		{nil, map[string]string{}},
	} {
		got := shownRevision("rev0", symbols(c.names...), trailer)
		if !maps.Equal(got.Files, c.want) || got.Rev == nil || *got.Rev != 4 {
			t.Errorf("%v: %v, want %v of revision 4", c.names, got, c.want)
		}
	}
	if got := shownRevision("rev1", nil, trailer); got.Rev != nil {
		t.Errorf("the revision of another repository is taken: %d", *got.Rev)
	}
}

func TestShownVersion(t *testing.T) {
	for _, c := range []struct {
		names []string
		want  int64
	}{
		{[]string{"Ver7"}, 7},
		{[]string{"Ver7", "Ver8"}, -1},
		{nil, -1},
		{[]string{"Verx"}, -1},
	} {
		if got := shownVersion(symbols(c.names...)); got != c.want {
			t.Errorf("%v: %d, want %d", c.names, got, c.want)
		}
	}
}

// TestWhole wants an answer that is cut to be an error, and one that only says what it does not
// know to be none.
func TestWhole(t *testing.T) {
	cut := &queryv1.Gap{Cause: queryv1.GapCause_GAP_CAUSE_LIMIT, Partial: true}
	note := &queryv1.Gap{Cause: queryv1.GapCause_GAP_CAUSE_UNRESOLVED, Count: 3}
	if err := whole(&queryv1.Trailer{Gaps: []*queryv1.Gap{note, cut}}); err == nil {
		t.Error("a cut answer is whole")
	}
	if err := whole(&queryv1.Trailer{Gaps: []*queryv1.Gap{note}}); err != nil {
		t.Error(err)
	}
}

// TestPairsSpanShards wants the ends of an edge in two shards, where there are two.
func TestPairsSpanShards(t *testing.T) {
	env := &Env{Writers: 2, ShardOf: func(s graph.Slot) uint64 { return uint64(s) / (1 << 14) }}
	keys := map[string]bool{}
	for i := range env.Writers * pairsPerWriter {
		p := newPair(env, i)
		repo := edgeRepo(p.owner)
		if env.ShardOf(graph.SlotOf(p.from.key(repo))) == env.ShardOf(graph.SlotOf(p.to.key(repo))) {
			t.Errorf("%s lies in one shard", p.key())
		}
		keys[p.key()] = true
	}
	if len(keys) != env.Writers*pairsPerWriter {
		t.Errorf("only %d keys: %v", len(keys), keys)
	}
	one := &Env{Writers: 1, ShardOf: func(graph.Slot) uint64 { return 1 }}
	if p := newPair(one, 0); p.key() == "" {
		t.Error("no pair in a cluster of one shard")
	}
}

// TestFactsCarryTheCount wants both halves of an edge to be in the rows of a file, and another
// count to change them.
func TestFactsCarryTheCount(t *testing.T) {
	from, to := symbol{pkg: "a", name: "A"}, symbol{pkg: "b", name: "B"}
	counts := map[uint32][]string{}
	for _, n := range []uint32{1, 2} {
		s := source{path: "x.go", calls: []call{{from, to, n}}}
		for _, r := range s.facts("r", 1).Rows() {
			if r.Key[0] == byte(graph.RowOut) || r.Key[0] == byte(graph.RowIn) {
				counts[n] = append(counts[n], string(r.Value))
			}
		}
	}
	if len(counts[1]) != 2 || counts[1][0] == counts[2][0] || counts[1][1] == counts[2][1] {
		t.Errorf("rows of count 1: %q, of count 2: %q", counts[1], counts[2])
	}
}
