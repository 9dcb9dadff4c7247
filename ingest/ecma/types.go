package ecma

import (
	"strings"

	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/ingest/lang"
)

// dotted returns the text of a name or a chain of members, "" for anything else.
func dotted(t *lang.Tree, i int) string {
	switch t.Kind(i) {
	case lang.KIdentifier, lang.KTypeIdentifier, lang.KThis, lang.KPropertyIdentifier:
		return t.Text(i)
	case lang.KMemberExpression, lang.KNestedIdentifier, lang.KNestedTypeIdentifier:
		x, p := t.First(i), t.Last(i)
		if k := t.Kind(p); k == lang.KPrivatePropertyIdentifier || x == p {
			return ""
		}
		if head := dotted(t, x); head != "" {
			return head + "." + t.Text(p)
		}
	case lang.KNonNullExpression, lang.KParenthesizedExpression:
		return dotted(t, t.First(i))
	}
	return ""
}

// typ reads a type; nil if it says nothing.
func (s *scanner) typ(i int) *typeExpr {
	t := s.t
	switch t.Kind(i) {
	case lang.KTypeAnnotation, lang.KParenthesizedType, lang.KReadonlyType, lang.KOptionalType:
		if c := t.First(i); c != 0 {
			return s.typ(c)
		}
	case lang.KTypeIdentifier, lang.KNestedTypeIdentifier, lang.KIdentifier:
		if d := dotted(t, i); d != "" {
			return &typeExpr{kind: eNamed, name: d}
		}
	case lang.KGenericType:
		return s.genericType(i)
	case lang.KArrayType:
		return &typeExpr{kind: eArray, elem: s.typ(t.First(i))}
	case lang.KThisType:
		return &typeExpr{kind: eThis}
	case lang.KUnionType:
		return s.union(i)
	case lang.KObjectType:
		c := &class{kind: graph.TypeAlias, mod: s.m, sc: s.sc, members: map[string]*member{}}
		s.interfaceBody(i, c)
		return &typeExpr{kind: eClass, class: c}
	case lang.KFunctionType:
		return &typeExpr{kind: eFunc, fn: s.function(i, nil)}
	case lang.KTypeQuery:
		if c := t.First(i); c != 0 {
			if d := dotted(t, c); d != "" {
				return &typeExpr{kind: eValue, name: d}
			}
		}
	}
	return nil
}

// genericType reads X<A>: arrays and promises are looked through.
func (s *scanner) genericType(i int) *typeExpr {
	t := s.t
	name := dotted(t, t.Child(i, lang.FName))
	var arg *typeExpr
	if args := t.ChildOf(i, lang.KTypeArguments); args != 0 && t.First(args) != 0 {
		arg = s.typ(t.First(args))
	}
	switch name {
	case "Array", "ReadonlyArray", "Set", "ReadonlySet", "Iterable", "IterableIterator",
		"AsyncIterable", "Generator", "AsyncGenerator":
		return &typeExpr{kind: eArray, elem: arg, name: name}
	case "Promise", "PromiseLike":
		return &typeExpr{kind: eNamed, name: name, elem: arg}
	case "Readonly", "Required", "Partial", "NonNullable", "Awaited":
		return arg
	case "":
		return nil
	}
	return &typeExpr{kind: eNamed, name: name}
}

// union reads A | undefined; several types of objects say nothing.
func (s *scanner) union(i int) *typeExpr {
	t := s.t
	var found *typeExpr
	for c := range t.Kids(i) {
		if k := t.Kind(c); k == lang.KLiteralType || k == lang.KPredefinedType || k == lang.KComment {
			if text := string(t.Bytes(c)); text == "undefined" || text == "null" || text == "void" {
				continue
			}
		}
		e := s.typ(c)
		if e == nil || found != nil {
			return nil
		}
		found = e
	}
	return found
}

// initialiser reads an expression whose type can be told from names alone; nil if it cannot.
func (s *scanner) initialiser(i int) *typeExpr {
	t := s.t
	switch k := t.Kind(i); k {
	case lang.KNewExpression:
		if d := dotted(t, t.Child(i, lang.FConstructor)); d != "" {
			return &typeExpr{kind: eNew, name: d}
		}
	case lang.KCallExpression:
		if d := dotted(t, t.Child(i, lang.FFunction)); d != "" {
			return &typeExpr{kind: eCalled, name: d}
		}
	case lang.KAwaitExpression:
		if e := s.initialiser(t.First(i)); e != nil {
			return &typeExpr{kind: eAwait, elem: e}
		}
	case lang.KIdentifier, lang.KMemberExpression:
		if d := dotted(t, i); d != "" {
			return &typeExpr{kind: eValue, name: d}
		}
	case lang.KThis:
		return &typeExpr{kind: eThis}
	case lang.KParenthesizedExpression, lang.KNonNullExpression:
		return s.initialiser(t.First(i))
	case lang.KAsExpression, lang.KSatisfiesExpression:
		if typ := t.Last(i); typ != t.First(i) {
			if e := s.typ(typ); e != nil {
				return e
			}
		}
		return s.initialiser(t.First(i))
	case lang.KArrowFunction, lang.KFunctionExpression, lang.KGeneratorFunction:
		return &typeExpr{kind: eFunc, fn: s.function(i, nil)}
	case lang.KObject:
		return s.objectLiteral(i)
	case lang.KClass:
		return &typeExpr{kind: eClass, class: s.class(i, t.FieldText(i, lang.FName), graph.Class)}
	}
	return nil
}

// objectLiteral reads an object with functions in it as a class with methods.
func (s *scanner) objectLiteral(i int) *typeExpr {
	t := s.t
	c := &class{kind: graph.Variable, mod: s.m, sc: s.sc, members: map[string]*member{}}
	for p := range t.Kids(i) {
		switch t.Kind(p) {
		case lang.KMethodDefinition:
			name := t.FieldText(p, lang.FName)
			c.add(&member{name: name, key: name, fn: s.function(p, c)})
		case lang.KPair:
			name, v := stringText(t, t.Child(p, lang.FKey)), t.Child(p, lang.FValue)
			m := &member{name: name, key: name}
			if isFunction(t.Kind(v)) {
				m.fn = s.function(v, c)
			} else {
				m.typ = s.initialiser(v)
			}
			c.add(m)
		case lang.KShorthandPropertyIdentifier:
			name := t.Text(p)
			c.add(&member{name: name, key: name, typ: &typeExpr{kind: eValue, name: name}})
		}
	}
	return &typeExpr{kind: eClass, class: c}
}

func (s *scanner) function(i int, c *class) *function {
	t := s.t
	fn := &function{mod: s.m, sc: s.sc, class: c}
	if ps := t.Child(i, lang.FParameters); ps != 0 {
		fn.params = s.params(ps)
	}
	if r := t.Child(i, lang.FReturnType); r != 0 {
		fn.returns = s.typ(r)
		return fn
	}
	body := t.Child(i, lang.FBody)
	switch {
	case body == 0:
	case t.Kind(body) != lang.KStatementBlock: // x => value
		fn.returns = s.simple(body)
	default:
		fn.returns, _ = s.returned(body, nil)
	}
	return fn
}

// params reads the types of parameters; trailing ones without a type are left out.
func (s *scanner) params(ps int) []*typeExpr {
	var out []*typeExpr
	typed := 0
	for p := range s.t.Kids(ps) {
		if k := s.t.Kind(p); k != lang.KRequiredParameter && k != lang.KOptionalParameter {
			continue
		}
		var e *typeExpr
		if typ := s.t.Child(p, lang.FType); typ != 0 {
			e = s.typ(typ)
		}
		if out = append(out, e); e != nil {
			typed = len(out)
		}
	}
	return out[:typed]
}

// simple reads an expression for what a function returns; parameters are not known there, so only
// calls, new and this count.
func (s *scanner) simple(i int) *typeExpr {
	switch s.t.Kind(i) {
	case lang.KNewExpression, lang.KThis, lang.KCallExpression, lang.KParenthesizedExpression,
		lang.KAsExpression:
		return s.initialiser(i)
	}
	return nil
}

// returned finds what the return statements below i agree on; ok is false if they do not.
func (s *scanner) returned(i int, so *typeExpr) (e *typeExpr, ok bool) {
	e, ok = so, true
	for c := range s.t.Kids(i) {
		switch k := s.t.Kind(c); {
		case isFunction(k), k == lang.KFunctionDeclaration, k == lang.KClassDeclaration,
			k == lang.KClass, k == lang.KMethodDefinition, k == lang.KGeneratorFunctionDeclaration:
			continue
		case k == lang.KReturnStatement:
			v := s.t.First(c)
			if v == 0 || s.t.Kind(v) == lang.KUndefined || s.t.Kind(v) == lang.KNull {
				continue
			}
			x := s.simple(v)
			if x == nil || e != nil && (e.kind != x.kind || e.name != x.name) {
				return nil, false
			}
			e = x
		default:
			if e, ok = s.returned(c, e); !ok {
				return nil, false
			}
		}
	}
	return e, true
}

// class reads a class or interface.
func (s *scanner) class(i int, name string, kind graph.VertexKind) *class {
	t := s.t
	c := &class{name: name, kind: kind, mod: s.m, sc: s.sc, members: map[string]*member{}}
	for h := range t.Kids(i) {
		switch t.Kind(h) {
		case lang.KClassHeritage:
			s.heritage(h, c)
		case lang.KExtendsTypeClause:
			for x := range t.Kids(h) {
				c.bases = appendType(c.bases, s.typ(x))
			}
		}
	}
	body := t.Child(i, lang.FBody)
	switch {
	case body == 0:
	case kind == graph.Interface:
		s.interfaceBody(body, c)
	default:
		s.classBody(body, c)
	}
	return c
}

func appendType(list []*typeExpr, e *typeExpr) []*typeExpr {
	if e == nil {
		e = &typeExpr{}
	}
	return append(list, e)
}

func (s *scanner) heritage(h int, c *class) {
	t := s.t
	for x := range t.Kids(h) {
		switch t.Kind(x) {
		case lang.KExtendsClause:
			if v := t.Child(x, lang.FValue); v != 0 {
				c.bases = appendType(c.bases, &typeExpr{kind: eNamed, name: dotted(t, v)})
			}
		case lang.KImplementsClause:
			for y := range t.Kids(x) {
				c.impls = appendType(c.impls, s.typ(y))
			}
		default:
			if x == t.First(h) {
				c.bases = appendType(c.bases, &typeExpr{kind: eNamed, name: dotted(t, x)})
			}
		}
	}
}

// add enters a member; overloads share one, and so do a getter and its setter.
func (c *class) add(m *member) {
	if m.name == "" {
		return
	}
	m.of = c
	if old := c.members[m.name]; old != nil {
		if old.fn != nil && m.fn != nil && old.fn.returns == nil {
			old.fn.returns = m.fn.returns
		}
		if old.fn == nil && m.fn != nil { // set in a constructor, declared as a method
			old.fn, old.key, old.static = m.fn, m.key, m.static
		}
		if old.typ == nil {
			old.typ = m.typ
		}
		return
	}
	c.members[m.name] = m
	c.order = append(c.order, m.name)
}

const constructorName = "<constructor>"

func (s *scanner) classBody(body int, c *class) {
	t := s.t
	for x := range t.Kids(body) {
		switch t.Kind(x) {
		case lang.KMethodDefinition, lang.KMethodSignature, lang.KAbstractMethodSignature:
			s.method(x, c)
		case lang.KPublicFieldDefinition, lang.KFieldDefinition:
			s.fieldDefinition(x, c)
		}
	}
}

// memberName returns the name of a class member, "" for a computed one.
func memberName(t *lang.Tree, x int) string {
	n := t.Child(x, lang.FName)
	if n == 0 {
		n = t.Child(x, lang.FProperty)
	}
	switch {
	case n == 0, t.Kind(n) == lang.KComputedPropertyName:
		return ""
	case t.Kind(n) == lang.KString:
		return stringText(t, n)
	}
	return t.Text(n)
}

func (s *scanner) method(x int, c *class) {
	t := s.t
	name := memberName(t, x)
	m := &member{name: name, key: name, static: t.ChildOf(x, lang.KTokStatic) != 0}
	fn := s.function(x, c)
	switch {
	case name == "constructor":
		m.name, m.key, m.fn = constructorName, constructorName, fn
		s.parameterFields(x, c)
		s.assignedFields(t.Child(x, lang.FBody), c)
	case t.ChildOf(x, lang.KTokGet) != 0:
		m.key, m.typ = "<get>"+name, fn.returns
	case t.ChildOf(x, lang.KTokSet) != 0:
		m.key = "<set>" + name
	default:
		m.fn = fn
		s.assignedFields(t.Child(x, lang.FBody), c)
	}
	c.add(m)
}

func (s *scanner) fieldDefinition(x int, c *class) {
	t := s.t
	name := memberName(t, x)
	m := &member{name: name, key: name, static: t.ChildOf(x, lang.KTokStatic) != 0}
	if v := t.Child(x, lang.FValue); v != 0 {
		m.typ = s.initialiser(v)
		if m.typ != nil && m.typ.kind == eFunc {
			m.typ.fn.class = c
		}
	}
	if typ := t.Child(x, lang.FType); typ != 0 {
		if e := s.typ(typ); e != nil {
			m.typ = e
		}
	}
	c.add(m)
}

// parameterFields finds the parameters of a constructor that are fields.
func (s *scanner) parameterFields(x int, c *class) {
	t := s.t
	ps := t.Child(x, lang.FParameters)
	if ps == 0 {
		return
	}
	for p := range t.Kids(ps) {
		if !isParameterField(t, p) {
			continue
		}
		name := t.FieldText(p, lang.FPattern)
		m := &member{name: name, key: name}
		if typ := t.Child(p, lang.FType); typ != 0 {
			m.typ = s.typ(typ)
		}
		c.add(m)
	}
}

func isParameterField(t *lang.Tree, p int) bool {
	return t.ChildOf(p, lang.KAccessibilityModifier) != 0 || t.ChildOf(p, lang.KTokReadonly) != 0
}

// assignedFields finds this.x = value, which makes a field in JavaScript.
func (s *scanner) assignedFields(body int, c *class) {
	t := s.t
	if !scripted(s.m.path) {
		return
	}
	for n := body; body != 0 && n < t.Next(body); n++ {
		if t.Kind(n) != lang.KAssignmentExpression {
			continue
		}
		if name := thisField(t, t.Child(n, lang.FLeft)); name != "" && c.members[name] == nil {
			c.add(&member{name: name, key: name, typ: s.initialiser(t.Child(n, lang.FRight))})
		}
	}
}

// thisField returns x of this.x, "" for anything else.
func thisField(t *lang.Tree, i int) string {
	if i == 0 || t.Kind(i) != lang.KMemberExpression {
		return ""
	}
	if o := t.Child(i, lang.FObject); t.Kind(o) != lang.KThis {
		return ""
	}
	return t.FieldText(i, lang.FProperty)
}

func (s *scanner) interfaceBody(body int, c *class) {
	t := s.t
	for x := range t.Kids(body) {
		switch t.Kind(x) {
		case lang.KMethodSignature:
			s.method(x, c)
		case lang.KPropertySignature:
			s.fieldDefinition(x, c)
		}
	}
}

func (s *scanner) enum(i int, name string) *class {
	t := s.t
	c := &class{name: name, kind: graph.Enum, mod: s.m, sc: s.sc, members: map[string]*member{}}
	body := t.Child(i, lang.FBody)
	if body == 0 {
		return c
	}
	for _, n := range enumMembers(t, body) {
		name := strings.Trim(t.Text(n), `'"`)
		c.add(&member{name: name, key: name, static: true})
	}
	return c
}

// enumMembers returns the nodes of the names of an enumeration's members.
func enumMembers(t *lang.Tree, body int) []int {
	var out []int
	for m := range t.Kids(body) {
		switch t.Kind(m) {
		case lang.KEnumAssignment:
			out = append(out, t.Child(m, lang.FName))
		case lang.KPropertyIdentifier, lang.KString:
			out = append(out, m)
		}
	}
	return out
}
