package ingest

import (
	"encoding/json"
	"path"
	"slices"
	"strings"

	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/ingest/lang"
)

// npmPackage reads a package.json: its name and its entry points.
func (p *Project) npmPackage(file string) {
	data, skip := p.read(file)
	if skip != "" {
		return
	}
	var m struct {
		Name    string          `json:"name"`
		Source  string          `json:"source"`
		Types   string          `json:"types"`
		Typings string          `json:"typings"`
		Module  string          `json:"module"`
		Main    json.RawMessage `json:"main"`
		Exports json.RawMessage `json:"exports"`
	}
	if json.Unmarshal(data, &m) != nil {
		return
	}
	entries := map[string][]string{}
	if len(m.Exports) > 0 {
		var v any
		if json.Unmarshal(m.Exports, &v) == nil {
			exportEntries(entries, ".", v)
		}
	}
	var main string
	_ = json.Unmarshal(m.Main, &main) // other forms of main mean nothing
	for _, e := range []string{m.Source, m.Types, m.Typings, m.Module, main, "src/index", "index"} {
		if e != "" {
			entries["."] = append(entries["."], e)
		}
	}
	u := lang.Unit{Manager: graph.ManagerNPM, Dir: dirOf(file), Name: m.Name, Entries: entries}
	if strings.Count(u.Name, "/") > 1 || strings.Contains(u.Name, "/") && u.Name[0] != '@' {
		return // a subpath of the package around it, for old resolvers
	}
	if u.Name != "" || u.Dir == "" {
		p.addUnit(u, file)
	}
}

// exportEntries gathers the files that `exports` names, by subpath; conditions are all taken, in
// the order of their names.
func exportEntries(out map[string][]string, sub string, v any) {
	switch x := v.(type) {
	case string:
		out[sub] = append(out[sub], x)
	case []any:
		for _, e := range x {
			exportEntries(out, sub, e)
		}
	case map[string]any:
		keys := make([]string, 0, len(x))
		for k := range x {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			if strings.HasPrefix(k, ".") {
				exportEntries(out, k, x[k])
			} else {
				exportEntries(out, sub, x[k])
			}
		}
	}
}

// tsConfig reads baseUrl and paths of a tsconfig.json.
func (p *Project) tsConfig(file string) {
	data, skip := p.read(file)
	if skip != "" {
		return
	}
	var c struct {
		CompilerOptions struct {
			BaseURL string              `json:"baseUrl"`
			Paths   map[string][]string `json:"paths"`
		} `json:"compilerOptions"`
	}
	if json.Unmarshal(stripJSON(data), &c) != nil {
		return
	}
	o := c.CompilerOptions
	dir := dirOf(file)
	base := path.Join(dir, o.BaseURL)
	for pattern, targets := range o.Paths {
		m := lang.PathMap{Dir: dir, Pattern: pattern}
		for _, t := range targets {
			m.Targets = append(m.Targets, path.Join(base, t))
		}
		p.paths = append(p.paths, m)
	}
	if o.BaseURL != "" {
		p.paths = append(p.paths, lang.PathMap{Dir: dir, Pattern: "*",
			Targets: []string{path.Join(base, "*")}})
	}
}

// stripJSON removes comments and trailing commas, which tsconfig.json may have.
func stripJSON(data []byte) []byte {
	out := make([]byte, 0, len(data))
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case c == '"':
			end := i + 1
			for end < len(data) && data[end] != '"' {
				if data[end] == '\\' {
					end++
				}
				end++
			}
			end = min(end, len(data)-1)
			out = append(out, data[i:end+1]...)
			i = end
		case c == '/' && i+1 < len(data) && data[i+1] == '/':
			for i < len(data) && data[i] != '\n' {
				i++
			}
		case c == '/' && i+1 < len(data) && data[i+1] == '*':
			i += 2
			for i+1 < len(data) && (data[i] != '*' || data[i+1] != '/') {
				i++
			}
			i++
		case c == '}' || c == ']':
			for n := len(out); n > 0 && strings.IndexByte(" \t\r\n,", out[n-1]) >= 0; n-- {
				if out[n-1] == ',' {
					out = append(out[:n-1], out[n:]...)
					break
				}
			}
			out = append(out, c)
		default:
			out = append(out, c)
		}
	}
	return out
}
