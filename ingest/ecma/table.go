package ecma

import (
	"sync"

	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/ingest/lang"
)

// analyzer reads JavaScript, TypeScript and TSX.
type analyzer struct {
	base lang.Base

	mu      sync.Mutex // guards modules while scanning
	modules map[int]*module

	byFile map[string]*module
}

// New returns the analyzer for JavaScript, TypeScript and TSX.
func New(base lang.Base) lang.Analyzer {
	return &analyzer{base: base, modules: map[int]*module{}, byFile: map[string]*module{}}
}

// module is the top level of one file.
type module struct {
	path    string
	test    bool
	sym     *lang.Symbol
	top     *scope
	exports map[string]export
	stars   []string // export * from "..."
	imports []string // all specifiers, in order
	linked  map[string]target
}

// target is what a specifier leads to.
type target struct {
	mod *module
	sym *lang.Symbol // also for a module outside of the tree
}

// export is what an exported name stands for.
type export struct {
	local string // a name of the module, "" if it comes from elsewhere
	from  string // specifier
	name  string // in that module; "*" for all of it
}

// scope is the names of a module or namespace.
type scope struct {
	parent *scope
	names  map[string]*decl
	order  []string
}

func newScope(parent *scope) *scope { return &scope{parent: parent, names: map[string]*decl{}} }

// declKind is what a declaration declares.
type declKind uint8

const (
	dFunc declKind = iota
	dClass
	dVar
	dAlias
	dNamespace
	dImport
)

// decl is a declaration of a module or namespace.
type decl struct {
	kind   declKind
	name   string
	mod    *module
	sc     *scope // where it stands
	sym    *lang.Symbol
	fn     *function
	class  *class // classes, interfaces, enumerations, object literals and types
	ns     *scope // namespaces, also beside a class or function
	typ    *typeExpr
	imp    importRef
	const_ bool
}

// importRef is what an import binds a name to.
type importRef struct {
	from string
	name string // "*" for the module itself
}

// class is a class, interface, enumeration or object type.
type class struct {
	name    string
	kind    graph.VertexKind
	mod     *module
	sc      *scope
	sym     *lang.Symbol
	bases   []*typeExpr
	impls   []*typeExpr
	members map[string]*member
	order   []string
	supers  []*class
	ifaces  []*class
	open    bool // some base is not known or not in the tree
	foreign []value
}

// member is a method, field or accessor.
type member struct {
	name   string
	key    string // as the symbol key has it
	sym    *lang.Symbol
	of     *class
	fn     *function // methods
	typ    *typeExpr // fields and accessors
	static bool
}

// function is what others need to know of a function.
type function struct {
	mod     *module
	sc      *scope
	class   *class
	params  []*typeExpr
	returns *typeExpr
}

// exprKind is how a typeExpr is meant.
type exprKind uint8

const (
	eNamed  exprKind = iota // a type: the value is an instance of it
	eCalled                 // the value is what a call of it gives
	eNew                    // the value is a new instance of it
	eValue                  // the value is what the name stands for
	eClass                  // an object type written in place
	eFunc                   // a function
	eArray                  // elem
	eThis                   // the instance itself
	eAwait                  // what a promise gives: elem
)

// typeExpr is what is kept of an annotation or initialiser to find its type later.
type typeExpr struct {
	kind  exprKind
	name  string // dotted
	elem  *typeExpr
	class *class
	fn    *function
}

// shapeKind is what is known of a value.
type shapeKind uint8

const (
	sUnknown shapeKind = iota
	sModule
	sNamespace
	sClass
	sInstance
	sFunc
	sArray   // elem
	sForeign // something of a module outside of the tree
	sForeignInstance
)

// shape is what members a value has and what a call of it gives.
type shape struct {
	kind  shapeKind
	mod   *module
	class *class
	fn    *function
	ns    *scope
	from  string // foreign: package and path in it
	name  string // foreign: dotted name, "" for the module
	elem  *shape
}

// refKind is what kind of name a value was reached by.
type refKind uint8

const (
	rNone refKind = iota
	rLocal
	rFunc
	rVar
	rClass
	rModule
	rForeign
	rForeignMember
	rGlobal // of the language or its host
)

// value is an evaluated expression.
type value struct {
	shape
	ref      refKind
	sym      *lang.Symbol
	ev       lang.Evidence
	decl     *decl
	label    string // how it is spelled
	accessor bool
}

func plain(s shape) value { return value{shape: s} }

func (v value) known() bool { return v.kind != sUnknown || v.ref != rNone }
