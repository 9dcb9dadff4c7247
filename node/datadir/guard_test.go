package datadir

import (
	"log/slog"
	"os"
	"testing"

	"github.com/codegraphdb/codegraph/graph"
)

func TestFloor(t *testing.T) {
	for _, c := range []struct{ total, want uint64 }{
		{10 << 30, 1 << 30}, {100 << 30, 5 << 30}, {0, 1 << 30},
	} {
		if got := Floor(c.total); got != c.want {
			t.Errorf("floor of %d bytes: %d, want %d", c.total, got, c.want)
		}
	}
}

func TestDiskGuard(t *testing.T) {
	const above, below = 0, 1 << 60
	floor := uint64(above)
	d := openDir(t, t.TempDir())
	g := NewGuard(d, func(uint64) uint64 { return floor }, slog.New(slog.DiscardHandler))
	if err := g.Check(); err != nil {
		t.Fatalf("with space: %v", err)
	}
	st, err := os.Stat(g.ballast)
	if err != nil || st.Size() != ballastBytes {
		t.Fatalf("ballast: %v, %v", st, err)
	}
	floor = below
	g.Poll()
	wantError(t, "without space", g.Check(), graph.KindDiskFull, d.ID.NodeID, d.Path, "MiB free",
		"below the floor of 1099511627776 MiB", "free space", "resume by themselves", "reads go on")
	if err := os.Remove(g.ballast); err != nil {
		t.Fatal(err)
	}
	floor = above
	g.Poll()
	if err := g.Check(); err != nil {
		t.Errorf("with space again: %v", err)
	}
	if _, err := os.Stat(g.ballast); err != nil {
		t.Errorf("the ballast is not back: %v", err)
	}
}

// A node that starts on a full disk does not make it fuller.
func TestDiskGuardStartsFull(t *testing.T) {
	g := NewGuard(openDir(t, t.TempDir()), func(uint64) uint64 { return 1 << 60 },
		slog.New(slog.DiscardHandler))
	wantError(t, "at the start", g.Check(), graph.KindDiskFull)
	if _, err := os.Stat(g.ballast); err == nil {
		t.Error("a ballast file was made")
	}
}
