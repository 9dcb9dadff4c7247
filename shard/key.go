package shard

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/codegraphdb/codegraph/graph"
)

const (
	idLen      = 16
	ownerLen   = 8
	partLen    = 2
	layerLen   = 4
	stampLen   = 8
	txnLen     = 16
	versionLen = layerLen + stampLen
)

// comparerName is stored in every file; a store with another one is not opened.
const comparerName = "codegraph.shard.v1"

// newComparer returns the order of keys (doc.go): bytewise, with a Split of its own.
func newComparer() *pebble.Comparer {
	c := *pebble.DefaultComparer
	c.Name = comparerName
	c.Split = splitKey
	c.FormatKey = func(key []byte) fmt.Formatter { return formatKey(key) }
	c.ImmediateSuccessor = nil // range keys are not used
	return &c
}

// splitKey returns the length of the prefix; it is total.
func splitKey(key []byte) int {
	if len(key) == 0 {
		return 0
	}
	n := len(key)
	switch key[0] {
	case graph.RowVertex, graph.RowDoc, graph.RowOut, graph.RowIn, graph.RowMade, graph.RowHalf,
		graph.RowOverlay:
		n = 1 + idLen
	case graph.RowOwner:
		n = 1 + 2 + ownerLen
	case graph.RowLock:
		n = 1 + idLen + 1
	case graph.RowTxn:
		n = 1 + 1 + txnLen
	case graph.RowIndex:
		n = indexPrefixLen(key)
	}
	return min(n, len(key))
}

func indexPrefixLen(key []byte) int {
	const head = 3 // X, slot, index
	if len(key) <= head {
		return len(key)
	}
	switch graph.Index(key[2]) {
	case graph.IndexKind:
		return head + 1 + 1
	case graph.IndexRepo:
		return head + 8 + 1
	}
	end := bytes.IndexByte(key[head:], 0)
	if end < 0 {
		return len(key)
	}
	return head + end + 1
}

// appendVersion appends layer 0 and the inverted import id.
func appendVersion(key []byte, id graph.Timestamp) []byte {
	key = append(key, 0, 0, 0, 0)
	return binary.BigEndian.AppendUint64(key, ^uint64(id))
}

// splitVersion takes a stored key apart into row key and import id.
func splitVersion(key []byte) (row []byte, id graph.Timestamp) {
	n := len(key) - versionLen
	if n <= 0 {
		return key, 0
	}
	return key[:n], graph.Timestamp(^binary.BigEndian.Uint64(key[n+layerLen:]))
}

// ingestSlot returns the slot of a well-formed row key of the kinds that imports write (1.1).
func ingestSlot(key []byte) (graph.Slot, bool) {
	if len(key) == 0 {
		return 0, false
	}
	switch key[0] {
	case graph.RowVertex, graph.RowDoc, graph.RowOut, graph.RowIn, graph.RowOwner:
		return rowSlot(key)
	case graph.RowIndex:
		slot, ok := rowSlot(key)
		return slot, ok && bigU64(key[len(key)-ownerLen:]) != 0
	}
	return 0, false
}

// rowSlot returns the slot of a well-formed row key. It is graph.ParseRow for who needs only that:
// for what imports write it allocates nothing.
func rowSlot(key []byte) (graph.Slot, bool) {
	if len(key) == 0 {
		return 0, false
	}
	want, at := 0, 1
	switch key[0] {
	case graph.RowVertex, graph.RowDoc:
		want = 1 + idLen + ownerLen
	case graph.RowOut, graph.RowIn:
		want = 1 + idLen + ownerLen + partLen
	case graph.RowOwner:
		want = 1 + 2 + ownerLen + partLen
	case graph.RowIndex:
		at = indexPrefixLen(key)
		want = at + idLen + ownerLen
		if len(key) != want || !validIndexPrefix(key[:at]) || key[at] != key[1] {
			return 0, false
		}
	default:
		info, err := graph.ParseRow(key)
		return info.Slot, err == nil
	}
	if len(key) != want {
		return 0, false
	}
	return graph.Slot(binary.BigEndian.Uint16(key[at:])), true
}

func validIndexPrefix(p []byte) bool {
	const most = 3 + 256 + 1
	ix := graph.Index(p[2])
	return p[len(p)-1] == 0 && len(p) <= most && ix >= graph.IndexKind && ix <= graph.IndexLabel
}

// successor returns the first key after all keys with a prefix; nil if there is none.
func successor(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xff {
			s := bytes.Clone(prefix[:i+1])
			s[i]++
			return s
		}
	}
	return nil
}

// The keys of the shard's own rows.
var (
	keyApplied     = metaKey('a')
	keyBase        = metaKey('b')
	keyDescriptor  = metaKey('d')
	keyFormat      = metaKey('f')
	keyGC          = metaKey('g')
	keyKinds       = metaKey('k')
	keyIncarnation = metaKey('n')
	prefixImport   = metaKey('i')
	prefixSlot     = metaKey('s')
	prefixPending  = metaKey('t')
)

func metaKey(name byte) []byte { return []byte{graph.RowMeta, name} }

func importKey(id graph.Timestamp) []byte {
	return binary.BigEndian.AppendUint64(bytes.Clone(prefixImport), uint64(id))
}

func pendingKey(id graph.TxnID) []byte { return append(bytes.Clone(prefixPending), id[:]...) }

func slotKey(s graph.Slot) []byte {
	return binary.BigEndian.AppendUint16(bytes.Clone(prefixSlot), uint16(s))
}

// formatKey prints a key for Pebble's messages and tools.
type formatKey []byte

// Format implements fmt.Formatter.
func (k formatKey) Format(f fmt.State, _ rune) {
	row, id := splitVersion(k)
	if len(k) == 0 || k[0] == graph.RowMeta {
		fmt.Fprintf(f, "%q", []byte(k))
		return
	}
	fmt.Fprintf(f, "%c:%x@%d", row[0], row[1:], uint64(id))
}

// lazyText is formatted only when it is written.
type lazyText struct {
	format string
	args   []any
}

// String formats the text.
func (t lazyText) String() string { return fmt.Sprintf(t.format, t.args...) }
