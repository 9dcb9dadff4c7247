package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/codegraphdb/codegraph/graph"
)

func TestCommittedFileIsCurrent(t *testing.T) {
	got, err := os.ReadFile(filepath.Join("..", "..", "docs", "SCHEMA.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, render()) {
		t.Error("docs/SCHEMA.md is not what graph/schema.go says; run make generate and commit it")
	}
}

// Every name of the tables stands in the file, with a meaning beside it.
func TestNothingIsLeftOut(t *testing.T) {
	text := string(render())
	for _, k := range graph.Kinds {
		if k.Doc == "" || !strings.Contains(text, "| `"+k.Label+"` | ") {
			t.Errorf("label %s is missing or has no meaning", k.Label)
		}
	}
	for _, e := range graph.EdgeTypes {
		if e.Doc == "" || !strings.Contains(text, "| `"+e.Name+"` | ") {
			t.Errorf("edge type %s is missing or has no meaning", e.Name)
		}
	}
	for _, name := range graph.LabelGroupNames() {
		if len(members(name)) == 0 {
			t.Errorf("the label %s stands for nothing", name)
		}
	}
}
