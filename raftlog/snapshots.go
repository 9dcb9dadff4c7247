package raftlog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"

	"github.com/codegraphdb/codegraph/graph"
)

// SnapshotSource makes the bytes of a snapshot that is to be sent.
type SnapshotSource interface {
	// Stream makes a checkpoint of the state as it is now and returns it as a stream of exactly
	// size bytes. The state may be newer than any snapshot's index, never older: it holds its
	// own applied index, and Apply skips what it has.
	Stream() (size int64, stream io.ReadCloser, err error)
}

// Snapshots is the snapshot store of one group. A snapshot taken here is metadata only; a
// received one is a file until the state machine installed it (R9, R10).
type Snapshots struct {
	dir  string
	src  SnapshotSource
	opts SnapshotOptions

	mu       sync.Mutex
	recs     []*record      // guarded by mu; newest first
	warnings []error        // guarded by mu
	bad      []string       // guarded by mu; metadata files that were ignored
	readers  map[string]int // guarded by mu; id -> streams that are open
	seq      uint64         // guarded by mu; of the last snapshot begun
	serving  bool           // guarded by mu
	closed   bool           // guarded by mu
}

var _ raft.SnapshotStore = (*Snapshots)(nil)

// OpenSnapshots opens the snapshot store of a group in dir, creating it if it is not there.
// Metadata that does not verify is ignored with a warning (Warnings), unless nothing else is
// left.
func OpenSnapshots(dir string, src SnapshotSource, opts SnapshotOptions) (*Snapshots, error) {
	const op = "raftlog.OpenSnapshots"
	s := &Snapshots{dir: dir, src: src, opts: opts.withDefaults(), readers: map[string]int{}}
	if err := makeDir(s.opts.FS, dir); err != nil {
		return nil, graph.Errorf(op, graph.KindUnavailable, "snapshots in %s: %w", dir, err)
	}
	if err := s.load(); err != nil {
		return nil, graph.Errorf(op, graph.KindUnavailable, "snapshots in %s: %w", dir, err)
	}
	if len(s.recs) == 0 && len(s.bad) > 0 {
		return nil, &graph.Error{
			Op:     op,
			Kind:   graph.KindCorrupt,
			Msg:    fmt.Sprintf("no snapshot in %s is intact", dir),
			Err:    fmt.Errorf("%w: %w", ErrCorrupt, errors.Join(s.warnings...)),
			Remedy: "destroy the replica and add it again",
		}
	}
	for _, w := range s.warnings {
		s.opts.Logger.Warn("snapshot ignored", "dir", dir, "error", w)
	}
	return s, nil
}

// makeDir creates a directory durably.
func makeDir(fs vfs.FS, dir string) error {
	if err := fs.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return syncDir(fs, fs.PathDir(dir))
}

func syncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// load reads the directory and removes what never became a snapshot.
func (s *Snapshots) load() error {
	names, err := s.opts.FS.List(s.dir)
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		id, isMeta := strings.CutSuffix(name, metaSuffix)
		if !isMeta {
			continue
		}
		rec, err := s.loadRecord(id)
		if err != nil {
			s.warnings = append(s.warnings, err)
			s.bad = append(s.bad, name)
			s.seq = max(s.seq, seqOf(id))
			continue
		}
		s.recs = append(s.recs, rec)
		s.seq = max(s.seq, rec.Seq)
	}
	slices.SortFunc(s.recs, newestFirst)
	return s.sweep(names)
}

// seqOf returns the sequence number in an id, 0 if there is none.
func seqOf(id string) uint64 {
	var term, index, seq uint64
	if _, err := fmt.Sscanf(id, idFormat, &term, &index, &seq); err != nil {
		return 0
	}
	return seq
}

// snapshotError keeps the kind of a cause that has one.
func snapshotError(op, id, dir string, err error) error {
	kind := graph.KindOf(err)
	if kind == graph.KindOther {
		kind = graph.KindUnavailable
	}
	return graph.Errorf(op, kind, "snapshot %s in %s: %w", id, dir, err)
}

// sweep removes unfinished files and states that no metadata speaks of.
func (s *Snapshots) sweep(names []string) error {
	for _, name := range names {
		id, isState := strings.CutSuffix(name, stateSuffix)
		orphan := isState && !slices.ContainsFunc(s.recs, func(r *record) bool {
			return r.ID == id && r.Origin == originReceived
		}) && !slices.Contains(s.bad, id+metaSuffix)
		if !orphan && !strings.HasSuffix(name, tmpSuffix) {
			continue
		}
		if err := s.opts.FS.Remove(s.path(name)); err != nil {
			return err
		}
	}
	return nil
}

func (s *Snapshots) path(name string) string { return s.opts.FS.PathJoin(s.dir, name) }

// Warnings returns what was wrong with the metadata files that were ignored at open.
func (s *Snapshots) Warnings() []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.warnings)
}

// Serve ends the start of Raft. Until it is called, Open of a snapshot that was taken here gives
// a restore marker, which tells the state machine to look at what it has; from then on it gives a
// stream to send. A node calls it when raft.NewRaft has returned.
func (s *Snapshots) Serve() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serving = true
}

// Close revokes the store: later calls, also those of sinks that were made before, fail.
func (s *Snapshots) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

// usable says whether the store was revoked. REQUIRES: mu.
func (s *Snapshots) usable(op string) error {
	if s.closed {
		return refuse(op, graph.KindUnavailable, ErrRevoked, "snapshots in %s", s.dir)
	}
	return nil
}

// List returns the snapshots, newest first. The size of one that was taken here is known only
// when it is opened; it is 0 here.
func (s *Snapshots) List() ([]*raft.SnapshotMeta, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable("raftlog.List"); err != nil {
		return nil, err
	}
	metas := make([]*raft.SnapshotMeta, len(s.recs))
	for i, rec := range s.recs {
		metas[i] = rec.meta(rec.Size)
	}
	return metas, nil
}

// Open opens a snapshot: a received one from its file, behind a marker for ReadRestore; one that
// was taken here as a restore marker before Serve and as a stream of the state after it. The size
// in the metadata that it returns is exact.
func (s *Snapshots) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	const op = "raftlog.Open"
	rec, serving, err := s.acquire(op, id)
	if err != nil {
		return nil, nil, err
	}
	stream := &stream{release: func() { s.release(rec) }}
	var size int64
	switch {
	case rec.Origin == originReceived:
		size, stream.ReadCloser, err = s.openReceived(rec)
	case !serving:
		marker := restoreMarker(rec.Index)
		size = int64(len(marker))
		stream.ReadCloser = io.NopCloser(strings.NewReader(string(marker)))
	default:
		size, stream.ReadCloser, err = s.openSource(rec, stream)
	}
	if err != nil {
		stream.free()
		return nil, nil, snapshotError(op, rec.ID, s.dir, err)
	}
	return rec.meta(size), stream, nil
}

// openReceived opens a received state behind a marker that tells its index. It is for Restore: a
// replica that is sent it refuses the marker.
func (s *Snapshots) openReceived(rec *record) (int64, io.ReadCloser, error) {
	state, err := s.openState(rec)
	if err != nil {
		return 0, nil, err
	}
	marker := receivedMarker(rec.Index)
	return rec.Size + int64(len(marker)), struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(marker), state), state}, nil
}

// openSource asks for a stream of the state; entries above the snapshot stay until it is closed.
func (s *Snapshots) openSource(rec *record, st *stream) (int64, io.ReadCloser, error) {
	if s.src == nil {
		return 0, nil, errors.New("nobody to stream the state")
	}
	if s.opts.OnSend != nil {
		unpin, release := s.opts.OnSend(rec.Index), st.release
		st.release = func() { unpin(); release() }
	}
	return s.src.Stream()
}

// acquire finds a snapshot and keeps it from being reaped until release.
func (s *Snapshots) acquire(op, id string) (rec *record, serving bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(op); err != nil {
		return nil, false, err
	}
	for _, rec := range s.recs {
		if rec.ID == id {
			s.readers[id]++
			held := *rec
			return &held, s.serving, nil
		}
	}
	return nil, false, refuse(op, graph.KindNotFound, ErrNoSnapshot, "snapshot %s in %s", id, s.dir)
}

func (s *Snapshots) release(rec *record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readers[rec.ID]--; s.readers[rec.ID] == 0 {
		delete(s.readers, rec.ID)
	}
	if !s.closed {
		s.reap()
	}
}

// stream frees its snapshot when it is closed.
type stream struct {
	io.ReadCloser
	release func()
	once    sync.Once
}

func (st *stream) free() { st.once.Do(st.release) }

// Close closes the stream and lets the snapshot be reaped.
func (st *stream) Close() error {
	defer st.free()
	return st.ReadCloser.Close()
}

// Installed says that the state holds, durably, everything through index. The bytes of received
// snapshots up to there are dropped; their metadata stays as if they had been taken here. The
// state machine calls it at the end of Restore, after its own flush.
func (s *Snapshots) Installed(index uint64) error {
	const op = "raftlog.Installed"
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(op); err != nil {
		return err
	}
	for i, rec := range s.recs {
		if rec.Origin != originReceived || rec.Index > index {
			continue
		}
		local := *rec
		local.Origin, local.Size, local.Sum = originLocal, 0, 0
		if err := s.writeRecord(&local); err != nil {
			return snapshotError(op, rec.ID, s.dir, err)
		}
		s.recs[i] = &local
	}
	s.reap()
	return nil
}

// reap removes what is no longer needed: snapshots beyond Keep that are in the state, received
// ones that a newer one replaced, bytes that were installed. What fails is tried again later.
// REQUIRES: mu.
func (s *Snapshots) reap() {
	var keep []*record
	local, received := 0, 0
	for _, rec := range s.recs {
		var wanted bool
		if rec.Origin == originLocal {
			local++
			wanted = local <= s.opts.Keep
		} else if local == 0 {
			received++
			wanted = received == 1
		}
		if wanted || s.readers[rec.ID] > 0 || !s.remove(rec.ID+metaSuffix) {
			keep = append(keep, rec)
		}
		if s.readers[rec.ID] == 0 && (!wanted || rec.Origin == originLocal) {
			s.remove(rec.ID + stateSuffix)
		}
	}
	s.recs = keep
	s.bad = slices.DeleteFunc(s.bad, func(name string) bool {
		id := strings.TrimSuffix(name, metaSuffix)
		return local > 0 && s.remove(name) && s.remove(id+stateSuffix)
	})
}

// remove removes a file and says whether it is gone.
func (s *Snapshots) remove(name string) bool {
	err := s.opts.FS.Remove(s.path(name))
	if err != nil && !isNotExist(err) {
		s.opts.Logger.Warn("snapshot file not removed", "dir", s.dir, "file", name, "error", err)
		return false
	}
	return true
}
