package cell

import (
	"slices"
	"testing"

	"github.com/codegraphdb/codegraph/chaos/nemesis"
)

// TestMatrixNemeses wants a column for each nemesis, and no other.
func TestMatrixNemeses(t *testing.T) {
	columns := map[string]bool{}
	for _, c := range Cells() {
		columns[c.Nemesis] = true
		if _, err := nemesis.NeedsDisks(c.Nemesis); err != nil {
			t.Errorf("%s: %v", c, err)
		}
	}
	for _, name := range nemesis.Names() {
		if !columns[name] {
			t.Errorf("nemesis %s is in no cell", name)
		}
	}
	for _, waiting := range []string{"transfer", "wipe", "nothing"} {
		_, err := nemesis.NeedsDisks(waiting)
		if err == nil || slices.Contains(nemesis.Names(), waiting) {
			t.Errorf("nemesis %s is offered", waiting)
		}
	}
}
