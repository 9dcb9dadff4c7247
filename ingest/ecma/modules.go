package ecma

import (
	"path"
	"slices"
	"strings"

	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/ingest/lang"
)

// extensions are tried in this order where a specifier has none.
var extensions = []string{".ts", ".tsx", ".d.ts", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs"}

// sources are the extensions of what a script's extension may be compiled from.
var sources = map[string][]string{
	".js": {".ts", ".tsx", ".d.ts"}, ".jsx": {".tsx"}, ".mjs": {".mts", ".d.mts"},
	".cjs": {".cts", ".d.cts"},
}

// resolveModule finds what a specifier leads to in a file.
func (a *analyzer) resolveModule(m *module, spec string) target {
	dir := path.Dir(m.path)
	if strings.HasPrefix(spec, ".") {
		if to := a.tryFile(path.Join(dir, spec)); to != nil {
			return target{mod: to, sym: to.sym}
		}
		return target{}
	}
	for i := range a.base.Paths {
		p := &a.base.Paths[i]
		if p.Dir != "" && p.Dir != dir && !strings.HasPrefix(dir, p.Dir+"/") {
			continue
		}
		if to := a.tryPattern(p, spec); to != nil {
			return target{mod: to, sym: to.sym}
		}
	}
	if to := a.workspace(spec); to != nil {
		return target{mod: to, sym: to.sym}
	}
	sym := lang.NewSymbol(foreignKey(spec, "", graph.TermDesc))
	sym.Foreign = true
	return target{sym: sym}
}

// tryFile finds the file that a path without or with an extension stands for.
func (a *analyzer) tryFile(p string) *module {
	if m := a.byFile[p]; m != nil {
		return m
	}
	for _, ext := range extensions {
		if m := a.byFile[p+ext]; m != nil {
			return m
		}
	}
	ext := path.Ext(p)
	for _, src := range sources[ext] {
		if m := a.byFile[strings.TrimSuffix(p, ext)+src]; m != nil {
			return m
		}
	}
	for _, ext := range extensions {
		if m := a.byFile[path.Join(p, "index"+ext)]; m != nil {
			return m
		}
	}
	return nil
}

// tryPattern matches an entry of `paths`.
func (a *analyzer) tryPattern(p *lang.PathMap, spec string) *module {
	pre, post, star := strings.Cut(p.Pattern, "*")
	part := ""
	switch {
	case !star && spec != p.Pattern:
		return nil
	case star && (len(spec) < len(pre)+len(post) || !strings.HasPrefix(spec, pre) ||
		!strings.HasSuffix(spec, post)):
		return nil
	case star:
		part = spec[len(pre) : len(spec)-len(post)]
	}
	for _, t := range p.Targets {
		p := path.Clean(strings.Replace(t, "*", part, 1))
		if m := a.tryFile(strings.TrimPrefix(p, "./")); m != nil {
			return m
		}
	}
	return nil
}

// workspace finds a module of another package of the tree by the package's name.
func (a *analyzer) workspace(spec string) *module {
	for i := range a.base.Units {
		u := &a.base.Units[i]
		if u.Manager != graph.ManagerNPM || u.Name == "" ||
			spec != u.Name && !strings.HasPrefix(spec, u.Name+"/") {
			continue
		}
		sub := "." + strings.TrimPrefix(spec, u.Name)
		for _, e := range u.Entries[sub] {
			if m := a.trySource(path.Join(u.Dir, e)); m != nil {
				return m
			}
		}
		guesses := []string{path.Join(u.Dir, sub), path.Join(u.Dir, "src", sub)}
		for _, g := range guesses {
			if m := a.tryFile(g); m != nil {
				return m
			}
		}
	}
	return nil
}

var buildDirs = []string{"dist", "lib", "build", "esm", "cjs", "out"}

// trySource finds the file of an entry point, or what it is built from.
func (a *analyzer) trySource(p string) *module {
	if m := a.tryFile(p); m != nil {
		return m
	}
	base := p
	for _, ext := range []string{".d.ts", ".js", ".mjs", ".cjs"} {
		base = strings.TrimSuffix(base, ext)
	}
	parts := strings.Split(base, "/")
	for i, part := range parts {
		if !slices.Contains(buildDirs, part) {
			continue
		}
		rest := parts[i+1:]
		for len(rest) > 0 && slices.Contains(buildDirs, rest[0]) {
			rest = rest[1:]
		}
		src := slices.Concat(parts[:i], []string{"src"}, rest)
		if m := a.tryFile(strings.Join(src, "/")); m != nil {
			return m
		}
	}
	return nil
}

// nodeModules are the modules of the Node.js runtime.
var nodeModules = wordSet(`assert async_hooks buffer child_process cluster console constants crypto
	dgram diagnostics_channel dns domain events fs http http2 https inspector module net os path
	perf_hooks process punycode querystring readline repl stream string_decoder timers tls tty url
	util v8 vm wasi worker_threads zlib`)

func wordSet(text string) map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields(text) {
		out[w] = true
	}
	return out
}

// libModule is where the names of the language and its hosts come from.
const libModule = "typescript/lib"

// foreignKey returns the key of a name in a module outside of the tree, or of the module itself. A
// dotted name's last part is a member of what is before it.
func foreignKey(spec, name string, kind graph.DescriptorKind) string {
	pkg, sub := splitSpecifier(spec)
	s := graph.Symbol{Manager: graph.ManagerNPM, Package: pkg}
	if sub == "" {
		sub = "."
	}
	for part := range strings.SplitSeq(sub, "/") {
		s.Descriptors = append(s.Descriptors, graph.Descriptor{Kind: graph.NamespaceDesc, Name: part})
	}
	if name == "" {
		return s.String()
	}
	parts := strings.Split(name, ".")
	for _, owner := range parts[:len(parts)-1] {
		d := graph.Descriptor{Kind: graph.TermDesc, Name: owner}
		if startsUpper(owner) {
			d.Kind = graph.TypeDesc
		}
		s.Descriptors = append(s.Descriptors, d)
	}
	s.Descriptors = append(s.Descriptors, graph.Descriptor{Kind: kind, Name: parts[len(parts)-1]})
	return s.String()
}

func startsUpper(s string) bool { return s != "" && s[0] >= 'A' && s[0] <= 'Z' }

// splitSpecifier returns the package of a specifier and what is left of it.
func splitSpecifier(spec string) (pkg, sub string) {
	if rest, ok := strings.CutPrefix(spec, "node:"); ok {
		return "node", rest
	}
	parts := strings.SplitN(spec, "/", 3)
	if nodeModules[parts[0]] {
		return "node", spec
	}
	n := 1
	if strings.HasPrefix(spec, "@") && len(parts) > 1 {
		n = 2
	}
	return strings.Join(parts[:n], "/"), strings.Join(parts[n:], "/")
}
