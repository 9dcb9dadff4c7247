package node

import (
	"errors"
	"net"
	"syscall"
	"testing"
	"time"
)

// A node that cannot go on is refused by the kernel before its process has ended: so the others
// replace its leaders at once even if a thread of it hangs in the disk.
func TestFatalNodeIsGoneForItsPeers(t *testing.T) {
	n := launch(t, testOptions(t, "n1"))
	peer := n.servers.peerL.Addr().String()
	dial := func() error {
		c, err := net.DialTimeout("tcp", peer, 10*time.Second)
		if err == nil {
			c.Close()
		}
		return err
	}
	if err := dial(); err != nil {
		t.Fatalf("before: %v", err)
	}
	want := errors.New("the disk stands still")
	n.fatal(want)
	if err := <-n.Fatal(); !errors.Is(err, want) {
		t.Errorf("the process ends for %v", err)
	}
	eventually(t, "the peer port refuses", func() error {
		if err := dial(); !errors.Is(err, syscall.ECONNREFUSED) {
			return errors.Join(errors.New("not refused"), err)
		}
		return nil
	})
}
