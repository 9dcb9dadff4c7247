package graph

import (
	"bytes"
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// OwnerFacts is everything that one owner (a file as one source sees it) says.
type OwnerFacts struct {
	Repo        RepoID
	Path        string // relative to the repository's root; with Source it makes the owner
	Source      Source
	Home        Slot // slot of the file's package or module: where its F rows live
	ContentHash [16]byte
	Status      FileStatus
	Lines       uint32
	Unresolved  uint32 // calls whose target is not known
	Vertices    []Vertex
	Edges       []Edge // from vertices to anything; several of one (src, type, dst) are merged
}

// Owner returns the owner id.
func (f *OwnerFacts) Owner() OwnerID { return OwnerOf(f.Repo, f.Source, f.Path) }

// RowHash names one row that an owner wrote and a hash of its value.
type RowHash struct {
	Key  []byte
	Hash uint64
}

// Manifest is what F rows say of an owner.
type Manifest struct {
	Owner       OwnerID
	Home        Slot
	Path        string
	ContentHash [16]byte
	Status      FileStatus
	Lines       uint32
	Unresolved  uint32
	Rows        []RowHash // all rows of the owner but its F rows, sorted by key
}

const manifestFormat = 1

// Rows returns all rows of the owner, F rows last, each group sorted by key. Equal facts give equal
// rows (G5).
func (f *OwnerFacts) Rows() []Row {
	owner := f.Owner()
	rows := f.vertexRows(owner, nil)
	rows = f.edgeRows(owner, rows)
	var home VertexID
	home[0], home[1] = byte(f.Home>>8), byte(f.Home)
	repo := indexRowKey(IndexRepo, RepoIndexValue(f.Repo), home, owner)
	rows = append(rows, Row{repo, present})
	slices.SortFunc(rows, func(a, b Row) int { return bytes.Compare(a.Key, b.Key) })
	rows = slices.CompactFunc(rows, func(a, b Row) bool { return bytes.Equal(a.Key, b.Key) })
	return append(rows, f.manifestRows(owner, rows)...)
}

// present is the value of an index row.
var present = []byte{1}

func (f *OwnerFacts) vertexRows(owner OwnerID, rows []Row) []Row {
	vs := slices.Clone(f.Vertices)
	slices.SortStableFunc(vs, func(a, b Vertex) int {
		if c := bytes.Compare(a.ID[:], b.ID[:]); c != 0 {
			return c
		}
		return cmp.Compare(a.Span.Line, b.Span.Line)
	})
	for i := range vs {
		v := &vs[i]
		if i > 0 && vs[i-1].ID == v.ID { // one owner gives one fragment: the first in the file
			continue
		}
		rows = append(rows, Row{vertexRowKey(RowVertex, v.ID, owner), EncodeFragment(v)})
		if v.Doc != "" {
			rows = append(rows, Row{vertexRowKey(RowDoc, v.ID, owner), EncodeDoc(clip(v.Doc))})
		}
		rows = indexRows(owner, v, rows)
	}
	return rows
}

func clip(doc string) string {
	if len(doc) > MaxDoc {
		doc = strings.ToValidUTF8(doc[:MaxDoc], "")
	}
	return doc
}

func indexRows(owner OwnerID, v *Vertex, rows []Row) []Row {
	for ix := IndexKind; ix < indexes; ix++ {
		for _, value := range IndexValues(ix, v) {
			rows = append(rows, Row{indexRowKey(ix, value, v.ID, owner), present})
		}
	}
	return rows
}

// IndexValues returns the values under which an index holds a fragment, sorted, each once. The
// index of repositories holds owners, not vertices, and gives none.
func IndexValues(ix Index, v *Vertex) []string {
	switch ix {
	case IndexKind:
		var out []string
		for _, k := range v.KindSet().List() {
			out = append(out, KindIndexValue(k))
		}
		return out
	case IndexName:
		return []string{v.Name}
	case IndexNameLower:
		return []string{strings.ToLower(v.Name)}
	case IndexCamel:
		lower := strings.ToLower(v.Name)
		return slices.DeleteFunc(CamelParts(v.Name), func(p string) bool { return p == lower })
	case IndexPath:
		if v.Kind == File {
			return []string{path.Base(v.Path)}
		}
	case IndexLabel:
		return v.Labels
	}
	return nil
}

func (f *OwnerFacts) edgeRows(owner OwnerID, rows []Row) []Row {
	edges := MergeEdges(f.Edges)
	for i := 0; i < len(edges); {
		n := i
		for n < len(edges) && edges[n].Src == edges[i].Src {
			n++
		}
		for part, value := range encodeOut(edges[i:n]) {
			rows = append(rows, Row{edgeRowKey(RowOut, edges[i].Src, owner, part), value})
		}
		i = n
	}
	slices.SortFunc(edges, func(a, b Edge) int {
		return cmp.Or(bytes.Compare(a.Dst[:], b.Dst[:]), cmp.Compare(a.Type, b.Type),
			bytes.Compare(a.Src[:], b.Src[:]))
	})
	for i := 0; i < len(edges); {
		n := i
		for n < len(edges) && edges[n].Dst == edges[i].Dst {
			n++
		}
		for part, value := range encodeIn(edges[i:n]) {
			rows = append(rows, Row{edgeRowKey(RowIn, edges[i].Dst, owner, part), value})
		}
		i = n
	}
	return rows
}

// MergeEdges sorts by source, type and target and merges edges that occur several times: the
// better evidence wins, counts add up, sites are sorted and bounded. No count counts as 1.
func MergeEdges(in []Edge) []Edge {
	edges := slices.Clone(in)
	slices.SortStableFunc(edges, compareEdge)
	out := edges[:0]
	for _, e := range edges {
		if e.Count == 0 {
			e.Count = 1
		}
		if n := len(out); n > 0 && compareEdge(out[n-1], e) == 0 {
			p := &out[n-1]
			if (evidence{e.Resolution, e.Provenance, e.Confidence}).better(
				evidence{p.Resolution, p.Provenance, p.Confidence}) {
				p.Resolution, p.Provenance, p.Confidence = e.Resolution, e.Provenance, e.Confidence
			}
			p.Count += e.Count
			p.Sites = append(slices.Clip(p.Sites), e.Sites...)
			continue
		}
		out = append(out, e)
	}
	for i := range out {
		s := slices.Clone(out[i].Sites)
		slices.SortFunc(s, func(a, b Site) int {
			return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
		})
		out[i].Sites = s[:min(len(s), MaxSites)]
	}
	return out
}

func compareEdge(a, b Edge) int {
	return cmp.Or(bytes.Compare(a.Src[:], b.Src[:]), cmp.Compare(a.Type, b.Type),
		bytes.Compare(a.Dst[:], b.Dst[:]))
}

// manifestRows returns the F rows: part 0 has the header, every part has a list of row hashes.
//
//	+-----+--------------------------------------------------+---+-------------------+
//	| fmt | path hash16 status lines unresolved (part 0 only) | n | (len key hash8)*  |
//	+-----+--------------------------------------------------+---+-------------------+
func (f *OwnerFacts) manifestRows(owner OwnerID, rows []Row) []Row {
	var parts []Row
	var e encoder
	begin := func() {
		e = encoder{b: []byte{manifestFormat}}
		if len(parts) == 0 {
			e.string(f.Path)
			e.raw(f.ContentHash[:])
			e.byte(byte(f.Status))
			e.uint(uint64(f.Lines))
			e.uint(uint64(f.Unresolved))
		}
	}
	flush := func() {
		parts = append(parts, Row{ownerRowKey(f.Home, owner, len(parts)), e.b})
		begin()
	}
	begin()
	for _, r := range rows {
		e.bytes(r.Key)
		e.u64(xxhash.Sum64(r.Value))
		if len(e.b) >= maxPart {
			flush()
		}
	}
	if len(e.b) > 1 || len(parts) == 0 {
		flush()
	}
	return parts
}

// DecodeManifest decodes the F rows of one owner, given in the order of their parts.
func DecodeManifest(rows []Row) (*Manifest, error) {
	const op, what = "graph.DecodeManifest", "owner row"
	var m Manifest
	for i, r := range rows {
		info, err := ParseRow(r.Key)
		if err != nil {
			return nil, err
		}
		if info.Kind != RowOwner || int(info.Part) != i || i > 0 && info.Owner != m.Owner {
			return nil, Errorf(op, KindCorrupt, "owner %x: part %d is not where it belongs",
				uint64(info.Owner), info.Part)
		}
		d := decoder{b: r.Value}
		if err := d.checkVersion(op, what, manifestFormat); err != nil {
			return nil, err
		}
		if i == 0 {
			m.Owner, m.Home, m.Path = info.Owner, info.Slot, d.string()
			copy(m.ContentHash[:], d.take(16))
			m.Status, m.Lines, m.Unresolved = FileStatus(d.byte()), d.uint32(), d.uint32()
		}
		for len(d.b) > 0 {
			m.Rows = append(m.Rows, RowHash{d.bytes(), d.u64()})
		}
		if err := d.done(op, what); err != nil {
			return nil, err
		}
	}
	return &m, nil
}

// Diff returns the rows that turn what base wrote into rows: changed or new ones with their value,
// gone ones as tombstones. base may be nil; rows nil means that the owner is deleted. F rows are
// compared as wholes. The result is sorted as Rows sorts.
func Diff(base *Manifest, baseOwnerRows []Row, rows []Row) []Row {
	have := map[string]uint64{}
	if base != nil {
		for _, r := range base.Rows {
			have[string(r.Key)] = r.Hash
		}
	}
	for _, r := range baseOwnerRows {
		have[string(r.Key)] = xxhash.Sum64(r.Value)
	}
	var out []Row
	for _, r := range rows {
		h, ok := have[string(r.Key)]
		delete(have, string(r.Key))
		if !ok || h != xxhash.Sum64(r.Value) {
			out = append(out, r)
		}
	}
	gone := make([]Row, 0, len(have))
	for k := range have {
		gone = append(gone, Row{Key: []byte(k)})
	}
	slices.SortFunc(gone, func(a, b Row) int { return bytes.Compare(a.Key, b.Key) })
	return append(out, gone...)
}
