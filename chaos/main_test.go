package chaos

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// programs is the directory of codegraphd and cgctl.
var programs string

func TestMain(m *testing.M) {
	code, err := runTests(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		code = 1
	}
	os.Exit(code)
}

func runTests(m *testing.M) (code int, err error) {
	if programs = os.Getenv("CODEGRAPH_BIN"); programs == "" {
		dir, err := os.MkdirTemp("", "codegraph-chaos-")
		if err != nil {
			return 0, err
		}
		defer os.RemoveAll(dir)
		build := exec.Command("go", "build", "-o", dir+string(filepath.Separator),
			"../cmd/codegraphd", "../cmd/cgctl")
		if out, err := build.CombinedOutput(); err != nil {
			return 0, fmt.Errorf("building the programs: %w\n%s", err, out)
		}
		programs = dir
	}
	if programs, err = filepath.Abs(programs); err != nil {
		return 0, err
	}
	for _, name := range []string{"codegraphd", "cgctl"} {
		if _, err := os.Stat(filepath.Join(programs, name)); err != nil {
			return 0, err
		}
	}
	return m.Run(), nil
}
