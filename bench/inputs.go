package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// inputNames are the real sources, in the order in which they are taken in.
var inputNames = []string{"rxjs", "django", "effect", "kubernetes", "std"}

// input is a directory that is ingested under a name.
type input struct {
	name    string
	dir     string
	version string
}

// openInputs finds what scripts/inputs.sh fetched (B4).
func openInputs(dir string) ([]input, error) {
	remedy := "remedy: scripts/inputs.sh fetches them (INPUTS=dir for another place)"
	b, err := os.ReadFile(filepath.Join(dir, "versions"))
	if err != nil {
		return nil, fmt.Errorf("the inputs are not in %s: %w; %s", dir, err, remedy)
	}
	versions := map[string]string{}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 2 {
			versions[f[0]] = f[1]
		}
	}
	var out []input
	for _, name := range inputNames {
		in, err := openInput(filepath.Join(dir, name))
		if err != nil || versions[name] == "" {
			return nil, fmt.Errorf("input %s is not in %s (%v); %s", name, dir, err, remedy)
		}
		in.version = versions[name]
		out = append(out, in)
	}
	return out, nil
}

// openInput takes any directory; links are followed, since the roots of inputs are links.
func openInput(dir string) (input, error) {
	name := filepath.Base(dir)
	dir, err := filepath.EvalSymlinks(dir)
	if err == nil {
		dir, err = filepath.Abs(dir)
	}
	if err != nil {
		return input{}, err
	}
	if name == "." || name == ".." {
		name = filepath.Base(dir)
	}
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) == 0 {
		err = fmt.Errorf("%s is empty", dir)
	}
	return input{name: name, dir: dir}, err
}
