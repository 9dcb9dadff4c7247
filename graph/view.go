package graph

import "slices"

// Outcome is what became of an import: the timestamp of its commit, zero if it was aborted.
type Outcome struct {
	Import Timestamp
	Commit Timestamp
}

// View is a read at one timestamp. Outcomes lists imports committed at or before At that a shard
// may not have heard of yet; they travel with the view.
type View struct {
	At       Timestamp
	Outcomes []Outcome
}

// ScanSpec asks for the vertices that an index finds. Exactly one index is used: Index with Value,
// or, for IndexKind, Kinds (the zero set means all kinds).
type ScanSpec struct {
	Index  Index
	Value  string  // exact value, or what values begin with or contain
	Match  Match   // how Value is compared
	Kinds  KindSet // filter, and what IndexKind scans
	Repo   RepoID  // filter; zero means any
	Doc    bool    // fill in Vertex.Doc
	Limit  int     // stop after so many vertices of this shard; zero means no limit
	Cursor []byte  // where the last answer stopped; opaque, nil to begin
}

// Match is how a scan compares the indexed value. Values are wire-stable.
type Match uint8

// The ways to compare.
const (
	MatchExact Match = iota
	MatchPrefix
	MatchSubstring // reads the whole index
)

// ExpandSpec asks for the edges of given vertices.
type ExpandSpec struct {
	Out, In       bool
	Types         EdgeSet    // zero means any, if Named is empty
	Named         []string   // and these types that Cypher made up
	Only          []VertexID // keep edges to these only; empty means all
	Sites         bool       // fill in HalfEdge.Sites (out edges)
	MinConfidence uint8
	MaxEdges      int // over all vertices of the request; zero means no limit
}

// Adjacency is the edges of one vertex: sorted by direction, type and other end.
type Adjacency struct {
	Vertex VertexID
	Edges  []HalfEdge
	More   bool // MaxEdges cut the list
}

// AppendScanSpec appends the wire form of s.
func AppendScanSpec(b []byte, s *ScanSpec) []byte {
	e := encoder{b: b}
	e.byte(byte(s.Index))
	e.string(s.Value)
	e.byte(byte(s.Match))
	e.uint(uint64(s.Kinds))
	e.uint(uint64(s.Repo))
	e.bool(s.Doc)
	e.uint(uint64(max(s.Limit, 0)))
	e.bytes(s.Cursor)
	return e.b
}

// DecodeScanSpec decodes what AppendScanSpec wrote.
func DecodeScanSpec(b []byte) (*ScanSpec, error) {
	d := decoder{b: b}
	s := &ScanSpec{Index: Index(d.byte()), Value: d.string(), Match: Match(d.byte()),
		Kinds: KindSet(d.uint()), Repo: RepoID(d.uint()), Doc: d.bool(), Limit: int(d.uint32()),
		Cursor: d.bytes()}
	return s, d.done("graph.DecodeScanSpec", "scan spec")
}

// AppendExpandSpec appends the wire form of s.
func AppendExpandSpec(b []byte, s *ExpandSpec) []byte {
	e := encoder{b: b}
	e.bool(s.Out)
	e.bool(s.In)
	e.uint(uint64(s.Types))
	e.bool(s.Sites)
	e.byte(s.MinConfidence)
	e.uint(uint64(max(s.MaxEdges, 0)))
	e.uint(uint64(len(s.Only)))
	for _, v := range s.Only {
		e.id(v)
	}
	e.strings(s.Named)
	return e.b
}

// Allows tells whether edges of a type are asked for.
func (s *ExpandSpec) Allows(h *HalfEdge) bool {
	if s.Types == 0 && len(s.Named) == 0 {
		return true
	}
	return s.Types.Has(h.Type) || h.TypeName != "" && slices.Contains(s.Named, h.TypeName)
}

// DecodeExpandSpec decodes what AppendExpandSpec wrote.
func DecodeExpandSpec(b []byte) (*ExpandSpec, error) {
	d := decoder{b: b}
	s := &ExpandSpec{Out: d.bool(), In: d.bool(), Types: EdgeSet(d.uint()), Sites: d.bool(),
		MinConfidence: d.byte(), MaxEdges: int(d.uint32())}
	for range d.count(idLen) {
		s.Only = append(s.Only, d.id())
	}
	s.Named = d.strings()
	return s, d.done("graph.DecodeExpandSpec", "expand spec")
}

// AppendAdjacency appends the wire form of a.
func AppendAdjacency(b []byte, a *Adjacency) []byte {
	e := encoder{b: b}
	e.id(a.Vertex)
	e.bool(a.More)
	e.uint(uint64(len(a.Edges)))
	for i := range a.Edges {
		h := &a.Edges[i]
		e.byte(byte(h.Type))
		e.bool(h.Out)
		e.id(h.Other)
		e.byte(byte(h.Resolution))
		e.byte(byte(h.Provenance))
		e.byte(h.Confidence)
		e.uint(uint64(h.Count))
		e.uint(uint64(len(h.Sites)))
		for _, s := range h.Sites {
			e.uint(uint64(s.Line))
			e.uint(uint64(s.Column))
		}
		e.uint(uint64(len(h.Elsewhere)))
		for _, p := range h.Elsewhere {
			e.string(p.Path)
			e.uint(uint64(p.Line))
			e.uint(uint64(p.Column))
		}
		e.raw(h.ID[:])
		e.string(h.TypeName)
		e.properties(h.Properties)
	}
	return e.b
}

// TakeAdjacency decodes one adjacency from the front of b and returns the rest.
func TakeAdjacency(b []byte) (*Adjacency, []byte, error) {
	const least = 42
	d := decoder{b: b}
	a := &Adjacency{Vertex: d.id(), More: d.bool()}
	a.Edges = make([]HalfEdge, d.count(least))
	for i := range a.Edges {
		h := &a.Edges[i]
		h.Type, h.Out, h.Other = EdgeType(d.byte()), d.bool(), d.id()
		decodeEvidence(&d, h)
		if n := d.count(2); n > 0 {
			h.Sites = make([]Site, n)
			for j := range h.Sites {
				h.Sites[j] = Site{d.uint32(), d.uint32()}
			}
		}
		if n := d.count(3); n > 0 {
			h.Elsewhere = make([]Place, n)
			for j := range h.Elsewhere {
				h.Elsewhere[j] = Place{d.string(), d.uint32(), d.uint32()}
			}
		}
		copy(h.ID[:], d.take(edgeIDLen))
		h.TypeName, h.Properties = d.string(), d.properties()
	}
	if d.bad {
		return nil, nil, Errorf("graph.TakeAdjacency", KindCorrupt, "adjacency is malformed")
	}
	return a, d.b, nil
}

// AppendIDs appends the wire form of a list of ids.
func AppendIDs(b []byte, ids []VertexID) []byte {
	for _, v := range ids {
		b = append(b, v[:]...)
	}
	return b
}

// DecodeIDs decodes what AppendIDs wrote.
func DecodeIDs(b []byte) ([]VertexID, error) {
	if len(b)%idLen != 0 {
		return nil, Errorf("graph.DecodeIDs", KindCorrupt, "list of ids has %d bytes", len(b))
	}
	ids := make([]VertexID, len(b)/idLen)
	for i := range ids {
		copy(ids[i][:], b[i*idLen:])
	}
	return ids, nil
}

// AppendRows appends the wire form of rows.
func AppendRows(b []byte, rows []Row) []byte {
	e := encoder{b: b}
	for _, r := range rows {
		e.bytes(r.Key)
		e.bytes(r.Value)
	}
	return e.b
}

// DecodeRows decodes what AppendRows wrote.
func DecodeRows(b []byte) ([]Row, error) {
	d := decoder{b: b}
	var rows []Row
	for len(d.b) > 0 && !d.bad {
		rows = append(rows, Row{d.bytes(), d.bytes()})
	}
	return rows, d.done("graph.DecodeRows", "list of rows")
}
