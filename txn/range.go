package txn

// Range is a range of a shard's keys: from Lo up to, but not including, Hi. An empty Hi means one
// key, Lo.
type Range struct{ Lo, Hi string }

// Key returns the range of one key.
func Key(key string) Range { return Range{Lo: key} }

// last tells whether the range ends before a key.
func (r Range) endsBefore(key string) bool {
	if r.Hi == "" {
		return r.Lo < key
	}
	return r.Hi <= key
}

// Overlaps tells whether two ranges have a key in common.
func (r Range) Overlaps(s Range) bool { return !r.endsBefore(s.Lo) && !s.endsBefore(r.Lo) }

func overlapAny(a, b []Range) bool {
	for _, r := range a {
		for _, s := range b {
			if r.Overlaps(s) {
				return true
			}
		}
	}
	return false
}
