//go:build !linux

package main

import "fmt"

// live refuses: the faults are made with Linux's namespaces.
func (c *command) live(name string, _ []string) int {
	fmt.Fprintf(c.errs, "chaos: %s needs Linux\n", name)
	return exitError
}
