package graph

import (
	"bytes"
	"cmp"
	"slices"
)

// Resolution tells how sure the target of an edge is. Values are stored; a lower one is better.
type Resolution uint8

// The classes of resolution.
const (
	ResolutionNone Resolution = iota
	Exact                     // the one definition that the language's rules give
	OverloadSet               // one of several overloads or implementations
	Heuristic                 // a rule of thumb; never a name alone
	Dynamic                   // decided at run time
)

// String returns the class in one word.
func (r Resolution) String() string {
	return [...]string{"none", "exact", "overload-set", "heuristic", "dynamic"}[min(r, Dynamic)]
}

// Provenance tells what an edge was concluded from. Values are stored.
type Provenance uint8

// The provenances of edges.
const (
	ProvenanceNone Provenance = iota
	FromSyntax                // the syntax tree of one file
	FromImport                // an import statement led to the target
	FromType                  // a known type led to the target
	FromSCIP                  // a SCIP index says so
	FromHeuristic             // a rule of thumb
)

// String returns the provenance in one word.
func (p Provenance) String() string {
	names := [...]string{"none", "tree-sitter", "import", "type", "scip", "heuristic"}
	return names[min(p, FromHeuristic)]
}

// Site is one place in the source where an edge occurs, relative to the start of its source
// vertex: Line 0 is the vertex's first line. Columns count bytes from 1.
type Site struct {
	Line, Column uint32
}

// Place is one place in the source. Lines and columns count from 1.
type Place struct {
	Path         string // relative to the repository's root
	Line, Column uint32
}

// Edge is a directed relation as one owner gives it.
type Edge struct {
	Src        VertexID
	Type       EdgeType
	Dst        VertexID
	DstKey     string // the target's key; stored where DstForeign
	DstForeign bool   // the writing repository does not define the target
	Resolution Resolution
	Provenance Provenance
	Confidence uint8  // 0..100
	Count      uint32 // occurrences
	Sites      []Site // at most MaxSites, in the order of the source
}

// MaxSites is the number of sites kept per edge and owner; Count has all.
const MaxSites = 64

// maxPart is the size of a part of an O, I or F row.
const maxPart = 48 << 10

const (
	outFormat = 1
	inFormat  = 1
)

// encodeOut returns the parts of the O rows of one source vertex. The edges are sorted by type and
// target.
//
//	+-----+---------+------------------------------------------------------------+
//	| fmt | n edges | type dst16 resolution provenance confidence count n (line col)*
//	+-----+---------+------------------------------------------------------------+
func encodeOut(edges []Edge) [][]byte {
	return encodeParts(outFormat, len(edges), func(e *encoder, i int) {
		x := &edges[i]
		e.byte(byte(x.Type))
		e.id(x.Dst)
		encodeEvidence(e, x)
		e.uint(uint64(len(x.Sites)))
		for _, s := range x.Sites {
			e.uint(uint64(s.Line))
			e.uint(uint64(s.Column))
		}
	})
}

// encodeIn returns the parts of the I rows of one target vertex: the target's key where the writer
// does not define it, then the edges sorted by type and source.
//
//	+-----+---------+-----------------------------------------------------------+
//	| fmt | n edges | type src16 resolution provenance confidence count key     |
//	+-----+---------+-----------------------------------------------------------+
//
// Only the first edge of a part carries the key; the others leave it empty.
func encodeIn(edges []Edge) [][]byte {
	first := true
	size := 0
	return encodeParts(inFormat, len(edges), func(e *encoder, i int) {
		if len(e.b) < size { // a new part has begun
			first = true
		}
		x := &edges[i]
		e.byte(byte(x.Type))
		e.id(x.Src)
		encodeEvidence(e, x)
		if first && x.DstForeign {
			e.string(x.DstKey)
		} else {
			e.string("")
		}
		first = false
		size = len(e.b)
	})
}

func encodeEvidence(e *encoder, x *Edge) {
	e.byte(byte(x.Resolution))
	e.byte(byte(x.Provenance))
	e.byte(x.Confidence)
	e.uint(uint64(x.Count))
}

// encodeParts cuts n items into parts of about maxPart bytes.
func encodeParts(format byte, n int, item func(e *encoder, i int)) [][]byte {
	var parts [][]byte
	var body encoder
	count := 0
	flush := func() {
		head := encoder{b: make([]byte, 0, len(body.b)+6)}
		head.byte(format)
		head.uint(uint64(count))
		parts = append(parts, append(head.b, body.b...))
		body.b, count = body.b[:0], 0
	}
	for i := range n {
		item(&body, i)
		count++
		if len(body.b) >= maxPart {
			flush()
		}
	}
	if count > 0 {
		flush()
	}
	return parts
}

// HalfEdge is an edge as seen from one of its ends.
type HalfEdge struct {
	Type       EdgeType
	Out        bool     // true: the vertex asked for is the source
	Other      VertexID // the other end
	Resolution Resolution
	Provenance Provenance
	Confidence uint8
	Count      uint32
	Sites      []Site // only where Out
	// Elsewhere are sites in fragments of the vertex that lie in another file, or begin at another
	// line, than the merged vertex says: variants of one function for several systems.
	Elsewhere []Place
	// Of edges made by Cypher: what tells two between the same vertices apart, and the type's name
	// where Type is CustomEdge.
	ID       EdgeID
	TypeName string
	// Properties are what Cypher gave the edge, or laid over it.
	Properties Properties
}

// Named returns the name of the edge's type.
func (h *HalfEdge) Named() string {
	if h.TypeName != "" {
		return h.TypeName
	}
	return h.Type.String()
}

// DecodeOut decodes the value of an O row, passing each edge to yield until it returns false.
func DecodeOut(b []byte, yield func(HalfEdge) bool) error { return decodeOut(b, true, yield) }

// DecodeOutBare is DecodeOut without the sites, for whoever does not want them: it allocates
// nothing.
func DecodeOutBare(b []byte, yield func(HalfEdge) bool) error { return decodeOut(b, false, yield) }

func decodeOut(b []byte, sites bool, yield func(HalfEdge) bool) error {
	const op, what, least = "graph.DecodeOut", "out-edge row", 22
	d := decoder{b: b}
	if err := d.checkVersion(op, what, outFormat); err != nil {
		return err
	}
	for range d.count(least) {
		h := HalfEdge{Out: true, Type: EdgeType(d.byte()), Other: d.id()}
		decodeEvidence(&d, &h)
		h.Sites = decodeSites(&d, sites)
		if d.bad {
			break
		}
		if !yield(h) {
			return nil
		}
	}
	return d.done(op, what)
}

func decodeSites(d *decoder, keep bool) []Site {
	n := d.count(2)
	if !keep || n == 0 {
		for range n {
			d.uint32()
			d.uint32()
		}
		return nil
	}
	sites := make([]Site, n)
	for i := range sites {
		sites[i] = Site{d.uint32(), d.uint32()}
	}
	return sites
}

// DecodeIn decodes the value of an I row: the target's key if the row carries it, and each edge,
// passed to yield until it returns false.
func DecodeIn(b []byte, yield func(HalfEdge) bool) (key string, err error) {
	const op, what, least = "graph.DecodeIn", "in-edge row", 22
	d := decoder{b: b}
	if err := d.checkVersion(op, what, inFormat); err != nil {
		return "", err
	}
	for range d.count(least) {
		h := HalfEdge{Type: EdgeType(d.byte()), Other: d.id()}
		decodeEvidence(&d, &h)
		if k := d.bytes(); len(k) > 0 {
			key = string(k)
		}
		if d.bad {
			break
		}
		if !yield(h) {
			return key, nil
		}
	}
	return key, d.done(op, what)
}

func decodeEvidence(d *decoder, h *HalfEdge) {
	h.Resolution = Resolution(d.byte())
	h.Provenance = Provenance(d.byte())
	h.Confidence = d.byte()
	h.Count = d.uint32()
}

// SortHalfEdges sorts by direction (out first), type and other end, and merges edges that several
// owners give: the better evidence wins, counts add up, sites join.
func SortHalfEdges(edges []HalfEdge) []HalfEdge {
	slices.SortStableFunc(edges, compareHalf)
	out := edges[:0]
	for _, e := range edges {
		if n := len(out); n > 0 && compareHalf(out[n-1], e) == 0 {
			out[n-1] = mergeHalf(out[n-1], e)
			continue
		}
		out = append(out, e)
	}
	return out
}

func mergeHalf(a, b HalfEdge) HalfEdge {
	if (evidence{b.Resolution, b.Provenance, b.Confidence}).better(
		evidence{a.Resolution, a.Provenance, a.Confidence}) {
		a.Resolution, a.Provenance, a.Confidence = b.Resolution, b.Provenance, b.Confidence
	}
	a.Count += b.Count
	a.Sites = append(slices.Clip(a.Sites), b.Sites...)
	a.Elsewhere = append(slices.Clip(a.Elsewhere), b.Elsewhere...)
	return a
}

// evidence is what an edge rests on.
type evidence struct {
	resolution Resolution
	provenance Provenance
	confidence uint8
}

// better compares resolution, then confidence, then provenance, so that the winner does not depend
// on the order of merges.
func (a evidence) better(b evidence) bool {
	return cmp.Or(cmp.Compare(a.resolution, b.resolution), cmp.Compare(b.confidence, a.confidence),
		cmp.Compare(a.provenance, b.provenance)) < 0
}

func compareHalf(a, b HalfEdge) int {
	if a.Out != b.Out {
		if a.Out {
			return -1
		}
		return 1
	}
	if c := cmp.Compare(a.Type, b.Type); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(a.TypeName, b.TypeName), bytes.Compare(a.Other[:], b.Other[:]),
		bytes.Compare(a.ID[:], b.ID[:]))
}
