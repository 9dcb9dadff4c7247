package node

import (
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	peerv1 "github.com/codegraphdb/codegraph/api/codegraph/peer/v1"
	queryv1 "github.com/codegraphdb/codegraph/api/codegraph/query/v1"
	writev1 "github.com/codegraphdb/codegraph/api/codegraph/write/v1"
	"github.com/codegraphdb/codegraph/graph"
)

// TestTransactions founds a cluster and asks of its transactions everything that ends no node.
func TestTransactions(t *testing.T) {
	t.Parallel()
	nodes := three(t)
	for _, c := range []struct {
		name string
		test func(*testing.T, []*testNode)
	}{
		{"created", testCreated},
		{"laid over", testLaidOver},
		{"conflicts", testConflicts},
		{"once", testOnce},
		{"lost before the decision", testLostUndecided},
		{"lost after the decision", testLostDecided},
		{"lost and not missed", testLostUnmissed},
		{"bank", testBank},
	} {
		t.Run(c.name, func(t *testing.T) {
			part := make([]*testNode, len(nodes))
			for i, n := range nodes {
				part[i] = n.in(t)
			}
			c.test(t, part)
			for _, n := range part {
				n.alright()
			}
		})
	}
	sameDigests(t, nodes...)
}

func (n *testNode) writes() writev1.WriteServiceClient {
	return writev1.NewWriteServiceClient(n.conn)
}

func newTxn(start uint64, ops ...*writev1.Operation) *writev1.MutateRequest {
	id := make([]byte, 16)
	_, _ = rand.Read(id)
	return &writev1.MutateRequest{TransactionId: id, Start: start, Operations: ops}
}

// mutate carries a transaction out.
func (n *testNode) mutate(req *writev1.MutateRequest) (*writev1.MutateResponse, error) {
	resp, err := n.writes().Mutate(call(n.t), req)
	return resp, told(err)
}

func (n *testNode) mustMutate(req *writev1.MutateRequest) *writev1.MutateResponse {
	n.t.Helper()
	resp, err := n.mutate(req)
	if err != nil {
		n.t.Fatal(err)
	}
	return resp
}

func intValue(i int64) *writev1.Value {
	return &writev1.Value{Kind: &writev1.Value_IntValue{IntValue: i}}
}

func numbers(name string, i int64) map[string]*writev1.Value {
	return map[string]*writev1.Value{name: intValue(i)}
}

func createVertex(label string, balance int64) *writev1.Operation {
	v := &writev1.CreateVertex{Labels: []string{label}, Properties: numbers("balance", balance)}
	return &writev1.Operation{What: &writev1.Operation_CreateVertex{CreateVertex: v}}
}

func byKey(key string) *writev1.VertexRef {
	return &writev1.VertexRef{Ref: &writev1.VertexRef_Key{Key: key}}
}

func madeBy(op int) *writev1.VertexRef {
	return &writev1.VertexRef{Ref: &writev1.VertexRef_CreatedBy{CreatedBy: uint32(op)}}
}

func createEdge(from *writev1.VertexRef, typ string, to *writev1.VertexRef) *writev1.Operation {
	return &writev1.Operation{What: &writev1.Operation_CreateEdge{CreateEdge: &writev1.CreateEdge{
		Source: from, Type: typ, Target: to, Properties: numbers("since", 7)}}}
}

func vertexElement(key string) *writev1.Element {
	return &writev1.Element{Element: &writev1.Element_Vertex{Vertex: byKey(key)}}
}

func setBalance(key string, balance int64) *writev1.Operation {
	return &writev1.Operation{What: &writev1.Operation_Set{Set: &writev1.Set{
		On: vertexElement(key), Properties: numbers("balance", balance)}}}
}

func deleteVertex(key string) *writev1.Operation {
	return &writev1.Operation{What: &writev1.Operation_Delete{Delete: &writev1.Delete{
		On: vertexElement(key)}}}
}

// balance reads a vertex at least as new as a token, and the timestamp of the read.
func (n *testNode) balance(key string, token uint64) (balance int64, at uint64, err error) {
	resp, err := n.query().GetSymbol(call(n.t), &queryv1.GetSymbolRequest{
		Ref: &queryv1.SymbolRef{Symbol: key}, Options: &queryv1.ReadOptions{Token: token}})
	return resp.GetSymbol().GetProperties()["balance"].GetIntValue(),
		resp.GetTrailer().GetTimestamp(), told(err)
}

func (n *testNode) wantBalance(key string, want int64) (at uint64) {
	n.t.Helper()
	got, at, err := n.balance(key, 0)
	if err != nil || got != want {
		n.t.Errorf("%s has %d, not %d: %v", key, got, want, err)
	}
	return at
}

// neighbors reads the vertices beside one, by the direction of the edge.
func (n *testNode) neighbors(key string) ([]*queryv1.Relation, uint64, error) {
	resp, err := n.query().Neighbors(call(n.t), &queryv1.NeighborsRequest{
		Ref: &queryv1.SymbolRef{Symbol: key}})
	return resp.GetRelations(), resp.GetTrailer().GetTimestamp(), told(err)
}

// What a transaction makes in one shard or several is there for whoever reads after it, through
// any node, whole.
func testCreated(t *testing.T, nodes []*testNode) {
	for i, via := range nodes {
		one := via.mustMutate(newTxn(0, createVertex("Ticket", 5)))
		key := one.GetResults()[0].GetKey()
		if one.GetToken() != one.GetCommitTimestamp() || one.GetToken() == 0 {
			t.Errorf("token %d, committed at %d", one.GetToken(), one.GetCommitTimestamp())
		}
		two := via.mustMutate(newTxn(0, createVertex("Ticket", 6), createVertex("Person", 7),
			createEdge(madeBy(0), "WRITTEN_BY", madeBy(1)), createEdge(madeBy(1), "OWNS", byKey(key))))
		ticket, person := two.GetResults()[0].GetKey(), two.GetResults()[1].GetKey()
		for j, n := range nodes {
			n.wantBalance(key, 5)
			n.wantBalance(person, 7)
			out, _, err := n.neighbors(ticket)
			if err != nil || len(out) != 1 || out[0].GetSymbol().GetKey() != person ||
				string(out[0].GetEdge().GetId()) != string(two.GetResults()[2].GetEdgeId()) ||
				out[0].GetEdge().GetProperties()["since"].GetIntValue() != 7 {
				t.Errorf("written through %d, read through %d: %v, %v", i, j, out, err)
			}
			if in, _, err := n.neighbors(key); err != nil || len(in) != 1 ||
				in[0].GetSymbol().GetKey() != person {
				t.Errorf("the other half through %d: %v, %v", j, in, err)
			}
		}
	}
}

// What imports gave is changed by laying properties over it, and in no other way.
func testLaidOver(t *testing.T, nodes []*testNode) {
	ingestFile(nodes[0], "over", "1", file("over", nil, "Laid"))
	resp, err := nodes[1].query().GetSymbol(call(t), &queryv1.GetSymbolRequest{
		Ref: &queryv1.SymbolRef{Symbol: "over.Laid"}})
	if err != nil {
		t.Fatal(err)
	}
	key := resp.GetSymbol().GetKey()
	nodes[1].mustMutate(newTxn(0, setBalance(key, 3)))
	nodes[2].wantBalance(key, 3)
	_, err = nodes[1].mutate(newTxn(0, deleteVertex(key)))
	if graph.ReasonOf(err) != graph.ReasonOwnedByIngest || !graph.IsKind(err, graph.KindConflict) {
		t.Errorf("deleted what an import owns: %v", err)
	}
}

// Who was first stays first: by the start of the transaction, by preconditions, by the read set.
func testConflicts(t *testing.T, nodes []*testNode) {
	made := nodes[0].mustMutate(newTxn(0, createVertex("A", 1), createVertex("A", 1),
		createEdge(madeBy(0), "LINK", madeBy(1))))
	a, b := made.GetResults()[0].GetKey(), made.GetResults()[1].GetKey()
	at := nodes[0].wantBalance(a, 1)
	nodes[1].mustMutate(newTxn(at, setBalance(a, 2), setBalance(b, 2)))
	want := func(what string, req *writev1.MutateRequest, reason graph.Reason) {
		t.Helper()
		_, err := nodes[2].mutate(req)
		if !graph.IsKind(err, graph.KindConflict) || graph.ReasonOf(err) != reason {
			t.Errorf("%s: %v", what, err)
		}
	}
	want("changed since, one shard", newTxn(at, setBalance(a, 9)), graph.ReasonChanged)
	want("changed since", newTxn(at, setBalance(a, 9), setBalance(b, 9)), graph.ReasonChanged)
	want("with edges", newTxn(0, deleteVertex(a)), graph.ReasonHasEdges)
	demand := newTxn(0, setBalance(b, 9))
	demand.Preconditions = []*writev1.Precondition{{On: vertexElement(a),
		Demand: &writev1.Precondition_Equals{Equals: &writev1.PropertyEquals{Property: "balance",
			Value: intValue(1)}}}}
	want("precondition", demand, graph.ReasonPrecondition)
	skew := newTxn(at, createVertex("B", 1))
	skew.Reads = []*writev1.ReadEntry{{What: &writev1.ReadEntry_Vertex{Vertex: byKey(a)}}}
	skew.Validate = true
	want("read set", skew, graph.ReasonChanged)
	skew = newTxn(at, createVertex("B", 1))
	nodes[2].mustMutate(skew)
	nodes[0].wantBalance(a, 2)
	nodes[1].wantBalance(b, 2)
}

// A transaction that is sent again, through whichever node, takes effect once and answers the same;
// so does one that was refused.
func testOnce(t *testing.T, nodes []*testNode) {
	made := nodes[0].mustMutate(newTxn(0, createVertex("A", 1), createVertex("A", 1)))
	a, b := made.GetResults()[0].GetKey(), made.GetResults()[1].GetKey()
	for _, req := range []*writev1.MutateRequest{newTxn(0, setBalance(a, 2)),
		newTxn(0, setBalance(a, 3), setBalance(b, 3))} {
		first := nodes[0].mustMutate(req)
		nodes[1].mustMutate(newTxn(0, setBalance(a, 10), setBalance(b, 10)))
		for i, n := range nodes {
			again, err := n.mutate(req)
			if err != nil || again.GetCommitTimestamp() != first.GetCommitTimestamp() {
				t.Errorf("through node %d: %v and %v, %v", i, first, again, err)
			}
			n.wantBalance(a, 10)
		}
	}
	refused := newTxn(0, setBalance(a, 4))
	refused.Preconditions = []*writev1.Precondition{{On: vertexElement(a),
		Demand: &writev1.Precondition_Absent{Absent: true}}}
	for i, n := range nodes {
		if _, err := n.mutate(refused); graph.ReasonOf(err) != graph.ReasonPrecondition {
			t.Errorf("through node %d: %v", i, err)
		}
	}
}

// lost begins a transaction over two vertices as a gateway would, and dies when all have prepared,
// or when it is decided. It returns how the vertices are called.
func lost(t *testing.T, nodes []*testNode, decide bool) (a, b string) {
	t.Helper()
	made := nodes[0].mustMutate(newTxn(0, createVertex("A", 1), createVertex("A", 1),
		createVertex("A", 1)))
	a, b = made.GetResults()[0].GetKey(), ""
	f := forTxns{nodes[0].Node}
	shardOf := func(key string) uint64 {
		return nodes[0].meta.state.Snapshot().Map().ShardOf(graph.SlotOf(key)).ID
	}
	for _, r := range made.GetResults()[1:] {
		if shardOf(r.GetKey()) != shardOf(a) {
			b = r.GetKey()
		}
	}
	if b == "" { // one in 256
		return lost(t, nodes, decide)
	}
	start, err := f.Draw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	part := graph.TxnPart{}
	for _, key := range []string{a, b} {
		part.Mutations = append(part.Mutations, graph.Mutation{Kind: graph.MutateSet,
			On: graph.Element{Vertex: graph.RefOf(key)}, Set: graph.Properties{"balance": int64(2)}})
	}
	parts, err := part.Split(f.Shards())
	if err != nil {
		t.Fatal(err)
	}
	id := graph.TxnID(newTxn(0).GetTransactionId())
	for i := range parts {
		p := &graph.Prepare{Txn: id, Primary: part.Primary(), Slots: parts[i].Slots, Start: start,
			Participants: []graph.SlotRange{parts[0].Slots, parts[1].Slots}, Part: parts[i].Part}
		resp, err := f.Transact(call(t), &peerv1.TransactRequest{ShardId: parts[i].Shard,
			Step: peerv1.TransactionStep_TRANSACTION_STEP_PREPARE, Body: p.Encode()})
		if err != nil || resp.GetRefusal() != nil {
			t.Fatal(resp, err)
		}
	}
	if decide {
		at, err := f.Draw(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		d := &graph.Decide{Txn: id, Primary: part.Primary(), Start: start, Commit: at}
		resp, err := f.Transact(call(t), &peerv1.TransactRequest{ShardId: shardOf(a),
			Step: peerv1.TransactionStep_TRANSACTION_STEP_DECIDE, Body: d.Encode()})
		if err != nil || resp.GetRefusal() != nil {
			t.Fatal(resp, err)
		}
	}
	return a, b
}

// A coordinator that is lost before the decision leaves nothing for good: whoever meets its locks
// aborts it when their time is over.
func testLostUndecided(t *testing.T, nodes []*testNode) {
	a, b := lost(t, nodes, false)
	_, err := nodes[1].mutate(newTxn(0, setBalance(b, 3)))
	if graph.ReasonOf(err) != graph.ReasonLocked {
		t.Errorf("a lock was passed: %v", err)
	}
	nodes[2].wantBalance(a, 1) // waits
	nodes[1].wantBalance(b, 1)
	nodes[1].mustMutate(newTxn(0, setBalance(b, 4)))
	nodes[0].wantBalance(b, 4)
}

// One that is lost after the decision has committed: readers see it at once.
func testLostDecided(t *testing.T, nodes []*testNode) {
	began := time.Now()
	a, b := lost(t, nodes, true)
	nodes[2].wantBalance(b, 2)
	nodes[1].wantBalance(a, 2)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the end of a decided transaction took %v", took)
	}
}

// A lock that nobody meets goes, too: the leaders of shards look after them.
func testLostUnmissed(t *testing.T, nodes []*testNode) {
	lost(t, nodes, true)
	lost(t, nodes, false)
	eventually(t, "nothing is left over", func() error {
		for _, n := range nodes {
			open, _ := n.groups.List()
			for _, r := range open {
				if p := r.State().Pending(); len(p) > 0 {
					return fmt.Errorf("shard %d: %v", r.Desc().ID, p)
				}
			}
		}
		return nil
	})
}

// testBank: eight workers transfer between accounts while others look, and the total stays.
func testBank(t *testing.T, nodes []*testNode) {
	bank := openBank(nodes[0])
	var done sync.WaitGroup
	var transfers atomic.Int64
	for w := range 8 {
		done.Go(func() {
			for transfers.Load() < enough && !t.Failed() {
				if bank.transfer(nodes[w%len(nodes)]) {
					transfers.Add(1)
				}
			}
		})
	}
	for i := range 2 {
		done.Go(func() {
			for transfers.Load() < enough && !t.Failed() {
				bank.audit(nodes[(i+1)%len(nodes)])
			}
		})
	}
	done.Wait()
	for _, n := range nodes {
		bank.audit(n)
	}
}

const accounts, opening, enough = 6, 100, 40

// bank is a vertex with edges to accounts.
type bank struct{ hub string }

func openBank(n *testNode) *bank {
	n.t.Helper()
	ops := []*writev1.Operation{createVertex("Bank", 0)}
	for i := range accounts {
		ops = append(ops, createVertex("Account", opening),
			createEdge(madeBy(0), "HOLDS", madeBy(2*i+1)))
	}
	return &bank{n.mustMutate(newTxn(0, ops...)).GetResults()[0].GetKey()}
}

// audit reads all accounts at one timestamp.
func (b *bank) audit(n *testNode) (keys []string, balances []int64, at uint64) {
	list, at, err := n.neighbors(b.hub)
	total := int64(0)
	for _, r := range list {
		keys = append(keys, r.GetSymbol().GetKey())
		balances = append(balances, r.GetSymbol().GetProperties()["balance"].GetIntValue())
		total += balances[len(balances)-1]
	}
	if err != nil && !passes(err) {
		n.t.Errorf("reading the accounts: %v", err)
	}
	if err == nil && total != accounts*opening {
		n.t.Errorf("at %d the total of %v is %d", at, balances, total)
	}
	return keys, balances, at
}

// transfer tells whether it moved something.
func (b *bank) transfer(n *testNode) bool {
	keys, balances, at := b.audit(n)
	if len(keys) != accounts {
		return false
	}
	i, j := mathrand.N(accounts), mathrand.N(accounts-1)
	if j >= i {
		j++
	}
	req := newTxn(at, setBalance(keys[i], balances[i]-3), setBalance(keys[j], balances[j]+3))
	_, err := n.mutate(req)
	if err != nil && graph.KindOf(err) != graph.KindConflict && !passes(err) {
		n.t.Errorf("transfer: %v", err)
	}
	return err == nil
}

// passes tells whether an error may come of a leader that is replaced.
func passes(err error) bool {
	switch graph.KindOf(err) {
	case graph.KindUnavailable, graph.KindUnknown, graph.KindNotLeader, graph.KindDeadline,
		graph.KindCanceled:
		return true
	}
	return false
}

// TestTransactionsOverLeaders: a node dies while transactions run: those that are acknowledged
// stay, the total holds, and nothing stays locked.
func TestTransactionsOverLeaders(t *testing.T) {
	t.Parallel()
	nodes := three(t)
	b := openBank(nodes[0])
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var done sync.WaitGroup
	var moved, after atomic.Int64
	var killed atomic.Bool
	for w := range 5 {
		via := nodes[w%3]
		done.Go(func() {
			for ctx.Err() == nil && (via != nodes[2] || !killed.Load()) {
				if b.transfer(via) {
					moved.Add(1)
					if killed.Load() {
						after.Add(1)
					}
				}
			}
		})
	}
	wait := func(what string, count *atomic.Int64) {
		eventually(t, what, func() error {
			if n := count.Load(); n < 10 {
				return fmt.Errorf("%d transfers", n)
			}
			return nil
		})
	}
	wait("transfers run", &moved)
	killed.Store(true)
	nodes[2].crash() // a coordinator, too
	wait("transfers go on without a node", &after)
	stop()
	done.Wait()
	eventually(t, "the total holds", func() error {
		if keys, _, _ := b.audit(nodes[0]); len(keys) != accounts {
			return fmt.Errorf("%d accounts", len(keys))
		}
		return nil
	})
}
