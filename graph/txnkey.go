package graph

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
)

// Directions of halves and overlays in keys. They are stored.
const (
	dirVertex = 0 // P rows only: the vertex itself
	dirOut    = 1
	dirIn     = 2
)

func direction(out bool) byte {
	if out {
		return dirOut
	}
	return dirIn
}

// MadeRowKey returns the key of the C row of a vertex.
func MadeRowKey(v VertexID) []byte { return append([]byte{RowMade}, v[:]...) }

// HalfPrefix returns the prefix of the e rows of a vertex in one direction and, unless typ is
// empty, of one type.
func HalfPrefix(v VertexID, out bool, typ string) []byte {
	k := make([]byte, 0, 1+idLen+1+len(typ)+1+idLen+edgeIDLen+12)
	k = append(append(append(k, RowHalf), v[:]...), direction(out))
	if typ != "" {
		k = append(append(k, typ...), 0)
	}
	return k
}

// HalfRowKey returns the key of the e row of an edge at v.
func HalfRowKey(v VertexID, out bool, typ string, other VertexID, id EdgeID) []byte {
	return append(append(HalfPrefix(v, out, typ), other[:]...), id[:]...)
}

// OverlayRowKey returns the key of the P row of a vertex.
func OverlayRowKey(v VertexID) []byte {
	return append(VertexPrefix(RowOverlay, v), dirVertex)
}

// EdgeOverlayRowKey returns the key of the P row of an ingested edge at v.
func EdgeOverlayRowKey(v VertexID, out bool, typ EdgeType, other VertexID) []byte {
	return append(append(VertexPrefix(RowOverlay, v), direction(out), byte(typ)), other[:]...)
}

// RecordRowKey returns the key of the record of a transaction at a slot.
func RecordRowKey(slot Slot, txn TxnID) []byte { return StagedPrefix(byte(slot>>8), txn) }

// StagedPrefix returns the prefix of what a transaction has staged in one bucket of slots.
func StagedPrefix(bucket byte, txn TxnID) []byte {
	return append([]byte{RowTxn, bucket}, txn[:]...)
}

// StagedRowKey returns the key under which a row of a slot is staged.
func StagedRowKey(slot Slot, txn TxnID, key []byte) []byte {
	return append(RecordRowKey(slot, txn), key...)
}

// parseTxnRow parses the keys that only transactions write.
func parseTxnRow(r *RowInfo, rest []byte) bool {
	switch r.Kind {
	case RowMade:
		return len(rest) == idLen && r.vertex(rest)
	case RowHalf:
		return parseHalf(r, rest)
	case RowOverlay:
		return parseOverlay(r, rest)
	case RowLock:
		n := len(rest) - txnLen - 1
		if n < 0 || rest[n] != 0 {
			return false
		}
		slot, ok := lockSlot(string(rest[:n]))
		r.Value, r.Slot = string(rest[:n]), slot
		copy(r.Txn[:], rest[n+1:])
		return ok
	case RowTxn:
		return parseStaged(r, rest)
	}
	return false
}

func (r *RowInfo) vertex(rest []byte) bool {
	copy(r.Vertex[:], rest)
	r.Slot = r.Vertex.Slot()
	return true
}

func parseHalf(r *RowInfo, rest []byte) bool {
	n := len(rest) - idLen - edgeIDLen - 1
	if n <= idLen+1 || rest[n] != 0 || !r.vertex(rest) || !parseDirection(r, rest[idLen]) {
		return false
	}
	typ := rest[idLen+1 : n]
	if len(typ) > MaxNameBytes || bytes.IndexByte(typ, 0) >= 0 {
		return false
	}
	r.Type = string(typ)
	copy(r.Other[:], rest[n+1:])
	copy(r.Edge[:], rest[n+1+idLen:])
	return true
}

func parseOverlay(r *RowInfo, rest []byte) bool {
	if len(rest) <= idLen {
		return false
	}
	r.vertex(rest)
	if rest[idLen] == dirVertex {
		return len(rest) == idLen+1
	}
	if len(rest) != idLen+2+idLen || !parseDirection(r, rest[idLen]) {
		return false
	}
	t := EdgeType(rest[idLen+1])
	r.Type = t.String()
	copy(r.Other[:], rest[idLen+2:])
	return t.Valid()
}

func parseDirection(r *RowInfo, dir byte) bool {
	r.Out = dir == dirOut
	return dir == dirOut || dir == dirIn
}

func parseStaged(r *RowInfo, rest []byte) bool {
	if len(rest) < 1+txnLen {
		return false
	}
	copy(r.Txn[:], rest[1:])
	if len(rest) == 1+txnLen {
		r.Slot = Slot(rest[0]) << 8
		return true
	}
	key := rest[1+txnLen:]
	switch key[0] {
	case RowMade, RowHalf, RowOverlay, RowIndex, RowLock:
	default:
		return false
	}
	inner, err := ParseRow(key)
	if err != nil || byte(inner.Slot>>8) != rest[0] {
		return false
	}
	r.Staged, r.Slot = string(key), inner.Slot
	return true
}

// What follows the slot in the name of a lock.
const (
	lockVertex = 'v'
	lockIndex  = 'x'
)

// Names of locks form a tree: a lock covers everything whose name begins with its own.
//
//	slot2 'v' id14                            a vertex, with all below
//	slot2 'v' id14 'k'                        that it is there
//	slot2 'v' id14 'p'                        its labels and properties
//	slot2 'v' id14 'e' dir1                   its edges in one direction
//	slot2 'v' id14 'e' dir1 't' len2 type     of one type
//	... 'o' other16 id16                      one edge
//	bucket1 0 'x' index1 len2 value           what an index holds under a value, in one bucket
func vertexLock(v VertexID, part string) string {
	return string(v[:2]) + "v" + string(v[2:]) + part
}

func edgesLock(v VertexID, out bool, typ string) string {
	part := []byte{'e', direction(out)}
	if typ != "" {
		part = binary.BigEndian.AppendUint16(append(part, 't'), uint16(len(typ)))
		part = append(part, typ...)
	}
	return vertexLock(v, string(part))
}

func edgeLock(v VertexID, out bool, typ string, other VertexID, id EdgeID) string {
	return edgesLock(v, out, typ) + "o" + string(other[:]) + string(id[:])
}

func indexLock(bucket byte, ix Index, value string) string {
	value = indexValue(ix, value)
	b := []byte{bucket, 0, lockIndex, byte(ix)}
	b = binary.BigEndian.AppendUint16(b, uint16(len(value)))
	return string(append(b, value...))
}

// IndexLockOf returns the name of the lock over what an X row stands for.
func IndexLockOf(row *RowInfo) string { return indexLock(byte(row.Slot>>8), row.Index, row.Value) }

const (
	lockHead  = 2 + 1 + idLen - 2 // of the name of a vertex's lock
	lockTyped = lockHead + 2 + 1 + 2
)

// LockLineage returns the name of a lock and those of all locks that cover it, outermost first; nil
// if there is no such lock.
func LockLineage(name string) []string {
	if len(name) < 3 {
		return nil
	}
	if name[2] == lockIndex {
		const head = 6
		if len(name) < head || name[1] != 0 ||
			len(name) != head+int(binary.BigEndian.Uint16([]byte(name[4:head]))) ||
			!validIndexed(Index(name[3]), name[head:]) {
			return nil
		}
		return []string{name}
	}
	if name[2] != lockVertex || len(name) < lockHead {
		return nil
	}
	out := []string{name[:lockHead]}
	rest := name[lockHead:]
	switch {
	case rest == "":
		return out
	case rest == "k" || rest == "p":
		return append(out, name)
	case len(rest) < 2 || rest[0] != 'e' || rest[1] != dirOut && rest[1] != dirIn:
		return nil
	case len(rest) == 2:
		return append(out, name)
	case len(name) < lockTyped || rest[2] != 't':
		return nil
	}
	out = append(out, name[:lockHead+2])
	end := lockTyped + int(binary.BigEndian.Uint16([]byte(name[lockTyped-2:lockTyped])))
	switch {
	case len(name) == end:
		return append(out, name)
	case len(name) == end+1+idLen+edgeIDLen && name[end] == 'o':
		return append(out, name[:end], name)
	}
	return nil
}

func lockSlot(name string) (Slot, bool) {
	if LockLineage(name) == nil {
		return 0, false
	}
	return Slot(binary.BigEndian.Uint16([]byte(name[:2]))), true
}

// LockPrefix returns the prefix of the L rows of a lock and of all that it covers.
func LockPrefix(name string) []byte { return append([]byte{RowLock}, name...) }

// LockRowKey returns the key of the L row by which a transaction holds a lock.
func LockRowKey(name string, txn TxnID) []byte {
	return append(append(LockPrefix(name), 0), txn[:]...)
}

// LockText says in words what a lock covers.
func LockText(name string) string {
	lineage := LockLineage(name)
	if len(lineage) == 0 {
		return fmt.Sprintf("lock %x", name)
	}
	if name[2] == lockIndex {
		return fmt.Sprintf("index %d, value %q", name[3], name[6:])
	}
	v := "vertex " + hex.EncodeToString([]byte(name[:2]+name[3:lockHead]))
	switch rest := name[lockHead:]; {
	case rest == "k":
		return "the existence of " + v
	case strings.HasPrefix(rest, "e"):
		dir := map[byte]string{dirOut: "out", dirIn: "in"}[rest[1]]
		typ := ""
		if len(lineage) > 2 {
			typ = " of type " + lineage[2][lockTyped:]
		}
		if len(lineage) == 4 {
			return "an edge" + typ + " (" + dir + ") of " + v
		}
		return "the edges" + typ + " (" + dir + ") of " + v
	}
	return v
}

// VertexLockPrefix returns the prefix of the L rows of a vertex and of all that belongs to it.
func VertexLockPrefix(v VertexID) []byte { return LockPrefix(vertexLock(v, "")) }

// IsEdgeLock tells whether a lock covers edges of a vertex only.
func IsEdgeLock(name string) bool {
	return len(name) > lockHead && name[2] == lockVertex && name[lockHead] == 'e'
}
