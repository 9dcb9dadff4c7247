package txns

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	peerv1 "github.com/codegraphdb/codegraph/api/codegraph/peer/v1"
	writev1 "github.com/codegraphdb/codegraph/api/codegraph/write/v1"
	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/shard"
)

// fake is a cluster of one node with one shard, without Raft: what is proposed is applied at once,
// unless the test holds it.
type fake struct {
	state *shard.Shard

	mu       sync.Mutex
	term     uint64 // of the log
	leads    uint64 // as the leader knows it
	index    uint64
	next     graph.Timestamp
	held     chan struct{} // proposals wait for its end
	draws    chan struct{} // so do timestamps
	proposed int
}

func newFake(t *testing.T) (*fake, *Local) {
	t.Helper()
	s, err := shard.Open(t.TempDir(), shard.Options{ID: 1, Epoch: 1,
		Slots: shard.SlotRange{Hi: graph.Slots - 1}})
	if err != nil {
		t.Fatal(err)
	}
	free := make(chan struct{})
	close(free)
	f := &fake{state: s, term: 1, leads: 1, next: graph.TimestampAt(1), held: free, draws: free}
	l := Start(f, slog.New(slog.DiscardHandler))
	t.Cleanup(func() {
		l.Stop()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return f, l
}

func (f *fake) do(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// LeaderTerm implements Replica.
func (f *fake) LeaderTerm() (term uint64) { f.do(func() { term = f.leads }); return term }

// Confirm implements Replica.
func (f *fake) Confirm(context.Context) error { return nil }

// State implements Replica.
func (f *fake) State() *shard.Shard { return f.state }

// Propose implements Replica.
func (f *fake) Propose(ctx context.Context, encode func(term, epoch uint64) []byte) (
	shard.Result, error) {
	var held chan struct{}
	f.do(func() { held = f.held; f.proposed++ })
	select {
	case <-held:
	case <-ctx.Done():
		return shard.Result{}, ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.index++
	res, err := f.state.Apply([]shard.Entry{{Index: f.index, Term: f.term,
		Data: encode(f.term, 1)}})
	if err != nil {
		return shard.Result{}, err
	}
	return res[0], res[0].Err
}

// Draw implements Cluster.
func (f *fake) Draw(ctx context.Context) (at graph.Timestamp, err error) {
	var wait chan struct{}
	f.do(func() { wait = f.draws })
	select {
	case <-wait:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	f.do(func() { f.next += 2; at = f.next })
	return at, nil
}

// Shards implements Cluster.
func (f *fake) Shards() []graph.ShardRange {
	return []graph.ShardRange{{ID: 1, Slots: graph.SlotRange{Hi: graph.Slots - 1}}}
}

// Replica implements Cluster.
func (f *fake) Replica(uint64) Replica { return f }

// Transact implements Cluster.
func (f *fake) Transact(context.Context, *peerv1.TransactRequest) (
	*peerv1.TransactResponse, error) {
	return nil, graph.Errorf("fake", graph.KindUnavailable, "there is nobody else")
}

// Enable implements Cluster.
func (f *fake) Enable(context.Context) error { return nil }

func request(n byte, ops ...*writev1.Operation) *writev1.MutateRequest {
	return &writev1.MutateRequest{TransactionId: []byte{15: n}, Operations: ops}
}

func onePhase(t *testing.T, req *writev1.MutateRequest) *peerv1.TransactRequest {
	t.Helper()
	id := graph.TxnID(req.GetTransactionId())
	part, err := (&reading{txn: id, req: req}).part()
	if err != nil {
		t.Fatal(err)
	}
	c := &graph.OnePhase{Txn: id, Primary: part.Primary(), Part: *part}
	return &peerv1.TransactRequest{ShardId: 1, Body: c.Encode(),
		Step: peerv1.TransactionStep_TRANSACTION_STEP_ONE_PHASE}
}

func create() *writev1.Operation {
	return &writev1.Operation{What: &writev1.Operation_CreateVertex{
		CreateVertex: &writev1.CreateVertex{Labels: []string{"A"}}}}
}

// there tells whether a strong read at a timestamp shows the vertex that a transaction makes.
func there(ctx context.Context, l *Local, n byte, at graph.Timestamp) (bool, error) {
	r, err := l.Strong(ctx, 1, graph.View{At: at}, 0)
	if err != nil {
		return false, err
	}
	vs, err := r.Lookup(ctx, []graph.VertexID{graph.IDOf(graph.MadeKey(graph.TxnID{15: n}, 0))}, false)
	return err == nil && vs[0].Kind != graph.KindNone, err
}

// underWay waits until a write is registered.
func underWay(t *testing.T, l *Local) {
	t.Helper()
	for n := 0; n == 0; time.Sleep(time.Millisecond) {
		if ld, err := l.leaderOf(1); err == nil {
			ld.mu.Lock()
			n = ld.writes.Len()
			ld.mu.Unlock()
		}
	}
}

// TestRule6_5StrongReadWaitsForLatches: a read at R waits for an overlapping write whose timestamp
// is not known, or at most R, and for no other; then it shows the write if that is at or below R.
func TestRule6_5StrongReadWaitsForLatches(t *testing.T) {
	for _, known := range []bool{false, true} {
		f, l := newFake(t)
		hold := make(chan struct{})
		f.do(func() {
			if known {
				f.held = hold
			} else {
				f.draws = hold
			}
		})
		written := make(chan error, 1)
		go func() {
			_, err := l.Step(t.Context(), onePhase(t, request(1, create())))
			written <- err
		}()
		underWay(t, l)
		if known {
			for n := 0; n == 0; time.Sleep(time.Millisecond) {
				f.do(func() { n = f.proposed })
			}
		}
		at := graph.TimestampAt(1) + 2 // what the write gets
		if !known {
			at -= 2 // R was granted before
		}
		short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if _, err := there(short, l, 1, at); !graph.IsKind(err, graph.KindUnavailable) {
			t.Errorf("timestamp known %t: passed a write under way: %v", known, err)
		}
		cancel()
		if got, err := there(t.Context(), l, 2, at); got || err != nil {
			t.Errorf("timestamp known %t: waits for a write elsewhere: %v", known, err)
		}
		if known {
			if got, err := there(t.Context(), l, 1, at-2); got || err != nil {
				t.Errorf("a read below the write's timestamp: %t, %v", got, err)
			}
		}
		close(hold)
		if got, err := there(t.Context(), l, 1, at); got != known || err != nil {
			t.Errorf("timestamp known %t: shown %t, %v", known, got, err)
		}
		if err := <-written; err != nil {
			t.Error(err)
		}
	}
}

// TestRule1_8TimestampOfAnotherTerm: a command whose timestamp was drawn in one term and that comes
// into the log in another has no effect, and nobody says that it was refused.
func TestRule1_8TimestampOfAnotherTerm(t *testing.T) {
	f, l := newFake(t)
	hold := make(chan struct{})
	f.do(func() { f.held = hold })
	written := make(chan error, 1)
	req := onePhase(t, request(1, create()))
	go func() {
		_, err := l.Step(t.Context(), req)
		written <- err
	}()
	for n := 0; n == 0; time.Sleep(time.Millisecond) {
		f.do(func() { n = f.proposed })
	}
	f.do(func() { f.term, f.leads = 3, 3 }) // lost and won again in between
	close(hold)
	if err := <-written; !graph.IsKind(err, graph.KindUnavailable) {
		t.Errorf("a command of term 1 in term 3: %v", err)
	}
	at, _ := f.Draw(t.Context())
	if got, err := there(t.Context(), l, 1, at); got || err != nil {
		t.Errorf("it took effect: %t, %v", got, err)
	}
	if resp, err := l.Step(t.Context(), req); err != nil || refusal(resp) != nil {
		t.Errorf("sent again: %v, %v", resp, err)
	}
}

// Overlapping writes follow each other: none fails since another one was quicker.
func TestBlindWritesDoNotConflict(t *testing.T) {
	_, l := newFake(t)
	made := request(1, create())
	if resp, err := l.Step(t.Context(), onePhase(t, made)); err != nil || refusal(resp) != nil {
		t.Fatal(resp, err)
	}
	key := graph.MadeKey(graph.TxnID{15: 1}, 0)
	var wg sync.WaitGroup
	for i := range 50 {
		set := &writev1.Set{Properties: map[string]*writev1.Value{
			"n": {Kind: &writev1.Value_IntValue{IntValue: int64(i)}}},
			On: &writev1.Element{Element: &writev1.Element_Vertex{Vertex: &writev1.VertexRef{
				Ref: &writev1.VertexRef_Key{Key: key}}}}}
		req := onePhase(t, request(byte(i+2), &writev1.Operation{
			What: &writev1.Operation_Set{Set: set}}))
		wg.Go(func() {
			if resp, err := l.Step(t.Context(), req); err != nil || refusal(resp) != nil {
				t.Errorf("write %d: %v, %v", i, resp, err)
			}
		})
	}
	wg.Wait()
}
