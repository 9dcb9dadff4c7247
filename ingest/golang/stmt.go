package lang

import "github.com/codegraphdb/codegraph/graph"

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
	for c := range r.t.kids(i) {
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
	switch t.kind(i) {
	case kComment, kLabelName, kImportDeclaration:
	case kBlock, kSelectStatement, kExpressionSwitchStatement, kDefaultCase:
		r.scoped(i)
	case kIfStatement, kForStatement, kExpressionCase:
		r.complexity++
		r.scoped(i)
	case kCommunicationCase, kForClause, kExpressionStatement, kLabeledStatement, kReturnStatement,
		kGoStatement, kDeferStatement, kSendStatement, kIncStatement, kDecStatement, kVarDeclaration,
		kConstDeclaration, kTypeDeclaration, kVarSpecList, kExpressionList, kError:
		if t.kind(i) == kCommunicationCase {
			r.complexity++
			r.scoped(i)
			return
		}
		r.children(i)
	case kShortVarDeclaration:
		r.shortVar(i)
	case kAssignmentStatement:
		r.values(t.child(i, fRight))
		r.assign(t.child(i, fLeft), t.child(i, fRight))
	case kRangeClause:
		r.rangeClause(i)
	case kReceiveStatement:
		r.receive(i)
	case kTypeSwitchStatement:
		n := len(r.locals)
		r.typeSwitch(i)
		r.locals = r.locals[:n]
	case kVarSpec:
		r.localVar(i)
	case kConstSpec:
		r.localConst(i)
	case kTypeSpec, kTypeAlias:
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
	switch r.t.kind(es[0]) { // v, ok := ...
	case kIndexExpression, kTypeAssertionExpression, kUnaryExpression:
		return append(out, boolType)
	}
	return out
}

func (r *goResolver) shortVar(i int) {
	right := r.t.child(i, fRight)
	types := r.values(right)
	for n, e := range exprs(r.t, r.t.child(i, fLeft)) {
		r.declare(r.t.text(e), at(types, n))
	}
	r.markClosures(r.t.child(i, fLeft), right)
}

// markClosures notes which variables were just set to a function literal.
func (r *goResolver) markClosures(left, right int) {
	names, vals := exprs(r.t, left), exprs(r.t, right)
	for n := range min(len(names), len(vals)) {
		if r.t.kind(vals[n]) != kFuncLiteral {
			continue
		}
		for k := len(r.locals) - 1; k >= 0; k-- {
			if r.locals[k].name == string(r.t.bytes(names[n])) {
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
		if r.t.kind(e) != kBlankIdentifier {
			r.value(e)
		}
	}
	r.markClosures(left, right)
}

func (r *goResolver) rangeClause(i int) {
	t := r.t
	left, right := t.child(i, fLeft), t.child(i, fRight)
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
			r.declare(t.text(e), key)
		default:
			r.declare(t.text(e), elem)
		}
	}
}

// isDefine tells whether := stands between two nodes.
func isDefine(t *Tree, left, right int) bool {
	for _, b := range t.slice(t.n[left].end, t.n[right].start) {
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
	left, right := t.child(i, fLeft), t.child(i, fRight)
	types := append(r.values(right), boolType)
	if left == 0 {
		return
	}
	define := isDefine(t, left, right)
	for n, e := range exprs(t, left) {
		if define {
			r.declare(t.text(e), at(types, n))
		} else {
			r.value(e)
		}
	}
}

// typeSwitch visits switch x := v.(type).
func (r *goResolver) typeSwitch(i int) {
	t := r.t
	if init := t.child(i, fInitializer); init != 0 {
		r.statement(init)
	}
	name := ""
	if a := t.child(i, fAlias); a != 0 {
		name = t.text(exprs(t, a)[0])
	}
	typ := r.value(t.child(i, fValue))
	for c := range t.kids(i) {
		switch t.kind(c) {
		case kTypeCase:
			r.complexity++
			r.inScope(func() { r.typeCase(c, name, typ) })
		case kDefaultCase:
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
	for k := range t.kids(c) {
		if t.n[k].field == fType {
			n++
			caseType = r.typeAt(k, graph.References)
		}
	}
	if n == 1 && caseType.kind != tUnknown {
		typ = caseType
	}
	r.declare(name, typ)
	for k := range t.kids(c) {
		if t.n[k].field != fType {
			r.statement(k)
		}
	}
}

func (r *goResolver) localVar(i int) {
	t := r.t
	var typ *goType
	if tn := t.child(i, fType); tn != 0 {
		typ = r.typeAt(tn, graph.References)
	}
	list := t.child(i, fValue)
	types := r.values(list)
	n := 0
	for c := range t.kids(i) {
		if t.n[c].field != fName || t.kind(c) != kIdentifier {
			continue
		}
		if typ != nil {
			r.declare(t.text(c), typ)
		} else {
			r.declare(t.text(c), at(types, n))
		}
		n++
	}
}

func (r *goResolver) localConst(i int) {
	t := r.t
	typ := intType
	tn := t.child(i, fType)
	types := r.values(t.child(i, fValue))
	if tn != 0 {
		typ = r.typeAt(tn, graph.References)
	} else if len(types) > 0 {
		typ = types[0]
	}
	for c := range t.kids(i) {
		if t.n[c].field == fName && t.kind(c) == kIdentifier {
			r.declare(t.text(c), typ)
		}
	}
}

// localTypeSpec declares a type of a function. It has members but no vertex.
func (r *goResolver) localTypeSpec(i int) {
	t := r.t
	n := &goNamed{name: t.fieldText(i, fName), file: r.f, alias: t.kind(i) == kTypeAlias,
		members: map[string]*goMember{}}
	typ := &goType{kind: tNamed, named: n, name: n.name}
	r.locals = append(r.locals, local{name: n.name, typ: typ, isType: true})
	at := len(r.locals)
	for _, p := range typeParams(t, t.child(i, fTypeParameters)) {
		n.params = append(n.params, p.name)
		r.locals = append(r.locals, local{name: p.name, isType: true,
			typ: &goType{kind: tParam, name: p.name}})
	}
	n.under = r.typeAt(t.child(i, fType), graph.References)
	r.locals = r.locals[:at]
}

// funcLiteral visits a closure; what it does belongs to the enclosing definition.
func (r *goResolver) funcLiteral(i int) value {
	typ := funcExpr(r.t, i)
	r.f.link(typ, r.localType)
	r.inScope(func() {
		r.parameters(i, graph.References)
		if body := r.t.child(i, fBody); body != 0 {
			r.children(body)
		}
	})
	return valueOf(typ)
}

// parameters declares parameters and named results, and reports their types.
func (r *goResolver) parameters(i int, edge graph.EdgeType) {
	for _, f := range []field{fReceiver, fParameters, fResult} {
		list := r.t.child(i, f)
		if list == 0 {
			continue
		}
		if r.t.kind(list) != kParameterList {
			r.useTypes(list, edge)
			continue
		}
		for _, p := range params(r.t, list) {
			r.f.link(p.typ, r.localType)
			if p.name != 0 {
				r.declare(r.t.text(p.name), p.typ)
			}
		}
		if f != fReceiver {
			r.useTypes(list, edge)
		}
	}
}
