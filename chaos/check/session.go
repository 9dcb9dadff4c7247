package check

import (
	"fmt"

	"github.com/codegraphdb/codegraph/chaos/history"
)

// Sessions is W8 (E5): in a session the version of a key, the timestamps of reads and the epoch of
// a shard never go backwards, whichever replica answers; a session sees its own writes, and a read
// sees all that the timestamp in its token covers. Applied indexes that fall are counted, and
// wrong only if Config.Indexes says so: another replica may be behind and still cover the token.
func Sessions() Checker { return fold{"session", checkSessions} }

// sessionFloor is what a session has seen.
type sessionFloor struct {
	timestamp *history.Op
	version   map[string]seenVersion // by key
	shards    map[uint64]seenShard
}

// sessionWrite is a write and the version that it gives its key.
type sessionWrite struct {
	*history.Op
	version int64
}

type seenVersion struct {
	version int64
	op      *history.Op
}

type seenShard struct {
	epoch, applied uint64
	op             *history.Op
}

func checkSessions(f *finding, h *history.History, cfg Config) {
	floors := map[string]*sessionFloor{}
	writes := map[string][]sessionWrite{}
	for _, w := range h.Of(SessionWrite) {
		if v, ok := input[int64](f, w); ok {
			writes[w.Key] = append(writes[w.Key], sessionWrite{w, v})
		}
	}
	pending := map[string][]*history.Op{} // ended reads that later ones are held to
	falls := 0
	for _, r := range oked(h.Of(SessionRead)) {
		version, ok := output[int64](f, r)
		if !ok {
			continue
		}
		f.Checked++
		checkSessionVersion(f, r, version, writes[r.Key])
		if r.Floor != 0 && r.At.Timestamp != 0 && r.At.Timestamp < r.Floor {
			f.wrong(ops(r), "a read with a token of %d is of %d", r.Floor, r.At.Timestamp)
		}
		if r.Session == "" || r.Mode == history.AsOf {
			continue
		}
		floor := floors[r.Session]
		if floor == nil {
			floor = &sessionFloor{version: map[string]seenVersion{}, shards: map[uint64]seenShard{}}
			floors[r.Session] = floor
		}
		pending[r.Session] = floor.settle(f, r, pending[r.Session])
		falls += floor.hold(f, r, version, cfg.Indexes)
		pending[r.Session] = append(pending[r.Session], r)
	}
	f.figure("sessions", float64(len(floors)))
	f.figure("index_falls", float64(falls))
}

// checkSessionVersion holds one read to the writes of its key: its own and what its token covers.
func checkSessionVersion(f *finding, r *history.Op, version int64, writes []sessionWrite) {
	known := version == 0
	for _, w := range writes {
		v := w.version
		if v == version {
			known = true
			if w.Outcome == history.Fail {
				f.wrong(ops(w.Op, r), "key %s: a read shows version %d, whose write failed", r.Key, v)
			}
			if early(w.Op, r) {
				f.wrong(ops(w.Op, r), "key %s: a read shows version %d, which came later", r.Key, v)
			}
		}
		if v > version && due(w.Op, r) {
			f.wrong(ops(w.Op, r), "key %s: a read shows version %d, %s", r.Key, version,
				whyDue(w.Op, r, v))
		}
	}
	if !known {
		f.wrong(ops(r), "key %s: a read shows version %d, which nobody wrote", r.Key, version)
	}
}

// whyDue says which promise makes version v of write w due.
func whyDue(w, r *history.Op, v int64) string {
	switch {
	case w.Before(r) && sameSession(w, r):
		return fmt.Sprintf("its session wrote %d before", v)
	case w.At.Timestamp != 0 && w.At.Timestamp <= r.Floor:
		return fmt.Sprintf("its token covers %d", v)
	case w.At.Timestamp != 0 && w.At.Timestamp <= r.At.Timestamp:
		return fmt.Sprintf("its timestamp covers %d", v)
	}
	return fmt.Sprintf("%d was acknowledged before", v)
}

// settle raises the floor by the reads that had ended before r began, and returns the rest.
func (s *sessionFloor) settle(f *finding, r *history.Op, reads []*history.Op) []*history.Op {
	var rest []*history.Op
	for _, o := range reads {
		if !o.Before(r) {
			rest = append(rest, o)
			continue
		}
		if s.timestamp == nil || o.At.Timestamp > s.timestamp.At.Timestamp {
			s.timestamp = o
		}
		if v, ok := output[int64](f, o); ok && v >= s.version[o.Key].version {
			s.version[o.Key] = seenVersion{v, o}
		}
		for _, at := range o.At.Shards {
			seen := s.shards[at.Shard]
			s.shards[at.Shard] = seenShard{max(seen.epoch, at.Epoch), max(seen.applied, at.Applied), o}
		}
	}
	return rest
}

// hold holds a read to what its session has seen; it returns how many applied indexes fell.
func (s *sessionFloor) hold(f *finding, r *history.Op, version int64, indexes bool) int {
	if before := s.version[r.Key]; version < before.version {
		f.wrong(ops(before.op, r), "session %s: key %s goes back from version %d to %d", r.Session, r.Key,
			before.version, version)
	}
	if t := s.timestamp; t != nil && r.At.Timestamp != 0 && r.At.Timestamp < t.At.Timestamp {
		f.wrong(ops(t, r), "session %s goes back from timestamp %d to %d", r.Session, t.At.Timestamp,
			r.At.Timestamp)
	}
	falls := 0
	for _, at := range r.At.Shards {
		seen := s.shards[at.Shard]
		if at.Epoch < seen.epoch {
			f.wrong(ops(seen.op, r), "session %s: shard %d goes back from epoch %d to %d", r.Session,
				at.Shard, seen.epoch, at.Epoch)
		}
		if at.Applied >= seen.applied {
			continue
		}
		falls++
		if indexes {
			f.wrong(ops(seen.op, r), "session %s: shard %d goes back from index %d to %d on %s", r.Session,
				at.Shard, seen.applied, at.Applied, at.Node)
		}
	}
	return falls
}
