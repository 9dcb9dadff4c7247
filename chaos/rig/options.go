package rig

import (
	"path/filepath"
	"time"
)

// Options describe a cluster.
type Options struct {
	Work   string // directory for everything; Sandbox deletes it
	Bin    string // directory of codegraphd
	Nodes  int    // default 3
	Shards int    // default 4, so that most things concern several
	Disks  bool   // each node has a disk of its own
	// DiskBytes is the size of a disk; default 1 GiB, which is not taken before it is written.
	DiskBytes int64
	// ReadyWithin bounds starts and recoveries; default two minutes, for a machine that has other
	// things to do.
	ReadyWithin time.Duration
}

func (o Options) withDefaults() Options {
	if o.Nodes == 0 {
		o.Nodes = 3
	}
	if o.Shards == 0 {
		o.Shards = 4
	}
	if o.DiskBytes == 0 {
		o.DiskBytes = 1 << 30
	}
	if o.ReadyWithin == 0 {
		o.ReadyWithin = 2 * time.Minute
	}
	o.Bin = filepath.Join(o.Bin, "codegraphd")
	return o
}
