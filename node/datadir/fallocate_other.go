//go:build !linux

package datadir

import "os"

// fallocate makes a file of the given size; without fallocate the space is not reserved.
func fallocate(f *os.File, bytes int64) error { return f.Truncate(bytes) }
