package ecma

import (
	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/ingest/lang"
)

// local is a name of a function's scope.
type local struct {
	name string
	v    value
}

// resolver visits one file and reports what it refers to.
type resolver struct {
	a          *analyzer
	m          *module
	s          *scanner // reads types
	t          *lang.Tree
	out        *lang.Facts
	from       lang.Scope
	sc         *scope // of the module or a namespace
	this       shape
	locals     []local
	expected   []shape // parameters of the closure that is visited next
	complexity uint32
}

func (r *resolver) declareLocal(name string, s shape) {
	if name != "" {
		r.locals = append(r.locals, local{name, value{shape: s, ref: rLocal, label: name}})
	}
}

// scoped runs fn with a scope of its own.
func (r *resolver) scoped(fn func()) {
	n := len(r.locals)
	fn()
	r.locals = r.locals[:n]
}

// use reports a reference to what v stands for and returns its shape.
func (r *resolver) use(v value, at int) shape {
	if v.sym != nil && v.sym != r.from.Sym {
		switch v.ref {
		case rFunc:
			r.out.Edge(r.from, graph.CallReference, v.sym, v.ev, at)
		case rVar, rClass:
			r.out.Edge(r.from, graph.References, v.sym, v.ev, at)
		}
	}
	return v.shape
}

// value evaluates an expression whose value is used.
func (r *resolver) value(i int) shape {
	if i == 0 {
		return shape{}
	}
	return r.use(r.expr(i), i)
}

// expr evaluates an expression. The caller reports the use of the result.
func (r *resolver) expr(i int) value {
	t := r.t
	switch k := t.Kind(i); k {
	case lang.KIdentifier, lang.KShorthandPropertyIdentifier:
		return r.name(t.Text(i))
	case lang.KThis:
		return plain(r.this)
	case lang.KMemberExpression:
		return r.member(i)
	case lang.KCallExpression:
		return plain(r.call(i))
	case lang.KNewExpression:
		return plain(r.newExpression(i))
	case lang.KParenthesizedExpression, lang.KNonNullExpression:
		return r.expr(t.First(i))
	case lang.KAwaitExpression:
		return plain(awaited(r.value(t.First(i))))
	case lang.KAsExpression, lang.KSatisfiesExpression:
		return plain(r.cast(i))
	case lang.KArrowFunction, lang.KFunctionExpression, lang.KGeneratorFunction:
		return plain(r.closure(i))
	case lang.KClass:
		r.nestedClass(i)
		return value{}
	case lang.KSubscriptExpression:
		return plain(r.subscript(i))
	case lang.KTernaryExpression:
		return plain(r.ternary(i))
	case lang.KBinaryExpression:
		return plain(r.binary(i))
	case lang.KAssignmentExpression:
		return plain(r.assignment(i))
	case lang.KString, lang.KTemplateString:
		r.children(i)
		return plain(shape{kind: sForeignInstance, from: libModule, name: "String"})
	case lang.KNumber:
		return plain(shape{kind: sForeignInstance, from: libModule, name: "Number"})
	case lang.KRegex:
		return plain(shape{kind: sForeignInstance, from: libModule, name: "RegExp"})
	case lang.KArray:
		return plain(r.array(i))
	case lang.KObject:
		r.object(i)
		return value{}
	case lang.KPropertyIdentifier, lang.KPrivatePropertyIdentifier, lang.KStatementIdentifier,
		lang.KStringFragment, lang.KComment:
		return value{}
	case lang.KTypeArguments, lang.KTypeAnnotation:
		r.useTypes(i, graph.References)
		return value{}
	case lang.KJsxOpeningElement, lang.KJsxSelfClosingElement:
		r.jsx(i)
		return value{}
	case lang.KJsxClosingElement:
		return value{}
	}
	r.children(i)
	return value{}
}

// name evaluates a name: locals, namespaces, module, globals.
func (r *resolver) name(name string) value {
	for n := len(r.locals) - 1; n >= 0; n-- {
		if r.locals[n].name == name {
			return r.locals[n].v
		}
	}
	return r.a.lookup(r.sc, name, 0)
}

// member evaluates x.name.
func (r *resolver) member(i int) value {
	x, p := r.t.Child(i, lang.FObject), r.t.Child(i, lang.FProperty)
	name := r.t.Text(p)
	if r.t.Kind(x) == lang.KSuper {
		return r.superMember(name)
	}
	v := r.expr(x)
	if v.ref != rModule && v.ref != rForeign {
		r.use(v, x)
	}
	return r.a.member(v, name, 0)
}

// superMember evaluates super.name: the member of what this class is derived from.
func (r *resolver) superMember(name string) value {
	c := r.this.class
	if c == nil {
		return value{label: name}
	}
	for _, s := range c.supers {
		if v := r.a.classMember(shape{kind: r.this.kind, class: s}, name, 0); v.sym != nil {
			return v
		}
	}
	if len(c.foreign) == 1 && len(c.supers) == 0 {
		f := c.foreign[0]
		return value{shape: shape{from: f.from, name: f.name}, ref: rForeignMember, label: name}
	}
	return value{label: name}
}

// call evaluates a call and reports it.
func (r *resolver) call(i int) shape {
	t := r.t
	fn, args := t.Child(i, lang.FFunction), t.Child(i, lang.FArguments)
	if ta := t.ChildOf(i, lang.KTypeArguments); ta != 0 {
		r.useTypes(ta, graph.References)
	}
	if spec := requireOf(t, i); spec != "" {
		if m := r.m.linked[spec].mod; m != nil {
			name := "="
			if t.Kind(fn) == lang.KImport {
				name = "*"
			}
			return r.a.exported(m, name, 0).shape
		}
		return shape{}
	}
	if t.Kind(fn) == lang.KSuper {
		r.superCall(fn)
		r.arguments(args)
		return shape{}
	}
	v := r.expr(fn)
	r.report(v, r.nameNode(fn))
	r.argumentsOf(v, args)
	if v.ref == rForeignMember && v.from == libModule {
		return arrayResult(v)
	}
	return r.a.result(v.shape, 0)
}

// argumentsOf evaluates arguments; functions among them take their parameters' types from what is
// called.
func (r *resolver) argumentsOf(v value, args int) {
	if args == 0 {
		return
	}
	n := 0
	for c := range r.t.Kids(args) {
		if isFunction(r.t.Kind(c)) {
			r.expected = r.expectedOf(v, n)
		}
		r.value(c)
		r.expected = nil
		if r.t.Kind(c) != lang.KComment {
			n++
		}
	}
}

// expectedOf returns the shapes of the parameters of a function that is argument n of a call.
func (r *resolver) expectedOf(v value, n int) []shape {
	switch {
	case v.ref == rForeignMember && v.from == libModule && v.elem != nil && n == 0:
		if v.label == "reduce" || v.label == "reduceRight" {
			return []shape{{}, *v.elem}
		}
		return []shape{*v.elem}
	case v.kind != sFunc || v.fn == nil || n >= len(v.fn.params) || v.fn.params[n] == nil:
		return nil
	}
	this := v.fn.class
	f := r.a.eval(v.fn.params[n], v.fn.sc, v.fn.mod, this, 0)
	if f.kind != sFunc || f.fn == nil {
		return nil
	}
	out := make([]shape, len(f.fn.params))
	for i, p := range f.fn.params {
		out[i] = r.a.eval(p, f.fn.sc, f.fn.mod, this, 0)
	}
	return out
}

// arrayResult returns what a method of an array gives, as far as its elements tell.
func arrayResult(v value) shape {
	if v.elem == nil {
		return shape{}
	}
	switch v.label {
	case "filter", "slice", "concat", "reverse", "sort", "splice", "toSorted", "toReversed":
		return shape{kind: sArray, elem: v.elem}
	case "find", "findLast", "pop", "shift", "at":
		return *v.elem
	}
	return shape{}
}

// nameNode returns the node of the name that a call is spelled with.
func (r *resolver) nameNode(fn int) int {
	switch r.t.Kind(fn) {
	case lang.KMemberExpression:
		return r.t.Child(fn, lang.FProperty)
	case lang.KNonNullExpression, lang.KParenthesizedExpression:
		return r.nameNode(r.t.First(fn))
	}
	return fn
}

func (r *resolver) arguments(args int) {
	if args != 0 {
		for c := range r.t.Kids(args) {
			r.value(c)
		}
	}
}

// superCall reports super(...): the constructor of the base.
func (r *resolver) superCall(at int) {
	if r.this.class == nil {
		return
	}
	for _, s := range r.this.class.supers {
		if m, _ := s.member(constructorName); m != nil {
			r.out.Edge(r.from, graph.Calls, m.sym, lang.ByType, at)
			return
		}
	}
}

// report adds the edge of a call of v.
func (r *resolver) report(v value, at int) {
	switch v.ref {
	case rFunc:
		if v.sym != nil {
			r.out.Edge(r.from, graph.Calls, v.sym, v.ev, at)
		}
	case rVar:
		r.out.Edge(r.from, graph.CallReference, v.sym, lang.ByDynamic, at)
	case rClass: // without new
		r.out.Edge(r.from, graph.References, v.sym, v.ev, at)
	case rForeign:
		r.foreignCall(v, at)
	case rForeignMember:
		r.memberCall(v, at)
	case rLocal:
		if v.kind == sFunc { // a function of this function, or of a type without a name
			return
		}
		if v.kind == sForeign {
			r.foreignCall(foreign(v.from, v.name), at)
			return
		}
		r.out.Unresolved(r.from, v.label, lang.NoEvidence, at)
	case rModule:
		r.out.Unresolved(r.from, v.label, lang.NoEvidence, at)
	case rNone:
		if v.kind == sUnknown && v.label != "" {
			r.out.Unresolved(r.from, v.label, lang.NoEvidence, at)
		}
	}
}

// foreignCall reports a call of something of a module outside of the tree.
func (r *resolver) foreignCall(v value, at int) {
	name, ev := v.name, lang.ByImport
	if name == "" {
		name, ev = "default", lang.ByGuess
	}
	key := foreignKey(v.from, name, graph.MethodDesc)
	r.out.Edge(r.from, graph.Calls, r.out.Foreign(key), ev, at)
}

// memberCall reports a call of a method of a class outside of the tree. The language's own are
// known to have it, or the program would not run; others may inherit it.
func (r *resolver) memberCall(v value, at int) {
	owner := v.shape.name
	if owner == "" {
		owner = "default"
	}
	if !startsUpper(owner[lastDot(owner)+1:]) {
		r.out.Unresolved(r.from, v.label, lang.NoEvidence, at)
		return
	}
	key := foreignKey(v.from, owner+"."+v.label, graph.MethodDesc)
	r.out.Edge(r.from, graph.Calls, r.out.Foreign(key), lang.ByGuess, at)
}

func lastDot(s string) int {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == '.' {
			return i
		}
	}
	return -1
}

// newExpression evaluates new X(...).
func (r *resolver) newExpression(i int) shape {
	t := r.t
	c := t.Child(i, lang.FConstructor)
	v := r.expr(c)
	at := r.nameNode(c)
	if ta := t.ChildOf(i, lang.KTypeArguments); ta != 0 {
		r.useTypes(ta, graph.References)
	}
	switch {
	case v.kind == sClass && v.class != nil && v.class.sym != nil:
		r.out.Edge(r.from, graph.Instantiates, v.class.sym, r.orType(v.ev), at)
		if m, _ := v.class.member(constructorName); m != nil {
			r.out.Edge(r.from, graph.Calls, m.sym, r.orType(v.ev), at)
		}
	case v.ref == rForeign:
		name := v.name
		if name == "" {
			name = "default"
		}
		key := foreignKey(v.from, name, graph.TypeDesc)
		r.out.Edge(r.from, graph.Instantiates, r.out.Foreign(key), lang.ByImport, at)
	case v.ref == rFunc && v.sym != nil: // a function used as a constructor
		r.out.Edge(r.from, graph.Calls, v.sym, v.ev, at)
	case v.ref == rVar && v.sym != nil:
		r.use(v, c)
	case v.ref == rNone, v.ref == rLocal:
		r.out.Unresolved(r.from, v.label, lang.NoEvidence, at)
	}
	r.arguments(t.Child(i, lang.FArguments))
	return newInstance(v.shape)
}

func (r *resolver) orType(ev lang.Evidence) lang.Evidence {
	if ev.Confidence == 0 {
		return lang.ByType
	}
	return ev
}

func (r *resolver) cast(i int) shape {
	x, typ := r.t.First(i), r.t.Last(i)
	s := r.value(x)
	if typ == x {
		return s
	}
	r.useTypes(typ, graph.References)
	if e := r.a.eval(r.s.typ(typ), r.sc, r.m, r.this.class, 0); e.kind != sUnknown {
		return e
	}
	return s
}

func (r *resolver) subscript(i int) shape {
	x := r.t.Child(i, lang.FObject)
	s := r.value(x)
	r.value(r.t.Child(i, lang.FIndex))
	if s.kind == sArray && s.elem != nil {
		return *s.elem
	}
	return shape{}
}

func (r *resolver) ternary(i int) shape {
	r.complexity++
	r.value(r.t.Child(i, lang.FCondition))
	return agree(r.value(r.t.Child(i, lang.FConsequence)), r.value(r.t.Child(i, lang.FAlternative)))
}

// agree returns what two values of which one is taken have in common.
func agree(a, b shape) shape {
	switch {
	case a.kind == sUnknown:
		return b
	case b.kind == sUnknown:
		return a
	case a.kind == b.kind && a.class == b.class && a.name == b.name && a.mod == b.mod && a.fn == b.fn:
		return a
	}
	return shape{}
}

func (r *resolver) binary(i int) shape {
	left, right := r.t.Child(i, lang.FLeft), r.t.Child(i, lang.FRight)
	a, b := r.value(left), r.value(right)
	switch op := lang.OneLine(r.t.Slice(r.t.End(left), r.t.Start(right)), 16); op {
	case "&&":
		r.complexity++
		return b
	case "||", "??":
		r.complexity++
		return agree(a, b)
	}
	return shape{}
}

func (r *resolver) assignment(i int) shape {
	left, right := r.t.Child(i, lang.FLeft), r.t.Child(i, lang.FRight)
	s := r.value(right)
	if r.t.Kind(left) != lang.KIdentifier {
		r.value(left)
		return s
	}
	name := string(r.t.Bytes(left))
	for n := len(r.locals) - 1; n >= 0; n-- {
		if r.locals[n].name == name {
			if old := r.locals[n].v.shape; old.kind != sUnknown && s.kind != sUnknown {
				s = agree(old, s) // it may be either, wherever this is
				r.locals[n].v.shape = s
			} else if s.kind != sUnknown {
				r.locals[n].v.shape = s
			}
			return s
		}
	}
	r.value(left)
	return s
}

func (r *resolver) array(i int) shape {
	var elem shape
	first := true
	for c := range r.t.Kids(i) {
		s := r.value(c)
		if first {
			elem, first = s, false
		} else if elem != s {
			elem = shape{}
		}
	}
	return shape{kind: sArray, elem: &elem}
}

// object visits an object literal; methods in it belong to the enclosing definition.
func (r *resolver) object(i int) {
	t := r.t
	for p := range t.Kids(i) {
		switch t.Kind(p) {
		case lang.KPair:
			if k := t.Child(p, lang.FKey); t.Kind(k) == lang.KComputedPropertyName {
				r.children(k)
			}
			r.value(t.Child(p, lang.FValue))
		case lang.KMethodDefinition:
			r.nestedMethod(p)
		default:
			r.value(p)
		}
	}
}

// jsx reports the component that an element names. The runtime calls it, not this code.
func (r *resolver) jsx(i int) {
	t := r.t
	n := t.Child(i, lang.FName)
	for c := range t.Kids(i) {
		if c == n {
			if t.Kind(n) == lang.KMemberExpression || startsUpper(string(t.Bytes(n))) {
				r.value(n)
			}
			continue
		}
		r.children(c)
	}
}
