package shard

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/codegraphdb/codegraph/graph"
)

// randomKey makes a stored key, a prefix of one, or noise; alphabets are small so that keys meet.
func randomKey(r *rand.Rand) []byte {
	small := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = []byte{0, 1, 'a', 0xff}[r.IntN(4)]
		}
		return b
	}
	var k []byte
	var v, other graph.VertexID
	copy(v[:], small(idLen))
	copy(other[:], small(idLen))
	var edge graph.EdgeID
	copy(edge[:], small(len(edge)))
	var txn graph.TxnID
	copy(txn[:], small(txnLen))
	switch kind := "NDOIFXM?CePQLT"[r.IntN(14)]; kind {
	case 'N', 'D':
		k = append([]byte{kind}, small(idLen+ownerLen)...)
	case 'O', 'I':
		k = append([]byte{kind}, small(idLen+ownerLen+partLen)...)
	case 'F':
		k = append([]byte{kind}, small(2+ownerLen+partLen)...)
	case 'X':
		var id graph.VertexID
		copy(id[:], small(idLen))
		ix := graph.Index(1 + r.IntN(6))
		value := bytes.ReplaceAll(small(r.IntN(4)), []byte{0}, []byte{'b'})
		switch ix {
		case graph.IndexKind:
			value = small(1)
		case graph.IndexRepo:
			value = small(8)
		}
		k = graph.IndexPrefix(id[0], ix, string(value), true)
		k = append(append(k, id[:]...), small(ownerLen)...)
	case 'C':
		k = graph.MadeRowKey(v)
	case 'e':
		k = graph.HalfRowKey(v, r.IntN(2) == 0, []string{"a", "ab", "KNOWS"}[r.IntN(3)], other, edge)
	case 'P':
		k = graph.OverlayRowKey(v)
	case 'Q':
		k = graph.EdgeOverlayRowKey(v, r.IntN(2) == 0, graph.Calls, other)
	case 'L':
		return cut(r, graph.LockRowKey(randomLock(r, v, other, edge), txn))
	case 'T':
		inner := [][]byte{nil, graph.MadeRowKey(v), graph.OverlayRowKey(v),
			graph.LockRowKey(randomLock(r, v, other, edge), txn)}[r.IntN(4)]
		return cut(r, graph.StagedRowKey(v.Slot(), txn, inner))
	case 'M':
		return append([]byte{kind}, small(r.IntN(12))...)
	default:
		return small(r.IntN(40))
	}
	if r.IntN(4) > 0 {
		k = appendVersion(k, graph.Timestamp(r.IntN(3)*2+1))
	}
	return cut(r, k)
}

func cut(r *rand.Rand, k []byte) []byte {
	if r.IntN(4) == 0 {
		k = k[:r.IntN(len(k)+1)]
	}
	return k
}

// randomLock returns the name of a lock near a vertex.
func randomLock(r *rand.Rand, v, other graph.VertexID, edge graph.EdgeID) string {
	on := graph.Element{Vertex: graph.Ref{ID: v, Key: "cypher . x."},
		Other: graph.Ref{ID: other, Key: "cypher . y."}, Type: "KNOWS", ID: edge}
	p := graph.TxnPart{Mutations: []graph.Mutation{{Kind: graph.MutateCreate, On: on, Halves: 3}},
		Reads: []graph.ReadEntry{{Kind: graph.ReadEdges, Vertex: v}, {Kind: graph.ReadEdges, Vertex: v,
			Type: "KNOWS"}, {Kind: graph.ReadIndex, Index: graph.IndexName, Value: "n"}},
		Locks: []graph.LockRequest{{Vertex: on.Vertex, Exclusive: true}}}
	held := p.HeldLocks(graph.SlotRange{Lo: uint16(v.Slot()), Hi: uint16(v.Slot())})
	return held[r.IntN(len(held))].Name
}

// TestComparer holds the comparer to the contract of pebble.Comparer over pairs of keys, bare
// prefixes and noise (5.7). pebble.CheckComparer cannot be used: it also wants prefixes without
// their first bytes to be prefixes, for synthetic prefixes, which a store of ours never has.
func TestComparer(t *testing.T) {
	c := newComparer()
	r := rand.New(rand.NewPCG(1, 2))
	for range 300_000 {
		a, b := randomKey(r), randomKey(r)
		an, bn := c.Split(a), c.Split(b)
		want := bytes.Compare(a[:an], b[:bn])
		if want == 0 {
			want = c.ComparePointSuffixes(a[an:], b[bn:])
		}
		if got := c.Compare(a, b); got != want {
			t.Fatalf("Compare(%x, %x) = %d, by prefix and suffix %d", a, b, got, want)
		}
		if n := c.Split(a[:an]); n != an {
			t.Fatalf("Split(%x) = %d, of the prefix alone %d", a, an, n)
		}
		if an < len(a) && c.Compare(a[:an], a) >= 0 {
			t.Fatalf("prefix of %x does not sort before it", a)
		}
		if c.Compare(a, b) < 0 && len(a) > 0 {
			sep := c.Separator(nil, a, b)
			if c.Compare(a, sep) > 0 || c.Compare(sep, b) >= 0 {
				t.Fatalf("Separator(%x, %x) = %x", a, b, sep)
			}
		}
		if x, y := c.AbbreviatedKey(a), c.AbbreviatedKey(b); x < y != (x < y && c.Compare(a, b) < 0) {
			t.Fatalf("AbbreviatedKey(%x), (%x) contradict Compare", a, b)
		}
	}
}

func TestSplit(t *testing.T) {
	v := graph.IDOf("gomod m `a/b`/f().")
	owner := make([]byte, 8)
	for _, test := range []struct {
		name   string
		prefix []byte
		rest   []byte
	}{
		{"vertex", graph.VertexPrefix('N', v), owner},
		{"out edges", graph.VertexPrefix('O', v), append(owner, 0, 1)},
		{"owner", graph.OwnerPrefix(7, 9), []byte{0, 3}},
		{"name", graph.IndexPrefix(1, graph.IndexName, "main", true), append(v[:], owner...)},
		{"repo", graph.IndexPrefix(1, graph.IndexRepo, graph.RepoIndexValue(256), true),
			append(v[:], owner...)},
		{"kind", graph.IndexPrefix(1, graph.IndexKind, "\x00", true), append(v[:], owner...)},
	} {
		key := appendVersion(append(bytes.Clone(test.prefix), test.rest...), 5)
		if n := splitKey(key); n != len(test.prefix) {
			t.Errorf("%s: Split = %d, want %d", test.name, n, len(test.prefix))
		}
		row, id := splitVersion(key)
		if id != 5 || !bytes.Equal(row, key[:len(key)-versionLen]) {
			t.Errorf("%s: version %d of %x", test.name, id, row)
		}
	}
	older, newer := appendVersion([]byte("N"), 3), appendVersion([]byte("N"), 5)
	if bytes.Compare(newer, older) >= 0 {
		t.Error("the newer version does not come first")
	}
}

// TestRowSlotAgreesWithParseRow: the check that Apply makes must accept what readers can parse.
func TestRowSlotAgreesWithParseRow(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	accepted := 0
	for range 200_000 {
		key := randomKey(r)
		row := key
		if r.IntN(2) == 0 {
			row, _ = splitVersion(key)
		}
		info, err := graph.ParseRow(row)
		slot, ok := rowSlot(row)
		if ok != (err == nil) || ok && slot != info.Slot {
			t.Fatalf("row %x: rowSlot says %d, %v; ParseRow %d, %v", row, slot, ok, info.Slot, err)
		}
		if ok {
			accepted++
		}
	}
	if accepted < 1000 {
		t.Fatalf("only %d keys were well-formed", accepted)
	}
}

func TestSuccessor(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"a", "b"}, {"a\xff", "b"}, {"a\xff\xff", "b"}, {"\xff", ""}, {"ab\x00", "ab\x01"},
	} {
		if got := string(successor([]byte(test.in))); got != test.want {
			t.Errorf("successor(%q) = %q, want %q", test.in, got, test.want)
		}
	}
}

func TestDigestArithmetic(t *testing.T) {
	a, b := Digest{1, 1<<64 - 1}, Digest{3, 2}
	if got := a.add(b); got != (Digest{5, 1}) {
		t.Errorf("add: %v", got)
	}
	if got := a.add(b).sub(b); got != a {
		t.Errorf("add and sub: %v", got)
	}
	var h hasher
	k := binary.BigEndian.AppendUint64([]byte("N"), 1)
	if h.row(k, []byte("x")) == h.row(k, []byte("y")) {
		t.Error("the value is not part of the hash")
	}
}
