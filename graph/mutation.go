package graph

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Ref names a vertex by its key; the id follows from it.
type Ref struct {
	ID  VertexID
	Key string
}

// RefOf returns the reference to the vertex with a key.
func RefOf(key string) Ref { return Ref{IDOf(key), key} }

// Made tells whether the vertex is made by Cypher.
func (r Ref) Made() bool { return IsMade(r.Key) }

// Element is what an operation is about: a vertex, or an edge if Type is set. An edge that ingest
// gave has the zero id.
type Element struct {
	Vertex Ref // of an edge: its source
	Type   string
	Other  Ref // of an edge: its target
	ID     EdgeID
}

// IsEdge tells whether the element is an edge.
func (x *Element) IsEdge() bool { return x.Type != "" }

// String names the element in messages.
func (x *Element) String() string {
	if !x.IsEdge() {
		return "vertex " + x.Vertex.Key
	}
	s := "edge (" + x.Vertex.Key + ")-[" + x.Type + "]->(" + x.Other.Key + ")"
	if x.ID != (EdgeID{}) {
		s += " " + x.ID.String()[:8]
	}
	return s
}

// HalfKey returns the key of the e row, or of the P row of an ingested edge, at one end.
func (x *Element) HalfKey(out bool) []byte {
	at, other := x.Vertex.ID, x.Other.ID
	if !out {
		at, other = other, at
	}
	if x.ID == (EdgeID{}) {
		t, _ := edgeTypeNamed(x.Type)
		return EdgeOverlayRowKey(at, out, t, other)
	}
	return HalfRowKey(at, out, x.Type, other, x.ID)
}

// halfLock returns the name of the lock over the edge at one end.
func (x *Element) halfLock(out bool) string {
	at, other := x.Vertex.ID, x.Other.ID
	if !out {
		at, other = other, at
	}
	return edgeLock(at, out, x.Type, other, x.ID)
}

// end returns the vertex at one end of an edge.
func (x *Element) end(out bool) Ref {
	if out {
		return x.Vertex
	}
	return x.Other
}

// Halves tells which ends of an edge a part of a transaction is about.
type Halves uint8

// The ends of an edge.
const (
	HalfOut  Halves = 1 // at the source
	HalfIn   Halves = 2 // at the target
	HalfBoth Halves = 3
)

// halvesAll are the two ends: out, then in.
var halvesAll = [...]bool{true, false}

// MutationKind is what a mutation does. Values travel and are stored in logs.
type MutationKind uint8

// The kinds of mutations.
const (
	MutateCreate MutationKind = 1
	MutateSet    MutationKind = 2
	MutateDelete MutationKind = 3
)

// Mutation is one operation of a transaction on a vertex or an edge. SET on what ingest gave is
// laid over it; creating and deleting are for what Cypher made (1.1).
type Mutation struct {
	Kind       MutationKind
	On         Element
	Halves     Halves     // edges: the ends in this shard; HalfBoth before a transaction is split
	Labels     []string   // create, set: labels to add
	DropLabels []string   // set
	Set        Properties // create: all of them; set: those that change
	Remove     []string   // set: properties to take away
	Replace    bool       // set: take away all properties but those of Set
	Detach     bool       // delete a vertex: its edges are deleted by mutations of their own
}

// Validate tells why a mutation can never be carried out.
func (m *Mutation) Validate() error {
	if err := m.On.validate(); err != nil {
		return err
	}
	if m.Kind < MutateCreate || m.Kind > MutateDelete || m.On.IsEdge() != (m.Halves != 0) ||
		m.Halves > HalfBoth {
		return Errorf("graph.Validate", KindInvalid, "mutation of %s is malformed", &m.On)
	}
	if err := m.owned(); err != nil {
		return err
	}
	if m.Kind == MutateDelete {
		return nil
	}
	return m.checkContent()
}

func (m *Mutation) checkContent() error {
	if len(m.Labels) > 0 && m.On.IsEdge() || len(m.Labels) > MaxLabels {
		return Errorf("graph.Validate", KindInvalid, "%s cannot have %d labels", &m.On, len(m.Labels))
	}
	for _, l := range m.Labels {
		if err := checkName("label", l); err != nil {
			return err
		}
	}
	if err := m.Set.check(); err != nil {
		return err
	}
	size := 0
	for name, v := range m.Set {
		size += len(name) + valueSize(v)
	}
	if size += len(m.On.Vertex.Key) + len(m.On.Other.Key); size > MaxElementBytes {
		return tooLarge(&m.On)
	}
	return nil
}

func tooLarge(on *Element) error {
	return Errorf("graph.Validate", KindLimit, "%s would be larger than %d bytes", on,
		MaxElementBytes).WithRemedy("keep large values elsewhere")
}

func valueSize(v any) int {
	switch v := v.(type) {
	case string:
		return len(v) + 2
	case []any:
		n := 2
		for _, x := range v {
			n += valueSize(x)
		}
		return n
	}
	return 9
}

// owned refuses what only an import may do (1.1).
func (m *Mutation) owned() error {
	on := &m.On
	refuse := func(what string) error {
		return Errorf("graph.Validate", KindConflict, "%s comes from ingest: %s", on, what).
			WithReason(ReasonOwnedByIngest).WithRemedy("SET lays properties over it")
	}
	switch {
	case on.IsEdge() && m.Kind == MutateCreate && on.ID == (EdgeID{}):
		return Errorf("graph.Validate", KindInvalid, "%s has no id", on)
	case on.IsEdge() && on.ID == (EdgeID{}) && m.Kind != MutateSet:
		return refuse("only an import deletes it")
	case on.IsEdge() && on.ID == (EdgeID{}) && !ingestType(on.Type):
		return Errorf("graph.Validate", KindNotFound, "%s: ingest gives no such edges", on)
	case on.IsEdge() || on.Vertex.Made():
		return nil
	case m.Kind != MutateSet:
		return refuse("only an import creates or deletes it")
	}
	for _, l := range slices.Concat(m.Labels, m.DropLabels) {
		if _, known := ParseLabel(l); known {
			return refuse("label " + l + " is ingest's")
		}
	}
	return nil
}

func ingestType(name string) bool {
	t, _ := edgeTypeNamed(name)
	return t != CustomEdge
}

func (x *Element) validate() error {
	if err := checkKey(x.Vertex); err != nil || !x.IsEdge() {
		return err
	}
	if err := checkKey(x.Other); err != nil {
		return err
	}
	return checkName("edge type", x.Type)
}

func checkKey(r Ref) error {
	if r.Key == "" || len(r.Key) > MaxKeyBytes || !utf8.ValidString(r.Key) || !plainText(r.Key) {
		return Errorf("graph.Validate", KindInvalid, "key of %d bytes is no symbol key", len(r.Key))
	}
	return nil
}

// slots passes the slots in which the mutation writes.
func (m *Mutation) slots(yield func(Slot)) {
	for _, out := range halvesAll {
		if m.At(out) {
			yield(m.On.end(out).ID.Slot())
		}
	}
}

// At tells whether the mutation has something to do at the source of its edge, or, if out is false,
// at the target. For a vertex it has at the vertex only.
func (m *Mutation) At(out bool) bool {
	if !m.On.IsEdge() {
		return out
	}
	return m.Halves&HalfOut != 0 && out || m.Halves&HalfIn != 0 && !out
}

// apply changes labels and properties as the mutation says; both results are new.
func (m *Mutation) apply(labels []string, props Properties) ([]string, Properties) {
	next := Properties{}
	if !m.Replace {
		maps.Copy(next, props)
	}
	for _, name := range m.Remove {
		delete(next, name)
	}
	maps.Copy(next, m.Set)
	if len(next) == 0 {
		next = nil
	}
	return mergeLabels(labels, m.Labels, m.DropLabels), next
}

// ApplyVertex returns the vertex made by Cypher that the mutation makes of v, or from nothing.
func (m *Mutation) ApplyVertex(v *Vertex) (*Vertex, error) {
	next := Vertex{ID: m.On.Vertex.ID, Key: m.On.Vertex.Key}
	if v != nil {
		next = *v
	}
	next.Labels, next.Properties = m.apply(next.Labels, next.Properties)
	b := EncodeMade(&next)
	if len(b) > MaxElementBytes || len(next.Labels) > MaxLabels {
		return nil, tooLarge(&m.On)
	}
	return DecodeMade(next.ID, b)
}

// ApplyOverlay returns what the mutation makes of an overlay; none counts as an empty one.
func (m *Mutation) ApplyOverlay(o *Overlay) (*Overlay, error) {
	if o == nil {
		o = &Overlay{}
	}
	next := &Overlay{}
	next.Labels, next.Properties = m.apply(o.Labels, o.Properties)
	if len(next.Encode()) > MaxElementBytes || len(next.Labels) > MaxLabels {
		return nil, tooLarge(&m.On)
	}
	return next, nil
}

// ApplyHalf returns what the mutation makes of half an edge, or from nothing, at one end.
func (m *Mutation) ApplyHalf(h *Half, out bool) (*Half, error) {
	if h == nil {
		h = &Half{}
	}
	next := &Half{Key: m.On.end(out).Key, OtherKey: m.On.end(!out).Key}
	_, next.Properties = m.apply(nil, h.Properties)
	if len(next.Encode()) > MaxElementBytes {
		return nil, tooLarge(&m.On)
	}
	return next, nil
}

// Bits of a mutation's flags on the wire.
const (
	flagEdge    = 1 << 0
	flagReplace = 1 << 3
	flagDetach  = 1 << 4
	flagsKnown  = 1<<5 - 1
)

// mutation writes one mutation.
//
//	+------+-------+-----+----------------------+--------+------+-----+--------+
//	| kind | flags | key | type key id16 (edge) | labels | drop | set | remove |
//	+------+-------+-----+----------------------+--------+------+-----+--------+
func (e *encoder) mutation(m *Mutation) {
	flags := byte(m.Halves) << 1
	if m.On.IsEdge() {
		flags |= flagEdge
	}
	if m.Replace {
		flags |= flagReplace
	}
	if m.Detach {
		flags |= flagDetach
	}
	e.byte(byte(m.Kind))
	e.byte(flags)
	e.element(&m.On, m.On.IsEdge())
	e.strings(m.Labels)
	e.strings(m.DropLabels)
	e.properties(m.Set)
	e.strings(m.Remove)
}

func (d *decoder) mutation() (m Mutation) {
	m.Kind = MutationKind(d.byte())
	flags := d.byte()
	if flags&^flagsKnown != 0 {
		d.fail()
	}
	m.Halves = Halves(flags >> 1 & 3)
	m.Replace, m.Detach = flags&flagReplace != 0, flags&flagDetach != 0
	m.On = d.element(flags&flagEdge != 0)
	m.Labels, m.DropLabels = d.strings(), d.strings()
	m.Set, m.Remove = d.properties(), d.strings()
	return m
}

func (e *encoder) element(x *Element, edge bool) {
	e.string(x.Vertex.Key)
	if edge {
		e.string(x.Type)
		e.string(x.Other.Key)
		e.raw(x.ID[:])
	}
}

// element reads an element. A type of the schema gets the case that the schema has.
func (d *decoder) element(edge bool) (x Element) {
	x.Vertex = d.ref()
	if !edge {
		return x
	}
	x.Type = strings.Clone(d.text())
	if t, ok := ParseEdgeType(x.Type); ok {
		x.Type = t.String()
	}
	x.Other = d.ref()
	copy(x.ID[:], d.take(edgeIDLen))
	if x.Type == "" {
		d.fail()
	}
	return x
}

func (d *decoder) ref() Ref {
	key := d.text()
	if d.bad || key == "" {
		d.fail()
		return Ref{}
	}
	return RefOf(key)
}
