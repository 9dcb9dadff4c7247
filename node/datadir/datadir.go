package datadir

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"github.com/codegraphdb/codegraph/graph"
)

// The data directory of a node:
//
//	LOCK        flock of the process that owns the directory; its text is the process id
//	NODE        identity, JSON: format, node uuid, cluster name, cluster id once it is known
//	pledge      the founding that this node has promised to (package cluster)
//	meta/       the meta group: raft.db (raft-boltdb) and snapshots
//	raftlog/    the log engine of all data groups
//	shards/N/   the replica of shard N: db/ (package shard) and snapshots/
//	BALLAST     bytes to give back when the disk is full
const (
	MetaDir = "meta"    // stores of the meta group
	LogDir  = "raftlog" // log engine of the data groups
	DirPerm = 0o750     // of directories made in it

	lockFile   = "LOCK"
	nodeFile   = "NODE"
	shardsDir  = "shards"
	dirFormat  = 2
	filePerm   = 0o640
	nodeFileOp = "datadir.Open"
)

// Identity is what a data directory says about itself.
type Identity struct {
	Format      int    `json:"format"`
	NodeID      string `json:"node_id"`
	ClusterName string `json:"cluster_name"`
	ClusterID   string `json:"cluster_id,omitempty"`
	// Stores is set once meta/ and raftlog/ were made: if they are gone later, this node has
	// forgotten what it voted and must not come back under its name.
	Stores bool `json:"stores,omitempty"`
}

// Dir is an open, locked data directory.
type Dir struct {
	Path string
	lock *os.File
	ID   Identity
}

// Open locks the directory and reads or makes the node's identity.
func Open(path, clusterName string) (*Dir, error) {
	if err := os.MkdirAll(path, DirPerm); err != nil {
		return nil, graph.Errorf(nodeFileOp, graph.KindInvalid, "data directory: %w", err)
	}
	d := &Dir{Path: path}
	if err := d.acquire(); err != nil {
		return nil, err
	}
	if err := d.load(clusterName); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

func (d *Dir) acquire() error {
	f, err := os.OpenFile(filepath.Join(d.Path, lockFile), os.O_RDWR|os.O_CREATE, filePerm)
	if err != nil {
		return graph.Errorf(nodeFileOp, graph.KindInvalid, "data directory: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		holder := make([]byte, 32)
		n, _ := f.Read(holder)
		f.Close()
		return graph.Errorf(nodeFileOp, graph.KindConflict,
			"data directory %s is in use by process %s", d.Path,
			strings.TrimSpace(string(holder[:n]))).
			WithRemedy("stop that process or give another --data-dir")
	}
	holder := strconv.Itoa(os.Getpid()) + "\n"
	_, err = f.WriteAt([]byte(holder), 0) // in place: a full disk has room for it
	if err == nil {
		err = f.Truncate(int64(len(holder)))
	}
	if err != nil {
		f.Close()
		return graph.Errorf(nodeFileOp, graph.KindInvalid, "data directory: %w", err)
	}
	d.lock = f
	return nil
}

func (d *Dir) load(clusterName string) error {
	data, err := os.ReadFile(filepath.Join(d.Path, nodeFile))
	if errors.Is(err, os.ErrNotExist) {
		return d.create(clusterName)
	}
	if err != nil {
		return graph.Errorf(nodeFileOp, graph.KindInvalid, "data directory: %w", err)
	}
	if err := json.Unmarshal(data, &d.ID); err != nil {
		return graph.Errorf(nodeFileOp, graph.KindCorrupt, "%s: %w", d.Join(nodeFile), err)
	}
	if d.ID.Format != dirFormat {
		return graph.Errorf(nodeFileOp, graph.KindUnsupported,
			"data directory %s has format %d, this program reads %d", d.Path, d.ID.Format,
			dirFormat).WithRemedy("run the version that wrote it, or ingest again into a new one")
	}
	if d.ID.ClusterName != clusterName {
		return graph.Errorf(nodeFileOp, graph.KindConflict,
			"data directory %s is of cluster %q, not %q", d.Path, d.ID.ClusterName, clusterName).
			WithRemedy("give --cluster-name %s or another --data-dir", d.ID.ClusterName)
	}
	for _, sub := range []string{MetaDir, LogDir} {
		if _, err := os.Stat(d.Join(sub)); d.ID.Stores && err != nil {
			return graph.Errorf(nodeFileOp, graph.KindCorrupt, "%s is gone: %w", d.Join(sub), err).
				WithRemedy("remove the whole data directory; the node then joins as a new one")
		}
	}
	return nil
}

func (d *Dir) create(clusterName string) error {
	left, err := os.ReadDir(d.Path)
	if err != nil {
		return graph.Errorf(nodeFileOp, graph.KindInvalid, "data directory: %w", err)
	}
	for _, e := range left {
		if e.Name() != lockFile && e.Name() != "lost+found" {
			return graph.Errorf(nodeFileOp, graph.KindConflict,
				"data directory %s is not empty and has no %s file", d.Path, nodeFile).
				WithRemedy("give an empty directory")
		}
	}
	d.ID = Identity{Format: dirFormat, NodeID: uuid.NewString(), ClusterName: clusterName}
	return d.Save()
}

// Save writes the identity atomically and durably.
func (d *Dir) Save() error {
	data, err := json.MarshalIndent(d.ID, "", "  ")
	if err == nil {
		err = writeFileSync(d.Join(nodeFile), append(data, '\n'))
	}
	if err != nil {
		return graph.Errorf(nodeFileOp, graph.KindInternal, "writing identity: %w", err)
	}
	return nil
}

// writeFileSync replaces a file: temporary file, fsync, rename, fsync of the directory.
func writeFileSync(path string, data []byte) error {
	tmp := path + ".tmp"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, filePerm)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// Join returns a path in the directory.
func (d *Dir) Join(parts ...string) string {
	return filepath.Join(append([]string{d.Path}, parts...)...)
}

// Shard returns a path in the directory of a shard's replica.
func (d *Dir) Shard(id uint64, parts ...string) string {
	return d.Join(append([]string{shardsDir, strconv.FormatUint(id, 10)}, parts...)...)
}

// Free returns the free and total bytes of the directory's file system.
func (d *Dir) Free() (free, total uint64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(d.Path, &st); err != nil {
		return 0, 0, err
	}
	return st.Bavail * uint64(st.Bsize), st.Blocks * uint64(st.Bsize), nil
}

// Close lets go of the directory.
func (d *Dir) Close() {
	if d.lock != nil {
		d.lock.Close()
	}
}
