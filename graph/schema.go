package graph

import "strings"

// VertexKind is what a vertex is. Values are stored: append, never reorder.
type VertexKind uint8

// The kinds of vertices.
const (
	KindNone VertexKind = iota
	Repository
	Directory
	File
	Package
	Module
	Class
	Struct
	Interface
	Enum
	EnumMember
	TypeAlias
	Function
	Method
	Constructor
	Field
	Variable
	Constant
	ExternalSymbol
	UnresolvedRef
	Custom
	vertexKinds // count
)

// EdgeType is how two vertices relate. Values are stored: append, never reorder.
type EdgeType uint8

// The types of edges.
const (
	EdgeNone EdgeType = iota
	Contains
	Imports
	Calls
	References
	Extends
	Implements
	Overrides
	Instantiates
	UsesType
	CallReference
	UnresolvedCall
	Embeds
	DependsOn
	CustomEdge
	edgeTypes // count
)

// KindInfo describes a vertex kind for docs/SCHEMA.md and for error messages.
type KindInfo struct {
	Kind  VertexKind
	Label string
	Doc   string
}

// Kinds lists every vertex kind, in the order of their values.
var Kinds = []KindInfo{
	{Repository, "Repository", "a source repository; its root directory"},
	{Directory, "Directory", "a directory of a repository"},
	{File, "File", "a file of a repository, also one that was skipped (see status, reason)"},
	{Package, "Package", "a Go package, or an npm or Python distribution's root"},
	{Module, "Module", "a Python, JavaScript or TypeScript module: the top level of one file"},
	{Class, "Class", "a class"},
	{Struct, "Struct", "a struct type"},
	{Interface, "Interface", "an interface type"},
	{Enum, "Enum", "an enumeration"},
	{EnumMember, "EnumMember", "a member of an enumeration"},
	{TypeAlias, "TypeAlias", "a defined or alias type that is neither struct nor interface"},
	{Function, "Function", "a function outside of a type"},
	{Method, "Method", "a method, with or without a body"},
	{Constructor, "Constructor", "a constructor"},
	{Field, "Field", "a field or property of a type"},
	{Variable, "Variable", "a package or module variable"},
	{Constant, "Constant", "a package or module constant"},
	{ExternalSymbol, "ExternalSymbol", "a symbol that is pointed at but not ingested"},
	{UnresolvedRef, "UnresolvedRef", "all references spelled by one name that nothing resolves"},
	{Custom, "Custom", "made by Cypher, with labels of its own only"},
}

// EdgeInfo describes an edge type for docs/SCHEMA.md and for error messages.
type EdgeInfo struct {
	Type EdgeType
	Name string
	Doc  string
}

// EdgeTypes lists every edge type, in the order of their values.
var EdgeTypes = []EdgeInfo{
	{Contains, "CONTAINS", "repository, directory, file, package, type -> what it holds or defines"},
	{Imports, "IMPORTS", "file -> the package or module that it imports"},
	{Calls, "CALLS", "callable, or file for top-level code -> callable; resolved, never a guess"},
	{References, "REFERENCES", "definition -> variable, constant, field or type that it uses"},
	{Extends, "EXTENDS", "class or interface -> its base"},
	{Implements, "IMPLEMENTS", "type -> interface"},
	{Overrides, "OVERRIDES", "method -> the method it overrides or implements"},
	{Instantiates, "INSTANTIATES", "callable -> the type that it makes a value of"},
	{UsesType, "USES_TYPE", "callable or field -> a type in its signature"},
	{CallReference, "CALL_REFERENCE", "definition -> a callable used as a value"},
	{UnresolvedCall, "UNRESOLVED_CALL", "callable -> UnresolvedRef: a call whose target is not known"},
	{Embeds, "EMBEDS", "struct or interface -> the type it embeds"},
	{DependsOn, "DEPENDS_ON", "package -> package, from a manifest"},
	{CustomEdge, "CUSTOM", "made by Cypher, with a type of its own"},
}

// PropertyInfo describes a property of a vertex as Cypher sees it.
type PropertyInfo struct {
	Name string
	Type string // string, int, bool
	Doc  string
}

// VertexProperties lists the properties of vertices, in the order in which they are shown.
var VertexProperties = []PropertyInfo{
	{"name", "string", "the last part of the qualified name"},
	{"qualified_name", "string", "package and enclosing types, joined by dots"},
	{"key", "string", "the symbol key: manager, package, descriptors"},
	{"kind", "string", "the label"},
	{"repo", "string", "name of the repository that defines it"},
	{"path", "string", "file, relative to the repository's root"},
	{"line", "int", "first line, from 1"},
	{"end_line", "int", "last line, from 1"},
	{"column", "int", "first column in bytes, from 1"},
	{"language", "string", "go, python, javascript, typescript, tsx"},
	{"signature", "string", "parameters and results as written"},
	{"doc", "string", "the comment that documents it, at most 4 KiB"},
	{"exported", "bool", "visible outside of its package or module"},
	{"test", "bool", "defined in a test file"},
	{"generated", "bool", "its file says that it is generated"},
	{"abstract", "bool", "declared without a body"},
	{"static", "bool", "belongs to the type, not to a value"},
	{"async", "bool", "an asynchronous callable"},
	{"loc", "int", "lines from first to last"},
	{"complexity", "int", "cyclomatic complexity"},
	{"status", "string", "files: ok, partial (has parse errors) or skipped"},
	{"reason", "string", "files: why skipped or partial"},
	{"size", "int", "files: bytes"},
}

// EdgeProperties lists the properties of edges, in the order in which they are shown.
var EdgeProperties = []PropertyInfo{
	{"type", "string", "the edge type"},
	{"resolution", "string", "exact, overload-set, heuristic or dynamic"},
	{"provenance", "string", "where the edge comes from: tree-sitter, import, type, scip, heuristic"},
	{"confidence", "int", "0 to 100"},
	{"count", "int", "how often it occurs in the source"},
	{"line", "int", "line of the first occurrence, from 1; only from the source's side"},
}

// labelGroups are labels that stand for several kinds.
var labelGroups = map[string]KindSet{
	"Symbol": NewKindSet(Class, Struct, Interface, Enum, EnumMember, TypeAlias, Function, Method,
		Constructor, Field, Variable, Constant),
	"Callable": NewKindSet(Function, Method, Constructor),
	"Type":     NewKindSet(Class, Struct, Interface, Enum, TypeAlias),
}

// LabelGroupNames lists the labels that stand for several kinds, sorted.
func LabelGroupNames() []string { return []string{"Callable", "Symbol", "Type"} }

// String returns the label of k.
func (k VertexKind) String() string {
	if k == KindNone || k >= vertexKinds {
		return "None"
	}
	return Kinds[k-1].Label
}

// Valid tells whether k is a kind of this version.
func (k VertexKind) Valid() bool { return k > KindNone && k < vertexKinds }

// String returns the name of t.
func (t EdgeType) String() string {
	if t == EdgeNone || t >= edgeTypes {
		return "NONE"
	}
	return EdgeTypes[t-1].Name
}

// Valid tells whether t is an edge type of this version.
func (t EdgeType) Valid() bool { return t > EdgeNone && t < edgeTypes }

// ParseLabel returns the kinds that a label stands for; ok is false for an unknown label.
// Case is significant, as in Cypher.
func ParseLabel(label string) (set KindSet, ok bool) {
	if set, ok = labelGroups[label]; ok {
		return set, true
	}
	for _, k := range Kinds {
		if k.Label == label {
			return NewKindSet(k.Kind), true
		}
	}
	return 0, false
}

// ParseEdgeType returns the edge type of a name; the case of letters does not matter.
func ParseEdgeType(name string) (EdgeType, bool) {
	for _, e := range EdgeTypes {
		if strings.EqualFold(e.Name, name) {
			return e.Type, true
		}
	}
	return EdgeNone, false
}

// KindSet is a set of vertex kinds; the zero set stands for "any" in specs.
type KindSet uint64

// NewKindSet returns the set of the given kinds.
func NewKindSet(kinds ...VertexKind) KindSet {
	var s KindSet
	for _, k := range kinds {
		s |= 1 << k
	}
	return s
}

// Has tells whether k is in the set.
func (s KindSet) Has(k VertexKind) bool { return s&(1<<k) != 0 }

// Allows tells whether k is in the set or the set is the zero set.
func (s KindSet) Allows(k VertexKind) bool { return s == 0 || s.Has(k) }

// List returns the kinds of the set in the order of their values.
func (s KindSet) List() []VertexKind {
	var out []VertexKind
	for k := KindNone + 1; k < vertexKinds; k++ {
		if s.Has(k) {
			out = append(out, k)
		}
	}
	return out
}

// EdgeSet is a set of edge types; the zero set stands for "any" in specs.
type EdgeSet uint64

// NewEdgeSet returns the set of the given types.
func NewEdgeSet(types ...EdgeType) EdgeSet {
	var s EdgeSet
	for _, t := range types {
		s |= 1 << t
	}
	return s
}

// Has tells whether t is in the set.
func (s EdgeSet) Has(t EdgeType) bool { return s&(1<<t) != 0 }

// Allows tells whether t is in the set or the set is the zero set.
func (s EdgeSet) Allows(t EdgeType) bool { return s == 0 || s.Has(t) }
