package cell

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/codegraphdb/codegraph/chaos/check"
	"github.com/codegraphdb/codegraph/chaos/report"
)

// campaign runs cells that do nothing but leave a verdict.
func campaign(t *testing.T, say func(Cell) check.Valid) (*Campaign, *bytes.Buffer, *int) {
	t.Helper()
	out, ran := &bytes.Buffer{}, new(int)
	cells := []Cell{{Workload: "W2", Nemesis: "kill"}, {Workload: "W7", Nemesis: "none"}}
	return &Campaign{Cells: cells, Seed: 3, Commit: "abc", Root: t.TempDir(), Out: out,
		Run: func(c Cell, _ uint64, dir string) error {
			*ran++
			valid := say(c)
			if valid == "" {
				return errors.New("no cluster came up")
			}
			text, err := json.Marshal(check.Verdict{Valid: valid})
			if err != nil {
				return err
			}
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(dir, report.VerdictFile), text, 0o600)
		}}, out, ran
}

// TestCampaignIsGreenOnlyIfAllIs wants everything but true to be missed.
func TestCampaignIsGreenOnlyIfAllIs(t *testing.T) {
	for _, valid := range []check.Valid{check.True, check.Unknown, check.False, ""} {
		c, out, _ := campaign(t, func(of Cell) check.Valid {
			if of.Workload == "W2" {
				return valid
			}
			return check.True
		})
		good, err := c.Do()
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		var last struct{ Missed []string }
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
			t.Fatalf("last line: %v\n%s", err, out)
		}
		if want := valid == check.True; good != want || (len(last.Missed) == 0) != want {
			t.Errorf("verdict %q: good %v, missed %v", valid, good, last.Missed)
		}
	}
}

// TestCampaignResumes wants a cell with a verdict not to be run again (CE4), and one that was cut
// off to be.
func TestCampaignResumes(t *testing.T) {
	c, _, ran := campaign(t, func(Cell) check.Valid { return check.True })
	cut := c.Dir(c.Cells[0])
	if err := os.MkdirAll(filepath.Join(cut, "logs"), 0o755); err != nil {
		t.Fatal(err)
	}
	for want := 2; want <= 4; want += 2 {
		for range 2 {
			if good, err := c.Do(); err != nil || !good {
				t.Fatalf("good %v, %v", good, err)
			}
			if *ran != want {
				t.Errorf("%d runs, want %d", *ran, want)
			}
		}
		if _, err := os.Stat(filepath.Join(cut, "logs")); err == nil {
			t.Error("what a run that was cut off has left is still there")
		}
		c.Commit += "d" // the next commit
	}
}

// TestCampaignKeepsItsTime wants cells that were not begun to be missed.
func TestCampaignKeepsItsTime(t *testing.T) {
	c, out, ran := campaign(t, func(Cell) check.Valid { return check.True })
	c.Budget = time.Nanosecond
	if good, err := c.Do(); err != nil || good || *ran != 0 {
		t.Errorf("good %v, %v, %d runs:\n%s", good, err, *ran, out)
	}
}
