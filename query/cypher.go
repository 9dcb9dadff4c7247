package query

import (
	"context"
	"strings"

	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/query/exec"
	"github.com/codegraphdb/codegraph/query/parse"
	"github.com/codegraphdb/codegraph/query/plan"
)

// Sink takes the answer of a query as it comes: the header once, then batches of rows. An error
// ends the query.
type Sink interface {
	Header(columns []string) error
	Rows(rows [][]Value) error
}

const opParse, opExecute = "query.Parse", "query.Execute"

// QueryError is a mistake in the text of a query. Its kind is graph.KindInvalid, or
// graph.KindUnsupported for what Cypher has and this version does not run.
type QueryError struct {
	Err          *graph.Error
	Line, Column int    // from 1; columns count characters
	Rendered     string // the line with a caret, and what was expected
}

// Error returns the message with the place in the query.
func (e *QueryError) Error() string { return e.Err.Error() }

// Unwrap returns the error with its kind.
func (e *QueryError) Unwrap() error { return e.Err }

// Plan parses and plans a query.
func Plan(text string) (*plan.Query, error) {
	stmt, err := parse.Query(text)
	if err != nil {
		return nil, queryError(err)
	}
	q, err := plan.Make(stmt)
	if err != nil {
		return nil, queryError(err)
	}
	if q.Profile {
		err := parse.ErrorAt(text, stmt.Span, parse.CodeUnsupported, "PROFILE is not supported",
			"use EXPLAIN")
		return nil, queryError(err)
	}
	return q, nil
}

// Explain returns the plan of a query, one step a line, without running it.
func Explain(text string) (string, error) {
	q, err := Plan(text)
	if err != nil {
		return "", err
	}
	return q.String(), nil
}

func queryError(err error) error {
	e, ok := err.(*parse.Error)
	if !ok {
		return err
	}
	kind := graph.KindInvalid
	switch e.Code {
	case parse.CodeUnsupported:
		kind = graph.KindUnsupported
	case parse.CodeTooLarge:
		kind = graph.KindLimit
	}
	return &QueryError{Err: &graph.Error{Op: opParse, Kind: kind, Msg: e.Error(), Remedy: e.Hint},
		Line: e.Line, Column: e.Column, Rendered: e.Render()}
}

// Execute runs a Cypher query and passes its answer to sink. Parameters are Values without symbols,
// edges and paths. A query that begins with EXPLAIN gives its plan, one step a row.
//
// Vertices that no repository here defines are found by following edges, by key, or by the labels
// ExternalSymbol and UnresolvedRef; a pattern of one vertex without label means what is ingested.
func (e *Env) Execute(ctx context.Context, text string, params map[string]Value,
	sink Sink) (*Trailer, error) {
	q, err := Plan(text)
	if err != nil {
		return nil, err
	}
	params, err = checkParams(params)
	if err != nil {
		return nil, err
	}
	c, ctx := e.begin(ctx)
	defer c.cancel()
	if q.Explain {
		return c.end(""), explainTo(sink, q)
	}
	if err := sink.Header(q.Columns); err != nil {
		return nil, err
	}
	err = exec.Run(ctx, c.r, q, exec.RunOptions{Params: params, Sink: sink.Rows,
		OnBound: func(err error) error { return c.cut(ctx, err) }})
	if err != nil {
		return nil, err
	}
	if q.Calls {
		for i := range e.Snapshot.Revisions {
			rev := &e.Snapshot.Revisions[i]
			c.gap(GapUnresolved, rev.Unresolved, false, "%s: %d calls are not resolved", rev.Name,
				rev.Unresolved)
		}
	}
	return c.end(""), nil
}

func explainTo(sink Sink, q *plan.Query) error {
	if err := sink.Header([]string{"plan"}); err != nil {
		return err
	}
	var rows [][]Value
	for line := range strings.Lines(q.String()) {
		rows = append(rows, []Value{strings.TrimSuffix(line, "\n")})
	}
	return sink.Rows(rows)
}

// checkParams refuses values that a query cannot compute with, and turns machine-sized integers
// into int64.
func checkParams(params map[string]Value) (map[string]Value, error) {
	out := make(map[string]Value, len(params))
	for name, v := range params {
		value, ok := checkParam(v)
		if !ok {
			return nil, graph.Errorf(opExecute, graph.KindInvalid,
				"parameter $%s has a value of type %T", name, v).
				WithRemedy("give null, a boolean, number, string, list or map")
		}
		out[name] = value
	}
	return out, nil
}

func checkParam(v Value) (Value, bool) {
	switch v := v.(type) {
	case nil, bool, int64, float64, string:
		return v, true
	case int:
		return int64(v), true
	case []Value:
		out := make([]Value, len(v))
		for i := range v {
			var ok bool
			if out[i], ok = checkParam(v[i]); !ok {
				return nil, false
			}
		}
		return out, true
	case map[string]Value:
		out := make(map[string]Value, len(v))
		for k, x := range v {
			var ok bool
			if out[k], ok = checkParam(x); !ok {
				return nil, false
			}
		}
		return out, true
	}
	return nil, false
}
