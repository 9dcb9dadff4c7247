package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
)

// component is one entry of the file.
type component struct {
	name    string
	version string
	texts   []licenceText
}

// licenceText is one licence file, its path relative to the component.
type licenceText struct {
	file string
	text string
}

// licenceFile matches the names under which licences are found.
var licenceFile = regexp.MustCompile(`(?i)^(li[cs]en[cs]es?|copying|notice|patents)([.\-_].*)?$`)

// collect makes one component for each module, and one for the standard library.
func collect(packages []linkedPackage) ([]component, error) {
	found := map[string]*component{}
	for _, p := range packages {
		if p.Module != nil && p.Module.Main {
			continue
		}
		name, version, root := origin(p)
		if root == "" {
			continue
		}
		c := found[name]
		if c == nil {
			c = &component{name: name, version: version}
			found[name] = c
		}
		dir := p.Dir
		if version == "" {
			dir = root // one licence covers the standard library
		}
		if err := c.gather(root, dir); err != nil {
			return nil, err
		}
		if g, ok := grammarOf(p.ImportPath); ok {
			found[g.name] = &g
		}
	}
	var out []component
	for _, c := range found {
		if len(c.texts) == 0 {
			return nil, fmt.Errorf("%s %s is linked, but has no licence file", c.name, c.version)
		}
		sort.Slice(c.texts, func(i, j int) bool { return c.texts[i].file < c.texts[j].file })
		out = append(out, *c)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].name < out[j].name })
	return out, nil
}

// origin says to which component a package belongs and where its files start. The version of
// the standard library is the toolchain's, and is left out.
func origin(p linkedPackage) (name, version, root string) {
	if p.Standard || p.Module == nil {
		if p.ImportPath == "unsafe" || p.ImportPath == "C" {
			return "", "", ""
		}
		src := strings.TrimSuffix(p.Dir, filepath.FromSlash(p.ImportPath))
		return "Go standard library", "", filepath.Dir(filepath.Clean(src))
	}
	m := p.Module
	if m.Replace != nil {
		m = m.Replace
	}
	return p.Module.Path, m.Version, m.Dir
}

// gather takes the licence files from the package's directory up to the component's root: some
// modules carry code of others in a sub-directory, with its licence beside it.
func (c *component) gather(root, dir string) error {
	for d := dir; ; d = filepath.Dir(d) {
		if err := c.gatherDir(root, d); err != nil {
			return err
		}
		if d == root || len(d) <= len(root) {
			return nil
		}
	}
}

// gatherDir takes the licence files of one directory.
func (c *component) gatherDir(root, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("licences of %s: %w", c.name, err)
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || !licenceFile.MatchString(e.Name()) || isGo(e.Name()) {
			continue
		}
		rel, err := filepath.Rel(root, filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		file := filepath.ToSlash(rel)
		known := func(t licenceText) bool { return t.file == file }
		if slices.ContainsFunc(c.texts, known) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return fmt.Errorf("licences of %s: %w", c.name, err)
		}
		c.texts = append(c.texts, licenceText{file, string(text)})
	}
	return nil
}

func isGo(name string) bool { return strings.HasSuffix(name, ".go") }
