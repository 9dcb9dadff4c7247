package graph

import (
	"slices"
)

// CheckKind is what a precondition demands. Values travel and are stored in logs.
type CheckKind uint8

// The kinds of preconditions.
const (
	CheckExists    CheckKind = 1
	CheckAbsent    CheckKind = 2
	CheckEquals    CheckKind = 3 // a property has a value, or, if the value is nil, is not there
	CheckUnchanged CheckKind = 4 // nothing was committed after Since
)

// Check is a precondition. It is judged in the shard of the vertex, or of the source of the edge.
// What Cypher writes there cannot change before the transaction has ended. A property is one that
// Cypher gave: what imports write is in no transaction's hands.
type Check struct {
	Kind     CheckKind
	On       Element
	Property string
	Value    any
	Since    Timestamp
}

// Validate tells why a precondition can never be judged.
func (c *Check) Validate() error {
	if err := c.On.validate(); err != nil {
		return err
	}
	bad := Errorf("graph.Validate", KindInvalid, "precondition on %s is malformed", &c.On)
	switch c.Kind {
	case CheckExists, CheckAbsent:
		if c.On.IsEdge() && c.On.ID == (EdgeID{}) {
			return Errorf("graph.Validate", KindUnsupported,
				"%s comes from ingest: there is no such precondition on it", &c.On).
				WithReason(ReasonOwnedByIngest).WithRemedy("put its source into the read set")
		}
		return nil
	case CheckUnchanged:
		return nil
	case CheckEquals:
		if c.Value != nil {
			if err := CheckValue(c.Value); err != nil {
				return err
			}
		}
		return checkName("property", c.Property)
	}
	return bad
}

// ReadKind is what a transaction has read. Values travel and are stored in logs.
type ReadKind uint8

// The kinds of entries in a read set.
const (
	ReadVertex ReadKind = 1 // the vertex, with labels and properties
	ReadEdges  ReadKind = 2 // its edges in one direction, of one type or of all
	ReadIndex  ReadKind = 3 // all vertices that an index holds under a value, in all shards
)

// ReadEntry is one entry of a read set: it must not have changed when the transaction commits, and
// nothing may have been added to it.
type ReadEntry struct {
	Kind   ReadKind
	Vertex VertexID
	Out    bool   // ReadEdges
	Type   string // ReadEdges; empty means all
	Index  Index  // ReadIndex
	Value  string // ReadIndex
}

// Validate tells why an entry can never be judged.
func (r *ReadEntry) Validate() error {
	switch r.Kind {
	case ReadVertex:
		return nil
	case ReadEdges:
		if r.Type == "" {
			return nil
		}
		return checkName("edge type", r.Type)
	case ReadIndex:
		if validIndexed(r.Index, indexValue(r.Index, r.Value)) && r.Index != IndexRepo {
			return nil
		}
	}
	return Errorf("graph.Validate", KindInvalid, "entry of a read set is malformed")
}

// Prefixes returns the prefixes of the rows that the entry stands for, but for one about an index.
// Ingest gives no edges of a type that Cypher made up; which types its rows hold the keys do not
// tell.
func (r *ReadEntry) Prefixes() [][]byte {
	if r.Kind == ReadVertex {
		return [][]byte{MadeRowKey(r.Vertex), OverlayRowKey(r.Vertex),
			VertexPrefix(RowVertex, r.Vertex), VertexPrefix(RowDoc, r.Vertex)}
	}
	halves := HalfPrefix(r.Vertex, r.Out, r.Type)
	overlay := append(VertexPrefix(RowOverlay, r.Vertex), direction(r.Out))
	if r.Type != "" {
		t, madeUp := edgeTypeNamed(r.Type)
		if madeUp != "" {
			return [][]byte{halves}
		}
		overlay = append(overlay, byte(t))
	}
	kind := byte(RowOut)
	if !r.Out {
		kind = RowIn
	}
	return [][]byte{halves, VertexPrefix(kind, r.Vertex), overlay}
}

// LockRequest asks for a lock on a vertex made by Cypher: a shared one keeps it from being deleted,
// an exclusive one keeps everybody else from writing it or its edges.
type LockRequest struct {
	Vertex    Ref
	Exclusive bool
}

// Validate tells why a lock can never be had.
func (l *LockRequest) Validate() error {
	if err := checkKey(l.Vertex); err != nil {
		return err
	}
	if !l.Vertex.Made() {
		return Errorf("graph.Validate", KindUnsupported,
			"vertex %s comes from ingest: there are no locks on it", l.Vertex.Key).
			WithReason(ReasonOwnedByIngest)
	}
	return nil
}

// TxnPart is what a transaction does: all of it, or, after Split, in one shard.
type TxnPart struct {
	Mutations []Mutation // carried out in this order
	Checks    []Check
	Reads     []ReadEntry
	Locks     []LockRequest
}

// Validate tells why a transaction can never be carried out.
func (p *TxnPart) Validate() error {
	for i := range p.Mutations {
		if err := p.Mutations[i].Validate(); err != nil {
			return err
		}
	}
	for i := range p.Checks {
		if err := p.Checks[i].Validate(); err != nil {
			return err
		}
	}
	for i := range p.Reads {
		if err := p.Reads[i].Validate(); err != nil {
			return err
		}
	}
	for i := range p.Locks {
		if err := p.Locks[i].Validate(); err != nil {
			return err
		}
	}
	return nil
}

// Primary returns the slot whose shard decides the transaction. It follows from the operations, so
// that a retry asks the same shard.
func (p *TxnPart) Primary() Slot {
	switch {
	case len(p.Mutations) > 0:
		return p.Mutations[0].On.Vertex.ID.Slot()
	case len(p.Locks) > 0:
		return p.Locks[0].Vertex.ID.Slot()
	case len(p.Checks) > 0:
		return p.Checks[0].On.Vertex.ID.Slot()
	case len(p.Reads) > 0:
		return p.Reads[0].Vertex.Slot()
	}
	return 0
}

// Slots returns the smallest range with all slots that the part touches; false if it touches none.
// Entries of the read set about an index touch no slot.
func (p *TxnPart) Slots() (r SlotRange, ok bool) {
	r = SlotRange{Lo: Slots - 1, Hi: 0}
	add := func(s Slot) { r, ok = r.with(s), true }
	for i := range p.Mutations {
		p.Mutations[i].slots(add)
	}
	for i := range p.Checks {
		add(p.Checks[i].On.Vertex.ID.Slot())
	}
	for i := range p.Reads {
		if p.Reads[i].Kind != ReadIndex {
			add(p.Reads[i].Vertex.Slot())
		}
	}
	for i := range p.Locks {
		add(p.Locks[i].Vertex.ID.Slot())
	}
	return r, ok
}

// ReadsIndex tells whether the read set has something about an index: then the part in a shard is
// about all of the shard's slots.
func (p *TxnPart) ReadsIndex() bool {
	return slices.ContainsFunc(p.Reads, func(r ReadEntry) bool { return r.Kind == ReadIndex })
}

// HeldLock is a lock that a transaction needs.
type HeldLock struct {
	Name      string
	Exclusive bool
}

// HeldLocks returns the locks that the part needs in a shard with the given slots, sorted by name;
// of two over the same the exclusive one counts. What they cover follows from the operations alone.
func (p *TxnPart) HeldLocks(slots SlotRange) []HeldLock {
	var out []HeldLock
	shared := func(name string) { out = append(out, HeldLock{name, false}) }
	exclusive := func(name string) { out = append(out, HeldLock{name, true}) }
	for i := range p.Mutations {
		p.Mutations[i].locks(exclusive)
	}
	for i := range p.Checks {
		p.Checks[i].lock(shared)
	}
	for i := range p.Reads {
		p.Reads[i].locks(slots, shared)
	}
	for _, l := range p.Locks {
		if l.Exclusive {
			exclusive(vertexLock(l.Vertex.ID, ""))
		} else {
			shared(vertexLock(l.Vertex.ID, "k"))
		}
	}
	slices.SortFunc(out, func(a, b HeldLock) int {
		switch {
		case a.Name < b.Name:
			return -1
		case a.Name > b.Name:
			return 1
		case a.Exclusive == b.Exclusive:
			return 0
		case a.Exclusive:
			return -1
		}
		return 1
	})
	return slices.CompactFunc(out, func(a, b HeldLock) bool { return a.Name == b.Name })
}

// locks passes the locks of a mutation. That of half an edge lies below its vertex in the tree of
// names: so it keeps the vertex from being deleted, as a shared lock on it would, and many edges
// can be made at one vertex at a time (3.5).
func (m *Mutation) locks(exclusive func(string)) {
	if !m.On.IsEdge() {
		part := ""
		if m.Kind == MutateSet {
			part = "p"
		}
		exclusive(vertexLock(m.On.Vertex.ID, part))
		return
	}
	for _, out := range halvesAll {
		if m.At(out) {
			exclusive(m.On.halfLock(out))
		}
	}
}

func (c *Check) lock(shared func(string)) {
	if c.On.IsEdge() {
		shared(c.On.halfLock(true))
		return
	}
	shared(vertexLock(c.On.Vertex.ID, "p"))
}

func (r *ReadEntry) locks(slots SlotRange, shared func(string)) {
	switch r.Kind {
	case ReadVertex:
		shared(vertexLock(r.Vertex, "p"))
	case ReadEdges:
		shared(edgesLock(r.Vertex, r.Out, r.Type))
	case ReadIndex:
		for b := int(slots.Lo >> 8); b <= int(slots.Hi>>8); b++ {
			shared(indexLock(byte(b), r.Index, r.Value))
		}
	}
}

// ShardRange names a shard and its slots.
type ShardRange struct {
	ID    uint64
	Slots SlotRange
}

// ShardPart is the part of a transaction in one shard.
type ShardPart struct {
	Shard uint64
	Slots SlotRange // what it touches there
	Part  TxnPart
}

// Split cuts a transaction into its parts by shard, in the order of the shards. The two halves of
// an edge go to the shards of its ends. It fails if a slot has no shard.
func (p *TxnPart) Split(shards []ShardRange) ([]ShardPart, error) {
	parts := make([]TxnPart, len(shards))
	var lost error
	at := func(s Slot) *TxnPart {
		for i := range shards {
			if shards[i].Slots.Has(s) {
				return &parts[i]
			}
		}
		lost = Errorf("graph.Split", KindUnavailable, "no shard has slot %d", s)
		return &TxnPart{}
	}
	for _, m := range p.Mutations {
		p.splitMutation(m, at)
	}
	for _, c := range p.Checks {
		t := at(c.On.Vertex.ID.Slot())
		t.Checks = append(t.Checks, c)
	}
	for _, l := range p.Locks {
		t := at(l.Vertex.ID.Slot())
		t.Locks = append(t.Locks, l)
	}
	for _, r := range p.Reads {
		if r.Kind == ReadIndex {
			for i := range parts {
				parts[i].Reads = append(parts[i].Reads, r)
			}
			continue
		}
		t := at(r.Vertex.Slot())
		t.Reads = append(t.Reads, r)
	}
	if lost != nil {
		return nil, lost
	}
	var out []ShardPart
	for i := range parts {
		t := &parts[i]
		slots, touched := t.Slots()
		if !touched && len(t.Reads) == 0 {
			continue
		}
		if t.ReadsIndex() {
			slots = shards[i].Slots
		}
		out = append(out, ShardPart{shards[i].ID, slots, *t})
	}
	return out, nil
}

func (p *TxnPart) splitMutation(m Mutation, at func(Slot) *TxnPart) {
	if !m.On.IsEdge() {
		t := at(m.On.Vertex.ID.Slot())
		t.Mutations = append(t.Mutations, m)
		return
	}
	src, dst := at(m.On.Vertex.ID.Slot()), at(m.On.Other.ID.Slot())
	if src == dst {
		src.Mutations = append(src.Mutations, m)
		return
	}
	for _, out := range halvesAll {
		if half := m; m.At(out) {
			t := src
			half.Halves = HalfOut
			if !out {
				t, half.Halves = dst, HalfIn
			}
			t.Mutations = append(t.Mutations, half)
		}
	}
}
