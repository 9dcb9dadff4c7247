package chaos

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
)

// tree is a generated Go repository that grows by a package with every revision.
type tree struct {
	dir  string
	repo string
	base int // packages of revision 0
	bulk int // constant functions of every package
}

const (
	markPrefix = "Mark"
	stepName   = "Step"
)

// packages is the number of packages of a revision.
func (tr *tree) packages(rev int) int { return tr.base + rev }

// write makes the directory hold a revision; it held the one before, or nothing.
func (tr *tree) write(rev int) error {
	if err := tr.file("go.mod", "module "+tr.module()+"\n\ngo 1.24\n"); err != nil {
		return err
	}
	for i := range tr.packages(rev) {
		pkg := fmt.Sprintf("p%03d", i)
		mark := fmt.Sprintf("package %s\n\n// %[2]s marks a revision.\nfunc %[2]s() {}\n", pkg,
			markName(rev, i))
		if err := tr.file(filepath.Join(pkg, "mark.go"), mark); err != nil {
			return err
		}
		if rev > 0 && i < tr.packages(rev-1) {
			continue
		}
		if err := tr.file(filepath.Join(pkg, "step.go"), tr.step(i)); err != nil {
			return err
		}
	}
	return nil
}

func (tr *tree) module() string { return "example.test/" + tr.repo }

// step is a file that never changes; its Step calls that of the package before.
func (tr *tree) step(i int) string {
	text := fmt.Sprintf("package p%03d\n\n", i)
	call := ""
	if i > 0 {
		before := fmt.Sprintf("p%03d", i-1)
		text += fmt.Sprintf("import %q\n\n", tr.module()+"/"+before)
		call = before + "." + stepName + "()"
	}
	text += fmt.Sprintf("// %[1]s is one of a chain.\nfunc %[1]s() { %[2]s }\n", stepName, call)
	for j := range tr.bulk {
		text += fmt.Sprintf("\nfunc bulk%d() { %s() }\n", j, stepName)
	}
	return text
}

func (tr *tree) file(name, text string) error {
	path := filepath.Join(tr.dir, tr.repo, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o644)
}

func markName(rev, pkg int) string { return fmt.Sprintf("%sR%04dP%03d", markPrefix, rev, pkg) }

var markPattern = regexp.MustCompile(`^MarkR(\d{4,})P(\d{3,})$`)

// parseMark is the reverse of markName.
func parseMark(name string) (rev, pkg int, ok bool) {
	m := markPattern.FindStringSubmatch(name)
	if m == nil {
		return 0, 0, false
	}
	rev, err1 := strconv.Atoi(m[1])
	pkg, err2 := strconv.Atoi(m[2])
	return rev, pkg, err1 == nil && err2 == nil
}
