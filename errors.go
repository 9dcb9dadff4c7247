package codegraph

import (
	"context"
	"errors"
	"strings"

	"google.golang.org/grpc/status"

	"github.com/codegraphdb/codegraph/api"
	queryv1 "github.com/codegraphdb/codegraph/api/codegraph/query/v1"
	"github.com/codegraphdb/codegraph/graph"
)

// failure is embedded in Error, whose method of that name it must not hide.
type failure = graph.Error

// Error is what a cluster answered, or why it did not. graph.KindOf tells its kind.
type Error struct {
	*failure
	// Address of the node that was asked last.
	Address string
	// Detail is what the server attached; nil if no server answered.
	Detail *queryv1.ErrorDetail

	broken bool // somebody took the connection, and it broke
}

// Unwrap returns the classified error.
func (e *Error) Unwrap() error { return e.failure }

// Candidates returns what an ambiguous reference matches; nil for any other error.
func Candidates(err error) []*queryv1.Symbol {
	var e *Error
	if errors.As(err, &e) {
		return e.Detail.GetCandidates()
	}
	return nil
}

// wrap classifies what a request to one node returned.
func wrap(op, addr string, err error) *Error {
	var known *Error
	if errors.As(err, &known) {
		known.Address = addr
		return known
	}
	var plain *graph.Error
	if errors.As(err, &plain) {
		return &Error{failure: plain, Address: addr}
	}
	e, detail := api.FromStatus(op, err)
	out := &Error{failure: e, Address: addr, Detail: detail}
	if detail != nil {
		return out
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		e.Kind = graph.KindDeadline
	case errors.Is(err, context.Canceled):
		e.Kind = graph.KindCanceled
	case e.Kind == graph.KindUnavailable:
		msg := status.Convert(err).Message()
		out.broken = brokenHandshake(msg) || strings.Contains(msg, "error reading")
		explainTransport(e, addr, msg)
	case e.Kind == graph.KindUnsupported:
		e.Msg = addr + " is not a codegraph client port, or an older version: " + e.Msg
	}
	return out
}

// explainTransport says in words what gRPC says of a connection.
func explainTransport(e *graph.Error, addr, msg string) {
	_, cause, found := strings.Cut(msg, "connection error: desc = ")
	if found {
		msg = strings.Trim(cause, `"`)
	}
	switch {
	case brokenHandshake(msg): // a node that dies; another one, or a later time, may do
		e.Msg = addr + ": " + strings.TrimPrefix(msg, "transport: ")
	case strings.Contains(msg, "authentication handshake failed"),
		strings.Contains(msg, "certificate"):
		e.Kind = graph.KindUnauthorized
		e.Msg = addr + ": " + strings.TrimPrefix(msg, "transport: ")
		e.Remedy = "the node is of another cluster, or it speaks no TLS: check the address and the CA"
	case strings.Contains(msg, "error reading server preface"):
		e.Msg = addr + " closed the connection"
		e.Remedy = "if the cluster has certificates, name its CA"
	case strings.Contains(msg, "connection refused"):
		e.Msg = "no node listens at " + addr
	default:
		e.Msg = addr + ": " + msg
	}
}

// brokenHandshake tells whether a connection broke while the two sides were still agreeing on
// certificates, which says nothing about these.
func brokenHandshake(msg string) bool {
	if !strings.Contains(msg, "authentication handshake failed") {
		return false
	}
	for _, s := range []string{"connection reset", "broken pipe", "EOF", "i/o timeout",
		"deadline exceeded", "use of closed"} {
		if strings.Contains(msg, s) {
			return true
		}
	}
	return false
}

// passing tells whether the same request may succeed later or elsewhere.
func passing(e *Error) bool {
	return e.Kind == graph.KindUnavailable || e.Kind == graph.KindNotLeader
}

// passingWrite also holds for requests that the cluster deduplicates.
func passingWrite(e *Error) bool {
	return passing(e) || e.Kind == graph.KindUnknown || e.Kind == graph.KindDeadline
}
