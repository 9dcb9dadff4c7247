// Package lint holds the house rules of this repository as tests; it has no code of its own.
//
// Run it with `go test ./internal/lint`; -v adds the size report. Invariants:
//
//	L1  Imports point down only: the table in layers_test.go names every package and what it
//	    may import. A package that is not in the table fails the test.
//	L2  Every heavy dependency stays behind the packages that the fences name.
//	L3  The deterministic core reads no clock, draws no random number, starts no goroutine.
//	L4  Files, functions, structs, interfaces and packages stay within the budgets.
//	L5  Every exported name has a doc comment, every package a doc.go.
//	L6  Every rule is seen to catch its planted bug: testdata/*.txt, one file per rule, and a rule
//	    without such a file fails the test.
//
// A finding names file:line, what is wrong and the remedy. Do not relax a rule to fix a build:
// change the code, or change the rule in a commit of its own that says why.
package lint
