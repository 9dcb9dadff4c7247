package main

import (
	_ "embed"
	"fmt"
	"strings"
)

// binding is the module that carries C code of tree-sitter and of its grammars, without the
// licence files of their repositories. They are given here.
const binding = "github.com/smacker/go-tree-sitter"

//go:embed mit.txt
var mit string

// upstream is one repository whose C code lies in a directory of the binding.
type upstream struct {
	dir        string // "" for tree-sitter's own library
	repository string
	copyright  string
}

// upstreams lists the directories that ingest links.
func upstreams() []upstream {
	return []upstream{
		{"", "github.com/tree-sitter/tree-sitter", "2018-2023 Max Brunsfeld"},
		{"golang", "github.com/tree-sitter/tree-sitter-go", "2014 Max Brunsfeld"},
		{"javascript", "github.com/tree-sitter/tree-sitter-javascript", "2014 Max Brunsfeld"},
		{"python", "github.com/tree-sitter/tree-sitter-python", "2016 Max Brunsfeld"},
		{"typescript/tsx", "github.com/tree-sitter/tree-sitter-typescript", "2017 Max Brunsfeld"},
		{"typescript/typescript", "github.com/tree-sitter/tree-sitter-typescript",
			"2017 Max Brunsfeld"},
	}
}

// grammarOf returns the component behind a package of the binding. A grammar that is not in
// the list comes back without a text, which collect refuses.
func grammarOf(importPath string) (component, bool) {
	if importPath != binding && !strings.HasPrefix(importPath, binding+"/") {
		return component{}, false
	}
	dir := strings.TrimPrefix(strings.TrimPrefix(importPath, binding), "/")
	for _, u := range upstreams() {
		if u.dir == dir {
			text := fmt.Sprintf(mit, u.copyright)
			return component{
				name:    u.repository,
				version: "as in " + binding,
				texts:   []licenceText{{"LICENSE", text}},
			}, true
		}
	}
	return component{name: binding + "/" + dir + " (add its upstream to internal/notices)"}, true
}
