package golang

import (
	"cmp"
	"slices"
	"strings"

	"github.com/codegraphdb/codegraph/graph"
)

// found is a member as seen through a type.
type found struct {
	member   *goMember
	typ      *goType // with the type arguments put in
	external *goType // not in the tree, but it can only come from this embedded type
}

// lookup finds a field or method of a type by the rules of embedding: the shallowest one wins.
func lookup(t *goType, name string) (found, bool) {
	type level struct{ typ *goType }
	current := []level{{t}}
	seen := map[*goNamed]bool{}
	var external []*goType
	const deepest = 10
	for depth := 0; depth < deepest && len(current) > 0; depth++ {
		var next []level
		for _, l := range current {
			x := unalias(pointee(unalias(l.typ)))
			if x.kind == tNamed {
				if seen[x.named] {
					continue
				}
				seen[x.named] = true
			}
			if f, ok := ownMember(x, name, 0); ok {
				return f, true
			}
			if x.kind == tExternal {
				external = append(external, x)
				continue
			}
			for _, f := range under(x).fields {
				if f.embedded {
					next = append(next, level{f.typ})
				}
			}
		}
		current = next
	}
	if len(external) == 1 {
		return found{external: external[0], typ: unknownType}, true
	}
	return found{}, false
}

// ownMember finds a member that a type has itself.
func ownMember(x *goType, name string, depth int) (found, bool) {
	const deepest = 32 // type A B; type B A
	if depth > deepest {
		return found{}, false
	}
	if x.kind == tNamed {
		m := x.named.members[name]
		if m == nil {
			return inheritedMember(x, name, depth+1)
		}
		ps := x.named.params
		if m.recvParams != nil {
			ps = m.recvParams
		}
		return found{member: m, typ: bindArgs(ps, x.args).apply(m.typ)}, true
	}
	if x.kind == tParam {
		if c := x.elem; c != nil && c.kind == tNamed {
			return ownMember(c, name, depth+1)
		}
		x = under(x)
	}
	for _, f := range x.fields {
		if f.name == name && !f.embedded {
			return found{typ: f.typ}, true
		}
	}
	return found{}, false
}

// inheritedMember finds what a type has through the type it is defined by: fields, and methods if
// that is an interface.
func inheritedMember(x *goType, name string, depth int) (found, bool) {
	from := bindArgs(x.named.params, x.args).apply(x.named.under)
	if from == nil || from.kind == tStruct {
		return found{}, false
	}
	f, ok := ownMember(from, name, depth)
	if ok && f.member != nil && f.member.kind == graph.Method && under(from).kind != tInterface {
		return found{}, false
	}
	return f, ok
}

// errorMethod is the method of the predeclared interface; it has no symbol in the tree.
var errorMethod = &goMember{name: "Error", kind: graph.Method,
	typ: &goType{kind: tFunc, results: []*goType{stringType}}}

// methodSet returns all methods of a type, its own and promoted ones. Pointer receivers count.
func methodSet(n *goNamed) map[string]*goMember {
	if n.set != nil || n.inSet {
		return n.set
	}
	n.inSet = true
	set := map[string]*goMember{}
	for name, m := range n.members {
		if m.kind == graph.Method {
			set[name] = m
		}
	}
	for _, f := range embeddedOf(n) {
		e := unalias(pointee(unalias(f.typ)))
		switch e.kind {
		case tNamed:
			for name, m := range methodSet(e.named) {
				if own := n.members[name]; own == nil && set[name] == nil {
					set[name] = m
				}
			}
			n.open = n.open || e.named.open
		case tBasic, tInterface:
			if e.name == "error" && set["Error"] == nil {
				set["Error"] = errorMethod
			}
			n.open = n.open || e.union
		default:
			n.open = true
		}
	}
	n.set, n.inSet = set, false
	return set
}

func embeddedOf(n *goNamed) []goField {
	u := under(&goType{kind: tNamed, named: n})
	if u.kind == tUnknown || u.kind == tExternal {
		n.open = true
	}
	var out []goField
	for _, f := range u.fields {
		if f.embedded {
			out = append(out, f)
		}
	}
	return out
}

// implementations finds which types of the tree implement which interfaces of the tree: all
// methods are there with identical types. Interfaces that embed something outside of the tree are
// left out, for their methods are not all known; so are generic and empty ones.
func (g *golang) implementations() {
	var ifaces, concrete []*goNamed
	for _, p := range g.sortedPackages() {
		for _, n := range p.types {
			if n.alias || n.under == nil {
				continue
			}
			set := methodSet(n)
			u := under(&goType{kind: tNamed, named: n})
			switch {
			case u.kind == tInterface:
				if len(set) > 0 && !n.open && !u.union && len(n.params) == 0 {
					ifaces = append(ifaces, n)
				}
			case len(set) > 0:
				concrete = append(concrete, n)
			}
		}
	}
	holders := map[string][]*goNamed{}
	for _, n := range concrete {
		for name := range n.set {
			holders[name] = append(holders[name], n)
		}
	}
	sigs := map[*goMember]string{}
	for _, i := range ifaces {
		for _, n := range holders[rarest(i.set, holders)] {
			if implements(n, i, sigs) {
				markImplements(n, i)
			}
		}
	}
}

func (g *golang) sortedPackages() []*goPackage {
	out := make([]*goPackage, 0, len(g.packages))
	for _, p := range g.packages {
		slices.SortFunc(p.types, func(a, b *goNamed) int { return cmp.Compare(a.name, b.name) })
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b *goPackage) int { return cmp.Compare(a.path, b.path) })
	return out
}

func rarest(set map[string]*goMember, holders map[string][]*goNamed) string {
	best := ""
	for name := range set {
		if best == "" || len(holders[name]) < len(holders[best]) ||
			len(holders[name]) == len(holders[best]) && name < best {
			best = name
		}
	}
	return best
}

func implements(n, i *goNamed, sigs map[*goMember]string) bool {
	for name, want := range i.set {
		have := n.set[name]
		if have == nil || !visibleAs(have, want) {
			return false
		}
	}
	for name, want := range i.set {
		if signatureOf(n.set[name], sigs) != signatureOf(want, sigs) {
			return false
		}
	}
	return true
}

// visibleAs tells whether two methods of one name are one: unexported names differ by package.
func visibleAs(a, b *goMember) bool {
	return isExported(a.name) || a.of.pkg == b.of.pkg
}

func signatureOf(m *goMember, sigs map[*goMember]string) string {
	s, ok := sigs[m]
	if !ok {
		var b strings.Builder
		typeText(&b, m.typ, 0)
		s = b.String()
		sigs[m] = s
	}
	return s
}

func markImplements(n, i *goNamed) {
	n.impls = append(n.impls, i.sym)
	for name, want := range i.set {
		m := n.set[name]
		if m.sym != nil && want.sym != nil && m.sym != want.sym &&
			!slices.Contains(m.overrides, want.sym) {
			m.overrides = append(m.overrides, want.sym)
		}
	}
}

func isExported(name string) bool {
	for _, r := range name {
		return r >= 'A' && r <= 'Z' || r > 0x7f && strings.ToUpper(string(r)) == string(r)
	}
	return false
}
