package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/codegraphdb/codegraph/graph"
)

const header = `# Schema

Written by "make generate" from graph/schema.go; do not edit.

What Cypher sees. Every edge can be read from both ends. An edge that names no resolved target is
never a CALLS: what nothing resolves is an UnresolvedRef, and every answer counts them.
`

func main() {
	out := flag.String("out", "docs/SCHEMA.md", "file to write")
	flag.Parse()
	if err := os.WriteFile(*out, render(), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, "schemadoc:", err)
		os.Exit(1)
	}
}

// render writes the tables as Markdown.
func render() []byte {
	var b bytes.Buffer
	b.WriteString(header)
	section(&b, "Labels", "label", "meaning")
	for _, k := range graph.Kinds {
		row(&b, code(k.Label), k.Doc)
	}
	section(&b, "Labels that stand for several", "label", "stands for")
	for _, name := range graph.LabelGroupNames() {
		row(&b, code(name), strings.Join(members(name), ", "))
	}
	section(&b, "Edge types", "type", "from -> to")
	for _, e := range graph.EdgeTypes {
		row(&b, code(e.Name), e.Doc)
	}
	properties(&b, "Properties of vertices", graph.VertexProperties)
	properties(&b, "Properties of edges", graph.EdgeProperties)
	return b.Bytes()
}

// members returns the labels that a group stands for.
func members(group string) []string {
	set, _ := graph.ParseLabel(group)
	var out []string
	for _, k := range set.List() {
		out = append(out, code(k.String()))
	}
	return out
}

// properties writes one table of properties.
func properties(b *bytes.Buffer, title string, list []graph.PropertyInfo) {
	section(b, title, "property", "type", "meaning")
	for _, p := range list {
		row(b, code(p.Name), p.Type, p.Doc)
	}
}

// section starts a table.
func section(b *bytes.Buffer, title string, columns ...string) {
	fmt.Fprintf(b, "\n## %s\n\n", title)
	row(b, columns...)
	b.WriteString(strings.Repeat("|---", len(columns)) + "|\n")
}

// row writes one line of a table.
func row(b *bytes.Buffer, cells ...string) {
	for i, c := range cells {
		cells[i] = strings.ReplaceAll(c, "|", `\|`)
	}
	fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
}

func code(s string) string { return "`" + s + "`" }
