package ingest

import (
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/ingest/lang"
)

// pythonManifests are the files that name a Python distribution; the first one in a directory
// counts.
var pythonManifests = []string{"pyproject.toml", "setup.cfg", "setup.py"}

var (
	tomlSection = regexp.MustCompile(`^\s*\[([^\[\]]+)\]`)
	nameLine    = regexp.MustCompile(`^\s*name\s*=\s*["']?([A-Za-z0-9][A-Za-z0-9._-]*)["']?`)
	setupName   = regexp.MustCompile(`\bname\s*=\s*["']([A-Za-z0-9][A-Za-z0-9._-]*)["']`)
)

// pythonPackages finds the distributions that the tree declares. A tree without a manifest is the
// package in its root, or the only one right below.
func (p *Project) pythonPackages() {
	named := map[string]bool{}
	for _, m := range pythonManifests {
		for _, f := range p.Files {
			dir := dirOf(f.Path)
			if path.Base(f.Path) != m || named[dir] || f.Skip != "" {
				continue
			}
			if name := p.pythonName(f.Path); name != "" {
				named[dir] = true
				p.addUnit(lang.Unit{Manager: graph.ManagerPython, Dir: dir, Name: name}, f.Path)
			}
		}
	}
	if !named[""] {
		if name, file := p.topPackage(); name != "" {
			p.addUnit(lang.Unit{Manager: graph.ManagerPython, Name: name}, file)
		}
	}
}

// pythonName reads the name out of a manifest.
func (p *Project) pythonName(file string) string {
	data, skip := p.read(file)
	if skip != "" {
		return ""
	}
	if path.Base(file) == "setup.py" {
		if m := setupName.FindSubmatch(data); m != nil {
			return normalName(string(m[1]))
		}
		return ""
	}
	section := ""
	for line := range strings.Lines(string(data)) {
		if m := tomlSection.FindStringSubmatch(line); m != nil {
			section = strings.TrimSpace(m[1])
			continue
		}
		if section != "project" && section != "tool.poetry" && section != "metadata" {
			continue
		}
		if m := nameLine.FindStringSubmatch(line); m != nil {
			return normalName(m[1])
		}
	}
	return ""
}

// normalName returns a distribution's name as package indexes compare it.
func normalName(name string) string {
	return strings.ToLower(regexp.MustCompile(`[-_.]+`).ReplaceAllString(name, "-"))
}

// topPackage returns the package that the tree is or holds, if there is just one.
func (p *Project) topPackage() (name, file string) {
	var tops []string
	for _, f := range p.Files {
		if path.Base(f.Path) != "__init__.py" {
			continue
		}
		dir := dirOf(f.Path)
		if dir == "" {
			return normalName(path.Base(filepath.ToSlash(p.Root))), f.Path
		}
		rel := strings.TrimPrefix(dir, "src/")
		if !strings.Contains(rel, "/") && !fixture(dir) && rel != "tests" && rel != "test" {
			tops = append(tops, dir)
		}
	}
	slices.Sort(tops)
	if tops = slices.Compact(tops); len(tops) != 1 {
		return "", ""
	}
	return normalName(path.Base(tops[0])), tops[0] + "/__init__.py"
}
