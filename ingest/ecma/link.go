package ecma

import (
	"cmp"
	"context"
	"path"
	"slices"
	"strings"

	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/ingest/lang"
)

// Link implements lang.Analyzer.
func (a *analyzer) Link(ctx context.Context) error {
	files := make([]*module, 0, len(a.modules))
	for _, m := range a.modules {
		files = append(files, m)
		a.byFile[m.path] = m
	}
	slices.SortFunc(files, func(x, y *module) int { return cmp.Compare(x.path, y.path) })
	for _, m := range files {
		a.nameModule(m)
		declare(m.top, m.sym)
	}
	for _, m := range files {
		for _, spec := range m.imports {
			m.linked[spec] = a.resolveModule(m, spec)
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, m := range files {
		a.linkScope(m.top)
	}
	return ctx.Err()
}

// nameModule gives a module its symbol: package, directories and file, as scip-typescript has it.
func (a *analyzer) nameModule(m *module) {
	dir := path.Dir(m.path)
	if dir == "." {
		dir = ""
	}
	u := a.base.UnitOf(graph.ManagerNPM, dir)
	s := graph.Symbol{Manager: graph.ManagerNPM, Package: u.Package}
	rel := strings.TrimPrefix(strings.TrimPrefix(m.path, u.Dir), "/")
	for part := range strings.SplitSeq(rel, "/") {
		s.Descriptors = append(s.Descriptors, graph.Descriptor{Kind: graph.NamespaceDesc, Name: part})
	}
	m.sym = lang.NewSymbol(s.String())
}

// declare gives the declarations of a scope their symbols.
func declare(sc *scope, parent *lang.Symbol) {
	for _, name := range sc.order {
		d := sc.names[name]
		switch d.kind {
		case dFunc:
			d.sym = lang.Child(parent, graph.MethodDesc, name)
		case dClass, dAlias:
			d.sym = lang.Child(parent, graph.TypeDesc, name)
		case dVar:
			d.sym = lang.Child(parent, graph.TermDesc, name)
		case dNamespace:
			d.sym = lang.Child(parent, graph.NamespaceDesc, name)
		}
		inPlace := d.kind == dVar && d.class != nil && d.class.kind == graph.TypeAlias
		if d.class != nil && d.sym != nil && !inPlace { // a type written in place has no vertices
			d.class.declare(d.sym)
		}
		if d.ns != nil {
			declare(d.ns, lang.Child(parent, graph.NamespaceDesc, name))
		}
	}
}

func (c *class) declare(sym *lang.Symbol) {
	c.sym = sym
	for _, name := range c.order {
		m := c.members[name]
		switch {
		case m.fn != nil, strings.HasPrefix(m.key, "<"):
			m.sym = lang.Child(sym, graph.MethodDesc, m.key)
		case c.kind == graph.Variable: // the data of an object literal has no vertices
		default:
			m.sym = lang.Child(sym, graph.TermDesc, m.key)
		}
	}
}

// linkScope finds the bases of the classes of a scope.
func (a *analyzer) linkScope(sc *scope) {
	for _, name := range sc.order {
		d := sc.names[name]
		if d.ns != nil {
			a.linkScope(d.ns)
		}
		if c := d.class; c != nil {
			c.supers = a.linkBases(c, c.bases)
			c.ifaces = a.linkBases(c, c.impls)
		}
	}
}

func (a *analyzer) linkBases(c *class, bases []*typeExpr) []*class {
	var out []*class
	for _, b := range bases {
		if b.name == "" {
			c.open = true
			continue
		}
		v := a.path(c.sc, c.mod, b.name, 0)
		d := v.decl
		switch {
		case d != nil && d.class != nil && d.class != c:
			out = append(out, d.class)
		case v.kind == sForeign:
			c.foreign = append(c.foreign, v)
			c.open = true
		default:
			c.open = true
		}
	}
	return out
}

// member finds a member of a class or of what it is derived from; whole tells whether all bases
// are known.
func (c *class) member(name string) (m *member, whole bool) {
	return c.find(name, 0)
}

func (c *class) find(name string, depth int) (*member, bool) {
	const deepest = 30
	if m := c.members[name]; m != nil {
		return m, true
	}
	whole := !c.open
	if depth > deepest {
		return nil, false
	}
	for _, s := range c.supers {
		m, w := s.find(name, depth+1)
		if m != nil {
			return m, true
		}
		whole = whole && w
	}
	return nil, whole
}

// foreignBase returns the only base outside of the tree that a member can come from.
func (c *class) foreignBase(depth int) (value, bool) {
	const deepest = 30
	var found []value
	found = append(found, c.foreign...)
	if depth < deepest {
		for _, s := range c.supers {
			if v, ok := s.foreignBase(depth + 1); ok {
				found = append(found, v)
			}
		}
	}
	if len(found) == 1 {
		return found[0], true
	}
	return value{}, false
}

const deepest = 14 // levels of names that lead to names

// exported evaluates an exported name of a module.
func (a *analyzer) exported(m *module, name string, depth int) value {
	if depth > deepest {
		return value{}
	}
	if name == "*" {
		return value{shape: shape{kind: sModule, mod: m}, ref: rModule, sym: m.sym, ev: lang.ByImport}
	}
	e, ok := m.exports[name]
	if !ok && name == "=" {
		return a.exported(m, "*", depth+1)
	}
	if !ok && name == "default" {
		e, ok = m.exports["="]
	}
	if ok {
		if e.from == "" {
			v := a.lookup(m.top, e.local, depth+1)
			v.ev = lang.ByImport
			return v
		}
		return a.imported(m, importRef{e.from, e.name}, depth+1)
	}
	if name == "default" {
		return value{}
	}
	return a.starred(m, name, depth)
}

// starred looks for a name in what a module exports with a star, nearest first.
func (a *analyzer) starred(m *module, name string, depth int) value {
	seen := map[*module]bool{m: true}
	outside := []string{}
	for queue := []*module{m}; len(queue) > 0; queue = queue[1:] {
		for _, star := range queue[0].stars {
			t := queue[0].linked[star]
			switch {
			case t.mod == nil && t.sym != nil:
				outside = append(outside, star)
			case t.mod == nil || seen[t.mod]:
			default:
				seen[t.mod] = true
				if _, ok := t.mod.exports[name]; ok {
					if v := a.exported(t.mod, name, depth+1); v.known() {
						return v
					}
				}
				queue = append(queue, t.mod)
			}
		}
	}
	if len(outside) == 1 { // it can only come from there
		return foreign(outside[0], name)
	}
	return value{}
}

// imported evaluates what an import of a module binds.
func (a *analyzer) imported(m *module, ref importRef, depth int) value {
	t := m.linked[ref.from]
	if t.mod != nil {
		return a.exported(t.mod, ref.name, depth+1)
	}
	if t.sym == nil {
		return value{}
	}
	switch ref.name {
	case "*", "=":
		return foreign(ref.from, "")
	}
	return foreign(ref.from, ref.name)
}

func foreign(from, name string) value {
	return value{shape: shape{kind: sForeign, from: from, name: name}, ref: rForeign,
		ev: lang.ByImport, label: name[strings.LastIndexByte(name, '.')+1:]}
}

// lookup evaluates a name in a scope and those around it.
func (a *analyzer) lookup(sc *scope, name string, depth int) value {
	for ; sc != nil; sc = sc.parent {
		if d := sc.names[name]; d != nil {
			return a.declared(d, depth)
		}
	}
	if globals[name] {
		return value{shape: shape{kind: sForeign, from: libModule, name: name}, ref: rGlobal, label: name}
	}
	return value{label: name}
}

// declared evaluates a declaration.
func (a *analyzer) declared(d *decl, depth int) value {
	if depth > deepest {
		return value{label: d.name}
	}
	v := value{sym: d.sym, ev: lang.BySyntax, label: d.name, decl: d}
	switch d.kind {
	case dFunc:
		v.ref, v.shape = rFunc, shape{kind: sFunc, fn: d.fn}
	case dClass:
		v.ref, v.shape = rClass, shape{kind: sClass, class: d.class}
		if d.class.kind == graph.Interface && d.typ != nil { // interface X and const X
			v.ref, v.shape = rVar, a.eval(d.typ, d.sc, d.mod, nil, depth+1)
		}
	case dAlias:
		v.ref = rClass
	case dVar:
		v.ref = rVar
		if d.fn != nil {
			v.ref, v.shape = rFunc, shape{kind: sFunc, fn: d.fn}
			break
		}
		v.shape = a.eval(d.typ, d.sc, d.mod, nil, depth+1)
	case dNamespace:
		v.ref, v.shape = rModule, shape{kind: sNamespace, ns: d.ns}
	case dImport:
		i := a.imported(d.mod, d.imp, depth+1)
		if i.label == "" || i.label == "default" {
			i.label = d.name
		}
		return i
	}
	return v
}

// path evaluates a dotted name.
func (a *analyzer) path(sc *scope, m *module, name string, depth int) value {
	if depth > deepest {
		return value{}
	}
	head, rest, more := strings.Cut(name, ".")
	v := a.lookup(sc, head, depth+1)
	for more && v.known() {
		head, rest, more = strings.Cut(rest, ".")
		v = a.member(v, head, depth+1)
	}
	if more {
		return value{}
	}
	return v
}

// eval returns the shape that a typeExpr describes. this is the class that it stands in.
func (a *analyzer) eval(e *typeExpr, sc *scope, m *module, this *class, depth int) shape {
	if e == nil || depth > deepest {
		return shape{}
	}
	switch e.kind {
	case eNamed:
		s := a.instance(a.path(sc, m, e.name, depth+1), depth+1)
		if e.elem != nil {
			elem := a.eval(e.elem, sc, m, this, depth+1)
			s.elem = &elem
		}
		return s
	case eNew:
		v := a.path(sc, m, e.name, depth+1)
		return newInstance(v.shape)
	case eCalled:
		return a.result(a.named(e.name, sc, m, this, depth+1).shape, depth+1)
	case eValue:
		return a.named(e.name, sc, m, this, depth+1).shape
	case eClass:
		if e.class.kind == graph.Class {
			return shape{kind: sClass, class: e.class}
		}
		return shape{kind: sInstance, class: e.class}
	case eFunc:
		return shape{kind: sFunc, fn: e.fn}
	case eArray:
		elem := a.eval(e.elem, sc, m, this, depth+1)
		return shape{kind: sArray, elem: &elem, name: e.name}
	case eThis:
		if this != nil {
			return shape{kind: sInstance, class: this}
		}
	case eAwait:
		return awaited(a.eval(e.elem, sc, m, this, depth+1))
	}
	return shape{}
}

// named evaluates a dotted name that may begin with this.
func (a *analyzer) named(name string, sc *scope, m *module, this *class, depth int) value {
	rest, ok := strings.CutPrefix(name, "this.")
	if !ok {
		return a.path(sc, m, name, depth)
	}
	if this == nil || depth > deepest {
		return value{}
	}
	v := plain(shape{kind: sInstance, class: this})
	for part := range strings.SplitSeq(rest, ".") {
		v = a.member(v, part, depth+1)
	}
	return v
}

// instance returns the shape of a value of the type that v names.
func (a *analyzer) instance(v value, depth int) shape {
	d := v.decl
	switch {
	case d != nil && d.class != nil:
		return shape{kind: sInstance, class: d.class}
	case d != nil && d.kind == dAlias:
		return a.eval(d.typ, d.sc, d.mod, nil, depth+1)
	case v.kind == sForeign:
		return shape{kind: sForeignInstance, from: v.from, name: v.name}
	}
	return shape{}
}

// newInstance returns the shape of new s().
func newInstance(s shape) shape {
	switch s.kind {
	case sClass:
		return shape{kind: sInstance, class: s.class}
	case sForeign:
		return shape{kind: sForeignInstance, from: s.from, name: s.name}
	}
	return shape{}
}

// awaited returns what a promise of shape s gives.
func awaited(s shape) shape {
	if s.kind == sForeignInstance && (s.name == "Promise" || s.name == "PromiseLike") {
		if s.elem != nil {
			return *s.elem
		}
		return shape{}
	}
	return s
}

// result returns the shape of what a call of s gives.
func (a *analyzer) result(s shape, depth int) shape {
	if s.kind != sFunc || s.fn == nil || depth > deepest {
		return shape{}
	}
	this := s.fn.class
	if s.class != nil {
		this = s.class
	}
	return a.eval(s.fn.returns, s.fn.sc, s.fn.mod, this, depth+1)
}

// member evaluates v.name.
func (a *analyzer) member(v value, name string, depth int) value {
	none := value{label: name}
	if depth > deepest {
		return none
	}
	if v.decl != nil && v.decl.ns != nil && v.kind != sNamespace { // class or function and namespace
		if d := v.decl.ns.names[name]; d != nil {
			return a.declared(d, depth+1)
		}
	}
	switch v.kind {
	case sModule:
		if x := a.exported(v.mod, name, depth+1); x.known() {
			x.label = name
			return x
		}
	case sNamespace:
		if d := v.ns.names[name]; d != nil {
			return a.declared(d, depth+1)
		}
	case sClass, sInstance:
		return a.classMember(v.shape, name, depth)
	case sForeign:
		full := name
		if v.name != "" && v.name != "default" { // a default export often stands for the module
			full = v.name + "." + name
		}
		x := foreign(v.from, full)
		if v.from == libModule {
			x.ref = rGlobal
		}
		return x
	case sArray:
		return value{shape: shape{from: libModule, name: "Array", elem: v.elem}, ref: rForeignMember,
			label: name}
	case sForeignInstance:
		return value{shape: shape{from: v.from, name: v.name}, ref: rForeignMember, label: name}
	}
	return none
}

// classMember evaluates a member of a class or of an instance of it.
func (a *analyzer) classMember(s shape, name string, depth int) value {
	m, _ := s.class.member(name)
	if m == nil {
		if base, ok := s.class.foreignBase(0); ok {
			return value{shape: shape{from: base.from, name: base.name}, ref: rForeignMember, label: name}
		}
		return value{label: name}
	}
	v := value{sym: m.sym, ev: lang.ByType, label: name}
	if m.sym == nil { // of an object type without a name
		v.ref = rLocal
	}
	switch {
	case m.fn != nil:
		if v.ref == rNone {
			v.ref = rFunc
		}
		v.shape = shape{kind: sFunc, fn: m.fn}
		if s.kind == sInstance {
			v.class = s.class
		}
	default:
		if v.ref == rNone {
			v.ref = rVar
		}
		v.accessor = strings.HasPrefix(m.key, "<")
		v.shape = a.eval(m.typ, m.of.sc, m.of.mod, m.of, depth+1)
	}
	return v
}

// globals are names of the language and of its usual hosts.
var globals = wordSet(`AbortController AbortSignal AggregateError Array ArrayBuffer
	AsyncIterator Atomics BigInt BigInt64Array BigUint64Array Blob Boolean Buffer DataView Date
	DOMException Error EvalError
	Event EventTarget File FinalizationRegistry Float32Array Float64Array FormData Function Generator
	Headers Infinity Int16Array Int32Array Int8Array Intl Iterator JSON Map Math MessageChannel NaN
	Number Object PerformanceObserver Promise PromiseLike Proxy RangeError ReadonlyMap ReferenceError
	Reflect RegExp Request Response Set SharedArrayBuffer String Symbol SyntaxError TextDecoder
	TextEncoder TypeError URIError URL URLSearchParams Uint16Array Uint32Array Uint8Array
	Uint8ClampedArray WeakMap WeakRef WeakSet WebSocket Worker XMLHttpRequest alert atob btoa
	cancelAnimationFrame clearImmediate clearInterval clearTimeout console crypto decodeURI
	decodeURIComponent document encodeURI encodeURIComponent escape eval expect fetch globalThis
	history isFinite isNaN localStorage location navigator parseFloat parseInt performance process
	queueMicrotask requestAnimationFrame require self sessionStorage setImmediate setInterval
	setTimeout structuredClone undefined unescape window describe it test beforeEach afterEach
	beforeAll afterAll before after jest vi HTMLElement Element Node Document Window
	ReadableStream WritableStream TransformStream Record Readonly Partial Required Pick Omit
	Exclude Extract NonNullable ReturnType Parameters InstanceType`)
