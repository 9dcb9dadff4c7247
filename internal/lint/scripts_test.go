package lint

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestScripts lets bash read every script without running it.
func TestScripts(t *testing.T) {
	scripts, err := filepath.Glob(filepath.Join(root, "scripts", "*.sh"))
	if err != nil || len(scripts) == 0 {
		t.Fatalf("found no script: %v", err)
	}
	for _, s := range append(scripts, filepath.Join(root, ".ci", "run")) {
		if out, err := exec.Command("bash", "-n", s).CombinedOutput(); err != nil {
			t.Errorf("bash -n %s: %v\n%s", s, err, out)
		}
		text := readLines(t, strings.TrimPrefix(filepath.ToSlash(s), "../../"))
		if !slices.Contains(text, "set -euo pipefail") {
			t.Errorf("%s goes on after an error; remedy: set -euo pipefail", s)
		}
	}
}

// TestMakefileTargets wants the targets that documents and people rely on, each with its line
// of help.
func TestMakefileTargets(t *testing.T) {
	target := regexp.MustCompile(`^([a-z-]+):.*## \S`)
	var found []string
	for _, l := range readLines(t, "Makefile") {
		if m := target.FindStringSubmatch(l); m != nil {
			found = append(found, m[1])
		}
	}
	for _, want := range []string{"build", "quickstart", "quickstart-down", "test", "lint",
		"generate", "bench", "size", "notices", "help"} {
		if !slices.Contains(found, want) {
			t.Errorf("the Makefile has no target %s with a help line", want)
		}
	}
}

// TestContinuousIntegration wants every step in .ci/run, and none that may fail unseen.
func TestContinuousIntegration(t *testing.T) {
	text := readLines(t, ".ci/run")
	var steps []string
	for _, l := range text {
		if f := strings.Fields(l); len(f) > 2 && f[0] == "step" {
			steps = append(steps, f[1])
		}
	}
	for _, want := range []string{"tools", "gofmt", "vet", "buf-lint", "generate", "build", "size",
		"test", "race", "quickstart"} {
		if !slices.Contains(steps, want) {
			t.Errorf(".ci/run has no step %s", want)
		}
	}
	for i, l := range text {
		if strings.Contains(l, "|| true") {
			t.Errorf(".ci/run:%d: a step that cannot fail", i+1)
		}
	}
}
