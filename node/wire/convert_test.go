package wire

import (
	"reflect"
	"strings"
	"testing"

	queryv1 "github.com/codegraphdb/codegraph/api/codegraph/query/v1"
	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/query"
)

// TestParams: what goes out as a value comes in as the same one (W1).
func TestParams(t *testing.T) {
	want := map[string]query.Value{"null": nil, "bool": true, "int": int64(-3), "float": 0.5,
		"string": "x", "list": []query.Value{int64(1), nil, "y"},
		"map": map[string]query.Value{"k": []query.Value{false}}}
	in := map[string]*queryv1.Value{}
	for name, v := range want {
		in[name] = value(v)
	}
	got, err := Params(in)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%#v became %#v: %v", want, got, err)
	}
}

// TestParamsRefuse holds W2: the first bad one is named, the same each time.
func TestParamsRefuse(t *testing.T) {
	for range 10 {
		_, err := Params(map[string]*queryv1.Value{"c": value("fine"),
			"b": List([]query.Value{&query.Edge{}}).GetValues()[0], "z": value(&query.Symbol{}),
			"d": value([]query.Value{&query.Path{}})})
		if !graph.IsKind(err, graph.KindInvalid) || !strings.Contains(err.Error(), "$b") {
			t.Fatalf("an edge as a parameter: %v", err)
		}
	}
}

func TestAbsent(t *testing.T) {
	if Symbol(nil) != nil || Edge(nil) != nil {
		t.Error("nothing became a message")
	}
}
