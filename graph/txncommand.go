package graph

// OnePhase is a transaction within one shard: judged, written and committed in one step.
type OnePhase struct {
	Txn     TxnID
	Primary Slot
	Start   Timestamp // what the transaction read; nothing that it touches may be newer
	Commit  Timestamp
	Part    TxnPart
}

// Prepare stages the part of a transaction in one shard.
type Prepare struct {
	Txn     TxnID
	Primary Slot      // in whose shard the transaction is decided
	Slots   SlotRange // what the part touches
	Start   Timestamp
	At      Timestamp // the commit timestamp will be above it
	// Participants are the Slots of all parts, this one included; the primary keeps them.
	Participants []SlotRange
	Part         TxnPart
}

// Decide ends a transaction at its primary: commits it, or aborts it if Commit is zero.
type Decide struct {
	Txn     TxnID
	Primary Slot
	Start   Timestamp
	Commit  Timestamp
}

// Resolve carries out in one shard what was decided.
type Resolve struct {
	Txn     TxnID
	Primary Slot
	Slots   SlotRange
	Start   Timestamp
	Commit  Timestamp // zero: aborted
	// Final, at the primary: every other participant has resolved, the record may go in time.
	Final bool
}

// Anchor returns the slot at which a shard keeps its record of a transaction.
func Anchor(primary Slot, touched SlotRange) Slot {
	if touched.Has(primary) {
		return primary
	}
	return Slot(touched.Lo)
}

// TxnStatus is how far a transaction has come in a shard. Values are stored.
type TxnStatus uint8

// The states of a transaction.
const (
	TxnNone      TxnStatus = iota // nothing is known of it
	TxnPrepared                   // staged here, not known to have ended
	TxnCommitted                  // at the primary this is the commit
	TxnAborted
)

// String returns the state in one word.
func (s TxnStatus) String() string {
	return [...]string{"unknown", "prepared", "committed", "aborted"}[min(s, TxnAborted)]
}

// TxnRecord is what a shard knows of a transaction.
type TxnRecord struct {
	Status       TxnStatus
	Primary      Slot
	Slots        SlotRange // what it touches here
	Start        Timestamp
	Prepare      Timestamp // zero: it was not prepared here
	Commit       Timestamp
	Resolved     bool        // nothing is staged here any more
	Final        bool        // at the primary: nobody will ask again
	Participants []SlotRange // at the primary
	// Why a transaction within one shard was refused, for who asks again.
	Kind   ErrorKind
	Reason Reason
	Msg    string
}

const (
	recordFormat   = 1
	commandsFormat = 1
	lockFormat     = 1
)

// Encode returns the value of the T row of a record.
//
//	+-----+--------+-------+----------+--------+--------+----------+---------+---+---------+-----+
//	| fmt | status | flags | primary2 | slots4 | start8 | prepare8 | commit8 | n | slots4* | why |
//	+-----+--------+-------+----------+--------+--------+----------+---------+---+---------+-----+
func (r *TxnRecord) Encode() []byte {
	e := encoder{b: make([]byte, 0, 36+4*len(r.Participants))}
	e.byte(recordFormat)
	e.byte(byte(r.Status))
	e.bool(r.Resolved)
	e.bool(r.Final)
	e.u16(uint16(r.Primary))
	e.slots(r.Slots)
	e.u64(uint64(r.Start))
	e.u64(uint64(r.Prepare))
	e.u64(uint64(r.Commit))
	e.ranges(r.Participants)
	e.byte(byte(r.Kind))
	e.string(string(r.Reason))
	e.string(r.Msg)
	return e.b
}

// DecodeTxnRecord decodes the value of the T row of a record.
func DecodeTxnRecord(b []byte) (*TxnRecord, error) {
	const op, what = "graph.DecodeTxnRecord", "record of a transaction"
	d := decoder{b: b}
	if err := d.checkVersion(op, what, recordFormat); err != nil {
		return nil, err
	}
	r := &TxnRecord{Status: TxnStatus(d.byte()), Resolved: d.strictBool(), Final: d.strictBool(),
		Primary: Slot(d.u16()), Slots: d.slots(), Start: Timestamp(d.u64()),
		Prepare: Timestamp(d.u64()), Commit: Timestamp(d.u64()), Participants: d.ranges(),
		Kind: ErrorKind(d.byte()), Reason: Reason(d.string()), Msg: d.string()}
	if r.Status == TxnNone || r.Status > TxnAborted {
		d.fail()
	}
	return r, d.done(op, what)
}

func (e *encoder) ranges(list []SlotRange) {
	e.uint(uint64(len(list)))
	for _, r := range list {
		e.slots(r)
	}
}

func (d *decoder) ranges() (out []SlotRange) {
	for range d.count(4) {
		out = append(out, d.slots())
	}
	return out
}

// Lock is a lock as its row says.
type Lock struct {
	Name      string // of what it covers
	Txn       TxnID
	Exclusive bool
	Prepare   Timestamp // the holder commits above it, if it does
	Start     Timestamp // of the holder
	Primary   Slot      // whose shard knows what became of the holder
}

// Encode returns the value of an L row.
//
//	+-----+------------+----------+--------+----------+
//	| fmt | exclusive1 | prepare8 | start8 | primary2 |
//	+-----+------------+----------+--------+----------+
func (l *Lock) Encode() []byte {
	e := encoder{b: make([]byte, 0, 20)}
	e.byte(lockFormat)
	e.bool(l.Exclusive)
	e.u64(uint64(l.Prepare))
	e.u64(uint64(l.Start))
	e.u16(uint16(l.Primary))
	return e.b
}

// DecodeLock decodes an L row.
func DecodeLock(key, b []byte) (*Lock, error) {
	const op, what = "graph.DecodeLock", "lock"
	info, err := ParseRow(key)
	if err != nil {
		return nil, err
	}
	d := decoder{b: b}
	if err := d.checkVersion(op, what, lockFormat); err != nil {
		return nil, err
	}
	l := &Lock{Name: info.Value, Txn: info.Txn, Exclusive: d.strictBool(), Prepare: Timestamp(d.u64()),
		Start: Timestamp(d.u64()), Primary: Slot(d.u16())}
	if info.Kind != RowLock {
		d.fail()
	}
	return l, d.done(op, what)
}

// Encode returns the bytes of the command.
//
//	+-----+-------+----------+--------+---------+------+
//	| fmt | txn16 | primary2 | start8 | commit8 | part |
//	+-----+-------+----------+--------+---------+------+
func (c *OnePhase) Encode() []byte {
	e := head(c.Txn, c.Primary, c.Start)
	e.u64(uint64(c.Commit))
	e.part(&c.Part)
	return e.b
}

func head(txn TxnID, primary Slot, start Timestamp) *encoder {
	e := &encoder{b: make([]byte, 0, 256)}
	e.byte(commandsFormat)
	e.raw(txn[:])
	e.u16(uint16(primary))
	e.u64(uint64(start))
	return e
}

func (d *decoder) head(op string, b []byte) (TxnID, Slot, Timestamp, error) {
	if len(b) > MaxTxnBytes {
		return TxnID{}, 0, 0, Errorf(op, KindLimit,
			"transaction of %d bytes is over the limit of %d", len(b), MaxTxnBytes)
	}
	d.b = b
	if err := d.checkVersion(op, "transaction", commandsFormat); err != nil {
		return TxnID{}, 0, 0, err
	}
	return d.txn(), Slot(d.u16()), Timestamp(d.u64()), nil
}

// DecodeOnePhase decodes and checks what Encode wrote.
func DecodeOnePhase(b []byte) (*OnePhase, error) {
	const op = "graph.DecodeOnePhase"
	var c OnePhase
	var d decoder
	var err error
	if c.Txn, c.Primary, c.Start, err = d.head(op, b); err != nil {
		return nil, err
	}
	c.Commit = Timestamp(d.u64())
	part, err := d.partOf(op)
	if err != nil {
		return nil, err
	}
	c.Part = *part
	return &c, nil
}

// partOf reads the part that ends a command whose head may be malformed.
func (d *decoder) partOf(op string) (*TxnPart, error) {
	if d.bad {
		return nil, Errorf(op, KindCorrupt, "transaction is malformed")
	}
	return d.part(op)
}

// Encode returns the bytes of the command.
//
//	+-----+-------+----------+--------+--------+-----+---+---------+------+
//	| fmt | txn16 | primary2 | start8 | slots4 | at8 | n | slots4* | part |
//	+-----+-------+----------+--------+--------+-----+---+---------+------+
func (c *Prepare) Encode() []byte {
	e := head(c.Txn, c.Primary, c.Start)
	e.slots(c.Slots)
	e.u64(uint64(c.At))
	e.ranges(c.Participants)
	e.part(&c.Part)
	return e.b
}

// DecodePrepare decodes and checks what Encode wrote.
func DecodePrepare(b []byte) (*Prepare, error) {
	const op = "graph.DecodePrepare"
	var c Prepare
	var d decoder
	var err error
	if c.Txn, c.Primary, c.Start, err = d.head(op, b); err != nil {
		return nil, err
	}
	c.Slots, c.At, c.Participants = d.slots(), Timestamp(d.u64()), d.ranges()
	part, err := d.partOf(op)
	if err != nil {
		return nil, err
	}
	c.Part = *part
	return &c, nil
}

// Encode returns the bytes of the command.
//
//	+-----+-------+----------+--------+---------+
//	| fmt | txn16 | primary2 | start8 | commit8 |
//	+-----+-------+----------+--------+---------+
func (c *Decide) Encode() []byte {
	e := head(c.Txn, c.Primary, c.Start)
	e.u64(uint64(c.Commit))
	return e.b
}

// DecodeDecide decodes what Encode wrote.
func DecodeDecide(b []byte) (*Decide, error) {
	const op = "graph.DecodeDecide"
	var c Decide
	var d decoder
	var err error
	if c.Txn, c.Primary, c.Start, err = d.head(op, b); err != nil {
		return nil, err
	}
	c.Commit = Timestamp(d.u64())
	return &c, d.done(op, "decision")
}

// Encode returns the bytes of the command.
//
//	+-----+-------+----------+--------+--------+---------+--------+
//	| fmt | txn16 | primary2 | start8 | slots4 | commit8 | final1 |
//	+-----+-------+----------+--------+--------+---------+--------+
func (c *Resolve) Encode() []byte {
	e := head(c.Txn, c.Primary, c.Start)
	e.slots(c.Slots)
	e.u64(uint64(c.Commit))
	e.bool(c.Final)
	return e.b
}

// DecodeResolve decodes what Encode wrote.
func DecodeResolve(b []byte) (*Resolve, error) {
	const op = "graph.DecodeResolve"
	var c Resolve
	var d decoder
	var err error
	if c.Txn, c.Primary, c.Start, err = d.head(op, b); err != nil {
		return nil, err
	}
	c.Slots, c.Commit, c.Final = d.slots(), Timestamp(d.u64()), d.strictBool()
	return &c, d.done(op, "resolution")
}
