package codegraph

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	queryv1 "github.com/codegraphdb/codegraph/api/codegraph/query/v1"
	"github.com/codegraphdb/codegraph/graph"
)

func get(c *Client, ctx context.Context, symbol string) error {
	_, err := c.GetSymbol(ctx, &queryv1.GetSymbolRequest{Ref: Ref(symbol)})
	return err
}

func TestReadSurvivesNodes(t *testing.T) {
	addrs, stop := serve(t, 3, newFakeCluster(1), &fakeQueries{}, nil)
	c := dial(t, Options{Addresses: addrs})
	for i := range 30 {
		if i == 10 || i == 20 {
			stop[i/10]()
		}
		if err := get(c, t.Context(), "x"); err != nil {
			t.Fatalf("read %d: %v", i, err)
		}
	}
}

func TestReadUnderFaults(t *testing.T) {
	with := &faults{rng: rand.New(rand.NewPCG(3, 4)), share: 0.3}
	addrs, _ := serve(t, 3, newFakeCluster(1), &fakeQueries{}, with)
	c := dial(t, Options{Addresses: addrs})
	for i := range 50 {
		if err := get(c, t.Context(), "x"); err != nil {
			t.Fatalf("read %d: %v", i, err)
		}
	}
}

// TestSession: a token once seen goes with every later read, also when an answer has an older one.
func TestSession(t *testing.T) {
	q := &fakeQueries{token: 7}
	addrs, _ := serve(t, 1, newFakeCluster(1), q, nil)
	c := dial(t, Options{Addresses: addrs, Token: 3})
	req := &queryv1.GetSymbolRequest{Ref: Ref("x")}
	for _, token := range []uint64{7, 5, 5} {
		q.token = token
		if _, err := c.GetSymbol(t.Context(), req); err != nil {
			t.Fatal(err)
		}
	}
	if len(q.tokens) != 3 || q.tokens[0] != 3 || q.tokens[1] != 7 || q.tokens[2] != 7 {
		t.Errorf("tokens sent: %v", q.tokens)
	}
	if req.Options != nil {
		t.Error("the caller's request was changed")
	}
}

func TestNobodyListens(t *testing.T) {
	addrs, stop := serve(t, 2, newFakeCluster(1), &fakeQueries{}, nil)
	stop[0]()
	stop[1]()
	c := dial(t, Options{Addresses: addrs, ConnectFor: 100 * time.Millisecond})
	began := time.Now()
	err := get(c, t.Context(), "x")
	if !graph.IsKind(err, graph.KindUnavailable) || !strings.Contains(err.Error(), "no node listens") {
		t.Errorf("error: %v", err)
	}
	if d := time.Since(began); d > 10*time.Second {
		t.Errorf("it took %v", d)
	}
}

func TestDeadline(t *testing.T) {
	addrs, stop := serve(t, 1, newFakeCluster(1), &fakeQueries{}, nil)
	stop[0]()
	c := dial(t, Options{Addresses: addrs, ConnectFor: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := get(c, ctx, "x")
	if !graph.IsKind(err, graph.KindDeadline) || !strings.Contains(err.Error(), "no node listens") {
		t.Errorf("error: %v", err)
	}
}

func TestErrorDetail(t *testing.T) {
	addrs, _ := serve(t, 1, newFakeCluster(1), &fakeQueries{}, nil)
	err := get(dial(t, Options{Addresses: addrs}), t.Context(), "two")
	if !graph.IsKind(err, graph.KindAmbiguous) || len(Candidates(err)) != 2 {
		t.Errorf("error %v with candidates %v", err, Candidates(err))
	}
}

func TestQueryStreams(t *testing.T) {
	q := &fakeQueries{}
	addrs, _ := serve(t, 1, newFakeCluster(1), q, nil)
	c := dial(t, Options{Addresses: addrs})
	rows, err := c.Query(t.Context(), &queryv1.ExecuteRequest{Query: "RETURN 1"})
	if err != nil {
		t.Fatal(err)
	}
	var got []int64
	for row, err := range rows.All() {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, row[0].GetIntValue())
	}
	if len(got) != 5 || got[4] != 4 || !rows.Trailer().GetComplete() || rows.Columns()[0] != "n" {
		t.Errorf("rows %v, trailer %v, columns %v", got, rows.Trailer(), rows.Columns())
	}
	if c.Token() != 9 {
		t.Errorf("token %d", c.Token())
	}
}

// TestQueryBrokenOff: a stream that breaks shows the error, a whole answer begins again.
func TestQueryBrokenOff(t *testing.T) {
	q := &fakeQueries{cut: 2}
	addrs, _ := serve(t, 1, newFakeCluster(1), q, nil)
	c := dial(t, Options{Addresses: addrs})
	rows, err := c.Query(t.Context(), &queryv1.ExecuteRequest{})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	var last error
	for _, err := range rows.All() {
		if last = err; err == nil {
			n++
		}
	}
	if n != 2 || !graph.IsKind(last, graph.KindUnavailable) {
		t.Errorf("%d rows, then %v", n, last)
	}
	q.cut = 2
	res, err := c.QueryAll(t.Context(), &queryv1.ExecuteRequest{})
	if err != nil || len(res.Rows) != 5 || q.calls != 3 {
		t.Errorf("result %v after %d calls: %v", res, q.calls, err)
	}
}

func TestDialRefuses(t *testing.T) {
	for _, opts := range []Options{
		{Addresses: []string{"localhost"}},
		{TLSCA: "no-such-file.pem"},
		{TLSCA: "go.mod"},
	} {
		if _, err := Dial(t.Context(), opts); !graph.IsKind(err, graph.KindInvalid) {
			t.Errorf("%+v: %v", opts, err)
		}
	}
}
