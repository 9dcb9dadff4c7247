package txns

import (
	"errors"

	peerv1 "github.com/codegraphdb/codegraph/api/codegraph/peer/v1"
	"github.com/codegraphdb/codegraph/graph"
)

// message returns what an error says, without operation and remedy.
func message(err error) string {
	var e *graph.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	bare := *e
	bare.Op, bare.Remedy = "", ""
	return bare.Error()
}

func remedy(err error) string {
	var e *graph.Error
	if errors.As(err, &e) {
		return e.Remedy
	}
	return ""
}

// refusal returns the error of a step that was refused.
func refusal(resp *peerv1.TransactResponse) error {
	r := resp.GetRefusal()
	if r == nil {
		return nil
	}
	return &graph.Error{Op: "txns.Mutate", Kind: graph.ParseErrorKind(r.GetKind()),
		Reason: graph.Reason(r.GetReason()), Msg: r.GetMessage(), Remedy: r.GetRemedy()}
}
