package node

import (
	"errors"
	"io"
	"testing"

	queryv1 "github.com/codegraphdb/codegraph/api/codegraph/query/v1"
)

// A count that the shards do is the number of rows that they give.
func TestCountIsNumberOfRows(t *testing.T) {
	n := single(t)
	im := begin(n, "r", "1")
	im.put(withRepo(im, file("p", nil, "A", "B", "C")), withRepo(im, file("q", nil, "D")))
	if _, err := im.via.Commit(call(t), im.sealed()); err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{"MATCH (n)", "MATCH (n:Function)", "MATCH (n:Symbol)"} {
		rows := execute(t, n, pattern+" RETURN n")
		counted := execute(t, n, pattern+" RETURN count(n)")
		if len(rows) < 4 || len(counted) != 1 ||
			counted[0].GetValues()[0].GetIntValue() != int64(len(rows)) {
			t.Errorf("%s: %d rows, counted %v", pattern, len(rows), counted)
		}
	}
}

// execute returns the rows of a query.
func execute(t *testing.T, n *testNode, text string) (rows []*queryv1.ListValue) {
	t.Helper()
	stream, err := n.query().Execute(call(t), &queryv1.ExecuteRequest{Query: text})
	for err == nil {
		var resp *queryv1.ExecuteResponse
		if resp, err = stream.Recv(); err == nil {
			rows = append(rows, resp.GetRows().GetRows()...)
		}
	}
	if !errors.Is(err, io.EOF) {
		t.Fatalf("%s: %v", text, err)
	}
	return rows
}
