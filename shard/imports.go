package shard

import (
	"encoding/binary"
	"slices"

	"github.com/codegraphdb/codegraph/graph"
)

// importState is what the shard knows of one import.
type importState struct {
	repo    graph.RepoID
	attempt uint32
	next    uint64   // every number below it has been applied; 1 to begin
	ahead   []uint64 // numbers applied above next, sorted
	sealed  uint64   // log index of the seal; zero while open
	decided uint64   // log index of the outcome; zero while unknown
	commit  graph.Timestamp
}

// maxAhead bounds how far batches may overtake each other.
const maxAhead = 4096

const importFormat = 1

// committed tells whether the import is known to have committed at or below ts.
func (s *importState) committed(ts graph.Timestamp) bool {
	return s.decided != 0 && s.commit != 0 && s.commit <= ts
}

func (s *importState) aborted() bool { return s.decided != 0 && s.commit == 0 }

// admit decides whether a batch may be applied: nil to apply it, duplicate if it was applied
// before, else why not (1.3). It changes nothing.
func (s *importState) admit(b *graph.Batch) (duplicate bool, err error) {
	refuse := func(why string) error {
		return errorf("Apply", graph.KindConflict, "import %s, attempt %d, batch %d: %s",
			b.Import, b.Attempt, b.Seq, why)
	}
	switch {
	case b.Attempt < s.attempt:
		return false, refuse("a later attempt has begun")
	case b.Attempt == s.attempt && s.has(b.Seq):
		return true, nil
	case s.decided != 0:
		return false, refuse("the import has ended")
	case s.sealed != 0:
		return false, refuse("the shard is sealed")
	case s.attempt != 0 && b.Repo != s.repo:
		return false, errorf("Apply", graph.KindInvalid, "import %s belongs to repository %d, not %d",
			b.Import, s.repo, b.Repo)
	case b.Seal && !s.complete(b):
		return false, refuse("the seal came before some other batches")
	case b.Attempt == s.attempt && len(s.ahead) >= maxAhead && b.Seq != s.next:
		return false, refuse("too many batches overtook an earlier one")
	}
	return false, nil
}

// complete tells whether all numbers below b's have been applied and none above.
func (s *importState) complete(b *graph.Batch) bool {
	if b.Attempt != s.attempt {
		return b.Seq == 1
	}
	return b.Seq == s.next && len(s.ahead) == 0
}

func (s *importState) has(seq uint64) bool {
	if seq < s.next {
		return true
	}
	_, ok := slices.BinarySearch(s.ahead, seq)
	return ok
}

// record notes an admitted batch.
func (s *importState) record(b *graph.Batch, index uint64) {
	if b.Attempt != s.attempt {
		s.attempt, s.next, s.ahead, s.repo = b.Attempt, 1, nil, b.Repo
	}
	at, _ := slices.BinarySearch(s.ahead, b.Seq)
	s.ahead = slices.Insert(s.ahead, at, b.Seq)
	for len(s.ahead) > 0 && s.ahead[0] == s.next {
		s.next++
		s.ahead = s.ahead[1:]
	}
	if b.Seal {
		s.sealed = index
	}
}

// encode returns the value of the import's row.
//
//	+-----+------+---------+------+--------+---------+--------+---+--------+
//	| fmt | repo | attempt | next | sealed | decided | commit | n | ahead* |
//	+-----+------+---------+------+--------+---------+--------+---+--------+
func (s *importState) encode() []byte {
	b := make([]byte, 0, 48+len(s.ahead)*4)
	b = append(b, importFormat)
	head := [...]uint64{uint64(s.repo), uint64(s.attempt), s.next, s.sealed, s.decided,
		uint64(s.commit), uint64(len(s.ahead))}
	for _, v := range head {
		b = binary.AppendUvarint(b, v)
	}
	last := s.next
	for _, v := range s.ahead {
		b = binary.AppendUvarint(b, v-last)
		last = v
	}
	return b
}

func decodeImport(b []byte) (*importState, error) {
	if len(b) > 0 && b[0] != importFormat {
		return nil, unsupported("Open", "import row", b[0], importFormat)
	}
	r := numbers{rest: b[min(1, len(b)):]}
	s := &importState{repo: graph.RepoID(r.next()), attempt: uint32(r.next()), next: r.next(),
		sealed: r.next(), decided: r.next(), commit: graph.Timestamp(r.next())}
	n := r.next()
	if n > uint64(len(r.rest)) {
		r.bad = true
		n = 0
	}
	last := s.next
	for range n {
		last += r.next()
		s.ahead = append(s.ahead, last)
	}
	if r.bad || len(r.rest) != 0 {
		return nil, errorf("Open", graph.KindCorrupt, "import row is malformed")
	}
	return s, nil
}

// numbers reads varints; after the first fault it gives zeros.
type numbers struct {
	rest []byte
	bad  bool
}

func (r *numbers) next() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.bad = true
		return 0
	}
	r.rest = r.rest[n:]
	return v
}
