package lang

import (
	"context"
	"path"
	"strconv"
	"strings"

	"github.com/codegraphdb/codegraph/graph"
)

const maxSignature = 400

// inferVars finds the types of a file's package variables that are declared without one.
func (g *golang) inferVars(f *goFile) {
	for i := range f.decls {
		d := &f.decls[i]
		if obj := f.pkg.scope[d.name]; obj != nil && obj.decl == d {
			g.infer(obj)
		}
	}
}

// infer returns the type of a package variable from its initialiser. It is called in Link only;
// afterwards every variable has a type, if an unknown one.
func (g *golang) infer(obj *goObject) *goType {
	if obj.typ != nil {
		return obj.typ
	}
	if obj.busy || obj.decl == nil || obj.decl.init == nil {
		return unknownType
	}
	obj.busy = true
	r := &goResolver{g: g, f: obj.file, t: obj.decl.init}
	typ := unknownType
	if r.t.kind(0) == kFuncLiteral {
		typ = funcExpr(r.t, 0)
		r.f.link(typ, nil)
	} else if v := r.expr(0); v.typ != nil {
		typ = v.typ
	}
	if typ.kind == tTuple {
		typ = at(typ.results, obj.decl.initAt)
	} else if obj.decl.initAt > 0 {
		typ = boolType
	}
	obj.typ, obj.decl, obj.busy = typ, nil, false
	return typ
}

// Resolve implements Analyzer.
func (g *golang) Resolve(ctx context.Context, p *Parser, f *File, out *Facts) error {
	t, err := p.parse(ctx, grammarGo, f.Src)
	if err != nil {
		return err
	}
	gf := g.files[f.Index]
	if gf == nil {
		return graph.Errorf("lang.Resolve", graph.KindInternal, "%s was not scanned", f.Path)
	}
	out.tree = t
	r := &goResolver{g: g, f: gf, t: t, out: out, from: out.fileScope()}
	r.packageVertex()
	var comments comment
	for c := range t.kids(0) {
		if t.kind(c) == kComment {
			comments.add(t, c)
			continue
		}
		r.topLevel(c, comments.before(t, c))
		comments = comment{}
	}
	return nil
}

// homeOf returns the symbol that a Go file's rows live beside.
func (r *goResolver) packageVertex() {
	t, pkg := r.t, r.f.pkg
	r.out.Owner.Home = pkg.sym.id.Slot()
	clause := t.childOf(0, kPackageClause)
	var comments comment
	for c := range t.kids(0) {
		if c == clause {
			break
		}
		comments.add(t, c)
	}
	d := definition{sym: pkg.sym, kind: graph.Package, name: path.Base(pkg.path), node: clause,
		signature: "package " + pkg.name, flags: r.flags("X")}
	if clause != 0 {
		d.doc = comments.before(t, clause)
	}
	if r.f.pkg.name == "main" {
		d.flags &^= graph.FlagExported
	}
	r.out.vertex(d)
	for _, imp := range r.f.imports {
		if imp.path == "C" {
			continue
		}
		r.out.edge(r.out.fileScope(), graph.Imports, imp.sym, byImport, 0)
	}
}

func (r *goResolver) flags(name string) graph.Flags {
	var f graph.Flags
	if isExported(name) {
		f |= graph.FlagExported
	}
	if r.f.test {
		f |= graph.FlagTest
	}
	return f
}

// topLevel visits a package-level declaration.
func (r *goResolver) topLevel(c int, doc string) {
	t := r.t
	switch t.kind(c) {
	case kFunctionDeclaration, kMethodDeclaration:
		r.function(c, doc)
	case kTypeDeclaration:
		r.specs(c, doc, func(s int, doc string) { r.typeSpec(s, doc) })
	case kVarDeclaration, kConstDeclaration:
		r.specs(c, doc, func(s int, doc string) { r.valueSpec(s, doc) })
	case kError:
		for k := range t.kids(c) {
			r.topLevel(k, "")
		}
	}
}

// specs visits the specs of a declaration with their comments; a lone spec has the declaration's.
func (r *goResolver) specs(decl int, doc string, visit func(spec int, doc string)) {
	var comments comment
	for s := range r.t.kids(decl) {
		switch r.t.kind(s) {
		case kComment:
			comments.add(r.t, s)
		case kTypeSpec, kTypeAlias, kVarSpec, kConstSpec:
			own := comments.before(r.t, s)
			if own == "" {
				own = doc
			}
			visit(s, own)
			comments = comment{}
		case kVarSpecList:
			r.specs(s, doc, visit)
		}
	}
}

// function visits a function or method.
func (r *goResolver) function(c int, doc string) {
	t, name := r.t, r.t.fieldText(c, fName)
	body := t.child(c, fBody)
	end := t.n[c].end
	if body != 0 {
		end = t.n[body].start
	}
	d := definition{kind: graph.Function, name: name, node: c, doc: doc, flags: r.flags(name),
		signature: oneLine(t.slice(t.n[c].start, end), maxSignature)}
	parents := []*symbol{r.f.pkg.sym, r.out.self}
	var member *goMember
	var recvParams []goField
	if t.kind(c) == kMethodDeclaration {
		recv, names := receiver(t, c)
		recvParams = r.f.receiverParams(recv, names)
		d.kind = graph.Method
		if obj := r.f.pkg.scope[recv]; obj != nil && obj.named != nil {
			if member = obj.named.members[name]; member != nil && member.kind == graph.Method {
				d.sym, parents[0] = member.sym, obj.sym
			}
		}
	} else {
		d.sym = r.functionSymbol(name)
	}
	r.from = r.out.fileScope()
	at := -1
	if d.sym != nil {
		at = len(r.out.Owner.Vertices)
		r.from = r.out.vertex(d)
		r.out.contains(d.sym, parents...)
		if member != nil {
			for _, o := range member.overrides {
				r.out.edge(r.from, graph.Overrides, o, byType, 0)
			}
		}
	}
	r.complexity = 1
	r.functionBody(c, body, recvParams)
	if at >= 0 {
		r.out.Owner.Vertices[at].Complexity = r.complexity
	}
	r.from = r.out.fileScope()
}

func (r *goResolver) functionBody(c, body int, recvParams []goField) {
	r.locals = r.locals[:0]
	for _, p := range recvParams {
		r.locals = append(r.locals, local{name: p.name, isType: true,
			typ: &goType{kind: tParam, name: p.name, elem: p.typ}})
	}
	if list := r.t.child(c, fTypeParameters); list != 0 {
		for _, p := range typeParams(r.t, list) {
			typ := &goType{kind: tParam, name: p.name, elem: p.typ}
			r.locals = append(r.locals, local{name: p.name, isType: true, typ: typ})
			r.f.link(p.typ, r.localType)
		}
		r.useTypes(list, graph.UsesType)
	}
	r.parameters(c, graph.UsesType)
	if body != 0 {
		r.children(body)
	}
	r.locals = r.locals[:0]
}

// functionSymbol returns the symbol of a function. Every init of a package is one of its own, told
// apart by file and order.
func (r *goResolver) functionSymbol(name string) *symbol {
	if name == "_" || name == "" {
		return nil
	}
	if name != "init" {
		if obj := r.f.pkg.scope[name]; obj != nil && obj.kind == declFunc {
			return obj.sym
		}
		return nil
	}
	file := strings.TrimSuffix(path.Base(r.f.path), ".go")
	which := strings.ReplaceAll(file, ".", "_")
	n := 0
	for _, v := range r.out.Owner.Vertices {
		if v.Name == name && v.Kind == graph.Function {
			n++
		}
	}
	if n > 0 {
		which += "+" + strconv.Itoa(n)
	}
	return newSymbol(r.f.pkg.sym.key + "init(" + which + ").")
}

// typeSpec visits a type declaration.
func (r *goResolver) typeSpec(s int, doc string) {
	t := r.t
	name := t.fieldText(s, fName)
	obj := r.f.pkg.scope[name]
	if obj == nil || obj.named == nil {
		return
	}
	tn := t.child(s, fType)
	d := definition{sym: obj.sym, kind: graph.TypeAlias, name: name, node: s, doc: doc,
		flags: r.flags(name), signature: "type " + oneLine(t.bytes(s), maxSignature)}
	switch t.kind(tn) {
	case kStructType:
		d.kind, d.signature = graph.Struct, r.header(s, tn)+" struct"
	case kInterfaceType:
		d.kind, d.signature = graph.Interface, r.header(s, tn)+" interface"
	}
	r.from = r.out.vertex(d)
	r.out.contains(obj.sym, r.f.pkg.sym, r.out.self)
	if obj.file == r.f {
		for _, i := range obj.named.impls {
			r.out.edge(r.from, graph.Implements, i, byType, 0)
		}
	}
	r.locals = r.locals[:0]
	for _, p := range typeParams(t, t.child(s, fTypeParameters)) {
		r.locals = append(r.locals, local{name: p.name, isType: true,
			typ: &goType{kind: tParam, name: p.name}})
	}
	if list := t.child(s, fTypeParameters); list != 0 {
		r.useTypes(list, graph.UsesType)
	}
	switch t.kind(tn) {
	case kStructType:
		r.fields(obj.named, tn)
	case kInterfaceType:
		r.methods(obj.named, tn)
	default:
		r.useTypes(tn, graph.References)
	}
	r.locals, r.from = r.locals[:0], r.out.fileScope()
}

// header returns the text of a type spec before its type.
func (r *goResolver) header(s, tn int) string {
	return "type " + oneLine(r.t.slice(r.t.n[s].start, r.t.n[tn].start), maxSignature)
}

// fields visits the fields of a struct type.
func (r *goResolver) fields(n *goNamed, structType int) {
	t, owner := r.t, r.from
	list := t.childOf(structType, kFieldDeclarationList)
	if list == 0 {
		return
	}
	var comments comment
	for d := range t.kids(list) {
		if t.kind(d) == kComment {
			comments.add(t, d)
			continue
		}
		if t.kind(d) != kFieldDeclaration {
			continue
		}
		doc := comments.before(t, d)
		comments = comment{}
		tn := t.child(d, fType)
		if tn == 0 {
			continue
		}
		named := false
		for c := range t.kids(d) {
			if t.n[c].field == fName {
				named = true
				r.field(n, d, c, doc)
			}
		}
		if !named {
			r.embedded(n, d, tn, doc)
		}
		r.from = owner
	}
}

// field adds the vertex of a field and what its type refers to.
func (r *goResolver) field(n *goNamed, decl, nameNode int, doc string) {
	name := r.t.text(nameNode)
	m := n.members[name]
	if m == nil || m.kind != graph.Field {
		return
	}
	owner := r.from
	tn := r.t.child(decl, fType)
	r.from = r.out.vertex(definition{sym: m.sym, kind: graph.Field, name: name, node: decl, doc: doc,
		flags: r.flags(name), signature: name + " " + oneLine(r.t.bytes(tn), maxSignature)})
	r.out.contains(m.sym, n.sym)
	r.useTypes(tn, graph.UsesType)
	r.from = owner
}

// embedded adds an embedded field: a field, and an EMBEDS edge of the type.
func (r *goResolver) embedded(n *goNamed, decl, tn int, doc string) {
	typ := typeExpr(r.t, tn)
	name := embeddedName(typ)
	r.f.link(typ, r.localType)
	if s := r.typeSymbol(pointee(typ)); s != nil {
		r.out.edge(r.from, graph.Embeds, s, byImport, tn)
	}
	if m := n.members[name]; m != nil && m.kind == graph.Field {
		r.out.vertex(definition{sym: m.sym, kind: graph.Field, name: name, node: decl, doc: doc,
			flags: r.flags(name), signature: oneLine(r.t.bytes(decl), maxSignature)})
		r.out.contains(m.sym, n.sym)
	}
}

// methods visits the methods of an interface type.
func (r *goResolver) methods(n *goNamed, iface int) {
	t, owner := r.t, r.from
	var comments comment
	for c := range t.kids(iface) {
		switch t.kind(c) {
		case kComment:
			comments.add(t, c)
			continue
		case kMethodElem:
			name := t.fieldText(c, fName)
			if m := n.members[name]; m != nil && m.kind == graph.Method {
				r.from = r.out.vertex(definition{sym: m.sym, kind: graph.Method, name: name, node: c,
					doc: comments.before(t, c), flags: r.flags(name) | graph.FlagAbstract,
					signature: oneLine(t.bytes(c), maxSignature)})
				r.out.contains(m.sym, n.sym)
			}
			r.useTypes(c, graph.UsesType)
		case kTypeElem:
			typ := typeExpr(t, c)
			r.f.link(typ, r.localType)
			if s := r.typeSymbol(typ); s != nil {
				r.out.edge(owner, graph.Embeds, s, byImport, c)
			} else {
				r.useTypes(c, graph.References)
			}
		}
		comments = comment{}
		r.from = owner
	}
}

// valueSpec visits package variables or constants. What their initialisers refer to belongs to the
// first of them, and to the file if that is the blank identifier.
func (r *goResolver) valueSpec(s int, doc string) {
	t := r.t
	first := true
	r.from = r.out.fileScope()
	for c := range t.kids(s) {
		if t.n[c].field != fName || t.kind(c) != kIdentifier {
			continue
		}
		name := t.text(c)
		obj := r.f.pkg.scope[name]
		if obj == nil || name == "_" || obj.kind != declVar && obj.kind != declConst {
			continue
		}
		d := definition{sym: obj.sym, kind: graph.Variable, name: name, node: s, doc: doc,
			flags: r.flags(name), signature: oneLine(t.bytes(s), maxSignature)}
		if t.kind(s) == kConstSpec {
			d.kind = graph.Constant
		}
		sc := r.out.vertex(d)
		r.out.contains(obj.sym, r.f.pkg.sym, r.out.self)
		if first {
			r.from, first = sc, false
		}
	}
	r.locals = r.locals[:0]
	if tn := t.child(s, fType); tn != 0 {
		r.useTypes(tn, graph.UsesType)
	}
	for _, e := range exprs(t, t.child(s, fValue)) {
		r.value(e)
	}
	r.from = r.out.fileScope()
}
