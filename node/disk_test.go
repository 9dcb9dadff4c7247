package node

import (
	"log/slog"
	"os"
	"testing"

	"github.com/codegraphdb/codegraph/graph"
)

func TestDiskFloor(t *testing.T) {
	for _, c := range []struct {
		env         string
		total, want uint64
	}{
		{"", 10 << 30, 1 << 30},
		{"", 100 << 30, 5 << 30},
		{"", 0, 1 << 30},
		{"16MiB", 100 << 30, 16 << 20},
		{"0", 100 << 30, 0},
		{"rubbish", 10 << 30, 1 << 30},
	} {
		t.Setenv(diskFloorName, c.env)
		if got := diskFloorOf(c.total); got != c.want {
			t.Errorf("floor %q of %d bytes: %d, want %d", c.env, c.total, got, c.want)
		}
	}
}

func TestDiskGuard(t *testing.T) {
	const above, below = "0", "1048576TiB"
	t.Setenv(diskFloorName, above)
	d := openDir(t, t.TempDir())
	g := newDiskGuard(d, slog.New(slog.DiscardHandler))
	if err := g.check(); err != nil {
		t.Fatalf("with space: %v", err)
	}
	st, err := os.Stat(g.ballast)
	if err != nil || st.Size() != ballastBytes {
		t.Fatalf("ballast: %v, %v", st, err)
	}
	t.Setenv(diskFloorName, below)
	g.poll()
	wantError(t, "without space", g.check(), graph.KindDiskFull, d.path, "MiB free", "free space",
		"resume by themselves", "reads go on")
	if err := os.Remove(g.ballast); err != nil {
		t.Fatal(err)
	}
	t.Setenv(diskFloorName, above)
	g.poll()
	if err := g.check(); err != nil {
		t.Errorf("with space again: %v", err)
	}
	if _, err := os.Stat(g.ballast); err != nil {
		t.Errorf("the ballast is not back: %v", err)
	}
}

// A node that starts on a full disk does not make it fuller.
func TestDiskGuardStartsFull(t *testing.T) {
	t.Setenv(diskFloorName, "1048576TiB")
	g := newDiskGuard(openDir(t, t.TempDir()), slog.New(slog.DiscardHandler))
	wantError(t, "at the start", g.check(), graph.KindDiskFull)
	if _, err := os.Stat(g.ballast); err == nil {
		t.Error("a ballast file was made")
	}
}
