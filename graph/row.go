package graph

import (
	"encoding/binary"
	"strings"
)

// Row kinds: the first byte of every key of a shard. Values are stored.
//
//	N | v16 | owner8                          vertex fragment
//	D | v16 | owner8                          documentation
//	O | v16 | owner8 | part2                  edges from v given by this owner
//	I | v16 | owner8 | part2                  edges to v given by this owner
//	F | slot2 | owner8 | part2                what the owner wrote
//	X | slot1 | index1 | value 00 | v16 | owner8   exact-value indexes
//	M | ...                                   the shard's own state; never in a batch
//
// Only transactions write these, and the X rows of owner 0 (1.1):
//
//	C | v16                                   vertex made by Cypher
//	e | v16 | dir1 | type 00 | other16 | id16 half of an edge made by Cypher, at each of its ends
//	P | v16 | 0                               labels and properties laid over an ingested vertex
//	P | v16 | dir1 | type1 | other16          properties laid over an ingested edge, at both ends
//	L | name | 00 | txn16                     lock (lock.go)
//	T | slot1 | txn16                         the transaction's record
//	T | slot1 | txn16 | key                   staged: a C, e, P, X row to be, or an L row to go
//
// All numbers are big-endian; dir is 1 for out, 2 for in. A shard appends layer and timestamp to
// the keys of all but L, T and M (shard/doc.go). Imports write import ids there, transactions
// commit timestamps.
const (
	RowVertex  = 'N'
	RowDoc     = 'D'
	RowOut     = 'O'
	RowIn      = 'I'
	RowOwner   = 'F'
	RowIndex   = 'X'
	RowMeta    = 'M'
	RowMade    = 'C'
	RowHalf    = 'e'
	RowOverlay = 'P'
	RowLock    = 'L'
	RowTxn     = 'T'
)

// Index names one exact-value index among the X rows. Values are stored.
type Index uint8

// The exact-value indexes.
const (
	IndexKind      Index = 1 // one byte: the vertex kind
	IndexName      Index = 2 // name as written
	IndexNameLower Index = 3 // name in lower case
	IndexCamel     Index = 4 // each camel-case or snake-case part of the name, in lower case
	IndexRepo      Index = 5 // 8 bytes: repository id -> its owners (v = slot of the F row)
	IndexPath      Index = 6 // files: base name of the path
	IndexLabel     Index = 7 // labels that Cypher gave, owner 0
	indexes        Index = 8 // after the last
)

// Row is a key without version and its value. An empty value is a tombstone.
type Row struct {
	Key   []byte
	Value []byte
}

const (
	idLen      = 16
	ownerLen   = 8
	partLen    = 2
	maxIndexed = 256 // bytes of an indexed value
)

func vertexRowKey(kind byte, v VertexID, owner OwnerID) []byte {
	k := make([]byte, 0, 1+idLen+ownerLen+partLen)
	k = append(k, kind)
	k = append(k, v[:]...)
	return binary.BigEndian.AppendUint64(k, uint64(owner))
}

func edgeRowKey(kind byte, v VertexID, owner OwnerID, part int) []byte {
	return binary.BigEndian.AppendUint16(vertexRowKey(kind, v, owner), uint16(part))
}

func ownerRowKey(slot Slot, owner OwnerID, part int) []byte {
	k := binary.BigEndian.AppendUint16([]byte{RowOwner}, uint16(slot))
	k = binary.BigEndian.AppendUint64(k, uint64(owner))
	return binary.BigEndian.AppendUint16(k, uint16(part))
}

func indexRowKey(ix Index, value string, v VertexID, owner OwnerID) []byte {
	k := IndexPrefix(byte(v.Slot()>>8), ix, value, true)
	k = append(k, v[:]...)
	return binary.BigEndian.AppendUint64(k, uint64(owner))
}

// VertexPrefix returns the prefix of all rows of one kind (N, D, O, I) of vertex v.
func VertexPrefix(kind byte, v VertexID) []byte { return append([]byte{kind}, v[:]...) }

// OwnerPrefix returns the prefix of the F rows of an owner, or of a whole slot if owner is zero.
func OwnerPrefix(slot Slot, owner OwnerID) []byte {
	k := ownerRowKey(slot, owner, 0)
	if owner == 0 {
		return k[:3]
	}
	return k[:3+ownerLen]
}

// IndexPrefix returns the prefix of the X rows of one bucket of slots (the top 8 bits) with an
// exact value, or with values that begin with it.
func IndexPrefix(bucket byte, ix Index, value string, exact bool) []byte {
	value = indexValue(ix, value)
	k := make([]byte, 0, 3+len(value)+1+idLen+ownerLen)
	k = append(k, RowIndex, bucket, byte(ix))
	k = append(k, value...)
	if exact {
		k = append(k, 0)
	}
	return k
}

// indexValue makes a text fit for an X key: no zero byte and bounded. Binary values have a fixed
// length and may hold zeros.
func indexValue(ix Index, value string) string {
	if ix == IndexKind || ix == IndexRepo {
		return value
	}
	if len(value) > maxIndexed {
		value = value[:maxIndexed]
	}
	return strings.ReplaceAll(value, "\x00", "\x01")
}

// RepoIndexValue returns the value of IndexRepo for a repository.
func RepoIndexValue(repo RepoID) string {
	return string(binary.BigEndian.AppendUint64(nil, uint64(repo)))
}

// KindIndexValue returns the value of IndexKind for a kind.
func KindIndexValue(k VertexKind) string { return string([]byte{byte(k)}) }

// RowInfo is what a row key tells.
type RowInfo struct {
	Kind   byte
	Vertex VertexID // zero for F rows
	Owner  OwnerID
	Slot   Slot
	Part   uint16
	Index  Index  // X rows
	Value  string // X rows: the indexed value; L rows: the name of what is locked

	Out    bool     // e and P rows of edges: Vertex is the source
	Type   string   // e and P rows of edges
	Other  VertexID // e and P rows of edges: the far end
	Edge   EdgeID   // e rows
	Txn    TxnID    // L and T rows
	Staged string   // T rows: the key of the staged row; empty: the record
}

// ParseRow parses a row key without version.
func ParseRow(key []byte) (RowInfo, error) {
	var r RowInfo
	if len(key) == 0 {
		return r, badRow(key)
	}
	r.Kind = key[0]
	rest := key[1:]
	switch r.Kind {
	case RowVertex, RowDoc:
		return r.tail(key, rest, 0)
	case RowOut, RowIn:
		return r.tail(key, rest, partLen)
	case RowOwner:
		if len(rest) != 2+ownerLen+partLen {
			return r, badRow(key)
		}
		r.Slot = Slot(binary.BigEndian.Uint16(rest))
		r.Owner = OwnerID(binary.BigEndian.Uint64(rest[2:]))
		r.Part = binary.BigEndian.Uint16(rest[2+ownerLen:])
		return r, nil
	case RowIndex:
		n := len(rest) - idLen - ownerLen
		if n < 3 || rest[n-1] != 0 {
			return r, badRow(key)
		}
		r.Index, r.Value = Index(rest[1]), string(rest[2:n-1])
		if !validIndexed(r.Index, r.Value) {
			return r, badRow(key)
		}
		r, err := r.tail(key, rest[n:], 0)
		if err != nil || byte(r.Slot>>8) != rest[0] {
			return r, badRow(key)
		}
		return r, nil
	}
	if parseTxnRow(&r, rest) {
		return r, nil
	}
	return RowInfo{}, badRow(key)
}

// validIndexed tells whether a value is one that indexValue can have made: an X key must parse from
// its front, too.
func validIndexed(ix Index, value string) bool {
	switch ix {
	case IndexKind:
		return len(value) == 1
	case IndexRepo:
		return len(value) == 8
	}
	return ix > 0 && ix < indexes && len(value) <= maxIndexed && strings.IndexByte(value, 0) < 0
}

func (r RowInfo) tail(key, rest []byte, part int) (RowInfo, error) {
	if len(rest) != idLen+ownerLen+part {
		return r, badRow(key)
	}
	copy(r.Vertex[:], rest)
	r.Slot = r.Vertex.Slot()
	r.Owner = OwnerID(binary.BigEndian.Uint64(rest[idLen:]))
	if part > 0 {
		r.Part = binary.BigEndian.Uint16(rest[idLen+ownerLen:])
	}
	return r, nil
}

func badRow(key []byte) error {
	return Errorf("graph.ParseRow", KindCorrupt, "row key %x is malformed", key[:min(len(key), 64)])
}
