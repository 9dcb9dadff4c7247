package ecma

import (
	"context"
	"path"
	"strings"

	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/ingest/lang"
)

const maxValue = 200 // bytes kept of a variable's declaration

// Resolve implements lang.Analyzer.
func (a *analyzer) Resolve(ctx context.Context, p *lang.Parser, f *lang.File,
	out *lang.Facts) error {
	t, err := parse(ctx, p, f)
	if err != nil {
		return err
	}
	m := a.modules[f.Index]
	if m == nil {
		return graph.Errorf("ecma.Resolve", graph.KindInternal, "%s was not scanned", f.Path)
	}
	out.SetTree(t)
	out.Owner.Home = m.sym.ID.Slot()
	r := &resolver{a: a, m: m, t: t, out: out, from: out.FileScope(), sc: m.top,
		s: &scanner{t: t, m: m, sc: m.top}}
	r.moduleVertex()
	r.block(lang.Root, m.sym)
	return nil
}

func (r *resolver) moduleVertex() {
	flags := graph.FlagExported
	if r.m.test {
		flags |= graph.FlagTest
	}
	r.out.Vertex(lang.Definition{Sym: r.m.sym, Kind: graph.Module, Name: path.Base(r.m.path),
		Node: lang.Root, Flags: flags})
	for _, spec := range r.m.imports {
		if to := r.m.linked[spec]; to.sym != nil && to.mod != r.m {
			r.out.Edge(r.from, graph.Imports, to.sym, lang.ByImport, 0)
		}
	}
}

// block visits the declarations and statements of a module or namespace.
func (r *resolver) block(i int, parent *lang.Symbol) {
	var comments lang.Comments
	for c := range r.t.Kids(i) {
		if r.t.Kind(c) == lang.KComment {
			comments.Add(r.t, c)
			continue
		}
		r.topLevel(c, c, parent, comments.Before(r.t, c))
		comments = lang.Comments{}
	}
}

// topLevel visits a statement; span is the node that holds it with its export.
func (r *resolver) topLevel(c, span int, parent *lang.Symbol, doc string) {
	t := r.t
	switch t.Kind(c) {
	case lang.KImportStatement:
	case lang.KExportStatement:
		if d := t.Child(c, lang.FDeclaration); d != 0 {
			r.topLevel(d, c, parent, doc)
			return
		}
		if v := t.Child(c, lang.FValue); v != 0 {
			r.exportValue(v, c, parent, doc)
			return
		}
		for x := range t.Kids(c) {
			if k := t.Kind(x); k == lang.KInternalModule || k == lang.KModule {
				r.topLevel(x, c, parent, doc)
			}
		}
	case lang.KAmbientDeclaration:
		for x := range t.Kids(c) {
			r.topLevel(x, c, parent, doc)
		}
	case lang.KFunctionDeclaration, lang.KGeneratorFunctionDeclaration, lang.KFunctionSignature:
		if d := r.decl(t.FieldText(c, lang.FName)); d != nil && d.fn != nil {
			r.function(c, span, d, parent, doc)
			return
		}
		r.statement(c)
	case lang.KClassDeclaration, lang.KAbstractClassDeclaration, lang.KClass,
		lang.KInterfaceDeclaration:
		if d := r.decl(t.FieldText(c, lang.FName)); d != nil && d.class != nil {
			r.class(c, span, d, parent, doc)
			return
		}
		r.statement(c)
	case lang.KEnumDeclaration:
		r.enum(c, span, parent, doc)
	case lang.KTypeAliasDeclaration:
		r.typeAlias(c, span, parent, doc)
	case lang.KLexicalDeclaration, lang.KVariableDeclaration:
		for v := range t.Kids(c) {
			if t.Kind(v) == lang.KVariableDeclarator {
				r.variable(v, span, parent, doc)
			}
		}
	case lang.KInternalModule, lang.KModule:
		r.namespace(c, span, parent, doc)
	case lang.KExpressionStatement:
		r.expressionStatement(c, parent, doc)
	case lang.KIfStatement, lang.KElseClause, lang.KStatementBlock, lang.KTryStatement, lang.KError:
		for x := range t.Kids(c) {
			r.topLevel(x, x, parent, "")
		}
	default:
		r.scoped(func() { r.statement(c) })
	}
}

// decl returns the declaration of a name of the scope that is visited.
func (r *resolver) decl(name string) *decl {
	d := r.sc.names[name]
	if d == nil || d.sym == nil {
		return nil
	}
	return d
}

func (r *resolver) flags(name string) graph.Flags {
	var f graph.Flags
	if r.isExported(name) {
		f |= graph.FlagExported
	}
	if r.m.test {
		f |= graph.FlagTest
	}
	return f
}

func (r *resolver) isExported(name string) bool {
	if r.sc != r.m.top {
		return true
	}
	if e, ok := r.m.exports[name]; ok && e.local == name {
		return true
	}
	for _, e := range r.m.exports {
		if e.local == name {
			return true
		}
	}
	return false
}

// exportValue visits export default value.
func (r *resolver) exportValue(v, span int, parent *lang.Symbol, doc string) {
	t := r.t
	k := t.Kind(v)
	d := r.decl("default")
	switch {
	case k == lang.KIdentifier:
		r.value(v)
	case d != nil && d.fn != nil && isFunction(k):
		r.function(v, span, d, parent, doc)
	case d != nil && d.class != nil && k == lang.KClass:
		r.class(v, span, d, parent, doc)
	case d != nil && d.kind == dVar:
		sc := r.out.Vertex(lang.Definition{Sym: d.sym, Kind: graph.Variable, Name: d.name, Node: span,
			Doc: doc, Flags: r.flags(d.name), Signature: lang.OneLine(t.Bytes(span), maxValue)})
		r.out.Contains(d.sym, parent, r.out.Self)
		r.initialise(d, v, sc)
	default:
		r.value(v)
	}
}

// function adds a function of a module or namespace and visits it.
func (r *resolver) function(c, span int, d *decl, parent *lang.Symbol, doc string) {
	t := r.t
	def := lang.Definition{Sym: d.sym, Kind: graph.Function, Name: d.name, Node: span, Doc: doc,
		Flags: r.flags(d.name), Signature: r.header(c)}
	if t.ChildOf(c, lang.KTokAsync) != 0 {
		def.Flags |= graph.FlagAsync
	}
	at := len(r.out.Owner.Vertices)
	sc := r.out.Vertex(def)
	r.out.Contains(d.sym, parent, r.out.Self)
	this := shape{}
	if d.fn != nil && d.fn.class != nil {
		this = shape{kind: sInstance, class: d.fn.class}
	}
	r.visit(sc, this, at, c)
}

// visit visits a callable whose edges start from sc and whose vertex is at a place of the facts.
func (r *resolver) visit(sc lang.Scope, this shape, at, c int) {
	outer, outerThis := r.from, r.this
	r.from, r.this, r.complexity = sc, this, 1
	r.scoped(func() { r.signatureAndBody(c, graph.UsesType) })
	r.out.Owner.Vertices[at].Complexity = r.complexity
	r.from, r.this = outer, outerThis
}

// header returns the text of a definition before its body.
func (r *resolver) header(c int) string {
	t := r.t
	end := t.End(c)
	if b := t.Child(c, lang.FBody); b != 0 {
		end = t.Start(b)
	}
	text := lang.OneLine(t.Slice(t.Start(c), end), lang.MaxSignature)
	return strings.TrimSpace(strings.TrimSuffix(strings.TrimSuffix(text, ";"), "=>"))
}

// variable adds the variables of a declarator and visits the initialiser, which belongs to the
// first of them.
func (r *resolver) variable(v, span int, parent *lang.Symbol, doc string) {
	t := r.t
	val := t.Child(v, lang.FValue)
	var first *decl
	var sc lang.Scope
	for _, n := range patternNames(t, t.Child(v, lang.FName)) {
		d := r.decl(n.name)
		if d == nil {
			continue
		}
		if val != 0 && isFunction(t.Kind(val)) && d.fn != nil {
			r.functionVariable(v, span, d, parent, doc)
			return
		}
		def := lang.Definition{Sym: d.sym, Kind: graph.Variable, Name: d.name, Node: span, Doc: doc,
			Flags: r.flags(d.name), Signature: lang.OneLine(t.Bytes(v), maxValue)}
		if d.const_ {
			def.Kind = graph.Constant
		}
		if d.class != nil && d.class.kind == graph.Class {
			def.Kind = graph.Class
		}
		x := r.out.Vertex(def)
		r.out.Contains(d.sym, parent, r.out.Self)
		if first == nil {
			first, sc = d, x
		}
	}
	if first == nil {
		r.value(val)
		return
	}
	if typ := t.Child(v, lang.FType); typ != 0 {
		outer := r.from
		r.from = sc
		r.useTypes(typ, graph.UsesType)
		r.from = outer
	}
	if val != 0 && requireOf(t, val) == "" {
		r.initialise(first, val, sc)
	}
}

// initialise visits the initialiser of a variable; functions of an object literal are its methods.
func (r *resolver) initialise(d *decl, val int, sc lang.Scope) {
	outer := r.from
	r.from = sc
	x := val
	for k := r.t.Kind(x); k == lang.KAsExpression || k == lang.KSatisfiesExpression ||
		k == lang.KParenthesizedExpression; k = r.t.Kind(x) {
		x = r.t.First(x)
	}
	switch {
	case d.class != nil && r.t.Kind(x) == lang.KObject && d.class.kind == graph.Variable:
		r.objectMembers(x, d.class, sc)
	case d.class != nil && r.t.Kind(x) == lang.KClass:
		r.classParts(x, d.class, sc)
	default:
		r.scoped(func() { r.value(val) })
	}
	r.from = outer
}

// objectMembers adds the functions of an object literal as methods of the variable that holds it.
func (r *resolver) objectMembers(obj int, c *class, sc lang.Scope) {
	t := r.t
	for p := range t.Kids(obj) {
		body, name := 0, ""
		switch t.Kind(p) {
		case lang.KMethodDefinition:
			body, name = p, t.FieldText(p, lang.FName)
		case lang.KPair:
			if v := t.Child(p, lang.FValue); isFunction(t.Kind(v)) {
				body, name = v, stringText(t, t.Child(p, lang.FKey))
			}
		}
		m := c.members[name]
		if body == 0 || m == nil || m.fn == nil {
			switch t.Kind(p) {
			case lang.KPair:
				r.value(t.Child(p, lang.FValue))
			case lang.KMethodDefinition:
				r.nestedMethod(p)
			default:
				r.value(p)
			}
			continue
		}
		at := len(r.out.Owner.Vertices)
		ms := r.out.Vertex(lang.Definition{Sym: m.sym, Kind: graph.Method, Name: name, Node: p,
			Flags: r.flags(""), Signature: r.header(p)})
		r.out.Contains(m.sym, c.sym)
		this := shape{kind: sInstance, class: c}
		r.visit(ms, this, at, body)
	}
}

// functionVariable adds a variable that holds a function: it is one.
func (r *resolver) functionVariable(v, span int, d *decl, parent *lang.Symbol, doc string) {
	t := r.t
	val := t.Child(v, lang.FValue)
	def := lang.Definition{Sym: d.sym, Kind: graph.Function, Name: d.name, Node: span, Doc: doc,
		Flags: r.flags(d.name)}
	end := t.End(val)
	if b := t.Child(val, lang.FBody); b != 0 {
		end = t.Start(b)
	}
	text := lang.OneLine(t.Slice(t.Start(v), end), lang.MaxSignature)
	def.Signature = strings.TrimSpace(strings.TrimSuffix(text, "=>"))
	if t.ChildOf(val, lang.KTokAsync) != 0 {
		def.Flags |= graph.FlagAsync
	}
	at := len(r.out.Owner.Vertices)
	sc := r.out.Vertex(def)
	r.out.Contains(d.sym, parent, r.out.Self)
	if typ := t.Child(v, lang.FType); typ != 0 {
		outer := r.from
		r.from = sc
		r.useTypes(typ, graph.UsesType)
		r.from = outer
	}
	r.visit(sc, shape{}, at, val)
}

func (r *resolver) typeAlias(c, span int, parent *lang.Symbol, doc string) {
	t := r.t
	d := r.decl(t.FieldText(c, lang.FName))
	if d == nil {
		return
	}
	outer := r.from
	r.from = r.out.Vertex(lang.Definition{Sym: d.sym, Kind: graph.TypeAlias, Name: d.name, Node: span,
		Doc: doc, Flags: r.flags(d.name), Signature: lang.OneLine(t.Bytes(c), lang.MaxSignature)})
	r.out.Contains(d.sym, parent, r.out.Self)
	v := t.Child(c, lang.FValue)
	if v != 0 && d.class != nil && t.Kind(v) == lang.KObjectType {
		r.signatures(v, d.class)
	} else if v != 0 {
		r.useTypes(v, graph.References)
	}
	r.from = outer
}

func (r *resolver) enum(c, span int, parent *lang.Symbol, doc string) {
	t := r.t
	d := r.decl(t.FieldText(c, lang.FName))
	if d == nil || d.class == nil {
		return
	}
	r.out.Vertex(lang.Definition{Sym: d.sym, Kind: graph.Enum, Name: d.name, Node: span, Doc: doc,
		Flags: r.flags(d.name), Signature: "enum " + d.name})
	r.out.Contains(d.sym, parent, r.out.Self)
	body := t.Child(c, lang.FBody)
	if body == 0 {
		return
	}
	for _, n := range enumMembers(t, body) {
		if m := d.class.members[strings.Trim(t.Text(n), `'"`)]; m != nil {
			r.out.Vertex(lang.Definition{Sym: m.sym, Kind: graph.EnumMember, Name: m.name, Node: n,
				Flags: r.flags(d.name)})
			r.out.Contains(m.sym, d.sym)
		}
	}
}

// namespace visits namespace a.b { ... }.
func (r *resolver) namespace(c, span int, parent *lang.Symbol, doc string) {
	t := r.t
	name, body := t.Child(c, lang.FName), t.Child(c, lang.FBody)
	if name == 0 || body == 0 || t.Kind(name) == lang.KString {
		return
	}
	outer := r.sc
	for part := range strings.SplitSeq(t.Text(name), ".") {
		part = strings.TrimSpace(part)
		d := r.sc.names[part]
		if d == nil || d.ns == nil {
			break
		}
		sym := d.sym
		if d.kind != dNamespace {
			sym = lang.Child(parent, graph.NamespaceDesc, part)
		}
		r.out.Vertex(lang.Definition{Sym: sym, Kind: graph.Module, Name: part, Node: span, Doc: doc,
			Flags: r.flags(part), Signature: "namespace " + part})
		r.out.Contains(sym, parent, r.out.Self)
		parent, r.sc = sym, d.ns
	}
	r.s.sc = r.sc
	r.block(body, parent)
	r.sc, r.s.sc = outer, outer
}

// expressionStatement visits namespaces and CommonJS exports, which parse as expressions.
func (r *resolver) expressionStatement(c int, parent *lang.Symbol, doc string) {
	t := r.t
	x := t.First(c)
	if x != 0 && (t.Kind(x) == lang.KInternalModule || t.Kind(x) == lang.KModule) {
		r.topLevel(x, c, parent, doc)
		return
	}
	if x != 0 && t.Kind(x) == lang.KAssignmentExpression {
		name, right := dotted(t, t.Child(x, lang.FLeft)), t.Child(x, lang.FRight)
		switch {
		case name == "module.exports" && t.Kind(right) == lang.KObject:
			r.exportedObject(right, parent)
			return
		case name == "module.exports":
			r.exportValue(right, c, parent, doc)
			return
		case strings.HasPrefix(name, "exports."), strings.HasPrefix(name, "module.exports."):
			if r.commonExport(name[strings.LastIndexByte(name, '.')+1:], right, c, parent) {
				return
			}
		}
	}
	r.scoped(func() { r.statement(c) })
}

// exportedObject visits module.exports = { ... }.
func (r *resolver) exportedObject(obj int, parent *lang.Symbol) {
	t := r.t
	for p := range t.Kids(obj) {
		switch t.Kind(p) {
		case lang.KPair:
			v := t.Child(p, lang.FValue)
			if !r.commonExport(stringText(t, t.Child(p, lang.FKey)), v, p, parent) {
				r.value(v)
			}
		case lang.KMethodDefinition:
			if !r.commonExport(t.FieldText(p, lang.FName), p, p, parent) {
				r.nestedMethod(p)
			}
		default:
			r.value(p)
		}
	}
}

// commonExport adds what exports.name = value declares; false if it declares nothing.
func (r *resolver) commonExport(name string, v, span int, parent *lang.Symbol) bool {
	t := r.t
	d := r.decl(name)
	k := t.Kind(v)
	switch {
	case d == nil || k == lang.KIdentifier || requireOf(t, v) != "":
		return false
	case d.kind == dFunc && (isFunction(k) || k == lang.KMethodDefinition):
		r.function(v, span, d, parent, "")
		return true
	case d.kind == dVar && !isFunction(k):
		sc := r.out.Vertex(lang.Definition{Sym: d.sym, Kind: graph.Variable, Name: d.name, Node: span,
			Flags: r.flags(d.name), Signature: lang.OneLine(t.Bytes(span), maxValue)})
		r.out.Contains(d.sym, parent, r.out.Self)
		r.initialise(d, v, sc)
		return true
	}
	return false
}
