package raftlog

import (
	"errors"
	"fmt"
	"slices"
)

// replay reads the log, or begins one, and leaves the writer ready.
func (e *Engine) replay() (err error) {
	f := &found{log: map[uint32]*segment{}}
	defer func() {
		if err != nil {
			for _, s := range f.files {
				_ = s.close()
			}
		}
	}()
	if err := e.find(f); err != nil {
		return err
	}
	if err := e.findTail(f); err != nil {
		return err
	}
	if f.tail == nil {
		return e.create(f)
	}
	tail, err := e.replayFrom(f)
	if err != nil {
		return err
	}
	e.settle()
	for _, s := range f.files {
		if e.segs.log[s.id] == s {
			continue
		}
		if err := e.segs.give(s); err != nil {
			return err
		}
	}
	return e.reopen(f, tail)
}

// create begins a log: nothing but unfinished files is there.
func (e *Engine) create(f *found) error {
	for _, s := range f.blank {
		if err := e.segs.discard(s); err != nil {
			return err
		}
	}
	s, err := e.newSegment(e.segs.size)
	if err != nil {
		return err
	}
	if err = s.fill(func() bool { return false }); err == nil {
		err = s.writeHead(1)
	}
	if err != nil {
		return errors.Join(err, e.segs.discard(s))
	}
	w := e.writer
	w.seq, w.released = 1, 1
	return w.begin(s, nil)
}

// replayFrom applies the rounds of all segments that are needed and returns the scan of the tail.
func (e *Engine) replayFrom(f *found) (*scan, error) {
	oldest := e.oldestNeeded(f)
	e.writer.released = oldest
	seq := uint64(0)
	var prev *scan
	for id := oldest; ; id++ {
		s := f.log[id]
		if s == nil {
			return nil, corrupt("raftlog.Open", "segment %d of %d to %d is not in %s", id, oldest,
				f.tail.id, e.dir)
		}
		c := &scan{s: s, off: firstRound, seq: seq, image: f.image}
		if s != f.tail {
			var err error
			if c.image, err = s.load(); err != nil {
				return nil, err
			}
		}
		cp, err := readCheckpoint(c)
		if err != nil {
			return nil, err
		}
		if prev != nil && prev.off != cp.prevEnd {
			return nil, corrupt("raftlog.Open", "%s: the round at %d does not verify, the next "+
				"segment says that the last one ends at %d", prev.s.name, prev.off, cp.prevEnd)
		}
		if err := e.replaySegment(c, id == oldest, s == f.tail); err != nil {
			return nil, err
		}
		e.segs.begin(s)
		if s == f.tail {
			return c, nil
		}
		prev, seq = c, c.seq
	}
}

// oldestNeeded reads from the tail which segment recovery begins with.
func (e *Engine) oldestNeeded(f *found) (oldest uint32) {
	c := &scan{s: f.tail, off: firstRound, image: f.image}
	for {
		at := *c
		recs, state := c.next()
		if state == roundDamaged {
			if _, later := c.later(at); !later {
				state = roundNone
			}
		}
		if state == roundNone {
			return oldest
		}
		for _, rec := range recs {
			switch {
			case !rec.sound:
			case rec.kind == recCheckpoint:
				cp, _ := parseCheckpoint(rec.body)
				oldest = max(oldest, cp.oldest)
			case rec.kind == recRelease:
				id, _ := parseRelease(rec.body)
				oldest = max(oldest, id)
			}
		}
	}
}

// readCheckpoint reads the first record of a segment.
func readCheckpoint(c *scan) (checkpoint, error) {
	r, ok := getRound(c.image[firstRound:])
	if ok && r.segment == c.s.id {
		rec, ok := getRecord(c.image[firstRound+roundLen:], c.s.id, firstRound+roundLen)
		if ok && rec.sound && rec.kind == recCheckpoint {
			return parseCheckpoint(rec.body)
		}
	}
	return checkpoint{}, corrupt("raftlog.Open", "%s begins with no checkpoint", c.s.name)
}

// replaySegment applies the rounds of one segment. What does not verify in the newest one is a torn
// tail if nothing follows it, since a round is written when the one before it is synced; else it
// is damage. If it is clear which group it hit, the others go on.
func (e *Engine) replaySegment(c *scan, first, tail bool) error {
	for {
		at := *c
		recs, state := c.next()
		if tail && state != roundGood {
			where, later := c.later(at)
			if later && state == roundNone {
				return corrupt("raftlog.Open", "%s: the round at %d does not verify, one at %d does",
					c.s.name, at.off, where)
			}
			if !later {
				state = roundNone
			}
		}
		if state == roundNone { // replayFrom knows where a segment before the newest ends
			*c = at
			return nil
		}
		for _, rec := range recs {
			if err := e.replayRecord(c, rec, first && at.off == firstRound); err != nil {
				return err
			}
		}
	}
}

// replayRecord applies one record. seed is set for the first round of all.
func (e *Engine) replayRecord(c *scan, rec logRecord, seed bool) error {
	engines := rec.kind == recCheckpoint || rec.kind == recRelease
	err := error(nil)
	switch {
	case !rec.sound:
		err = errChecksum
	case engines: // read before
	default:
		err = e.replayGroup(c, rec, seed)
	}
	if err == nil {
		return nil
	}
	bad := corrupt("raftlog.Open", "%s: record at %d: %v", c.s.name, rec.off, err)
	if engines {
		return bad
	}
	if st := e.state(rec.group); st.bad == nil { // it may be destroyed further on
		st.bad = bad
	}
	return nil
}

func (e *Engine) replayGroup(c *scan, rec logRecord, seed bool) error {
	st := e.state(rec.group)
	st.gone = false
	st.mu.Lock()
	defer st.mu.Unlock()
	switch rec.kind {
	case recAppend:
		commit, first, locs, err := parseAppend(rec.body)
		if err != nil {
			return err
		}
		place(locs, c.s.id, rec.off)
		st.applyAppend(first, commit, locs)
	case recBounds:
		first, last, err := parseBounds(rec.body)
		if err != nil {
			return err
		}
		st.applyBounds(first, last)
	case recStable:
		rows, err := parseRows(rec.body)
		if err != nil {
			return err
		}
		st.applyRows(rows)
	case recDestroy:
		st.applyDestroy()
	case recRewrite:
		locs, indexes, err := entriesIn(rec.body, 0)
		if err != nil {
			return err
		}
		place(locs, c.s.id, rec.off)
		st.applyRewrite(indexes, locs)
	case recState:
		return st.replayImage(rec.body, seed)
	default:
		return fmt.Errorf("type %d is not known", rec.kind)
	}
	return nil
}

// replayImage takes a group from the beginning of the first segment, and compares it at the
// others. REQUIRES: mu.
func (st *groupState) replayImage(body []byte, seed bool) error {
	want, err := parseImage(body)
	if err != nil {
		return err
	}
	if want.damaged {
		return errors.New("the group was damaged")
	}
	if seed {
		st.commit = want.commit
		st.applyRows(want.rows)
		if want.last != 0 {
			st.index.put(want.first, make([]loc, want.last-want.first+1))
		}
		return nil
	}
	if st.bad != nil {
		return nil
	}
	if got := st.currentImage(); !got.equal(want) {
		return fmt.Errorf("the group is %d..%d with %d rows, this says %d..%d with %d",
			got.first, got.last, len(got.rows), want.first, want.last, len(want.rows))
	}
	return nil
}

// settle counts what is needed of each segment and looks for entries that are nowhere.
func (e *Engine) settle() {
	for _, st := range e.states() {
		st.index.bytes = locBytes(st.index.locs)
		st.ext = st.index.extent()
		missing := slices.IndexFunc(st.index.locs, func(l loc) bool { return l.seg == 0 })
		bad := st.bad
		switch {
		case bad != nil:
		case missing >= 0:
			bad = corrupt("raftlog.Open", "group %d in %s: entry %d is missing", st.id, e.dir,
				st.index.first+uint64(missing))
		case !st.ext.empty() && st.commit > st.ext.last:
			bad = corrupt("raftlog.Open", "group %d in %s: the log ends at %d, %d was committed",
				st.id, e.dir, st.ext.last, st.commit)
		}
		if st.bad = nil; bad != nil {
			_ = e.damaged(st, bad)
		}
		st.staged.Store(st.commit)
		for _, l := range st.index.locs {
			e.segs.lived(l.seg, uint64(l.n))
		}
	}
}

// reopen goes on behind the last round. That one is written again: it may be known to the
// system's cache only, after a sync that failed.
func (e *Engine) reopen(f *found, c *scan) error {
	if n := c.torn(); n > 0 {
		e.m.torn(n)
		e.logger.Warn("raft log ends in a write that was not finished; it is cut off",
			"file", c.s.name, "offset", c.off, "bytes", n)
	}
	if _, err := c.s.f.WriteAt(f.image[c.last:c.off], int64(c.last)); err != nil {
		return err
	}
	if err := c.s.f.SyncData(); err != nil {
		return err
	}
	w := e.writer
	w.cur, w.pos, w.seq = c.s, c.off, c.seq
	return w.mark()
}
