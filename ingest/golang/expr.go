package golang

import (
	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/ingest/lang"
)

// mode is what an expression stands for.
type mode uint8

const (
	mNone    mode = iota // not known
	mValue               // a value without a name of its own
	mLocal               // a local variable
	mFunc                // a function or method of the tree
	mVar                 // a package variable, constant or field of the tree
	mType                // a type
	mBuiltin             // a predeclared function
	mPackage             // a package
	mForeign             // a name of a package outside the tree
	mMember              // a member of a type outside the tree
)

// value is what is known of an expression.
type value struct {
	mode mode
	typ  *goType
	sym  *lang.Symbol // mFunc, mVar, mType
	ev   lang.Evidence
	name string
	imp  *goImport // mPackage, mForeign
	recv *goType   // mMember: the type outside the tree
}

func valueOf(t *goType) value { return value{mode: mValue, typ: t} }

// local is a name of a function's scope.
type local struct {
	name    string
	typ     *goType
	isType  bool
	closure bool // set to a function literal: its calls belong to the enclosing function
}

// goResolver types the expressions of one file and reports what they refer to.
type goResolver struct {
	g          *golang
	f          *goFile
	t          *lang.Tree
	out        *lang.Facts // nil while only types are asked for
	from       lang.Scope
	locals     []local
	complexity uint32
	results    []*goType // of the function that is being looked at
}

func (r *goResolver) localType(name string) *goType {
	for i := len(r.locals) - 1; i >= 0; i-- {
		if r.locals[i].name == name && r.locals[i].isType {
			return r.locals[i].typ
		}
	}
	return nil
}

// typeAt reads the type at node i, and reports the types that it names.
func (r *goResolver) typeAt(i int, edge graph.EdgeType) *goType {
	if i == 0 {
		return unknownType
	}
	if r.t.Kind(i) == lang.KParenthesizedType {
		return r.typeAt(r.t.First(i), edge)
	}
	typ := typeExpr(r.t, i)
	r.f.link(typ, r.localType)
	r.useTypes(i, edge)
	return typ
}

// useTypes reports the type names below node i.
func (r *goResolver) useTypes(i int, edge graph.EdgeType) {
	if r.out == nil {
		return
	}
	for n := i; n < int(r.t.Next(i)); n++ {
		switch r.t.Kind(n) {
		case lang.KQualifiedType:
			typ := r.f.qualified(r.t.Text(r.t.First(n)), r.t.Text(r.t.Last(n)))
			r.useType(typ, edge, n)
			n = int(r.t.Next(n)) - 1
		case lang.KTypeIdentifier:
			typ := r.f.plain(r.t.Text(n), r.localType)
			r.useType(typ, edge, n)
		}
	}
}

func (r *goResolver) useType(typ *goType, edge graph.EdgeType, at int) {
	if r.out == nil {
		return
	}
	if s := r.typeSymbol(typ); s != nil && s != r.from.Sym {
		r.out.Edge(r.from, edge, s, r.typeEvidence(typ), at)
	}
}

// typeEvidence tells how a type was found: in the package itself or through an import.
func (r *goResolver) typeEvidence(typ *goType) lang.Evidence {
	if typ.kind == tNamed && typ.named.pkg == r.f.pkg {
		return lang.BySyntax
	}
	return lang.ByImport
}

// typeSymbol returns the symbol of a named type, nil for others.
func (r *goResolver) typeSymbol(typ *goType) *lang.Symbol {
	switch {
	case typ.kind == tNamed:
		return typ.named.sym
	case typ.kind == tExternal && r.out != nil:
		return r.out.Foreign(r.g.externalKey(r.f, typ.pkg,
			[]graph.Descriptor{{Kind: graph.TypeDesc, Name: typ.name}}))
	}
	return nil
}

// value evaluates node i as an operand whose value is used.
func (r *goResolver) value(i int) *goType {
	if i == 0 {
		return unknownType
	}
	v := r.expr(i)
	r.use(v, i)
	if v.typ == nil {
		return unknownType
	}
	return v.typ
}

// use reports a reference to what v stands for.
func (r *goResolver) use(v value, at int) {
	if r.out == nil {
		return
	}
	switch v.mode {
	case mFunc:
		r.out.Edge(r.from, graph.CallReference, v.sym, v.ev, at)
	case mVar:
		r.out.Edge(r.from, graph.References, v.sym, v.ev, at)
	case mType:
		if v.sym != nil && v.sym != r.from.Sym {
			r.out.Edge(r.from, graph.References, v.sym, r.typeEvidence(v.typ), at)
		}
	case mForeign:
		key := r.g.externalKey(r.f, v.imp.path, []graph.Descriptor{{Kind: graph.TermDesc, Name: v.name}})
		r.out.Edge(r.from, graph.References, r.out.Foreign(key), lang.ByGuess, at)
	}
}

// expr evaluates node i. The caller reports the use of the result.
func (r *goResolver) expr(i int) value {
	t := r.t
	switch t.Kind(i) {
	case lang.KIdentifier, lang.KTypeIdentifier, lang.KFieldIdentifier, lang.KPackageIdentifier:
		return r.ident(i)
	case lang.KParenthesizedExpression:
		return r.expr(t.First(i))
	case lang.KSelectorExpression, lang.KQualifiedType:
		return r.selector(i)
	case lang.KCallExpression:
		return r.call(i)
	case lang.KTypeConversionExpression:
		return r.conversion(i)
	case lang.KCompositeLiteral:
		return r.composite(i)
	case lang.KFuncLiteral:
		return r.funcLiteral(i)
	case lang.KUnaryExpression:
		return r.unary(i)
	case lang.KBinaryExpression:
		return r.binary(i)
	case lang.KIndexExpression:
		return r.index(i)
	case lang.KSliceExpression:
		return r.sliceExpr(i)
	case lang.KTypeAssertionExpression:
		r.value(t.Child(i, lang.FOperand))
		return valueOf(r.typeAt(t.Child(i, lang.FType), graph.References))
	case lang.KTypeInstantiationExpression, lang.KGenericType:
		return r.instantiation(i)
	case lang.KInterpretedStringLiteral, lang.KRawStringLiteral:
		return valueOf(stringType)
	case lang.KIntLiteral:
		return valueOf(intType)
	case lang.KRuneLiteral:
		return valueOf(runeType)
	case lang.KFloatLiteral:
		return valueOf(&goType{kind: tBasic, name: "float64"})
	case lang.KTrue, lang.KFalse:
		return valueOf(boolType)
	case lang.KPointerType, lang.KSliceType, lang.KArrayType, lang.KMapType, lang.KChannelType,
		lang.KFunctionType, lang.KStructType,
		lang.KInterfaceType, lang.KParenthesizedType, lang.KImplicitLengthArrayType:
		return value{mode: mType, typ: r.typeAt(i, graph.References)}
	}
	for c := range t.Kids(i) {
		r.statement(c)
	}
	return value{typ: unknownType}
}

// ident evaluates a name.
func (r *goResolver) ident(i int) value {
	b := r.t.Bytes(i)
	for n := len(r.locals) - 1; n >= 0; n-- {
		if l := &r.locals[n]; l.name == string(b) {
			if l.isType {
				return value{mode: mType, typ: l.typ, name: l.name}
			}
			v := value{mode: mLocal, typ: l.typ, name: l.name}
			if l.closure {
				v.mode = mValue
			}
			return v
		}
	}
	name := string(b)
	if obj := r.f.pkg.scope[name]; obj != nil {
		return r.object(obj, name, lang.BySyntax)
	}
	if imp := r.f.names[name]; imp != nil {
		return value{mode: mPackage, imp: imp, name: name, typ: unknownType}
	}
	for _, imp := range r.f.dots {
		if imp.pkg == nil {
			continue
		}
		if obj := imp.pkg.scope[name]; obj != nil {
			return r.object(obj, name, lang.ByImport)
		}
	}
	if c, ok := basicTypes[name]; ok {
		return value{mode: mType, typ: &goType{kind: tBasic, name: c}}
	}
	if name == "any" {
		return value{mode: mType, typ: anyType}
	}
	if builtins[name] {
		return value{mode: mBuiltin, name: name, typ: unknownType}
	}
	if imp := r.f.onlyForeignDot(); imp != nil && isExported(name) {
		return r.imported(imp, name)
	}
	return value{mode: mNone, name: name, typ: unknownType}
}

// object evaluates a package-level name of the tree.
func (r *goResolver) object(obj *goObject, name string, ev lang.Evidence) value {
	v := value{sym: obj.sym, typ: obj.typ, ev: ev, name: name}
	switch obj.kind {
	case declFunc:
		v.mode = mFunc
	case declType:
		v.mode = mType
	default:
		v.mode = mVar
		if obj.typ == nil {
			v.typ = r.g.infer(obj)
		}
	}
	return v
}

// selector evaluates x.name.
func (r *goResolver) selector(i int) value {
	t := r.t
	x, n := t.First(i), t.Last(i)
	name := t.Text(n)
	v := r.expr(x)
	if v.mode == mPackage {
		return r.imported(v.imp, name)
	}
	if v.mode == mType {
		return r.methodExpr(v, x, name)
	}
	r.use(v, x)
	return r.member(v.typ, name)
}

// imported evaluates a name of a package.
func (r *goResolver) imported(imp *goImport, name string) value {
	if imp.pkg != nil && imp.path != "unsafe" {
		if obj := imp.pkg.scope[name]; obj != nil {
			return r.object(obj, name, lang.ByImport)
		}
		return value{name: name, typ: unknownType}
	}
	if r.g.isExternalType(imp.path, name) {
		v := value{mode: mType, typ: &goType{kind: tExternal, pkg: imp.path, name: name}, name: name}
		v.sym = r.typeSymbol(v.typ)
		return v
	}
	return value{mode: mForeign, imp: imp, name: name, typ: unknownType}
}

// isExternalType tells whether a name of a package outside the tree is known to be a type.
func (g *golang) isExternalType(pkg, name string) bool {
	e := extName{pkg, name}
	return g.extTypes[e] || g.std[e]
}

// methodExpr evaluates T.name.
func (r *goResolver) methodExpr(v value, x int, name string) value {
	r.use(v, x)
	m := r.member(v.typ, name)
	if m.mode == mFunc && m.typ.kind == tFunc {
		withRecv := *m.typ
		withRecv.args = append([]*goType{v.typ}, m.typ.args...)
		m.typ = &withRecv
	}
	return m
}

// member evaluates a field or method of a value of type typ.
func (r *goResolver) member(typ *goType, name string) value {
	none := value{mode: mNone, typ: unknownType, name: name}
	if typ == nil || typ.kind == tUnknown {
		return none
	}
	f, ok := lookup(typ, name)
	switch {
	case !ok:
		if isErrorMethod(typ, name) {
			return value{mode: mMember, typ: &goType{kind: tFunc, results: []*goType{stringType}},
				recv: &goType{kind: tExternal, pkg: "builtin", name: "error"}, name: name}
		}
		return none
	case f.external != nil:
		return value{mode: mMember, typ: unknownType, recv: f.external, name: name}
	case f.member == nil:
		v := valueOf(f.typ)
		v.name = name
		return v
	case f.member.kind == graph.Method:
		return value{mode: mFunc, sym: f.member.sym, typ: f.typ, ev: lang.ByType, name: name}
	}
	return value{mode: mVar, sym: f.member.sym, typ: f.typ, ev: lang.ByType, name: name}
}

func isErrorMethod(typ *goType, name string) bool {
	if name != "Error" {
		return false
	}
	typ = unalias(typ)
	if typ.kind == tBasic {
		return typ.name == "error"
	}
	u := under(typ)
	for _, f := range u.fields {
		if f.embedded && f.typ.kind == tBasic && f.typ.name == "error" {
			return true
		}
	}
	return u.kind == tBasic && u.name == "error"
}

// instantiation evaluates f[T] or a generic type.
func (r *goResolver) instantiation(i int) value {
	v := r.expr(r.t.First(i))
	var args []*goType
	for c := range r.t.Kids(i) {
		switch {
		case c == r.t.First(i) || r.t.Kind(c) == lang.KComment:
		case r.t.Kind(c) == lang.KTypeArguments:
			args = append(args, r.typeArgs(c)...)
		default:
			args = append(args, r.typeAt(c, graph.References))
		}
	}
	return instantiate(v, args)
}

func (r *goResolver) typeArgs(list int) []*goType {
	var args []*goType
	for a := range r.t.Kids(list) {
		if r.t.Kind(a) != lang.KComment {
			args = append(args, r.typeAt(a, graph.References))
		}
	}
	return args
}

// instantiate puts type arguments into a generic type or function.
func instantiate(v value, args []*goType) value {
	if v.typ == nil || len(args) == 0 {
		return v
	}
	switch {
	case v.mode == mType && (v.typ.kind == tNamed || v.typ.kind == tExternal):
		typ := *v.typ
		typ.args = args
		v.typ = &typ
	case v.typ.kind == tFunc && len(v.typ.tparams) > 0:
		v.typ = bindArgs(paramNames(v.typ.tparams), args).apply(v.typ)
	}
	return v
}

func paramNames(ps []goField) []string {
	out := make([]string, len(ps))
	for i, p := range ps {
		out[i] = p.name
	}
	return out
}

// index evaluates x[i], or an instantiation that is written like it.
func (r *goResolver) index(i int) value {
	x, at := r.t.Child(i, lang.FOperand), r.t.Child(i, lang.FIndex)
	v := r.expr(x)
	if v.mode == mType || v.mode == mFunc {
		return instantiate(v, []*goType{r.typeAt(at, graph.References)})
	}
	r.use(v, x)
	r.value(at)
	if v.mode == mForeign { // f[T] of another package, or an element of its variable
		return v
	}
	u := under(pointee(under(v.typ)))
	switch u.kind {
	case tSlice, tMap:
		return valueOf(u.elem)
	case tBasic:
		return valueOf(byteType)
	}
	return value{typ: unknownType}
}

func (r *goResolver) sliceExpr(i int) value {
	x := r.t.Child(i, lang.FOperand)
	typ := r.value(x)
	for c := range r.t.Kids(i) {
		if c != x {
			r.value(c)
		}
	}
	if u := under(typ); u.kind == tPointer {
		return valueOf(u.elem)
	}
	return valueOf(typ)
}

func (r *goResolver) unary(i int) value {
	x := r.t.Child(i, lang.FOperand)
	op := r.t.Bytes(i)[0]
	if op == '*' {
		v := r.expr(x)
		if v.mode == mType {
			v.typ = &goType{kind: tPointer, elem: v.typ}
			return v
		}
		r.use(v, x)
		if v.typ != nil {
			if u := under(v.typ); u.kind == tPointer {
				return valueOf(u.elem)
			}
		}
		return value{typ: unknownType}
	}
	typ := r.value(x)
	switch op {
	case '&':
		return valueOf(&goType{kind: tPointer, elem: typ})
	case '<':
		if u := under(typ); u.kind == tChan {
			return valueOf(u.elem)
		}
		return value{typ: unknownType}
	case '!':
		return valueOf(boolType)
	}
	return valueOf(typ)
}

func (r *goResolver) binary(i int) value {
	t := r.t
	left, right := t.Child(i, lang.FLeft), t.Child(i, lang.FRight)
	l, rt := r.value(left), r.value(right)
	op := lang.OneLine(t.Slice(t.End(left), t.Start(right)), 16)
	switch op {
	case "&&", "||":
		r.complexity++
		return valueOf(boolType)
	case "==", "!=", "<", "<=", ">", ">=":
		return valueOf(boolType)
	}
	if isLiteral(t.Kind(left)) && op != "<<" && op != ">>" {
		return valueOf(rt)
	}
	return valueOf(l)
}

func isLiteral(k lang.Kind) bool {
	return k == lang.KIntLiteral || k == lang.KFloatLiteral || k == lang.KRuneLiteral
}

var builtins = map[string]bool{
	"append": true, "cap": true, "clear": true, "close": true, "complex": true, "copy": true,
	"delete": true, "imag": true, "len": true, "make": true, "max": true, "min": true, "new": true,
	"panic": true, "print": true, "println": true, "real": true, "recover": true,
}
