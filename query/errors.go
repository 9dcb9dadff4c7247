package query

import (
	"fmt"
	"strings"

	"github.com/codegraphdb/codegraph/graph"
)

// AmbiguousError says that a reference means several symbols. Its kind is graph.KindAmbiguous.
type AmbiguousError struct {
	Ref        string
	Candidates []*Symbol // sorted; at most maxCandidates
	Total      int       // of all matches
}

const maxCandidates = 50

// Error lists the candidates, one a line, with kind and place.
func (e *AmbiguousError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q matches %d symbols:", e.Ref, e.Total)
	for _, c := range e.Candidates {
		fmt.Fprintf(&b, "\n  %s", Describe(c))
	}
	if more := e.Total - len(e.Candidates); more > 0 {
		fmt.Fprintf(&b, "\n  and %d more", more)
	}
	return b.String()
}

// Unwrap returns the error with its kind and the remedy.
func (e *AmbiguousError) Unwrap() error {
	return &graph.Error{Op: "query.Resolve", Kind: graph.KindAmbiguous,
		Msg:    fmt.Sprintf("%q matches %d symbols", e.Ref, e.Total),
		Remedy: "write more of the qualified name, path:line, or name the repository"}
}

// Describe returns kind, qualified name and place of a symbol in one line.
func Describe(s *Symbol) string {
	text := s.Kind.String() + " " + s.QualifiedName()
	if s.Path == "" {
		return text
	}
	if s.Span.Line == 0 {
		return text + " " + s.Path
	}
	return fmt.Sprintf("%s %s:%d", text, s.Path, s.Span.Line)
}
