package main

import (
	"encoding/json"
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
