package python

import (
	"context"
	"strings"

	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/ingest/lang"
)

// Resolve implements lang.Analyzer.
func (a *analyzer) Resolve(ctx context.Context, p *lang.Parser, f *lang.File,
	out *lang.Facts) error {
	t, err := p.Parse(ctx, lang.Python, f.Src)
	if err != nil {
		return err
	}
	m := a.modules[f.Index]
	if m == nil {
		return graph.Errorf("python.Resolve", graph.KindInternal, "%s was not scanned", f.Path)
	}
	out.SetTree(t)
	out.Owner.Home = m.sym.ID.Slot()
	r := &resolver{a: a, m: m, t: t, out: out, from: out.FileScope()}
	r.out.Vertex(lang.Definition{Sym: m.sym, Kind: graph.Module, Name: lastPart(m.name),
		Node: lang.Root, Doc: r.docstring(lang.Root),
		Flags: r.flags(lastPart(m.name)), Signature: "module " + m.name})
	r.block(lang.Root)
	return nil
}

func lastPart(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

func (r *resolver) flags(name string) graph.Flags {
	var f graph.Flags
	special := strings.HasPrefix(name, "__") && strings.HasSuffix(name, "__")
	if !strings.HasPrefix(name, "_") || special {
		f |= graph.FlagExported
	}
	if r.m.test {
		f |= graph.FlagTest
	}
	return f
}

// docstring returns the string that a body begins with.
func (r *resolver) docstring(body int) string {
	t := r.t
	stmt := t.First(body)
	if stmt == 0 || t.Kind(stmt) != lang.KExpressionStatement {
		return ""
	}
	s := t.First(stmt)
	if s == 0 || t.Kind(s) != lang.KString {
		return ""
	}
	text := t.Text(s)
	text = strings.TrimLeft(text, "rRbBuUfF")
	text = strings.TrimSpace(strings.Trim(text, `"'`))
	var lines []string
	for l := range strings.Lines(text) {
		lines = append(lines, strings.TrimSpace(l))
	}
	doc := strings.Join(lines, "\n")
	if len(doc) > graph.MaxDoc {
		doc = strings.ToValidUTF8(doc[:graph.MaxDoc], "")
	}
	return doc
}

// block visits what runs at the top level of the module.
func (r *resolver) block(i int) {
	for c := range r.t.Kids(i) {
		r.topLevel(c)
	}
}

func (r *resolver) topLevel(c int) {
	t := r.t
	switch t.Kind(c) {
	case lang.KFunctionDefinition, lang.KClassDefinition:
		r.definition(c, c)
	case lang.KDecoratedDefinition:
		r.definition(t.Child(c, lang.FDefinition), c)
	case lang.KImportStatement, lang.KImportFromStatement, lang.KFutureImportStatement:
		r.reportImports(c)
	case lang.KExpressionStatement:
		if a := t.ChildOf(c, lang.KAssignment); a != 0 {
			r.variables(a)
			return
		}
		r.statement(c)
	case lang.KIfStatement, lang.KElifClause, lang.KElseClause, lang.KTryStatement,
		lang.KExceptClause, lang.KExceptGroupClause, lang.KFinallyClause, lang.KWithStatement,
		lang.KForStatement, lang.KWhileStatement, lang.KError, lang.KBlock:
		r.block(c)
	default:
		r.statement(c)
	}
}

// definition visits a function or class of the module; span is the node that holds its decorators.
func (r *resolver) definition(d, span int) {
	name := r.t.FieldText(d, lang.FName)
	o := r.m.scope[name]
	if o == nil || o.sym == nil {
		r.statement(d)
		return
	}
	if r.t.Kind(d) == lang.KClassDefinition {
		if o.kind == isClass {
			r.classDefinition(d, span, o.class, r.m.sym)
		}
		return
	}
	if o.kind == isFunc {
		r.function(d, span, nil, &member{name: name, sym: o.sym, fn: o.fn})
	}
}

// function visits a function or, with a class, a method.
func (r *resolver) function(d, span int, c *class, m *member) {
	t := r.t
	body := t.Child(d, lang.FBody)
	def := lang.Definition{Sym: m.sym, Kind: graph.Function, Name: m.name, Node: span,
		Flags: r.flags(m.name), Doc: r.docstring(body),
		Signature: lang.OneLine(t.Slice(t.Start(d), t.Start(body)), lang.MaxSignature)}
	def.Signature = strings.TrimSuffix(def.Signature, ":")
	if t.ChildOf(d, lang.KTokAsync) != 0 {
		def.Flags |= graph.FlagAsync
	}
	parents := []*lang.Symbol{r.m.sym, r.out.Self}
	if c != nil {
		def.Kind, parents = graph.Method, []*lang.Symbol{c.sym}
		if m.name == "__init__" {
			def.Kind = graph.Constructor
		}
		if m.static {
			def.Flags |= graph.FlagStatic
		}
	}
	for _, dec := range decorators(t, span) {
		if strings.HasSuffix(dec, "abstractmethod") {
			def.Flags |= graph.FlagAbstract
		}
	}
	at := len(r.out.Owner.Vertices)
	outer := r.from
	r.from = r.out.Vertex(def)
	r.out.Contains(m.sym, parents...)
	if c != nil {
		r.overrides(c, m)
	}
	r.complexity = 1
	r.body(d, span, c, m)
	r.out.Owner.Vertices[at].Complexity = r.complexity
	r.from = outer
}

// overrides links a method to the next one of its name above.
func (r *resolver) overrides(c *class, m *member) {
	if strings.HasPrefix(m.name, "__") && m.name != "__init__" && m.name != "__call__" {
		return
	}
	for _, k := range c.ancestors()[1:] {
		if o := k.members[m.name]; o != nil && o.fn != nil {
			r.out.Edge(r.from, graph.Overrides, o.sym, lang.ByType, 0)
			return
		}
	}
}

func (r *resolver) body(d, span int, c *class, m *member) {
	t := r.t
	if span != d {
		for x := range t.Kids(span) {
			if t.Kind(x) == lang.KDecorator {
				r.value(t.First(x))
			}
		}
	}
	oldClass := r.class
	r.class = c
	r.push()
	if ps := t.Child(d, lang.FParameters); ps != 0 {
		r.parameters(ps)
		if first := t.First(ps); c != nil && first != 0 && t.Kind(first) == lang.KIdentifier {
			switch {
			case m.static:
			case m.classFn, m.name == "__new__", m.name == "__init_subclass__":
				r.set(t.Text(first), shape{kind: sClass, class: c})
			default:
				r.set(t.Text(first), shape{kind: sInstance, class: c})
			}
		}
	}
	if rt := t.Child(d, lang.FReturnType); rt != 0 {
		r.annotation(rt)
	}
	if body := t.Child(d, lang.FBody); body != 0 {
		r.children(body)
	}
	r.pop()
	r.class = oldClass
}

var enumBases = map[string]bool{"enum.Enum": true, "enum.IntEnum": true, "enum.StrEnum": true,
	"enum.Flag": true, "enum.IntFlag": true}

// classKind tells enumerations and protocols from plain classes.
func classKind(c *class) graph.VertexKind {
	for _, k := range c.ancestors() {
		for _, f := range k.foreign {
			if enumBases[f] {
				return graph.Enum
			}
		}
	}
	for _, b := range c.bases {
		if lastPart(b.name) == "Protocol" {
			return graph.Interface
		}
	}
	return graph.Class
}

func (r *resolver) classDefinition(d, span int, c *class, parent *lang.Symbol) {
	t := r.t
	body := t.Child(d, lang.FBody)
	def := lang.Definition{Sym: c.sym, Kind: classKind(c), Name: c.name, Node: span,
		Flags: r.flags(c.name), Doc: r.docstring(body),
		Signature: lang.OneLine(t.Slice(t.Start(d), t.Start(body)), lang.MaxSignature)}
	def.Signature = strings.TrimSuffix(def.Signature, ":")
	outer := r.from
	r.from = r.out.Vertex(def)
	r.out.Contains(c.sym, parent)
	if parent == r.m.sym {
		r.out.Contains(c.sym, r.out.Self)
	}
	for _, s := range c.supers {
		r.out.Edge(r.from, graph.Extends, s.sym, lang.ByImport, 0)
	}
	for _, f := range c.foreign {
		r.out.Edge(r.from, graph.Extends, r.foreignClass(f), lang.ByImport, 0)
	}
	for x := range t.Kids(span) {
		if span != d && t.Kind(x) == lang.KDecorator {
			r.value(t.First(x))
		}
	}
	own := r.from
	r.from = r.out.FileScope()
	if args := t.Child(d, lang.FSuperclasses); args != 0 {
		for x := range t.Kids(args) {
			if t.Kind(x) == lang.KKeywordArgument || t.Kind(x) == lang.KCall {
				r.value(x)
			}
		}
	}
	seen := map[string]bool{}
	r.classBody(body, c, own, seen)
	r.from = outer
}

// foreignClass returns the symbol of a class outside of the tree.
func (r *resolver) foreignClass(p string) *lang.Symbol {
	dot := strings.LastIndexByte(p, '.')
	if dot < 0 {
		return r.foreignSymbol(p, false, "", graph.TypeDesc)
	}
	return r.foreignSymbol(p[:dot], false, p[dot+1:], graph.TypeDesc)
}

// classBody visits the members of a class.
func (r *resolver) classBody(body int, c *class, own lang.Scope, seen map[string]bool) {
	t := r.t
	for x := range t.Kids(body) {
		switch t.Kind(x) {
		case lang.KFunctionDefinition, lang.KClassDefinition:
			r.memberDefinition(x, x, c, seen)
		case lang.KDecoratedDefinition:
			r.memberDefinition(t.Child(x, lang.FDefinition), x, c, seen)
		case lang.KIfStatement, lang.KElseClause, lang.KTryStatement, lang.KBlock:
			r.classBody(x, c, own, seen)
		case lang.KExpressionStatement:
			a := t.ChildOf(x, lang.KAssignment)
			if a == 0 {
				r.statement(x)
				continue
			}
			left := t.Child(a, lang.FLeft)
			outer := r.from
			if t.Kind(left) == lang.KIdentifier {
				r.field(c, t.Text(left), a, seen)
				if m := c.members[t.Text(left)]; m != nil && m.fn == nil && m.class == nil {
					line, _ := t.Position(t.Start(a))
					r.from = lang.Scope{Sym: m.sym, Line: line}
				}
			}
			r.assignment(a)
			r.from = outer
		default:
			r.statement(x)
		}
	}
}

func (r *resolver) memberDefinition(d, span int, c *class, seen map[string]bool) {
	name := r.t.FieldText(d, lang.FName)
	m := c.members[name]
	if m == nil {
		return
	}
	switch {
	case r.t.Kind(d) == lang.KClassDefinition && m.class != nil:
		r.classDefinition(d, span, m.class, c.sym)
	case r.t.Kind(d) == lang.KFunctionDefinition && m.fn != nil:
		r.function(d, span, c, m)
		r.selfFields(d, c, m, seen)
	}
}

// field adds the vertex of a field where it is first set.
func (r *resolver) field(c *class, name string, node int, seen map[string]bool) {
	m := c.members[name]
	if m == nil || m.fn != nil || m.class != nil || seen[name] || m.of != c {
		return
	}
	seen[name] = true
	kind := graph.Field
	if classKind(c) == graph.Enum {
		kind = graph.EnumMember
	}
	const most = 200
	r.out.Vertex(lang.Definition{Sym: m.sym, Kind: kind, Name: name, Node: node, Flags: r.flags(name),
		Signature: lang.OneLine(r.t.Bytes(node), most)})
	r.out.Contains(m.sym, c.sym)
}

// selfFields adds the fields that a method sets on its first parameter.
func (r *resolver) selfFields(d int, c *class, m *member, seen map[string]bool) {
	t := r.t
	ps := t.Child(d, lang.FParameters)
	if ps == 0 || m.static {
		return
	}
	first := t.First(ps)
	if first == 0 || t.Kind(first) != lang.KIdentifier {
		return
	}
	self, body := t.Text(first), t.Child(d, lang.FBody)
	for n := body; body != 0 && n < t.Next(body); n++ {
		if t.Kind(n) == lang.KAssignment {
			if name := selfField(t, t.Child(n, lang.FLeft), self); name != "" {
				r.field(c, name, n, seen)
			}
		}
	}
}

// variables visits an assignment of the module's top level. What the right side refers to belongs
// to the first name.
func (r *resolver) variables(a int) {
	t := r.t
	outer := r.from
	first := true
	for _, n := range targets(t, t.Child(a, lang.FLeft)) {
		name := t.Text(n)
		o := r.m.scope[name]
		if o == nil || o.kind != isVar || o.sym == nil {
			continue
		}
		kind := graph.Variable
		if strings.ToUpper(name) == name && strings.ToLower(name) != name {
			kind = graph.Constant
		}
		const most = 200
		sc := r.out.Vertex(lang.Definition{Sym: o.sym, Kind: kind, Name: name, Node: a,
			Flags: r.flags(name), Signature: lang.OneLine(t.Bytes(a), most)})
		r.out.Contains(o.sym, r.m.sym, r.out.Self)
		if first {
			r.from, first = sc, false
		}
	}
	r.assignment(a)
	r.from = outer
}

// reportImports adds the edges of an import statement.
func (r *resolver) reportImports(i int) {
	for _, imp := range imports(r.t, i) {
		from := r.out.FileScope()
		m, full := r.a.find(r.m, imp.ref)
		if m == nil {
			if imp.ref.level == 0 && full != "" {
				r.out.Edge(from, graph.Imports, r.foreignSymbol(full, false, "", 0), lang.ByImport, imp.node)
			}
		} else if m != r.m {
			r.out.Edge(from, graph.Imports, m.sym, lang.ByImport, imp.node)
		}
		if imp.ref.name == "" || imp.star {
			continue
		}
		if v := r.a.reference(r.m, imp.ref, 0); v.ref == rModule && v.mod != r.m {
			r.out.Edge(from, graph.Imports, v.sym, lang.ByImport, imp.node)
		}
	}
}
