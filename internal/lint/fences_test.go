package lint

import (
	"go/ast"
	"strconv"
	"strings"
)

// fence keeps an import path, and everything below it, inside the named directories.
type fence struct {
	path   string
	inside []string // "cmd/..." covers everything below cmd
	why    string
}

// fences lists the heavy dependencies.
func fences() []fence {
	return []fence{
		{"github.com/cockroachdb/pebble", []string{"shard/...", "raftlog", "bench"},
			"only storage knows the engine"},
		{"github.com/smacker/go-tree-sitter", []string{"ingest/..."}, "cgo stays in ingest"},
		{"github.com/hashicorp/memberlist", []string{"cluster"}, "gossip is an adapter of cluster"},
		{"github.com/hashicorp/raft", []string{"node/...", "raftlog", "bench"},
			"shard and cluster are state machines that know no Raft"},
		{"github.com/hashicorp/raft-boltdb", []string{"node", "raftlog", "bench"},
			"the meta group's log"},
		{"go.etcd.io/bbolt", []string{"node", "raftlog"}, "the meta group's log"},
		{"github.com/boltdb/bolt", nil, "bbolt took its place"},
		{"github.com/prometheus", []string{"node"}, "packages return figures, node exports them"},
		{"github.com/spf13/cobra", []string{"cmd/..."}, "flags belong to the commands"},
		{"github.com/spf13/pflag", []string{"cmd/..."}, "flags belong to the commands"},
		{"github.com/reeflective/readline", []string{"cmd/cgctl"}, "only the shell reads lines"},
		{"github.com/anishathalye/porcupine", []string{"chaos/check"}, "one checker among others"},
		{"github.com/minio/minio-go", []string{"backup"}, "backup declares Blob, S3 is one of them"},
		{"C", []string{"ingest/..."}, "cgo stays in ingest, beside tree-sitter"},
	}
}

// callFence keeps one function of a package inside the named directories.
type callFence struct {
	path   string
	name   string
	inside []string
	why    string
}

// callFences lists the calls that only one place may make. Tests may.
func callFences() []callFence {
	return []callFence{
		{"google.golang.org/grpc", "NewServer", []string{"node/..."}, "node serves, others register"},
		{"github.com/hashicorp/raft", "NewRaft", []string{"node/...", "bench"},
			"node runs the groups"},
		{"net/http", "ListenAndServe", []string{"node/..."}, "node serves"},
	}
}

// pureDirs may not do input or output at all: they take and return values.
func pureDirs() []string {
	return []string{"graph", "txn", "query/parse", "query/plan"}
}

// checkFences looks at every import and at the fenced calls.
func checkFences(all tree) []finding {
	var out []finding
	for _, s := range all {
		if s.generated {
			continue
		}
		for _, spec := range s.ast.Imports {
			p, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				continue
			}
			out = append(out, fencedImport(s, spec, p)...)
		}
		if !s.test {
			out = append(out, fencedCalls(s)...)
		}
	}
	return out
}

// fencedImport checks one import against the fences and the pure packages.
func fencedImport(s *source, spec *ast.ImportSpec, p string) []finding {
	var out []finding
	for _, f := range fences() {
		if within(p, f.path) && !inside(s.dir, f.inside) {
			out = append(out, s.at(spec.Pos(), "import of "+p+" outside "+places(f.inside),
				f.why+"; go through that package"))
		}
	}
	if !s.test && inside(s.dir, pureDirs()) && doesIO(p) {
		out = append(out, s.at(spec.Pos(), "package "+s.dir+" does no input or output, but imports "+p,
			"take bytes, a reader or a callback from the caller"))
	}
	return out
}

// doesIO names the standard packages that touch the world.
func doesIO(p string) bool {
	return p == "os" || p == "net" || strings.HasPrefix(p, "os/") || strings.HasPrefix(p, "net/") ||
		p == "syscall" || p == "io/ioutil"
}

// fencedCalls finds calls that only some packages may make.
func fencedCalls(s *source) []finding {
	var out []finding
	for _, f := range callFences() {
		if inside(s.dir, f.inside) {
			continue
		}
		local, ok := s.localName(f.path)
		if !ok {
			continue
		}
		eachSelector(s.ast, local, func(sel *ast.SelectorExpr) {
			if sel.Sel.Name == f.name {
				out = append(out, s.at(sel.Pos(), "call of "+local+"."+f.name+" outside "+
					places(f.inside), f.why))
			}
		})
	}
	return out
}

// inside says whether dir is one of the places; "x/..." covers x and all below.
func inside(dir string, where []string) bool {
	for _, w := range where {
		root, deep := strings.CutSuffix(w, "/...")
		if dir == root || deep && within(dir, root) {
			return true
		}
	}
	return false
}

func places(where []string) string {
	if len(where) == 0 {
		return "nowhere: it is not to be used"
	}
	return strings.Join(where, ", ")
}

// localName returns the name under which a file knows an import path.
func (s *source) localName(importPath string) (string, bool) {
	for _, spec := range s.ast.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil || p != importPath {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name, true
		}
		name := p[strings.LastIndex(p, "/")+1:]
		if strings.HasPrefix(name, "v") && strings.Trim(name[1:], "0123456789") == "" {
			p = strings.TrimSuffix(p, "/"+name)
			name = p[strings.LastIndex(p, "/")+1:]
		}
		return name, true
	}
	return "", false
}

// eachSelector calls visit for every local.X in the file.
func eachSelector(f *ast.File, local string, visit func(*ast.SelectorExpr)) {
	ast.Inspect(f, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if id, ok := sel.X.(*ast.Ident); ok && id.Name == local {
				visit(sel)
			}
		}
		return true
	})
}
