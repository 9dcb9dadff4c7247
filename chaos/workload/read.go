package workload

import (
	"context"
	"fmt"

	"github.com/codegraphdb/codegraph"
	queryv1 "github.com/codegraphdb/codegraph/api/codegraph/query/v1"
	"github.com/codegraphdb/codegraph/chaos/history"
	"github.com/codegraphdb/codegraph/graph"
)

// mostRows is more than any answer has.
const mostRows = 100_000

// ask is one read.
type ask struct {
	db     *codegraph.Client
	strong bool
	token  uint64
}

func (a ask) options() *queryv1.ReadOptions {
	o := &queryv1.ReadOptions{Mode: queryv1.ReadMode_READ_MODE_SNAPSHOT, MaxRows: mostRows,
		Token: a.token}
	if a.strong {
		o.Mode = queryv1.ReadMode_READ_MODE_STRONG
	}
	return o
}

// read chooses how the worker reads next, and fills in what the record says of it. A client sends
// the token that it has seen last with every read.
func (w *Worker) read(q *history.Request) ask {
	a := ask{db: w.DB, strong: w.Rand.IntN(2) == 0, token: w.DB.Token()}
	q.Session, q.Floor, q.Mode = w.session(), a.token, history.AtLeast
	if a.strong {
		q.Mode = history.Strong
	}
	q.ReadOnly, q.Deadline = true, readFor+aborting
	return a
}

// final is the read of the end: strong.
func (w *Worker) final(q *history.Request) ask {
	q.ReadOnly, q.Deadline, q.Mode = true, readFor+aborting, history.Strong
	return ask{db: w.DB, strong: true}
}

// record runs a read and records its answer.
func (w *Worker) record(ctx context.Context, q history.Request,
	read func(context.Context) (any, *queryv1.Trailer, error)) error {
	ctx, cancel := context.WithTimeout(ctx, readFor)
	defer cancel()
	call := w.H.Invoke(q)
	value, trailer, err := read(ctx)
	if err == nil {
		err = whole(trailer)
	}
	if err != nil {
		call.Done(history.Result{}, err)
		return err
	}
	call.Done(history.Result{Value: value, At: history.At{Timestamp: trailer.GetTimestamp(),
		Token: fmt.Sprint(trailer.GetToken())}}, nil)
	w.token = max(w.token, trailer.GetToken())
	return nil
}

// whole says what an answer left out (WL2).
func whole(t *queryv1.Trailer) error {
	for _, g := range t.GetGaps() {
		if g.GetPartial() {
			return fmt.Errorf("the answer is cut: %v %s", g.GetCause(), g.GetDetail())
		}
	}
	return nil
}

// search returns the functions of a repository whose names have a prefix. A repository that is not
// there has none, and the answer no trailer.
func search(ctx context.Context, a ask, repo, prefix string) ([]*queryv1.Symbol, *queryv1.Trailer,
	error) {
	resp, err := a.db.SearchSymbols(ctx, &queryv1.SearchSymbolsRequest{Text: prefix, Repo: repo,
		Mode: queryv1.SearchMode_SEARCH_MODE_PREFIX, Kinds: []string{graph.Function.String()},
		Options: a.options()})
	if err != nil {
		return nil, nil, err
	}
	return resp.GetSymbols(), resp.GetTrailer(), nil
}

// query runs a Cypher query.
func query(ctx context.Context, a ask, text string, params map[string]string) (
	[][]*queryv1.Value, *queryv1.Trailer, error) {
	req := &queryv1.ExecuteRequest{Query: text, Parameters: map[string]*queryv1.Value{},
		Options: a.options()}
	for name, v := range params {
		req.Parameters[name] = &queryv1.Value{Kind: &queryv1.Value_StringValue{StringValue: v}}
	}
	res, err := a.db.QueryAll(ctx, req)
	if err != nil {
		return nil, nil, err
	}
	return res.Rows, res.Trailer, nil
}
