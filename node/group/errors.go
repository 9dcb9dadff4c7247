package group

import (
	"fmt"

	queryv1 "github.com/codegraphdb/codegraph/api/codegraph/query/v1"
	"github.com/codegraphdb/codegraph/graph"
)

// NotLeaderError names the node that leads, where it is known.
type NotLeaderError struct {
	Err     graph.Error
	Leader  string
	Address string // of its client port, for clients
}

// NotLeader makes a NotLeaderError; leader may be unknown.
func NotLeader(op, leader, format string, args ...any) error {
	return &NotLeaderError{Err: graph.Error{Op: op, Kind: graph.KindNotLeader,
		Msg: fmt.Sprintf(format, args...)}, Leader: leader}
}

// Error implements error.
func (e *NotLeaderError) Error() string { return e.Err.Error() }

// Unwrap gives errors.As the kind.
func (e *NotLeaderError) Unwrap() error { return &e.Err }

// ErrorDetail implements api.Detailer.
func (e *NotLeaderError) ErrorDetail(d *queryv1.ErrorDetail) {
	d.LeaderHint, d.LeaderAddress = e.Leader, e.Address
}
