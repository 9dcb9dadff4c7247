package golang

import (
	_ "embed"
	"strings"

	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/ingest/lang"
)

// stdNames lists the exported types of the standard library, a package a line: a call of one of
// them is a conversion, not a call.
//
//go:embed std.txt
var stdNames string

func stdTypes() map[extName]bool {
	out := map[extName]bool{}
	for line := range strings.Lines(stdNames) {
		words := strings.Fields(line)
		for _, w := range words[1:] {
			out[extName{words[0], w}] = true
		}
	}
	return out
}

// call evaluates a call, a conversion or a use of a predeclared function.
func (r *goResolver) call(i int) value {
	t := r.t
	fn, list := t.Child(i, lang.FFunction), t.Child(i, lang.FArguments)
	v := r.expr(fn)
	if ta := t.Child(i, lang.FTypeArguments); ta != 0 {
		v = instantiate(v, r.typeArgs(ta))
	}
	switch v.mode {
	case mType:
		r.use(v, fn)
		r.arguments(list)
		return valueOf(v.typ)
	case mBuiltin:
		return valueOf(r.builtin(v.name, list))
	case mForeign:
		if v.imp.path == "unsafe" { // its functions are predeclared ones
			return valueOf(r.unsafeCall(v.name, r.arguments(list)))
		}
	}
	args := r.arguments(list)
	r.reportCall(v, fn)
	return valueOf(callResult(v.typ, args))
}

// conversion evaluates T(x). The grammar also takes f[T](x) for one.
func (r *goResolver) conversion(i int) value {
	tn, x := r.t.Child(i, lang.FType), r.t.Child(i, lang.FOperand)
	if r.t.Kind(tn) == lang.KGenericType {
		if v := r.instantiation(tn); v.mode != mType {
			arg := r.value(x)
			r.reportCall(v, r.t.First(tn))
			return valueOf(callResult(v.typ, []*goType{arg}))
		} else {
			r.use(v, tn)
			r.value(x)
			return valueOf(v.typ)
		}
	}
	typ := r.typeAt(tn, graph.References)
	r.value(x)
	return valueOf(typ)
}

// arguments evaluates the arguments of a call.
func (r *goResolver) arguments(list int) []*goType {
	if list == 0 {
		return nil
	}
	var out []*goType
	for a := range r.t.Kids(list) {
		if r.t.Kind(a) == lang.KComment {
			continue
		}
		if r.t.Kind(a) == lang.KVariadicArgument {
			a = r.t.First(a)
		}
		out = append(out, r.value(a))
	}
	return out
}

// callResult returns the type of a call of a function of type typ.
func callResult(typ *goType, args []*goType) *goType {
	if typ == nil {
		return unknownType
	}
	typ = under(typ)
	if typ.kind != tFunc {
		return unknownType
	}
	result := &goType{kind: tTuple, results: typ.results}
	if len(typ.results) == 1 {
		result = typ.results[0]
	}
	if len(typ.tparams) == 0 {
		return result
	}
	b := binding{}
	for i, a := range args {
		switch last := len(typ.args) - 1; {
		case typ.variadic && i >= last && last >= 0:
			b.infer(typ.args[last].elem, a, 0)
		case i <= last:
			b.infer(typ.args[i], a, 0)
		}
	}
	return b.apply(result)
}

// reportCall adds the edge of a call whose function is v.
func (r *goResolver) reportCall(v value, at int) {
	if r.out == nil {
		return
	}
	at = r.nameNode(at)
	switch v.mode {
	case mFunc:
		r.out.Edge(r.from, graph.Calls, v.sym, v.ev, at)
	case mVar: // a variable or field that holds a function
		r.out.Edge(r.from, graph.CallReference, v.sym, lang.ByDynamic, at)
	case mForeign:
		if v.imp.path == "C" {
			r.out.Unresolved(r.from, "C."+v.name, lang.NoEvidence, at)
			return
		}
		key := r.g.externalKey(r.f, v.imp.path,
			[]graph.Descriptor{{Kind: graph.MethodDesc, Name: v.name}})
		r.out.Edge(r.from, graph.Calls, r.out.Foreign(key), lang.ByImport, at)
	case mMember:
		ev := lang.ByGuess // the method may be promoted to that type from another one
		if v.recv.pkg == "builtin" {
			ev = lang.ByType
		}
		key := r.g.externalKey(r.f, v.recv.pkg, []graph.Descriptor{
			{Kind: graph.TypeDesc, Name: v.recv.name}, {Kind: graph.MethodDesc, Name: v.name}})
		r.out.Edge(r.from, graph.Calls, r.out.Foreign(key), ev, at)
	case mLocal:
		ev := lang.NoEvidence
		if v.typ != nil && v.typ.kind != tUnknown {
			ev = lang.ByDynamic
		}
		r.out.Unresolved(r.from, v.name, ev, at)
	case mNone:
		if v.name != "" {
			r.out.Unresolved(r.from, v.name, lang.NoEvidence, at)
		}
	}
}

// nameNode returns the node of the name that a call is spelled with.
func (r *goResolver) nameNode(fn int) int {
	if k := r.t.Kind(fn); k == lang.KSelectorExpression || k == lang.KQualifiedType {
		return r.t.Last(fn)
	}
	return fn
}

// builtin evaluates a call of a predeclared function.
func (r *goResolver) builtin(name string, list int) *goType {
	t := r.t
	first := 0
	if list != 0 {
		first = t.First(list)
	}
	if (name == "new" || name == "make") && first != 0 {
		v := r.expr(first)
		r.use(v, first)
		for a := range t.Kids(list) {
			if a != first {
				r.value(a)
			}
		}
		if v.typ == nil {
			return unknownType
		}
		if name == "make" {
			return v.typ
		}
		if r.out != nil && v.sym != nil {
			r.out.Edge(r.from, graph.Instantiates, v.sym, r.typeEvidence(v.typ), first)
		}
		return &goType{kind: tPointer, elem: v.typ}
	}
	args := r.arguments(list)
	switch name {
	case "len", "cap", "copy":
		return intType
	case "append", "min", "max":
		if len(args) > 0 {
			return args[0]
		}
	case "recover":
		return anyType
	}
	return unknownType
}

// unsafeCall returns the type of a call of a function of package unsafe.
func (r *goResolver) unsafeCall(name string, args []*goType) *goType {
	switch {
	case name == "String":
		return stringType
	case name == "StringData":
		return &goType{kind: tPointer, elem: byteType}
	case name == "Slice" && len(args) > 0 && args[0].kind == tPointer:
		return &goType{kind: tSlice, elem: args[0].elem}
	case name == "SliceData" && len(args) > 0 && args[0].kind == tSlice:
		return &goType{kind: tPointer, elem: args[0].elem}
	case name == "Add":
		return &goType{kind: tExternal, pkg: "unsafe", name: "Pointer"}
	}
	return &goType{kind: tBasic, name: "uintptr"}
}

// composite evaluates a composite literal.
func (r *goResolver) composite(i int) value {
	t := r.t
	tn, body := t.Child(i, lang.FType), t.Child(i, lang.FBody)
	typ := r.typeAt(tn, graph.References)
	if r.out != nil {
		if s := r.typeSymbol(typ); s != nil {
			r.out.Edge(r.from, graph.Instantiates, s, r.typeEvidence(typ), tn)
		}
	}
	r.literal(body, typ)
	return valueOf(typ)
}

// literal evaluates the elements of a composite literal of a type.
func (r *goResolver) literal(body int, typ *goType) {
	if body == 0 {
		return
	}
	u := under(pointee(under(typ)))
	for e := range r.t.Kids(body) {
		switch r.t.Kind(e) {
		case lang.KKeyedElement:
			r.keyed(e, u, typ)
		case lang.KLiteralElement:
			r.element(e, elemType(u))
		case lang.KComment:
		default:
			r.value(e)
		}
	}
}

func elemType(u *goType) *goType {
	if u.kind == tSlice || u.kind == tMap {
		return u.elem
	}
	return unknownType
}

// keyed evaluates key: value in a composite literal.
func (r *goResolver) keyed(e int, u, typ *goType) {
	key, val := r.t.First(e), r.t.Last(e)
	switch {
	case u.kind == tStruct:
		k := key
		if r.t.Kind(k) == lang.KLiteralElement {
			k = r.t.First(k)
		}
		f := r.member(typ, r.t.Text(k))
		r.use(f, k)
		r.element(val, f.typ)
	case u.kind == tMap || u.kind == tSlice:
		if u.kind == tMap {
			r.element(key, u.key)
		} else {
			r.element(key, intType)
		}
		r.element(val, u.elem)
	default: // of a type outside of the tree: the key may be a field
		if k := r.t.First(key); k == 0 || r.t.Kind(k) != lang.KIdentifier {
			r.element(key, unknownType)
		}
		r.element(val, unknownType)
	}
}

// element evaluates an element, which may be a literal without its type.
func (r *goResolver) element(e int, typ *goType) {
	if r.t.Kind(e) == lang.KLiteralElement {
		e = r.t.First(e)
	}
	if e == 0 {
		return
	}
	if r.t.Kind(e) == lang.KLiteralValue {
		if typ == nil {
			typ = unknownType
		}
		if r.out != nil {
			if s := r.typeSymbol(pointee(typ)); s != nil {
				r.out.Edge(r.from, graph.Instantiates, s, lang.ByType, e)
			}
		}
		r.literal(e, typ)
		return
	}
	r.value(e)
}
