package shard

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/codegraphdb/codegraph/graph"
)

// storeFormat is the version of everything in a store; a newer one is refused.
const storeFormat = 2

// position is a place in the log.
type position struct {
	index, term uint64
}

// slotState counts the physical rows of a slot and sums their hashes.
type slotState struct {
	rows   int64
	digest Digest
}

// gcState is how far garbage collection has come.
type gcState struct {
	safepoint graph.Timestamp   // reads below it are refused
	watermark graph.Timestamp   // S8
	pins      []graph.Timestamp // below the safepoint, still readable; sorted
	// changed is the first and the last commit of a transaction whose leavings no pass has seen to
	// the end; zero: there are none.
	changed [2]graph.Timestamp
	pass    uint64 // log index at which the pass under way began; zero: none
	cursor  []byte // where its next command must begin
}

// state is the shard's own rows, held in memory. Only Apply and Open change it.
type state struct {
	applied     position
	base        uint64
	incarnation uint64
	desc        Descriptor
	gc          gcState
	imports     map[graph.Timestamp]*importState
	slots       map[graph.Slot]*slotState
	kinds       map[byte]int64
	pending     map[graph.TxnID]*graph.TxnRecord // staged here, not resolved
}

func newState() *state {
	return &state{imports: map[graph.Timestamp]*importState{},
		slots: map[graph.Slot]*slotState{}, kinds: map[byte]int64{},
		pending: map[graph.TxnID]*graph.TxnRecord{}}
}

// slot returns the state of a slot, a new one if it has no rows.
func (st *state) slot(s graph.Slot) *slotState {
	ss := st.slots[s]
	if ss == nil {
		ss = &slotState{}
		st.slots[s] = ss
	}
	return ss
}

// sortedImports lists the import ids in ascending order.
func (st *state) sortedImports() []graph.Timestamp {
	return slices.Sorted(maps.Keys(st.imports))
}

// total returns the rows and the digest of all slots. Sums do not depend on the order.
func (st *state) total() (rows int64, d Digest) {
	for _, s := range st.slots {
		rows += s.rows
		d = d.add(s.digest)
	}
	return rows, d
}

// loadState reads the shard's own rows; a store without format is new and gives nil.
func loadState(db pebble.Reader) (*state, error) {
	it, err := db.NewIter(&pebble.IterOptions{LowerBound: []byte{graph.RowMeta},
		UpperBound: []byte{graph.RowMeta + 1}})
	if err != nil {
		return nil, errorf("Open", graph.KindOther, "read the state: %w", err)
	}
	st, fresh := newState(), true
	for ok := it.First(); ok && err == nil; ok = it.Next() {
		var v []byte
		if v, err = it.ValueAndErr(); err != nil {
			break
		}
		fresh = false
		err = st.load(it.Key(), v)
	}
	if cerr := it.Close(); err == nil && cerr != nil {
		err = errorf("Open", graph.KindOther, "read the state: %w", cerr)
	}
	if err != nil || fresh {
		return nil, err
	}
	return st, nil
}

// load takes in one row.
func (st *state) load(key, v []byte) error {
	bad := errorf("Open", graph.KindCorrupt, "row %q of the shard's state is malformed", key)
	if len(key) < 2 {
		return bad
	}
	want := map[byte]int{'a': 16, 'b': 8, 'f': 1, 'n': 8, 's': 24}[key[1]]
	if want != 0 && len(v) != want {
		return bad
	}
	var err error
	switch key[1] {
	case 'a':
		st.applied = position{binary.BigEndian.Uint64(v), binary.BigEndian.Uint64(v[8:])}
	case 'b':
		st.base = binary.BigEndian.Uint64(v)
	case 'd':
		st.desc, err = decodeDescriptor(v)
	case 'f':
		if v[0] != storeFormat {
			err = unsupported("Open", "shard store", v[0], storeFormat)
		}
	case 'g':
		st.gc, err = decodeGC(v)
	case 'i':
		if len(key) != 10 {
			return bad
		}
		id := graph.Timestamp(binary.BigEndian.Uint64(key[2:]))
		st.imports[id], err = decodeImport(v)
	case 'k':
		if len(v)%9 != 0 {
			return bad
		}
		st.kinds = decodeKinds(v)
	case 'n':
		st.incarnation = binary.BigEndian.Uint64(v)
	case 's':
		if len(key) != 4 {
			return bad
		}
		st.slots[graph.Slot(binary.BigEndian.Uint16(key[2:]))] = decodeSlot(v)
	case 't':
		if len(key) != 2+txnLen {
			return bad
		}
		st.pending[graph.TxnID(key[2:])], err = graph.DecodeTxnRecord(v)
	default:
		return bad
	}
	return err
}

func decodeKinds(v []byte) map[byte]int64 {
	kinds := map[byte]int64{}
	for ; len(v) >= 9; v = v[9:] {
		kinds[v[0]] = int64(binary.BigEndian.Uint64(v[1:]))
	}
	return kinds
}

func (p position) encode() []byte {
	return binary.BigEndian.AppendUint64(encodeU64(p.index), p.term)
}

func encodeU64(v uint64) []byte {
	return binary.BigEndian.AppendUint64(make([]byte, 0, 16), v)
}

func (s *slotState) encode() []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 24), uint64(s.rows))
	b = binary.BigEndian.AppendUint64(b, s.digest.Hi)
	return binary.BigEndian.AppendUint64(b, s.digest.Lo)
}

func decodeSlot(v []byte) *slotState {
	return &slotState{int64(binary.BigEndian.Uint64(v)),
		Digest{binary.BigEndian.Uint64(v[8:]), binary.BigEndian.Uint64(v[16:])}}
}

func (st *state) encodeKinds() []byte {
	var b []byte
	for _, k := range slices.Sorted(maps.Keys(st.kinds)) {
		b = binary.BigEndian.AppendUint64(append(b, k), uint64(st.kinds[k]))
	}
	return b
}

const gcFormat = 2

func (g *gcState) encode() []byte {
	b := []byte{gcFormat}
	b = binary.AppendUvarint(b, uint64(g.safepoint))
	b = binary.AppendUvarint(b, uint64(g.watermark))
	b = binary.AppendUvarint(b, g.pass)
	b = binary.AppendUvarint(b, uint64(g.changed[0]))
	b = binary.AppendUvarint(b, uint64(g.changed[1]))
	b = binary.AppendUvarint(b, uint64(len(g.pins)))
	for _, p := range g.pins {
		b = binary.AppendUvarint(b, uint64(p))
	}
	return append(b, g.cursor...)
}

func decodeGC(b []byte) (gcState, error) {
	if len(b) > 0 && b[0] != gcFormat {
		return gcState{}, unsupported("Open", "GC row", b[0], gcFormat)
	}
	r := numbers{rest: b[min(1, len(b)):]}
	g := gcState{safepoint: graph.Timestamp(r.next()), watermark: graph.Timestamp(r.next()),
		pass:    r.next(),
		changed: [2]graph.Timestamp{graph.Timestamp(r.next()), graph.Timestamp(r.next())}}
	for n := r.next(); n > 0 && !r.bad; n-- {
		g.pins = append(g.pins, graph.Timestamp(r.next()))
	}
	if r.bad {
		return g, errorf("Open", graph.KindCorrupt, "GC row is malformed")
	}
	g.cursor = bytes.Clone(r.rest)
	return g, nil
}
