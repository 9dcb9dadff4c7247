package datadir

import (
	"os"

	"golang.org/x/sys/unix"
)

// fallocate reserves bytes of a file without writing them.
func fallocate(f *os.File, bytes int64) error { return unix.Fallocate(int(f.Fd()), 0, 0, bytes) }
