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
	Bytes       uint64        // bytes of those entries, keys included
	Truncations uint64        // DeleteRange calls that deleted something
	Syncs       uint64        // durable writes of any kind
	SyncTime    time.Duration // sum of their latencies
	SyncMax     time.Duration // the longest
	LogBytes    int64         // bytes between first and last entry, all groups
	DiskBytes   uint64        // bytes of the engine's files
}

// String returns the metrics in one line.
func (m Metrics) String() string {
	mean := time.Duration(0)
	if m.Syncs > 0 {
		mean = m.SyncTime / time.Duration(m.Syncs)
	}
	return fmt.Sprintf("groups %d, appends %d, entries %d, bytes %d, truncations %d, "+
		"syncs %d (mean %v, max %v), log %d B, disk %d B",
		m.Groups, m.Appends, m.Entries, m.Bytes, m.Truncations,
		m.Syncs, mean, m.SyncMax, m.LogBytes, m.DiskBytes)
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

// Metrics returns the engine's counters.
func (e *Engine) Metrics() Metrics {
	e.m.mu.Lock()
	m := e.m.c
	e.m.mu.Unlock()
	e.mu.Lock()
	for _, st := range e.groups {
		if st.exists() {
			m.Groups++
			m.LogBytes += int64(st.extent().bytes())
		}
	}
	e.mu.Unlock()
	if e.enter("raftlog.Metrics") == nil {
		m.DiskBytes = e.db.Metrics().DiskSpaceUsage()
		e.leave()
	}
	return m
}
