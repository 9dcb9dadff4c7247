package chaos

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/codegraphdb/codegraph"
	queryv1 "github.com/codegraphdb/codegraph/api/codegraph/query/v1"
	writev1 "github.com/codegraphdb/codegraph/api/codegraph/write/v1"
	"github.com/codegraphdb/codegraph/chaos/check"
	record "github.com/codegraphdb/codegraph/chaos/history"
	"github.com/codegraphdb/codegraph/graph"
)

const (
	registers     = 4
	registerUsers = 6
	registerWait  = 5 * time.Second // of one operation
)

// TestRegisters: vertices as registers that clients write, compare and set, and read strongly,
// while nodes are killed and come back, form a history that some order explains.
func TestRegisters(t *testing.T) {
	r := newRig(t, 3)
	var file bytes.Buffer
	rec := record.NewRecorder(&file, record.Head{Cell: "register/kill", Workload: "register",
		Nemesis: "kill"}, record.Options{})
	keys := makeRegisters(t, r.client())
	ctx, stop := context.WithCancel(t.Context())
	var users sync.WaitGroup
	var values, acked atomic.Int64
	for range registerUsers {
		u := &registerUser{client: r.client(), log: rec.Client(), keys: keys, values: &values,
			acked: &acked}
		users.Go(func() { u.run(ctx) })
	}
	for i := range 3 {
		before := acked.Load()
		more := func() bool { return acked.Load() >= before+30 }
		wait(t, readyWithin, "operations go on", more)
		if err := r.Kill(i); err != nil {
			t.Fatal(err)
		}
		before = acked.Load()
		wait(t, readyWithin, "operations go on without a node", more)
		r.startNode(i)
	}
	stop()
	users.Wait()
	if err := rec.Close(); err != nil {
		t.Fatal(err)
	}
	h, err := record.Read(&file)
	if err != nil {
		t.Fatal(err)
	}
	v := check.Run(h, []check.Checker{check.Register()}, check.Config{})
	if t.Log(v.String()); v.Valid != check.True {
		t.Error("no order of the operations explains the history")
	}
}

// makeRegisters makes the vertices, with no value yet.
func makeRegisters(t *testing.T, c *codegraph.Client) (keys []string) {
	t.Helper()
	req := &writev1.MutateRequest{}
	for range registers {
		v := &writev1.CreateVertex{Labels: []string{"Register"}}
		req.Operations = append(req.Operations, &writev1.Operation{
			What: &writev1.Operation_CreateVertex{CreateVertex: v}})
	}
	ctx, cancel := context.WithTimeout(t.Context(), readyWithin)
	defer cancel()
	resp, err := c.Mutate(ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	for _, made := range resp.GetResults() {
		keys = append(keys, made.GetKey())
	}
	return keys
}

// registerUser does one operation after the other.
type registerUser struct {
	client *codegraph.Client
	log    *record.Client
	keys   []string
	values *atomic.Int64 // every value is written once
	acked  *atomic.Int64
	seen   int64
}

func (u *registerUser) run(ctx context.Context) {
	for ctx.Err() == nil {
		i := rand.N(len(u.keys))
		name := fmt.Sprintf("r%d", i)
		soon, cancel := context.WithTimeout(context.WithoutCancel(ctx), registerWait)
		switch rand.N(3) {
		case 0:
			u.read(soon, name, u.keys[i])
		case 1:
			u.write(soon, name, u.keys[i])
		default:
			u.swap(soon, name, u.keys[i])
		}
		cancel()
		time.Sleep(time.Duration(rand.N(10)) * time.Millisecond)
	}
}

func (u *registerUser) done(call *record.Call, value any, err error) {
	call.Done(record.Result{Value: value}, err)
	if err == nil {
		u.acked.Add(1)
	}
}

func (u *registerUser) read(ctx context.Context, name, key string) {
	call := u.log.Invoke(record.Request{Kind: check.RegisterRead, Key: name, ReadOnly: true,
		Mode: record.Strong})
	resp, err := u.client.GetSymbol(ctx, &queryv1.GetSymbolRequest{Options: readOptions(true),
		Ref: &queryv1.SymbolRef{Symbol: key}})
	var got *int64
	if v := resp.GetSymbol().GetProperties()["value"]; v != nil {
		u.seen = v.GetIntValue()
		got = &u.seen
	}
	u.done(call, got, err)
}

func (u *registerUser) set(ctx context.Context, key string, to int64,
	demand ...*writev1.Precondition) error {
	_, err := u.client.Mutate(ctx, &writev1.MutateRequest{Preconditions: demand,
		Operations: []*writev1.Operation{{What: &writev1.Operation_Set{Set: &writev1.Set{
			On: registerVertex(key), Properties: map[string]*writev1.Value{"value": integer(to)}}}}}})
	return err
}

func (u *registerUser) write(ctx context.Context, name, key string) {
	to := u.values.Add(1)
	call := u.log.Invoke(record.Request{Kind: check.RegisterWrite, Key: name, Value: to})
	u.done(call, nil, u.set(ctx, key, to))
}

func (u *registerUser) swap(ctx context.Context, name, key string) {
	cas := check.CAS{From: u.seen, To: u.values.Add(1)}
	call := u.log.Invoke(record.Request{Kind: check.RegisterCAS, Key: name, Value: cas})
	err := u.set(ctx, key, cas.To, &writev1.Precondition{On: registerVertex(key),
		Demand: &writev1.Precondition_Equals{Equals: &writev1.PropertyEquals{Property: "value",
			Value: integer(cas.From)}}})
	if graph.ReasonOf(err) == graph.ReasonPrecondition { // known, and no
		u.done(call, false, nil)
		return
	}
	u.done(call, true, err)
}

func registerVertex(key string) *writev1.Element {
	return &writev1.Element{Element: &writev1.Element_Vertex{Vertex: &writev1.VertexRef{
		Ref: &writev1.VertexRef_Key{Key: key}}}}
}

func integer(i int64) *writev1.Value {
	return &writev1.Value{Kind: &writev1.Value_IntValue{IntValue: i}}
}
