package chaos

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/codegraphdb/codegraph"
	queryv1 "github.com/codegraphdb/codegraph/api/codegraph/query/v1"
	"github.com/codegraphdb/codegraph/graph"
)

const (
	mostRows = 100_000
	perRead  = 50 * time.Millisecond // open loop: a read begins so often, whatever the others do
)

func readOptions(strong bool) *queryv1.ReadOptions {
	o := &queryv1.ReadOptions{Mode: queryv1.ReadMode_READ_MODE_SNAPSHOT, MaxRows: mostRows}
	if strong {
		o.Mode = queryv1.ReadMode_READ_MODE_STRONG
	}
	return o
}

// search returns the names of the functions with a prefix in a repository.
func search(ctx context.Context, c *codegraph.Client, repo, prefix string,
	o *queryv1.ReadOptions) ([]string, *queryv1.Trailer, error) {
	resp, err := c.SearchSymbols(ctx, &queryv1.SearchSymbolsRequest{Text: prefix, Repo: repo,
		Mode: queryv1.SearchMode_SEARCH_MODE_PREFIX, Kinds: []string{"Function"}, Options: o})
	if graph.IsKind(err, graph.KindNotFound) { // its first revision is not there yet
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	var names []string
	for _, s := range resp.GetSymbols() {
		names = append(names, s.GetName())
	}
	return names, resp.GetTrailer(), nil
}

// callersOf returns the qualified names of the callers of a package's Step.
func callersOf(ctx context.Context, c *codegraph.Client, tr *tree, pkg int,
	o *queryv1.ReadOptions) ([]string, error) {
	resp, err := c.Callers(ctx, &queryv1.CallersRequest{Options: o, Ref: &queryv1.SymbolRef{
		Symbol: fmt.Sprintf("p%03d.%s", pkg, stepName), Repo: tr.repo}})
	if err != nil {
		return nil, err
	}
	var out []string
	for _, rel := range resp.GetRelations() {
		out = append(out, rel.GetSymbol().GetQualifiedName())
	}
	slices.Sort(out)
	return out, nil
}

// wantCallers is what callersOf must return: the bulk of the package, and the Step of the next
// one, if there is one.
func wantCallers(tr *tree, pkg, packages int) []string {
	var out []string
	for j := range tr.bulk {
		out = append(out, fmt.Sprintf("%s/p%03d.bulk%d", tr.module(), pkg, j))
	}
	if pkg+1 < packages {
		out = append(out, fmt.Sprintf("%s/p%03d.%s", tr.module(), pkg+1, stepName))
	}
	slices.Sort(out)
	return out
}

// reader asks in an open loop: it does not wait for answers before it asks again.
type reader struct {
	h      *history
	client *codegraph.Client
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// startReader begins to read a repository through a client of all nodes.
func (r *rig) startReader(h *history) *reader {
	rd := &reader{h: h, client: r.client()}
	var ctx context.Context
	ctx, rd.cancel = context.WithCancel(context.Background())
	rd.wg.Go(func() {
		tick := time.NewTicker(perRead)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				rd.wg.Go(func() { rd.ask(n) })
			}
		}
	})
	r.t.Cleanup(rd.end)
	return rd
}

// end stops asking and waits for the answers under way.
func (rd *reader) end() {
	rd.cancel()
	rd.wg.Wait()
}

// ask sends one read: of four, one is strong, and one asks for callers.
func (rd *reader) ask(n int) {
	ctx, cancel := context.WithTimeout(context.Background(), readWithin)
	defer cancel()
	r := read{kind: "search", strong: n%4 == 1, began: time.Now()}
	r.least = rd.h.least(r.strong)
	if n%4 == 3 && rd.h.acked() >= 0 {
		r.kind, r.skipMarks = "callers", true
		var got []string
		got, r.err = callersOf(ctx, rd.client, rd.h.tree, 0, readOptions(false))
		if want := wantCallers(rd.h.tree, 0, 2); r.err == nil && !slices.Equal(got, want) {
			r.unexpected = fmt.Sprintf("the callers of p000.Step are %v, want %v", got, want)
		}
	} else {
		r.marks, _, r.err = search(ctx, rd.client, rd.h.tree.repo, markPrefix, readOptions(r.strong))
	}
	r.took = time.Since(r.began)
	rd.h.record(r)
}

// checkHistory holds everything that was recorded to the invariants.
func checkHistory(t *testing.T, h *history) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := checkAcks(h.acks); err != nil {
		t.Errorf("%s: %v", h.tree.repo, err)
	}
	bad := 0
	for i := range h.reads {
		r := &h.reads[i]
		err := checkRead(h.tree, r)
		if err == nil {
			continue
		}
		if bad++; bad <= 10 {
			t.Errorf("%s: read %d (%s, strong %v) at %s: %v", h.tree.repo, i, r.kind, r.strong,
				r.began.UTC().Format("15:04:05.000"), err)
		}
	}
	if bad > 0 {
		t.Errorf("%s: %d of %d reads are wrong", h.tree.repo, bad, len(h.reads))
	}
}

// checkContent compares all of the newest revision with what was acknowledged last (C2): the
// markers are those of that revision, every package of every revision before has its Step, and
// every edge of the chain is there.
func (r *rig) checkContent(h *history, c *codegraph.Client) {
	r.t.Helper()
	last, repo := h.acked(), h.tree.repo
	if rev, err := wholeRevision(h.tree, r.names(c, repo, markPrefix)); err != nil || rev != last {
		r.t.Errorf("%s shows revision %d (%v), %d was acknowledged", repo, rev, err, last)
	}
	packages := h.tree.packages(last)
	if steps := r.names(c, repo, stepName); len(steps) != packages {
		r.t.Errorf("%s has %d times Step, want %d", repo, len(steps), packages)
	}
	for i := range packages {
		ctx, cancel := context.WithTimeout(r.t.Context(), readWithin)
		got, err := callersOf(ctx, c, h.tree, i, readOptions(true))
		cancel()
		if err != nil {
			r.t.Fatal(err)
		}
		if want := wantCallers(h.tree, i, packages); !slices.Equal(got, want) {
			r.t.Errorf("%s: the callers of p%03d.Step are %v, want %v", repo, i, got, want)
		}
	}
	r.checkRepository(h, c)
}

// names is a strong search that must succeed.
func (r *rig) names(c *codegraph.Client, repo, prefix string) []string {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), readWithin)
	defer cancel()
	out, _, err := search(ctx, c, repo, prefix, readOptions(true))
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

// checkRepository compares what the catalogue says with the last acknowledgement.
func (r *rig) checkRepository(h *history, c *codegraph.Client) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), readWithin)
	defer cancel()
	resp, err := c.Repositories(ctx, h.tree.repo)
	if err != nil {
		r.t.Fatal(err)
	}
	got, want := resp.GetRepositories()[0], h.acks[len(h.acks)-1]
	n := int(got.GetRevisions())
	if got.GetRevision() != want.revision || got.GetTimestamp() != want.timestamp ||
		n < len(h.acks) || n > len(h.acks)+h.lost {
		r.t.Errorf("%s is revision %s at %d, %d of them; acknowledged was %s at %d, %d of them, "+
			"and %d had no answer", h.tree.repo, got.GetRevision(), got.GetTimestamp(), n,
			want.revision, want.timestamp, len(h.acks), h.lost)
	}
	if got.GetImporting() != "" {
		r.t.Errorf("%s is still being imported by %s", h.tree.repo, got.GetImporting())
	}
}
