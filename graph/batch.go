package graph

// Batch is an atomic write of an import to one shard. Batches of an import are numbered per
// attempt and shard from 1 without gaps; the one that seals carries the last number.
type Batch struct {
	Import  Timestamp // the import's id
	Attempt uint32    // a higher attempt supersedes lower ones
	Seq     uint64    // 1, 2, 3, ... per (attempt, shard)
	Seal    bool      // nothing new follows in this shard
	Repo    RepoID
	Rows    []Row
}

// Limits of batches. Bigger ones are refused by whoever decodes them.
const (
	MaxBatchBytes  = 4 << 20
	batchFormat    = 1
	maxRowKeyBytes = 1 << 10
)

// Encode returns the batch's bytes.
//
//	+-----+--------+---------+-----+------+------+---+--------------------+
//	| fmt | import | attempt | seq | seal | repo | n | (key len value)*   |
//	+-----+--------+---------+-----+------+------+---+--------------------+
func (b *Batch) Encode() []byte {
	size := 64
	for _, r := range b.Rows {
		size += len(r.Key) + len(r.Value) + 8
	}
	e := encoder{b: make([]byte, 0, size)}
	e.byte(batchFormat)
	e.u64(uint64(b.Import))
	e.uint(uint64(b.Attempt))
	e.uint(b.Seq)
	e.bool(b.Seal)
	e.uint(uint64(b.Repo))
	e.uint(uint64(len(b.Rows)))
	for _, r := range b.Rows {
		e.bytes(r.Key)
		e.bytes(r.Value)
	}
	return e.b
}

// DecodeBatch decodes and checks a batch. Keys and values alias data.
func DecodeBatch(data []byte) (*Batch, error) {
	const op, what = "graph.DecodeBatch", "batch"
	if len(data) > MaxBatchBytes {
		return nil, Errorf(op, KindLimit, "batch of %d bytes is over the limit of %d",
			len(data), MaxBatchBytes)
	}
	d := decoder{b: data}
	if err := d.checkVersion(op, what, batchFormat); err != nil {
		return nil, err
	}
	b := &Batch{Import: Timestamp(d.u64()), Attempt: d.uint32(), Seq: d.uint(), Seal: d.bool(),
		Repo: RepoID(d.uint())}
	b.Rows = make([]Row, d.count(3))
	for i := range b.Rows {
		b.Rows[i] = Row{d.bytes(), d.bytes()}
		if n := len(b.Rows[i].Key); n == 0 || n > maxRowKeyBytes {
			d.fail()
			break
		}
	}
	if !b.Import.IsImport() || b.Attempt == 0 || b.Seq == 0 {
		d.fail()
	}
	return b, d.done(op, what)
}
