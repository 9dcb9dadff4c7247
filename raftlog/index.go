package raftlog

import "github.com/hashicorp/raft"

// loc is where an entry lies. Segment 0 stands for a place that recovery has not seen yet.
type loc struct {
	seg uint32 // id of the segment
	off uint32 // in the segment
	n   uint32 // length
}

// entryIndex knows where the entries of a group lie: one run, as on disk.
type entryIndex struct {
	first uint64
	locs  []loc
	bytes uint64
}

func (x *entryIndex) last() uint64 { return x.first + uint64(len(x.locs)) - 1 }

// bounds returns the first and last index, 0 if there is none.
func (x *entryIndex) bounds() (first, last uint64) {
	if len(x.locs) == 0 {
		return 0, 0
	}
	return x.first, x.last()
}

func (x *entryIndex) extent() extent {
	first, last := x.bounds()
	return extent{first: first, last: last, bytes: x.bytes}
}

// at returns where an entry lies.
func (x *entryIndex) at(index uint64) (l loc, ok bool) {
	if index < x.first || index-x.first >= uint64(len(x.locs)) {
		return loc{}, false
	}
	return x.locs[index-x.first], true
}

// bytesFrom counts the bytes of the entries at index and above.
func (x *entryIndex) bytesFrom(index uint64) (n uint64) {
	for _, l := range x.locs[index-x.first:] {
		n += uint64(l.n)
	}
	return n
}

// bytesBelow counts the bytes of the entries below index.
func (x *entryIndex) bytesBelow(index uint64) (n uint64) {
	for _, l := range x.locs[:index-x.first] {
		n += uint64(l.n)
	}
	return n
}

// put appends entries from first on and returns the places of those that they replace (R2).
func (x *entryIndex) put(first uint64, locs []loc) (gone []loc) {
	if len(x.locs) == 0 || first > x.last()+1 || first <= x.first {
		gone = x.locs
		*x = entryIndex{first: first}
	} else {
		gone = x.keep(x.first, first-1)
	}
	x.locs = append(x.locs, locs...)
	for _, l := range locs {
		x.bytes += uint64(l.n)
	}
	return gone
}

// keep cuts the run to what it has of first..last, to nothing if they are 0, and returns the
// places of what was cut.
func (x *entryIndex) keep(first, last uint64) (gone []loc) {
	if len(x.locs) == 0 {
		return nil
	}
	if last < x.first || first > x.last() {
		gone = x.locs
		*x = entryIndex{}
		return gone
	}
	if first > x.first {
		n := first - x.first
		gone, x.locs, x.first = x.locs[:n:n], x.locs[n:], first
	}
	if last < x.last() {
		n := last + 1 - x.first
		gone = append(gone, x.locs[n:]...) // what is appended next takes their room
		x.locs = x.locs[:n]
	}
	for _, l := range gone {
		x.bytes -= uint64(l.n)
	}
	return gone
}

// recent holds the newest entries of a group in memory: one run that ends where the log ends.
type recent struct {
	logs  []raft.Log
	bytes int64
}

func (r *recent) at(index uint64) (l raft.Log, ok bool) {
	if len(r.logs) == 0 || index < r.logs[0].Index || index > r.logs[len(r.logs)-1].Index {
		return l, false
	}
	return r.logs[index-r.logs[0].Index], true
}

// put appends logs, whatever was there at their indexes or has a gap to them goes.
func (r *recent) put(logs []raft.Log) {
	if len(r.logs) > 0 {
		first := logs[0].Index
		if last := r.logs[len(r.logs)-1].Index; first > last+1 {
			r.keep(0, 0)
		} else {
			r.keep(r.logs[0].Index, first-1)
		}
	}
	r.logs = append(r.logs, logs...)
	for i := range logs {
		r.bytes += int64(entryBytes(&logs[i]))
	}
}

// keep drops what is not in first..last.
func (r *recent) keep(first, last uint64) {
	if len(r.logs) == 0 {
		return
	}
	low, high := r.logs[0].Index, r.logs[len(r.logs)-1].Index
	if last < low || first > high {
		*r = recent{}
		return
	}
	if first > low {
		r.logs = r.drop(r.logs[:first-low], r.logs[first-low:])
	}
	if last < high {
		n := uint64(len(r.logs)) - (high - last)
		r.logs = r.drop(r.logs[n:], r.logs[:n])
	}
}

// drop lets go of the memory of some entries and returns the others.
func (r *recent) drop(gone, left []raft.Log) []raft.Log {
	for i := range gone {
		r.bytes -= int64(entryBytes(&gone[i]))
	}
	clear(gone)
	return left
}

// cache bounds the bytes of all recent entries: the oldest append goes first. Only the writer
// uses it.
type cache struct {
	limit int64
	bytes int64
	order []cached
}

// cached is an append whose entries may still be in memory.
type cached struct {
	st   *groupState
	last uint64
}

// added counts what a change of a group's recent entries did to the sum.
func (c *cache) added(st *groupState, last uint64, bytes int64) {
	c.bytes += bytes
	c.order = append(c.order, cached{st, last})
}

// maxCached bounds the appends that the cache remembers.
const maxCached = 1 << 16

// trim drops the oldest until the bounds hold.
func (c *cache) trim() {
	for len(c.order) > 0 && (c.bytes > c.limit || len(c.order) > maxCached) {
		old := c.order[0]
		c.order[0] = cached{}
		c.order = c.order[1:]
		old.st.mu.Lock()
		before := old.st.recent.bytes
		if n := len(old.st.recent.logs); n > 0 {
			old.st.recent.keep(old.last+1, old.st.recent.logs[n-1].Index)
		}
		c.bytes += old.st.recent.bytes - before
		old.st.mu.Unlock()
	}
}
