package history

import (
	"errors"

	"github.com/codegraphdb/codegraph/graph"
)

// definiteError marks an error as one that came without any effect.
type definiteError struct{ error }

// Unwrap returns the cause.
func (e definiteError) Unwrap() error { return e.error }

// Definitely marks err as one that came without any effect, now or later: the connection was
// refused before a byte was sent, a precondition did not hold. Use it only where that is certain.
func Definitely(err error) error {
	if err == nil {
		return nil
	}
	return definiteError{err}
}

// OutcomeOf says what a client knows after err. Everything is Info unless it is certain: kinds of
// which a retry behind the client's back may have changed the meaning (not found after a delete
// that worked, exists after a create that worked) are Info too.
func OutcomeOf(err error) Type {
	var definite definiteError
	switch {
	case err == nil:
		return OK
	case errors.As(err, &definite):
		return Fail
	}
	switch graph.KindOf(err) {
	case graph.KindInvalid, graph.KindUnauthorized, graph.KindForbidden, graph.KindUnsupported,
		graph.KindConflict:
		return Fail
	}
	return Info
}
