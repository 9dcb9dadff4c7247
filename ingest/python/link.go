package python

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
	files := a.sortedModules()
	for _, m := range files {
		a.byFile[m.path] = m
	}
	for _, m := range files {
		a.nameModule(m)
	}
	for _, m := range files {
		a.declare(m)
	}
	for _, m := range files {
		for _, c := range m.classes {
			a.linkBases(c)
		}
	}
	for _, m := range files {
		for _, c := range m.classes {
			c.mro = linearise(c, 0)
		}
	}
	return ctx.Err()
}

// sortedModules returns the modules by path, sources before stubs.
func (a *analyzer) sortedModules() []*module {
	out := make([]*module, 0, len(a.modules))
	for _, m := range a.modules {
		out = append(out, m)
	}
	slices.SortFunc(out, func(x, y *module) int {
		return cmp.Or(cmp.Compare(path.Ext(x.path), path.Ext(y.path)), cmp.Compare(x.path, y.path))
	})
	return out
}

// nameModule gives a module its name: its path below the directory that is searched for imports.
func (a *analyzer) nameModule(m *module) {
	u := a.base.UnitOf(graph.ManagerPython, dirOf(m.path))
	rel := strings.TrimPrefix(strings.TrimPrefix(m.path, u.Dir), "/")
	prefix := u.Dir
	if a.byFile[path.Join(u.Dir, "src/__init__.py")] == nil && strings.HasPrefix(rel, "src/") {
		rel, prefix = strings.TrimPrefix(rel, "src/"), path.Join(u.Dir, "src")
	}
	rel = strings.TrimSuffix(rel, path.Ext(rel))
	if a.byFile["__init__.py"] != nil { // the root itself is a package
		rel = path.Join(a.base.Root, prefix, rel)
	}
	m.name = moduleName(rel)
	if m.name == "" {
		m.name = moduleName(path.Base(a.base.Root))
	}
	if a.byName[m.name] == nil {
		a.byName[m.name] = m
	}
	m.sym = lang.NewSymbol(graph.Symbol{Manager: graph.ManagerPython, Package: u.Package,
		Descriptors: []graph.Descriptor{{Kind: graph.NamespaceDesc, Name: m.name}}}.String())
	if chain := a.chainName(m); chain != m.name {
		if _, twice := a.byChain[chain]; twice {
			a.byChain[chain] = nil
		} else {
			a.byChain[chain] = m
		}
	}
}

func dirOf(p string) string {
	if d := path.Dir(p); d != "." {
		return d
	}
	return ""
}

func moduleName(rel string) string {
	rel = strings.TrimSuffix(strings.TrimSuffix(rel, "__init__"), "/")
	return strings.ReplaceAll(rel, "/", ".")
}

// chainName returns the name that a module has below the last directory without __init__.
func (a *analyzer) chainName(m *module) string {
	dir := dirOf(m.path)
	top := dir
	for top != "" && a.byFile[top+"/__init__.py"] != nil {
		top = dirOf(top)
	}
	rel := strings.TrimPrefix(strings.TrimPrefix(m.path, top), "/")
	return moduleName(strings.TrimSuffix(rel, path.Ext(rel)))
}

// declare gives the definitions of a module their symbols.
func (a *analyzer) declare(m *module) {
	names := make([]string, 0, len(m.scope))
	for name := range m.scope {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		o := m.scope[name]
		switch o.kind {
		case isFunc:
			o.sym = lang.Child(m.sym, graph.MethodDesc, name)
		case isVar:
			o.sym = lang.Child(m.sym, graph.TermDesc, name)
		case isClass:
			o.class.declare(m.sym)
			o.sym = o.class.sym
		}
	}
}

func (c *class) declare(parent *lang.Symbol) {
	c.sym = lang.Child(parent, graph.TypeDesc, c.name)
	for _, name := range c.order {
		m := c.members[name]
		switch {
		case m.class != nil:
			m.class.declare(c.sym)
			m.sym = m.class.sym
		case m.fn != nil:
			m.sym = lang.Child(c.sym, graph.MethodDesc, name)
		default:
			m.sym = lang.Child(c.sym, graph.TermDesc, name)
		}
	}
}

// linkBases finds the classes that a class is derived from.
func (a *analyzer) linkBases(c *class) {
	for _, b := range c.bases {
		if b.name == "" || b.name == "object" || b.name == "Generic" || b.name == "Protocol" {
			c.open = c.open || b.name == ""
			continue
		}
		v := a.path(c.mod, nil, b.name, 0)
		switch v.kind {
		case sClass:
			c.supers = append(c.supers, v.class)
		case sForeign:
			c.foreign = append(c.foreign, v.path)
			c.open = true
		default:
			c.open = true
		}
	}
}

// linearise returns the classes whose members c has, c first: each after all that derive from it,
// left before right, as far as that is possible.
func linearise(c *class, depth int) []*class {
	const deepest = 50
	if c.mro != nil || depth > deepest {
		return c.mro
	}
	var all []*class
	for _, s := range c.supers {
		all = append(all, linearise(s, depth+1)...)
	}
	out := []*class{c}
	for i, s := range all { // a class that comes again later stands there
		if s != c && !slices.Contains(all[i+1:], s) {
			out = append(out, s)
		}
	}
	return out
}

// member finds a member of a class; whole tells whether all bases are known.
func (c *class) member(name string) (m *member, whole bool) {
	whole = true
	for _, k := range c.ancestors() {
		if m := k.members[name]; m != nil {
			return m, true
		}
		whole = whole && !k.open
	}
	return nil, whole
}

// ancestors returns c and what it is derived from, also before Link is through.
func (c *class) ancestors() []*class {
	if c.mro == nil {
		return []*class{c}
	}
	return c.mro
}

// foreignBase returns the only base outside the tree that a member can come from, "" if there is
// none or several.
func (c *class) foreignBase() string {
	base := ""
	for _, k := range c.ancestors() {
		for _, f := range k.foreign {
			if base != "" && base != f {
				return ""
			}
			base = f
		}
		if k.open && len(k.foreign) == 0 {
			return ""
		}
	}
	return base
}

// find returns the module that an import names; full is its absolute name.
func (a *analyzer) find(from *module, ref importRef) (m *module, full string) {
	full = ref.module
	if ref.level > 0 {
		parts := strings.Split(from.name, ".")
		drop := ref.level
		if from.isPackage {
			drop--
		}
		if drop >= len(parts) && !(drop == len(parts) && from.isPackage) {
			if drop > len(parts) {
				return nil, full
			}
		}
		full = strings.Join(parts[:max(len(parts)-drop, 0)], ".")
		if ref.module != "" {
			full = strings.TrimPrefix(full+"."+ref.module, ".")
		}
		return a.byName[full], full
	}
	if m = a.byName[full]; m != nil {
		return m, full
	}
	if m = a.byChain[full]; m != nil {
		return m, full
	}
	for _, file := range []string{".py", "/__init__.py"} { // a script beside it
		near := path.Join(dirOf(from.path), strings.ReplaceAll(full, ".", "/")+file)
		if m = a.byFile[near]; m != nil && !a.std[full] {
			return m, full
		}
	}
	return nil, full
}

// reference evaluates what an import binds.
func (a *analyzer) reference(from *module, ref importRef, depth int) value {
	m, full := a.find(from, ref)
	if ref.name == "" {
		if m != nil {
			return value{shape: shape{kind: sModule, mod: m}, ref: rModule, sym: m.sym, ev: lang.ByImport}
		}
		return foreign(full)
	}
	if m != nil {
		if v := a.global(m, ref.name, depth+1); v.kind != sUnknown || v.ref != rNone {
			v.ev = lang.ByImport
			return v
		}
	}
	sub := importRef{level: ref.level, module: strings.TrimPrefix(ref.module+"."+ref.name, ".")}
	if s, _ := a.find(from, sub); s != nil {
		return value{shape: shape{kind: sModule, mod: s}, ref: rModule, sym: s.sym, ev: lang.ByImport}
	}
	if m != nil || ref.level > 0 { // of the tree, but made in a way that is not seen
		return value{name: ref.name}
	}
	return foreign(full + "." + ref.name)
}

func foreign(p string) value {
	return value{shape: shape{kind: sForeign, path: p}, ref: rForeign, ev: lang.ByImport,
		name: p[strings.LastIndexByte(p, '.')+1:]}
}

const deepest = 12 // levels of names that lead to names

// global evaluates a name of a module's top level.
func (a *analyzer) global(m *module, name string, depth int) value {
	if depth > deepest {
		return value{name: name}
	}
	if o := m.scope[name]; o != nil {
		return a.object(o, name, depth)
	}
	if len(m.stars) > 0 && !strings.HasPrefix(name, "_") {
		return a.starred(m, name, depth)
	}
	return value{name: name}
}

// starred looks for a name in what a module imports with a star, nearest first.
func (a *analyzer) starred(m *module, name string, depth int) value {
	seen := map[*module]bool{m: true}
	var outside []string
	for queue := []*module{m}; len(queue) > 0; queue = queue[1:] {
		for _, star := range queue[0].stars {
			from, full := a.find(queue[0], star)
			switch {
			case from == nil:
				outside = append(outside, full)
			case !seen[from]:
				seen[from] = true
				queue = append(queue, from)
				o := from.scope[name]
				if o == nil {
					continue
				}
				if v := a.object(o, name, depth+1); v.ref != rNone {
					v.ev = lang.ByImport
					return v
				}
			}
		}
	}
	if len(outside) == 1 && !a.builtins[name] && outside[0] != "" { // it can only come from there
		return foreign(outside[0] + "." + name)
	}
	return value{name: name}
}

// object evaluates a definition.
func (a *analyzer) object(o *object, name string, depth int) value {
	v := value{sym: o.sym, ev: lang.BySyntax, name: name}
	switch o.kind {
	case isClass:
		v.ref, v.shape = rClass, shape{kind: sClass, class: o.class}
	case isFunc:
		v.ref, v.shape = rFunc, shape{kind: sFunc, fn: o.fn}
	case isVar:
		v.ref, v.shape = rVar, a.eval(o.mod, nil, o.expr, depth+1)
		if v.kind == sFunc || v.kind == sClass || v.kind == sForeign { // an alias, or a table entry
			return v
		}
	case isImport:
		return a.reference(o.mod, o.imp, depth+1)
	}
	return v
}

// path evaluates a dotted name in a module, or in a class of it.
func (a *analyzer) path(m *module, c *class, name string, depth int) value {
	if depth > deepest {
		return value{name: name}
	}
	head, rest, more := strings.Cut(name, ".")
	v := a.global(m, head, depth+1)
	switch {
	case head == "self" && c != nil:
		v = plain(shape{kind: sInstance, class: c})
	case (head == "cls" || head == "Self") && c != nil:
		v = plain(shape{kind: sClass, class: c})
	case v.ref == rNone && v.kind == sUnknown:
		if c != nil && c.members[head] != nil && c.members[head].class != nil {
			v = plain(shape{kind: sClass, class: c.members[head].class})
		} else if a.builtins[head] {
			v = foreign(builtinModule + "." + head)
			v.ref = rBuiltin
		}
	}
	for more && (v.kind != sUnknown || v.ref != rNone) {
		head, rest, more = strings.Cut(rest, ".")
		v = a.attribute(v.shape, head, depth+1)
	}
	return v
}

const builtinModule = "builtins"

// eval returns the shape that a typeExpr describes.
func (a *analyzer) eval(m *module, c *class, e *typeExpr, depth int) shape {
	if e == nil || e.name == "" || depth > deepest {
		return shape{}
	}
	v := a.path(m, c, e.name, depth+1)
	switch e.kind {
	case annotated:
		s := instance(v.shape)
		if e.elem != nil {
			elem := a.eval(m, c, e.elem, depth+1)
			s.elem = &elem
		}
		return s
	case called:
		return a.result(v.shape, depth+1)
	}
	return v.shape
}

// instance returns the shape of an instance of a class.
func instance(s shape) shape {
	switch s.kind {
	case sClass:
		return shape{kind: sInstance, class: s.class}
	case sForeign:
		return shape{kind: sForeignInstance, path: s.path}
	}
	return shape{}
}

// result returns the shape of what a call of s gives.
func (a *analyzer) result(s shape, depth int) shape {
	switch s.kind {
	case sClass:
		return instance(s)
	case sFunc:
		if depth <= deepest {
			out := a.eval(s.fn.mod, s.fn.class, s.fn.returns, depth+1)
			if s.class != nil && out.class == s.fn.class && s.fn.class != nil {
				out.class = s.class // a method that returns self or cls(), called on a subclass
			}
			return out
		}
	case sForeign:
		if looksLikeClass(s.path) {
			return instance(s)
		}
	}
	return shape{}
}

// looksLikeClass goes by how Python code spells classes: the last part begins with a capital, or is
// a built-in class.
func looksLikeClass(p string) bool {
	last := p[strings.LastIndexByte(p, '.')+1:]
	if strings.HasPrefix(p, builtinModule+".") && builtinClasses[last] {
		return true
	}
	return last != "" && last[0] >= 'A' && last[0] <= 'Z' && strings.ToUpper(last) != last
}

var builtinClasses = wordSet(`str bytes bytearray int float complex bool list tuple dict set
	frozenset object range slice memoryview property type super enumerate zip map filter reversed`)

// attribute evaluates a member of a shape.
func (a *analyzer) attribute(s shape, name string, depth int) value {
	none := value{name: name}
	switch s.kind {
	case sModule:
		if v := a.global(s.mod, name, depth+1); v.ref != rNone || v.kind != sUnknown {
			if v.ev == lang.BySyntax {
				v.ev = lang.ByImport
			}
			return v
		}
		sub := a.byName[s.mod.name+"."+name]
		if sub == nil {
			sub = a.byChain[a.chainName(s.mod)+"."+name]
		}
		if sub != nil {
			return value{shape: shape{kind: sModule, mod: sub}, ref: rModule, sym: sub.sym,
				ev: lang.ByImport, name: name}
		}
	case sClass, sInstance:
		return a.classMember(s, name, depth)
	case sForeign:
		if m := a.byName[s.path+"."+name]; m != nil { // a namespace package of the tree
			return value{shape: shape{kind: sModule, mod: m}, ref: rModule, sym: m.sym,
				ev: lang.ByImport, name: name}
		}
		return foreign(s.path + "." + name)
	case sForeignInstance:
		return value{shape: shape{kind: sUnknown, path: s.path}, ref: rForeignMember, ev: lang.ByGuess,
			name: name}
	}
	return none
}

// classMember evaluates a member of a class or of an instance of it.
func (a *analyzer) classMember(s shape, name string, depth int) value {
	m, _ := s.class.member(name)
	if m == nil {
		if base := s.class.foreignBase(); base != "" {
			return value{shape: shape{path: base}, ref: rForeignMember, ev: lang.ByGuess, name: name}
		}
		return value{name: name}
	}
	v := value{sym: m.sym, ev: lang.ByType, name: name}
	switch {
	case m.class != nil:
		v.ref, v.shape = rClass, shape{kind: sClass, class: m.class}
	case m.fn != nil && m.property && s.kind == sInstance:
		v.ref, v.property = rVar, true
		v.shape = a.eval(m.fn.mod, m.fn.class, m.fn.returns, depth+1)
	case m.fn != nil:
		v.ref, v.shape = rFunc, shape{kind: sFunc, fn: m.fn, class: s.class}
	default:
		v.ref, v.shape = rVar, a.eval(m.of.mod, m.of, m.expr, depth+1)
	}
	return v
}
