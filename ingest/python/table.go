package python

import (
	_ "embed"
	"strings"
	"sync"

	"github.com/codegraphdb/codegraph/ingest/lang"
)

// stdNames are the top-level modules of the standard library.
//
//go:embed std.txt
var stdNames string

// builtinNames are the names that every module sees.
//
//go:embed builtins.txt
var builtinNames string

func wordSet(text string) map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields(text) {
		out[w] = true
	}
	return out
}

// analyzer reads Python.
type analyzer struct {
	base     lang.Base
	std      map[string]bool
	builtins map[string]bool

	mu      sync.Mutex // guards modules while scanning
	modules map[int]*module

	byName  map[string]*module // by canonical name
	byChain map[string]*module // by the name that the chain of __init__ files gives; nil: ambiguous
	byFile  map[string]*module
}

// New returns the analyzer for Python.
func New(base lang.Base) lang.Analyzer {
	return &analyzer{base: base, std: wordSet(stdNames), builtins: wordSet(builtinNames),
		modules: map[int]*module{}, byName: map[string]*module{}, byChain: map[string]*module{},
		byFile: map[string]*module{}}
}

// module is the top level of one file.
type module struct {
	name      string
	path      string
	isPackage bool // __init__
	test      bool
	sym       *lang.Symbol
	scope     map[string]*object
	stars     []importRef // from m import *
	imports   []importRef // everything that an import statement names
	classes   []*class
}

// importRef names a module as an import statement does.
type importRef struct {
	level  int // leading dots
	module string
	name   string // from module import name; "" for the module itself
}

type objectKind uint8

const (
	isClass objectKind = iota
	isFunc
	isVar
	isImport
)

// object is a name of a module's top level.
type object struct {
	kind  objectKind
	sym   *lang.Symbol
	class *class
	fn    *function
	imp   importRef
	expr  *typeExpr // variables
	mod   *module
}

// class is a class of the tree, also one inside of another.
type class struct {
	name    string
	mod     *module
	sym     *lang.Symbol
	bases   []*typeExpr
	members map[string]*member
	order   []string // names of members, as they were found
	supers  []*class
	foreign []string // bases outside the tree, dotted
	open    bool     // some base is not known or not in the tree
	mro     []*class // itself first
}

// member is a method, field or inner class of a class.
type member struct {
	name     string
	sym      *lang.Symbol
	of       *class
	fn       *function
	class    *class
	expr     *typeExpr // fields
	property bool
	static   bool
	classFn  bool
}

// function is what others need to know of a function or method.
type function struct {
	mod     *module
	class   *class // of a method
	returns *typeExpr
}

// exprKind is how the text of a typeExpr is meant.
type exprKind uint8

const (
	annotated exprKind = iota // a type: the value is an instance of it
	called                    // the value is what a call of it gives
	named                     // the value is what the name stands for
)

// typeExpr is what is kept of an annotation or an expression to find its type later.
type typeExpr struct {
	kind exprKind
	name string    // dotted
	elem *typeExpr // of a container
}

// shapeKind is what is known of a value.
type shapeKind uint8

const (
	sUnknown shapeKind = iota
	sNone              // None: another branch may say more
	sModule
	sClass
	sInstance
	sFunc
	sForeign         // a module or something in it, outside the tree
	sForeignInstance // an instance of a class outside the tree
)

// shape is what members a value has and what a call of it gives.
type shape struct {
	kind  shapeKind
	mod   *module
	class *class
	fn    *function
	path  string // foreign: dotted
	elem  *shape // of a container
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
	rForeign       // by path from an import
	rForeignMember // a member of an instance of a foreign class
	rBuiltin
)

// value is an evaluated expression.
type value struct {
	shape
	ref      refKind
	sym      *lang.Symbol
	ev       lang.Evidence
	name     string
	property bool
}

// plain is the value of something without a name.
func plain(s shape) value { return value{shape: s} }
