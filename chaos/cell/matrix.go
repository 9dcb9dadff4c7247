package cell

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/codegraphdb/codegraph/graph"
)

// Cell is one field of the matrix.
type Cell struct {
	Workload, Nemesis string
	CI                bool // also in the short rotation
}

// String is the cell's name.
func (c Cell) String() string { return c.Workload + "/" + c.Nemesis }

// matrix says which cells there are: N by night, C in the rotation too, - for what would tell
// nothing. Columns are nemeses; workloads and nemeses that need what is not built yet are missing.
const matrix = `
     none kill pause partition power stall nospace rot all
W2   N    C    N     N         C     C     C       C   N
W5   N    C    N     C         N     N     N       N   C
W6   C    N    N     N         N     N     N       N   N
W7   N    C    N     N         N     N     N       -   N
W8   N    N    C     N         -     N     N       -   N
`

// Cells lists the matrix.
func Cells() []Cell {
	lines := strings.Split(strings.TrimSpace(matrix), "\n")
	columns := strings.Fields(lines[0])
	var out []Cell
	for _, line := range lines[1:] {
		fields := strings.Fields(line)
		for i, mark := range fields[1:] {
			if mark != "-" {
				out = append(out, Cell{Workload: fields[0], Nemesis: columns[i], CI: mark == "C"})
			}
		}
	}
	return out
}

// ParseCell reads "W7/kill".
func ParseCell(text string) (Cell, error) {
	w, n, ok := strings.Cut(text, "/")
	if !ok || w == "" || n == "" {
		return Cell{}, graph.Errorf("cell.ParseCell", graph.KindInvalid, "%q is no cell", text).
			WithRemedy("write workload/nemesis, e.g. W7/kill")
	}
	return Cell{Workload: w, Nemesis: n}, nil
}

// ciCells is how many cells a commit is given.
const ciCells = 6

// Rotation returns the cells for a commit, by how many commits came before: cells that follow each
// other in the matrix, so that a few commits cover all.
func Rotation(commits int) []Cell {
	var all []Cell
	for _, c := range Cells() {
		if c.CI {
			all = append(all, c)
		}
	}
	var out []Cell
	for i := range min(ciCells, len(all)) {
		out = append(out, all[(commits*ciCells+i)%len(all)])
	}
	return out
}

// Part returns the k-th of n parts of the matrix, counted from 1: "3/12". Neighbours in the matrix
// are in different parts, so that each has a bit of everything.
func Part(text string) ([]Cell, error) {
	left, right, _ := strings.Cut(text, "/")
	k, err1 := strconv.Atoi(left)
	n, err2 := strconv.Atoi(right)
	if err1 != nil || err2 != nil || k < 1 || k > n {
		return nil, graph.Errorf("cell.Part", graph.KindInvalid, "%q is no part", text).
			WithRemedy("write 3/12 for the third of twelve")
	}
	var out []Cell
	for i, c := range Cells() {
		if i%n == k-1 {
			out = append(out, c)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("cell: part %s has no cell", text)
	}
	return out, nil
}
