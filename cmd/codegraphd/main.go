// Command codegraphd is one node of a codegraph cluster.
package main

import (
	"os"
)

// version is set by the linker.
var version = "dev"

func main() {
	os.Exit(run(os.Args[1:], os.Getenv, os.Stderr))
}
