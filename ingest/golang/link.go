package golang

import (
	"cmp"
	"context"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/ingest/lang"
)

// golang is the analyzer for Go.
type golang struct {
	base lang.Base

	mu    sync.Mutex // guards files while scanning
	files map[int]*goFile

	packages map[string]*goPackage // by import path
	extTypes map[extName]bool      // names of packages outside the tree that are types
	std      map[extName]bool      // types of the standard library that conversions name
}

// goPackage is one package: its files share a scope.
type goPackage struct {
	path  string
	name  string
	unit  *lang.Unit
	sym   *lang.Symbol
	scope map[string]*goObject
	types []*goNamed // in the order of their names
}

// goObject is a package-level name.
type goObject struct {
	kind  declKind
	sym   *lang.Symbol
	file  *goFile
	typ   *goType // nil until a variable's type is inferred
	named *goNamed
	decl  *goDecl // variables without a type, until it is inferred
	busy  bool    // being inferred
}

// goNamed is a defined or alias type.
type goNamed struct {
	name    string
	pkg     *goPackage // nil for a type of a function
	sym     *lang.Symbol
	file    *goFile
	alias   bool
	params  []string
	bounds  []*goType // constraints of the parameters
	under   *goType
	members map[string]*goMember // own fields and methods
	set     map[string]*goMember // the method set with what is promoted, once asked for
	open    bool                 // the set may hold more: something embedded is not in the tree
	inSet   bool                 // the set is being computed
	impls   []*lang.Symbol       // interfaces of the tree that it implements
}

// goMember is a field or method of a type.
type goMember struct {
	name       string
	kind       graph.VertexKind // graph.Method or graph.Field
	sym        *lang.Symbol
	typ        *goType
	recvParams []string
	of         *goNamed
	overrides  []*lang.Symbol
}

func (n *goNamed) text() string {
	if n.sym != nil {
		return n.sym.Key
	}
	return n.name
}

// New returns the analyzer for Go.
func New(base lang.Base) lang.Analyzer {
	return &golang{base: base, files: map[int]*goFile{}, packages: map[string]*goPackage{},
		extTypes: map[extName]bool{}, std: stdTypes()}
}

// Link implements lang.Analyzer.
func (g *golang) Link(ctx context.Context) error {
	files := g.sortedFiles()
	g.assignPackages(files)
	for _, f := range files {
		g.linkImports(f)
	}
	for _, step := range []func(*goFile){g.declareTypes, g.declareRest, g.linkTypes} {
		if err := ctx.Err(); err != nil {
			return err
		}
		for _, f := range files {
			step(f)
		}
	}
	for _, f := range files {
		g.inferVars(f)
	}
	g.implementations()
	for _, f := range files { // what only Link needs
		f.decls, f.extTypes = nil, nil
	}
	return ctx.Err()
}

// sortedFiles returns the files that build on the reference platform first, then by path: the
// first declaration of a name gives its type.
func (g *golang) sortedFiles() []*goFile {
	files := make([]*goFile, 0, len(g.files))
	for _, f := range g.files {
		files = append(files, f)
	}
	slices.SortFunc(files, func(a, b *goFile) int {
		if a.builds != b.builds {
			if a.builds {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.path, b.path)
	})
	return files
}

// assignPackages gives every file its package. A directory has one principal package, its external
// tests, and files of other names: those are programs of their own (go run gen.go).
func (g *golang) assignPackages(files []*goFile) {
	votes := map[string]map[string]int{}
	for _, f := range files {
		if votes[f.dir] == nil {
			votes[f.dir] = map[string]int{}
		}
		name, weight := f.pkgName, 1
		if f.test {
			name = strings.TrimSuffix(name, "_test")
		} else if !f.ignored {
			weight = 1000
		}
		votes[f.dir][name] += weight
	}
	principal := map[string]string{}
	for dir, names := range votes {
		best := ""
		for name, n := range names {
			if best == "" || n > names[best] || n == names[best] && name < best {
				best = name
			}
		}
		principal[dir] = best
	}
	for _, f := range files {
		main := principal[f.dir]
		p := g.importPath(f.dir)
		switch {
		case f.pkgName == main:
		case f.test && f.pkgName == main+"_test":
			p += "_test"
		default:
			p += "/" + path.Base(f.path)
		}
		f.pkg = g.packageAt(p, f.pkgName, f.dir)
	}
}

func (g *golang) packageAt(p, name, dir string) *goPackage {
	pkg := g.packages[p]
	if pkg == nil {
		u := g.base.UnitOf(graph.ManagerGo, dir)
		pkg = &goPackage{path: p, name: name, unit: u, scope: map[string]*goObject{}}
		pkg.sym = lang.NewSymbol(graph.Symbol{Manager: graph.ManagerGo, Package: u.Package,
			Descriptors: []graph.Descriptor{{Kind: graph.NamespaceDesc, Name: p}}}.String())
		g.packages[p] = pkg
	}
	return pkg
}

// importPath returns the import path of a directory.
func (g *golang) importPath(dir string) string {
	u := g.base.UnitOf(graph.ManagerGo, dir)
	rel := strings.TrimPrefix(strings.TrimPrefix(dir, u.Dir), "/")
	switch {
	case u.Name == stdModule && rel != "":
		return rel
	case rel == "":
		return u.Name
	case u.Name == "":
		return rel
	}
	return u.Name + "/" + rel
}

// stdModule is the module of the standard library: its packages have paths without it.
const stdModule = "std"

// linkImports finds the packages that a file imports and the names they have there.
func (g *golang) linkImports(f *goFile) {
	f.names = map[string]*goImport{}
	for _, imp := range f.imports {
		imp.pkg = g.lookupPackage(f, imp.path)
		if imp.pkg != nil {
			imp.sym = imp.pkg.sym
		} else {
			imp.sym = lang.NewSymbol(g.externalKey(f, imp.path, nil))
			imp.sym.Foreign = true
		}
		switch {
		case imp.alias == ".":
			f.dots = append(f.dots, imp)
		case imp.alias == "_":
		case imp.alias != "":
			f.names[imp.alias] = imp
		case imp.pkg != nil:
			f.names[imp.pkg.name] = imp
		default:
			for _, name := range packageNames(imp.path) {
				if f.names[name] == nil {
					f.names[name] = imp
				}
			}
		}
	}
	for _, e := range f.extTypes {
		if imp := f.names[e.pkg]; imp != nil && imp.pkg == nil {
			g.extTypes[extName{imp.path, e.name}] = true
		}
	}
}

// lookupPackage returns the package of the tree with an import path, nil if there is none.
func (g *golang) lookupPackage(f *goFile, p string) *goPackage {
	if pkg := g.packages[p]; pkg != nil {
		return pkg
	}
	for from, dir := range f.pkg.unit.Replaces {
		if p == from || strings.HasPrefix(p, from+"/") {
			return g.packages[g.importPath(strings.TrimPrefix(dir+p[len(from):], "/"))]
		}
	}
	return nil
}

// packageNames guesses the names that the package of an import path may have.
func packageNames(p string) []string {
	base := path.Base(p)
	if isVersion(base) {
		base = path.Base(path.Dir(p))
	}
	if i := strings.LastIndex(base, ".v"); i > 0 {
		base = base[:i]
	}
	names := []string{base, path.Base(p)}
	for _, cut := range []string{"go-", "golang-"} {
		names = append(names, strings.TrimPrefix(base, cut))
	}
	for _, cut := range []string{"-go", ".go", "-golang"} {
		names = append(names, strings.TrimSuffix(base, cut))
	}
	names = append(names, strings.ReplaceAll(base, "-", "_"), strings.ReplaceAll(base, "-", ""))
	if i := strings.LastIndexAny(base, "-."); i > 0 {
		names = append(names, base[i+1:])
	}
	return names
}

func isVersion(s string) bool {
	return len(s) > 1 && s[0] == 'v' && strings.Trim(s[1:], "0123456789") == ""
}

// externalKey returns the key of a package outside the tree, or of something in it.
func (g *golang) externalKey(f *goFile, p string, below []graph.Descriptor) string {
	module := externalModule(f.pkg.unit, p)
	ds := append([]graph.Descriptor{{Kind: graph.NamespaceDesc, Name: p}}, below...)
	return graph.Symbol{Manager: graph.ManagerGo, Package: module, Descriptors: ds}.String()
}

// externalModule returns the module that holds a package outside the tree: the standard library,
// or the longest required module that is a prefix of the path.
func externalModule(u *lang.Unit, p string) string {
	first, _, _ := strings.Cut(p, "/")
	if !strings.Contains(first, ".") {
		return stdModule
	}
	best := ""
	for _, m := range u.Requires {
		if (p == m || strings.HasPrefix(p, m+"/")) && len(m) > len(best) {
			best = m
		}
	}
	if best != "" {
		return best
	}
	parts := strings.Split(p, "/")
	if n := 3; strings.HasPrefix(p, "github.com/") && len(parts) > n {
		if len(parts) > n && isVersion(parts[n]) {
			n++
		}
		return strings.Join(parts[:n], "/")
	}
	return p
}

// declareTypes enters a file's types.
func (g *golang) declareTypes(f *goFile) {
	for i := range f.decls {
		d := &f.decls[i]
		if d.kind != declType || d.name == "_" || f.pkg.scope[d.name] != nil {
			continue
		}
		n := &goNamed{name: d.name, pkg: f.pkg, file: f, alias: d.alias, under: d.typ,
			sym: lang.Child(f.pkg.sym, graph.TypeDesc, d.name), members: map[string]*goMember{}}
		for _, p := range d.tparams {
			n.params = append(n.params, p.name)
			n.bounds = append(n.bounds, p.typ)
		}
		f.pkg.types = append(f.pkg.types, n)
		f.pkg.scope[d.name] = &goObject{kind: declType, sym: n.sym, file: f, named: n,
			typ: &goType{kind: tNamed, named: n, name: d.name}}
	}
}

// declareRest enters functions, methods, variables and constants.
func (g *golang) declareRest(f *goFile) {
	for i := range f.decls {
		d := &f.decls[i]
		switch d.kind {
		case declMethod:
			g.declareMethod(f, d)
		case declFunc:
			if d.name != "init" && d.name != "_" && f.pkg.scope[d.name] == nil {
				f.pkg.scope[d.name] = &goObject{kind: declFunc, file: f, typ: d.typ,
					sym: lang.Child(f.pkg.sym, graph.MethodDesc, d.name)}
			}
		case declVar, declConst:
			if d.name != "_" && f.pkg.scope[d.name] == nil {
				f.pkg.scope[d.name] = &goObject{kind: d.kind, file: f, typ: d.typ, decl: d,
					sym: lang.Child(f.pkg.sym, graph.TermDesc, d.name)}
			}
		}
	}
}

func (g *golang) declareMethod(f *goFile, d *goDecl) {
	obj := f.pkg.scope[d.recv]
	if obj == nil || obj.named == nil || d.name == "_" || obj.named.members[d.name] != nil {
		return
	}
	n := obj.named
	n.members[d.name] = &goMember{name: d.name, kind: graph.Method, typ: d.typ, of: n,
		recvParams: d.recvParams, sym: lang.Child(n.sym, graph.MethodDesc, d.name)}
}

// linkTypes looks up the names in the types of a file's declarations.
func (g *golang) linkTypes(f *goFile) {
	for i := range f.decls {
		d := &f.decls[i]
		local := paramScope(d.tparams, f.receiverParams(d.recv, d.recvParams))
		for j := range d.tparams {
			f.link(d.tparams[j].typ, local)
		}
		if d.typ != nil {
			f.link(d.typ, local)
		}
		if obj := f.pkg.scope[d.name]; d.kind == declType && obj != nil && obj.file == f {
			g.declareMembers(obj.named)
		}
	}
}

// receiverParams returns the type parameters of a method's receiver with their constraints.
func (f *goFile) receiverParams(recv string, names []string) []goField {
	out := make([]goField, len(names))
	obj := f.pkg.scope[recv]
	for i, name := range names {
		out[i] = goField{name: name}
		if obj != nil && obj.named != nil && i < len(obj.named.bounds) {
			out[i].typ = obj.named.bounds[i]
		}
	}
	return out
}

// paramScope returns a look-up of type parameters.
func paramScope(tparams, recv []goField) func(string) *goType {
	if len(tparams) == 0 && len(recv) == 0 {
		return nil
	}
	types := map[string]*goType{}
	for _, p := range slices.Concat(tparams, recv) {
		types[p.name] = &goType{kind: tParam, name: p.name, elem: p.typ}
	}
	return func(name string) *goType { return types[name] }
}

// declareMembers enters the fields of a struct or the methods of an interface.
func (g *golang) declareMembers(n *goNamed) {
	if n.alias {
		return
	}
	for _, f := range n.under.fields {
		if f.name == "" || f.name == "_" || n.members[f.name] != nil {
			continue
		}
		m := &goMember{name: f.name, typ: f.typ, of: n, kind: graph.Field}
		if n.under.kind == tInterface {
			m.kind, m.sym = graph.Method, lang.Child(n.sym, graph.MethodDesc, f.name)
		} else {
			m.sym = lang.Child(n.sym, graph.TermDesc, f.name)
		}
		n.members[f.name] = m
	}
}

// link looks up the references in t, in place. local finds names of inner scopes; it may be nil.
func (f *goFile) link(t *goType, local func(string) *goType) {
	if t == nil {
		return
	}
	if t.kind == tRef {
		f.linkRef(t, local)
	}
	if t.kind == tNamed && t.elem == nil && len(t.args) == 0 {
		return
	}
	f.link(t.key, local)
	if t.kind != tParam {
		f.link(t.elem, local)
	}
	for _, x := range t.args {
		f.link(x, local)
	}
	for _, x := range t.results {
		f.link(x, local)
	}
	for i := range t.fields {
		f.link(t.fields[i].typ, local)
	}
}

func (f *goFile) linkRef(t *goType, local func(string) *goType) {
	args := t.args
	var to *goType
	if t.pkg != "" {
		to = f.qualified(t.pkg, t.name)
	} else {
		to = f.plain(t.name, local)
	}
	name := t.name
	*t = *to
	if len(args) > 0 && (t.kind == tNamed || t.kind == tExternal) {
		t.args = args
	}
	if t.kind == tUnknown {
		t.name = name
	}
}

// qualified returns the type that a qualified name stands for.
func (f *goFile) qualified(pkg, name string) *goType {
	imp := f.names[pkg]
	switch {
	case imp == nil:
		return unknownType
	case imp.pkg == nil:
		return &goType{kind: tExternal, pkg: imp.path, name: name}
	}
	if obj := imp.pkg.scope[name]; obj != nil && obj.kind == declType {
		return obj.typ
	}
	return unknownType
}

// plain returns the type that a name without qualifier stands for.
func (f *goFile) plain(name string, local func(string) *goType) *goType {
	if local != nil {
		if t := local(name); t != nil {
			return t
		}
	}
	if obj := f.pkg.scope[name]; obj != nil {
		if obj.kind == declType {
			return obj.typ
		}
		return unknownType
	}
	for _, imp := range f.dots {
		if imp.pkg != nil {
			if obj := imp.pkg.scope[name]; obj != nil && obj.kind == declType {
				return obj.typ
			}
		}
	}
	if b, ok := basicTypes[name]; ok {
		return &goType{kind: tBasic, name: b}
	}
	if name == "any" {
		return anyType
	}
	if imp := f.onlyForeignDot(); imp != nil && isExported(name) {
		return &goType{kind: tExternal, pkg: imp.path, name: name}
	}
	return unknownType
}

// onlyForeignDot returns the import that a name found nowhere else must come from: the only one
// with a dot whose package is not in the tree.
func (f *goFile) onlyForeignDot() *goImport {
	var only *goImport
	for _, imp := range f.dots {
		if imp.pkg == nil {
			if only != nil {
				return nil
			}
			only = imp
		}
	}
	return only
}
