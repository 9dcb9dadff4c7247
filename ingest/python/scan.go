package python

import (
	"context"
	"path"
	"regexp"
	"strings"

	"github.com/codegraphdb/codegraph/ingest/lang"
)

// Scan implements lang.Analyzer.
func (a *analyzer) Scan(ctx context.Context, p *lang.Parser, f *lang.File) (lang.Result, error) {
	t, err := p.Parse(ctx, lang.Python, f.Src)
	if err != nil {
		return lang.Result{}, err
	}
	m := &module{path: f.Path, scope: map[string]*object{}, test: isTest(f.Path)}
	base := strings.TrimSuffix(path.Base(f.Path), path.Ext(f.Path))
	m.isPackage = base == "__init__"
	s := &scanner{t: t, m: m}
	s.block(lang.Root)
	a.mu.Lock()
	a.modules[f.Index] = m
	a.mu.Unlock()
	return t.Result(), nil
}

func isTest(p string) bool {
	base := strings.TrimSuffix(path.Base(p), path.Ext(p))
	return strings.HasPrefix(base, "test_") || strings.HasSuffix(base, "_test") ||
		base == "conftest" || base == "tests" || strings.HasPrefix(p, "tests/") ||
		strings.Contains(p, "/tests/")
}

// scanner collects the definitions of one file.
type scanner struct {
	t *lang.Tree
	m *module
}

// block looks at the statements below i that run when the module is imported.
func (s *scanner) block(i int) {
	for c := range s.t.Kids(i) {
		switch s.t.Kind(c) {
		case lang.KFunctionDefinition, lang.KClassDefinition:
			s.definition(c, nil)
		case lang.KDecoratedDefinition:
			s.definition(s.t.Child(c, lang.FDefinition), decorators(s.t, c))
		case lang.KImportStatement, lang.KImportFromStatement:
			s.importStatement(c)
		case lang.KExpressionStatement:
			s.assignment(c)
		case lang.KIfStatement, lang.KElifClause, lang.KElseClause, lang.KTryStatement,
			lang.KExceptClause, lang.KExceptGroupClause, lang.KFinallyClause, lang.KWithStatement,
			lang.KForStatement, lang.KWhileStatement, lang.KBlock, lang.KError:
			s.block(c)
		}
	}
}

// decorators returns the dotted names of a definition's decorators.
func decorators(t *lang.Tree, decorated int) []string {
	var out []string
	for c := range t.Kids(decorated) {
		if t.Kind(c) != lang.KDecorator {
			continue
		}
		e := t.First(c)
		if t.Kind(e) == lang.KCall {
			e = t.Child(e, lang.FFunction)
		}
		out = append(out, dotted(t, e))
	}
	return out
}

// dotted returns the text of a name or a chain of attributes, "" for anything else.
func dotted(t *lang.Tree, i int) string {
	switch t.Kind(i) {
	case lang.KIdentifier, lang.KDottedName:
		return t.Text(i)
	case lang.KAttribute, lang.KMemberType:
		x := t.First(i)
		if head := dotted(t, x); head != "" {
			return head + "." + t.Text(t.Last(i))
		}
	}
	return ""
}

func (s *scanner) definition(d int, decs []string) {
	name := s.t.FieldText(d, lang.FName)
	if name == "" {
		return
	}
	switch s.t.Kind(d) {
	case lang.KFunctionDefinition:
		fn := s.function(d, nil)
		s.enter(name, &object{kind: isFunc, fn: fn})
	case lang.KClassDefinition:
		s.enter(name, &object{kind: isClass, class: s.class(d, name)})
	}
}

// enter adds a name of the top level. The first definition gives its type; a definition takes the
// place of an import, which is often the fallback beside it.
func (s *scanner) enter(name string, o *object) {
	o.mod = s.m
	old := s.m.scope[name]
	if old == nil || old.kind == isImport && o.kind != isVar && o.kind != isImport {
		s.m.scope[name] = o
	}
}

func (s *scanner) function(d int, c *class) *function {
	fn := &function{mod: s.m, class: c}
	if r := s.t.Child(d, lang.FReturnType); r != 0 {
		fn.returns = annotation(s.t, r)
		return fn
	}
	body := s.t.Child(d, lang.FBody)
	if body != 0 {
		fn.returns, _ = s.returned(body, nil)
	}
	return fn
}

// returned finds what the return statements below i agree on; ok is false if they do not.
func (s *scanner) returned(i int, so *typeExpr) (e *typeExpr, ok bool) {
	e, ok = so, true
	for c := range s.t.Kids(i) {
		switch s.t.Kind(c) {
		case lang.KFunctionDefinition, lang.KClassDefinition, lang.KLambda, lang.KDecoratedDefinition:
			continue
		case lang.KReturnStatement:
			v := s.t.First(c)
			if v == 0 || s.t.Kind(v) == lang.KNoneLiteral {
				continue
			}
			x := valueExpr(s.t, v)
			if x == nil || e != nil && *e != *x {
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

func (s *scanner) class(d int, name string) *class {
	c := &class{name: name, mod: s.m, members: map[string]*member{}}
	s.m.classes = append(s.m.classes, c)
	if args := s.t.Child(d, lang.FSuperclasses); args != 0 {
		for b := range s.t.Kids(args) {
			switch s.t.Kind(b) {
			case lang.KIdentifier, lang.KAttribute, lang.KSubscript, lang.KCall:
				e := annotation(s.t, b)
				if e == nil {
					e = &typeExpr{}
				}
				c.bases = append(c.bases, e)
			}
		}
	}
	if body := s.t.Child(d, lang.FBody); body != 0 {
		s.classBody(body, c)
	}
	return c
}

func (s *scanner) classBody(body int, c *class) {
	for m := range s.t.Kids(body) {
		switch s.t.Kind(m) {
		case lang.KFunctionDefinition, lang.KClassDefinition:
			s.member(m, c, nil)
		case lang.KDecoratedDefinition:
			s.member(s.t.Child(m, lang.FDefinition), c, decorators(s.t, m))
		case lang.KExpressionStatement:
			if a := s.t.ChildOf(m, lang.KAssignment); a != 0 {
				left := s.t.Child(a, lang.FLeft)
				if s.t.Kind(left) == lang.KIdentifier {
					c.add(&member{name: s.t.Text(left), expr: s.assigned(a)})
				}
			}
		case lang.KIfStatement, lang.KElseClause, lang.KTryStatement, lang.KBlock:
			s.classBody(m, c)
		}
	}
}

func (c *class) add(m *member) {
	m.of = c
	if old := c.members[m.name]; old != nil {
		switch {
		case old.fn == nil && old.class == nil && m.fn != nil: // set before, defined as a method
			old.fn, old.property, old.static, old.classFn = m.fn, m.property, m.static, m.classFn
		case old.expr == nil:
			old.expr = m.expr
		}
		return
	}
	c.members[m.name] = m
	c.order = append(c.order, m.name)
}

func (s *scanner) member(d int, c *class, decs []string) {
	name := s.t.FieldText(d, lang.FName)
	if name == "" {
		return
	}
	if s.t.Kind(d) == lang.KClassDefinition {
		c.add(&member{name: name, class: s.class(d, name)})
		return
	}
	m := &member{name: name, fn: s.function(d, c)}
	for _, dec := range decs {
		switch dec[strings.LastIndexByte(dec, '.')+1:] {
		case "property", "cached_property", "abstractproperty":
			m.property = true
		case "staticmethod":
			m.static = true
		case "classmethod":
			m.classFn = true
		}
	}
	c.add(m)
	if ps := s.t.Child(d, lang.FParameters); ps != 0 && !m.static {
		if first := s.t.First(ps); first != 0 && s.t.Kind(first) == lang.KIdentifier {
			s.selfFields(s.t.Child(d, lang.FBody), c, s.t.Text(first), annotations(s.t, ps))
		}
	}
}

// annotations returns the annotated parameters of a parameter list.
func annotations(t *lang.Tree, ps int) map[string]*typeExpr {
	out := map[string]*typeExpr{}
	for p := range t.Kids(ps) {
		if k := t.Kind(p); k != lang.KTypedParameter && k != lang.KTypedDefaultParameter {
			continue
		}
		name := t.Child(p, lang.FName)
		if name == 0 {
			name = t.First(p)
		}
		if typ := t.Child(p, lang.FType); typ != 0 {
			out[t.Text(name)] = annotation(t, typ)
		}
	}
	return out
}

// selfFields finds the fields that a method sets on its first parameter.
func (s *scanner) selfFields(i int, c *class, self string, params map[string]*typeExpr) {
	if i == 0 {
		return
	}
	for n := i; n < s.t.Next(i); n++ {
		if s.t.Kind(n) != lang.KAssignment {
			continue
		}
		left := s.t.Child(n, lang.FLeft)
		if name := selfField(s.t, left, self); name != "" {
			e := s.assigned(n)
			if e != nil && e.kind == named && params[e.name] != nil {
				e = params[e.name]
			}
			c.add(&member{name: name, expr: e})
		}
	}
}

// selfField returns x of self.x, "" for anything else.
func selfField(t *lang.Tree, i int, self string) string {
	if i == 0 || t.Kind(i) != lang.KAttribute {
		return ""
	}
	x := t.Child(i, lang.FObject)
	if t.Kind(x) != lang.KIdentifier || string(t.Bytes(x)) != self {
		return ""
	}
	return t.FieldText(i, lang.FAttribute)
}

// assigned returns the type of what an assignment sets.
func (s *scanner) assigned(a int) *typeExpr {
	if typ := s.t.Child(a, lang.FType); typ != 0 {
		return annotation(s.t, typ)
	}
	if r := s.t.Child(a, lang.FRight); r != 0 {
		return valueExpr(s.t, r)
	}
	return nil
}

func (s *scanner) assignment(stmt int) {
	a := s.t.ChildOf(stmt, lang.KAssignment)
	for a != 0 {
		left := s.t.Child(a, lang.FLeft)
		e := s.assigned(a)
		r := s.t.Child(a, lang.FRight) // x = y = value
		for _, n := range targets(s.t, left) {
			if r != 0 && s.t.Kind(r) == lang.KCall { // f = partial(f) takes the place of an import
				if old := s.m.scope[s.t.Text(n)]; old != nil && old.kind == isImport {
					delete(s.m.scope, s.t.Text(n))
				}
			}
			s.enter(s.t.Text(n), &object{kind: isVar, expr: e})
			if len(targets(s.t, left)) > 1 {
				s.m.scope[s.t.Text(n)].expr = nil
			}
		}
		if r == 0 || s.t.Kind(r) != lang.KAssignment {
			return
		}
		a = r
	}
}

// targets lists the plain names that an assignment's left side sets.
func targets(t *lang.Tree, left int) []int {
	if left == 0 {
		return nil
	}
	switch t.Kind(left) {
	case lang.KIdentifier:
		return []int{left}
	case lang.KPatternList, lang.KTuplePattern, lang.KListPattern, lang.KExpressionList,
		lang.KListSplatPattern:
		var out []int
		for c := range t.Kids(left) {
			out = append(out, targets(t, c)...)
		}
		return out
	}
	return nil
}

var simpleName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$`)

// annotation reads a type; nil if it says nothing.
func annotation(t *lang.Tree, i int) *typeExpr {
	switch t.Kind(i) {
	case lang.KType:
		return annotation(t, t.First(i))
	case lang.KIdentifier, lang.KAttribute, lang.KMemberType:
		if d := dotted(t, i); d != "" {
			return &typeExpr{kind: annotated, name: d}
		}
	case lang.KString:
		if text := strings.Trim(t.Text(i), `"' `); simpleName.MatchString(text) {
			return &typeExpr{kind: annotated, name: text}
		}
	case lang.KBinaryOperator, lang.KUnionType: // A | None
		var found *typeExpr
		for c := range t.Kids(i) {
			if e := annotation(t, c); e != nil && e.name != "None" {
				if found != nil {
					return nil
				}
				found = e
			}
		}
		return found
	case lang.KSubscript, lang.KGenericType:
		return genericAnnotation(t, i)
	}
	return nil
}

// genericAnnotation reads Optional[X], List[X], Dict[K, V], Type[X] and the like.
func genericAnnotation(t *lang.Tree, i int) *typeExpr {
	base := t.First(i)
	name := dotted(t, base)
	if name == "" {
		return nil
	}
	var args []*typeExpr
	for c := range t.Kids(i) {
		if c == base {
			continue
		}
		if k := t.Kind(c); k == lang.KOther || k == lang.KTypeParameter {
			for a := range t.Kids(c) {
				args = append(args, annotation(t, a))
			}
			continue
		}
		args = append(args, annotation(t, c))
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	switch {
	case len(args) == 0:
		return &typeExpr{kind: annotated, name: name}
	case last == "Optional", last == "Final", last == "ClassVar", last == "Annotated",
		last == "Required", last == "NotRequired", last == "Awaitable":
		return args[0]
	case last == "Union":
		if len(args) == 2 && args[1] != nil && args[1].name == "None" {
			return args[0]
		}
		return nil
	case last == "Type", last == "type":
		if args[0] != nil {
			return &typeExpr{kind: named, name: args[0].name}
		}
		return nil
	}
	return &typeExpr{kind: annotated, name: name, elem: args[len(args)-1]}
}

// valueExpr reads an expression whose type can be told from names alone; nil if it cannot.
func valueExpr(t *lang.Tree, i int) *typeExpr {
	switch t.Kind(i) {
	case lang.KAwait, lang.KParenthesizedExpression:
		return valueExpr(t, t.First(i))
	case lang.KCall:
		if d := dotted(t, t.Child(i, lang.FFunction)); d != "" {
			return &typeExpr{kind: called, name: d}
		}
	case lang.KIdentifier, lang.KAttribute:
		if d := dotted(t, i); d != "" {
			return &typeExpr{kind: named, name: d}
		}
	}
	if b := literalType(t.Kind(i)); b != "" {
		return &typeExpr{kind: annotated, name: b}
	}
	return nil
}

// literalType returns the built-in class of a literal.
func literalType(k lang.Kind) string {
	switch k {
	case lang.KString, lang.KConcatenatedString:
		return "str"
	case lang.KList, lang.KListComprehension:
		return "list"
	case lang.KDictionary, lang.KDictionaryComprehension:
		return "dict"
	case lang.KSet, lang.KSetComprehension:
		return "set"
	case lang.KTuple:
		return "tuple"
	case lang.KInteger:
		return "int"
	case lang.KFloat:
		return "float"
	case lang.KTrue, lang.KFalse, lang.KComparisonOperator, lang.KNotOperator:
		return "bool"
	}
	return ""
}

// importStatement enters what an import makes known.
func (s *scanner) importStatement(i int) {
	for _, imp := range imports(s.t, i) {
		s.m.imports = append(s.m.imports, imp.ref)
		switch {
		case imp.star:
			s.m.stars = append(s.m.stars, imp.ref)
		default:
			s.enter(imp.binds, &object{kind: isImport, imp: imp.bound})
		}
	}
}

// imported is one name of an import statement.
type imported struct {
	ref   importRef // what is imported
	bound importRef // what the name stands for: import a.b binds a
	binds string
	star  bool
	node  int
}

// imports lists what an import statement imports.
func imports(t *lang.Tree, i int) []imported {
	var out []imported
	if t.Kind(i) == lang.KImportStatement {
		for c := range t.Kids(i) {
			name, alias := aliased(t, c)
			if name == "" {
				continue
			}
			x := imported{ref: importRef{module: name}, binds: alias, node: c}
			x.bound = x.ref
			if alias == "" {
				x.binds, _, _ = strings.Cut(name, ".")
				x.bound = importRef{module: x.binds}
			}
			out = append(out, x)
		}
		return out
	}
	if t.Kind(i) == lang.KFutureImportStatement {
		return nil
	}
	from := t.Child(i, lang.FModuleName)
	if from == 0 {
		return nil
	}
	ref := importRef{module: t.Text(from)}
	ref.module = strings.Join(strings.Fields(ref.module), "")
	for strings.HasPrefix(ref.module, ".") {
		ref.level, ref.module = ref.level+1, ref.module[1:]
	}
	for c := range t.Kids(i) {
		if c == from {
			continue
		}
		if t.Kind(c) == lang.KWildcardImport {
			out = append(out, imported{ref: ref, star: true, node: c})
			continue
		}
		name, alias := aliased(t, c)
		if name == "" {
			continue
		}
		if alias == "" {
			alias = name
		}
		x := ref
		x.name = name
		out = append(out, imported{ref: x, bound: x, binds: alias, node: c})
	}
	return out
}

func aliased(t *lang.Tree, c int) (name, alias string) {
	switch t.Kind(c) {
	case lang.KDottedName, lang.KIdentifier:
		return t.Text(c), ""
	case lang.KAliasedImport:
		return t.FieldText(c, lang.FName), t.FieldText(c, lang.FAlias)
	}
	return "", ""
}
