package raftlog

import (
	"fmt"
	"sync"
	"time"
)

// Metrics is what the engine did since it was opened.
type Metrics struct {
	Groups      int           // groups that have rows or were opened
	Appends     uint64        // StoreLogs calls that were acknowledged
	Entries     uint64        // entries in them
	Bytes       uint64        // bytes of those entries
	Truncations uint64        // DeleteRange calls that deleted something
	Rewritten   uint64        // entries that were written again so that old segments can go
	Syncs       uint64        // rounds: one write and one sync for all that waited
	SyncTime    time.Duration // sum of their syncs
	SyncMax     time.Duration // the longest
	LogBytes    int64         // bytes between first and last entry, all groups
	DiskBytes   uint64        // bytes of the engine's files
	Segments    int           // files of the log
	Free        int           // files that wait to be overwritten
	TornBytes   uint64        // length of the unacknowledged write that open cut off
}

// String returns the metrics in one line.
func (m Metrics) String() string {
	mean := time.Duration(0)
	if m.Syncs > 0 {
		mean = m.SyncTime / time.Duration(m.Syncs)
	}
	return fmt.Sprintf("groups %d, appends %d, entries %d, bytes %d, truncations %d, "+
		"rewritten %d, syncs %d (mean %v, max %v), log %d B, disk %d B in %d segments and %d free, "+
		"torn %d B",
		m.Groups, m.Appends, m.Entries, m.Bytes, m.Truncations, m.Rewritten, m.Syncs, mean,
		m.SyncMax, m.LogBytes, m.DiskBytes, m.Segments, m.Free, m.TornBytes)
}

// counters is the part of Metrics that writes count.
type counters struct {
	mu sync.Mutex
	c  Metrics // guarded by mu
}

func (c *counters) appended(entries int, bytes uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.c.Appends++
	c.c.Entries += uint64(entries)
	c.c.Bytes += bytes
}

func (c *counters) truncated() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.c.Truncations++
}

func (c *counters) synced(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.c.Syncs++
	c.c.SyncTime += d
	c.c.SyncMax = max(c.c.SyncMax, d)
}

func (c *counters) rewrote(entries int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.c.Rewritten += uint64(entries)
}

func (c *counters) torn(bytes uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.c.TornBytes = bytes
}

// Metrics returns the engine's counters.
func (e *Engine) Metrics() Metrics {
	e.m.mu.Lock()
	m := e.m.c
	e.m.mu.Unlock()
	for _, st := range e.states() {
		if st.exists() {
			m.Groups++
			m.LogBytes += int64(st.extent().bytes)
		}
	}
	if e.enter("raftlog.Metrics") == nil {
		u := e.segs.usage()
		m.Segments, m.Free = u.log, u.free
		m.DiskBytes = uint64(u.logBytes + u.freeBytes)
		e.leave()
	}
	return m
}
