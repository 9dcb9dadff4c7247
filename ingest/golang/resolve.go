package golang

import (
	"context"
	"path"
	"strconv"
	"strings"

	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/ingest/lang"
)

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
// afterwards every variable has a type, if an lang.NoEvidence one.
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
	if r.t.Kind(lang.Root) == lang.KFuncLiteral {
		typ = funcExpr(r.t, lang.Root)
		r.f.link(typ, nil)
	} else if v := r.expr(lang.Root); v.typ != nil {
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

// Resolve implements lang.Analyzer.
func (g *golang) Resolve(ctx context.Context, p *lang.Parser, f *lang.File, out *lang.Facts) error {
	t, err := p.Parse(ctx, lang.Go, f.Src)
	if err != nil {
		return err
	}
	gf := g.files[f.Index]
	if gf == nil {
		return graph.Errorf("lang.Resolve", graph.KindInternal, "%s was not scanned", f.Path)
	}
	out.SetTree(t)
	r := &goResolver{g: g, f: gf, t: t, out: out, from: out.FileScope()}
	r.packageVertex()
	var comments lang.Comments
	for c := range t.Kids(lang.Root) {
		if t.Kind(c) == lang.KComment {
			comments.Add(t, c)
			continue
		}
		r.topLevel(c, comments.Before(t, c))
		comments = lang.Comments{}
	}
	return nil
}

// homeOf returns the symbol that a Go file's rows live beside.
func (r *goResolver) packageVertex() {
	t, pkg := r.t, r.f.pkg
	r.out.Owner.Home = pkg.sym.ID.Slot()
	clause := t.ChildOf(lang.Root, lang.KPackageClause)
	var comments lang.Comments
	for c := range t.Kids(lang.Root) {
		if c == clause {
			break
		}
		comments.Add(t, c)
	}
	d := lang.Definition{Sym: pkg.sym, Kind: graph.Package, Name: path.Base(pkg.path), Node: clause,
		Signature: "package " + pkg.name, Flags: r.flags("X")}
	if clause != 0 {
		d.Doc = comments.Before(t, clause)
	}
	if r.f.pkg.name == "main" {
		d.Flags &^= graph.FlagExported
	}
	r.out.Vertex(d)
	for _, imp := range r.f.imports {
		if imp.path == "C" {
			continue
		}
		r.out.Edge(r.out.FileScope(), graph.Imports, imp.sym, lang.ByImport, 0)
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
	switch t.Kind(c) {
	case lang.KFunctionDeclaration, lang.KMethodDeclaration:
		r.function(c, doc)
	case lang.KTypeDeclaration:
		r.specs(c, doc, func(s int, doc string) { r.typeSpec(s, doc) })
	case lang.KVarDeclaration, lang.KConstDeclaration:
		r.specs(c, doc, func(s int, doc string) { r.valueSpec(s, doc) })
	case lang.KError:
		for k := range t.Kids(c) {
			r.topLevel(k, "")
		}
	}
}

// specs visits the specs of a declaration with their comments; a lone spec has the declaration's.
func (r *goResolver) specs(decl int, doc string, visit func(spec int, doc string)) {
	var comments lang.Comments
	for s := range r.t.Kids(decl) {
		switch r.t.Kind(s) {
		case lang.KComment:
			comments.Add(r.t, s)
		case lang.KTypeSpec, lang.KTypeAlias, lang.KVarSpec, lang.KConstSpec:
			own := comments.Before(r.t, s)
			if own == "" {
				own = doc
			}
			visit(s, own)
			comments = lang.Comments{}
		case lang.KVarSpecList:
			r.specs(s, doc, visit)
		}
	}
}

// function visits a function or method.
func (r *goResolver) function(c int, doc string) {
	t, name := r.t, r.t.FieldText(c, lang.FName)
	body := t.Child(c, lang.FBody)
	end := t.End(c)
	if body != 0 {
		end = t.Start(body)
	}
	d := lang.Definition{Kind: graph.Function, Name: name, Node: c, Doc: doc, Flags: r.flags(name),
		Signature: lang.OneLine(t.Slice(t.Start(c), end), lang.MaxSignature)}
	parents := []*lang.Symbol{r.f.pkg.sym, r.out.Self}
	var member *goMember
	var recvParams []goField
	if t.Kind(c) == lang.KMethodDeclaration {
		recv, names := receiver(t, c)
		recvParams = r.f.receiverParams(recv, names)
		d.Kind = graph.Method
		if obj := r.f.pkg.scope[recv]; obj != nil && obj.named != nil {
			if member = obj.named.members[name]; member != nil && member.kind == graph.Method {
				d.Sym, parents[0] = member.sym, obj.sym
			}
		}
	} else {
		d.Sym = r.functionSymbol(name)
	}
	r.from = r.out.FileScope()
	at := -1
	if d.Sym != nil {
		at = len(r.out.Owner.Vertices)
		r.from = r.out.Vertex(d)
		r.out.Contains(d.Sym, parents...)
		if member != nil {
			for _, o := range member.overrides {
				r.out.Edge(r.from, graph.Overrides, o, lang.ByType, 0)
			}
		}
	}
	r.complexity = 1
	r.functionBody(c, body, recvParams)
	if at >= 0 {
		r.out.Owner.Vertices[at].Complexity = r.complexity
	}
	r.from = r.out.FileScope()
}

func (r *goResolver) functionBody(c, body int, recvParams []goField) {
	r.locals = r.locals[:0]
	for _, p := range recvParams {
		r.locals = append(r.locals, local{name: p.name, isType: true,
			typ: &goType{kind: tParam, name: p.name, elem: p.typ}})
	}
	if list := r.t.Child(c, lang.FTypeParameters); list != 0 {
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
func (r *goResolver) functionSymbol(name string) *lang.Symbol {
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
	return lang.NewSymbol(r.f.pkg.sym.Key + "init(" + which + ").")
}

// typeSpec visits a type declaration.
func (r *goResolver) typeSpec(s int, doc string) {
	t := r.t
	name := t.FieldText(s, lang.FName)
	obj := r.f.pkg.scope[name]
	if obj == nil || obj.named == nil {
		return
	}
	tn := t.Child(s, lang.FType)
	d := lang.Definition{Sym: obj.sym, Kind: graph.TypeAlias, Name: name, Node: s, Doc: doc,
		Flags: r.flags(name), Signature: "type " + lang.OneLine(t.Bytes(s), lang.MaxSignature)}
	switch t.Kind(tn) {
	case lang.KStructType:
		d.Kind, d.Signature = graph.Struct, r.header(s, tn)+" struct"
	case lang.KInterfaceType:
		d.Kind, d.Signature = graph.Interface, r.header(s, tn)+" interface"
	}
	r.from = r.out.Vertex(d)
	r.out.Contains(obj.sym, r.f.pkg.sym, r.out.Self)
	if obj.file == r.f {
		for _, i := range obj.named.impls {
			r.out.Edge(r.from, graph.Implements, i, lang.ByType, 0)
		}
	}
	r.locals = r.locals[:0]
	for _, p := range typeParams(t, t.Child(s, lang.FTypeParameters)) {
		r.locals = append(r.locals, local{name: p.name, isType: true,
			typ: &goType{kind: tParam, name: p.name}})
	}
	if list := t.Child(s, lang.FTypeParameters); list != 0 {
		r.useTypes(list, graph.UsesType)
	}
	switch t.Kind(tn) {
	case lang.KStructType:
		r.fields(obj.named, tn)
	case lang.KInterfaceType:
		r.methods(obj.named, tn)
	default:
		r.useTypes(tn, graph.References)
	}
	r.locals, r.from = r.locals[:0], r.out.FileScope()
}

// header returns the text of a type spec before its type.
func (r *goResolver) header(s, tn int) string {
	return "type " + lang.OneLine(r.t.Slice(r.t.Start(s), r.t.Start(tn)), lang.MaxSignature)
}

// fields visits the fields of a struct type.
func (r *goResolver) fields(n *goNamed, structType int) {
	t, owner := r.t, r.from
	list := t.ChildOf(structType, lang.KFieldDeclarationList)
	if list == 0 {
		return
	}
	var comments lang.Comments
	for d := range t.Kids(list) {
		if t.Kind(d) == lang.KComment {
			comments.Add(t, d)
			continue
		}
		if t.Kind(d) != lang.KFieldDeclaration {
			continue
		}
		doc := comments.Before(t, d)
		comments = lang.Comments{}
		tn := t.Child(d, lang.FType)
		if tn == 0 {
			continue
		}
		named := false
		for c := range t.Kids(d) {
			if t.Field(c) == lang.FName {
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
	name := r.t.Text(nameNode)
	m := n.members[name]
	if m == nil || m.kind != graph.Field {
		return
	}
	owner := r.from
	tn := r.t.Child(decl, lang.FType)
	r.from = r.out.Vertex(lang.Definition{Sym: m.sym, Kind: graph.Field, Name: name, Node: decl,
		Doc:   doc,
		Flags: r.flags(name), Signature: name + " " + lang.OneLine(r.t.Bytes(tn), lang.MaxSignature)})
	r.out.Contains(m.sym, n.sym)
	r.useTypes(tn, graph.UsesType)
	r.from = owner
}

// embedded adds an embedded field: a field, and an EMBEDS edge of the type.
func (r *goResolver) embedded(n *goNamed, decl, tn int, doc string) {
	typ := typeExpr(r.t, tn)
	name := embeddedName(typ)
	r.f.link(typ, r.localType)
	if s := r.typeSymbol(pointee(typ)); s != nil {
		r.out.Edge(r.from, graph.Embeds, s, r.typeEvidence(pointee(typ)), tn)
	}
	if m := n.members[name]; m != nil && m.kind == graph.Field {
		r.out.Vertex(lang.Definition{Sym: m.sym, Kind: graph.Field, Name: name, Node: decl, Doc: doc,
			Flags: r.flags(name), Signature: lang.OneLine(r.t.Bytes(decl), lang.MaxSignature)})
		r.out.Contains(m.sym, n.sym)
	}
}

// methods visits the methods of an interface type.
func (r *goResolver) methods(n *goNamed, iface int) {
	t, owner := r.t, r.from
	var comments lang.Comments
	for c := range t.Kids(iface) {
		switch t.Kind(c) {
		case lang.KComment:
			comments.Add(t, c)
			continue
		case lang.KMethodElem:
			name := t.FieldText(c, lang.FName)
			if m := n.members[name]; m != nil && m.kind == graph.Method {
				r.from = r.out.Vertex(lang.Definition{Sym: m.sym, Kind: graph.Method, Name: name, Node: c,
					Doc: comments.Before(t, c), Flags: r.flags(name) | graph.FlagAbstract,
					Signature: lang.OneLine(t.Bytes(c), lang.MaxSignature)})
				r.out.Contains(m.sym, n.sym)
			}
			r.useTypes(c, graph.UsesType)
		case lang.KTypeElem:
			typ := typeExpr(t, c)
			r.f.link(typ, r.localType)
			if s := r.typeSymbol(typ); s != nil {
				r.out.Edge(owner, graph.Embeds, s, r.typeEvidence(typ), c)
			} else {
				r.useTypes(c, graph.References)
			}
		}
		comments = lang.Comments{}
		r.from = owner
	}
}

// valueSpec visits package variables or constants. What their initialisers refer to belongs to the
// first of them, and to the file if that is the blank identifier.
func (r *goResolver) valueSpec(s int, doc string) {
	t := r.t
	first := true
	r.from = r.out.FileScope()
	for c := range t.Kids(s) {
		if t.Field(c) != lang.FName || t.Kind(c) != lang.KIdentifier {
			continue
		}
		name := t.Text(c)
		obj := r.f.pkg.scope[name]
		if obj == nil || name == "_" || obj.kind != declVar && obj.kind != declConst {
			continue
		}
		d := lang.Definition{Sym: obj.sym, Kind: graph.Variable, Name: name, Node: s, Doc: doc,
			Flags: r.flags(name), Signature: lang.OneLine(t.Bytes(s), lang.MaxSignature)}
		if t.Kind(s) == lang.KConstSpec {
			d.Kind = graph.Constant
		}
		sc := r.out.Vertex(d)
		r.out.Contains(obj.sym, r.f.pkg.sym, r.out.Self)
		if first {
			r.from, first = sc, false
		}
	}
	r.locals = r.locals[:0]
	if tn := t.Child(s, lang.FType); tn != 0 {
		r.useTypes(tn, graph.UsesType)
	}
	for _, e := range exprs(t, t.Child(s, lang.FValue)) {
		r.value(e)
	}
	r.from = r.out.FileScope()
}
