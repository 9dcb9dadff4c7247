package raftlog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"

	"github.com/codegraphdb/codegraph/graph"
)

// source streams a fixed state.
type source struct {
	state   string
	err     error
	streams int
	closed  int
}

func (s *source) Stream() (int64, io.ReadCloser, error) {
	if s.err != nil {
		return 0, nil, s.err
	}
	s.streams++
	return int64(len(s.state)), &sourceStream{strings.NewReader(s.state), s}, nil
}

type sourceStream struct {
	io.Reader
	src *source
}

func (s *sourceStream) Close() error { s.src.closed++; return nil }

var members = raft.Configuration{Servers: []raft.Server{
	{Suffrage: raft.Voter, ID: "n1/1", Address: "n1/1"},
	{Suffrage: raft.Nonvoter, ID: "n2/1", Address: "n2/1"},
}}

func openSnapshots(t *testing.T, fs vfs.FS, src SnapshotSource) *Snapshots {
	t.Helper()
	s, err := OpenSnapshots("snap", src, SnapshotOptions{FS: fs})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return s
}

// create writes a snapshot in pieces.
func create(t *testing.T, s *Snapshots, index uint64, body string) string {
	t.Helper()
	sink, err := s.Create(1, index, 3, members, index-1, nil)
	if err != nil {
		t.Fatalf("Create: %v", err)
	}
	for piece := range slices.Chunk([]byte(body), 7) {
		if _, err := sink.Write(piece); err != nil {
			t.Fatalf("Write: %v", err)
		}
	}
	if err := sink.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	return sink.ID()
}

// list describes the snapshots, newest first.
func list(t *testing.T, s *Snapshots) string {
	t.Helper()
	metas, err := s.List()
	if err != nil {
		t.Fatal(err)
	}
	var parts []string
	for _, m := range metas {
		parts = append(parts, fmt.Sprintf("%d:%d", m.Index, m.Size))
	}
	return strings.Join(parts, " ")
}

// read opens a snapshot and reads it, checking that its size is exact.
func read(t *testing.T, s *Snapshots, id string) string {
	t.Helper()
	meta, rc, err := s.Open(id)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	data, err := io.ReadAll(rc)
	if err = errors.Join(err, rc.Close()); err != nil {
		t.Fatalf("read: %v", err)
	}
	if meta.Size != int64(len(data)) {
		t.Errorf("size %d, read %d", meta.Size, len(data))
	}
	return string(data)
}

// files returns the endings of the files in the directory, sorted.
func files(t *testing.T, fs vfs.FS) string {
	t.Helper()
	names, err := fs.List("snap")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func TestLocalSnapshot(t *testing.T) {
	fs := vfs.NewMem()
	src := &source{state: "the state as it is now"}
	var pinned []uint64
	released := 0
	s, err := OpenSnapshots("snap", src, SnapshotOptions{FS: fs, OnSend: func(i uint64) func() {
		pinned = append(pinned, i)
		return func() { released++ }
	}})
	if err != nil {
		t.Fatal(err)
	}
	id := create(t, s, 40, LocalMarker)
	if got := files(t, fs); got != "3-40-1.meta" {
		t.Errorf("files: %s", got)
	}
	local, index, _, err := ReadRestore(strings.NewReader(read(t, s, id)))
	if !local || index != 40 || err != nil {
		t.Errorf("before Serve the snapshot reads as local %v, index %d, %v", local, index, err)
	}
	if src.streams != 0 {
		t.Error("a checkpoint was made for a restart")
	}
	s.Serve()
	if got := read(t, s, id); got != src.state {
		t.Errorf("sent %q", got)
	}
	if src.closed != 1 || released != 1 || !slices.Equal(pinned, []uint64{40}) {
		t.Errorf("closed %d, pinned %v, released %d", src.closed, pinned, released)
	}
	meta, rc, err := s.Open(id)
	if err != nil {
		t.Fatal(err)
	}
	_ = rc.Close()
	if meta.Index != 40 || meta.Term != 3 || meta.Version != 1 || meta.ConfigurationIndex != 39 ||
		fmt.Sprint(meta.Configuration) != fmt.Sprint(members) {
		t.Errorf("metadata %+v", meta)
	}
	src.err = errors.New("disk full")
	if _, _, err := s.Open(id); !errors.Is(err, src.err) || released != 3 {
		t.Errorf("Open with a broken source = %v, released %d", err, released)
	}
	if _, _, err := s.Open("3-40-9"); !errors.Is(err, ErrNoSnapshot) {
		t.Errorf("Open of nothing = %v", err)
	}
}

func TestReceivedSnapshot(t *testing.T) {
	for _, size := range []int{1, 43, 44, 45, 46, 47, 1000, 1 << 20} {
		fs := vfs.NewMem()
		s := openSnapshots(t, fs, nil)
		create(t, s, 10, LocalMarker)
		body := strings.Repeat("x", size)
		id := create(t, s, 40, body)
		marked := string(receivedMarker(40)) + body
		if got := read(t, s, id); got != marked {
			t.Fatalf("%d bytes came back as %d", len(marked), len(got))
		}
		local, index, state, err := ReadRestore(strings.NewReader(marked))
		if err != nil || local || index != 40 {
			t.Fatalf("ReadRestore: local %v, index %d, %v", local, index, err)
		}
		if all, _ := io.ReadAll(state); string(all) != body {
			t.Fatalf("Restore sees %d of %d bytes", len(all), size)
		}
		// A crash before it was installed: it is still there, beside the older one.
		s = openSnapshots(t, fs, nil)
		if got, want := list(t, s), fmt.Sprintf("40:%d 10:0", size); got != want {
			t.Fatalf("after a restart: %s, want %s", got, want)
		}
		if got := read(t, s, id); got != marked {
			t.Fatalf("after a restart %d bytes came back as %d", len(marked), len(got))
		}
		// Restore reads it, then calls Installed while the stream is open.
		_, rc, err := s.Open(id)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Installed(40); err != nil {
			t.Fatal(err)
		}
		if all, err := io.ReadAll(rc); string(all) != marked || err != nil {
			t.Errorf("the stream ended with Installed: %v", err)
		}
		_ = rc.Close()
		if got := files(t, fs); got != "3-10-1.meta 3-40-2.meta" {
			t.Errorf("after Installed: %s", got)
		}
		for _, s := range []*Snapshots{s, openSnapshots(t, fs, nil)} {
			local, index, _, err := ReadRestore(strings.NewReader(read(t, s, id)))
			if !local || index != 40 || err != nil {
				t.Errorf("after Installed: local %v, index %d, %v", local, index, err)
			}
		}
	}
}

// Rule 5.1: an older snapshot goes only after a newer one is in the state.
func TestReap(t *testing.T) {
	fs := vfs.NewMem()
	s := openSnapshots(t, fs, &source{state: "s"})
	s.Serve()
	check := func(want string) {
		t.Helper()
		if got := list(t, s); got != want {
			t.Errorf("snapshots %s, want %s", got, want)
		}
		if got := list(t, openSnapshots(t, fs, nil)); got != want {
			t.Errorf("snapshots on disk %s, want %s", got, want)
		}
	}
	create(t, s, 10, LocalMarker)
	first := create(t, s, 20, LocalMarker)
	create(t, s, 30, LocalMarker)
	check("30:0 20:0")
	_, sending, err := s.Open(first)
	if err != nil {
		t.Fatal(err)
	}
	create(t, s, 40, LocalMarker)
	check("40:0 30:0 20:0")
	_ = sending.Close()
	_ = sending.Close()
	check("40:0 30:0")
	create(t, s, 50, "received")
	check("50:8 40:0 30:0")
	create(t, s, 60, "received again")
	check("60:14 40:0 30:0")
	if err := s.Installed(55); err != nil {
		t.Fatal(err)
	}
	check("60:14 40:0 30:0")
	if err := s.Installed(60); err != nil {
		t.Fatal(err)
	}
	check("60:0 40:0")
	create(t, s, 70, "received, but overtaken by the log")
	create(t, s, 80, LocalMarker)
	check("80:0 60:0")
	if got := files(t, fs); got != "3-60-6.meta 3-80-8.meta" {
		t.Errorf("files: %s", got)
	}
}

func TestSinkRefusals(t *testing.T) {
	fs := vfs.NewMem()
	s := openSnapshots(t, fs, nil)
	for name, body := range map[string]string{
		"empty":              "",
		"a restore marker":   string(restoreMarker(40)),
		"a received one":     string(receivedMarker(40)) + strings.Repeat("x", 100),
		"marker and more":    LocalMarker + strings.Repeat("x", 100),
		"marker and a bit":   LocalMarker + "x",
		"restore and more":   string(restoreMarker(40)) + strings.Repeat("x", 100),
		"restore cut short?": restorePrefix + "1234567",
	} {
		sink, err := s.Create(1, 40, 3, members, 39, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = sink.Write([]byte(body))
		if err == nil {
			err = sink.Close()
		}
		_ = sink.Cancel()
		if err == nil {
			t.Errorf("%s was taken for a snapshot", name)
		}
	}
	sink, _ := s.Create(1, 40, 3, members, 39, nil)
	_, _ = sink.Write(make([]byte, 1000))
	if err := errors.Join(sink.Cancel(), sink.Cancel()); err != nil {
		t.Errorf("Cancel = %v", err)
	}
	if _, err := sink.Write([]byte("x")); err == nil {
		t.Error("Write after Cancel")
	}
	if got := list(t, s) + files(t, fs); got != "" {
		t.Errorf("left over: %s", got)
	}
	if _, err := s.Create(0, 40, 3, members, 39, nil); !graph.IsKind(err, graph.KindUnsupported) {
		t.Errorf("Create of version 0 = %v", err)
	}
}

func TestSnapshotsRevoked(t *testing.T) {
	fs := vfs.NewMem()
	s := openSnapshots(t, fs, nil)
	id := create(t, s, 40, LocalMarker)
	late, _ := s.Create(1, 50, 3, members, 39, nil)
	_, _ = late.Write(make([]byte, 1000))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, errList := s.List()
	_, _, errOpen := s.Open(id)
	_, errCreate := s.Create(1, 60, 3, members, 39, nil)
	for call, err := range map[string]error{
		"List": errList, "Open": errOpen, "Create": errCreate,
		"Close of a sink": late.Close(), "Installed": s.Installed(40),
	} {
		if !errors.Is(err, ErrRevoked) {
			t.Errorf("%s on a revoked store = %v", call, err)
		}
	}
	if got := list(t, openSnapshots(t, fs, nil)); got != "40:0" {
		t.Errorf("snapshots: %s", got)
	}
}

// rewrite changes a file of the snapshot directory.
func rewrite(t *testing.T, fs vfs.FS, name string, change func([]byte) []byte) {
	t.Helper()
	f, err := fs.Open("snap/" + name)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(f)
	_ = f.Close()
	if err != nil {
		t.Fatal(err)
	}
	w, err := fs.Create("snap/"+name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(change(data)); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
}

func TestDamagedSnapshotFiles(t *testing.T) {
	half := func(b []byte) []byte { return b[:len(b)/2] }
	flip := func(b []byte) []byte { b[len(b)/2] ^= 1; return b }
	newer := func(b []byte) []byte {
		return bytes.Replace(b, []byte("snapshot 1"), []byte("snapshot 2"), 1)
	}
	tests := []struct {
		file   string
		change func([]byte) []byte
	}{
		{"3-50-2.meta", half},
		{"3-50-2.meta", flip},
		{"3-50-2.meta", newer},
		{"3-50-2.meta", func([]byte) []byte { return nil }},
		{"3-50-2.state", half},
		{"3-50-2.state", func(b []byte) []byte { b[len(b)-9] ^= 1; return b }},
	}
	for i, tt := range tests {
		t.Run(fmt.Sprint(i, " ", tt.file), func(t *testing.T) {
			fs := vfs.NewMem()
			s := openSnapshots(t, fs, nil)
			create(t, s, 40, LocalMarker)
			create(t, s, 50, "received state")
			rewrite(t, fs, tt.file, tt.change)
			s = openSnapshots(t, fs, nil)
			if got := list(t, s); got != "40:0" {
				t.Errorf("snapshots: %s", got)
			}
			w := s.Warnings()
			if len(w) != 1 || !errors.Is(w[0], ErrCorrupt) || !strings.Contains(w[0].Error(), "3-50-2") {
				t.Errorf("warnings: %v", w)
			}
			// The next snapshot clears the wreck, and never takes its name.
			create(t, s, 50, LocalMarker)
			if got := files(t, fs); got != "3-40-1.meta 3-50-3.meta" {
				t.Errorf("files: %s", got)
			}
			rewrite(t, fs, "3-40-1.meta", half)
			rewrite(t, fs, "3-50-3.meta", half)
			_, err := OpenSnapshots("snap", nil, SnapshotOptions{FS: fs})
			if !errors.Is(err, ErrCorrupt) || !graph.IsKind(err, graph.KindCorrupt) {
				t.Errorf("open with nothing intact = %v", err)
			}
		})
	}
}

func TestDamagedReceivedState(t *testing.T) {
	fs := vfs.NewMem()
	s := openSnapshots(t, fs, nil)
	id := create(t, s, 50, strings.Repeat("received state", 100))
	rewrite(t, fs, "3-50-1.state", func(b []byte) []byte { b[700] ^= 1; return b })
	_, rc, err := s.Open(id)
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	if _, err := io.ReadAll(rc); !errors.Is(err, ErrCorrupt) {
		t.Errorf("damaged bytes were read with %v", err)
	}
}

func TestCrashWhileWritingSnapshots(t *testing.T) {
	for seed := uint64(0); seed < 9; seed++ {
		fs := vfs.NewCrashableMem()
		s := openSnapshots(t, fs, nil)
		create(t, s, 40, LocalMarker)
		id := create(t, s, 50, "received state")
		open, _ := s.Create(1, 60, 3, members, 39, nil)
		_, _ = open.Write(make([]byte, 1000))
		after := crash(fs, seed)
		s = openSnapshots(t, after, nil)
		if got := list(t, s); got != "50:14 40:0" ||
			read(t, s, id) != string(receivedMarker(50))+"received state" {
			t.Errorf("seed %d: %s", seed, got)
		}
		if len(s.Warnings()) != 0 || strings.Contains(files(t, after), tmpSuffix) {
			t.Errorf("seed %d: warnings %v, files %s", seed, s.Warnings(), files(t, after))
		}
		if err := s.Installed(50); err != nil {
			t.Fatal(err)
		}
		s = openSnapshots(t, crash(after, seed), nil)
		if got := list(t, s); got != "50:0 40:0" {
			t.Errorf("seed %d, installed: %s", seed, got)
		}
	}
}
