package lang

import (
	"strings"
	"testing"
)

// TestKinds checks that every kind has its name, and that some grammar knows it: what is written
// here by hand follows the grammars of the pinned module.
func TestKinds(t *testing.T) {
	if got, want := len(kindNames), int(kinds-KError); got != want {
		t.Fatalf("%d names for %d kinds", got, want)
	}
	p := NewParser(0)
	defer p.Close()
	known := map[Kind]bool{KError: true, KOther: true}
	fields := map[Field]bool{FNone: true}
	for g := range grammars {
		if _, err := p.open(g); err != nil {
			t.Fatal(err)
		}
		for _, k := range p.tables[g].kinds {
			known[Kind(k)] = true
		}
		for _, f := range p.tables[g].fields {
			fields[Field(f)] = true
		}
	}
	for i, name := range kindNames {
		if k := KError + Kind(i); !known[k] {
			t.Errorf("no grammar has %q", name)
		}
		if tok := strings.HasPrefix(name, "'"); tok != (KError+Kind(i) >= KTokAsync) {
			t.Errorf("%q: tokens come last", name)
		}
	}
	for f, name := range fieldNames {
		if !fields[Field(f)] {
			t.Errorf("no grammar has the field %q", name)
		}
	}
}
