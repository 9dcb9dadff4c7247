package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	out := flag.String("out", "THIRD_PARTY_NOTICES", "file to write")
	flag.Parse()
	if err := run(*out, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "notices:", err)
		os.Exit(1)
	}
}

// run lists what the commands link and writes the file.
func run(out string, commands []string) error {
	if len(commands) == 0 {
		return fmt.Errorf("no command named; try ./cmd/codegraphd ./cmd/cgctl")
	}
	packages, err := linked(commands)
	if err != nil {
		return err
	}
	components, err := collect(packages)
	if err != nil {
		return err
	}
	return os.WriteFile(out, render(components), 0o644)
}
