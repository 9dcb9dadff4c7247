package graph

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
)

// TxnID identifies a transaction. The client chooses it, at random; zero is none.
type TxnID [16]byte

// String returns the id in hexadecimal.
func (t TxnID) String() string { return hex.EncodeToString(t[:]) }

// EdgeID identifies an edge made by Cypher; zero stands for the edge that ingest gave.
type EdgeID [16]byte

const (
	txnLen    = 16
	edgeIDLen = 16
)

// String returns the id in hexadecimal.
func (id EdgeID) String() string { return hex.EncodeToString(id[:]) }

// EdgeIDOf returns the id of an edge that a transaction makes: the same when it is tried again.
func EdgeIDOf(txn TxnID, ordinal int) (id EdgeID) {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(txn[:], uint64(ordinal)))
	copy(id[:], sum[:])
	return id
}

// MadeKey returns the symbol key of a vertex that a transaction makes: the same when it is tried
// again.
func MadeKey(txn TxnID, ordinal int) string {
	return Symbol{Manager: ManagerCypher}.Child(NamespaceDesc, txn.String()).
		Child(TermDesc, strconv.Itoa(ordinal)).String()
}

// IsMade tells whether a symbol key names a vertex made by Cypher. Nobody else writes such keys, so
// the key alone says who owns a vertex (1.1).
func IsMade(key string) bool { return strings.HasPrefix(key, ManagerCypher+" . ") }

// labelKind returns the kind that a label stands for in the indexes, KindNone if it is a label of
// its own. Vertices that are only pointed at cannot be made.
func labelKind(label string) VertexKind {
	for _, k := range Kinds {
		if k.Label == label && k.Kind != ExternalSymbol && k.Kind != UnresolvedRef {
			return k.Kind
		}
	}
	return KindNone
}

// KindSet returns the kinds as which a scan finds the vertex: its own and those of its labels.
func (v *Vertex) KindSet() KindSet {
	set := NewKindSet(v.Kind)
	for _, l := range v.Labels {
		if k := labelKind(l); k != KindNone {
			set |= NewKindSet(k)
		}
	}
	return set
}

const (
	madeFormat    = 1
	halfFormat    = 1
	overlayFormat = 1
)

// EncodeMade returns the value of the C row of a vertex.
//
//	+-----+-----+---------------+-------------------------+
//	| fmt | key | n (len label)* | n (len name, value)*    |
//	+-----+-----+---------------+-------------------------+
func EncodeMade(v *Vertex) []byte {
	e := encoder{b: make([]byte, 0, 64+len(v.Key))}
	e.byte(madeFormat)
	e.string(v.Key)
	e.strings(v.Labels)
	e.properties(v.Properties)
	return e.b
}

// DecodeMade decodes the value of a C row. The kind is the first that a label stands for, the name
// the property of that name.
func DecodeMade(id VertexID, b []byte) (*Vertex, error) {
	const op, what = "graph.DecodeMade", "vertex made by Cypher"
	d := decoder{b: b}
	if err := d.checkVersion(op, what, madeFormat); err != nil {
		return nil, err
	}
	v := &Vertex{ID: id, Kind: Custom, Key: d.string(), Labels: d.strings(),
		Properties: d.properties()}
	v.Name = v.Properties.Text("name")
	for i, l := range v.Labels {
		if i > 0 && l <= v.Labels[i-1] {
			d.fail()
		}
	}
	if kinds := v.KindSet() &^ NewKindSet(Custom); kinds != 0 {
		v.Kind = kinds.List()[0]
	}
	return v, d.done(op, what)
}

// Half is what the row of half an edge says beyond its key.
type Half struct {
	Key        string // of the vertex that it lies at, so that it can be named if it goes (1.9)
	OtherKey   string // of the far end
	Properties Properties
}

// Encode returns the value of an e row.
//
//	+-----+-----+-----------+----------------------+
//	| fmt | key | other key | n (len name, value)* |
//	+-----+-----+-----------+----------------------+
func (h *Half) Encode() []byte {
	e := encoder{b: make([]byte, 0, 64+len(h.Key)+len(h.OtherKey))}
	e.byte(halfFormat)
	e.string(h.Key)
	e.string(h.OtherKey)
	e.properties(h.Properties)
	return e.b
}

// DecodeHalf decodes the value of an e row.
func DecodeHalf(b []byte) (*Half, error) {
	const op, what = "graph.DecodeHalf", "half of an edge"
	d := decoder{b: b}
	if err := d.checkVersion(op, what, halfFormat); err != nil {
		return nil, err
	}
	h := &Half{Key: d.string(), OtherKey: d.string(), Properties: d.properties()}
	return h, d.done(op, what)
}

// Overlay is what Cypher laid over an ingested vertex or edge. Edges have no labels.
type Overlay struct {
	Labels     []string // sorted
	Properties Properties
}

// Encode returns the value of a P row, nothing (a tombstone) for an empty overlay.
//
//	+-----+----------------+----------------------+
//	| fmt | n (len label)* | n (len name, value)* |
//	+-----+----------------+----------------------+
func (o *Overlay) Encode() []byte {
	if len(o.Labels) == 0 && len(o.Properties) == 0 {
		return nil
	}
	e := encoder{b: []byte{overlayFormat}}
	e.strings(o.Labels)
	e.properties(o.Properties)
	return e.b
}

// DecodeOverlay decodes the value of a P row.
func DecodeOverlay(b []byte) (*Overlay, error) {
	const op, what = "graph.DecodeOverlay", "overlay"
	d := decoder{b: b}
	if err := d.checkVersion(op, what, overlayFormat); err != nil {
		return nil, err
	}
	o := &Overlay{Labels: d.strings(), Properties: d.properties()}
	return o, d.done(op, what)
}

// MadeIndexRows returns the X rows of a vertex made by Cypher, sorted.
func MadeIndexRows(v *Vertex) []Row { return indexRows(0, v, nil) }

// LabelIndexRows returns the X rows of the labels of an overlay.
func LabelIndexRows(id VertexID, labels []string) []Row {
	var rows []Row
	for _, l := range labels {
		rows = append(rows, Row{indexRowKey(IndexLabel, l, id, 0), present})
	}
	return rows
}

// mergeLabels returns the labels with some added and some taken away, sorted.
func mergeLabels(labels, add, drop []string) []string {
	out := slices.Concat(labels, add)
	out = slices.DeleteFunc(out, func(l string) bool { return slices.Contains(drop, l) })
	slices.Sort(out)
	return slices.Compact(out)
}

// edgeTypeNamed returns the type that a name in an e row stands for and, if Cypher made it up, the
// name again.
func edgeTypeNamed(name string) (EdgeType, string) {
	if t, ok := ParseEdgeType(name); ok && t != CustomEdge {
		return t, ""
	}
	return CustomEdge, name
}

// HalfEdge returns the edge that an e row stands for, as its vertex sees it.
func (r *RowInfo) HalfEdge(h *Half) HalfEdge {
	t, name := edgeTypeNamed(r.Type)
	return HalfEdge{Type: t, TypeName: name, Out: r.Out, Other: r.Other, ID: r.Edge,
		Resolution: Exact, Confidence: 100, Count: 1, Properties: h.Properties}
}
