package golang

import (
	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/ingest/lang"
)

// declare adds a local variable.
func (r *goResolver) declare(name string, typ *goType) {
	if name == "_" || name == "" {
		return
	}
	if typ == nil {
		typ = unknownType
	}
	r.locals = append(r.locals, local{name: name, typ: typ})
}

// inScope runs fn in a scope of its own.
func (r *goResolver) inScope(fn func()) {
	n := len(r.locals)
	fn()
	r.locals = r.locals[:n]
}

// children visits the children of i as statements.
func (r *goResolver) children(i int) {
	for c := range r.t.Kids(i) {
		r.statement(c)
	}
}

// scoped visits the children of i in a scope of their own.
func (r *goResolver) scoped(i int) {
	n := len(r.locals)
	r.children(i)
	r.locals = r.locals[:n]
}

// statement visits a statement or, where one stands, an expression.
func (r *goResolver) statement(i int) {
	t := r.t
	switch t.Kind(i) {
	case lang.KComment, lang.KLabelName, lang.KImportDeclaration:
	case lang.KBlock, lang.KSelectStatement, lang.KExpressionSwitchStatement, lang.KDefaultCase:
		r.scoped(i)
	case lang.KIfStatement, lang.KForStatement, lang.KExpressionCase:
		r.complexity++
		r.scoped(i)
	case lang.KCommunicationCase, lang.KForClause, lang.KExpressionStatement,
		lang.KLabeledStatement, lang.KReturnStatement, lang.KGoStatement, lang.KDeferStatement,
		lang.KSendStatement, lang.KIncStatement, lang.KDecStatement, lang.KVarDeclaration,
		lang.KConstDeclaration, lang.KTypeDeclaration, lang.KVarSpecList, lang.KExpressionList,
		lang.KError:
		if t.Kind(i) == lang.KCommunicationCase {
			r.complexity++
			r.scoped(i)
			return
		}
		r.children(i)
	case lang.KShortVarDeclaration:
		r.shortVar(i)
	case lang.KAssignmentStatement:
		r.values(t.Child(i, lang.FRight))
		r.assign(t.Child(i, lang.FLeft), t.Child(i, lang.FRight))
	case lang.KRangeClause:
		r.rangeClause(i)
	case lang.KReceiveStatement:
		r.receive(i)
	case lang.KTypeSwitchStatement:
		n := len(r.locals)
		r.typeSwitch(i)
		r.locals = r.locals[:n]
	case lang.KVarSpec:
		r.localVar(i)
	case lang.KConstSpec:
		r.localConst(i)
	case lang.KTypeSpec, lang.KTypeAlias:
		r.localTypeSpec(i)
	default:
		r.value(i)
	}
}

// values evaluates an expression list; one call may give several.
func (r *goResolver) values(list int) []*goType {
	es := exprs(r.t, list)
	out := make([]*goType, 0, len(es))
	for _, e := range es {
		out = append(out, r.value(e))
	}
	if len(out) != 1 {
		return out
	}
	if out[0].kind == tTuple {
		return out[0].results
	}
	switch r.t.Kind(es[0]) { // v, ok := ...
	case lang.KIndexExpression, lang.KTypeAssertionExpression, lang.KUnaryExpression:
		return append(out, boolType)
	}
	return out
}

func (r *goResolver) shortVar(i int) {
	right := r.t.Child(i, lang.FRight)
	types := r.values(right)
	for n, e := range exprs(r.t, r.t.Child(i, lang.FLeft)) {
		r.declare(r.t.Text(e), at(types, n))
	}
	r.markClosures(r.t.Child(i, lang.FLeft), right)
}

// markClosures notes which variables were just set to a function literal.
func (r *goResolver) markClosures(left, right int) {
	names, vals := exprs(r.t, left), exprs(r.t, right)
	for n := range min(len(names), len(vals)) {
		if r.t.Kind(vals[n]) != lang.KFuncLiteral {
			continue
		}
		for k := len(r.locals) - 1; k >= 0; k-- {
			if r.locals[k].name == string(r.t.Bytes(names[n])) {
				r.locals[k].closure = true
				break
			}
		}
	}
}

func at(types []*goType, n int) *goType {
	if n < len(types) && types[n] != nil {
		return types[n]
	}
	return unknownType
}

func (r *goResolver) assign(left, right int) {
	for _, e := range exprs(r.t, left) {
		if r.t.Kind(e) != lang.KBlankIdentifier {
			r.value(e)
		}
	}
	r.markClosures(left, right)
}

func (r *goResolver) rangeClause(i int) {
	t := r.t
	left, right := t.Child(i, lang.FLeft), t.Child(i, lang.FRight)
	key, elem := rangeTypes(r.value(right))
	if left == 0 {
		return
	}
	define := isDefine(t, left, right)
	for n, e := range exprs(t, left) {
		switch {
		case !define:
			r.value(e)
		case n == 0:
			r.declare(t.Text(e), key)
		default:
			r.declare(t.Text(e), elem)
		}
	}
}

// isDefine tells whether := stands between two nodes.
func isDefine(t *lang.Tree, left, right int) bool {
	for _, b := range t.Slice(t.End(left), t.Start(right)) {
		if b == ':' {
			return true
		}
	}
	return false
}

// rangeTypes returns the types of the variables of a range over typ.
func rangeTypes(typ *goType) (key, elem *goType) {
	u := under(pointee(under(typ)))
	switch u.kind {
	case tSlice:
		return intType, u.elem
	case tMap:
		return u.key, u.elem
	case tChan:
		return u.elem, unknownType
	case tBasic:
		if u.name == "string" {
			return intType, runeType
		}
		return u, unknownType
	case tFunc: // an iterator: func(yield func(K, V) bool)
		if len(u.args) == 1 {
			if y := under(u.args[0]); y.kind == tFunc {
				return at(y.args, 0), at(y.args, 1)
			}
		}
	}
	return unknownType, unknownType
}

// receive visits the clause of a select: [x :=] <-c.
func (r *goResolver) receive(i int) {
	t := r.t
	left, right := t.Child(i, lang.FLeft), t.Child(i, lang.FRight)
	types := append(r.values(right), boolType)
	if left == 0 {
		return
	}
	define := isDefine(t, left, right)
	for n, e := range exprs(t, left) {
		if define {
			r.declare(t.Text(e), at(types, n))
		} else {
			r.value(e)
		}
	}
}

// typeSwitch visits switch x := v.(type).
func (r *goResolver) typeSwitch(i int) {
	t := r.t
	if init := t.Child(i, lang.FInitializer); init != 0 {
		r.statement(init)
	}
	name := ""
	if a := t.Child(i, lang.FAlias); a != 0 {
		name = t.Text(exprs(t, a)[0])
	}
	typ := r.value(t.Child(i, lang.FValue))
	for c := range t.Kids(i) {
		switch t.Kind(c) {
		case lang.KTypeCase:
			r.complexity++
			r.inScope(func() { r.typeCase(c, name, typ) })
		case lang.KDefaultCase:
			r.inScope(func() {
				r.declare(name, typ)
				r.children(c)
			})
		}
	}
}

func (r *goResolver) typeCase(c int, name string, typ *goType) {
	t := r.t
	n := 0
	var caseType *goType
	for k := range t.Kids(c) {
		if t.Field(k) == lang.FType {
			n++
			caseType = r.typeAt(k, graph.References)
		}
	}
	if n == 1 && caseType.kind != tUnknown {
		typ = caseType
	}
	r.declare(name, typ)
	for k := range t.Kids(c) {
		if t.Field(k) != lang.FType {
			r.statement(k)
		}
	}
}

func (r *goResolver) localVar(i int) {
	t := r.t
	var typ *goType
	if tn := t.Child(i, lang.FType); tn != 0 {
		typ = r.typeAt(tn, graph.References)
	}
	list := t.Child(i, lang.FValue)
	types := r.values(list)
	n := 0
	for c := range t.Kids(i) {
		if t.Field(c) != lang.FName || t.Kind(c) != lang.KIdentifier {
			continue
		}
		if typ != nil {
			r.declare(t.Text(c), typ)
		} else {
			r.declare(t.Text(c), at(types, n))
		}
		n++
	}
}

func (r *goResolver) localConst(i int) {
	t := r.t
	typ := intType
	tn := t.Child(i, lang.FType)
	types := r.values(t.Child(i, lang.FValue))
	if tn != 0 {
		typ = r.typeAt(tn, graph.References)
	} else if len(types) > 0 {
		typ = types[0]
	}
	for c := range t.Kids(i) {
		if t.Field(c) == lang.FName && t.Kind(c) == lang.KIdentifier {
			r.declare(t.Text(c), typ)
		}
	}
}

// localTypeSpec declares a type of a function. It has members but no vertex.
func (r *goResolver) localTypeSpec(i int) {
	t := r.t
	n := &goNamed{name: t.FieldText(i, lang.FName), file: r.f, alias: t.Kind(i) == lang.KTypeAlias,
		members: map[string]*goMember{}}
	typ := &goType{kind: tNamed, named: n, name: n.name}
	r.locals = append(r.locals, local{name: n.name, typ: typ, isType: true})
	at := len(r.locals)
	for _, p := range typeParams(t, t.Child(i, lang.FTypeParameters)) {
		n.params = append(n.params, p.name)
		r.locals = append(r.locals, local{name: p.name, isType: true,
			typ: &goType{kind: tParam, name: p.name}})
	}
	n.under = r.typeAt(t.Child(i, lang.FType), graph.References)
	r.locals = r.locals[:at]
}

// funcLiteral visits a closure; what it does belongs to the enclosing lang.Definition.
func (r *goResolver) funcLiteral(i int) value {
	typ := funcExpr(r.t, i)
	r.f.link(typ, r.localType)
	r.inScope(func() {
		r.parameters(i, graph.References)
		if body := r.t.Child(i, lang.FBody); body != 0 {
			r.children(body)
		}
	})
	return valueOf(typ)
}

// parameters declares parameters and named results, and reports their types.
func (r *goResolver) parameters(i int, edge graph.EdgeType) {
	for _, f := range []lang.Field{lang.FReceiver, lang.FParameters, lang.FResult} {
		list := r.t.Child(i, f)
		if list == 0 {
			continue
		}
		if r.t.Kind(list) != lang.KParameterList {
			r.useTypes(list, edge)
			continue
		}
		for _, p := range params(r.t, list) {
			r.f.link(p.typ, r.localType)
			if p.name != 0 {
				r.declare(r.t.Text(p.name), p.typ)
			}
		}
		if f != lang.FReceiver {
			r.useTypes(list, edge)
		}
	}
}
