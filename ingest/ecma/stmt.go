package ecma

import (
	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/ingest/lang"
)

func (r *resolver) children(i int) {
	for c := range r.t.Kids(i) {
		r.statement(c)
	}
}

// statement visits a statement of a function or, where one stands, an expression.
func (r *resolver) statement(i int) {
	t := r.t
	switch k := t.Kind(i); k {
	case lang.KComment, lang.KStatementIdentifier:
	case lang.KFunctionDeclaration, lang.KGeneratorFunctionDeclaration:
		r.declareLocal(t.FieldText(i, lang.FName), shape{kind: sFunc, fn: r.s.function(i, nil)})
		r.closureBody(i, shape{})
	case lang.KClassDeclaration, lang.KAbstractClassDeclaration:
		r.declareLocal(t.FieldText(i, lang.FName), shape{})
		r.nestedClass(i)
	case lang.KLexicalDeclaration, lang.KVariableDeclaration:
		for v := range t.Kids(i) {
			if t.Kind(v) == lang.KVariableDeclarator {
				r.localVariable(v)
			}
		}
	case lang.KStatementBlock, lang.KSwitchBody, lang.KForStatement:
		if k == lang.KForStatement {
			r.complexity++
		}
		r.hoist(i)
		r.scoped(func() { r.children(i) })
	case lang.KForInStatement:
		r.complexity++
		r.scoped(func() { r.forIn(i) })
	case lang.KIfStatement, lang.KWhileStatement, lang.KDoStatement, lang.KSwitchCase:
		r.complexity++
		r.children(i)
	case lang.KCatchClause:
		r.complexity++
		r.scoped(func() {
			if p := t.Child(i, lang.FParameter); p != 0 {
				r.bind(p, shape{})
			}
			r.statement(t.Child(i, lang.FBody))
		})
	case lang.KInterfaceDeclaration, lang.KTypeAliasDeclaration, lang.KEnumDeclaration:
		r.useTypes(i, graph.References)
	case lang.KTypeAnnotation, lang.KTypeArguments, lang.KTypeParameters:
		r.useTypes(i, graph.References)
	case lang.KMethodDefinition:
		r.nestedMethod(i)
	default:
		r.value(i)
	}
}

// hoist declares the functions of a block before its statements are visited.
func (r *resolver) hoist(i int) {
	for c := range r.t.Kids(i) {
		if k := r.t.Kind(c); k == lang.KFunctionDeclaration || k == lang.KGeneratorFunctionDeclaration {
			r.declareLocal(r.t.FieldText(c, lang.FName), shape{kind: sFunc, fn: r.s.function(c, nil)})
		}
	}
}

func (r *resolver) localVariable(v int) {
	t := r.t
	var s shape
	val := t.Child(v, lang.FValue)
	if val != 0 {
		s = r.value(val)
		if spec := requireOf(t, val); spec != "" {
			r.bindRequire(t.Child(v, lang.FName), spec)
			return
		}
	}
	if typ := t.Child(v, lang.FType); typ != 0 {
		r.useTypes(typ, graph.References)
		if e := r.a.eval(r.s.typ(typ), r.sc, r.m, r.this.class, 0); e.kind != sUnknown {
			s = e
		}
	}
	r.bind(t.Child(v, lang.FName), s)
}

// bindRequire declares what const x = require("y") binds inside of a function.
func (r *resolver) bindRequire(name int, spec string) {
	for _, p := range patternNames(r.t, name) {
		ref := importRef{spec, "="}
		if p.key != "" {
			ref.name = p.key
		}
		v := r.a.imported(r.m, ref, 0)
		r.locals = append(r.locals, local{p.name, v})
	}
}

// bind declares the names of a pattern whose value has shape s.
func (r *resolver) bind(p int, s shape) {
	t := r.t
	if p == 0 {
		return
	}
	if t.Kind(p) == lang.KIdentifier {
		r.declareLocal(t.Text(p), s)
		return
	}
	for _, n := range patternNames(t, p) {
		var field shape
		if n.key != "" && t.Kind(p) == lang.KObjectPattern && s.kind != sUnknown {
			v := r.a.member(plain(s), n.key, 0)
			if v.ref == rFunc || v.ref == rClass || v.ref == rForeign {
				r.use(v, n.node)
				r.locals = append(r.locals, local{n.name, v})
				continue
			}
			field = v.shape
			if v.ref == rForeignMember {
				field = shape{}
			}
		}
		r.declareLocal(n.name, field)
	}
	r.defaults(p)
}

// defaults visits the default values in a pattern.
func (r *resolver) defaults(p int) {
	for c := range r.t.Kids(p) {
		switch r.t.Kind(c) {
		case lang.KObjectAssignmentPattern, lang.KAssignmentPattern:
			r.value(r.t.Child(c, lang.FRight))
		case lang.KObjectPattern, lang.KArrayPattern, lang.KPairPattern:
			r.defaults(c)
		}
	}
}

func (r *resolver) forIn(i int) {
	t := r.t
	s := r.value(t.Child(i, lang.FRight))
	left := t.Child(i, lang.FLeft)
	var elem shape
	if s.kind == sArray && s.elem != nil && string(t.FieldText(i, lang.FOperator)) != "in" {
		elem = *s.elem
	}
	if t.Child(i, lang.FKind) != 0 || t.Kind(left) != lang.KIdentifier { // it declares
		r.bind(left, elem)
	}
	r.statement(t.Child(i, lang.FBody))
}

// closure visits a function inside of a definition: what it does belongs to that.
func (r *resolver) closure(i int) shape {
	this := shape{}
	if r.t.Kind(i) == lang.KArrowFunction {
		this = r.this
	}
	fn := r.s.function(i, this.class)
	fn.sc = r.sc
	r.closureBody(i, this)
	return shape{kind: sFunc, fn: fn}
}

func (r *resolver) closureBody(i int, this shape) {
	outer := r.this
	r.this = this
	r.scoped(func() { r.signatureAndBody(i, graph.References) })
	r.this = outer
}

// signatureAndBody visits parameters, result type and body of a function.
func (r *resolver) signatureAndBody(i int, edge graph.EdgeType) {
	t := r.t
	if tp := t.Child(i, lang.FTypeParameters); tp != 0 {
		r.useTypes(tp, edge)
	}
	expected := r.expected
	r.expected = nil
	if p := t.Child(i, lang.FParameter); p != 0 {
		r.bind(p, nth(expected, 0))
	}
	if ps := t.Child(i, lang.FParameters); ps != 0 {
		r.parameters(ps, edge, expected)
	}
	if rt := t.Child(i, lang.FReturnType); rt != 0 {
		r.useTypes(rt, edge)
	}
	body := t.Child(i, lang.FBody)
	if body == 0 {
		return
	}
	if t.Kind(body) == lang.KStatementBlock {
		r.hoist(body)
		r.children(body)
	} else {
		r.value(body)
	}
}

func nth(list []shape, n int) shape {
	if n < len(list) {
		return list[n]
	}
	return shape{}
}

// parameters declares parameters; those without a type have the expected one.
func (r *resolver) parameters(ps int, edge graph.EdgeType, expected []shape) {
	t := r.t
	n := -1
	for p := range t.Kids(ps) {
		if k := t.Kind(p); k == lang.KComment {
			continue
		}
		n++
		switch t.Kind(p) {
		case lang.KRequiredParameter, lang.KOptionalParameter:
			s := nth(expected, n)
			if typ := t.Child(p, lang.FType); typ != 0 {
				r.useTypes(typ, edge)
				s = r.a.eval(r.s.typ(typ), r.sc, r.m, r.this.class, 0)
			}
			if v := t.Child(p, lang.FValue); v != 0 {
				if d := r.value(v); s.kind == sUnknown && t.Child(p, lang.FType) == 0 {
					s = d
				}
			}
			for d := range t.Kids(p) {
				if t.Kind(d) == lang.KDecorator {
					r.children(d)
				}
			}
			r.bind(t.Child(p, lang.FPattern), s)
		case lang.KAssignmentPattern:
			s := r.value(t.Child(p, lang.FRight))
			r.bind(t.Child(p, lang.FLeft), s)
		case lang.KIdentifier, lang.KObjectPattern, lang.KArrayPattern:
			r.bind(p, nth(expected, n))
		case lang.KRestPattern:
			r.bind(p, shape{})
		}
	}
}

// nestedClass visits a class inside of a function. It has no vertex.
func (r *resolver) nestedClass(i int) {
	t := r.t
	outer := r.this
	r.this = shape{}
	for c := range t.Kids(i) {
		switch t.Kind(c) {
		case lang.KClassHeritage, lang.KDecorator:
			r.children(c)
		case lang.KClassBody:
			for m := range t.Kids(c) {
				r.nestedMember(m)
			}
		}
	}
	r.this = outer
}

func (r *resolver) nestedMember(m int) {
	t := r.t
	switch t.Kind(m) {
	case lang.KMethodDefinition:
		r.nestedMethod(m)
	case lang.KPublicFieldDefinition, lang.KFieldDefinition:
		if typ := t.Child(m, lang.FType); typ != 0 {
			r.useTypes(typ, graph.References)
		}
		r.value(t.Child(m, lang.FValue))
	case lang.KClassStaticBlock, lang.KDecorator:
		r.children(m)
	}
}

func (r *resolver) nestedMethod(m int) {
	if n := r.t.Child(m, lang.FName); n != 0 && r.t.Kind(n) == lang.KComputedPropertyName {
		r.children(n)
	}
	r.closureBody(m, shape{})
}

// useTypes reports the types named below node i.
func (r *resolver) useTypes(i int, edge graph.EdgeType) {
	t := r.t
	switch t.Kind(i) {
	case lang.KTypeIdentifier, lang.KNestedTypeIdentifier:
		r.useType(dotted(t, i), edge, i)
		return
	case lang.KTypeQuery:
		if x := t.First(i); x != 0 {
			if d := dotted(t, x); d != "" {
				r.use(r.a.path(r.sc, r.m, d, 0), x)
				return
			}
		}
	}
	for c := range t.Kids(i) {
		r.useTypes(c, edge)
	}
}

func (r *resolver) useType(name string, edge graph.EdgeType, at int) {
	if name == "" {
		return
	}
	v := r.a.path(r.sc, r.m, name, 0)
	switch {
	case v.decl != nil && v.decl.sym != nil && v.decl.sym != r.from.Sym && v.decl.kind != dFunc:
		r.out.Edge(r.from, edge, v.decl.sym, r.found(v.decl.mod), at)
	case v.ref == rForeign && v.name != "":
		r.out.Edge(r.from, edge, r.out.Foreign(foreignKey(v.from, v.name, graph.TypeDesc)),
			lang.ByImport, at)
	}
}

// found tells how something of a module was found: in the file itself or through an import.
func (r *resolver) found(m *module) lang.Evidence {
	if m == r.m {
		return lang.BySyntax
	}
	return lang.ByImport
}
