package raftlog

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	segmentSuffix = ".seg"
	lockName      = "LOCK"
	fillStep      = 1 << 20 // zeros that are written in one go
	fillSync      = 4 << 20 // and synced
)

// segment is one file. Its place in the log is the id in its header; the name never changes.
type segment struct {
	name string
	size int64 // room
	id   uint32
	live int64 // bytes of entries that are needed; the writer's

	filled bool // it was written all over

	mu sync.RWMutex
	f  vfs.File // guarded by mu; nil once it is closed
}

// readAt reads from a segment that may be given up meanwhile: who reads looks again whether its
// entry is still there if this fails, or gives what does not verify.
func (s *segment) readAt(b []byte, off int64) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.f == nil {
		return errSegmentGone
	}
	_, err := s.f.ReadAt(b, off)
	return err
}

var errSegmentGone = errors.New("the segment is gone")

func (s *segment) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.f == nil {
		return nil
	}
	f := s.f
	s.f = nil
	return f.Close()
}

// writeHead gives a segment its place in the log, durably.
func (s *segment) writeHead(id uint32) error {
	head := make([]byte, firstRound)
	putSegment(head, id, s.size)
	if _, err := s.f.WriteAt(head, 0); err != nil {
		return err
	}
	s.id, s.live = id, 0
	return s.f.SyncData()
}

// wipe makes sure that nobody takes a segment for one that was begun.
func (s *segment) wipe() error {
	if _, err := s.f.WriteAt(make([]byte, 2*firstRound), 0); err != nil {
		return err
	}
	return s.f.SyncData()
}

// fill writes zeros all over a new segment, until stop says so: overwriting is synced at twice the
// rate of growing.
func (s *segment) fill(stop func() bool) error {
	zeros := make([]byte, min(fillStep, s.size))
	for off := int64(0); off < s.size && !stop(); off += int64(len(zeros)) {
		if _, err := s.f.WriteAt(zeros[:min(int64(len(zeros)), s.size-off)], off); err != nil {
			return err
		}
		if (off+fillStep)%fillSync == 0 {
			if err := s.f.SyncData(); err != nil {
				return err
			}
		}
	}
	s.filled = true
	return s.f.Sync()
}

// segments is all files of an engine: those of the log, and free ones.
type segments struct {
	fs   vfs.FS
	dir  string
	size int64

	mu   sync.RWMutex
	log  map[uint32]*segment // guarded by mu
	free []*segment          // guarded by mu; room of size each, nothing in them is needed
	slot int                 // guarded by mu; of the next file

	back    *sync.Cond // on mu
	filling bool       // guarded by mu; a free segment is away
	wanted  bool       // guarded by mu; somebody waits for it
}

func newSegments(opts Options, dir string) *segments {
	ss := &segments{fs: opts.FS, dir: dir, size: opts.SegmentBytes, slot: 1,
		log: map[uint32]*segment{}}
	ss.back = sync.NewCond(&ss.mu)
	return ss
}

// slotOf returns the number in the name of a segment's file.
func slotOf(name string) (int, bool) {
	digits, ok := strings.CutSuffix(name, segmentSuffix)
	n, err := strconv.Atoi(digits)
	return n, ok && err == nil && n > 0
}

// create makes a file with room for a segment.
func (ss *segments) create(size int64) (*segment, error) {
	ss.mu.Lock()
	name := ss.fs.PathJoin(ss.dir, fmt.Sprintf("%06d%s", ss.slot, segmentSuffix))
	ss.slot++
	ss.mu.Unlock()
	f, err := ss.fs.OpenReadWrite(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, err
	}
	s := &segment{name: name, size: size, f: f}
	err = f.Preallocate(0, size)
	if errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS) {
		err = nil
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = syncDir(ss.fs, ss.dir)
	}
	if err != nil {
		return nil, errors.Join(err, ss.discard(s))
	}
	return s, nil
}

// discard removes a file for good.
func (ss *segments) discard(s *segment) error {
	return errors.Join(s.close(), ss.fs.Remove(s.name))
}

// take returns a free segment, nil if there is none.
func (ss *segments) take() *segment {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	for len(ss.free) == 0 && ss.filling {
		ss.wanted = true
		ss.back.Wait()
	}
	if len(ss.free) == 0 {
		return nil
	}
	s := ss.free[0]
	ss.free = slices.Delete(ss.free, 0, 1)
	return s
}

// takeUnfilled takes the free segment that should be filled, nil if there is none, until
// giveFilled.
func (ss *segments) takeUnfilled() *segment {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if len(ss.free) == 0 || ss.free[0].filled {
		return nil
	}
	s := ss.free[0]
	ss.free = slices.Delete(ss.free, 0, 1)
	ss.filling, ss.wanted = true, false
	return s
}

// hurry says whether somebody waits for the segment that is being filled.
func (ss *segments) hurry() bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return ss.wanted
}

func (ss *segments) giveFilled(s *segment) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.free = slices.Insert(ss.free, 0, s)
	ss.filling = false
	ss.back.Broadcast()
}

// give adds a free segment. One of another size is of no use again.
func (ss *segments) give(s *segment) error {
	if s.size != ss.size {
		return ss.discard(s)
	}
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if s.filled {
		ss.free = slices.Insert(ss.free, 0, s)
	} else {
		ss.free = append(ss.free, s)
	}
	return nil
}

// surplus takes a free segment beyond those that will be needed soon: one, and one for every
// four of the log.
func (ss *segments) surplus() *segment {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	n := len(ss.free)
	if n <= 2+len(ss.log)/4 {
		return nil
	}
	s := ss.free[n-1]
	ss.free = ss.free[:n-1]
	return s
}

// begin adds a segment to the log.
func (ss *segments) begin(s *segment) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.log[s.id] = s
}

// release takes the segments below oldest out of the log.
func (ss *segments) release(oldest uint32) []*segment {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	var gone []*segment
	for id, s := range ss.log {
		if id < oldest {
			gone = append(gone, s)
			delete(ss.log, id)
		}
	}
	slices.SortFunc(gone, func(a, b *segment) int { return int(a.id) - int(b.id) })
	return gone
}

// get returns the segment of an id, nil if it is no longer in the log.
func (ss *segments) get(id uint32) *segment {
	ss.mu.RLock()
	defer ss.mu.RUnlock()
	return ss.log[id]
}

// oldest returns the lowest id that entries lie in, or cur. Only the writer may ask.
func (ss *segments) oldest(cur uint32) uint32 {
	ss.mu.RLock()
	defer ss.mu.RUnlock()
	for id, s := range ss.log {
		if s.live > 0 {
			cur = min(cur, id)
		}
	}
	return cur
}

// lived counts the bytes of entries that came to a segment.
func (ss *segments) lived(id uint32, bytes uint64) {
	if s := ss.get(id); s != nil {
		s.live += int64(bytes)
	}
}

// died counts the bytes of entries that are no longer needed.
func (ss *segments) died(locs []loc) {
	for i := 0; i < len(locs); {
		id, bytes := locs[i].seg, int64(0)
		for ; i < len(locs) && locs[i].seg == id; i++ {
			bytes += int64(locs[i].n)
		}
		if s := ss.get(id); s != nil {
			s.live -= bytes
		}
	}
}

// usage describes the files.
type usage struct {
	log, free           int
	logBytes, freeBytes int64
	lowest              uint32 // id
}

func (ss *segments) usage() (u usage) {
	ss.mu.RLock()
	defer ss.mu.RUnlock()
	u.log, u.free = len(ss.log), len(ss.free)
	for id, s := range ss.log {
		u.logBytes += s.size
		if u.lowest == 0 || id < u.lowest {
			u.lowest = id
		}
	}
	for _, s := range ss.free {
		u.freeBytes += s.size
	}
	return u
}

// closeAll closes the files.
func (ss *segments) closeAll() error {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	var errs []error
	for _, s := range ss.log {
		errs = append(errs, s.close())
	}
	for _, s := range ss.free {
		errs = append(errs, s.close())
	}
	return errors.Join(errs...)
}
