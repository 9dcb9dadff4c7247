package cell

import (
	"slices"
	"testing"

	"github.com/codegraphdb/codegraph/chaos/workload"
)

// TestMatrix holds the table to what there is.
func TestMatrix(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Cells() {
		if seen[c.String()] {
			t.Errorf("%s is there twice", c)
		}
		seen[c.String()] = true
		if _, err := workload.New(c.Workload); err != nil {
			t.Errorf("%s: %v", c, err)
		}
		back, err := ParseCell(c.String())
		if err != nil || back.Workload != c.Workload || back.Nemesis != c.Nemesis {
			t.Errorf("%s is read as %s (%v)", c, back, err)
		}
	}
	for _, name := range workload.Names() {
		if !seen[name+"/none"] {
			t.Errorf("workload %s is in no cell without faults", name)
		}
	}
}

// TestRotationCovers wants a few commits in a row to cover every cell of the rotation.
func TestRotationCovers(t *testing.T) {
	for _, first := range []int{0, 1, 7, 1000} {
		seen := map[Cell]bool{}
		for commit := first; commit < first+3; commit++ {
			cells := Rotation(commit)
			if len(cells) != ciCells {
				t.Errorf("commit %d has %d cells, want %d", commit, len(cells), ciCells)
			}
			for _, c := range cells {
				seen[c] = true
			}
		}
		for _, c := range Cells() {
			if c.CI && !seen[c] {
				t.Errorf("three commits from %d on leave %s out", first, c)
			}
		}
	}
}

// TestPartsSplit wants the parts to be the matrix, each cell once.
func TestPartsSplit(t *testing.T) {
	var all []Cell
	for _, k := range []string{"1/12", "2/12", "3/12", "4/12", "5/12", "6/12", "7/12", "8/12", "9/12",
		"10/12", "11/12", "12/12"} {
		cells, err := Part(k)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, cells...)
	}
	for _, c := range Cells() {
		n := len(slices.DeleteFunc(slices.Clone(all), func(o Cell) bool { return o != c }))
		if n != 1 {
			t.Errorf("%s is in %d parts", c, n)
		}
	}
	if len(all) != len(Cells()) {
		t.Errorf("the parts have %d cells, the matrix %d", len(all), len(Cells()))
	}
	for _, bad := range []string{"", "3", "0/12", "13/12", "a/b", "1/0", "200/200"} {
		if _, err := Part(bad); err == nil {
			t.Errorf("part %q is no error", bad)
		}
	}
	for _, bad := range []string{"", "W7", "/kill", "W7/"} {
		if _, err := ParseCell(bad); err == nil {
			t.Errorf("cell %q is no error", bad)
		}
	}
}
