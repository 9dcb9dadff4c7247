package main

import (
	"bytes"
	"fmt"
	"strings"
)

const header = `THIRD_PARTY_NOTICES

The binaries codegraphd and cgctl contain the components below, under the licences given with
them. The list is what the linker takes in on linux/amd64.

Written by "make notices"; do not edit.
`

// render writes the list of components and then their licence texts.
func render(components []component) []byte {
	var b bytes.Buffer
	b.WriteString(header + "\n")
	for _, c := range components {
		fmt.Fprintf(&b, "  %s\n", c.title())
	}
	for _, c := range components {
		fmt.Fprintf(&b, "\n%s\n%s\n", strings.Repeat("=", 80), c.title())
		for _, t := range c.texts {
			fmt.Fprintf(&b, "%s\n%s\n\n%s\n", strings.Repeat("-", 80), t.file, clean(t.text))
		}
	}
	return b.Bytes()
}

// title is the component's name and version.
func (c component) title() string {
	if c.version == "" {
		return c.name
	}
	return c.name + " " + c.version
}

// clean drops carriage returns and trailing blanks, which differ between checkouts.
func clean(text string) string {
	lines := strings.Split(strings.ReplaceAll(text, "\r", ""), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " \t\f")
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}
