package datadir

import (
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/codegraphdb/codegraph/graph"
)

// Guard refuses writes while the disk is nearly full, so that the process lives, reads go on
// and truncation still finds room. It keeps a ballast file to give back when even that fails.
type Guard struct {
	dir     *Dir
	logger  *slog.Logger
	floor   func(total uint64) uint64
	free    atomic.Uint64
	least   atomic.Uint64 // the floor in force
	full    atomic.Bool
	ballast string
}

const (
	ballastBytes = 64 << 20
	diskFloor    = 1 << 30
	diskFraction = 20 // 1/20 = 5 %
	diskPoll     = 500 * time.Millisecond
)

// NewGuard looks at the disk of dir. floor tells from its size how much must be free; nil is Floor.
func NewGuard(dir *Dir, floor func(total uint64) uint64, logger *slog.Logger) *Guard {
	if floor == nil {
		floor = Floor
	}
	g := &Guard{dir: dir, floor: floor, logger: logger, ballast: dir.Join("BALLAST")}
	g.Poll()
	if !g.full.Load() {
		g.keepBallast()
	}
	return g
}

// Floor is the free space below which writes are refused: max(1 GiB, 5 %).
func Floor(total uint64) uint64 { return max(diskFloor, total/diskFraction) }

// Poll looks at the disk now. When nothing at all is left it gives the ballast back.
func (g *Guard) Poll() {
	free, total, err := g.dir.Free()
	if err != nil {
		g.logger.Warn("free disk space is not known", "err", err)
		return
	}
	floor := g.floor(total)
	g.free.Store(free)
	g.least.Store(floor)
	full := free < floor
	if full && free < ballastBytes/4 && os.Remove(g.ballast) == nil {
		g.logger.Error("disk is full: ballast given back", "bytes", ballastBytes)
	}
	if full == g.full.Swap(full) {
		return
	}
	if full {
		g.logger.Error("disk is nearly full: writes are refused", "free", free, "floor", floor)
		return
	}
	g.logger.Info("disk has space again: writes resume", "free", free)
	g.keepBallast()
}

// keepBallast makes the ballast file if it is not there whole.
func (g *Guard) keepBallast() {
	if st, err := os.Stat(g.ballast); err == nil && st.Size() == ballastBytes {
		return
	}
	f, err := os.OpenFile(g.ballast, os.O_CREATE|os.O_WRONLY, filePerm)
	if err == nil {
		err = fallocate(f, ballastBytes)
		f.Close()
	}
	if err != nil {
		_ = os.Remove(g.ballast) // half of one would only take space
		g.logger.Warn("no ballast file", "err", err)
	}
}

// Run polls until stop closes.
func (g *Guard) Run(stop <-chan struct{}) {
	tick := time.NewTicker(diskPoll)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			g.Poll()
		}
	}
}

// Check returns an error while writes are refused.
func (g *Guard) Check() error {
	if !g.full.Load() {
		return nil
	}
	return graph.Errorf("node.write", graph.KindDiskFull,
		"node %s: disk of %s has %d MiB free, below the floor of %d MiB", g.dir.ID.NodeID, g.dir.Path,
		g.free.Load()>>20, g.least.Load()>>20).
		WithRemedy("free space or enlarge the disk; writes resume by themselves, reads go on")
}

// Free returns the free bytes at the last look.
func (g *Guard) Free() uint64 { return g.free.Load() }

// Full tells whether writes are refused.
func (g *Guard) Full() bool { return g.full.Load() }
