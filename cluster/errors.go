package cluster

import (
	"fmt"

	"github.com/codegraphdb/codegraph/graph"
)

// FatalError says that a committed command or a stored state is not understood. The replica must
// stop: going on would make it differ from the others. Test for it with errors.As.
type FatalError struct {
	What string // what was read, e.g. "command at index 7"
	Err  error
}

// Error returns what was read, why it is not understood, and what to do.
func (e *FatalError) Error() string {
	return fmt.Sprintf("cluster: %s: %v (written by another version, or damaged: upgrade this "+
		"node or restore it from the others; what an older version wrote has to be ingested again "+
		"into an empty data directory)", e.What, e.Err)
}

// Unwrap returns the cause.
func (e *FatalError) Unwrap() error { return e.Err }

const opApply = "cluster.Apply"

func invalid(format string, args ...any) *graph.Error {
	return graph.Errorf(opApply, graph.KindInvalid, format, args...)
}

func conflict(format string, args ...any) *graph.Error {
	return graph.Errorf(opApply, graph.KindConflict, format, args...)
}

func notFound(format string, args ...any) *graph.Error {
	return graph.Errorf(opApply, graph.KindNotFound, format, args...)
}
