// Command chaos runs cells of the matrix on real nodes, checks stored runs again and keeps the
// table of results.
//
//	go run ./chaos/cmd/chaos check DIR...            print the verdicts, fail unless all are true
//	go run ./chaos/cmd/chaos report DIR...           the same, and write the reports beside them
//	go run ./chaos/cmd/chaos results FILE DIR...     put stored verdicts into the tables of FILE
//	go run ./chaos/cmd/chaos run --workload W7 --nemesis kill --out DIR    one cell (root)
package main

import (
	"os"
)

func main() {
	c := command{out: os.Stdout, errs: os.Stderr}
	os.Exit(c.run(os.Args[1:]))
}
