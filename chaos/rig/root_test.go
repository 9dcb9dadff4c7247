//go:build linux && chaosroot

package rig

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestMain runs all tests of this package again inside of a sandbox. `make chaos-ci` runs them.
func TestMain(m *testing.M) {
	code, err := sandboxed(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func sandboxed(m *testing.M) (int, error) {
	switch {
	case len(os.Args) > 2 && os.Args[1] == ArgGuard:
		return 0, Guard(os.Args[2])
	case len(os.Args) > 2 && os.Args[1] == ArgInside:
		os.Args = append(os.Args[:1], os.Args[3:]...)
		if err := Enter(); err != nil {
			return 0, err
		}
		return m.Run(), nil
	}
	work, err := os.MkdirTemp("", "codegraph-rig-")
	if err != nil {
		return 0, err
	}
	code, err := Sandbox(work, os.Args[1:])
	if _, gone := os.Stat(work); err == nil && !errors.Is(gone, os.ErrNotExist) {
		err = fmt.Errorf("%s is still there", work)
	}
	return code, err
}

// TestCutsAreDirected cuts one direction, and the other one, and wants the packets to be counted.
func TestCutsAreDirected(t *testing.T) {
	n, err := newNetwork(2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // after the listeners
		if err := n.close(); err != nil {
			t.Error(err)
		}
	})
	r := &Rig{net: n}
	for i := range 2 {
		err := n.inside(i, func() error {
			l, err := net.Listen("tcp", net.JoinHostPort(hostOf(i), fmt.Sprint(peerPort)))
			if err == nil {
				t.Cleanup(func() { l.Close() })
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	there, back := Link{0, 1}, Link{1, 0}
	for _, cut := range []Link{there, back} {
		for end := time.Now().Add(10 * time.Second); !r.Reaches(there) || !r.Reaches(back); {
			if time.Now().After(end) {
				t.Fatal("the nodes do not see each other")
			}
		}
		if fresh, err := r.Cut(cut); err != nil || !fresh {
			t.Fatalf("cut: %v, %v", fresh, err)
		}
		if fresh, err := r.Cut(cut); err != nil || fresh {
			t.Errorf("a second cut is a new one: %v, %v", fresh, err)
		}
		if r.Reaches(cut) {
			t.Error("the cut lets connections through")
		}
		if dropped, err := r.Join(cut); err != nil || dropped == 0 {
			t.Errorf("%d packets dropped, %v", dropped, err)
		}
	}
	if dropped, err := r.Join(there); err != nil || dropped != 0 {
		t.Errorf("joining what is whole: %d, %v", dropped, err)
	}
}

// testDisk makes a disk.
func testDisk(t *testing.T) *Disk {
	t.Helper()
	dir := t.TempDir()
	d, err := newDisk(0, filepath.Join(dir, "image"), filepath.Join(dir, "mnt"), 64<<20)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.unmount(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// TestPowerLoss wants what was fsynced to stay, and what was not to go.
func TestPowerLoss(t *testing.T) {
	d := testDisk(t)
	kept, gone := filepath.Join(d.dir, "kept"), filepath.Join(d.dir, "gone")
	f, err := os.Create(kept)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString("text")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(gone, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	lost, err := d.LosePower()
	if err != nil || lost == 0 {
		t.Errorf("%d bytes of the canary lost, %v", lost, err)
	}
	if text, err := os.ReadFile(kept); string(text) != "text" {
		t.Errorf("what was fsynced is %q, %v", text, err)
	}
	if text, err := os.ReadFile(gone); len(text) > 0 {
		t.Errorf("what was not fsynced is %q, %v", text, err)
	}
}

// TestStall wants a write to hang until the thaw.
func TestStall(t *testing.T) {
	d := testDisk(t)
	if err := d.Freeze(); err != nil {
		t.Fatal(err)
	}
	held := make(chan error, 1)
	go func() {
		_, err := d.Write()
		held <- err
	}()
	select {
	case err := <-held:
		t.Errorf("a write to a frozen disk ended (%v)", err)
		held <- err
	case <-time.After(300 * time.Millisecond): // a write takes a hundredth of that
	}
	if err := d.Thaw(); err != nil {
		t.Fatal(err)
	}
	if err := <-held; err != nil {
		t.Error(err)
	}
}

// TestFill wants a full disk to refuse a write, and to take one when it is freed.
func TestFill(t *testing.T) {
	d := testDisk(t)
	if taken, err := d.Fill(); err != nil || taken < 16<<20 {
		t.Errorf("filled with %d bytes, %v", taken, err)
	}
	if _, err := d.Write(); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("a write to a full disk: %v", err)
	}
	if err := d.Free(); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Write(); err != nil {
		t.Error(err)
	}
}
