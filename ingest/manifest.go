package ingest

import (
	"cmp"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/ingest/lang"
)

// readManifests finds the packages that the tree declares.
func (p *Project) readManifests() {
	for _, f := range p.Files {
		if f.Skip != "" {
			continue
		}
		switch path.Base(f.Path) {
		case "go.mod":
			p.goModule(f.Path)
		case "package.json":
			p.npmPackage(f.Path)
		case "tsconfig.json", "jsconfig.json", "tsconfig.base.json":
			p.tsConfig(f.Path)
		}
	}
	p.pythonPackages()
	for _, m := range []string{graph.ManagerGo, graph.ManagerPython, graph.ManagerNPM} {
		p.rootUnit(m)
	}
	slices.SortStableFunc(p.units, func(a, b lang.Unit) int {
		return cmp.Or(cmp.Compare(len(b.Dir), len(a.Dir)), cmp.Compare(a.Dir, b.Dir),
			cmp.Compare(a.Manager, b.Manager))
	})
	slices.SortStableFunc(p.paths, func(a, b lang.PathMap) int {
		return cmp.Or(cmp.Compare(len(b.Dir), len(a.Dir)), cmp.Compare(a.Dir, b.Dir),
			cmp.Compare(len(b.Pattern), len(a.Pattern)), cmp.Compare(a.Pattern, b.Pattern))
	})
	slices.SortFunc(p.Packages, func(a, b Package) int {
		return cmp.Or(cmp.Compare(a.Manager, b.Manager), cmp.Compare(a.Name, b.Name),
			cmp.Compare(a.Path, b.Path))
	})
}

// addUnit enters a package; it is declared unless it is vendored or a fixture.
func (p *Project) addUnit(u lang.Unit, manifest string) {
	p.units = append(p.units, u)
	if u.Name != "" && !fixture(u.Dir) {
		p.Packages = append(p.Packages, Package{u.Manager, u.Name, manifest})
	}
}

func dirOf(p string) string {
	if d := path.Dir(p); d != "." {
		return d
	}
	return ""
}

func (p *Project) goModule(file string) {
	data, skip := p.read(file)
	if skip != "" {
		return
	}
	m, err := modfile.ParseLax(file, data, nil)
	if err != nil || m.Module == nil {
		return
	}
	u := lang.Unit{Manager: graph.ManagerGo, Dir: dirOf(file), Name: m.Module.Mod.Path,
		Replaces: map[string]string{}}
	full, err := modfile.Parse(file, data, nil)
	if err == nil {
		m = full
	}
	for _, r := range m.Require {
		u.Requires = append(u.Requires, r.Mod.Path)
	}
	for _, r := range m.Replace {
		if r.New.Version == "" && !filepath.IsAbs(r.New.Path) {
			if dir := path.Join(u.Dir, filepath.ToSlash(r.New.Path)); !strings.HasPrefix(dir, "..") {
				u.Replaces[r.Old.Path] = dir
			}
		}
	}
	slices.Sort(u.Requires)
	p.addUnit(u, file)
}

// rootUnit makes a package of what no manifest of a manager covers: it has no name of its own.
func (p *Project) rootUnit(manager string) {
	for _, u := range p.units {
		if u.Manager == manager && u.Dir == "" {
			return
		}
	}
	p.units = append(p.units, lang.Unit{Manager: manager})
}

// manifestName returns the name that a manifest in the root gives the tree.
func (p *Project) manifestName() string {
	for _, m := range []string{graph.ManagerGo, graph.ManagerNPM, graph.ManagerPython} {
		for _, u := range p.units {
			if u.Manager == m && u.Dir == "" && u.Name != "" {
				return u.Name
			}
		}
	}
	return ""
}
