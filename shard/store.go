package shard

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/codegraphdb/codegraph/graph"
)

const (
	currentName   = "CURRENT"
	storePrefix   = "store-"
	stagingPrefix = "staging-"
	bloomBits     = 10
	cacheSize     = 32 << 20
	// pebbleFormat is pinned: it is raised by a release, not by an upgrade of Pebble.
	pebbleFormat = pebble.FormatTableFormatV6
)

// store is one open Pebble with the views that use it; the last user closes it.
type store struct {
	db       *pebble.DB
	name     string
	refs     atomic.Int64
	outcomes atomic.Pointer[outcomes]
	closed   func() error // after the database is closed
}

// acquire takes a reference; it fails if the store is closed already.
func (s *store) acquire() bool {
	for {
		n := s.refs.Load()
		if n == 0 {
			return false
		}
		if s.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// release gives a reference back; the last one closes the store.
func (s *store) release() error {
	if s.refs.Add(-1) > 0 {
		return nil
	}
	err := s.db.Close()
	if s.closed != nil {
		err = errors.Join(err, s.closed())
	}
	return err
}

// openDB opens a Pebble database in dir.
func openDB(dir string, o *Options) (*pebble.DB, error) {
	fail := func(err error) {
		o.Logger.Error("store failed in the background", "err", err)
		o.OnFatal(errorf("background", graph.KindOther, "shard %d: %w", o.ID, err))
	}
	p := &pebble.Options{
		Cache: o.Cache, FileCache: o.FileCache, FS: o.FS, Comparer: newComparer(),
		MemTableSize: o.MemTableSize, MemTableStopWritesThreshold: 4, CacheSize: cacheSize,
		DisableWAL: true, FormatMajorVersion: pebbleFormat,
		Logger:        logAdapter{o.Logger, o.OnFatal},
		EventListener: &pebble.EventListener{BackgroundError: fail},
	}
	p.Experimental.CompactionScheduler = o.CompactionScheduler
	for i := range p.Levels {
		p.Levels[i].FilterPolicy = bloom.FilterPolicy(bloomBits)
		p.Levels[i].FilterType = pebble.TableFilter
	}
	db, err := pebble.Open(dir, p)
	if err != nil {
		return nil, errorf("Open", graph.KindOther, "shard %d: store %s: %w", o.ID, dir, err)
	}
	return db, nil
}

// readCurrent returns the name of the active store, "" if there is none yet.
func readCurrent(disk vfs.FS, dir string) (string, error) {
	f, err := disk.Open(disk.PathJoin(dir, currentName))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", errorf("Open", graph.KindOther, "read %s: %w", currentName, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 256))
	name := strings.TrimSuffix(string(b), "\n")
	if err == nil && (!strings.HasPrefix(name, storePrefix) || strings.ContainsAny(name, "/\\.")) {
		err = errorf("Open", graph.KindCorrupt, "%s names %q", currentName, name)
	}
	return name, err
}

// writeCurrent makes a store the active one. It takes effect at the rename.
func writeCurrent(fs vfs.FS, dir, name string) error {
	tmp := fs.PathJoin(dir, currentName+".tmp")
	f, err := fs.Create(tmp, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, name+"\n")
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := fs.Rename(tmp, fs.PathJoin(dir, currentName)); err != nil {
		return err
	}
	return syncDir(fs, dir)
}

// makeDir makes a directory with its parents so that they outlive a crash.
func makeDir(disk vfs.FS, dir string) error {
	if _, err := disk.Stat(dir); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := disk.PathDir(dir)
	if parent != dir {
		if err := makeDir(disk, parent); err != nil {
			return err
		}
	}
	if err := disk.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return syncDir(disk, parent)
}

func syncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// nextStore returns a name that no store in dir has or had since it was opened.
func nextStore(current string) string {
	var n int
	fmt.Sscanf(strings.TrimPrefix(current, storePrefix), "%d", &n)
	return fmt.Sprintf("%s%06d", storePrefix, n+1)
}

// removeLeftovers deletes stores that are not the active one, and unfinished installs.
func removeLeftovers(fs vfs.FS, dir, current string) error {
	names, err := fs.List(dir)
	if err != nil {
		return err
	}
	for _, n := range names {
		stale := strings.HasPrefix(n, storePrefix) && n != current ||
			strings.HasPrefix(n, stagingPrefix) || n == currentName+".tmp"
		if stale {
			if err := fs.RemoveAll(fs.PathJoin(dir, n)); err != nil {
				return err
			}
		}
	}
	return nil
}
