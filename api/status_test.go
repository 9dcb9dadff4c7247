package api

import (
	"fmt"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/codegraphdb/codegraph/graph"
)

// TestStatusRoundTrip holds A1 for every kind.
func TestStatusRoundTrip(t *testing.T) {
	for k := graph.KindOther; k <= graph.KindUnknown; k++ {
		in := &graph.Error{Op: "shard.Apply", Kind: k, Msg: "shard 3 is gone", Remedy: "try again"}
		st := Status(fmt.Errorf("outer: %w", in))
		if _, ok := codeOf[k]; !ok {
			t.Errorf("%v has no gRPC code", k)
		}
		out, detail := FromStatus("client", st)
		if detail == nil || out.Kind != k || out.Msg != in.Msg || out.Remedy != in.Remedy ||
			out.Op != in.Op {
			t.Errorf("%v: got %+v, detail %v", k, out, detail)
		}
	}
}

func TestStatusOfPlainErrors(t *testing.T) {
	if Status(nil) != nil {
		t.Error("nil became a status")
	}
	if got := status.Code(Status(fmt.Errorf("x"))); got != codes.Unknown {
		t.Errorf("a plain error became %v", got)
	}
	e, detail := FromStatus("op", status.Error(codes.NotFound, "gone"))
	if detail != nil || e.Kind != graph.KindNotFound || e.Msg != "gone" {
		t.Errorf("got %+v, %v", e, detail)
	}
}
