package shard

// Totals are the figures of a whole replica at one index of the log.
type Totals struct {
	Applied     uint64 // the index
	Digest      Digest // of all rows
	Rows        int64
	SlotsFilled int // slots with rows
}

// Totals returns digest, rows and filled slots as of one applied index: replicas that have applied
// the same index have equal totals.
func (s *Shard) Totals() Totals {
	s.apply.Lock()
	defer s.apply.Unlock()
	t := Totals{Applied: s.st.applied.index}
	t.Rows, t.Digest = s.st.total()
	for _, slot := range s.st.slots {
		if slot.rows > 0 {
			t.SlotsFilled++
		}
	}
	return t
}
