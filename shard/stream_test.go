package shard

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/shard/stream"
)

// export returns the stream of a shard and checks that its size was known.
func export(t testing.TB, s *Shard) []byte {
	t.Helper()
	e, err := s.ExportStream("tmp-export")
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(e)
	if err != nil || int64(len(b)) != e.Size {
		t.Fatalf("stream of %d bytes, announced %d: %v", len(b), e.Size, err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if names, err := s.opts.FS.List("tmp-export"); err == nil {
		t.Fatalf("the checkpoint is still there: %v", names)
	}
	return b
}

func filled(t testing.TB, seed uint64, n int) (*Shard, *history) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 3))
	h := newHistory(t, r, n)
	s := openMem(t, vfs.NewMem())
	feed(t, s, r, h.entries)
	t.Cleanup(func() { s.Close() })
	return s, h
}

func TestInstall(t *testing.T) {
	src, h := filled(t, 1, 6)
	stream := export(t, src)
	at, _ := src.Applied()
	fs := vfs.NewCrashableMem()
	dst := openMem(t, fs)
	feed(t, dst, rand.New(rand.NewPCG(1, 1)), h.entries[:5])
	old, err := dst.View(graph.View{At: graph.MaxTimestamp})
	if err != nil {
		t.Fatal(err)
	}
	before := dump(t, old)
	if err := dst.Install(bytes.NewReader(stream), at+3); err != nil {
		t.Fatal(err)
	}
	if after := dump(t, old); after != before {
		t.Errorf("an open view changed:\n%s\n%s", before, after)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	check := func(s *Shard) {
		t.Helper()
		compareModel(t, s, h)
		if got, _ := s.Applied(); got != at || s.Base() != at+3 {
			t.Errorf("applied %d, base %d; want %d, %d", got, s.Base(), at, at+3)
		}
		ds, _ := src.Digest()
		if d, _ := s.Digest(); d != ds {
			t.Errorf("digest %v, want %v", d, ds)
		}
	}
	check(dst)
	// What is done is not done again, and nothing is read for it (5.1).
	if err := dst.Install(iotestFail{}, at+3); err != nil {
		t.Errorf("repeated: %v", err)
	}
	after := fs.CrashClone(vfs.CrashCloneCfg{})
	dst.Close()
	dst = openMem(t, after)
	check(dst)
	names, err := after.List("data/shard")
	if err != nil || len(names) != 2 {
		t.Errorf("directory holds %v, %v; want CURRENT and one store", names, err)
	}
	dst.Close()
	// The leader has applied more while the stream was made.
	newer := openMem(t, vfs.NewMem())
	if err := newer.Install(bytes.NewReader(stream), at-1); err != nil {
		t.Fatal(err)
	}
	if got, _ := newer.Applied(); got != at || newer.Base() != at {
		t.Errorf("applied %d, base %d; want both %d", got, newer.Base(), at)
	}
	newer.Close()
	// A replica that does not exist yet.
	fresh := vfs.NewMem()
	opts := Options{ID: 1, Slots: allSlots(), FS: fresh, Incarnation: 7}
	if err := InstallStream(bytes.NewReader(stream), "data/shard", at+3, opts); err != nil {
		t.Fatal(err)
	}
	s, err := Open("data/shard", opts)
	if err != nil {
		t.Fatal(err)
	}
	check(s)
	s.Close()
}

type iotestFail struct{}

func (iotestFail) Read([]byte) (int, error) { return 0, errors.New("read although it is done") }

func TestInstallRefuses(t *testing.T) {
	src, _ := filled(t, 2, 3)
	stream := export(t, src)
	at, _ := src.Applied()
	for _, test := range []struct {
		name   string
		stream []byte
		id     uint64
		index  uint64
		kind   graph.ErrorKind
	}{
		{"another shard", stream, 2, at, graph.KindInvalid},
		{"cut", stream[:len(stream)-20], 1, at, graph.KindCorrupt},
		{"empty", nil, 1, at, graph.KindCorrupt},
		{"another format", append([]byte("cgshard9"), stream[8:]...), 1, at, graph.KindUnsupported},
	} {
		opts := Options{ID: test.id, Slots: allSlots(), FS: vfs.NewMem()}
		s, err := Open("data/shard", opts)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Apply([]Entry{{1, 1, nil}}); err != nil {
			t.Fatal(err)
		}
		err = s.Install(bytes.NewReader(test.stream), test.index)
		if graph.KindOf(err) != test.kind {
			t.Errorf("%s: %v (%s), want %s", test.name, err, graph.KindOf(err), test.kind)
		}
		if got, _ := s.Applied(); got != 1 || s.Base() != 0 {
			t.Errorf("%s: the old state is not there", test.name)
		}
		if _, err := s.Apply([]Entry{{2, 1, nil}}); err != nil {
			t.Errorf("%s: the old state cannot go on: %v", test.name, err)
		}
		s.Close()
	}
}

// TestStreamBitFlips: no changed byte goes unnoticed.
func TestStreamBitFlips(t *testing.T) {
	src, _ := filled(t, 3, 2)
	whole := export(t, src)
	r := rand.New(rand.NewPCG(5, 5))
	for range 300 {
		b := bytes.Clone(whole)
		at := r.IntN(len(b))
		b[at] ^= 1 << r.IntN(8)
		fs := vfs.NewMem()
		if err := fs.MkdirAll("in", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := stream.Unpack(fs, "in", bytes.NewReader(b)); err == nil {
			t.Fatalf("byte %d changed, nobody noticed", at)
		}
	}
}

// TestInstallCrash: whatever operation of an install is the last that the disk sees, the replica
// then has the old state or the new one (5.1).
func TestInstallCrash(t *testing.T) {
	src, h := filled(t, 4, 5)
	stream := export(t, src)
	at, _ := src.Applied()
	want, _ := src.Digest()
	mem := vfs.NewCrashableMem()
	s := openMem(t, mem)
	feed(t, s, rand.New(rand.NewPCG(9, 9)), h.entries[:4])
	if _, err := s.Flush(); err != nil {
		t.Fatal(err)
	}
	old, _ := s.Digest()
	s.Close()

	var mu sync.Mutex
	var clones []*vfs.MemFS
	r := rand.New(rand.NewPCG(6, 6))
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			mu.Lock()
			defer mu.Unlock()
			clones = append(clones, mem.CrashClone(vfs.CrashCloneCfg{}),
				mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: r}))
		}
		return nil
	}))
	opts := Options{ID: 1, Slots: allSlots(), FS: fs}
	if err := InstallStream(bytes.NewReader(stream), "data/shard", at, opts); err != nil {
		t.Fatal(err)
	}
	olds, news := 0, 0
	for i, c := range append(clones, mem.CrashClone(vfs.CrashCloneCfg{})) {
		s = openMem(t, c)
		switch d, _ := s.Digest(); {
		case d == want && s.Base() == at:
			news++
		case d == old && s.Base() == 0:
			olds++
		default:
			t.Fatalf("crash %d of %d: neither the old state nor the new one", i, len(clones))
		}
		s.Close()
	}
	if olds < 20 || news < 2 {
		t.Fatalf("%d old, %d new: the test does not stop where it should", olds, news)
	}
}
