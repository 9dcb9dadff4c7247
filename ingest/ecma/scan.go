package ecma

import (
	"context"
	"path"
	"strings"

	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/ingest/lang"
)

// Scan implements lang.Analyzer.
func (a *analyzer) Scan(ctx context.Context, p *lang.Parser, f *lang.File) (lang.Result, error) {
	t, err := parse(ctx, p, f)
	if err != nil {
		return lang.Result{}, err
	}
	m := &module{path: f.Path, test: isTest(f.Path), top: newScope(nil), exports: map[string]export{},
		linked: map[string]target{}}
	s := &scanner{t: t, m: m, sc: m.top}
	s.block(lang.Root, false)
	s.specifiers()
	a.mu.Lock()
	a.modules[f.Index] = m
	a.mu.Unlock()
	return t.Result(), nil
}

func isTest(p string) bool {
	base := path.Base(p)
	return strings.Contains(base, ".test.") || strings.Contains(base, ".spec.") ||
		strings.Contains("/"+p, "/__tests__/") || strings.Contains("/"+p, "/test/") ||
		strings.Contains("/"+p, "/tests/")
}

// scanner collects the declarations of one file.
type scanner struct {
	t  *lang.Tree
	m  *module
	sc *scope
}

// specifiers notes every module that the file names: import, export from, require, import().
func (s *scanner) specifiers() {
	seen := map[string]bool{}
	add := func(spec string) {
		if spec != "" && !seen[spec] {
			seen[spec] = true
			s.m.imports = append(s.m.imports, spec)
		}
	}
	for i := range s.t.Len() {
		switch s.t.Kind(i) {
		case lang.KImportStatement, lang.KExportStatement, lang.KImportRequireClause:
			if c := s.t.Child(i, lang.FSource); c != 0 {
				add(stringText(s.t, c))
			}
		case lang.KCallExpression:
			add(requireOf(s.t, i))
		}
	}
}

// requireOf returns the specifier of require("x") or import("x"), "" for anything else.
func requireOf(t *lang.Tree, call int) string {
	if t.Kind(call) == lang.KAwaitExpression {
		call = t.First(call)
	}
	if t.Kind(call) != lang.KCallExpression {
		return ""
	}
	fn, args := t.Child(call, lang.FFunction), t.Child(call, lang.FArguments)
	if fn == 0 || args == 0 || string(t.Bytes(fn)) != "require" && t.Kind(fn) != lang.KImport {
		return ""
	}
	if a := t.First(args); a != 0 && t.Kind(a) == lang.KString {
		return stringText(t, a)
	}
	return ""
}

func stringText(t *lang.Tree, i int) string {
	return strings.Trim(t.Text(i), "'\"`")
}

// block looks at the statements below i.
func (s *scanner) block(i int, exported bool) {
	for c := range s.t.Kids(i) {
		s.statement(c, exported)
	}
}

func (s *scanner) statement(c int, exported bool) {
	t := s.t
	switch t.Kind(c) {
	case lang.KImportStatement:
		s.importStatement(c)
	case lang.KExportStatement:
		s.exportStatement(c)
	case lang.KAmbientDeclaration:
		s.block(c, true)
	case lang.KExpressionStatement:
		s.expressionStatement(c, exported)
	case lang.KInternalModule, lang.KModule:
		s.namespace(c, exported)
	case lang.KIfStatement, lang.KElseClause, lang.KStatementBlock, lang.KTryStatement, lang.KError:
		s.block(c, false)
	default:
		for _, name := range s.declaration(c) {
			if exported {
				s.export(name, export{local: name})
			}
		}
	}
}

func (s *scanner) export(name string, e export) {
	if s.sc == s.m.top {
		if _, ok := s.m.exports[name]; !ok {
			s.m.exports[name] = e
		}
	}
}

// declaration enters what a declaration declares and returns the names.
func (s *scanner) declaration(c int) []string {
	t := s.t
	switch t.Kind(c) {
	case lang.KFunctionDeclaration, lang.KGeneratorFunctionDeclaration, lang.KFunctionSignature:
		name := t.FieldText(c, lang.FName)
		return s.enter(&decl{kind: dFunc, name: name, fn: s.function(c, nil)})
	case lang.KClassDeclaration, lang.KAbstractClassDeclaration, lang.KClass:
		name := t.FieldText(c, lang.FName)
		return s.enter(&decl{kind: dClass, name: name, class: s.class(c, name, graph.Class)})
	case lang.KInterfaceDeclaration:
		name := t.FieldText(c, lang.FName)
		return s.enter(&decl{kind: dClass, name: name, class: s.class(c, name, graph.Interface)})
	case lang.KEnumDeclaration:
		name := t.FieldText(c, lang.FName)
		return s.enter(&decl{kind: dClass, name: name, class: s.enum(c, name)})
	case lang.KTypeAliasDeclaration:
		d := &decl{kind: dAlias, name: t.FieldText(c, lang.FName)}
		if v := t.Child(c, lang.FValue); v != 0 {
			d.typ = s.typ(v)
			if d.typ != nil && d.typ.kind == eClass {
				d.class = d.typ.class
				d.class.name, d.class.kind = d.name, graph.TypeAlias
			}
		}
		return s.enter(d)
	case lang.KLexicalDeclaration, lang.KVariableDeclaration:
		var names []string
		isConst := t.ChildOf(c, lang.KTokConst) != 0
		for v := range t.Kids(c) {
			if t.Kind(v) == lang.KVariableDeclarator {
				names = append(names, s.variable(v, isConst)...)
			}
		}
		return names
	}
	return nil
}

// enter adds a declaration; one of the same name merges into it.
func (s *scanner) enter(d *decl) []string {
	if d.name == "" {
		return nil
	}
	d.mod, d.sc = s.m, s.sc
	old := s.sc.names[d.name]
	switch {
	case old == nil:
		s.sc.names[d.name] = d
		s.sc.order = append(s.sc.order, d.name)
	case old.kind == dImport:
		s.sc.names[d.name] = d
	default:
		old.merge(d)
	}
	return []string{d.name}
}

// merge joins two declarations of one name: overloads, interface parts, class and interface, value
// and type, class and namespace.
func (d *decl) merge(e *decl) {
	switch {
	case d.kind == dFunc && e.kind == dFunc && d.fn.returns == nil:
		d.fn.returns = e.fn.returns
	case d.class != nil && e.class != nil:
		if e.class.kind == graph.Class {
			d.class.kind = graph.Class
		}
		for _, name := range e.class.order {
			d.class.add(e.class.members[name])
		}
		d.class.bases = append(d.class.bases, e.class.bases...)
	case d.class == nil && e.class != nil && d.kind != dFunc: // const X and interface X
		d.class = e.class
	}
	if d.ns == nil {
		d.ns = e.ns
	}
	if d.fn == nil {
		d.fn = e.fn
	}
	if d.typ == nil {
		d.typ = e.typ
	}
}

// variable enters the names of a declarator.
func (s *scanner) variable(v int, isConst bool) []string {
	t := s.t
	name, val := t.Child(v, lang.FName), t.Child(v, lang.FValue)
	spec := ""
	if val != 0 {
		spec = requireOf(t, val)
	}
	if t.Kind(name) != lang.KIdentifier {
		var names []string
		for _, p := range patternNames(t, name) {
			d := &decl{kind: dVar, name: p.name, const_: isConst}
			if spec != "" && p.key != "" {
				d.kind, d.imp = dImport, importRef{spec, p.key}
			}
			names = append(names, s.enter(d)...)
		}
		return names
	}
	d := &decl{kind: dVar, name: t.Text(name), const_: isConst}
	switch {
	case spec != "":
		d.kind, d.imp = dImport, importRef{spec, "="}
	case t.Child(v, lang.FType) != 0:
		d.typ = s.typ(t.Child(v, lang.FType))
		if val != 0 && isFunction(t.Kind(val)) {
			d.fn = s.function(val, nil)
		}
	case val != 0:
		d.typ = s.initialiser(val)
		if d.typ != nil {
			d.fn = d.typ.fn
			if d.typ.kind == eClass {
				d.class = d.typ.class
				d.class.name = d.name
			}
		}
	}
	return s.enter(d)
}

func isFunction(k lang.Kind) bool {
	return k == lang.KArrowFunction || k == lang.KFunctionExpression || k == lang.KGeneratorFunction
}

// patternName is a name that a destructuring pattern binds, and the property it takes.
type patternName struct {
	name, key string
	node      int
}

func patternNames(t *lang.Tree, i int) []patternName {
	var out []patternName
	switch t.Kind(i) {
	case lang.KIdentifier:
		return []patternName{{t.Text(i), "", i}}
	case lang.KShorthandPropertyIdentifierPattern:
		return []patternName{{t.Text(i), t.Text(i), i}}
	case lang.KPairPattern:
		inner := patternNames(t, t.Child(i, lang.FValue))
		if len(inner) == 1 && t.Kind(t.Child(i, lang.FValue)) == lang.KIdentifier {
			inner[0].key = t.FieldText(i, lang.FKey)
		}
		return inner
	case lang.KObjectAssignmentPattern, lang.KAssignmentPattern:
		return patternNames(t, t.Child(i, lang.FLeft))
	case lang.KObjectPattern, lang.KArrayPattern, lang.KRestPattern:
		for c := range t.Kids(i) {
			out = append(out, patternNames(t, c)...)
		}
	}
	return out
}

// namespace enters namespace a.b { ... }.
func (s *scanner) namespace(c int, exported bool) {
	t := s.t
	name := t.Child(c, lang.FName)
	body := t.Child(c, lang.FBody)
	if name == 0 || body == 0 || t.Kind(name) == lang.KString { // declare module "x": not of the tree
		return
	}
	outer := s.sc
	first := ""
	for part := range strings.SplitSeq(t.Text(name), ".") {
		part = strings.TrimSpace(part)
		if first == "" {
			first = part
		}
		s.enter(&decl{kind: dNamespace, name: part, ns: newScope(s.sc)})
		d := s.sc.names[part]
		if d.ns == nil {
			break
		}
		s.sc = d.ns
	}
	s.block(body, true)
	s.sc = outer
	if exported {
		s.export(first, export{local: first})
	}
}

func (s *scanner) importStatement(c int) {
	t := s.t
	if r := t.ChildOf(c, lang.KImportRequireClause); r != 0 {
		s.enter(&decl{kind: dImport, name: t.Text(t.First(r)),
			imp: importRef{stringText(t, t.Child(r, lang.FSource)), "="}})
		return
	}
	src := t.Child(c, lang.FSource)
	clause := t.ChildOf(c, lang.KImportClause)
	if src == 0 || clause == 0 {
		return
	}
	from := stringText(t, src)
	for x := range t.Kids(clause) {
		switch t.Kind(x) {
		case lang.KIdentifier:
			s.enter(&decl{kind: dImport, name: t.Text(x), imp: importRef{from, "default"}})
		case lang.KNamespaceImport:
			s.enter(&decl{kind: dImport, name: t.Text(t.Last(x)), imp: importRef{from, "*"}})
		case lang.KNamedImports:
			for n := range t.Kids(x) {
				if t.Kind(n) != lang.KImportSpecifier {
					continue
				}
				name := stringText(t, t.Child(n, lang.FName))
				alias := t.FieldText(n, lang.FAlias)
				if alias == "" {
					alias = name
				}
				s.enter(&decl{kind: dImport, name: alias, imp: importRef{from, name}})
			}
		}
	}
}

func (s *scanner) exportStatement(c int) {
	t := s.t
	isDefault := t.ChildOf(c, lang.KTokDefault) != 0
	from := ""
	if src := t.Child(c, lang.FSource); src != 0 {
		from = stringText(t, src)
	}
	switch {
	case t.Child(c, lang.FDeclaration) != 0:
		d := t.Child(c, lang.FDeclaration)
		if isDefault {
			s.exportDefault(d)
			return
		}
		s.statement(d, true)
	case t.ChildOf(c, lang.KExportClause) != 0:
		for n := range t.Kids(t.ChildOf(c, lang.KExportClause)) {
			if t.Kind(n) != lang.KExportSpecifier {
				continue
			}
			name := stringText(t, t.Child(n, lang.FName))
			as := name
			if a := t.Child(n, lang.FAlias); a != 0 {
				as = stringText(t, a)
			}
			if from != "" {
				s.export(as, export{from: from, name: name})
			} else {
				s.export(as, export{local: name})
			}
		}
	case t.ChildOf(c, lang.KNamespaceExport) != 0:
		s.export(t.Text(t.Last(t.ChildOf(c, lang.KNamespaceExport))), export{from: from, name: "*"})
	case from != "":
		s.m.stars = append(s.m.stars, from)
	case isDefault:
		s.exportDefault(t.Child(c, lang.FValue))
	default: // export = x, export namespace N
		if x := t.First(c); x != 0 && t.Kind(x) == lang.KIdentifier {
			s.export("=", export{local: t.Text(x)})
		} else {
			s.block(c, true)
		}
	}
}

// exportDefault enters what export default exports; without a name it is called default.
func (s *scanner) exportDefault(v int) {
	if v == 0 {
		return
	}
	if s.t.Kind(v) == lang.KIdentifier {
		s.export("default", export{local: s.t.Text(v)})
		return
	}
	names := s.declaration(v)
	if len(names) == 0 {
		d := &decl{kind: dVar, name: "default"}
		switch k := s.t.Kind(v); {
		case isFunction(k), k == lang.KFunctionDeclaration, k == lang.KGeneratorFunctionDeclaration:
			d.kind, d.fn = dFunc, s.function(v, nil)
		case k == lang.KClass, k == lang.KClassDeclaration, k == lang.KAbstractClassDeclaration:
			d.kind, d.class = dClass, s.class(v, "default", graph.Class)
		default:
			d.typ = s.initialiser(v)
		}
		names = s.enter(d)
	}
	s.export("default", export{local: names[0]})
}

// expressionStatement finds namespaces (which parse as expressions) and CommonJS exports.
func (s *scanner) expressionStatement(c int, exported bool) {
	t := s.t
	x := t.First(c)
	if x == 0 {
		return
	}
	if k := t.Kind(x); k == lang.KInternalModule || k == lang.KModule {
		s.namespace(x, exported)
		return
	}
	if t.Kind(x) != lang.KAssignmentExpression {
		return
	}
	left, right := t.Child(x, lang.FLeft), t.Child(x, lang.FRight)
	if t.Kind(left) != lang.KMemberExpression {
		return
	}
	switch name := dotted(t, left); {
	case name == "module.exports":
		s.moduleExports(right)
	case strings.HasPrefix(name, "exports."), strings.HasPrefix(name, "module.exports."):
		s.commonExport(name[strings.LastIndexByte(name, '.')+1:], right)
	}
}

func (s *scanner) moduleExports(v int) {
	t := s.t
	switch t.Kind(v) {
	case lang.KIdentifier:
		s.export("=", export{local: t.Text(v)})
	case lang.KObject:
		for p := range t.Kids(v) {
			switch t.Kind(p) {
			case lang.KShorthandPropertyIdentifier:
				s.export(t.Text(p), export{local: t.Text(p)})
			case lang.KPair:
				s.commonExport(stringText(t, t.Child(p, lang.FKey)), t.Child(p, lang.FValue))
			case lang.KMethodDefinition:
				s.commonExport(t.FieldText(p, lang.FName), p)
			}
		}
	default:
		s.exportDefault(v)
		if e, ok := s.m.exports["default"]; ok {
			s.export("=", e)
		}
	}
}

// commonExport enters exports.name = value.
func (s *scanner) commonExport(name string, v int) {
	t := s.t
	switch k := t.Kind(v); {
	case k == lang.KIdentifier:
		s.export(name, export{local: t.Text(v)})
	case requireOf(t, v) != "":
		s.export(name, export{from: requireOf(t, v), name: "="})
	case isFunction(k) || k == lang.KMethodDefinition:
		s.enter(&decl{kind: dFunc, name: name, fn: s.function(v, nil)})
		s.export(name, export{local: name})
	default:
		s.enter(&decl{kind: dVar, name: name, typ: s.initialiser(v)})
		s.export(name, export{local: name})
	}
}
