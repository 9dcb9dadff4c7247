package raftlog

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"

	"github.com/codegraphdb/codegraph/graph"
)

const (
	metaSuffix  = ".meta"
	stateSuffix = ".state"
	tmpSuffix   = ".tmp"

	idFormat     = "%d-%d-%d" // term, index, sequence number
	recordFormat = 1
	recordHead   = "codegraph-snapshot %d %08x\n"

	stateMagic   = "CGSN"
	stateFormat  = 1
	stateTrailer = 4 + 4 + 4 + 8 // magic, format, crc32c, length
)

// Where a snapshot comes from.
const (
	originLocal    = "local"    // the state is in the shard's Pebble
	originReceived = "received" // the state is in a file, not installed yet
)

// record is the metadata of a snapshot as it is stored, in JSON.
type record struct {
	ID                 string               `json:"id"`
	Seq                uint64               `json:"seq"`
	Index              uint64               `json:"index"`
	Term               uint64               `json:"term"`
	Version            raft.SnapshotVersion `json:"version"`
	Configuration      raft.Configuration   `json:"configuration"`
	ConfigurationIndex uint64               `json:"configuration_index"`
	Origin             string               `json:"origin"`
	Size               int64                `json:"size"` // of a received state
	Sum                uint32               `json:"sum"`  // crc32c of a received state
}

func newestFirst(a, b *record) int {
	return cmp.Or(cmp.Compare(b.Index, a.Index), cmp.Compare(b.Term, a.Term),
		cmp.Compare(b.Seq, a.Seq))
}

func (r *record) meta(size int64) *raft.SnapshotMeta {
	return &raft.SnapshotMeta{
		Version:            r.Version,
		ID:                 r.ID,
		Index:              r.Index,
		Term:               r.Term,
		Configuration:      r.Configuration.Clone(),
		ConfigurationIndex: r.ConfigurationIndex,
		Size:               size,
	}
}

// writeRecord stores a record durably; it is there whole or not at all.
func (s *Snapshots) writeRecord(r *record) error {
	body, err := json.Marshal(r)
	if err != nil {
		return err
	}
	head := fmt.Sprintf(recordHead, recordFormat, crc32.Checksum(body, castagnoli))
	fs, tmp := s.opts.FS, s.path(r.ID+metaSuffix+tmpSuffix)
	f, err := fs.Create(tmp, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write(append([]byte(head), body...))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := fs.Rename(tmp, s.path(r.ID+metaSuffix)); err != nil {
		return err
	}
	return syncDir(fs, s.dir)
}

// loadRecord reads and verifies a record and, if it has one, the trailer of its state.
func (s *Snapshots) loadRecord(id string) (*record, error) {
	name := s.path(id + metaSuffix)
	f, err := s.opts.FS.Open(name)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	rec, err := parseRecord(data)
	if err == nil && rec.ID != id {
		err = fmt.Errorf("it describes snapshot %s", rec.ID)
	}
	if err == nil && rec.Origin == originReceived {
		var state io.ReadCloser
		if state, err = s.openState(rec); err == nil {
			err = state.Close()
		}
	}
	if err != nil {
		return nil, corrupt("raftlog.OpenSnapshots", "%s: %v", name, err)
	}
	return rec, nil
}

func parseRecord(data []byte) (*record, error) {
	head, body, _ := bytes.Cut(data, []byte{'\n'})
	var format int
	var sum uint32
	if _, err := fmt.Sscanf(string(head)+"\n", recordHead, &format, &sum); err != nil {
		return nil, fmt.Errorf("not a snapshot's metadata: %w", err)
	}
	if format != recordFormat {
		return nil, fmt.Errorf("format %d is not known", format)
	}
	if crc32.Checksum(body, castagnoli) != sum {
		return nil, errChecksum
	}
	rec := &record{}
	if err := json.Unmarshal(body, rec); err != nil {
		return nil, err
	}
	if rec.Origin != originLocal && rec.Origin != originReceived {
		return nil, fmt.Errorf("origin %q is not known", rec.Origin)
	}
	return rec, nil
}

// trailer is what follows the stream in a state file.
func trailer(sum uint32, size int64) []byte {
	t := append(make([]byte, 0, stateTrailer), stateMagic...)
	t = binary.BigEndian.AppendUint32(t, stateFormat)
	t = binary.BigEndian.AppendUint32(t, sum)
	return binary.BigEndian.AppendUint64(t, uint64(size))
}

// openState opens a received state and checks its length and trailer. The reader that it returns
// fails at the end if the bytes do not verify.
func (s *Snapshots) openState(rec *record) (io.ReadCloser, error) {
	name := s.path(rec.ID + stateSuffix)
	f, err := s.opts.FS.Open(name)
	if err != nil {
		return nil, graph.Errorf("", graph.KindUnavailable, "received state: %w", err)
	}
	if err := checkTrailer(f, rec); err != nil {
		_ = f.Close()
		return nil, corrupt("", "%s: %v", name, err)
	}
	return &stateReader{f: f, name: name, left: rec.Size, want: rec.Sum}, nil
}

func checkTrailer(f vfs.File, rec *record) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() != rec.Size+stateTrailer {
		return fmt.Errorf("%d bytes, not %d", info.Size(), rec.Size+stateTrailer)
	}
	var got [stateTrailer]byte
	if _, err := f.ReadAt(got[:], rec.Size); err != nil {
		return err
	}
	if !bytes.Equal(got[:], trailer(rec.Sum, rec.Size)) {
		return errors.New("trailer does not match the metadata")
	}
	return nil
}

// stateReader reads a received state and verifies it as it goes.
type stateReader struct {
	f    vfs.File
	name string
	left int64
	sum  uint32
	want uint32
}

// Read returns an error of kind corrupt in place of io.EOF if the bytes do not verify.
func (r *stateReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		if r.sum != r.want {
			return 0, corrupt("raftlog.Read", "%s: %v", r.name, errChecksum)
		}
		return 0, io.EOF
	}
	n, err := r.f.Read(p[:min(int64(len(p)), r.left)])
	r.sum = crc32.Update(r.sum, castagnoli, p[:n])
	r.left -= int64(n)
	if err == io.EOF {
		err = nil
		if n == 0 {
			err = io.ErrUnexpectedEOF
		}
	}
	return n, err
}

// Close closes the file.
func (r *stateReader) Close() error { return r.f.Close() }

func isNotExist(err error) bool { return errors.Is(err, os.ErrNotExist) }
