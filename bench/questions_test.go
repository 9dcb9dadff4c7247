package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
)

func readQuestions(t *testing.T) *questionFile {
	t.Helper()
	f, err := os.Open("testdata/questions.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out, err := parseQuestions(f)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestQuestionFile holds the file to what the project promises, without asking anything.
func TestQuestionFile(t *testing.T) {
	file := readQuestions(t)
	if n := len(file.questions); n < 20 {
		t.Errorf("%d questions, at least 20 are promised", n)
	}
	for _, name := range inputNames {
		if file.versions[name] == "" {
			t.Errorf("no version of input %s", name)
		}
	}
}

const sample = `# comment
input: a 1.2
question: one
  words: Who
  words: calls x?
  truth: grep
  ask: callers x --repo a
  row: f.go:1 A
  row: f.go:2 B
  known-missing: f.go:2 B | a reason
  known-wrong: f.go:3 C | another
question: two
  words: w
  truth: t
  ask: query MATCH (a)
  ask: RETURN a
  ordered:
  show: at name
  row: 1
  row: 2
question: three
  words: w
  truth: t
  ask: query MATCH (a)
  fails: 7 | too much
`

func TestParseQuestions(t *testing.T) {
	f, err := parseQuestions(strings.NewReader(sample))
	if err != nil {
		t.Fatal(err)
	}
	one, two := f.questions[0], f.questions[1]
	if f.versions["a"] != "1.2" || one.words != "Who calls x?" || one.missing["f.go:2 B"] == "" {
		t.Errorf("got %+v and %+v", f, one)
	}
	if want := []string{"query", "MATCH (a) RETURN a"}; !reflect.DeepEqual(two.ask, want) {
		t.Errorf("ask = %q, want %q", two.ask, want)
	}
}

func TestParseQuestionsRefuses(t *testing.T) {
	for _, c := range [][2]string{
		{"row: f.go:2 B", "nonsense: 1"},
		{"a reason", ""},
		{"words: w", "# w"},
		{"question: two", "question: one"},
		{"known-missing: f.go:2 B", "known-missing: f.go:9 Z"},
		{"known-wrong: f.go:3 C", "known-wrong: f.go:1 A"},
		{"show: at name", "show: at colour"},
		{"input: a 1.2", "row: 1"},
		{"fails: 7 | too much", "# neither rows nor fails"},
		{"fails: 7 | too much", "fails: limit | too much"},
		{"fails: 7 | too much", "fails: 0 | too much"},
		{"fails: 7 | too much", "fails: 7"},
		{"  row: 2\nquestion", "  fails: 7 | both\nquestion"},
	} {
		text := strings.Replace(sample, c[0], c[1], 1)
		if _, err := parseQuestions(strings.NewReader(text)); err == nil {
			t.Errorf("%q instead of %q is taken", c[1], c[0])
		}
	}
}

func TestJudge(t *testing.T) {
	f, err := parseQuestions(strings.NewReader(sample))
	if err != nil {
		t.Fatal(err)
	}
	one, two := f.questions[0], f.questions[1]
	for _, c := range []struct {
		q    *question
		got  string
		want verdict
	}{
		{one, "f.go:1 A|f.go:3 C", verdict{}},
		{one, "f.go:3 C", verdict{missing: []string{"f.go:1 A"}}},
		{one, "f.go:1 A|f.go:3 C|f.go:4 D", verdict{wrong: []string{"f.go:4 D"}}},
		{one, "f.go:1 A|f.go:1 A|f.go:3 C", verdict{wrong: []string{"f.go:1 A"}}},
		{one, "f.go:1 A", verdict{fixed: []string{"f.go:3 C"}}},
		{one, "f.go:1 A|f.go:2 B|f.go:3 C", verdict{fixed: []string{"f.go:2 B"}}},
		{two, "1|2", verdict{}},
		{two, "2|1", verdict{disorder: true}},
	} {
		if got := c.q.judge(strings.Split(c.got, "|")); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: judge(%s) = %+v, want %+v", c.q.id, c.got, got, c.want)
		}
	}
}

// TestJudgeFailure: rows where an error must be, and an error where rows must be, are wrong.
func TestJudgeFailure(t *testing.T) {
	f, err := parseQuestions(strings.NewReader(sample))
	if err != nil {
		t.Fatal(err)
	}
	rows, refused := f.questions[0], f.questions[2]
	wrap := func(err error) error { return fmt.Errorf("cgctl query: %w", err) }
	for _, c := range []struct {
		name string
		q    *question
		err  error
		ok   bool
	}{
		{"rows", rows, nil, true},
		{"an error instead of rows", rows, wrap(&failure{7, "cgctl: too much"}), false},
		{"refused", refused, wrap(&failure{7, "cgctl: limit: that is too much\n"}), true},
		{"rows instead of an error", refused, nil, false},
		{"another code", refused, wrap(&failure{5, "too much"}), false},
		{"another reason", refused, wrap(&failure{7, "conflict"}), false},
		{"no end of cgctl", refused, wrap(errors.New("too much")), false},
	} {
		if bad := c.q.judgeFailure([]string{"1"}, c.err); (bad == "") != c.ok {
			t.Errorf("%s: %q", c.name, bad)
		}
	}
}

// TestFailure: the end of a command becomes a failure, one that cannot run does not.
func TestFailure(t *testing.T) {
	c := &cluster{dir: t.TempDir(), cgctl: "/bin/sh", flags: []string{"-c", "echo why >&2; exit 7"}}
	var f *failure
	if err := c.ask(t.Context(), nil); !errors.As(err, &f) || f.code != 7 || f.said != "why\n" {
		t.Errorf("got %v", err)
	}
	c.cgctl += "-that-is-not-there"
	if err := c.ask(t.Context(), nil); err == nil || errors.As(err, &f) {
		t.Errorf("a program that is not there: %v", err)
	}
}

func TestOverLimit(t *testing.T) {
	self := os.Getpid()
	peak, err := overLimit(1<<50, self)
	if err != nil || peak < 1<<20 {
		t.Errorf("this process: %d, %v", peak, err)
	}
	if _, err := overLimit(1<<20, self); err == nil {
		t.Error("a limit of 1 MiB is kept")
	}
	if _, err := overLimit(1<<50, self, 0); err == nil {
		t.Error("a process that is not there is within the limit")
	}
}

func TestRows(t *testing.T) {
	q := &question{show: []string{"at", "name"}}
	var r relation
	text := `{"symbol":{"name":"f","path":"a.go","line":1},"edge":{"type":"CALLS","sites":[
		{"path":"a.go","line":3},{"path":"a.go","line":5}]}}`
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatal(err)
	}
	if got := q.row(r); !reflect.DeepEqual(got, []string{"a.go:3 f", "a.go:5 f"}) {
		t.Errorf("rows = %q", got)
	}
	q.show = []string{"place", "edge"}
	if got := q.row(r); !reflect.DeepEqual(got, []string{"a.go:1 CALLS"}) {
		t.Errorf("rows = %q", got)
	}
	cells := []json.RawMessage{json.RawMessage(`"a b"`), json.RawMessage(`12`)}
	if got := joinCells(cells); got != "a b 12" {
		t.Errorf("cells = %q", got)
	}
}

func TestBars(t *testing.T) {
	b := bars{linesPerSecond: 20000, memoryMB: 4096}
	good := figures{Input: "kubernetes", Lines: 1e6, LinesPerS: 3e4, PeakAllMB: 1, SlotsFilled: 2000,
		Balance: 1.5}
	if got := b.missed(good); len(got) != 0 {
		t.Errorf("missed %v", got)
	}
	bad := figures{Input: "kubernetes", Lines: 1e6, LinesPerS: 1e4, PeakAllMB: 5000, Balance: 3}
	want := []string{"kubernetes_lines_per_s", "kubernetes_memory", "kubernetes_slots",
		"kubernetes_balance"}
	if got := b.missed(bad); !reflect.DeepEqual(got, want) {
		t.Errorf("missed %v, want %v", got, want)
	}
	slots, balance := spread([]shard{{Rows: 10, SlotsFilled: 1}, {Rows: 30, SlotsFilled: 2}})
	if slots != 3 || balance != 1.5 {
		t.Errorf("spread = %d, %v", slots, balance)
	}
}
