package check

import (
	"bufio"
	"io/fs"
	"regexp"

	"github.com/codegraphdb/codegraph/chaos/history"
)

// LogScan looks for what must not stand in the log of any node: panics, data races, fatal errors.
func LogScan() Checker { return fold{"logs", checkLogs} }

// alarm matches the lines. Errors that a process says before it ends on purpose (a watchdog after a
// stall) do not look like this.
var alarm = regexp.MustCompile(`^panic: |\bpanic: |WARNING: DATA RACE|^fatal error: |` +
	`SIGSEGV|unexpected fault address|level=FATAL|"level":"FATAL"|invariant violated`)

// maxLogLine is the longest line that is looked at as a whole.
const maxLogLine = 1 << 20

func checkLogs(f *finding, _ *history.History, cfg Config) {
	if cfg.Logs == nil {
		f.unsure("there are no logs")
		return
	}
	err := fs.WalkDir(cfg.Logs, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f.Checked++
		return scanLog(f, cfg.Logs, name)
	})
	if err != nil {
		f.unsure("reading the logs: %v", err)
	}
}

func scanLog(f *finding, logs fs.FS, name string) error {
	file, err := logs.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, maxLogLine)
	for n := 1; lines.Scan(); n++ {
		if alarm.Match(lines.Bytes()) {
			f.wrong(nil, "%s:%d: %.200s", name, n, lines.Text())
		}
	}
	return lines.Err()
}
