package lint

import (
	"go/ast"
	"path"
	"regexp"
	"strings"
)

// checkExportedDocs wants a comment on every exported function, method, type, constant and
// variable. One comment on a group of constants or variables covers the group.
func checkExportedDocs(all tree) []finding {
	var out []finding
	missing := func(s *source, n ast.Node, name string) {
		out = append(out, s.at(n.Pos(), "exported "+name+" has no doc comment",
			"say in one sentence what it is for, or do not export it"))
	}
	for _, s := range all.written() {
		for _, d := range s.ast.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) {
					missing(s, d, d.Name.Name)
				}
			case *ast.GenDecl:
				undocumentedSpecs(d, func(id *ast.Ident) { missing(s, id, id.Name) })
			}
		}
	}
	return out
}

// exportedReceiver says whether a method can be reached from outside; functions can.
func exportedReceiver(f *ast.FuncDecl) bool {
	if f.Recv == nil || len(f.Recv.List) == 0 {
		return true
	}
	name := ""
	ast.Inspect(f.Recv.List[0].Type, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && name == "" {
			name = id.Name
		}
		return name == ""
	})
	return ast.IsExported(name)
}

// undocumentedSpecs reports the exported names of one declaration that nothing describes.
func undocumentedSpecs(d *ast.GenDecl, missing func(*ast.Ident)) {
	for _, spec := range d.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			alone := !d.Lparen.IsValid() && d.Doc != nil
			if spec.Name.IsExported() && spec.Doc == nil && spec.Comment == nil && !alone {
				missing(spec.Name)
			}
		case *ast.ValueSpec:
			if d.Doc != nil || spec.Doc != nil || spec.Comment != nil {
				continue
			}
			for _, id := range spec.Names {
				if id.IsExported() {
					missing(id)
				}
			}
		}
	}
}

// checkPackageDocs wants a doc.go with the package comment; for a command, any file will do.
func checkPackageDocs(all tree) []finding {
	first := map[string]*source{}
	documented := map[string]bool{}
	for _, s := range all {
		if s.generated {
			continue
		}
		if first[s.dir] == nil {
			first[s.dir] = s
		}
		if s.ast.Doc != nil && (path.Base(s.path) == "doc.go" || s.ast.Name.Name == "main") {
			documented[s.dir] = true
		}
	}
	var out []finding
	for _, s := range all {
		if first[s.dir] == s && !documented[s.dir] {
			out = append(out, s.at(s.ast.Package, "package "+s.dir+" has no package comment in doc.go",
				"write doc.go: the role in one sentence, then the numbered invariants"))
		}
	}
	return out
}

// vagueNames are names that say nothing about what a package is for.
var vagueNames = map[string]bool{
	"util": true, "utils": true, "common": true, "helper": true, "helpers": true, "types": true,
	"model": true, "models": true, "misc": true, "shared": true, "lib": true,
}

func checkPackageNames(all tree) []finding {
	var out []finding
	seen := map[string]bool{}
	for _, s := range all {
		name := strings.TrimSuffix(s.ast.Name.Name, "_test")
		vague := vagueNames[name] || vagueNames[path.Base(s.dir)]
		if vague && !seen[s.dir] {
			seen[s.dir] = true
			out = append(out, s.at(s.ast.Name.Pos(), "package name "+name+" says nothing",
				"name it after what it does, or keep the code where it is used"))
		}
	}
	return out
}

var (
	todoOwned = regexp.MustCompile(`\bTODO\([a-z][a-z0-9-]*\)`)
	todoWord  = regexp.MustCompile(`\b(TODO|FIXME|XXX|HACK)\b`)
)

// checkTodos wants an owner for everything left open.
func checkTodos(all tree) []finding {
	var out []finding
	for _, s := range all {
		if s.generated {
			continue
		}
		for _, group := range s.ast.Comments {
			for _, c := range group.List {
				for i, l := range strings.Split(c.Text, "\n") {
					if w := todoWord.FindString(todoOwned.ReplaceAllString(l, "")); w != "" {
						f := s.at(c.Pos(), w+" without an owner", "do it, drop it, or write TODO(owner)")
						f.line += i
						out = append(out, f)
					}
				}
			}
		}
	}
	return out
}

// panicAllowed lists where our code may panic, by "path function": the reason.
func panicAllowed() map[string]string {
	return map[string]string{
		"shard/options.go Fatalf": "pebble's Logger.Fatalf must not return",
	}
}

// checkPanics sends assertions to internal/invariants and everything else to errors. A panic
// with a value is a way to unwind, and stays allowed where the same package recovers it.
func checkPanics(all tree) []finding {
	recovers := map[string]bool{}
	eachNode(all.written(), func(s *source, n ast.Node) {
		if builtin(n, "recover") != nil {
			recovers[s.dir] = true
		}
	})
	var out []finding
	eachFunction(all.written(), func(s *source, f *ast.FuncDecl) {
		if s.dir == "internal/invariants" || panicAllowed()[s.path+" "+f.Name.Name] != "" {
			return
		}
		ast.Inspect(f.Body, func(n ast.Node) bool {
			call := builtin(n, "panic")
			if call != nil && !(recovers[s.dir] && !isMessage(call.Args)) {
				out = append(out, s.at(call.Pos(), "panic in "+f.Name.Name,
					"return an error; for what cannot happen use internal/invariants"))
			}
			return true
		})
	})
	return out
}

// builtin returns n as a call of the named builtin function, or nil.
func builtin(n ast.Node, name string) *ast.CallExpr {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return nil
	}
	if id, ok := call.Fun.(*ast.Ident); !ok || id.Name != name {
		return nil
	}
	return call
}

// isMessage says whether a panic's argument is text for people: a literal, or made by fmt or
// errors.
func isMessage(args []ast.Expr) bool {
	message := false
	for _, arg := range args {
		ast.Inspect(arg, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CompositeLit:
				return false
			case *ast.BasicLit:
				message = true
			case *ast.SelectorExpr:
				id, ok := n.X.(*ast.Ident)
				message = message || ok && (id.Name == "fmt" || id.Name == "errors")
			}
			return true
		})
	}
	return message
}

// checkInits forbids hidden wiring.
func checkInits(all tree) []finding {
	var out []finding
	eachFunction(all.written(), func(s *source, f *ast.FuncDecl) {
		if f.Recv == nil && f.Name.Name == "init" {
			out = append(out, s.at(f.Pos(), "func init", "use a constructor that the caller names"))
		}
	})
	return out
}

// checkSkips forbids tests that pass without having looked.
func checkSkips(all tree) []finding {
	var out []finding
	for _, s := range all.filter(func(s *source) bool { return s.test }) {
		ast.Inspect(s.ast, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			id, ok := sel.X.(*ast.Ident)
			if !ok || id.Name != "t" && id.Name != "b" && id.Name != "f" && id.Name != "tb" {
				return true
			}
			switch sel.Sel.Name {
			case "Skip", "Skipf", "SkipNow":
				out = append(out, s.at(sel.Pos(), "skipped test",
					"install what the test needs, or fail and say what is missing"))
			}
			return true
		})
	}
	return out
}

// declared reports whether the file at path declares the function. Used to find stale
// allow-list entries.
func (all tree) declared(p, function string) bool {
	found := false
	eachFunction(all, func(s *source, f *ast.FuncDecl) {
		found = found || s.path == p && f.Name.Name == function
	})
	return found
}
