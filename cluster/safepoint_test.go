package cluster

import (
	"fmt"
	"testing"

	"github.com/codegraphdb/codegraph/graph"
)

// TestSafepoint: reads at the end of the retention saw the last commit until then, however long ago
// that was, and may go on; so may the open imports.
func TestSafepoint(t *testing.T) {
	m := newMachine(t, 1)
	want := func(what string, retained, want graph.Timestamp) {
		t.Helper()
		if got := m.Snapshot().Safepoint(retained); got != want {
			t.Errorf("%s: the safepoint of %s is %s, want %s", what, retained, got, want)
		}
	}
	want("nothing yet", 1<<60, 0)
	a := m.commit(m.open("a", "a1").Import, 1)
	want("one commit, long ago", a+1000, a)
	want("one commit, not long ago", a-2, 0)
	b := m.commit(m.open("b", "b1").Import, 2)
	want("between commits", b-2, a)
	want("after both", b+1000, b)

	im := m.open("a", "a2")
	if im.Base != b {
		t.Errorf("the base of a is to be read at %s, want %s, the last commit of all", im.Base, b)
	}
	c := m.commit(m.open("c", "c1").Import, 3)
	want("an import is open", c+1000, b)
	a2 := m.commit(im.Import, 4)
	want("no more", a2+1000, a2)

	if first := m.open("d", "d1"); first.Base != 0 {
		t.Errorf("the base of a new repository is to be read at %s", first.Base)
	}
	m.commit(m.open("c", "c2").Import, 5)
	want("a first import is open", a2+1000, a2)
}

// TestSafepointMovesOn: commits that are forgotten, of repositories that are too, do not hold it.
func TestSafepointMovesOn(t *testing.T) {
	m := newMachine(t, 1)
	old := m.commit(m.open("quiet", "1").Import, 1)
	var commits []graph.Timestamp
	for i := range keptRevisions + 10 {
		commits = append(commits, m.commit(m.open("busy", fmt.Sprint("b", i)).Import, 2))
	}
	for _, c := range []struct{ retained, want graph.Timestamp }{
		{commits[4], commits[4]}, // not known any more, like those around it
		{commits[9] - 2, commits[9] - 2},
		{commits[9], commits[9]},
		{commits[20] + 1, commits[20]},
		{old, old},
	} {
		if got := m.Snapshot().Safepoint(c.retained); got != c.want {
			t.Errorf("the safepoint of %s is %s, want %s", c.retained, got, c.want)
		}
	}
}
