package exec

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/codegraphdb/codegraph/graph"
)

// Limits bound what one question may cost. A zero field means its default.
type Limits struct {
	Deadline  time.Duration
	MaxRows   int
	MaxEdges  int64 // edges visited
	MaxMemory int64 // bytes held at one time
	// AllowPartial cuts the answer at a bound and says so instead of failing.
	AllowPartial bool
}

// The defaults of Limits.
const (
	DefaultDeadline  = 30 * time.Second
	DefaultMaxRows   = 100_000
	DefaultMaxEdges  = 10_000_000
	DefaultMaxMemory = 256 << 20
)

// WithDefaults returns l with every zero bound replaced by its default.
func (l Limits) WithDefaults() Limits {
	if l.Deadline <= 0 {
		l.Deadline = DefaultDeadline
	}
	if l.MaxRows <= 0 {
		l.MaxRows = DefaultMaxRows
	}
	if l.MaxEdges <= 0 {
		l.MaxEdges = DefaultMaxEdges
	}
	if l.MaxMemory <= 0 {
		l.MaxMemory = DefaultMaxMemory
	}
	return l
}

// Cost is what an answer took. Elapsed is filled in by whoever has a clock.
type Cost struct {
	Elapsed      time.Duration
	VerticesRead int64
	EdgesVisited int64
}

const opRun = "query.Run"

// errFound ends a read early: what was looked for is there.
var errFound = errors.New("found")

// ErrRows is in the chain of the error for an answer of too many rows: what was passed on is
// right as far as it goes.
var ErrRows = errors.New("too many rows")

func rowLimit(n int) error {
	return &graph.Error{Op: opRun, Kind: graph.KindLimit, Err: rowsError(n),
		Remedy: "add LIMIT, raise max_rows, or allow a partial answer"}
}

// rowsError is the number of rows that were too few.
type rowsError int

// Error says what the answer has.
func (e rowsError) Error() string { return fmt.Sprintf("the answer has more than %d rows", int(e)) }

// Is makes rowsError an ErrRows.
func (e rowsError) Is(target error) bool { return target == ErrRows }

func edgeLimit(n int64) error {
	return graph.Errorf(opRun, graph.KindLimit, "the query visits more than %d edges", n).
		WithRemedy("name edge types, bound the length of paths, raise max_edges, " +
			"or allow a partial answer")
}

func memoryLimit(n int64) error {
	return graph.Errorf(opRun, graph.KindLimit, "the query holds more than %d bytes of memory", n).
		WithRemedy("narrow the pattern, add LIMIT, collect less, or allow a partial answer")
}

// contextError turns the end of ctx into an error of its kind; nil if ctx goes on.
func contextError(ctx context.Context) error {
	switch err := ctx.Err(); {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return (&graph.Error{Op: opRun, Kind: graph.KindDeadline,
			Msg: "the deadline ended the query"}).
			WithRemedy("narrow the query, raise the deadline, or allow a partial answer")
	default:
		return &graph.Error{Op: opRun, Kind: graph.KindCanceled, Msg: "the query was canceled"}
	}
}

// sourceError prefers the end of ctx to what the source made of it.
func sourceError(ctx context.Context, err error) error {
	if ended := contextError(ctx); ended != nil {
		return ended
	}
	return err
}
