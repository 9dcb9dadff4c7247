package python

import (
	"maps"

	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/ingest/lang"
)

func (r *resolver) children(i int) {
	for c := range r.t.Kids(i) {
		r.statement(c)
	}
}

// statement visits a statement or, where one stands, an expression.
func (r *resolver) statement(i int) {
	t := r.t
	switch t.Kind(i) {
	case lang.KComment, lang.KGlobalStatement, lang.KNonlocalStatement, lang.KStringContent,
		lang.KDottedName, lang.KTokAsync:
	case lang.KFunctionDefinition:
		r.nestedFunction(i)
	case lang.KClassDefinition:
		r.nestedClass(i)
	case lang.KDecoratedDefinition:
		for c := range t.Kids(i) {
			r.statement(c)
		}
	case lang.KDecorator:
		r.value(t.First(i))
	case lang.KImportStatement, lang.KImportFromStatement, lang.KFutureImportStatement:
		r.localImport(i)
	case lang.KAssignment:
		r.assignment(i)
	case lang.KAugmentedAssignment:
		r.value(t.Child(i, lang.FLeft))
		r.value(t.Child(i, lang.FRight))
	case lang.KIfStatement:
		r.ifStatement(i)
	case lang.KTryStatement:
		r.tryStatement(i)
	case lang.KForStatement:
		r.complexity++
		r.bindLoop(i)
		r.bodies(i)
	case lang.KWhileStatement, lang.KExceptClause, lang.KExceptGroupClause, lang.KCaseClause:
		r.complexity++
		r.children(i)
	case lang.KAsPattern:
		r.asPattern(i)
	case lang.KWithItem:
		r.withItem(i)
	case lang.KBlock, lang.KExpressionStatement, lang.KElseClause,
		lang.KFinallyClause, lang.KWithStatement, lang.KWithClause, lang.KReturnStatement,
		lang.KRaiseStatement, lang.KAssertStatement, lang.KDeleteStatement, lang.KMatchStatement,
		lang.KError, lang.KYield, lang.KInterpolation, lang.KExpressionList, lang.KIfClause:
		r.children(i)
	case lang.KType:
		r.annotation(i)
	default:
		r.value(i)
	}
}

// bodies visits what belongs to a loop besides its head.
func (r *resolver) bodies(i int) {
	for c := range r.t.Kids(i) {
		if k := r.t.Kind(c); k == lang.KBlock || k == lang.KElseClause {
			r.statement(c)
		}
	}
}

// ifStatement visits an if with its elif and else parts. isinstance(x, C) gives x a class.
func (r *resolver) ifStatement(i int) {
	t := r.t
	b := r.branches()
	part := func(n int) {
		r.complexity++
		cond := t.Child(n, lang.FCondition)
		r.value(cond)
		name, s := r.isInstance(cond)
		b.visit(func() {
			if name != "" {
				r.set(name, s)
			}
			r.statement(t.Child(n, lang.FConsequence))
			if name != "" {
				b.forget(name)
			}
		})
	}
	part(i)
	whole := false
	for c := range t.Kids(i) {
		switch t.Kind(c) {
		case lang.KElifClause:
			part(c)
		case lang.KElseClause:
			whole = true
			b.visit(func() { r.statement(c) })
		}
	}
	b.join(!whole)
}

func (r *resolver) tryStatement(i int) {
	b := r.branches()
	b.visit(func() { r.statement(r.t.Child(i, lang.FBody)) })
	for c := range r.t.Kids(i) {
		switch r.t.Kind(c) {
		case lang.KExceptClause, lang.KExceptGroupClause:
			b.visit(func() { r.statement(c) })
		}
	}
	b.join(false)
	for c := range r.t.Kids(i) {
		if k := r.t.Kind(c); k == lang.KElseClause || k == lang.KFinallyClause {
			r.statement(c)
		}
	}
}

// branching is several ways through a function of which one is taken.
type branching struct {
	r      *resolver
	before map[string]value
	ends   []map[string]value
}

func (r *resolver) branches() *branching {
	b := &branching{r: r}
	if n := len(r.locals); n > 0 {
		b.before = r.locals[n-1]
	}
	return b
}

// visit runs fn with the names as they were before the branches.
func (b *branching) visit(fn func()) {
	if b.before == nil {
		fn()
		return
	}
	top := len(b.r.locals) - 1
	b.r.locals[top] = maps.Clone(b.before)
	fn()
	b.ends = append(b.ends, b.r.locals[top])
}

// forget gives a name back what it was before.
func (b *branching) forget(name string) {
	if b.before == nil {
		return
	}
	top := b.r.locals[len(b.r.locals)-1]
	if v, ok := b.before[name]; ok {
		top[name] = v
	} else {
		delete(top, name)
	}
}

// join keeps of each name what all branches agree on; skipped tells that none may be taken.
func (b *branching) join(skipped bool) {
	if b.before == nil {
		return
	}
	if skipped {
		b.ends = append(b.ends, b.before)
	}
	out := map[string]value{}
	for _, end := range b.ends {
		for name, v := range end {
			old, ok := out[name]
			switch {
			case !ok || old.kind == sNone:
				out[name] = v
			case v.kind != sNone && (old.kind != v.kind || old.class != v.class || old.path != v.path ||
				old.mod != v.mod || old.sym != v.sym):
				out[name] = value{ref: rLocal, name: name}
			}
		}
	}
	b.r.locals[len(b.r.locals)-1] = out
}

// isInstance reads isinstance(name, Class).
func (r *resolver) isInstance(cond int) (string, shape) {
	t := r.t
	if cond == 0 || t.Kind(cond) != lang.KCall {
		return "", shape{}
	}
	args := t.Child(cond, lang.FArguments)
	if t.FieldText(cond, lang.FFunction) != "isinstance" || args == 0 {
		return "", shape{}
	}
	x, c := t.First(args), t.Last(args)
	if t.Kind(x) != lang.KIdentifier || x == c {
		return "", shape{}
	}
	d := dotted(t, c)
	if d == "" {
		return "", shape{}
	}
	s := instance(r.a.path(r.m, r.class, d, 0).shape)
	if s.kind != sInstance {
		return "", shape{}
	}
	return t.Text(x), s
}

// assignment visits x = value, x: T = value, x = y = value.
func (r *resolver) assignment(i int) {
	t := r.t
	var s shape
	right := t.Child(i, lang.FRight)
	if right != 0 {
		if t.Kind(right) == lang.KAssignment {
			r.assignment(right)
		} else {
			s = r.value(right)
		}
	}
	if typ := t.Child(i, lang.FType); typ != 0 {
		if a := r.annotation(typ); a.kind != sUnknown {
			s = a
		}
	}
	r.assign(t.Child(i, lang.FLeft), s)
}

// assign sets names to a shape; several names get none.
func (r *resolver) assign(left int, s shape) {
	if left == 0 {
		return
	}
	switch r.t.Kind(left) {
	case lang.KIdentifier:
		r.set(r.t.Text(left), s)
	case lang.KAttribute:
		v := r.attribute(left)
		r.use(v, left)
	case lang.KSubscript:
		r.value(left)
	default:
		for c := range r.t.Kids(left) {
			r.assign(c, shape{})
		}
	}
}

func (r *resolver) asPattern(i int) {
	t := r.t
	s := r.value(t.First(i))
	if a := t.Child(i, lang.FAlias); a != 0 {
		if x := t.First(a); x != 0 {
			r.assign(x, instance(s))
		} else {
			r.set(t.Text(a), instance(s))
		}
	}
}

// withItem visits value [as name]: the name is what __enter__ gives.
func (r *resolver) withItem(i int) {
	t := r.t
	v := t.Child(i, lang.FValue)
	if v == 0 || t.Kind(v) != lang.KAsPattern {
		r.children(i)
		return
	}
	s := r.value(t.First(v))
	entered := shape{}
	if s.kind == sInstance {
		if m, _ := s.class.member("__enter__"); m != nil && m.fn != nil {
			entered = r.a.eval(m.fn.mod, m.fn.class, m.fn.returns, 0)
		}
	}
	if a := t.Child(v, lang.FAlias); a != 0 {
		x := a
		if t.Kind(a) == lang.KAsPatternTarget {
			x = t.First(a)
		}
		if x == 0 {
			r.set(t.Text(a), entered)
		} else {
			r.assign(x, entered)
		}
	}
}

// localImport declares what an import inside of a function binds, and reports the import.
func (r *resolver) localImport(i int) {
	r.reportImports(i)
	if len(r.locals) == 0 {
		return
	}
	for _, imp := range imports(r.t, i) {
		if !imp.star {
			r.locals[len(r.locals)-1][imp.binds] = r.a.reference(r.m, imp.bound, 0)
		}
	}
}

// nestedFunction visits a function inside of a function.
func (r *resolver) nestedFunction(i int) {
	t := r.t
	r.set(t.FieldText(i, lang.FName), shape{kind: sUnknown, fn: &function{mod: r.m}})
	r.push()
	if ps := t.Child(i, lang.FParameters); ps != 0 {
		r.parameters(ps)
	}
	if rt := t.Child(i, lang.FReturnType); rt != 0 {
		r.annotation(rt)
	}
	if body := t.Child(i, lang.FBody); body != 0 {
		r.children(body)
	}
	r.pop()
}

// nestedClass visits a class inside of a function. It has no vertex.
func (r *resolver) nestedClass(i int) {
	t := r.t
	r.set(t.FieldText(i, lang.FName), shape{})
	if args := t.Child(i, lang.FSuperclasses); args != 0 {
		r.arguments(args)
	}
	if body := t.Child(i, lang.FBody); body != 0 {
		r.push()
		r.children(body)
		r.pop()
	}
}

// parameters declares parameters and reports the types of their annotations.
func (r *resolver) parameters(ps int) {
	t := r.t
	for p := range t.Kids(ps) {
		name := t.Child(p, lang.FName)
		if name == 0 {
			name = p
			if t.Kind(p) != lang.KIdentifier {
				name = t.First(p)
			}
		}
		var s shape
		if typ := t.Child(p, lang.FType); typ != 0 {
			s = r.annotation(typ)
		}
		if v := t.Child(p, lang.FValue); v != 0 {
			d := r.value(v)
			if s.kind == sUnknown && d.kind == sForeignInstance {
				s = shape{}
			}
		}
		if name == 0 {
			continue
		}
		splat := t.Kind(p) == lang.KListSplatPattern || t.Kind(p) == lang.KDictionarySplatPattern
		if k := t.Kind(name); k == lang.KListSplatPattern || k == lang.KDictionarySplatPattern {
			name, splat = t.First(name), true
		}
		if splat {
			s = shape{}
		}
		r.set(t.Text(name), s)
	}
}

// annotation reports the types that an annotation names and returns what it says.
func (r *resolver) annotation(i int) shape {
	r.useTypes(i)
	return r.a.eval(r.m, r.class, annotation(r.t, i), 0)
}

func (r *resolver) useTypes(i int) {
	t := r.t
	switch t.Kind(i) {
	case lang.KIdentifier, lang.KAttribute, lang.KMemberType:
		r.useType(dotted(t, i), i)
		return
	case lang.KString:
		if e := annotation(t, i); e != nil {
			r.useType(e.name, i)
		}
		return
	}
	for c := range t.Kids(i) {
		r.useTypes(c)
	}
}

func (r *resolver) useType(name string, at int) {
	if name == "" {
		return
	}
	v := r.a.path(r.m, r.class, name, 0)
	switch {
	case v.kind == sClass && v.ref != rLocal:
		ev := lang.ByImport
		if v.class.mod == r.m {
			ev = lang.BySyntax
		}
		r.out.Edge(r.from, graph.UsesType, v.class.sym, ev, at)
	case v.ref == rForeign && looksLikeClass(v.path):
		r.out.Edge(r.from, graph.UsesType, r.foreignClass(v.path), lang.ByImport, at)
	}
}
