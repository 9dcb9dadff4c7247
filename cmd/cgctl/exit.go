package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/codegraphdb/codegraph"
	"github.com/codegraphdb/codegraph/graph"
)

// Exit codes.
const (
	exitOK          = 0
	exitError       = 1
	exitUsage       = 2
	exitAuth        = 3
	exitNotFound    = 4
	exitUnavailable = 5 // or timed out: a retry may help
	exitPartial     = 6
	exitRefused     = 7 // conflict, precondition, bound
	exitInterrupted = 130
)

// usageError is a mistake in the arguments.
type usageError struct{ error }

// Unwrap returns the cause.
func (e usageError) Unwrap() error { return e.error }

// errPartial ends a command whose answer was printed but is cut.
var errPartial = errors.New("partial answer")

// errNothing ends a command that was answered "there is none" and said so.
var errNothing = errors.New("nothing found")

var exitOf = map[graph.ErrorKind]int{
	graph.KindInvalid:      exitUsage,
	graph.KindAmbiguous:    exitUsage,
	graph.KindUnauthorized: exitAuth,
	graph.KindForbidden:    exitAuth,
	graph.KindNotFound:     exitNotFound,
	graph.KindUnavailable:  exitUnavailable,
	graph.KindDeadline:     exitUnavailable,
	graph.KindNotLeader:    exitUnavailable,
	graph.KindStaleEpoch:   exitUnavailable,
	graph.KindUnknown:      exitUnavailable,
	graph.KindExists:       exitRefused,
	graph.KindConflict:     exitRefused,
	graph.KindLimit:        exitRefused,
	graph.KindDiskFull:     exitRefused,
	graph.KindCanceled:     exitInterrupted,
}

// finish prints an error and returns the exit code.
func (a *app) finish(ctx context.Context, err error) int {
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errPartial):
		return exitPartial
	case errors.Is(err, errNothing):
		return exitNotFound
	case ctx.Err() != nil:
		fmt.Fprintln(a.err, "cgctl: interrupted")
		return exitInterrupted
	}
	a.explain(err)
	var usage usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	if code, ok := exitOf[graph.KindOf(err)]; ok {
		return code
	}
	return exitError
}

// explain prints an error with its remedy and whatever else the server said.
func (a *app) explain(err error) {
	var usage usageError
	if errors.As(err, &usage) {
		fmt.Fprintf(a.err, "cgctl: %v\n  `cgctl --help` lists the commands and flags\n", err)
		return
	}
	var e *graph.Error
	if !errors.As(err, &e) {
		fmt.Fprintf(a.err, "cgctl: %v\n", err)
		return
	}
	fmt.Fprintf(a.err, "cgctl: %s\n", message(e))
	var answer *codegraph.Error
	rendered := ""
	if errors.As(err, &answer) {
		rendered = strings.TrimPrefix(answer.Detail.GetRendered(), message(e)+"\n")
	}
	if rendered != "" {
		fmt.Fprintln(a.err, strings.TrimRight(rendered, "\n"))
	}
	if remedy := a.remedy(e, answer); remedy != "" && !strings.Contains(rendered, remedy) {
		fmt.Fprintf(a.err, "  %s\n", remedy)
	}
	if candidates := codegraph.Candidates(err); len(candidates) > 0 {
		t := symbolTable(candidates)
		fmt.Fprint(a.err, t.text(true))
	}
}

// remedy is what the user can do.
func (a *app) remedy(e *graph.Error, answer *codegraph.Error) string {
	if e.Remedy == "" && e.Kind == graph.KindUnavailable && answer != nil && answer.Detail == nil {
		return "`cgctl dev up` starts a cluster on this machine; --address names another one"
	}
	return e.Remedy
}

// message is the text of an error without operation and remedy, which stand elsewhere.
func message(e *graph.Error) string {
	bare := *e
	bare.Op, bare.Remedy = "", ""
	var inner *graph.Error
	if e.Err != nil && errors.As(e.Err, &inner) {
		bare.Err = errors.New(message(inner))
	}
	return bare.Error()
}
