package transport

import (
	"errors"
	"net"
	"sync"
	"testing"
	"time"
)

// freezer forwards TCP until it is frozen: then old connections stay open and say nothing.
type freezer struct {
	ln     net.Listener
	target string
	mu     sync.Mutex
	frozen bool
	conns  []net.Conn
}

func (f *freezer) run() {
	for {
		in, err := f.ln.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", f.target)
		if err != nil {
			_ = in.Close()
			continue
		}
		f.mu.Lock()
		f.frozen = false // only connections made before the freeze are dead
		f.conns = append(f.conns, in, out)
		gen := len(f.conns)
		f.mu.Unlock()
		go f.pipe(in, out, gen)
		go f.pipe(out, in, gen)
	}
}

func (f *freezer) pipe(dst, src net.Conn, gen int) {
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		f.mu.Lock()
		dead := f.frozen || (gen <= 2 && len(f.conns) > 2)
		f.mu.Unlock()
		if err != nil {
			return
		}
		if !dead {
			_, _ = dst.Write(buf[:n])
		}
	}
}

func TestDeadConnectionIsReplaced(t *testing.T) {
	dir := newDirectory()
	a := listen(t, dir, "a", func(o *Options) {
		o.Timeouts.Connect = 200 * time.Millisecond
		o.Timeouts.Heartbeat = 100 * time.Millisecond
	})
	b := listen(t, dir, "b", nil)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &freezer{ln: ln, target: b.addr}
	go f.run()
	t.Cleanup(func() {
		_ = ln.Close()
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, c := range f.conns {
			_ = c.Close()
		}
	})
	dir.set("b", ln.Addr().String())
	answer(t, b.Group(1, addr("b")), agree)
	g := a.Group(1, addr("a"))
	eventually(t, "first heartbeat", func() bool { return heartbeat(g, "b", 1) == nil })
	f.mu.Lock()
	f.frozen = true
	f.mu.Unlock()
	eventually(t, "a heartbeat over a new connection", func() bool {
		return heartbeat(g, "b", 1) == nil
	})
	if n := a.Metrics().Control.Reconnects; n == 0 {
		t.Error("the dead connection was not replaced")
	}
}

// A peer whose groups are all busy is not a dead connection: pings are answered.
func TestBusyPeerKeepsItsConnection(t *testing.T) {
	dir := newDirectory()
	a := listen(t, dir, "a", func(o *Options) {
		o.Timeouts.Connect = 500 * time.Millisecond
		o.Timeouts.Heartbeat = 3 * time.Second // three times the silence that means death
	})
	b := listen(t, dir, "b", nil)
	b.Group(1, addr("b")) // never answers
	g := a.Group(1, addr("a"))
	if err := heartbeat(g, "b", 1); !errors.Is(err, ErrTimeout) {
		t.Errorf("err = %v, want ErrTimeout", err)
	}
	if m := a.Metrics().Control; m.Connects != 1 || m.FramesReceived == 0 {
		t.Errorf("metrics: %+v", m)
	}
}
