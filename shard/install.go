package shard

import (
	"errors"
	"io"

	"github.com/cockroachdb/pebble/v2"

	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/shard/stream"
)

// Checkpoint makes everything applied durable and puts a copy of the store into dir, which must not
// exist, by hard links where it can. It returns the index that the copy holds.
func (s *Shard) Checkpoint(dir string) (index uint64, err error) {
	if _, err := s.Flush(); err != nil { // most of it while Apply goes on
		return 0, err
	}
	s.apply.Lock()
	defer s.apply.Unlock()
	if s.dead != nil {
		return 0, s.dead
	}
	if err := s.store.Load().db.Flush(); err != nil {
		return 0, s.fail(errorf("Checkpoint", graph.KindOther, "shard %d: %w", s.opts.ID, err))
	}
	if err := s.store.Load().db.Checkpoint(dir); err != nil {
		return 0, errorf("Checkpoint", graph.KindOther, "shard %d: %w", s.opts.ID, err)
	}
	return s.st.applied.index, nil
}

// Export is a checkpoint as a stream of exactly Size bytes. Closing it removes the checkpoint.
type Export struct {
	io.ReadCloser
	Size  int64
	Index uint64 // applied in it
}

// ExportStream makes a checkpoint in dir, which must not exist, and returns it as a stream.
func (s *Shard) ExportStream(dir string) (*Export, error) {
	index, err := s.Checkpoint(dir)
	if err != nil {
		return nil, err
	}
	e, size, err := stream.NewExporter(s.opts.FS, dir)
	if err != nil {
		return nil, errors.Join(errorf("ExportStream", graph.KindOther, "shard %d: %w",
			s.opts.ID, err), s.opts.FS.RemoveAll(dir))
	}
	return &Export{ReadCloser: e, Size: size, Index: index}, nil
}

// Install replaces the state by the one of a stream, as a snapshot at a log index. It is what
// Raft's Restore calls: if base is already at the index nothing is done and r is not read; else,
// when it returns nil, the new state is durable and base is the index; when it fails, or the
// process dies in it, the old state is untouched (5.1). Views that are open keep the old state.
// A stream may hold entries after the index, which the leader applied while it was made: base is
// then the last of them, and Apply skips them when they come.
func (s *Shard) Install(r io.Reader, index uint64) error {
	s.apply.Lock()
	defer s.apply.Unlock()
	cur := s.store.Load()
	if cur == nil {
		return s.dead
	}
	if s.dead == nil && index <= s.st.base {
		return nil
	}
	name := nextStore(cur.name)
	if err := stage(s.dir, name, &s.opts, r, index); err != nil {
		return err
	}
	// The old store is closed after the switch: should opening the new one fail, the directory is
	// the new one all the same, and the replica is dead until it is opened again.
	if err := writeCurrent(s.opts.FS, s.dir, name); err != nil {
		return s.fail(errorf("Install", graph.KindOther, "shard %d: %w", s.opts.ID, err))
	}
	if err := s.open(name); err != nil {
		return s.fail(err)
	}
	s.dead = nil
	old := s.opts.FS.PathJoin(s.dir, cur.name)
	cur.closed = func() error { return s.opts.FS.RemoveAll(old) }
	if err := cur.release(); err != nil {
		s.opts.Logger.Warn("remove a replaced store", "err", err)
	}
	return nil
}

// InstallStream is Install for a replica that is not open, or does not exist yet.
func InstallStream(r io.Reader, dir string, index uint64, opts Options) error {
	opts, err := opts.withDefaults()
	if err != nil {
		return err
	}
	fs := opts.FS
	if err := makeDir(fs, dir); err != nil {
		return errorf("Install", graph.KindOther, "shard %d: %w", opts.ID, err)
	}
	cur, err := readCurrent(fs, dir)
	if err != nil {
		return err
	}
	name := nextStore(cur)
	if err := stage(dir, name, &opts, r, index); err != nil {
		return err
	}
	if err := writeCurrent(fs, dir, name); err != nil {
		return errorf("Install", graph.KindOther, "shard %d: %w", opts.ID, err)
	}
	return removeLeftovers(fs, dir, name)
}

// stage unpacks a stream beside the stores, checks that it is this shard's, writes base and
// incarnation into it and gives it a name. The active store is not touched; what a crash leaves is
// removed when the replica is opened.
func stage(dir, name string, opts *Options, r io.Reader, index uint64) (err error) {
	fs := opts.FS
	tmp := fs.PathJoin(dir, stagingPrefix+name)
	defer func() {
		if err != nil {
			err = errors.Join(err, fs.RemoveAll(tmp))
		}
	}()
	final := fs.PathJoin(dir, name)
	if err := errors.Join(fs.RemoveAll(tmp), fs.RemoveAll(final)); err != nil {
		return errorf("Install", graph.KindOther, "shard %d: %w", opts.ID, err)
	}
	if err := fs.MkdirAll(tmp, 0o755); err != nil {
		return errorf("Install", graph.KindOther, "shard %d: %w", opts.ID, err)
	}
	if err := stream.Unpack(fs, tmp, r); err != nil {
		return err
	}
	if err := adopt(tmp, opts, index); err != nil {
		return err
	}
	if err := fs.Rename(tmp, final); err != nil {
		return errorf("Install", graph.KindOther, "shard %d: %w", opts.ID, err)
	}
	if err := syncDir(fs, dir); err != nil {
		return errorf("Install", graph.KindOther, "shard %d: %w", opts.ID, err)
	}
	return nil
}

// adopt makes an unpacked store this replica's.
func adopt(dir string, opts *Options, index uint64) error {
	// What is wrong with a stream must not end the process, and its blocks not enter the cache.
	own := *opts
	own.OnFatal = func(err error) { opts.Logger.Error("staged store failed", "err", err) }
	db, err := openDB(dir, &own)
	if err != nil {
		return errorf("Install", graph.KindCorrupt, "shard %d: staged store: %w", opts.ID, err)
	}
	st, err := loadState(db)
	switch {
	case err != nil:
	case st == nil:
		err = errorf("Install", graph.KindCorrupt, "the stream has no state of a shard")
	case st.desc.ID != opts.ID:
		err = errorf("Install", graph.KindInvalid, "the stream is of shard %d, not %d",
			st.desc.ID, opts.ID)
	default:
		base := max(index, st.applied.index)
		err = errors.Join(db.Set(keyBase, encodeU64(base), pebble.NoSync),
			db.Set(keyIncarnation, encodeU64(opts.Incarnation), pebble.NoSync), db.Flush())
	}
	return errors.Join(err, db.Close())
}
