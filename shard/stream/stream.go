package stream

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/codegraphdb/codegraph/graph"
)

// What a stream begins and ends with.
const (
	Magic = "cgshard1"
	End   = "END\n"
)

const (
	maxName  = 255
	maxFiles = 1 << 20
)

type file struct {
	name string
	size int64
}

// Exporter is the reading end of a stream.
type Exporter struct {
	fs    vfs.FS
	dir   string
	files []file // not yet begun
	open  vfs.File
	left  int64 // bytes of the open file still to come
	sum   *xxhash.Digest
	all   *xxhash.Digest
	buf   []byte // framing that comes next
	state int    // of the frame: 0 files, 1 trailer written
}

// NewExporter lists a directory and returns the stream of its files with its exact size.
func NewExporter(fs vfs.FS, dir string) (*Exporter, int64, error) {
	names, err := fs.List(dir)
	if err != nil {
		return nil, 0, err
	}
	slices.Sort(names)
	e := &Exporter{fs: fs, dir: dir, sum: xxhash.New(), all: xxhash.New()}
	size := int64(len(Magic) + 4 + 8 + len(End))
	for _, n := range names {
		info, err := fs.Stat(fs.PathJoin(dir, n))
		if err != nil {
			return nil, 0, err
		}
		if info.IsDir() || len(n) > maxName {
			return nil, 0, fmt.Errorf("%s is not a plain file", n)
		}
		e.files = append(e.files, file{n, info.Size()})
		size += int64(2+len(n)+8+8) + info.Size()
	}
	e.buf = binary.BigEndian.AppendUint32([]byte(Magic), uint32(len(e.files)))
	return e, size, nil
}

// Read implements io.Reader.
func (e *Exporter) Read(p []byte) (int, error) {
	for {
		switch {
		case len(p) == 0:
			return 0, nil
		case len(e.buf) > 0:
			n := copy(p, e.buf)
			e.all.Write(e.buf[:n])
			e.buf = e.buf[n:]
			return n, nil
		case e.open != nil && e.left > 0:
			return e.content(p)
		}
		if err := e.frame(); err != nil {
			return 0, err
		}
	}
}

func (e *Exporter) content(p []byte) (int, error) {
	n, err := e.open.Read(p[:min(int64(len(p)), e.left)])
	e.sum.Write(p[:n])
	e.all.Write(p[:n])
	e.left -= int64(n)
	if errors.Is(err, io.EOF) {
		err = nil
		if e.left > 0 && n == 0 {
			err = io.ErrUnexpectedEOF
		}
	}
	return n, err
}

// frame makes the bytes between contents.
func (e *Exporter) frame() error {
	switch {
	case e.open != nil:
		e.buf = e.sum.Sum(nil)
		err := e.open.Close()
		e.open = nil
		return err
	case len(e.files) > 0:
		f := e.files[0]
		e.files = e.files[1:]
		file, err := e.fs.Open(e.fs.PathJoin(e.dir, f.name))
		if err != nil {
			return err
		}
		e.open, e.left = file, f.size
		e.sum.Reset()
		e.buf = binary.BigEndian.AppendUint16(nil, uint16(len(f.name)))
		e.buf = append(e.buf, f.name...)
		e.buf = binary.BigEndian.AppendUint64(e.buf, uint64(f.size))
		return nil
	case e.state == 0:
		e.state = 1
		e.buf = append(e.all.Sum(nil), End...)
		return nil
	}
	return io.EOF
}

// Close implements io.Closer and removes the checkpoint.
func (e *Exporter) Close() error {
	var err error
	if e.open != nil {
		err = e.open.Close()
		e.open = nil
	}
	return errors.Join(err, e.fs.RemoveAll(e.dir))
}

// Unpack writes the files of a stream into dir, checks and syncs them. The stream is not trusted:
// names are plain, and no more is written than it holds.
func Unpack(fs vfs.FS, dir string, r io.Reader) error {
	u := unpacker{fs: fs, dir: dir, r: r, all: xxhash.New(), names: map[string]bool{}}
	if err := u.run(); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		var own *graph.Error
		if !errors.As(err, &own) {
			err = graph.Errorf("shard.Install", graph.KindCorrupt, "stream: %w", err)
		}
		return err
	}
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

type unpacker struct {
	fs    vfs.FS
	dir   string
	r     io.Reader
	all   hash.Hash64
	names map[string]bool
}

func (u *unpacker) run() error {
	head, err := u.take(len(Magic) + 4)
	if err != nil {
		return err
	}
	if string(head[:len(Magic)]) != Magic {
		return graph.Errorf("shard.Install", graph.KindUnsupported, "stream begins with %q, not %q",
			head[:len(Magic)], Magic)
	}
	n := binary.BigEndian.Uint32(head[len(Magic):])
	if n > maxFiles {
		return fmt.Errorf("%d files are too many", n)
	}
	for range n {
		if err := u.file(); err != nil {
			return err
		}
	}
	want := u.all.Sum64()
	tail, err := u.take(8 + len(End))
	if err != nil {
		return err
	}
	if binary.BigEndian.Uint64(tail) != want || string(tail[8:]) != End {
		return errors.New("the checksum of the whole does not match")
	}
	return nil
}

func (u *unpacker) take(n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := io.ReadFull(u.r, b)
	u.all.Write(b)
	return b, err
}

func (u *unpacker) file() error {
	head, err := u.take(2)
	if err != nil {
		return err
	}
	n := int(binary.BigEndian.Uint16(head))
	if n == 0 || n > maxName {
		return fmt.Errorf("file name of %d bytes", n)
	}
	b, err := u.take(n + 8)
	if err != nil {
		return err
	}
	name, size := string(b[:n]), binary.BigEndian.Uint64(b[n:])
	if !plainName(name) || u.names[name] || size > 1<<62 {
		return fmt.Errorf("file %q of %d bytes is not what a checkpoint has", name, size)
	}
	u.names[name] = true
	f, err := u.fs.Create(u.fs.PathJoin(u.dir, name), vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	sum := xxhash.New()
	// The file comes last: vfs.File may scramble what it was given.
	_, err = io.CopyN(io.MultiWriter(sum, u.all, f), u.r, int64(size))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	tail, err := u.take(8)
	if err == nil && binary.BigEndian.Uint64(tail) != sum.Sum64() {
		err = fmt.Errorf("file %s: the checksum does not match", name)
	}
	return err
}

// plainName tells whether a name is one that Pebble gives its files.
func plainName(name string) bool {
	for _, c := range []byte(name) {
		ok := c == '.' || c == '-' || c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' ||
			'A' <= c && c <= 'Z'
		if !ok {
			return false
		}
	}
	return !strings.HasPrefix(name, ".")
}
