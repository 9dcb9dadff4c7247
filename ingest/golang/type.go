package golang

import (
	"strings"

	"github.com/codegraphdb/codegraph/ingest/lang"
)

// typeKind is the form of a Go type.
type typeKind uint8

const (
	tUnknown   typeKind = iota
	tRef                // a name that is not looked up yet
	tBasic              // name
	tNamed              // named, with type arguments
	tExternal           // a named type of a package that is not in the tree: pkg, name
	tParam              // a type parameter; elem is its constraint
	tPointer            // elem
	tSlice              // elem; also arrays
	tMap                // key, elem
	tChan               // elem
	tFunc               // args, results
	tStruct             // fields
	tInterface          // fields: methods, and embedded ones
	tTuple              // results
)

// goType is a Go type as far as look-ups of members need it. It is immutable after Link.
type goType struct {
	kind     typeKind
	variadic bool
	union    bool   // an interface with type terms: a constraint
	name     string // basic, reference, external, parameter
	pkg      string // reference: qualifier; external: import path
	named    *goNamed
	key      *goType
	elem     *goType
	args     []*goType // type arguments; parameters
	results  []*goType
	fields   []goField
	tparams  []goField // functions: type parameters, typ is the constraint
}

type goField struct {
	name     string
	typ      *goType
	embedded bool
}

var (
	unknownType = &goType{kind: tUnknown}
	boolType    = &goType{kind: tBasic, name: "bool"}
	intType     = &goType{kind: tBasic, name: "int"}
	stringType  = &goType{kind: tBasic, name: "string"}
	errorType   = &goType{kind: tBasic, name: "error"}
	byteType    = &goType{kind: tBasic, name: "uint8"}
	runeType    = &goType{kind: tBasic, name: "int32"}
	anyType     = &goType{kind: tInterface}
)

// basicTypes are the predeclared types; the value is the canonical name.
var basicTypes = map[string]string{
	"bool": "bool", "string": "string", "error": "error", "byte": "uint8", "rune": "int32",
	"int": "int", "int8": "int8", "int16": "int16", "int32": "int32", "int64": "int64",
	"uint": "uint", "uint8": "uint8", "uint16": "uint16", "uint32": "uint32", "uint64": "uint64",
	"uintptr": "uintptr", "float32": "float32", "float64": "float64", "complex64": "complex64",
	"complex128": "complex128", "comparable": "comparable",
}

// typeExpr reads the type at i; names are left as references.
func typeExpr(t *lang.Tree, i int) *goType {
	switch t.Kind(i) {
	case lang.KTypeIdentifier, lang.KIdentifier:
		return &goType{kind: tRef, name: t.Text(i)}
	case lang.KQualifiedType, lang.KSelectorExpression:
		q, n := t.First(i), t.Last(i)
		return &goType{kind: tRef, pkg: t.Text(q), name: t.Text(n)}
	case lang.KGenericType, lang.KTypeInstantiationExpression, lang.KIndexExpression:
		return genericExpr(t, i)
	case lang.KPointerType, lang.KUnaryExpression:
		return &goType{kind: tPointer, elem: typeExpr(t, t.First(i))}
	case lang.KParenthesizedType, lang.KParenthesizedExpression, lang.KTypeElem, lang.KTypeConstraint:
		return soleType(t, i)
	case lang.KSliceType, lang.KArrayType, lang.KImplicitLengthArrayType:
		return &goType{kind: tSlice, elem: typeExpr(t, t.Child(i, lang.FElement))}
	case lang.KMapType:
		return &goType{kind: tMap, key: typeExpr(t, t.Child(i, lang.FKey)),
			elem: typeExpr(t, t.Child(i, lang.FValue))}
	case lang.KChannelType:
		return &goType{kind: tChan, elem: typeExpr(t, t.Child(i, lang.FValue))}
	case lang.KFunctionType:
		return funcExpr(t, i)
	case lang.KStructType:
		return structExpr(t, i)
	case lang.KInterfaceType:
		return interfaceExpr(t, i)
	}
	return unknownType
}

// soleType reads a node that stands for its only child; several terms make a union.
func soleType(t *lang.Tree, i int) *goType {
	n := 0
	for c := range t.Kids(i) {
		if t.Kind(c) != lang.KComment {
			n++
		}
	}
	if n == 1 && t.Kind(t.First(i)) != lang.KNegatedType {
		return typeExpr(t, t.First(i))
	}
	return &goType{kind: tInterface, union: true}
}

func genericExpr(t *lang.Tree, i int) *goType {
	base := t.First(i)
	b := typeExpr(t, base)
	if b.kind != tRef {
		return b
	}
	for c := range t.Kids(i) {
		switch {
		case c == base || t.Kind(c) == lang.KComment:
		case t.Kind(c) == lang.KTypeArguments:
			for a := range t.Kids(c) {
				b.args = append(b.args, typeExpr(t, a))
			}
		default:
			b.args = append(b.args, typeExpr(t, c))
		}
	}
	return b
}

// funcExpr reads parameters and results of a function type, literal or declaration.
func funcExpr(t *lang.Tree, i int) *goType {
	f := &goType{kind: tFunc}
	if p := t.Child(i, lang.FParameters); p != 0 {
		for _, x := range params(t, p) {
			f.args = append(f.args, x.typ)
			f.variadic = f.variadic || x.variadic
		}
	}
	if r := t.Child(i, lang.FResult); r != 0 {
		if t.Kind(r) == lang.KParameterList {
			for _, x := range params(t, r) {
				f.results = append(f.results, x.typ)
			}
		} else {
			f.results = append(f.results, typeExpr(t, r))
		}
	}
	return f
}

// param is one parameter or result; name is the node of its name, 0 if it has none.
type param struct {
	name     int
	typ      *goType
	typeNode int
	variadic bool
}

// params lists the parameters of a parameter list, one for each name.
func params(t *lang.Tree, list int) []param {
	var out []param
	for d := range t.Kids(list) {
		k := t.Kind(d)
		if k != lang.KParameterDeclaration && k != lang.KVariadicParameterDeclaration {
			continue
		}
		tn := t.Child(d, lang.FType)
		if tn == 0 {
			continue
		}
		p := param{typ: typeExpr(t, tn), typeNode: tn, variadic: k == lang.KVariadicParameterDeclaration}
		if p.variadic {
			p.typ = &goType{kind: tSlice, elem: p.typ}
		}
		named := false
		for n := range t.Kids(d) {
			if t.Field(n) == lang.FName {
				p.name, named = n, true
				out = append(out, p)
			}
		}
		if !named {
			out = append(out, p)
		}
	}
	return out
}

func structExpr(t *lang.Tree, i int) *goType {
	s := &goType{kind: tStruct}
	list := t.ChildOf(i, lang.KFieldDeclarationList)
	if list == 0 {
		return s
	}
	for d := range t.Kids(list) {
		if t.Kind(d) != lang.KFieldDeclaration {
			continue
		}
		tn := t.Child(d, lang.FType)
		if tn == 0 {
			continue
		}
		typ, named := typeExpr(t, tn), false
		for n := range t.Kids(d) {
			if t.Field(n) == lang.FName {
				s.fields = append(s.fields, goField{name: t.Text(n), typ: typ})
				named = true
			}
		}
		if !named {
			if isPointerEmbed(t, d, tn) {
				typ = &goType{kind: tPointer, elem: typ}
			}
			s.fields = append(s.fields, goField{name: embeddedName(typ), typ: typ, embedded: true})
		}
	}
	return s
}

// isPointerEmbed tells whether an embedded field is written with a star, which is no node.
func isPointerEmbed(t *lang.Tree, decl, typ int) bool {
	return t.Start(typ) > t.Start(decl) && t.Kind(typ) != lang.KPointerType
}

// embeddedName returns the field name that an embedded type gets.
func embeddedName(typ *goType) string {
	if typ.kind == tPointer {
		typ = typ.elem
	}
	return typ.name
}

func interfaceExpr(t *lang.Tree, i int) *goType {
	it := &goType{kind: tInterface}
	for c := range t.Kids(i) {
		switch t.Kind(c) {
		case lang.KMethodElem:
			it.fields = append(it.fields, goField{name: t.FieldText(c, lang.FName), typ: funcExpr(t, c)})
		case lang.KTypeElem:
			e := typeExpr(t, c)
			if e.union {
				it.union = true
			}
			it.fields = append(it.fields, goField{typ: e, embedded: true})
		}
	}
	return it
}

// typeParams reads a type parameter list.
func typeParams(t *lang.Tree, list int) []goField {
	var out []goField
	if list == 0 {
		return nil
	}
	for d := range t.Kids(list) {
		if t.Kind(d) != lang.KTypeParameterDeclaration {
			continue
		}
		typ := unknownType
		if c := t.Child(d, lang.FType); c != 0 {
			typ = typeExpr(t, c)
		}
		for n := range t.Kids(d) {
			if t.Field(n) == lang.FName {
				out = append(out, goField{name: t.Text(n), typ: typ})
			}
		}
	}
	return out
}

// pointee returns the type behind at most one pointer.
func pointee(t *goType) *goType {
	if t.kind == tPointer {
		return t.elem
	}
	return t
}

// unalias follows aliases.
func unalias(t *goType) *goType {
	for n := 0; t.kind == tNamed && t.named.alias && n < 32; n++ {
		t = bindArgs(t.named.params, t.args).apply(t.named.under)
	}
	return t
}

// under returns the type that t is made of: never a name, unless it is not known.
func under(t *goType) *goType {
	for n := 0; n < 32; n++ {
		switch {
		case t.kind == tNamed:
			t = bindArgs(t.named.params, t.args).apply(t.named.under)
		case t.kind == tParam && t.elem != nil && t.elem.kind != tUnknown && t.elem != t:
			t = t.elem
		default:
			return t
		}
	}
	return unknownType
}

// binding maps type parameters to what they stand for.
type binding map[string]*goType

func bindArgs(params []string, args []*goType) binding {
	if len(args) == 0 || len(params) == 0 {
		return nil
	}
	b := binding{}
	for i, p := range params {
		if i < len(args) {
			b[p] = args[i]
		}
	}
	return b
}

// apply returns t with the bound parameters replaced.
func (b binding) apply(t *goType) *goType {
	if len(b) == 0 || t == nil {
		return t
	}
	return b.replace(t, 0)
}

func (b binding) replace(t *goType, depth int) *goType {
	const most = 20
	if t == nil || depth > most {
		return t
	}
	switch t.kind {
	case tParam:
		if to, ok := b[t.name]; ok {
			return to
		}
		return t
	case tUnknown, tBasic, tExternal, tRef:
		return t
	}
	c := *t
	changed := false
	one := func(x *goType) *goType {
		y := b.replace(x, depth+1)
		changed = changed || y != x
		return y
	}
	all := func(xs []*goType) []*goType {
		ys := make([]*goType, len(xs))
		for i, x := range xs {
			ys[i] = one(x)
		}
		return ys
	}
	c.key, c.elem = one(t.key), one(t.elem)
	c.args, c.results = all(t.args), all(t.results)
	if t.kind == tStruct || t.kind == tInterface {
		c.fields = make([]goField, len(t.fields))
		for i, f := range t.fields {
			f.typ = one(f.typ)
			c.fields[i] = f
		}
	}
	if !changed {
		return t
	}
	return &c
}

// infer binds the type parameters in pattern by what stands there in t.
func (b binding) infer(pattern, t *goType, depth int) {
	const most = 8
	if pattern == nil || t == nil || t.kind == tUnknown || depth > most {
		return
	}
	if pattern.kind == tParam {
		if _, ok := b[pattern.name]; !ok {
			b[pattern.name] = t
		}
		return
	}
	if pattern.kind != t.kind && t.kind == tNamed {
		t = under(t)
	}
	if pattern.kind != t.kind {
		return
	}
	b.infer(pattern.key, t.key, depth+1)
	b.infer(pattern.elem, t.elem, depth+1)
	for i := range min(len(pattern.args), len(t.args)) {
		b.infer(pattern.args[i], t.args[i], depth+1)
	}
	for i := range min(len(pattern.results), len(t.results)) {
		b.infer(pattern.results[i], t.results[i], depth+1)
	}
}

// typeText writes a type so that identical types have equal text.
func typeText(b *strings.Builder, t *goType, depth int) {
	const most = 12
	if t == nil || depth > most {
		b.WriteByte('?')
		return
	}
	list := func(ts []*goType) {
		for _, x := range ts {
			typeText(b, x, depth+1)
			b.WriteByte(',')
		}
	}
	t = unalias(t)
	switch t.kind {
	case tBasic, tParam:
		b.WriteString(t.name)
	case tNamed:
		b.WriteString(t.named.text())
		if len(t.args) > 0 {
			b.WriteByte('[')
			list(t.args)
			b.WriteByte(']')
		}
	case tExternal:
		b.WriteString(t.pkg + "." + t.name)
		list(t.args)
	case tPointer, tSlice, tChan:
		b.WriteByte("*["[min(int(t.kind-tPointer), 1)])
		if t.kind == tChan {
			b.WriteString("chan ")
		}
		typeText(b, t.elem, depth+1)
	case tMap:
		b.WriteString("map[")
		typeText(b, t.key, depth+1)
		b.WriteByte(']')
		typeText(b, t.elem, depth+1)
	case tFunc:
		b.WriteString("func(")
		list(t.args)
		if t.variadic {
			b.WriteString("...")
		}
		b.WriteByte(')')
		list(t.results)
	case tStruct, tInterface:
		b.WriteString([]string{"struct{", "interface{"}[t.kind-tStruct])
		for _, f := range t.fields {
			b.WriteString(f.name + " ")
			typeText(b, f.typ, depth+1)
			b.WriteByte(';')
		}
		b.WriteByte('}')
	default:
		b.WriteByte('?')
	}
}
