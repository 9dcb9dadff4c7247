package raftlog

import (
	"errors"
	"sync"
	"time"

	"github.com/codegraphdb/codegraph/graph"
)

const (
	maxRoundBytes = 8 << 20  // of requests that are written together
	copyBelow     = 64 << 10 // a record below this is copied, so that a round is one write
	reserved      = 8        // part of a segment that is kept for what does not grow
)

// request is a record that somebody waits for.
type request struct {
	op    string
	rec   []byte
	grows bool // it takes room for good: refused, not fatal, when the disk is full

	// On the writer run land when the record is durable, undo (may be nil) when it never will be,
	// and then end.
	land func(seg *segment, off uint32)
	undo func()
	end  func()
	done chan error // of capacity 1
}

func (r *request) finish(err error) {
	if err != nil && r.undo != nil {
		r.undo()
	}
	r.end()
	r.done <- err
}

// writer appends to the log: one goroutine, one write and one sync for all that wait (a round).
// While it syncs, the next round gathers.
type writer struct {
	e     *Engine
	late  *deadline // kills the engine when a round takes too long
	ended chan struct{}
	wake  chan struct{} // of capacity 1

	mu    sync.Mutex
	queue []*request // guarded by mu
	stop  bool       // guarded by mu

	// What follows is the writer's own.
	cur      *segment
	pos      uint32 // of the next round in cur
	seq      uint64 // of the next round
	released uint32 // segments below it may be overwritten
	cache    cache
	buf      []byte
	ready    []*request
	half     bool // the next segment was asked for
}

func newWriter(e *Engine) *writer {
	w := &writer{e: e, ended: make(chan struct{}), wake: make(chan struct{}, 1)}
	w.cache.limit = e.opts.CacheBytes
	w.late = newDeadline(e.deadline, func() { e.fail("raftlog.write", e.late()) })
	return w
}

// submit queues a request.
func (w *writer) submit(r *request) {
	w.mu.Lock()
	w.queue = append(w.queue, r)
	w.mu.Unlock()
	w.poke()
}

func (w *writer) poke() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// run writes rounds until close. On a dead engine it only answers.
func (w *writer) run() {
	defer close(w.ended)
	for w.gather() {
		w.late.start()
		w.serve()
		w.late.stop()
	}
}

// gather waits for requests; false when the writer is to end.
func (w *writer) gather() bool {
	for {
		w.mu.Lock()
		if len(w.ready) == 0 {
			w.ready, w.queue = w.queue, w.ready
		} else {
			w.ready = append(w.ready, w.queue...)
			clear(w.queue)
			w.queue = w.queue[:0]
		}
		stop := w.stop
		w.mu.Unlock()
		if len(w.ready) > 0 {
			return true
		}
		if stop {
			return false
		}
		<-w.wake
	}
}

// close ends the writer when it has answered everybody.
func (w *writer) close() {
	w.mu.Lock()
	w.stop = true
	w.mu.Unlock()
	w.poke()
	<-w.ended
}

// serve writes as many requests as fit into one round.
func (w *writer) serve() {
	if w.e.err() != nil {
		w.answer(len(w.ready), w.e.err())
		return
	}
	n := w.fitting()
	if n == 0 {
		first := w.ready[0]
		err := w.advance(len(first.rec))
		switch {
		case err == nil:
			n = w.fitting()
		case errors.Is(err, ErrDiskFull) && first.grows:
			w.answer(1, refuse(first.op, graph.KindDiskFull, ErrDiskFull,
				"no room for %d bytes in %s", len(first.rec), w.e.dir))
			return
		}
		if err != nil {
			w.e.fail(first.op, err)
			w.answer(len(w.ready), w.e.err())
			return
		}
	}
	recs := make([][]byte, n)
	for i, r := range w.ready[:n] {
		recs[i] = r.rec
	}
	offs, err := w.round(recs)
	if err == nil {
		err = w.e.err() // it was late: whoever waited was told so
	} else {
		w.e.fail(w.ready[0].op, err)
		err = w.e.err()
	}
	if err == nil {
		for i, r := range w.ready[:n] {
			r.land(w.cur, offs[i])
		}
		w.cache.trim()
	}
	w.answer(n, err)
}

// answer finishes the first n requests.
func (w *writer) answer(n int, err error) {
	for _, r := range w.ready[:n] {
		r.finish(err)
	}
	left := copy(w.ready, w.ready[n:])
	clear(w.ready[left:])
	w.ready = w.ready[:left]
}

// fitting returns how many requests the next round of this segment can take. What grows leaves a
// reserve in the last segment that there is room for, so that truncations and votes still work
// on a full disk, and truncations make room.
func (w *writer) fitting() (n int) {
	size := int64(w.pos) + roundLen + 2*recordLen // room for a release
	reserve := int64(-1)
	for total := 0; n < len(w.ready); n++ {
		r := w.ready[n]
		size += int64(len(r.rec))
		total += len(r.rec)
		limit := w.cur.size
		if r.grows {
			if reserve < 0 {
				reserve = w.reserve()
			}
			limit -= reserve
		}
		if size > limit || n > 0 && total > maxRoundBytes {
			break
		}
	}
	return n
}

// reserve returns the bytes of this segment that are kept for what does not grow.
func (w *writer) reserve() int64 {
	if w.e.segs.usage().free > 0 {
		return 0
	}
	return w.cur.size / reserved
}

// round writes records and syncs them. It returns the offsets of the records.
func (w *writer) round(recs [][]byte) (offs []uint32, err error) {
	oldest := w.e.segs.oldest(w.cur.id)
	if oldest > w.released {
		recs = append(recs, releaseRecord(oldest))
	}
	r := round{segment: w.cur.id, off: w.pos, seq: w.seq, records: uint32(len(recs))}
	at := w.pos + roundLen
	offs = make([]uint32, len(recs))
	for i, rec := range recs {
		placeRecord(rec, r.segment, at)
		offs[i] = at
		at += uint32(len(rec))
	}
	r.length = at - w.pos - roundLen
	if err := w.write(r, recs); err != nil {
		return nil, err
	}
	start := time.Now()
	if err := w.cur.f.SyncData(); err != nil {
		return nil, err
	}
	w.e.m.synced(time.Since(start))
	w.pos, w.seq = at, w.seq+1
	if oldest > w.released {
		w.released = oldest
		return offs, w.recycle()
	}
	w.askNext()
	return offs, nil
}

// write puts a round into the file, large records without a copy.
func (w *writer) write(r round, recs [][]byte) error {
	var head [roundLen]byte
	putRound(head[:], r)
	w.buf = append(w.buf[:0], head[:]...)
	at := int64(r.off)
	flush := func() error {
		_, err := w.cur.f.WriteAt(w.buf, at)
		at += int64(len(w.buf))
		w.buf = w.buf[:0]
		return err
	}
	for _, rec := range recs {
		if len(rec) < copyBelow {
			w.buf = append(w.buf, rec...)
			continue
		}
		if err := flush(); err != nil {
			return err
		}
		if _, err := w.cur.f.WriteAt(rec, at); err != nil {
			return err
		}
		at += int64(len(rec))
	}
	if len(w.buf) == 0 {
		return nil
	}
	return flush()
}

// recycle frees the segments that recovery no longer begins with.
func (w *writer) recycle() error {
	for _, s := range w.e.segs.release(w.released) {
		if err := w.e.segs.give(s); err != nil {
			return err
		}
	}
	w.e.keeper.poke()
	return nil
}

// askNext lets the next segment be prepared when this one is half full.
func (w *writer) askNext() {
	if !w.half && int64(w.pos) > w.cur.size/2 {
		w.half = true
		w.e.keeper.next.Store(true)
		w.e.keeper.poke()
	}
}

// advance goes on in the next segment, which has room for a record of need bytes then.
func (w *writer) advance(need int) error {
	images := w.e.images()
	room := int64(firstRound) + 2*roundLen + 8*recordLen + int64(need)
	for _, rec := range images {
		room += int64(len(rec))
	}
	s, err := w.nextSegment(room)
	if err != nil {
		return err
	}
	if err := s.writeHead(w.cur.id + 1); err != nil {
		return err
	}
	return w.begin(s, images)
}

// begin makes s, which has its header, the segment that is written to.
func (w *writer) begin(s *segment, images [][]byte) error {
	c := checkpoint{oldest: w.released, prevEnd: w.pos, groups: uint32(len(images))}
	w.e.segs.begin(s)
	w.cur, w.pos, w.half = s, firstRound, false
	_, err := w.round(append([][]byte{checkpointRecord(c)}, images...))
	w.e.keeper.poke()
	return err
}

// nextSegment returns a segment with room for so many bytes: a free one, or a new file.
func (w *writer) nextSegment(room int64) (*segment, error) {
	if room > w.e.segs.size-w.e.segs.size/reserved {
		return w.e.newSegment((room + room/4 + firstRound) &^ (firstRound - 1))
	}
	if s := w.e.segs.take(); s != nil {
		return s, nil
	}
	// What was truncated may be all that there is: it can be overwritten once that is durable.
	if w.e.segs.oldest(w.cur.id) > w.released {
		if _, err := w.round(nil); err != nil {
			return nil, err
		}
		if s := w.e.segs.take(); s != nil {
			return s, nil
		}
	}
	return w.e.newSegment(w.e.segs.size)
}

// mark writes an empty round if there is room for it: it proves that what is before it was synced.
func (w *writer) mark() error {
	if int64(w.pos)+roundLen+2*recordLen > w.cur.size {
		return nil
	}
	_, err := w.round(nil)
	return err
}
