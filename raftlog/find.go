package raftlog

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/codegraphdb/codegraph/graph"
)

// found is what Open finds in a directory.
type found struct {
	log   map[uint32]*segment // files with a header
	blank []*segment          // files without one: free, or never finished
	tail  *segment            // the newest that rounds were written to; nil for a fresh engine
	image []byte              // of the tail's file
	files []*segment          // all of them
}

// find opens all files and reads their headers.
func (e *Engine) find(f *found) error {
	names, err := e.segs.fs.List(e.dir)
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		if name == lockName {
			continue
		}
		slot, ok := slotOf(name)
		if !ok {
			return graph.Errorf("raftlog.Open", graph.KindUnsupported,
				"%s holds %s, which is no part of this log", e.dir, name).
				WithRemedy("a log of an older version is not read: remove the data directory and " +
					"ingest again")
		}
		e.segs.slot = max(e.segs.slot, slot+1)
		if err := e.findFile(f, name); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) findFile(f *found, name string) error {
	s := &segment{name: e.segs.fs.PathJoin(e.dir, name), size: e.segs.size}
	file, err := e.segs.fs.OpenReadWrite(s.name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	s.f = file
	f.files = append(f.files, s)
	info, err := file.Stat()
	if err != nil {
		return err
	}
	s.filled = info.Size() >= s.size
	head := make([]byte, segmentLen)
	if err := s.readAt(head, 0); err != nil && !isEOF(err) {
		return err
	}
	id, size, ok, err := getSegment(head)
	switch {
	case err != nil:
		return &graph.Error{Op: "raftlog.Open", Kind: graph.KindUnsupported, Msg: s.name, Err: err,
			Remedy: "run the codegraphd that wrote it"}
	case !ok:
		f.blank = append(f.blank, s)
		return nil
	case f.log[id] != nil:
		return corrupt("raftlog.Open", "%s and %s are both segment %d", f.log[id].name, s.name, id)
	}
	s.id, s.size = id, size
	f.log[id] = s
	return nil
}

func isEOF(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }

// load reads a whole segment. What the file does not have reads as zeros.
func (s *segment) load() ([]byte, error) {
	b := make([]byte, s.size)
	if err := s.readAt(b, 0); err != nil && !isEOF(err) {
		return nil, err
	}
	return b, nil
}

// findTail finds the newest segment that rounds were written to. A newer one may have been
// given its place and then nothing. What has no header, but rounds that are newer than all
// others, lost its header.
func (e *Engine) findTail(f *found) error {
	ids := slices.Sorted(maps.Keys(f.log))
	slices.Reverse(ids)
	for _, id := range ids {
		s := f.log[id]
		image, err := s.load()
		if err != nil {
			return err
		}
		r, ok := getRound(image[firstRound:])
		if ok && r.segment == id && r.off == firstRound && complete(image[firstRound:], r) {
			f.tail, f.image = s, image
			break
		}
		if at, ok := laterRound(image, id, firstRound+1); ok {
			return corrupt("raftlog.Open", "%s begins with no checkpoint, but has a round at %d",
				s.name, at)
		}
		delete(f.log, id)
		f.blank = append(f.blank, s)
	}
	newest := uint32(0)
	if f.tail != nil {
		newest = f.tail.id
	}
	return e.checkBlank(f, newest)
}

// checkBlank makes sure that files without a header hold nothing that is newer than the log.
func (e *Engine) checkBlank(f *found, newest uint32) error {
	for _, s := range f.blank {
		image, err := s.load()
		if err != nil {
			return err
		}
		if at, ok := laterRound(image, newest+1, firstRound); ok && s.id == 0 {
			return corrupt("raftlog.Open", "%s has no header, but a round at %d", s.name, at)
		}
		if s.id == 0 {
			continue
		}
		s.id = 0
		if err := s.wipe(); err != nil { // or it stands in the way of the next one with its id
			return err
		}
	}
	return nil
}

// laterRound looks for the header of a round, of this segment or a newer one, at from or behind.
func laterRound(image []byte, segment uint32, from int) (at int, ok bool) {
	for from < len(image) {
		i := bytes.Index(image[from:], []byte(roundMagic))
		if i < 0 {
			return 0, false
		}
		at = from + i
		r, ok := getRound(image[at:])
		if ok && r.segment >= segment && int64(r.off) == int64(at) {
			return at, true
		}
		from = at + 1
	}
	return 0, false
}

// complete says whether all records of a round verify.
func complete(b []byte, r round) bool {
	recs, ok := getRecords(b, r)
	for _, rec := range recs {
		ok = ok && rec.sound
	}
	return ok
}
