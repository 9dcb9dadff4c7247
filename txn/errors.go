package txn

import "github.com/codegraphdb/codegraph/graph"

const (
	opGrant = "txn.Grant"
	opRun   = "txn.Coordinator"
)

func unavailable(op, format string, args ...any) *graph.Error {
	return graph.Errorf(op, graph.KindUnavailable, format, args...)
}
