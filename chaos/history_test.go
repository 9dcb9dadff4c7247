package chaos

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"
)

// ack is an acknowledged revision.
type ack struct {
	rev       int
	revision  string // as the cluster calls it
	timestamp uint64
	at        time.Time
	took      time.Duration
}

// read is one answer, or the error instead of one.
type read struct {
	kind       string
	strong     bool
	began      time.Time
	took       time.Duration
	least      int // revision that it must show at least
	most       int // revision that had been begun when it ended
	marks      []string
	skipMarks  bool // it asked for something else
	err        error
	unexpected string // what is wrong with an answer about something else
}

// history is what happened to one repository.
type history struct {
	tree *tree

	mu    sync.Mutex
	acks  []ack
	lost  int // attempts that ended without an answer; each may have made a revision all the same
	begun int // last revision whose import was begun; -1 before
	seen  int // highest revision that a finished read of the session showed
	reads []read
}

func newHistory(tr *tree) *history { return &history{tree: tr, begun: -1, seen: -1} }

// acked returns the last acknowledged revision, -1 if there is none.
func (h *history) acked() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ackedLocked()
}

func (h *history) ackedLocked() int {
	if len(h.acks) == 0 {
		return -1
	}
	return h.acks[len(h.acks)-1].rev
}

func (h *history) begin(rev int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.begun = rev
}

func (h *history) acknowledge(a ack) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.acks = append(h.acks, a)
}

// least is what a read that begins now must show: what its session has seen and, if it is strong,
// everything acknowledged.
func (h *history) least(strong bool) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if strong {
		return max(h.seen, h.ackedLocked())
	}
	return h.seen
}

// record keeps a read and what its session has seen by it.
func (h *history) record(r read) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r.most = h.begun
	h.reads = append(h.reads, r)
	if r.err != nil || r.skipMarks {
		return
	}
	if rev, err := wholeRevision(h.tree, r.marks); err == nil {
		h.seen = max(h.seen, rev)
	}
}

// wholeRevision returns the revision that an answer shows, -1 if none. It is an error if the answer
// mixes revisions or lacks a part (C1).
func wholeRevision(tr *tree, marks []string) (int, error) {
	if len(marks) == 0 {
		return -1, nil
	}
	have := map[int]int{} // revision -> packages
	whole := -1
	packages := map[int]bool{}
	for _, name := range marks {
		rev, pkg, ok := parseMark(name)
		if !ok {
			return -1, fmt.Errorf("%s is no marker", name)
		}
		have[rev]++
		whole = rev
		packages[pkg] = true
	}
	if len(have) != 1 {
		return -1, fmt.Errorf("the answer mixes revisions (revision: markers) %v", have)
	}
	n := tr.packages(whole)
	if len(packages) != n || len(marks) != n {
		return -1, fmt.Errorf("revision %d has %d packages, the answer %d of them in %d markers", whole,
			n, len(packages), len(marks))
	}
	for i := range n {
		if !packages[i] {
			return -1, fmt.Errorf("revision %d: package %d is missing", whole, i)
		}
	}
	return whole, nil
}

// checkRead holds one read to C1 to C4.
func checkRead(tr *tree, r *read) error {
	if r.err != nil {
		return fmt.Errorf("C4: after %v: %w", r.took.Round(time.Millisecond), r.err)
	}
	if r.unexpected != "" {
		return fmt.Errorf("C2: %s", r.unexpected)
	}
	if r.skipMarks {
		return nil
	}
	rev, err := wholeRevision(tr, r.marks)
	switch {
	case err != nil:
		return fmt.Errorf("C1: %w", err)
	case rev < r.least && r.strong:
		return fmt.Errorf("C2: shows revision %d, %d was acknowledged or seen before", rev, r.least)
	case rev < r.least:
		return fmt.Errorf("C3: shows revision %d, the session has seen %d", rev, r.least)
	case rev > r.most:
		return fmt.Errorf("C1: shows revision %d, only %d was begun", rev, r.most)
	}
	return nil
}

// checkAcks holds the acknowledgements to their order: no revision is missing, time goes forwards.
func checkAcks(acks []ack) error {
	for i, a := range acks {
		if a.rev != i {
			return fmt.Errorf("acknowledgement %d is of revision %d", i, a.rev)
		}
		if i > 0 && a.timestamp <= acks[i-1].timestamp {
			return fmt.Errorf("revision %d has timestamp %d, the one before %d", i, a.timestamp,
				acks[i-1].timestamp)
		}
	}
	return nil
}

// outage returns how long the slowest read took that was under way in a span of time.
func outage(reads []read, from, to time.Time) time.Duration {
	var longest time.Duration
	for i := range reads {
		r := &reads[i]
		if r.began.Before(to) && r.began.Add(r.took).After(from) {
			longest = max(longest, r.took)
		}
	}
	return longest
}

// median returns the middle one, 0 of none.
func median[T cmp.Ordered](of []T) T {
	var none T
	if len(of) == 0 {
		return none
	}
	sorted := slices.Sorted(slices.Values(of))
	return sorted[len(sorted)/2]
}
