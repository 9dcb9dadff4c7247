package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// linkedPackage is what `go list` tells about one package of the binary.
type linkedPackage struct {
	ImportPath string
	Dir        string
	Standard   bool
	Module     *linkedModule
}

// linkedModule is the module a package comes from.
type linkedModule struct {
	Path    string
	Version string
	Dir     string
	Main    bool
	Replace *linkedModule
}

// linked asks the go command for everything that the commands link, the standard library too.
func linked(commands []string) ([]linkedPackage, error) {
	args := append([]string{"list", "-deps", "-json=ImportPath,Dir,Standard,Module"}, commands...)
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=1", "GOFLAGS=")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("go list: %w: %s", err, stderr.String())
	}
	var out []linkedPackage
	for dec := json.NewDecoder(&stdout); ; {
		var p linkedPackage
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading the answer of go list: %w", err)
		}
		out = append(out, p)
	}
}
