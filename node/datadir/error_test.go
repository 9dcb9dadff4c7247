package datadir

import (
	"strings"
	"testing"

	"github.com/codegraphdb/codegraph/graph"
)

// wantError checks the kind of an error and what its message says.
func wantError(t *testing.T, what string, err error, kind graph.ErrorKind, says ...string) {
	t.Helper()
	if graph.KindOf(err) != kind || err == nil {
		t.Errorf("%s: %v, want kind %v", what, err, kind)
		return
	}
	for _, s := range says {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("%s: %q does not say %q", what, err, s)
		}
	}
}
