package golang

import (
	"context"
	"go/build/constraint"
	"path"
	"slices"
	"strings"

	"github.com/codegraphdb/codegraph/ingest/lang"
)

// declKind is what a declaration declares.
type declKind uint8

const (
	declFunc declKind = iota
	declMethod
	declType
	declVar
	declConst
)

// goDecl is a package-level declaration of one name.
type goDecl struct {
	kind       declKind
	alias      bool
	name       string
	recv       string     // methods: the receiver's type
	recvParams []string   // methods: names of the receiver's type parameters
	tparams    []goField  // functions and types
	typ        *goType    // nil for a variable without a type
	init       *lang.Tree // the initialiser of such a variable
	initAt     int        // which of its values
}

// goImport is one import of a file.
type goImport struct {
	alias string
	path  string
	pkg   *goPackage // nil for a package that is not in the tree
	sym   *lang.Symbol
}

// goFile is what the first pass keeps of a file.
type goFile struct {
	path     string
	dir      string
	pkgName  string
	test     bool
	builds   bool // its build constraints hold on the reference platform
	ignored  bool // `//go:build ignore` and the like
	imports  []*goImport
	decls    []goDecl
	extTypes []extName // names of other packages that are used as types
	pkg      *goPackage
	names    map[string]*goImport // imports by the name they have in the file
	dots     []*goImport
}

// extName is a name of a package, by the qualifier of the file until Link.
type extName struct{ pkg, name string }

// Scan implements lang.Analyzer.
func (g *golang) Scan(ctx context.Context, p *lang.Parser, f *lang.File) (lang.Result, error) {
	t, err := p.Parse(ctx, lang.Go, f.Src)
	if err != nil {
		return lang.Result{}, err
	}
	gf := &goFile{path: f.Path, dir: f.Dir(), test: strings.HasSuffix(f.Path, "_test.go")}
	gf.builds, gf.ignored = buildable(f.Path, f.Src)
	for c := range t.Kids(lang.Root) {
		gf.declaration(t, c)
	}
	gf.usedTypes(t)
	g.mu.Lock()
	g.files[f.Index] = gf
	g.mu.Unlock()
	return t.Result(), nil
}

// declaration reads a top-level node.
func (f *goFile) declaration(t *lang.Tree, c int) {
	switch t.Kind(c) {
	case lang.KPackageClause:
		if n := t.First(c); n != 0 {
			f.pkgName = t.Text(n)
		}
	case lang.KImportDeclaration:
		f.importSpecs(t, c)
	case lang.KFunctionDeclaration:
		typ := funcExpr(t, c)
		typ.tparams = typeParams(t, t.Child(c, lang.FTypeParameters))
		f.decls = append(f.decls, goDecl{kind: declFunc, name: t.FieldText(c, lang.FName), typ: typ,
			tparams: typ.tparams})
	case lang.KMethodDeclaration:
		d := goDecl{kind: declMethod, name: t.FieldText(c, lang.FName), typ: funcExpr(t, c)}
		d.recv, d.recvParams = receiver(t, c)
		f.decls = append(f.decls, d)
	case lang.KTypeDeclaration:
		for s := range t.Kids(c) {
			f.typeSpec(t, s)
		}
	case lang.KVarDeclaration:
		eachSpec(t, c, lang.KVarSpec, func(s int) { f.varSpec(t, s) })
	case lang.KConstDeclaration:
		var last int
		for s := range t.Kids(c) {
			if t.Kind(s) == lang.KConstSpec {
				last = f.constSpec(t, s, last)
			}
		}
	}
}

// eachSpec calls fn for the specs of a declaration, also those in a list.
func eachSpec(t *lang.Tree, decl int, k lang.Kind, fn func(spec int)) {
	for s := range t.Kids(decl) {
		switch t.Kind(s) {
		case k:
			fn(s)
		case lang.KVarSpecList, lang.KImportSpecList:
			eachSpec(t, s, k, fn)
		}
	}
}

func (f *goFile) importSpecs(t *lang.Tree, decl int) {
	eachSpec(t, decl, lang.KImportSpec, func(s int) {
		p := strings.Trim(t.FieldText(s, lang.FPath), "\"`")
		if p != "" {
			f.imports = append(f.imports, &goImport{alias: t.FieldText(s, lang.FName), path: p})
		}
	})
}

// receiver returns the name of a method's receiver type and of its type parameters.
func receiver(t *lang.Tree, method int) (name string, tparams []string) {
	list := t.Child(method, lang.FReceiver)
	if list == 0 {
		return "", nil
	}
	for _, p := range params(t, list) {
		r := pointee(p.typ)
		for _, a := range r.args {
			tparams = append(tparams, a.name)
		}
		return r.name, tparams
	}
	return "", nil
}

func (f *goFile) typeSpec(t *lang.Tree, s int) {
	k := t.Kind(s)
	if k != lang.KTypeSpec && k != lang.KTypeAlias {
		return
	}
	d := goDecl{kind: declType, name: t.FieldText(s, lang.FName), alias: k == lang.KTypeAlias,
		typ:     unknownType,
		tparams: typeParams(t, t.Child(s, lang.FTypeParameters))}
	if tn := t.Child(s, lang.FType); tn != 0 {
		d.typ = typeExpr(t, tn)
	}
	f.decls = append(f.decls, d)
}

func (f *goFile) varSpec(t *lang.Tree, s int) {
	var typ *goType
	if tn := t.Child(s, lang.FType); tn != 0 {
		typ = typeExpr(t, tn)
	}
	values := exprs(t, t.Child(s, lang.FValue))
	at := 0
	for n := range t.Kids(s) {
		if t.Field(n) != lang.FName || t.Kind(n) != lang.KIdentifier {
			continue
		}
		d := goDecl{kind: declVar, name: t.Text(n), typ: typ}
		if typ == nil {
			switch {
			case at < len(values):
				d.init = initTree(t, values[at])
			case len(values) == 1:
				d.init, d.initAt = initTree(t, values[0]), at
			}
		}
		f.decls = append(f.decls, d)
		at++
	}
}

// constSpec reads a constant spec; one without type and value repeats the type of the one before.
func (f *goFile) constSpec(t *lang.Tree, s, last int) int {
	tn, value := t.Child(s, lang.FType), t.Child(s, lang.FValue)
	if tn == 0 && value == 0 {
		tn = last
	}
	var typ *goType
	if tn != 0 {
		typ = typeExpr(t, tn)
	}
	values := exprs(t, value)
	at := 0
	for n := range t.Kids(s) {
		if t.Field(n) != lang.FName || t.Kind(n) != lang.KIdentifier {
			continue
		}
		d := goDecl{kind: declConst, name: t.Text(n), typ: typ}
		if typ == nil && at < len(values) {
			d.init = initTree(t, values[at])
		}
		f.decls = append(f.decls, d)
		at++
	}
	return tn
}

// exprs returns the expressions of an expression list, or the expression itself.
func exprs(t *lang.Tree, i int) []int {
	if i == 0 {
		return nil
	}
	if t.Kind(i) != lang.KExpressionList {
		return []int{i}
	}
	var out []int
	for c := range t.Kids(i) {
		if t.Kind(c) != lang.KComment {
			out = append(out, c)
		}
	}
	return out
}

// initTree copies as much of an initialiser as its type depends on.
func initTree(t *lang.Tree, i int) *lang.Tree {
	return t.CopySub(i, func(k lang.Kind) bool {
		return k == lang.KArgumentList || k == lang.KLiteralValue || k == lang.KBlock
	})
}

// usedTypes notes the qualified names that stand where only a type can.
func (f *goFile) usedTypes(t *lang.Tree) {
	seen := map[extName]bool{}
	for i := range t.Len() {
		if t.Kind(i) != lang.KQualifiedType {
			continue
		}
		q, n := t.First(i), t.Last(i)
		e := extName{t.Text(q), t.Text(n)}
		if !seen[e] {
			seen[e] = true
			f.extTypes = append(f.extTypes, e)
		}
	}
}

// The platform that files for several are judged by.
const referenceOS, referenceArch = "linux", "amd64"

var knownOS = strings.Fields("aix android darwin dragonfly freebsd hurd illumos ios js linux " +
	"nacl netbsd openbsd plan9 solaris wasip1 windows zos")

var knownArch = strings.Fields("386 amd64 amd64p32 arm armbe arm64 arm64be loong64 mips " +
	"mipsle mips64 mips64le mips64p32 mips64p32le ppc ppc64 ppc64le riscv riscv64 s390 " +
	"s390x sparc sparc64 wasm")

// buildable tells whether a file is part of a build on the reference platform, and whether no
// build at all takes it (`ignore`).
func buildable(p string, src []byte) (builds, ignored bool) {
	builds = nameBuilds(p)
	expr := buildLine(src)
	if expr == nil {
		return builds, false
	}
	if !expr.Eval(buildTag) {
		return false, !expr.Eval(func(tag string) bool { return tag != "ignore" && buildTag(tag) }) &&
			strings.Contains(expr.String(), "ignore")
	}
	return builds, false
}

func nameBuilds(p string) bool {
	name := strings.TrimSuffix(strings.TrimSuffix(path.Base(p), ".go"), "_test")
	parts := strings.Split(name, "_")
	n := len(parts)
	if n >= 2 && slices.Contains(knownArch, parts[n-1]) {
		if parts[n-1] != referenceArch {
			return false
		}
		n--
	}
	if n >= 2 && slices.Contains(knownOS, parts[n-1]) {
		return parts[n-1] == referenceOS
	}
	return true
}

// buildLine returns the expression of the first //go:build line above the package clause.
func buildLine(src []byte) constraint.Expr {
	const head = 16 << 10
	rest := string(src[:min(len(src), head)])
	for rest != "" {
		var line string
		line, rest, _ = strings.Cut(rest, "\n")
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "package ") {
			break
		}
		if constraint.IsGoBuild(line) {
			if expr, err := constraint.Parse(line); err == nil {
				return expr
			}
		}
	}
	return nil
}

func buildTag(tag string) bool {
	switch tag {
	case referenceOS, referenceArch, "unix", "gc", "cgo":
		return true
	}
	return strings.HasPrefix(tag, "go1.")
}
