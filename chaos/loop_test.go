//go:build chaosroot

package chaos

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	mib       = 1 << 20
	defFloor  = 1024 * mib // of a disk below 20 GiB, without CODEGRAPH_DISK_FLOOR
	diskBytes = 3072 * mib // sparse: it takes what is written, not what is reserved
	fillEvery = 2 * time.Millisecond
)

// loopDisk is an ext4 file system of its own in a file, mounted below the test's directory.
type loopDisk struct {
	t      *testing.T
	image  string
	dir    string
	filler string
}

// newLoopDisk mounts a new file system, which is to be unmounted.
func newLoopDisk(t *testing.T, image, dir string, size int64) *loopDisk {
	t.Helper()
	d := &loopDisk{t: t, image: image, dir: dir, filler: filepath.Join(dir, "FILLER")}
	f, err := os.Create(image)
	if err == nil {
		err = errors.Join(f.Truncate(size), f.Close())
	}
	if err == nil {
		err = os.MkdirAll(dir, 0o750)
	}
	if err != nil {
		t.Fatal(err)
	}
	d.must("mkfs.ext4", "-q", "-F", "-m", "0", image) // -m 0: root has no bytes that others lack
	d.must("mount", "-o", "loop,nodev,nosuid", image, dir)
	return d
}

// must runs a tool; without it there is no test.
func (d *loopDisk) must(name string, args ...string) string {
	d.t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		d.t.Fatalf("%s %s: %v: %s; remedy: this needs root, loop devices and e2fsprogs", name,
			strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// unmount takes the file system away; if somebody still holds it, as soon as that one is gone.
func (d *loopDisk) unmount() {
	err := unix.Unmount(d.dir, unix.UMOUNT_NOFOLLOW)
	if err != nil {
		d.t.Errorf("unmounting %s: %v", d.dir, err)
		err = unix.Unmount(d.dir, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
	}
	if err == nil {
		_ = os.Remove(d.image)
	}
}

// space returns the free and the total bytes; it may be called on any goroutine.
func (d *loopDisk) space() (free, total int64) {
	d.t.Helper()
	var st unix.Statfs_t
	if err := unix.Statfs(d.dir, &st); err != nil {
		d.t.Error(err)
	}
	return int64(st.Bavail) * st.Bsize, int64(st.Blocks) * st.Bsize
}

func (d *loopDisk) free() int64 {
	free, _ := d.space()
	return free
}

// fill makes the filler so large that about so many bytes are left.
func (d *loopDisk) fill(leave int64) {
	d.t.Helper()
	if err := grow(d.filler, d.free()-leave); err != nil {
		d.t.Fatalf("filling %s: %v", d.dir, err)
	}
}

// fillUp takes every byte, and what others give back, until the returned function is called.
func (d *loopDisk) fillUp() (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for tick := time.NewTicker(fillEvery); ; {
			for step := int64(256 * mib); step >= 4096; {
				if grow(d.filler, step) != nil {
					step /= 4
				}
			}
			select {
			case <-quit:
				tick.Stop()
				return
			case <-tick.C:
			}
		}
	}()
	end := sync.OnceFunc(func() { close(quit) })
	stop = func() { end(); <-done }
	d.t.Cleanup(stop)
	return stop
}

// empty deletes the filler.
func (d *loopDisk) empty() {
	d.t.Helper()
	if err := os.Remove(d.filler); err != nil {
		d.t.Fatal(err)
	}
}

// grow reserves so many more bytes at the end of a file.
func grow(file string, by int64) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	end, err := f.Seek(0, 2)
	if err != nil {
		return err
	}
	if by <= 0 {
		return fmt.Errorf("%s cannot grow by %d bytes", file, by)
	}
	return unix.Fallocate(int(f.Fd()), 0, end, by)
}
