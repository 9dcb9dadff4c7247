package lint

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// layers is the architecture: `row | a b < c` says that package c, in that row, may import a and
// b and nothing else of ours. Every import points to a lower row, or to a sub-package in the
// order given here. internal/invariants lies under everything and is not repeated. Names of
// packages that have no code yet are here so that they are built where they belong.
//
// DO NOT CHANGE THIS TABLE TO FIX A BUILD. If a package needs something from the row beside it,
// it declares an interface and node wires the two. A change here is a change of the architecture
// and goes with a line in ARCHITECTURE.md that gives the reason.
const layers = `
0 |                                       < internal/invariants
0 |                                       < graph
0 |                                       < vector
0 |                                       < embed

1 | graph                                 < shard/stream
1 | graph vector shard/stream             < shard
1 | graph                                 < raftlog

2 | graph                                 < query/parse
2 | graph query/parse                     < query/plan
2 | graph query/parse query/plan          < query/exec
2 | graph query/parse query/plan query/exec < query
2 | graph                                 < txn
2 | graph                                 < cluster
2 | graph                                 < ingest/lang
2 | graph ingest/lang                     < ingest/golang
2 | graph ingest/lang                     < ingest/python
2 | graph ingest/lang                     < ingest/ecma
2 | graph ingest/lang ingest/golang ingest/python ingest/ecma < ingest
2 | graph                                 < backup
2 | api/...                               < api/...
2 | graph api/...                         < api

3 | graph api api/...                     < node/transport
3 | graph api api/...                     < node/timing
3 | graph                                 < node/datadir
3 | graph txn cluster                     < node/oracle
3 | graph shard txn api/...               < node/txns
3 | graph query api/...                   < node/wire
3 | graph api api/... shard raftlog cluster node/transport node/timing node/datadir < node/group
3 | graph vector embed shard raftlog query query/parse query/plan query/exec txn cluster backup
    api api/... node/transport node/timing node/datadir node/oracle node/txns node/wire node/group
    < node
3 | graph api api/...                     < codegraph

4 | codegraph graph api api/...           < internal/localcluster
4 | codegraph graph api api/... node      < internal/testcluster
4 | codegraph graph api api/... vector ingest raftlog internal/localcluster < bench
4 | graph                                 < chaos/history
4 | chaos/history                         < chaos/check
4 | chaos/history chaos/check             < chaos/toydb
4 | chaos/history chaos/check             < chaos/report
4 | codegraph graph api api/... internal/localcluster < chaos/rig
4 | graph chaos/rig chaos/history         < chaos/nemesis
4 | codegraph graph api api/... chaos/history chaos/check < chaos/workload
4 | codegraph graph api api/... chaos/history chaos/check chaos/report chaos/rig chaos/nemesis
    chaos/workload < chaos/cell
4 | chaos/history chaos/check chaos/report chaos/rig chaos/cell < chaos/cmd/chaos
4 | codegraph graph api api/... internal/testcluster internal/localcluster chaos/history
    chaos/check chaos/report < chaos

5 | node graph                            < cmd/codegraphd
5 | codegraph ingest graph api api/... internal/localcluster < cmd/cgctl

5 |                                       < internal/lint
5 |                                       < internal/notices
5 | graph                                 < internal/schemadoc
`

// testLayers says what the tests of a package may import beyond what its code may: drivers that
// start a cluster, and the far side of a seam.
const testLayers = `
3 | internal/localcluster internal/testcluster ingest < codegraph
3 | codegraph                             < node
4 | ingest                                < internal/localcluster
4 | ingest                                < internal/testcluster
4 | ingest shard                          < chaos
4 | chaos/toydb                           < chaos/check
4 | chaos/toydb                           < chaos/report
4 | chaos/toydb                           < chaos/cmd/chaos
5 | internal/localcluster codegraph       < cmd/codegraphd
5 | node                                  < cmd/cgctl
`

// layer is one line of the table.
type layer struct {
	row     int
	imports map[string]bool
}

// parseLayers reads the table. A line that starts with white space continues the one above.
func parseLayers(text string) (map[string]layer, error) {
	out := map[string]layer{}
	text = strings.ReplaceAll(text, "\n ", " ")
	for _, line := range strings.Split(text, "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		row, rest, ok1 := strings.Cut(line, "|")
		left, name, ok2 := strings.Cut(rest, "<")
		n, err := strconv.Atoi(strings.TrimSpace(row))
		name = strings.TrimSpace(name)
		if !ok1 || !ok2 || err != nil || len(strings.Fields(name)) != 1 {
			return nil, fmt.Errorf("layers: %q is not `row | a b < c`", line)
		}
		if _, twice := out[name]; twice {
			return nil, fmt.Errorf("layers: %s stands in the table twice", name)
		}
		l := layer{row: n, imports: map[string]bool{}}
		for _, imp := range strings.Fields(left) {
			l.imports[imp] = true
		}
		out[name] = l
	}
	return out, nil
}

// packageName is a directory's name in the table: the root is codegraph, and everything
// generated below api is one entry.
func packageName(dir string) string {
	switch {
	case dir == ".":
		return "codegraph"
	case strings.HasPrefix(dir, "api/"):
		return "api/..."
	}
	return dir
}

// checkLayers compares every import of our own packages with the table.
func checkLayers(all tree) []finding {
	table, err := parseLayers(layers)
	if err != nil {
		return []finding{{path: "internal/lint/layers_test.go", what: err.Error()}}
	}
	tests, err := parseLayers(testLayers)
	if err != nil {
		return []finding{{path: "internal/lint/layers_test.go", what: err.Error()}}
	}
	var out []finding
	unknown := map[string]bool{}
	for _, s := range all {
		name := packageName(s.dir)
		if _, ok := table[name]; !ok {
			if !unknown[name] {
				out = append(out, unknownPackage(s, name))
			}
			unknown[name] = true
			continue
		}
		out = append(out, checkImports(s, name, table, tests)...)
	}
	return out
}

// checkImports checks the imports of one file.
func checkImports(s *source, name string, table, tests map[string]layer) []finding {
	var out []finding
	for _, spec := range s.ast.Imports {
		to, ours := ownImport(spec.Path.Value)
		if !ours || to == name || to == "internal/invariants" || table[name].imports[to] {
			continue
		}
		if s.test && tests[name].imports[to] {
			continue
		}
		what := fmt.Sprintf("package %s may not import %s", name, to)
		if l, ok := table[to]; ok && l.row >= table[name].row {
			what += fmt.Sprintf(": row %d looks at row %d, imports point down", table[name].row, l.row)
		}
		out = append(out, s.at(spec.Pos(), what, "declare a small interface in "+name+
			" and let node (or the command) wire the two; the table is in internal/lint/layers_test.go"))
	}
	return out
}

// ownImport returns the table's name of an import path, if the path is ours.
func ownImport(quoted string) (string, bool) {
	p, err := strconv.Unquote(quoted)
	if err != nil || !within(p, module) {
		return "", false
	}
	p = strings.TrimPrefix(strings.TrimPrefix(p, module), "/")
	if p == "" {
		p = "."
	}
	return packageName(p), true
}

func unknownPackage(s *source, name string) finding {
	return s.at(s.ast.Package, "package "+name+" is not in the layer table",
		"put the code where the table says it belongs; if it is a new part of the architecture, "+
			"add `row | imports < "+name+"` to internal/lint/layers_test.go and a line with the "+
			"reason to ARCHITECTURE.md")
}

// TestLayerTable checks the table itself: every import goes to a lower row, or stays in its row
// within one directory (query/plan under query), and no two packages import each other.
func TestLayerTable(t *testing.T) {
	table, err := parseLayers(layers)
	if err != nil {
		t.Fatal(err)
	}
	for name, l := range table {
		for imp := range l.imports {
			below, ok := table[imp]
			switch {
			case !ok:
				t.Errorf("%s imports %s, which is not in the table", name, imp)
			case below.row > l.row:
				t.Errorf("%s (row %d) imports %s (row %d): imports point down", name, l.row, imp, below.row)
			case below.row == l.row && !siblings(name, imp):
				t.Errorf("%s imports %s beside it in row %d", name, imp, l.row)
			case imp != name && below.imports[name]:
				t.Errorf("%s and %s import each other", name, imp)
			}
		}
	}
	extra, err := parseLayers(testLayers)
	if err != nil {
		t.Fatal(err)
	}
	for name, l := range extra {
		if _, ok := table[name]; !ok {
			t.Errorf("testLayers names %s, which is not in the table", name)
		}
		for imp := range l.imports {
			if _, ok := table[imp]; !ok {
				t.Errorf("tests of %s import %s, which is not in the table", name, imp)
			}
		}
	}
}

// siblings says whether two packages of a row may know each other: sub-packages of one
// directory, and the drivers of row 4, which build on the two cluster starters.
func siblings(a, b string) bool {
	first := func(p string) string { return strings.SplitN(p, "/", 2)[0] }
	if b == "internal/testcluster" || b == "internal/localcluster" {
		return a == "bench" || first(a) == "chaos"
	}
	return first(a) == first(b) && first(a) != "internal"
}

// TestLayerTableRefuses feeds the parser lines that are not rules.
func TestLayerTableRefuses(t *testing.T) {
	for _, text := range []string{"1 graph < shard", "x | graph < shard", "1 | graph", "1 | a < b c",
		"1 | a < b\n1 | a < b"} {
		if _, err := parseLayers(text); err == nil {
			t.Errorf("parseLayers(%q) gave no error", text)
		}
	}
}
