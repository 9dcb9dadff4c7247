package python

import (
	"strings"

	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/ingest/lang"
)

// resolver visits one file and reports what it refers to.
type resolver struct {
	a          *analyzer
	m          *module
	t          *lang.Tree
	out        *lang.Facts
	from       lang.Scope
	class      *class             // whose method is visited
	locals     []map[string]value // of functions, outermost first
	complexity uint32
}

func (r *resolver) set(name string, s shape) {
	if n := len(r.locals); n > 0 && name != "" {
		r.locals[n-1][name] = value{shape: s, ref: rLocal, name: name}
	}
}

// use reports a reference to what v stands for and returns its shape.
func (r *resolver) use(v value, at int) shape {
	switch v.ref {
	case rFunc:
		r.out.Edge(r.from, graph.CallReference, v.sym, v.ev, at)
	case rVar, rClass:
		if v.sym != r.from.Sym {
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
	switch t.Kind(i) {
	case lang.KIdentifier:
		return r.name(t.Text(i))
	case lang.KAttribute:
		return r.attribute(i)
	case lang.KCall:
		return plain(r.call(i))
	case lang.KParenthesizedExpression:
		return r.expr(t.First(i))
	case lang.KAwait:
		return plain(r.value(t.First(i)))
	case lang.KSubscript:
		return plain(r.subscript(i))
	case lang.KConditionalExpression, lang.KBooleanOperator:
		return plain(r.either(i))
	case lang.KNamedExpression:
		s := r.value(t.Child(i, lang.FValue))
		r.set(t.FieldText(i, lang.FName), s)
		return plain(s)
	case lang.KLambda:
		r.lambda(i)
		return value{}
	case lang.KListComprehension, lang.KSetComprehension, lang.KDictionaryComprehension,
		lang.KGeneratorExpression:
		return plain(r.comprehension(i))
	case lang.KKeywordArgument:
		r.value(t.Child(i, lang.FValue))
		return value{}
	case lang.KList, lang.KTuple, lang.KSet:
		return plain(r.sequence(i))
	case lang.KNoneLiteral:
		return plain(shape{kind: sNone})
	}
	for c := range t.Kids(i) {
		r.statement(c)
	}
	if b := literalType(t.Kind(i)); b != "" {
		return plain(shape{kind: sForeignInstance, path: builtinModule + "." + b})
	}
	return value{}
}

// name evaluates a name by Python's scopes: functions, module, built-ins.
func (r *resolver) name(name string) value {
	for n := len(r.locals) - 1; n >= 0; n-- {
		if v, ok := r.locals[n][name]; ok {
			return v
		}
	}
	v := r.a.global(r.m, name, 0)
	if v.ref == rNone && v.kind == sUnknown && r.a.builtins[name] {
		return value{shape: shape{kind: sForeign, path: builtinModule + "." + name}, ref: rBuiltin,
			name: name}
	}
	return v
}

func (r *resolver) attribute(i int) value {
	x := r.t.Child(i, lang.FObject)
	name := r.t.FieldText(i, lang.FAttribute)
	v := r.expr(x)
	if v.ref != rModule && v.ref != rForeign {
		r.use(v, x)
	}
	return r.a.attribute(v.shape, name, 0)
}

// call evaluates a call and reports it.
func (r *resolver) call(i int) shape {
	t := r.t
	fn, args := t.Child(i, lang.FFunction), t.Child(i, lang.FArguments)
	if s, ok := r.superCall(fn); ok {
		r.arguments(args)
		return s
	}
	v := r.expr(fn)
	at := fn
	if t.Kind(fn) == lang.KAttribute {
		at = t.Child(fn, lang.FAttribute)
	}
	r.report(v, at)
	r.arguments(args)
	return r.a.result(v.shape, 0)
}

func (r *resolver) arguments(args int) {
	if args == 0 {
		return
	}
	if r.t.Kind(args) == lang.KGeneratorExpression {
		r.value(args)
		return
	}
	for c := range r.t.Kids(args) {
		r.value(c)
	}
}

// superCall evaluates super(), whose members are those of the classes after the current one.
func (r *resolver) superCall(fn int) (shape, bool) {
	if r.class == nil || r.t.Kind(fn) != lang.KIdentifier || string(r.t.Bytes(fn)) != "super" {
		return shape{}, false
	}
	c := &class{name: "super", mod: r.class.mod, members: map[string]*member{},
		foreign: r.class.foreign, open: r.class.open, supers: r.class.supers}
	c.mro = append([]*class{c}, r.class.ancestors()[1:]...)
	return shape{kind: sInstance, class: c}, true
}

// report adds the edge of a call of v.
func (r *resolver) report(v value, at int) {
	switch v.ref {
	case rFunc:
		r.out.Edge(r.from, graph.Calls, v.sym, v.ev, at)
	case rClass:
		r.out.Edge(r.from, graph.Instantiates, v.sym, v.ev, at)
		if v.class != nil {
			if m, _ := v.class.member("__init__"); m != nil && m.fn != nil {
				r.out.Edge(r.from, graph.Calls, m.sym, v.ev, at)
			}
		}
	case rVar:
		r.reportVariable(v, at)
	case rForeign:
		r.foreignCall(v, at)
	case rForeignMember:
		r.out.Edge(r.from, graph.Calls, r.foreignSymbol(v.path, true, v.name, graph.MethodDesc),
			memberEvidence(v.path), at)
	case rLocal:
		r.reportLocal(v, at)
	case rNone:
		if v.kind <= sNone {
			r.out.Unresolved(r.from, v.name, lang.NoEvidence, at)
		}
	}
}

// memberEvidence tells how sure a method of a class outside of the tree is: those of built-in
// classes are their own, others may be inherited.
func memberEvidence(class string) lang.Evidence {
	if strings.HasPrefix(class, builtinModule+".") {
		return lang.ByType
	}
	return lang.ByGuess
}

// reportVariable reports a call through a module variable or a field.
func (r *resolver) reportVariable(v value, at int) {
	switch {
	case v.kind == sFunc && v.fn != nil && !v.property:
		r.out.Edge(r.from, graph.CallReference, v.sym, lang.ByDynamic, at)
	case v.kind == sInstance:
		if m, _ := v.class.member("__call__"); m != nil && m.fn != nil {
			r.out.Edge(r.from, graph.Calls, m.sym, lang.ByType, at)
			return
		}
		fallthrough
	default:
		r.out.Edge(r.from, graph.CallReference, v.sym, lang.ByDynamic, at)
	}
}

// reportLocal reports a call through a local variable.
func (r *resolver) reportLocal(v value, at int) {
	switch v.kind {
	case sClass:
		r.out.Edge(r.from, graph.Instantiates, v.class.sym, lang.ByType, at)
		if m, _ := v.class.member("__init__"); m != nil && m.fn != nil {
			r.out.Edge(r.from, graph.Calls, m.sym, lang.ByType, at)
		}
	case sInstance:
		if m, _ := v.class.member("__call__"); m != nil && m.fn != nil {
			r.out.Edge(r.from, graph.Calls, m.sym, lang.ByType, at)
			return
		}
		r.out.Unresolved(r.from, v.name, lang.NoEvidence, at)
	case sForeign:
		r.foreignCall(foreign(v.path), at)
	case sModule:
	default:
		if v.fn == nil { // a nested function's calls belong to the function around it
			r.out.Unresolved(r.from, v.name, lang.NoEvidence, at)
		}
	}
}

// foreignCall reports a call of something outside of the tree, by its path.
func (r *resolver) foreignCall(v value, at int) {
	dot := strings.LastIndexByte(v.path, '.')
	if dot < 0 {
		r.out.Unresolved(r.from, v.path, lang.NoEvidence, at)
		return
	}
	owner, name := v.path[:dot], v.path[dot+1:]
	ev := lang.ByImport
	if strings.HasPrefix(v.path, builtinModule+".") {
		return
	}
	if looksLikeClass(v.path) {
		r.out.Edge(r.from, graph.Instantiates, r.foreignSymbol(owner, false, name, graph.TypeDesc),
			lang.ByGuess, at)
		return
	}
	inClass := looksLikeClass(owner)
	if inClass {
		ev = lang.ByGuess
	}
	r.out.Edge(r.from, graph.Calls, r.foreignSymbol(owner, inClass, name, graph.MethodDesc), ev, at)
}

// foreignSymbol returns the symbol of name in a module, or in a class, outside of the tree.
func (r *resolver) foreignSymbol(owner string, inClass bool, name string,
	kind graph.DescriptorKind) *lang.Symbol {
	s := graph.Symbol{Manager: graph.ManagerPython}
	module, class := owner, ""
	if inClass {
		module = builtinModule
		if dot := strings.LastIndexByte(owner, '.'); dot >= 0 {
			module, class = owner[:dot], owner[dot+1:]
		} else {
			class = owner
		}
	}
	s.Package = r.a.distribution(module)
	s.Descriptors = []graph.Descriptor{{Kind: graph.NamespaceDesc, Name: module}}
	if class != "" {
		s.Descriptors = append(s.Descriptors, graph.Descriptor{Kind: graph.TypeDesc, Name: class})
	}
	if name != "" {
		s.Descriptors = append(s.Descriptors, graph.Descriptor{Kind: kind, Name: name})
	}
	return r.out.Foreign(s.String())
}

// distribution returns the package that a module outside of the tree belongs to, as far as the
// module's name tells.
func (a *analyzer) distribution(module string) string {
	top, _, _ := strings.Cut(module, ".")
	if a.std[top] || top == builtinModule {
		return "python-stdlib"
	}
	return top
}

func (r *resolver) subscript(i int) shape {
	x := r.t.Child(i, lang.FValue)
	s := r.value(x)
	for c := range r.t.Kids(i) {
		if c != x {
			r.value(c)
		}
	}
	if s.elem != nil {
		return *s.elem
	}
	return shape{}
}

// either evaluates a or b, a if c else b: the shape that both sides have, or the only known one.
func (r *resolver) either(i int) shape {
	var out shape
	known := 0
	n := 0
	for c := range r.t.Kids(i) {
		s := r.value(c)
		n++
		if r.t.Kind(i) == lang.KConditionalExpression && n == 2 {
			continue // the condition
		}
		if s.kind > sNone && (known == 0 || s != out) {
			out = s
			known++
		}
	}
	if r.t.Kind(i) == lang.KBooleanOperator {
		r.complexity++
	}
	if known > 1 {
		return shape{}
	}
	return out
}

func (r *resolver) sequence(i int) shape {
	var elem shape
	for c := range r.t.Kids(i) {
		if s := r.value(c); s.kind != sUnknown {
			elem = s
		}
	}
	out := shape{kind: sForeignInstance, path: builtinModule + "." + literalType(r.t.Kind(i))}
	if elem.kind == sInstance {
		out.elem = &elem
	}
	return out
}

func (r *resolver) lambda(i int) {
	r.push()
	if ps := r.t.Child(i, lang.FParameters); ps != 0 {
		r.parameters(ps)
	}
	r.value(r.t.Child(i, lang.FBody))
	r.pop()
}

func (r *resolver) push() { r.locals = append(r.locals, map[string]value{}) }
func (r *resolver) pop()  { r.locals = r.locals[:len(r.locals)-1] }

// comprehension evaluates [body for x in y if z]: the clauses first.
func (r *resolver) comprehension(i int) shape {
	r.push()
	body := r.t.Child(i, lang.FBody)
	for c := range r.t.Kids(i) {
		switch {
		case r.t.Kind(c) == lang.KForInClause:
			r.bindLoop(c)
		case c != body:
			r.value(c)
		}
	}
	elem := r.value(body)
	r.pop()
	out := shape{}
	if b := literalType(r.t.Kind(i)); b != "" {
		out = shape{kind: sForeignInstance, path: builtinModule + "." + b}
		if elem.kind == sInstance {
			out.elem = &elem
		}
	}
	return out
}

// bindLoop gives the names on the left of `in` the shape of what the right side holds.
func (r *resolver) bindLoop(i int) {
	s := r.value(r.t.Child(i, lang.FRight))
	left := r.t.Child(i, lang.FLeft)
	elem := shape{}
	if s.elem != nil && r.t.Kind(left) == lang.KIdentifier {
		elem = *s.elem
	}
	r.assign(left, elem)
}
