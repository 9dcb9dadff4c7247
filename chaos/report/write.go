package report

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/codegraphdb/codegraph/chaos/check"
	"github.com/codegraphdb/codegraph/chaos/history"
)

// VerdictFile is the name of the verdict in the directory of a run.
const VerdictFile = "verdict.json"

// Write writes all files of a run into its directory; those of an earlier check are replaced.
func Write(dir string, h *history.History, v *check.Verdict) error {
	verdict, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	page, err := timeline(h, v)
	if err != nil {
		return fmt.Errorf("report: timeline: %w", err)
	}
	files := map[string][]byte{
		VerdictFile:     append(verdict, '\n'),
		"timeline.html": page,
		"latency.svg":   latencyPlot(h),
		"rate.svg":      ratePlot(h),
	}
	for _, r := range v.Results {
		maps.Copy(files, r.Files)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := os.WriteFile(filepath.Join(dir, name), files[name], 0o644); err != nil {
			return fmt.Errorf("report: %w", err)
		}
	}
	return nil
}

// ReadVerdict reads the verdict of a stored run.
func ReadVerdict(dir string) (check.Verdict, error) {
	var v check.Verdict
	text, err := os.ReadFile(filepath.Join(dir, VerdictFile))
	if err != nil {
		return v, fmt.Errorf("report: %w", err)
	}
	if err := json.Unmarshal(text, &v); err != nil {
		return v, fmt.Errorf("report: %s: %w", filepath.Join(dir, VerdictFile), err)
	}
	return v, nil
}
