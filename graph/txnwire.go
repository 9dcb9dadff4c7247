package graph

// MaxTxnBytes bounds what a transaction does in one shard, as it travels and lies in the log.
const MaxTxnBytes = 4 << 20

const partFormat = 1

// part writes what a transaction does in one shard.
//
//	+-----+--------------+-----------+----------+----------+
//	| fmt | n mutation*  | n check*  | n read*  | n lock*  |
//	+-----+--------------+-----------+----------+----------+
//
//	check: kind edge1 element, then property value|0 | since8, as the kind has it
//	read:  kind id16, then out1 type | index1 value
//	lock:  exclusive1 key
func (e *encoder) part(p *TxnPart) {
	e.byte(partFormat)
	e.uint(uint64(len(p.Mutations)))
	for i := range p.Mutations {
		e.mutation(&p.Mutations[i])
	}
	e.uint(uint64(len(p.Checks)))
	for i := range p.Checks {
		e.check(&p.Checks[i])
	}
	e.uint(uint64(len(p.Reads)))
	for i := range p.Reads {
		r := &p.Reads[i]
		e.byte(byte(r.Kind))
		e.id(r.Vertex)
		switch r.Kind {
		case ReadEdges:
			e.bool(r.Out)
			e.string(r.Type)
		case ReadIndex:
			e.byte(byte(r.Index))
			e.string(r.Value)
		}
	}
	e.uint(uint64(len(p.Locks)))
	for _, l := range p.Locks {
		e.bool(l.Exclusive)
		e.string(l.Vertex.Key)
	}
}

func (e *encoder) check(c *Check) {
	e.byte(byte(c.Kind))
	e.bool(c.On.IsEdge())
	e.element(&c.On, c.On.IsEdge())
	switch c.Kind {
	case CheckEquals:
		e.string(c.Property)
		e.bool(c.Value != nil)
		if c.Value != nil {
			e.value(c.Value)
		}
	case CheckUnchanged:
		e.u64(uint64(c.Since))
	}
}

// part reads what the encoder wrote and refuses what can never be carried out.
func (d *decoder) part(op string) (*TxnPart, error) {
	const what = "transaction"
	if err := d.checkVersion(op, what, partFormat); err != nil {
		return nil, err
	}
	p := &TxnPart{}
	for range d.count(7) {
		p.Mutations = append(p.Mutations, d.mutation())
	}
	for range d.count(4) {
		p.Checks = append(p.Checks, d.check())
	}
	for range d.count(1 + idLen) {
		p.Reads = append(p.Reads, d.readEntry())
	}
	for range d.count(3) {
		p.Locks = append(p.Locks, LockRequest{Exclusive: d.strictBool(), Vertex: d.ref()})
	}
	if err := d.done(op, what); err != nil {
		return nil, err
	}
	return p, p.Validate()
}

func (d *decoder) check() (c Check) {
	c.Kind = CheckKind(d.byte())
	c.On = d.element(d.strictBool())
	switch c.Kind {
	case CheckEquals:
		c.Property = d.text()
		if d.strictBool() {
			c.Value = d.value(true)
		}
	case CheckUnchanged:
		c.Since = Timestamp(d.u64())
	}
	return c
}

func (d *decoder) readEntry() (r ReadEntry) {
	r.Kind, r.Vertex = ReadKind(d.byte()), d.id()
	switch r.Kind {
	case ReadVertex:
	case ReadEdges:
		r.Out, r.Type = d.strictBool(), d.text()
		if t, ok := ParseEdgeType(r.Type); ok {
			r.Type = t.String()
		}
	case ReadIndex:
		r.Index, r.Value = Index(d.byte()), d.string()
	default:
		d.fail()
	}
	return r
}

// strictBool reads 0 or 1.
func (d *decoder) strictBool() bool {
	v := d.byte()
	if v > 1 {
		d.fail()
	}
	return v == 1
}

func (d *decoder) txn() (id TxnID) {
	copy(id[:], d.take(txnLen))
	if id == (TxnID{}) {
		d.fail()
	}
	return id
}

func (e *encoder) u16(v uint16) { e.b = append(e.b, byte(v>>8), byte(v)) }

func (d *decoder) u16() uint16 {
	b := d.take(2)
	if b == nil {
		return 0
	}
	return uint16(b[0])<<8 | uint16(b[1])
}

func (e *encoder) slots(r SlotRange) {
	e.u16(r.Lo)
	e.u16(r.Hi)
}

func (d *decoder) slots() SlotRange {
	r := SlotRange{d.u16(), d.u16()}
	if r.Lo > r.Hi {
		d.fail()
	}
	return r
}

// Encode returns the part's bytes.
func (p *TxnPart) Encode() []byte {
	var e encoder
	e.part(p)
	return e.b
}

// DecodeTxnPart decodes and checks what Encode wrote.
func DecodeTxnPart(b []byte) (*TxnPart, error) {
	const op = "graph.DecodeTxnPart"
	if len(b) > MaxTxnBytes {
		return nil, Errorf(op, KindLimit, "transaction of %d bytes is over the limit of %d", len(b),
			MaxTxnBytes)
	}
	d := decoder{b: b}
	return d.part(op)
}
