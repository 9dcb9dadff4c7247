package parse

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestTranscripts runs testdata: "dump" shows the tree, "print" the printed query, "error" the
// rendered error. Every query that parses must also be a fixed point of printing.
func TestTranscripts(t *testing.T) {
	for _, path := range transcripts(t) {
		t.Run(filepath.Base(path), func(t *testing.T) { datadriven.RunTest(t, path, transcribe) })
	}
}

func transcribe(t *testing.T, d *datadriven.TestData) string {
	s, err := Query(d.Input)
	if d.Cmd == "error" {
		var e *Error
		if !errors.As(err, &e) {
			t.Fatalf("%s: got %v, want an *Error", d.Pos, err)
		}
		return string(e.Code) + "\n" + e.Render()
	}
	if err != nil {
		t.Fatalf("%s: %v", d.Pos, err)
	}
	checkRoundTrip(t, s)
	checkSpans(t, s)
	switch d.Cmd {
	case "dump":
		return dump(s)
	case "print":
		return s.String() + "\n"
	}
	t.Fatalf("%s: unknown command %q", d.Pos, d.Cmd)
	return ""
}

// checkRoundTrip checks invariant P4, and that printing loses nothing of the tree but positions.
func checkRoundTrip(t *testing.T, s *Statement) {
	t.Helper()
	printed := s.String()
	again, err := Query(printed)
	var e *Error
	if errors.As(err, &e) && e.Code == CodeTooLarge {
		return // the text was at a limit, and printing added blanks or parentheses
	}
	if err != nil {
		t.Fatalf("printed as\n%s\nwhich does not parse: %v", printed, err)
	}
	if second := again.String(); second != printed {
		t.Fatalf("printed as\n%s\nthen as\n%s", printed, second)
	}
	if a, b := shape(s), shape(again); a != b {
		t.Fatalf("printing changed the tree of\n%s\nfrom\n%s\nto\n%s", printed, a, b)
	}
}

// checkSpans checks invariant P1: every span lies within its parent's and covers text.
func checkSpans(t *testing.T, s *Statement) {
	t.Helper()
	whole := Span{Start: 0, End: len(s.Text)}
	checkWithin(t, reflect.ValueOf(s), whole)
}

func checkWithin(t *testing.T, v reflect.Value, outer Span) {
	t.Helper()
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			checkWithin(t, v.Elem(), outer)
		}
	case reflect.Slice:
		for i := range v.Len() {
			checkWithin(t, v.Index(i), outer)
		}
	case reflect.Struct:
		if v.IsZero() {
			return // an absent name, condition or length
		}
		if b, ok := v.Interface().(interface{ Bounds() Span }); ok {
			in := b.Bounds()
			if in.Start < outer.Start || in.End > outer.End || in.Start >= in.End {
				t.Fatalf("%s has the span %v, not within %v", v.Type(), in, outer)
			}
			outer = in
		}
		for i := range v.NumField() {
			checkWithin(t, v.Field(i), outer)
		}
	}
}

func TestLimits(t *testing.T) {
	nested := func(n int) string {
		return "RETURN " + strings.Repeat("(", n-1) + "1" + strings.Repeat(")", n-1)
	}
	sum := func(n int) string { return "RETURN 1" + strings.Repeat("+1", n) }
	for _, tc := range []struct {
		name, text string
		ok         bool
	}{
		{"nesting at the limit", nested(MaxNesting), true},
		{"nesting above the limit", nested(MaxNesting + 1), false},
		{"negations above the limit", "RETURN " + strings.Repeat("NOT ", 5000) + "true", false},
		{"minuses above the limit", "RETURN " + strings.Repeat("- ", 5000) + "x", false},
		{"indexes above the limit", "RETURN a" + strings.Repeat("[a", 5000), false},
		{"maps above the limit", "RETURN " + strings.Repeat("{a:", 5000), false},
		{"patterns above the limit", "MATCH " + strings.Repeat("(", 5000), false},
		{"vertices above the limit", "MATCH " + strings.Repeat("({a:", 5000), false},
		{"lists above the limit", "RETURN " + strings.Repeat("[x IN ", 5000), false},
		{"cases above the limit", "RETURN " + strings.Repeat("CASE ", 5000), false},
		{"calls above the limit", "RETURN " + strings.Repeat("f(", 5000), false},
		{"subqueries above the limit",
			"RETURN " + strings.Repeat("EXISTS { MATCH () WHERE ", 5000), false},
		{"operators at the limit", sum(MaxOperators), true},
		{"operators above the limit", sum(MaxOperators + 1), false},
		{"operators above the limit in steps", "RETURN " + strings.Repeat("(", 100) + "1" +
			strings.Repeat(strings.Repeat("+1", 1000)+")", 100), false},
		{"properties above the limit", "RETURN a" + strings.Repeat(".a", MaxOperators+1), false},
		{"null tests above the limit", "RETURN a" + strings.Repeat(" IS NULL", MaxOperators+1), false},
		{"text at the limit", "RETURN 1" + strings.Repeat(" ", MaxQueryBytes-8), true},
		{"text above the limit", "RETURN 1" + strings.Repeat(" ", MaxQueryBytes-7), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, err := Query(tc.text)
			if tc.ok {
				if err != nil {
					t.Fatal(err)
				}
				if printed := s.String(); len(printed) == 0 {
					t.Fatal("printed as nothing")
				}
				return
			}
			var e *Error
			if !errors.As(err, &e) || e.Code != CodeTooLarge {
				t.Fatalf("got %v, want an error with code %s", err, CodeTooLarge)
			}
			if len(e.Render()) > 1000 {
				t.Fatalf("the rendered error has %d bytes", len(e.Render()))
			}
		})
	}
}

func TestSourceOfElements(t *testing.T) {
	s, err := Query("MATCH (a:Function) RETURN a.name AS name")
	if err != nil {
		t.Fatal(err)
	}
	item := s.Parts[0].Clauses[1].(*Return).Items[0]
	if got := s.Source(item.Expr.Bounds()); got != "a.name" {
		t.Errorf("the text of the item is %q", got)
	}
	if got := ExprString(item.Expr); got != "a.name" {
		t.Errorf("the item prints as %q", got)
	}
	if got := PathString(&s.Parts[0].Clauses[0].(*Match).Paths[0]); got != "(a:Function)" {
		t.Errorf("the path prints as %q", got)
	}
}

func TestInvalidUTF8(t *testing.T) {
	_, err := Query("RETURN '\uFFFD', 'caf\xe9'")
	var e *Error
	if !errors.As(err, &e) || e.Offset != 18 || e.Code != CodeCharacter {
		t.Fatalf("got %#v, want an error at offset 18", err)
	}
}

const callersQuery = `MATCH (f:Function {key: $key})<-[:CALLS*1..3]-(c:Function)
WHERE c.test = false AND NOT c.file STARTS WITH 'vendor/'
RETURN DISTINCT c.name AS name, c.file AS file ORDER BY name LIMIT 100`

// maxCallersAllocs is the budget for parsing callersQuery.
const maxCallersAllocs = 40

func TestAllocations(t *testing.T) {
	n := testing.AllocsPerRun(100, func() {
		if _, err := Query(callersQuery); err != nil {
			t.Fatal(err)
		}
	})
	if n >= maxCallersAllocs {
		t.Errorf("parsing the callers query makes %v allocations, the budget is below %d",
			n, maxCallersAllocs)
	}
}

func BenchmarkCallers(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Query(callersQuery); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkImpact(b *testing.B) {
	const text = `MATCH p = shortestPath((a:Function {key: $from})-[:CALLS|USES*1..8]->(b:Function))
WHERE b.package IN $packages AND NOT EXISTS { (b)-[:DEFINED_IN]->(:File {test: true}) }
WITH b, length(p) AS depth, count(*) AS paths ORDER BY depth, b.name SKIP 10 LIMIT $limit
RETURN b.key, depth, paths, [x IN nodes(p) WHERE x.kind <> 'file' | x.name] AS names`
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Query(text); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzParse starts from every query in testdata. Whatever parses must print to a fixed point and
// have sound spans; whatever does not must give an *Error inside the text.
func FuzzParse(f *testing.F) {
	for _, q := range transcriptQueries(f) {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Query(text)
		if err == nil {
			checkRoundTrip(t, s)
			checkSpans(t, s)
			return
		}
		var e *Error
		if !errors.As(err, &e) {
			t.Fatalf("the error is a %T: %v", err, err)
		}
		if e.Offset > len(text) || e.Line < 1 || e.Column < 1 || e.Message == "" {
			t.Fatalf("bad error %#v", e)
		}
		e.Render()
	})
}

// transcripts lists the files of testdata; what fuzzing found lies below it.
func transcripts(tb testing.TB) []string {
	tb.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		tb.Fatalf("no transcripts in testdata: %v", err)
	}
	return files
}

// transcriptQueries lists the inputs of the transcripts.
func transcriptQueries(tb testing.TB) []string {
	tb.Helper()
	var queries []string
	for _, file := range transcripts(tb) {
		data, err := os.ReadFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		for block := range strings.SplitSeq(string(data), "\n\n") {
			query, _, ok := strings.Cut(block, "\n----\n")
			if _, body, found := strings.Cut(query, "\n"); ok && found {
				queries = append(queries, body)
			}
		}
	}
	return queries
}
