//go:build linux

package rig

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ioctls of file systems that package unix does not name.
const (
	fiFreeze     = 0xC0045877
	fiThaw       = 0xC0045878
	ext4Shutdown = 0x8004587D
	noLogFlush   = 2 // what was not fsynced is lost
)

const (
	canaryFile = "canary"
	fillerFile = "filler"
	probeFile  = "probe"
	unmountFor = 20 * time.Second
)

// Disk is the file system under one node's data: ext4 in a file. The node's own directory is a
// part of it, so that the rig's files do not meet the node's.
type Disk struct {
	number     int
	image, dir string
}

// newDisk makes a file system and mounts it.
func newDisk(number int, image, dir string, size int64) (*Disk, error) {
	d := &Disk{number: number, image: image, dir: dir}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(image, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(f.Truncate(size), f.Close()); err != nil {
		return nil, err
	}
	if err := runTool(nil, "mkfs.ext4", "-q", "-F", "-m", "0", image); err != nil {
		return nil, err
	}
	return d, d.mount()
}

// mount mounts the file system. The long commit interval keeps the kernel from saving what nobody
// has fsynced.
func (d *Disk) mount() error {
	return runTool(nil, "mount", "-o", "loop,noatime,commit=600", d.image, d.dir)
}

// unmount unmounts it; a process that was just killed may hold it for a moment.
func (d *Disk) unmount() error {
	end := time.Now().Add(unmountFor)
	for {
		err := unix.Unmount(d.dir, 0)
		if err == nil || errors.Is(err, unix.EINVAL) { // it is no mount any more
			return nil
		}
		if !errors.Is(err, unix.EBUSY) || time.Now().After(end) {
			return fmt.Errorf("rig: unmount %s: %w", d.dir, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Canary writes a file that nobody fsyncs and returns its size.
func (d *Disk) Canary() (int64, error) {
	text := make([]byte, 64<<10)
	return int64(len(text)), os.WriteFile(filepath.Join(d.dir, canaryFile), text, 0o600)
}

// LosePower takes everything away that was not fsynced. The node must be dead; afterwards the file
// system is mounted again. It returns how many bytes of a canary are gone.
func (d *Disk) LosePower() (lost int64, err error) {
	size, err := d.Canary()
	if err != nil {
		return 0, err
	}
	f, err := os.Open(d.dir)
	if err != nil {
		return 0, err
	}
	err = unix.IoctlSetPointerInt(int(f.Fd()), ext4Shutdown, noLogFlush)
	f.Close()
	if err != nil {
		return 0, fmt.Errorf("rig: power loss of %s: %w", d.dir, err)
	}
	if err := errors.Join(d.unmount(), d.mount()); err != nil {
		return 0, err
	}
	path := filepath.Join(d.dir, canaryFile)
	st, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return size, nil
	case err != nil:
		return 0, err
	}
	return size - st.Size(), os.Remove(path)
}

// Freeze stops every write to the disk until Thaw; those that write hang.
func (d *Disk) Freeze() error {
	f, err := os.Open(d.dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := tellGuard(d.number, int(f.Fd())); err != nil {
		return fmt.Errorf("rig: guard: %w", err)
	}
	if err := unix.IoctlSetInt(int(f.Fd()), fiFreeze, 0); err != nil {
		return fmt.Errorf("rig: freeze %s: %w", d.dir, err)
	}
	return nil
}

// Thaw ends a freeze.
func (d *Disk) Thaw() error {
	f, err := os.Open(d.dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.IoctlSetInt(int(f.Fd()), fiThaw, 0); err != nil {
		return fmt.Errorf("rig: thaw %s: %w", d.dir, err)
	}
	return tellGuard(d.number, -1)
}

// Write writes and fsyncs a small file and returns how long that took. Another process does it: a
// thread of this one that hung on a frozen disk could not be killed, and would keep the line to the
// guard open for as long as the guard waits for its end.
func (d *Disk) Write() (time.Duration, error) {
	began := time.Now()
	err := runTool(nil, "dd", "if=/dev/zero", "of="+filepath.Join(d.dir, probeFile), "bs=64k",
		"count=1", "conv=fsync") // in the language of LC_ALL=C
	if err != nil && strings.Contains(err.Error(), "No space left on device") {
		err = fmt.Errorf("%w: %w", unix.ENOSPC, err)
	}
	return time.Since(began), err
}

// Fill takes all free space and returns how much that was.
func (d *Disk) Fill() (int64, error) {
	f, err := os.OpenFile(filepath.Join(d.dir, fillerFile), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	taken, step := int64(0), int64(64<<20)
	for step >= 4<<10 {
		err := unix.Fallocate(int(f.Fd()), 0, taken, step)
		switch {
		case err == nil:
			taken += step
		case errors.Is(err, unix.ENOSPC):
			step /= 4
		default:
			return taken, fmt.Errorf("rig: fill %s: %w", d.dir, err)
		}
	}
	return taken, nil
}

// Free gives the space back that Fill took.
func (d *Disk) Free() error {
	err := os.Remove(filepath.Join(d.dir, fillerFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
