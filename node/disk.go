package node

import (
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/codegraphdb/codegraph/graph"
)

// diskGuard refuses writes while the disk is nearly full, so that the process lives, reads go on
// and truncation still finds room. It keeps a ballast file to give back when even that fails.
type diskGuard struct {
	dir     *dataDir
	logger  *slog.Logger
	free    atomic.Uint64
	full    atomic.Bool
	ballast string
}

const (
	ballastBytes  = 64 << 20
	diskFloor     = 1 << 30
	diskFraction  = 20 // 1/20 = 5 %
	diskPoll      = 500 * time.Millisecond
	diskFloorName = "CODEGRAPH_DISK_FLOOR" // bytes; lowers the floor in tests on small disks
)

func newDiskGuard(dir *dataDir, logger *slog.Logger) *diskGuard {
	g := &diskGuard{dir: dir, logger: logger, ballast: dir.join("BALLAST")}
	g.poll()
	if !g.full.Load() {
		g.keepBallast()
	}
	return g
}

// floor is the free space below which writes are refused: max(1 GiB, 5 %).
func diskFloorOf(total uint64) uint64 {
	if v, err := ParseSize(os.Getenv(diskFloorName)); err == nil {
		return uint64(v)
	}
	return max(diskFloor, total/diskFraction)
}

func (g *diskGuard) poll() {
	free, total, err := g.dir.free()
	if err != nil {
		g.logger.Warn("free disk space is not known", "err", err)
		return
	}
	g.free.Store(free)
	full := free < diskFloorOf(total)
	if full == g.full.Swap(full) {
		return
	}
	if full {
		g.logger.Error("disk is nearly full: writes are refused", "free", free,
			"floor", diskFloorOf(total))
		return
	}
	g.logger.Info("disk has space again: writes resume", "free", free)
	g.keepBallast()
}

// keepBallast makes the ballast file if it is not there.
func (g *diskGuard) keepBallast() {
	if st, err := os.Stat(g.ballast); err == nil && st.Size() == ballastBytes {
		return
	}
	f, err := os.OpenFile(g.ballast, os.O_CREATE|os.O_WRONLY, filePerm)
	if err == nil {
		err = fallocate(f, ballastBytes)
		f.Close()
	}
	if err != nil {
		g.logger.Warn("no ballast file", "err", err)
	}
}

// run polls until stop closes. When nothing at all is left it gives the ballast back.
func (g *diskGuard) run(stop <-chan struct{}) {
	tick := time.NewTicker(diskPoll)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			g.poll()
			if g.free.Load() < ballastBytes/4 && os.Remove(g.ballast) == nil {
				g.logger.Error("disk is full: ballast given back", "bytes", ballastBytes)
			}
		}
	}
}

// check returns an error while writes are refused.
func (g *diskGuard) check() error {
	if !g.full.Load() {
		return nil
	}
	return graph.Errorf("node.write", graph.KindDiskFull,
		"disk of %s has %d MiB free, below max(1 GiB, 5 %%)", g.dir.path, g.free.Load()>>20).
		WithRemedy("free space or enlarge the disk; writes resume by themselves, reads go on")
}
