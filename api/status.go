package api

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	queryv1 "github.com/codegraphdb/codegraph/api/codegraph/query/v1"
	"github.com/codegraphdb/codegraph/graph"
)

// codeOf gives each error kind its gRPC code. Several kinds share a code; the ErrorDetail tells
// them apart.
var codeOf = map[graph.ErrorKind]codes.Code{
	graph.KindOther:        codes.Unknown,
	graph.KindInvalid:      codes.InvalidArgument,
	graph.KindNotFound:     codes.NotFound,
	graph.KindExists:       codes.AlreadyExists,
	graph.KindConflict:     codes.FailedPrecondition,
	graph.KindUnavailable:  codes.Unavailable,
	graph.KindDeadline:     codes.DeadlineExceeded,
	graph.KindLimit:        codes.ResourceExhausted,
	graph.KindUnauthorized: codes.Unauthenticated,
	graph.KindForbidden:    codes.PermissionDenied,
	graph.KindUnsupported:  codes.Unimplemented,
	graph.KindCorrupt:      codes.DataLoss,
	graph.KindInternal:     codes.Internal,
	graph.KindCanceled:     codes.Canceled,
	graph.KindNotLeader:    codes.Unavailable,
	graph.KindStaleEpoch:   codes.Aborted,
	graph.KindAmbiguous:    codes.InvalidArgument,
	graph.KindDiskFull:     codes.ResourceExhausted,
	graph.KindUnknown:      codes.Unknown,
}

// kindOf is the reading of a code without an ErrorDetail.
var kindOf = map[codes.Code]graph.ErrorKind{
	codes.InvalidArgument:    graph.KindInvalid,
	codes.NotFound:           graph.KindNotFound,
	codes.AlreadyExists:      graph.KindExists,
	codes.FailedPrecondition: graph.KindConflict,
	codes.Unavailable:        graph.KindUnavailable,
	codes.DeadlineExceeded:   graph.KindDeadline,
	codes.ResourceExhausted:  graph.KindLimit,
	codes.Unauthenticated:    graph.KindUnauthorized,
	codes.PermissionDenied:   graph.KindForbidden,
	codes.Unimplemented:      graph.KindUnsupported,
	codes.DataLoss:           graph.KindCorrupt,
	codes.Internal:           graph.KindInternal,
	codes.Canceled:           graph.KindCanceled,
	codes.Aborted:            graph.KindStaleEpoch,
}

// Detailer is an error that has more to say on the wire than graph.Error has.
type Detailer interface {
	// ErrorDetail fills in what the error knows beyond kind, operation and remedy.
	ErrorDetail(*queryv1.ErrorDetail)
}

// Status turns an error into a gRPC status with an ErrorDetail. A status stays as it is.
func Status(err error) error {
	if err == nil {
		return nil
	}
	var e *graph.Error
	if !errors.As(err, &e) {
		return plainStatus(err)
	}
	detail := &queryv1.ErrorDetail{Kind: e.Kind.String(), Operation: e.Op, Remedy: e.Remedy,
		Reason: string(graph.ReasonOf(err))}
	var more Detailer
	if errors.As(err, &more) {
		more.ErrorDetail(detail)
	}
	bare := *e
	bare.Op, bare.Remedy = "", ""
	st := status.New(codeOf[e.Kind], bare.Error())
	if with, derr := st.WithDetails(detail); derr == nil {
		st = with
	}
	return st.Err()
}

func plainStatus(err error) error {
	if _, ok := status.FromError(err); ok {
		return err
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return status.Error(codes.DeadlineExceeded, err.Error())
	case errors.Is(err, context.Canceled):
		return status.Error(codes.Canceled, err.Error())
	}
	return status.Error(codes.Unknown, err.Error())
}

// FromStatus turns a gRPC error back into a graph.Error; detail is nil if the server sent none.
func FromStatus(op string, err error) (e *graph.Error, detail *queryv1.ErrorDetail) {
	st, ok := status.FromError(err)
	if !ok {
		return &graph.Error{Op: op, Kind: graph.KindOther, Err: err}, nil
	}
	e = &graph.Error{Op: op, Kind: kindOf[st.Code()], Msg: st.Message()}
	for _, d := range st.Details() {
		if detail, ok = d.(*queryv1.ErrorDetail); !ok {
			continue
		}
		e.Kind, e.Remedy = graph.ParseErrorKind(detail.GetKind()), detail.GetRemedy()
		e.Reason = graph.Reason(detail.GetReason())
		if detail.GetOperation() != "" {
			e.Op = detail.GetOperation()
		}
		return e, detail
	}
	return e, nil
}
