package lint

import (
	"go/ast"
	"path"
	"strconv"
)

// deterministicDirs must give the same output for the same input on every replica: Apply, query
// plans and the model itself. The state machine of the meta group is cluster/state*.go.
func deterministicDirs() []string {
	return []string{"graph", "shard", "txn", "query/parse", "query/plan"}
}

// nondeterministic allows single places of the core that do not decide anything, by
// "path name": the reason. An entry that no longer matches is an error.
func nondeterministic() map[string]string {
	return map[string]string{}
}

// clockCalls are the functions of package time that read or wait for the clock.
var clockCalls = map[string]bool{
	"Now": true, "Since": true, "Until": true, "Sleep": true, "After": true, "AfterFunc": true,
	"Tick": true, "NewTicker": true, "NewTimer": true,
}

// isDeterministic says whether a file belongs to the core.
func isDeterministic(s *source) bool {
	if s.test || s.generated {
		return false
	}
	if s.dir == "cluster" {
		ok, _ := path.Match("state*.go", path.Base(s.path))
		return ok
	}
	return inside(s.dir, deterministicDirs())
}

// checkDeterministic looks for clocks, random numbers and goroutines in the core.
func checkDeterministic(all tree) []finding {
	var out []finding
	for _, s := range all.filter(isDeterministic) {
		for _, spec := range s.ast.Imports {
			p, _ := strconv.Unquote(spec.Path.Value)
			if p == "math/rand" || p == "math/rand/v2" || p == "crypto/rand" {
				out = append(out, s.core(spec, p, "take the number, or a seeded source, as an argument")...)
			}
		}
		if local, ok := s.localName("time"); ok {
			eachSelector(s.ast, local, func(sel *ast.SelectorExpr) {
				if clockCalls[sel.Sel.Name] {
					out = append(out, s.core(sel, "time."+sel.Sel.Name,
						"take the time as an argument, or through options as a func")...)
				}
			})
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			if g, ok := n.(*ast.GoStmt); ok {
				out = append(out, s.core(g, "go statement", "leave goroutines to the caller in row 3")...)
			}
			return true
		})
	}
	return out
}

// core makes a finding in the deterministic core, unless the place is allowed.
func (s *source) core(n ast.Node, what, remedy string) []finding {
	if nondeterministic()[s.path+" "+what] != "" {
		return nil
	}
	return []finding{s.at(n.Pos(), what+" in the deterministic core", remedy)}
}
