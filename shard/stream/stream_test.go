package stream

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/codegraphdb/codegraph/graph"
)

// FuzzRestoreStream: hostile streams are refused and write nothing outside of their directory.
func FuzzRestoreStream(f *testing.F) {
	frame := func(name string, size uint64, content string) []byte {
		b := binary.BigEndian.AppendUint32([]byte(Magic), 1)
		b = binary.BigEndian.AppendUint16(b, uint16(len(name)))
		b = append(b, name...)
		b = binary.BigEndian.AppendUint64(b, size)
		b = append(b, content...)
		b = binary.BigEndian.AppendUint64(b, xxhash.Sum64String(content))
		b = binary.BigEndian.AppendUint64(b, xxhash.Sum64(b))
		return append(b, End...)
	}
	f.Add(frame("000001.sst", 3, "abc"))
	f.Add(frame("../../escape", 3, "abc"))
	f.Add(frame("/etc/x", 3, "abc"))
	f.Add(frame("000001.sst", 1<<61, "abc"))
	f.Add([]byte(Magic + "\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		fs := vfs.NewMem()
		if err := fs.MkdirAll("a/in", 0o755); err != nil {
			t.Fatal(err)
		}
		err := Unpack(fs, "a/in", bytes.NewReader(b))
		if err != nil && graph.KindOf(err) == graph.KindOther {
			t.Errorf("error without a kind: %v", err)
		}
		root, _ := fs.List("")
		a, _ := fs.List("a")
		if len(root) > 1 || len(a) != 1 {
			t.Fatalf("files outside of the directory: %v %v", root, a)
		}
	})
}
