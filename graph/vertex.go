package graph

import (
	"cmp"
	"slices"
)

// Span is a place in a file. Lines and columns count from 1, columns in bytes; zero is unknown.
type Span struct {
	Line, Column       uint32 // first
	EndLine, EndColumn uint32 // last line; column after the last byte
}

// Flags are properties of a vertex that are either there or not. Values are stored.
type Flags uint16

// The flags of vertices.
const (
	FlagExported Flags = 1 << iota
	FlagTest
	FlagGenerated
	FlagAbstract
	FlagStatic
	FlagAsync
)

// FileStatus tells how a file was taken in. Values are stored.
type FileStatus uint8

// The states of files.
const (
	StatusNone    FileStatus = iota // not a file
	StatusOK                        // parsed whole
	StatusPartial                   // parsed; parts of it could not be understood (see Reason)
	StatusSkipped                   // not parsed (see Reason)
)

// String returns the status in one word.
func (s FileStatus) String() string {
	switch s {
	case StatusOK:
		return "ok"
	case StatusPartial:
		return "partial"
	case StatusSkipped:
		return "skipped"
	}
	return ""
}

// Vertex is a fragment of a vertex as one owner gives it, or the merge of all of them.
type Vertex struct {
	ID         VertexID // = IDOf(Key)
	Kind       VertexKind
	Key        string // symbol key
	Name       string // last part of the qualified name
	Repo       RepoID // zero for symbols that no repository here defines
	Path       string // file or directory, relative to the repository's root, '/' separated
	Span       Span
	Lang       string
	Signature  string
	Doc        string // stored in a row of its own; at most MaxDoc bytes
	Flags      Flags
	Complexity uint32
	Status     FileStatus // files only
	Reason     string     // files only: why skipped or partial
	Size       uint64     // files only: bytes
	Source     Source
	Labels     []string   // what Cypher gave, sorted; of a vertex made by Cypher all labels
	Properties Properties // what Cypher gave; they come before the fields of the same name
}

// MaxDoc is the number of bytes of a documentation comment that are kept.
const MaxDoc = 4 << 10

const (
	fragmentFormat = 1
	docFormat      = 1
)

// Symbol returns the parsed key; a vertex whose key does not parse has no descriptors.
func (v *Vertex) Symbol() Symbol {
	s, err := ParseSymbol(v.Key)
	if err != nil {
		return Symbol{}
	}
	return s
}

// Has tells whether all flags of f are set.
func (v *Vertex) Has(f Flags) bool { return v.Flags&f == f }

// EncodeFragment returns the value of the N row of v. Doc and ID are not part of it.
func EncodeFragment(v *Vertex) []byte {
	e := encoder{b: make([]byte, 0, 64+len(v.Key)+len(v.Path)+len(v.Signature))}
	e.byte(fragmentFormat)
	e.byte(byte(v.Kind))
	e.byte(byte(v.Source))
	e.uint(uint64(v.Flags))
	e.uint(uint64(v.Repo))
	e.string(v.Key)
	e.string(v.Name)
	e.string(v.Path)
	e.uint(uint64(v.Span.Line))
	e.uint(uint64(v.Span.Column))
	e.uint(uint64(v.Span.EndLine))
	e.uint(uint64(v.Span.EndColumn))
	e.string(v.Lang)
	e.string(v.Signature)
	e.uint(uint64(v.Complexity))
	e.byte(byte(v.Status))
	e.string(v.Reason)
	e.uint(v.Size)
	return e.b
}

// DecodeFragment decodes the value of an N row of vertex id.
func DecodeFragment(id VertexID, b []byte) (*Vertex, error) {
	const op = "graph.DecodeFragment"
	d := decoder{b: b}
	if err := d.checkVersion(op, "vertex fragment", fragmentFormat); err != nil {
		return nil, err
	}
	v := &Vertex{ID: id}
	v.Kind = VertexKind(d.byte())
	v.Source = Source(d.byte())
	v.Flags = Flags(d.uint())
	v.Repo = RepoID(d.uint())
	v.Key = d.string()
	v.Name = d.string()
	v.Path = d.string()
	v.Span = Span{d.uint32(), d.uint32(), d.uint32(), d.uint32()}
	v.Lang = d.string()
	v.Signature = d.string()
	v.Complexity = d.uint32()
	v.Status = FileStatus(d.byte())
	v.Reason = d.string()
	v.Size = d.uint()
	if !v.Kind.Valid() {
		d.fail()
	}
	return v, d.done(op, "vertex fragment")
}

// EncodeDoc returns the value of the D row of a documentation comment.
func EncodeDoc(doc string) []byte { return append([]byte{docFormat}, doc...) }

// DecodeDoc decodes the value of a D row.
func DecodeDoc(b []byte) (string, error) {
	d := decoder{b: b}
	if err := d.checkVersion("graph.DecodeDoc", "doc row", docFormat); err != nil {
		return "", err
	}
	return string(d.b), nil
}

// MergeVertex merges fragment f into v and returns the result; v may be nil. The fragment of the
// higher source wins, then the one with the smaller path, then the smaller line; the winner's
// empty signature and doc are filled from the other. Merge more than two with MergeFragments.
func MergeVertex(v, f *Vertex) *Vertex {
	if v == nil {
		c := *f
		return &c
	}
	a, b := *v, f
	if fragmentBefore(b, &a) {
		c := *b
		a, b = c, v
	}
	if a.Signature == "" {
		a.Signature = b.Signature
	}
	if a.Doc == "" {
		a.Doc = b.Doc
	}
	a.Flags |= b.Flags & FlagExported
	return &a
}

// MergeFragments merges all fragments of one vertex, best first, so that what fills an empty field
// does not depend on the order they come in. It returns nil for none; it sorts frags.
func MergeFragments(frags []*Vertex) *Vertex {
	slices.SortStableFunc(frags, compareFragments)
	var v *Vertex
	for _, f := range frags {
		v = MergeVertex(v, f)
	}
	return v
}

func fragmentBefore(a, b *Vertex) bool { return compareFragments(a, b) < 0 }

func compareFragments(a, b *Vertex) int {
	return cmp.Or(cmp.Compare(b.Source, a.Source), cmp.Compare(a.Path, b.Path),
		cmp.Compare(a.Repo, b.Repo), cmp.Compare(a.Span.Line, b.Span.Line))
}

// AppendVertex appends the wire form of a merged vertex: id, fragment, doc, labels, properties.
func AppendVertex(b []byte, v *Vertex) []byte {
	e := encoder{b: b}
	e.id(v.ID)
	e.bytes(EncodeFragment(v))
	e.string(v.Doc)
	e.strings(v.Labels)
	e.properties(v.Properties)
	return e.b
}

// TakeVertex decodes one vertex from the front of b and returns the rest.
func TakeVertex(b []byte) (*Vertex, []byte, error) {
	d := decoder{b: b}
	id := d.id()
	frag := d.bytes()
	doc := d.string()
	labels, props := d.strings(), d.properties()
	if d.bad {
		return nil, nil, Errorf("graph.TakeVertex", KindCorrupt, "vertex is malformed")
	}
	v, err := DecodeFragment(id, frag)
	if err != nil {
		return nil, nil, err
	}
	v.Doc, v.Labels, v.Properties = doc, labels, props
	return v, d.b, nil
}
