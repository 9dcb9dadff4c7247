package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// question is one paragraph of testdata/questions.txt, whose head describes the format.
type question struct {
	id      string
	line    int
	words   string
	truth   string   // how the answer was established, without codegraph
	ask     []string // arguments of cgctl
	show    []string // columns of a row; not for query, whose columns are its own
	ordered bool
	rows    []string
	missing map[string]string // row -> why codegraph does not give it
	wrong   map[string]string // row -> why codegraph gives it
	fails   *failure          // what it is refused with; nil if it has rows
}

// failure is how a run of cgctl ended that did not succeed.
type failure struct {
	code int
	said string // part of what it wrote to standard error; all of it if it happened
}

// Error implements error.
func (f *failure) Error() string { return fmt.Sprintf("exit code %d\n%s", f.code, f.said) }

// questionFile is all of it: the versions that the truth holds for, and the questions.
type questionFile struct {
	versions  map[string]string
	questions []*question
}

var columns = []string{"place", "path", "name", "at", "edge", "depth"}

// parseQuestions reads the file; an error names the line.
func parseQuestions(r io.Reader) (*questionFile, error) {
	f := &questionFile{versions: map[string]string{}}
	var q *question
	n := 0
	for scan := bufio.NewScanner(r); ; {
		if !scan.Scan() {
			if err := scan.Err(); err != nil {
				return nil, err
			}
			return f, f.check()
		}
		n++
		text := strings.TrimRight(scan.Text(), " ")
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		word, rest, _ := strings.Cut(strings.TrimLeft(text, " "), ":")
		rest = strings.TrimSpace(rest)
		var err error
		switch {
		case word == "input":
			name, version, _ := strings.Cut(rest, " ")
			f.versions[name] = version
		case word == "question":
			q = &question{id: rest, line: n, show: []string{"place", "name"},
				missing: map[string]string{}, wrong: map[string]string{}}
			f.questions = append(f.questions, q)
		case q == nil:
			err = fmt.Errorf("%q stands before the first question", word)
		default:
			err = q.set(word, rest)
		}
		if err != nil {
			return nil, fmt.Errorf("questions, line %d: %w", n, err)
		}
	}
}

// set takes one line of a question.
func (q *question) set(word, rest string) error {
	switch word {
	case "words":
		q.words = strings.TrimSpace(q.words + " " + rest)
	case "truth":
		q.truth = strings.TrimSpace(q.truth + " " + rest)
	case "ask":
		q.ask = arguments(q.ask, rest)
	case "show":
		q.show = strings.Fields(rest)
		for _, c := range q.show {
			if !slices.Contains(columns, c) {
				return fmt.Errorf("there is no column %q; there are %v", c, columns)
			}
		}
	case "ordered":
		q.ordered = true
	case "row":
		q.rows = append(q.rows, rest)
	case "fails":
		code, said, _ := strings.Cut(rest, " | ")
		n, err := strconv.Atoi(code)
		if err != nil || n <= 0 || strings.TrimSpace(said) == "" {
			return fmt.Errorf("fails needs the exit code of cgctl and what it says: CODE | TEXT")
		}
		q.fails = &failure{n, strings.TrimSpace(said)}
	case "known-missing", "known-wrong":
		row, why, ok := strings.Cut(rest, " | ")
		if !ok || strings.TrimSpace(why) == "" {
			return fmt.Errorf("%s needs a reason: ROW | why", word)
		}
		into := q.missing
		if word == "known-wrong" {
			into = q.wrong
		}
		into[strings.TrimSpace(row)] = strings.TrimSpace(why)
	default:
		return fmt.Errorf("%q is not known", word)
	}
	return nil
}

// arguments adds a line to a command: words, but a query is one argument.
func arguments(before []string, line string) []string {
	if len(before) > 0 && before[0] == "query" {
		return []string{"query", before[1] + " " + line}
	}
	if text, ok := strings.CutPrefix(line, "query "); ok {
		return []string{"query", text}
	}
	return append(before, strings.Fields(line)...)
}

// check refuses questions that cannot be judged.
func (f *questionFile) check() error {
	seen := map[string]bool{}
	for _, q := range f.questions {
		bad := ""
		switch {
		case q.id == "" || seen[q.id]:
			bad = "has no id of its own"
		case q.words == "" || q.truth == "" || len(q.ask) == 0 || len(q.rows) == 0 == (q.fails == nil):
			bad = "needs words, truth, ask, and either rows or fails"
		case len(q.ask) < 2:
			bad = "asks nothing"
		}
		for row := range q.missing {
			if !slices.Contains(q.rows, row) {
				bad = "has a known-missing row that is not a row: " + row
			}
		}
		for row := range q.wrong {
			if slices.Contains(q.rows, row) {
				bad = "has a known-wrong row that is true: " + row
			}
		}
		if bad != "" {
			return fmt.Errorf("questions, line %d: %s %s", q.line, q.id, bad)
		}
		seen[q.id] = true
	}
	return nil
}

// verdict is what an answer is worth.
type verdict struct {
	missing, wrong []string // unexpected
	fixed          []string // known errors that are gone (B3)
	disorder       bool
}

func (v verdict) ok() bool {
	return len(v.missing)+len(v.wrong)+len(v.fixed) == 0 && !v.disorder
}

// judge compares an answer with the truth.
func (q *question) judge(got []string) verdict {
	var v verdict
	for _, row := range q.rows {
		there := slices.Contains(got, row)
		_, known := q.missing[row]
		switch {
		case there && known:
			v.fixed = append(v.fixed, row)
		case !there && !known:
			v.missing = append(v.missing, row)
		}
	}
	counted := map[string]int{}
	for _, row := range got {
		counted[row]++
		_, known := q.wrong[row]
		if !slices.Contains(q.rows, row) && !known || counted[row] > 1 {
			v.wrong = append(v.wrong, row)
		}
	}
	for row := range q.wrong {
		if counted[row] == 0 {
			v.fixed = append(v.fixed, row)
		}
	}
	slices.Sort(v.fixed)
	v.disorder = q.ordered && v.ok() && !slices.Equal(got, q.rows)
	return v
}

// judgeFailure says what is wrong with the end of a run: "" if it is what the question expects.
func (q *question) judgeFailure(rows []string, err error) string {
	var f *failure
	switch {
	case q.fails == nil && err == nil:
		return ""
	case q.fails == nil:
		return err.Error()
	case err == nil:
		return fmt.Sprintf("it has %d rows, but must fail: %q", len(rows), q.fails.said)
	case !errors.As(err, &f) || f.code != q.fails.code || !strings.Contains(f.said, q.fails.said):
		return fmt.Sprintf("it must fail with exit code %d: %q; instead: %v", q.fails.code,
			q.fails.said, err)
	}
	return ""
}
