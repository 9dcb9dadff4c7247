package transport

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

func TestSnapshotStream(t *testing.T) {
	payload := strings.Repeat("0123456789abcdef", 100_000) // 1.6 MB, not a multiple of a chunk
	tests := []struct {
		name string
		size int64
		read bool // Raft reads it
		ok   bool
		err  string
	}{
		{"whole", int64(len(payload)), true, true, ""},
		{"empty", 0, true, true, ""},
		{"prefix only", 1000, true, true, ""},
		{"too short", int64(len(payload)) + 1, true, false, "the snapshot has"},
		{"answered unread", int64(len(payload)), false, true, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			read, asked := make(chan string, 1), make(chan struct{})
			_, _, g := pair(t, func(rpc raft.RPC) any {
				close(asked)
				c := rpc.Command.(*raft.InstallSnapshotRequest)
				if tt.read {
					b, err := io.ReadAll(rpc.Reader)
					if err != nil {
						b = []byte("error: " + err.Error())
					}
					read <- string(b)
				}
				return &raft.InstallSnapshotResponse{Term: c.Term, Success: true}
			}, nil)
			var resp raft.InstallSnapshotResponse
			err := g.InstallSnapshot(sid("b"), addr("b"),
				&raft.InstallSnapshotRequest{Term: 5, Size: tt.size}, &resp,
				io.MultiReader(strings.NewReader(payload), endAfter(asked)))
			if tt.ok != (err == nil) || (tt.ok && (!resp.Success || resp.Term != 5)) {
				t.Fatalf("resp %+v, err %v", resp, err)
			}
			if !tt.ok {
				if !strings.Contains(err.Error(), tt.err) {
					t.Errorf("err = %v", err)
				}
				if got := <-read; !strings.HasPrefix(got, "error: ") {
					t.Errorf("Raft read %d bytes to a clean end", len(got))
				}
			} else if tt.read {
				if got := <-read; got != payload[:tt.size] {
					t.Errorf("Raft read %d bytes, want %d", len(got), tt.size)
				}
			}
		})
	}
}

// endAfter is an empty source that ends when the channel is closed: all that stands before it may
// be under way before the peer has looked at any of it.
type endAfter <-chan struct{}

func (e endAfter) Read([]byte) (int, error) {
	<-e
	return 0, io.EOF
}

func TestSnapshotEnds(t *testing.T) {
	block := func(raft.RPC) any { return nil } // takes it, reads nothing, answers never
	for name, end := range map[string]func(a, b *endpoint, g *GroupTransport){
		"own group closes": func(_, _ *endpoint, g *GroupTransport) { _ = g.Close() },
		"own node closes":  func(a, _ *endpoint, _ *GroupTransport) { _ = a.Close() },
		"peer closes":      func(_, b *endpoint, _ *GroupTransport) { b.stop() },
		"disconnect":       func(a, _ *endpoint, _ *GroupTransport) { a.Disconnect("b") },
	} {
		t.Run(name, func(t *testing.T) {
			a, b, g := pair(t, block, nil)
			done := make(chan error, 1)
			go func() {
				done <- g.InstallSnapshot(sid("b"), addr("b"),
					&raft.InstallSnapshotRequest{Size: 64 << 20},
					&raft.InstallSnapshotResponse{}, zeros{})
			}()
			eventually(t, "bytes flow", func() bool { return b.Metrics().Bulk.BytesReceived > 0 })
			end(a, b, g)
			if err := <-done; err == nil {
				t.Error("the snapshot succeeded")
			}
		})
	}
}

func TestSnapshotWithoutProgressIsGivenUp(t *testing.T) {
	freed := make(chan error, 1)
	dir := newDirectory()
	a := listen(t, dir, "a", nil)
	b := listen(t, dir, "b", func(o *Options) { o.Timeouts.SnapshotStall = 50 * time.Millisecond })
	answer(t, b.Group(1, addr("b")), func(rpc raft.RPC) any {
		_, err := io.Copy(io.Discard, rpc.Reader)
		freed <- err
		return nil
	})
	r, w := io.Pipe() // a disk that hangs
	defer w.Close()
	done := make(chan error, 1)
	g := a.Group(1, addr("a"))
	go func() {
		done <- g.InstallSnapshot(sid("b"), addr("b"), &raft.InstallSnapshotRequest{Size: 10},
			&raft.InstallSnapshotResponse{}, r)
	}()
	if err := <-freed; err == nil {
		t.Error("Raft on the receiving side read a clean end")
	}
	_ = w.Close()
	if err := <-done; err == nil {
		t.Error("the snapshot succeeded")
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }
