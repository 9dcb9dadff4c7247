// Command cgctl asks, fills and looks after a codegraph cluster.
//
// Data goes to stdout, everything else to stderr. Exit codes stand in exit.go. Every command is a
// struct whose run method takes the app, so that tests run it in their own process through Main.
package main

import "os"

// version is set by the linker.
var version = "dev"

func main() {
	os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv))
}
