package raftlog

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"

	"github.com/codegraphdb/codegraph/graph"
)

// LocalMarker is all that the state machine's Persist writes, after its flush: the state is here.
// It never travels.
const LocalMarker = "codegraph: the state is in the shard\n"

// restorePrefix begins what Open gives in place of a state that is here already.
const restorePrefix = "codegraph: look at the shard's state\n"

// receivedPrefix goes before a received state when it is opened. It has the length of the other.
const receivedPrefix = "codegraph: a received state follows \n"

const restoreMarkerLen = len(restorePrefix) + 8

func restoreMarker(index uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte(restorePrefix), index)
}

func receivedMarker(index uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte(receivedPrefix), index)
}

// ReadRestore tells the state machine's Restore what it was given, and the index of the snapshot.
// If local, the state is the one on disk, whose last snapshot must be at index or later, or Restore
// fails so that Raft falls back to an older one. Otherwise state is the stream that a leader sent.
func ReadRestore(r io.Reader) (local bool, index uint64, state io.Reader, err error) {
	head := make([]byte, restoreMarkerLen)
	if _, err := io.ReadFull(r, head); err != nil {
		return false, 0, nil, corrupt("raftlog.ReadRestore", "a snapshot begins with no marker: %v", err)
	}
	index = binary.BigEndian.Uint64(head[len(restorePrefix):])
	switch {
	case bytes.HasPrefix(head, []byte(restorePrefix)):
		return true, index, nil, nil
	case bytes.HasPrefix(head, []byte(receivedPrefix)):
		return false, index, r, nil
	}
	return false, 0, nil, corrupt("raftlog.ReadRestore", "a snapshot begins with no marker")
}

// Create begins a snapshot. What is written decides what it is: LocalMarker alone is one taken
// here, anything else one that a leader sends.
func (s *Snapshots) Create(version raft.SnapshotVersion, index, term uint64,
	configuration raft.Configuration, configurationIndex uint64, _ raft.Transport,
) (raft.SnapshotSink, error) {
	const op = "raftlog.Create"
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(op); err != nil {
		return nil, err
	}
	if version != 1 {
		return nil, graph.Errorf(op, graph.KindUnsupported, "snapshot version %d", version)
	}
	s.seq++
	return &sink{s: s, rec: record{
		ID:                 fmt.Sprintf(idFormat, term, index, s.seq),
		Seq:                s.seq,
		Index:              index,
		Term:               term,
		Version:            version,
		Configuration:      configuration.Clone(),
		ConfigurationIndex: configurationIndex,
	}}, nil
}

// sink is a snapshot that is being written. It is used by one goroutine.
type sink struct {
	s   *Snapshots
	rec record

	head []byte   // what was written, until it is clear that it is no marker
	file vfs.File // nil until then
	w    *bufio.Writer
	done bool
}

// ID returns the id under which the snapshot will be listed.
func (k *sink) ID() string { return k.rec.ID }

// Index returns the last entry that the snapshot covers. It may be above what the state machine
// has applied: barriers and the like count, and never get there.
func (k *sink) Index() uint64 { return k.rec.Index }

// Write takes the next bytes.
func (k *sink) Write(p []byte) (int, error) {
	if k.done {
		return 0, k.wrap("raftlog.Write", errors.New("the snapshot is finished"))
	}
	if k.file == nil {
		k.head = append(k.head, p...)
		if len(k.head) <= restoreMarkerLen {
			return len(p), nil
		}
		if err := k.spill(); err != nil {
			return 0, k.wrap("raftlog.Write", err)
		}
		return len(p), nil
	}
	if err := k.write(p); err != nil {
		return 0, k.wrap("raftlog.Write", err)
	}
	return len(p), nil
}

// spill begins the file of a received state.
func (k *sink) spill() (err error) {
	if bytes.HasPrefix(k.head, []byte(restorePrefix)) ||
		bytes.HasPrefix(k.head, []byte(receivedPrefix)) ||
		bytes.HasPrefix(k.head, []byte(LocalMarker)) {
		return errors.New("a marker of another replica's state is not a state")
	}
	k.file, err = k.s.opts.FS.Create(k.tmp(), vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	k.w = bufio.NewWriterSize(k.file, 256<<10)
	return k.write(k.head)
}

func (k *sink) write(p []byte) error {
	k.rec.Sum = crc32.Update(k.rec.Sum, castagnoli, p)
	k.rec.Size += int64(len(p))
	_, err := k.w.Write(p)
	return err
}

func (k *sink) tmp() string { return k.s.path(k.rec.ID + stateSuffix + tmpSuffix) }

// Close makes the snapshot durable and lists it.
func (k *sink) Close() error {
	const op = "raftlog.CloseSnapshot"
	if k.done {
		return nil
	}
	k.done = true
	if string(k.head) == LocalMarker {
		k.rec.Origin = originLocal
	} else {
		k.rec.Origin = originReceived
		if err := k.finishState(); err != nil {
			k.discard()
			return k.wrap(op, err)
		}
	}
	if err := k.s.publish(op, &k.rec); err != nil {
		k.discard()
		return k.wrap(op, err)
	}
	return nil
}

// finishState makes the file of a received state durable under a temporary name.
func (k *sink) finishState() error {
	if k.file == nil {
		if len(k.head) == 0 {
			return errors.New("the snapshot is empty")
		}
		if err := k.spill(); err != nil {
			return err
		}
	}
	if _, err := k.w.Write(trailer(k.rec.Sum, k.rec.Size)); err != nil {
		return err
	}
	if err := k.w.Flush(); err != nil {
		return err
	}
	if err := k.file.Sync(); err != nil {
		return err
	}
	f := k.file
	k.file = nil
	return f.Close()
}

// Cancel drops the snapshot.
func (k *sink) Cancel() error {
	if !k.done {
		k.done = true
		k.discard()
	}
	return nil
}

func (k *sink) discard() {
	if k.file != nil {
		_ = k.file.Close()
		k.file = nil
	}
	if k.w != nil {
		k.s.remove(k.rec.ID + stateSuffix + tmpSuffix)
	}
}

func (k *sink) wrap(op string, err error) error {
	return snapshotError(op, k.rec.ID, k.s.dir, err)
}

// publish gives a finished snapshot its name and lists it.
func (s *Snapshots) publish(op string, rec *record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(op); err != nil {
		return err
	}
	if rec.Origin == originReceived {
		name := s.path(rec.ID + stateSuffix)
		if err := s.opts.FS.Rename(name+tmpSuffix, name); err != nil {
			return err
		}
	}
	if err := s.writeRecord(rec); err != nil {
		return err
	}
	s.recs = append(s.recs, rec)
	slices.SortFunc(s.recs, newestFirst)
	s.reap()
	return nil
}
