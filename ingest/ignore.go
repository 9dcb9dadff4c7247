package ingest

import (
	"path"
	"regexp"
	"strings"
)

// ignoreFiles are the names of files that say what to leave out. A later one overrides.
var ignoreFiles = []string{".gitignore", ".codegraphignore"}

// rule is one line of an ignore file.
type rule struct {
	base    string // directory of the file that has it, "" for the root
	match   *regexp.Regexp
	negate  bool
	dirOnly bool
}

// ignorer decides which paths are ignored, by the rules of gitignore(5).
type ignorer struct {
	rules []rule
}

// with returns an ignorer that also has the rules of an ignore file in directory base.
func (g ignorer) with(base, text string) ignorer {
	rules := g.rules[:len(g.rules):len(g.rules)]
	text = strings.TrimPrefix(text, "\ufeff")
	for line := range strings.Lines(text) {
		if r, ok := parseRule(base, strings.TrimRight(line, "\r\n")); ok {
			rules = append(rules, r)
		}
	}
	return ignorer{rules}
}

// ignored tells whether the last rule that matches ignores p. The parents of p are not ignored:
// the walk does not go below what is.
func (g ignorer) ignored(p string, dir bool) bool {
	for i := len(g.rules) - 1; i >= 0; i-- {
		r := &g.rules[i]
		if r.dirOnly && !dir {
			continue
		}
		rel := p
		if r.base != "" {
			var ok bool
			if rel, ok = strings.CutPrefix(p, r.base+"/"); !ok {
				continue
			}
		}
		if r.match.MatchString(rel) {
			return !r.negate
		}
	}
	return false
}

// parseRule reads one line; ok is false for blank lines, comments and patterns that match nothing.
func parseRule(base, line string) (r rule, ok bool) {
	line = trimTrailingSpace(line)
	if line == "" || line[0] == '#' {
		return r, false
	}
	r.base = base
	if line[0] == '!' {
		r.negate, line = true, line[1:]
	}
	if strings.HasSuffix(line, "/") {
		r.dirOnly, line = true, strings.TrimSuffix(line, "/")
	}
	if line == "" {
		return r, false
	}
	anchored := strings.Contains(line, "/")
	line = strings.TrimPrefix(line, "/")
	expr := globExpr(line)
	if !anchored {
		expr = "(?:.*/)?" + expr
	}
	re, err := regexp.Compile("^" + expr + "$")
	if err != nil {
		return r, false
	}
	r.match = re
	return r, true
}

// trimTrailingSpace removes trailing spaces that no backslash protects.
func trimTrailingSpace(s string) string {
	for strings.HasSuffix(s, " ") && !strings.HasSuffix(s, `\ `) {
		s = s[:len(s)-1]
	}
	return s
}

// globExpr translates a pattern into a regular expression.
func globExpr(glob string) string {
	var b strings.Builder
	for i := 0; i < len(glob); {
		rest := glob[i:]
		switch {
		case strings.HasPrefix(rest, "**/") && (i == 0 || glob[i-1] == '/'):
			b.WriteString("(?:.*/)?")
			i += 3
		case rest == "**" && i > 0 && glob[i-1] == '/':
			b.WriteString(".+")
			i += 2
		case rest[0] == '*':
			for i < len(glob) && glob[i] == '*' {
				i++
			}
			b.WriteString("[^/]*")
		case rest[0] == '?':
			b.WriteString("[^/]")
			i++
		case rest[0] == '[':
			class, n := classExpr(rest)
			b.WriteString(class)
			i += n
		case rest[0] == '\\' && len(rest) > 1:
			b.WriteString(regexp.QuoteMeta(rest[1:2]))
			i += 2
		default:
			b.WriteString(regexp.QuoteMeta(rest[:1]))
			i++
		}
	}
	return b.String()
}

// classExpr translates a bracket expression and returns how long it is. One that does not end
// matches nothing.
func classExpr(s string) (expr string, n int) {
	end := 1
	if end < len(s) && (s[end] == '!' || s[end] == '^') {
		end++
	}
	if end < len(s) && s[end] == ']' {
		end++
	}
	for end < len(s) && s[end] != ']' {
		if s[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(s) {
		return `[^\x00-\x{10FFFF}]`, len(s)
	}
	body := s[1:end]
	negate := body != "" && (body[0] == '!' || body[0] == '^')
	if negate {
		body = body[1:]
	}
	if strings.HasPrefix(body, "]") {
		body = `\]` + body[1:]
	}
	body = strings.ReplaceAll(body, "[", `\[`)
	body = strings.ReplaceAll(body, `\[:`, `[:`)
	body = strings.ReplaceAll(body, "&&", `&\&`)
	if negate {
		return "[^/" + body + "]", end + 1
	}
	return "[" + body + "]", end + 1
}

// vendoredDirs are directories that hold other people's code.
var vendoredDirs = map[string]bool{"vendor": true, "node_modules": true,
	"bower_components": true, "site-packages": true, "Godeps": true}

// vendored tells whether a path lies in a directory of other people's code.
func vendored(p string) bool {
	for dir := path.Dir(p); dir != "." && dir != "/"; dir = path.Dir(dir) {
		if vendoredDirs[path.Base(dir)] {
			return true
		}
	}
	return false
}

// fixtureDirs are directories whose packages nobody imports.
var fixtureDirs = map[string]bool{"testdata": true, "fixtures": true, "__fixtures__": true,
	"_examples": true, "examples": true, "example": true}

// fixture tells whether a directory is one of fixtures or lies in one.
func fixture(dir string) bool {
	for ; dir != "." && dir != "/" && dir != ""; dir = path.Dir(dir) {
		if b := path.Base(dir); fixtureDirs[b] || vendoredDirs[b] || b[0] == '_' || b[0] == '.' {
			return true
		}
	}
	return false
}
