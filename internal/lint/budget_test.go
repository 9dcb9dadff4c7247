package lint

import (
	"fmt"
	"go/ast"
	"sort"
	"strings"
	"testing"
	"unicode/utf8"
)

// The budgets come from the sizes of Go databases that aged well. The soft ones are reported by
// `go test -v ./internal/lint`, the hard ones fail.
const (
	fileSoft      = 500
	fileHard      = 800
	functionSoft  = 60
	functionHard  = 100
	mainHard      = 40
	structHard    = 20
	interfaceHard = 5
	paramsHard    = 5
	lineHard      = 100
	packageHard   = 5000
)

// checkFileLength also holds for tests.
func checkFileLength(all tree) []finding {
	var out []finding
	for _, s := range all {
		if n := len(s.lines); !s.generated && n > fileHard {
			out = append(out, finding{s.path, n, fmt.Sprintf("file of %d lines (limit %d)", n, fileHard),
				"one concern per file: move one of them to a file named after it"})
		}
	}
	return out
}

// checkLineLength also holds for tests. A tab counts as one character; directives and lines
// with a URL cannot be broken and are left alone.
func checkLineLength(all tree) []finding {
	var out []finding
	for _, s := range all {
		if s.generated {
			continue
		}
		for i, l := range s.lines {
			n := utf8.RuneCountInString(l)
			if n <= lineHard || strings.HasPrefix(l, "//go:") || strings.Contains(l, "://") {
				continue
			}
			out = append(out, finding{s.path, i + 1, fmt.Sprintf("line of %d characters (limit %d)",
				n, lineHard), "break the line, or name the long part"})
		}
	}
	return out
}

// functionLines is the length of a function from `func` to its closing brace.
func functionLines(s *source, f *ast.FuncDecl) int {
	return s.line(f.End()) - s.line(f.Pos()) + 1
}

func checkFunctionLength(all tree) []finding {
	var out []finding
	eachFunction(all.written(), func(s *source, f *ast.FuncDecl) {
		if n := functionLines(s, f); n > functionHard {
			out = append(out, s.at(f.Pos(), fmt.Sprintf("function %s of %d lines (limit %d)",
				f.Name.Name, n, functionHard), "split it by its steps, or make it table-driven"))
		}
	})
	return out
}

// checkMainLength keeps programs out of main.
func checkMainLength(all tree) []finding {
	var out []finding
	eachFunction(all.written(), func(s *source, f *ast.FuncDecl) {
		n := functionLines(s, f)
		if f.Recv == nil && f.Name.Name == "main" && within(s.dir, "cmd") && n >= mainHard {
			out = append(out, s.at(f.Pos(), fmt.Sprintf("main of %d lines (limit %d)", n, mainHard-1),
				"main calls a command struct that tests can run too"))
		}
	})
	return out
}

func checkStructFields(all tree) []finding {
	var out []finding
	eachNode(all.written(), func(s *source, n ast.Node) {
		if st, ok := n.(*ast.StructType); ok && st.Fields.NumFields() > structHard {
			out = append(out, s.at(st.Pos(), fmt.Sprintf("struct with %d fields (limit %d)",
				st.Fields.NumFields(), structHard),
				"group what belongs together, with its lock, in a named sub-struct"))
		}
	})
	return out
}

func checkInterfaceMethods(all tree) []finding {
	var out []finding
	eachNode(all.written(), func(s *source, n ast.Node) {
		if it, ok := n.(*ast.InterfaceType); ok && it.Methods.NumFields() > interfaceHard {
			out = append(out, s.at(it.Pos(), fmt.Sprintf("interface with %d methods (limit %d)",
				it.Methods.NumFields(), interfaceHard),
				"declare at the consumer what that consumer needs, in several interfaces"))
		}
	})
	return out
}

// paramsAllowed lists functions whose parameters others prescribe, by "path function": who.
func paramsAllowed() map[string]string {
	return map[string]string{
		"raftlog/snapshot_sink.go Create": "raft.SnapshotStore",
	}
}

func checkParams(all tree) []finding {
	var out []finding
	eachFunction(all.written(), func(s *source, f *ast.FuncDecl) {
		if paramsAllowed()[s.path+" "+f.Name.Name] != "" {
			return
		}
		if n := f.Type.Params.NumFields(); n > paramsHard {
			out = append(out, s.at(f.Pos(), fmt.Sprintf("function %s with %d parameters (limit %d)",
				f.Name.Name, n, paramsHard), "pass a struct, or make it a method"))
		}
	})
	return out
}

func checkPackageLength(all tree) []finding {
	lines := map[string]int{}
	first := map[string]string{}
	for _, s := range all.written() {
		lines[s.dir] += len(s.lines)
		if first[s.dir] == "" {
			first[s.dir] = s.path
		}
	}
	var out []finding
	for dir, n := range lines {
		if n > packageHard {
			out = append(out, finding{first[dir], 1, fmt.Sprintf("package %s of %d lines (limit %d)",
				dir, n, packageHard), "give one of its concerns a sub-package; ARCHITECTURE.md says when"})
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].path < out[j].path })
	return out
}

// eachFunction visits every declared function that has a body.
func eachFunction(all tree, visit func(*source, *ast.FuncDecl)) {
	for _, s := range all {
		for _, d := range s.ast.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Body != nil {
				visit(s, f)
			}
		}
	}
}

// eachNode visits every node of every file.
func eachNode(all tree, visit func(*source, ast.Node)) {
	for _, s := range all {
		ast.Inspect(s.ast, func(n ast.Node) bool {
			if n != nil {
				visit(s, n)
			}
			return true
		})
	}
}

// TestSizes reports how large things are; only an empty tree fails it.
func TestSizes(t *testing.T) {
	all := loadRepository(t).written()
	var functions []int
	packages := map[string]int{}
	for _, s := range all {
		packages[s.dir] += len(s.lines)
		if n := len(s.lines); n > fileSoft {
			t.Logf("%s: %d lines (aim: %d)", s.path, n, fileSoft)
		}
	}
	eachFunction(all, func(s *source, f *ast.FuncDecl) {
		n := functionLines(s, f)
		functions = append(functions, n)
		if n > functionSoft {
			t.Logf("%s:%d: %s has %d lines (aim: %d)", s.path, s.line(f.Pos()),
				f.Name.Name, n, functionSoft)
		}
	})
	if len(functions) == 0 {
		t.Fatal("no function found: the test looks at the wrong place")
	}
	sort.Ints(functions)
	at := func(p int) int { return functions[(len(functions)-1)*p/100] }
	t.Logf("%d functions: median %d lines, p95 %d, p99 %d, longest %d", len(functions), at(50), at(95),
		at(99), at(100))
	var names []string
	for dir := range packages {
		names = append(names, dir)
	}
	sort.Strings(names)
	for _, dir := range names {
		t.Logf("%-24s %5d lines", dir, packages[dir])
	}
}
