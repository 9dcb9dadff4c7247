package graph

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"path"
	"strings"
)

// Slot is 1/65,536 of the key space: the unit of split and move.
type Slot uint16

// Slots is the number of slots.
const Slots = 1 << 16

// SlotRange is a range of slots, both ends included.
type SlotRange struct {
	Lo, Hi uint16
}

// Has tells whether a slot is in the range.
func (r SlotRange) Has(s Slot) bool { return r.Lo <= uint16(s) && uint16(s) <= r.Hi }

// Covers tells whether every slot of o is in the range.
func (r SlotRange) Covers(o SlotRange) bool { return r.Lo <= o.Lo && o.Hi <= r.Hi }

// with returns the smallest range that has r and s.
func (r SlotRange) with(s Slot) SlotRange {
	return SlotRange{min(r.Lo, uint16(s)), max(r.Hi, uint16(s))}
}

// RepoID is the immutable id of a repository; names may change, ids never do.
type RepoID uint64

// VertexID identifies a vertex: 16 bits of slot, then 112 bits of SHA-256 of the symbol key.
//
//	 0      2                        16
//	+------+--------------------------+
//	| slot | sha256(key)[0:14]        |
//	+------+--------------------------+
type VertexID [16]byte

// IDOf returns the id of the vertex with a symbol key.
func IDOf(key string) VertexID {
	var id VertexID
	sum := sha256.Sum256([]byte(key))
	binary.BigEndian.PutUint16(id[:2], uint16(partitionSlot(key, sum)))
	copy(id[2:], sum[:14])
	return id
}

// Slot returns the slot of the vertex.
func (v VertexID) Slot() Slot { return Slot(binary.BigEndian.Uint16(v[:2])) }

// String returns the id in hexadecimal.
func (v VertexID) String() string { return hex.EncodeToString(v[:]) }

// ParseVertexID parses what String returns.
func ParseVertexID(s string) (VertexID, bool) {
	var v VertexID
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(v) {
		return v, false
	}
	copy(v[:], b)
	return v, true
}

// SlotOf returns the slot of a symbol key.
func SlotOf(key string) Slot { return partitionSlot(key, sha256.Sum256([]byte(key))) }

// partitionSlot hashes the partition key: manager, package and the namespaces without a
// file-level one. A key without namespaces adds 6 bits of its own hash, a key of a manager without
// packages (unresolved, cypher) all of it.
func partitionSlot(key string, sum [32]byte) Slot {
	own := binary.BigEndian.Uint16(sum[14:16])
	s, err := ParseSymbol(key)
	if err != nil || s.Manager == ManagerUnresolved || s.Manager == ManagerCypher {
		return Slot(own)
	}
	part, namespaces := PartitionKey(s)
	h := sha256.Sum256([]byte(part))
	slot := binary.BigEndian.Uint16(h[:2])
	if namespaces == 0 {
		const lowBits = 1<<6 - 1
		slot = slot&^lowBits | own&lowBits
	}
	return Slot(slot)
}

// PartitionKey returns the text that places s and how many namespaces it holds.
func PartitionKey(s Symbol) (text string, namespaces int) {
	var b strings.Builder
	b.WriteString(escapeSpace(s.Manager))
	b.WriteByte(' ')
	b.WriteString(escapeSpace(s.Package))
	b.WriteByte(' ')
	for _, d := range s.Descriptors {
		if d.Kind != NamespaceDesc || fileLevel(s.Manager, d.Name) {
			break
		}
		d.appendTo(&b)
		namespaces++
	}
	return b.String(), namespaces
}

// fileLevel tells whether a namespace names a file. Only managers whose symbols are grouped by
// directory have such namespaces; a Go import path may well end in ".go".
func fileLevel(manager, name string) bool {
	if manager != ManagerNPM && manager != ManagerRepo {
		return false
	}
	return name != "." && path.Ext(name) != "" && !strings.Contains(name, "/")
}

// OwnerID identifies who gave a row: one file as one source sees it.
type OwnerID uint64

// Source is where facts come from. Values are stored; a higher one takes precedence in a merge.
type Source uint8

// The sources of facts.
const (
	SourceTreeSitter Source = 1
	SourceSCIP       Source = 2
)

// OwnerOf returns the owner id of (repository, source, path).
func OwnerOf(repo RepoID, source Source, path string) OwnerID {
	h := sha256.New()
	var head [9]byte
	binary.BigEndian.PutUint64(head[:8], uint64(repo))
	head[8] = byte(source)
	h.Write(head[:])
	h.Write([]byte(path))
	return OwnerID(binary.BigEndian.Uint64(h.Sum(nil)))
}
