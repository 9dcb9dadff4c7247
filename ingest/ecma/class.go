package ecma

import (
	"path"
	"strings"

	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/ingest/lang"
)

// class adds a class or interface and visits its members.
func (r *resolver) class(c, span int, d *decl, parent *lang.Symbol, doc string) {
	t := r.t
	def := lang.Definition{Sym: d.sym, Kind: d.class.kind, Name: d.name, Node: span, Doc: doc,
		Flags: r.flags(d.name), Signature: r.header(c)}
	if t.Kind(c) == lang.KAbstractClassDeclaration {
		def.Flags |= graph.FlagAbstract
	}
	sc := r.out.Vertex(def)
	r.out.Contains(d.sym, parent, r.out.Self)
	r.classParts(c, d.class, sc)
}

// classParts adds the bases and members of a class whose vertex is there.
func (r *resolver) classParts(c int, k *class, sc lang.Scope) {
	t := r.t
	outer := r.from
	r.from = sc
	for _, s := range k.supers {
		r.out.Edge(sc, graph.Extends, s.sym, r.found(s.mod), 0)
	}
	for _, s := range k.ifaces {
		r.out.Edge(sc, graph.Implements, s.sym, r.found(s.mod), 0)
	}
	for _, f := range k.foreign {
		if f.from != libModule && f.name != "" {
			key := foreignKey(f.from, f.name, graph.TypeDesc)
			r.out.Edge(sc, graph.Extends, r.out.Foreign(key), lang.ByImport, 0)
		}
	}
	if tp := t.Child(c, lang.FTypeParameters); tp != 0 {
		r.useTypes(tp, graph.UsesType)
	}
	for h := range t.Kids(c) {
		switch t.Kind(h) {
		case lang.KClassHeritage:
			r.heritage(h)
		case lang.KExtendsTypeClause:
			r.typeArguments(h)
		case lang.KDecorator:
			r.children(h)
		}
	}
	if body := t.Child(c, lang.FBody); body != 0 {
		if t.Kind(c) == lang.KInterfaceDeclaration {
			r.signatures(body, k)
		} else {
			r.members(body, k, sc)
		}
	}
	r.from = outer
}

// heritage visits what the extends and implements clauses name besides the bases themselves.
func (r *resolver) heritage(h int) {
	t := r.t
	for x := range t.Kids(h) {
		switch t.Kind(x) {
		case lang.KExtendsClause:
			if v := t.Child(x, lang.FValue); v != 0 && dotted(t, v) == "" {
				r.value(v)
			}
			r.typeArguments(x)
		case lang.KImplementsClause:
			r.typeArguments(x)
		default:
			if dotted(t, x) == "" {
				r.value(x)
			}
		}
	}
}

// typeArguments reports the types in the type arguments of a clause.
func (r *resolver) typeArguments(i int) {
	for n := i + 1; n < r.t.Next(i); n++ {
		if r.t.Kind(n) == lang.KTypeArguments {
			r.useTypes(n, graph.References)
			n = r.t.Next(n) - 1
		}
	}
}

func (r *resolver) members(body int, k *class, sc lang.Scope) {
	t := r.t
	var comments lang.Comments
	seen := map[string]bool{}
	for x := range t.Kids(body) {
		switch t.Kind(x) {
		case lang.KComment:
			comments.Add(t, x)
			continue
		case lang.KMethodDefinition, lang.KMethodSignature, lang.KAbstractMethodSignature:
			r.method(x, k, comments.Before(t, x))
			r.assignedFields(x, k, seen)
		case lang.KPublicFieldDefinition, lang.KFieldDefinition:
			r.field(x, k, comments.Before(t, x), seen)
		case lang.KClassStaticBlock, lang.KDecorator:
			r.this = shape{kind: sClass, class: k}
			r.scoped(func() { r.children(x) })
			r.this = shape{}
		}
		comments = lang.Comments{}
		r.from = sc
	}
}

// memberFlags returns the flags of a member by its modifiers.
func (r *resolver) memberFlags(x int) graph.Flags {
	t := r.t
	f := graph.FlagExported
	if m := t.ChildOf(x, lang.KAccessibilityModifier); m != 0 && string(t.Bytes(m)) != "public" {
		f = 0
	}
	if strings.HasPrefix(memberName(t, x), "#") {
		f = 0
	}
	if r.m.test {
		f |= graph.FlagTest
	}
	if t.ChildOf(x, lang.KTokStatic) != 0 {
		f |= graph.FlagStatic
	}
	if t.ChildOf(x, lang.KTokAsync) != 0 {
		f |= graph.FlagAsync
	}
	if t.ChildOf(x, lang.KTokAbstract) != 0 || t.Kind(x) == lang.KAbstractMethodSignature {
		f |= graph.FlagAbstract
	}
	return f
}

func (r *resolver) method(x int, k *class, doc string) {
	t := r.t
	name := memberName(t, x)
	kind := graph.Method
	if name == "constructor" && k.kind == graph.Class {
		name, kind = constructorName, graph.Constructor
	}
	m := k.members[name]
	if m == nil {
		r.nestedMethod(x)
		return
	}
	sym := m.sym
	if t.ChildOf(x, lang.KTokSet) != 0 && m.key != "<set>"+name { // beside a getter
		sym = lang.Child(k.sym, graph.MethodDesc, "<set>"+name)
	}
	shown := name
	if kind == graph.Constructor {
		shown = "constructor"
	}
	def := lang.Definition{Sym: sym, Kind: kind, Name: shown, Node: x, Doc: doc,
		Flags: r.memberFlags(x), Signature: r.header(x)}
	if t.Kind(x) == lang.KMethodSignature && k.kind != graph.Class {
		def.Flags |= graph.FlagAbstract
	}
	at := len(r.out.Owner.Vertices)
	sc := r.out.Vertex(def)
	r.out.Contains(sym, k.sym)
	if kind != graph.Constructor {
		r.overrides(sc, m, k)
	}
	this := shape{kind: sInstance, class: k}
	if def.Flags&graph.FlagStatic != 0 {
		this.kind = sClass
	}
	r.visit(sc, this, at, x)
	if kind == graph.Constructor {
		r.parameterFields(x, k)
	}
}

// overrides links a method to those of its name in the bases and interfaces.
func (r *resolver) overrides(sc lang.Scope, m *member, k *class) {
	if m.static {
		return
	}
	for _, list := range [][]*class{k.supers, k.ifaces} {
		for _, b := range list {
			if o, _ := b.member(m.name); o != nil && o.sym != nil && o.fn != nil && o.sym != m.sym {
				r.out.Edge(sc, graph.Overrides, o.sym, lang.ByType, 0)
			}
		}
	}
}

// parameterFields adds the fields that a constructor's parameters declare.
func (r *resolver) parameterFields(x int, k *class) {
	t := r.t
	ps := t.Child(x, lang.FParameters)
	if ps == 0 {
		return
	}
	for p := range t.Kids(ps) {
		if isParameterField(t, p) {
			r.fieldVertex(k, t.FieldText(p, lang.FPattern), p, "", r.memberFlags(p))
		}
	}
}

func (r *resolver) fieldVertex(k *class, name string, node int, doc string, f graph.Flags) {
	m := k.members[name]
	if m == nil || m.fn != nil || strings.HasPrefix(m.key, "<") {
		return
	}
	r.out.Vertex(lang.Definition{Sym: m.sym, Kind: graph.Field, Name: name, Node: node, Doc: doc,
		Flags: f, Signature: lang.OneLine(r.t.Bytes(node), maxValue)})
	r.out.Contains(m.sym, k.sym)
}

// assignedFields adds the fields that a method of a script sets on this.
func (r *resolver) assignedFields(x int, k *class, seen map[string]bool) {
	t := r.t
	body := t.Child(x, lang.FBody)
	for n := body; body != 0 && n < t.Next(body); n++ {
		if t.Kind(n) != lang.KAssignmentExpression {
			continue
		}
		if name := thisField(t, t.Child(n, lang.FLeft)); name != "" && !seen[name] &&
			k.members[name] != nil && scripted(r.m.path) {
			seen[name] = true
			r.fieldVertex(k, name, n, "", graph.FlagExported)
		}
	}
}

// scripted tells whether a file's language needs no declaration of fields.
func scripted(p string) bool {
	switch path.Ext(p) {
	case ".js", ".jsx", ".mjs", ".cjs":
		return true
	}
	return false
}

func (r *resolver) field(x int, k *class, doc string, seen map[string]bool) {
	t := r.t
	name := memberName(t, x)
	val := t.Child(x, lang.FValue)
	m := k.members[name]
	if m == nil {
		r.value(val)
		return
	}
	seen[name] = true
	def := lang.Definition{Sym: m.sym, Kind: graph.Field, Name: name, Node: x, Doc: doc,
		Flags: r.memberFlags(x), Signature: lang.OneLine(t.Bytes(x), maxValue)}
	sc := r.out.Vertex(def)
	r.out.Contains(m.sym, k.sym)
	outer, outerThis := r.from, r.this
	r.from, r.this = sc, shape{kind: sInstance, class: k}
	if def.Flags&graph.FlagStatic != 0 {
		r.this.kind = sClass
	}
	if typ := t.Child(x, lang.FType); typ != 0 {
		r.useTypes(typ, graph.UsesType)
	}
	r.scoped(func() { r.value(val) })
	for d := range t.Kids(x) {
		if t.Kind(d) == lang.KDecorator {
			r.children(d)
		}
	}
	r.from, r.this = outer, outerThis
}

// signatures visits the members of an interface or object type.
func (r *resolver) signatures(body int, k *class) {
	t, owner := r.t, r.from
	var comments lang.Comments
	seen := map[string]bool{}
	for x := range t.Kids(body) {
		switch t.Kind(x) {
		case lang.KComment:
			comments.Add(t, x)
			continue
		case lang.KMethodSignature:
			r.method(x, k, comments.Before(t, x))
		case lang.KPropertySignature:
			r.field(x, k, comments.Before(t, x), seen)
		default:
			r.useTypes(x, graph.UsesType)
		}
		comments = lang.Comments{}
		r.from = owner
	}
}
