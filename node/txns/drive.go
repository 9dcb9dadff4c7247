package txns

import (
	"context"
	"time"

	peerv1 "github.com/codegraphdb/codegraph/api/codegraph/peer/v1"
	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/txn"
)

const opMutate = "txns.Mutate"

const (
	// driveFor is how long a transaction is driven; what is left then is for those who meet its locks.
	driveFor  = 20 * time.Second
	stepFor   = 5 * time.Second
	stepAgain = 25 * time.Millisecond
)

// run is a transaction that this node coordinates.
type run struct {
	local   *Local
	id      txn.ID
	primary graph.Slot
	start   graph.Timestamp
	parts   []graph.ShardPart
	main    int // the part of the primary

	events chan func(*txn.Coordinator) []txn.Action
	held   *txn.Request // the primary's resolution, which comes last
	open   int          // parts besides that are not resolved

	answered chan struct{}
	out      txn.Outcome // once answered
	failed   error       // once answered: it did not begin
}

// do carries a transaction out. It goes on when ctx ends; asking again joins it.
func (l *Local) do(ctx context.Context, id txn.ID, start graph.Timestamp, part *graph.TxnPart) (
	graph.Timestamp, error) {
	l.mu.Lock()
	r := l.running[id]
	if r == nil {
		r = &run{local: l, id: id, primary: part.Primary(), start: start,
			answered: make(chan struct{}), events: make(chan func(*txn.Coordinator) []txn.Action)}
		l.running[id] = r
		l.tasks.Go(func() {
			r.carry(part)
			l.mu.Lock()
			delete(l.running, id)
			l.mu.Unlock()
		})
	}
	l.mu.Unlock()
	select {
	case <-r.answered:
	case <-ctx.Done():
		return 0, r.unknown()
	}
	switch {
	case r.failed != nil:
		return 0, r.failed
	case r.out.Err != nil:
		return 0, r.out.Err
	}
	return r.out.Commit, nil
}

func (r *run) unknown() error {
	return graph.Errorf(opMutate, graph.KindUnknown,
		"it is not known yet what becomes of transaction %s", r.id).
		WithRemedy("ask again with the same id")
}

// carry drives the transaction to its end.
func (r *run) carry(part *graph.TxnPart) {
	ctx, cancel := context.WithTimeout(r.local.ctx, driveFor)
	defer cancel()
	c, err := r.begin(ctx, part)
	if err != nil {
		r.failed = err
		close(r.answered)
		return
	}
	renew := time.NewTicker(r.local.ttl / 4)
	defer renew.Stop()
	r.act(ctx, c.Start())
	for !c.Ended() {
		select {
		case event := <-r.events:
			r.act(ctx, event(c))
		case <-renew.C:
			if c.Renews() {
				r.renew(ctx)
			}
		case <-ctx.Done():
			if _, decided := c.Outcome(); !decided {
				r.failed = r.unknown()
				close(r.answered)
			}
			return
		}
	}
}

// begin splits the transaction. What runs across shards and is not the first try takes up where the
// other one is.
func (r *run) begin(ctx context.Context, part *graph.TxnPart) (*txn.Coordinator, error) {
	var err error
	if r.parts, err = part.Split(r.local.cluster.Shards()); err != nil {
		return nil, err
	}
	if len(r.parts) == 0 {
		return nil, graph.Errorf(opMutate, graph.KindInvalid, "transaction %s does nothing", r.id)
	}
	for i := range r.parts {
		if r.parts[i].Slots.Has(r.primary) {
			r.main = i
		}
	}
	if len(r.parts) > 1 && r.start == 0 {
		if err := r.draw(ctx); err != nil {
			return nil, err
		}
	}
	return txn.NewCoordinator(txn.Begin{ID: r.id, Participants: len(r.parts), Primary: r.main})
}

// draw takes the start from the record, if there is one, else from the oracle.
func (r *run) draw(ctx context.Context) error {
	resp, err := r.local.ask(ctx, r.primary, &peerv1.TransactRequest{TransactionId: r.id[:],
		Step: peerv1.TransactionStep_TRANSACTION_STEP_STATUS, Slot: uint32(r.primary)})
	if err != nil {
		return err
	}
	rec, err := decoded(resp)
	if err != nil {
		return err
	}
	if rec != nil {
		r.start = rec.Start
		return nil
	}
	r.start, err = r.local.cluster.Draw(ctx)
	return err
}

// act carries out what the coordinator wants.
func (r *run) act(ctx context.Context, actions []txn.Action) {
	for _, a := range actions {
		switch {
		case a.Answer != nil:
			r.out, r.open = *a.Answer, len(r.parts)-1
			close(r.answered)
		case a.AskTime:
			r.local.tasks.Go(func() { r.event(ctx, r.time(ctx)) })
		case a.Send.Op == txn.Resolve && a.Send.Part == r.main && r.open > 0:
			r.held = a.Send
		default:
			r.send(ctx, a.Send)
		}
	}
}

func (r *run) send(ctx context.Context, req *txn.Request) {
	r.local.tasks.Go(func() {
		reply := r.step(ctx, req)
		r.event(ctx, func(c *txn.Coordinator) []txn.Action {
			next := c.Step(reply)
			if req.Op == txn.Resolve && !reply.Lost && req.Part != r.main {
				if r.open--; r.open == 0 && r.held != nil {
					next = append(next, txn.Action{Send: r.held})
				}
			}
			return next
		})
	})
}

// event gives the coordinator something, unless it is gone.
func (r *run) event(ctx context.Context, e func(*txn.Coordinator) []txn.Action) {
	select {
	case r.events <- e:
	case <-ctx.Done():
	}
}

// time draws the commit timestamp, now that all have prepared (T5).
func (r *run) time(ctx context.Context) func(*txn.Coordinator) []txn.Action {
	at, err := r.local.cluster.Draw(ctx)
	if err != nil {
		pause(ctx)
		return (*txn.Coordinator).TimeLost
	}
	return func(c *txn.Coordinator) []txn.Action { return c.Time(at) }
}

func pause(ctx context.Context) {
	select {
	case <-time.After(stepAgain):
	case <-ctx.Done():
	}
}

// step sends a request and waits for what became of it.
func (r *run) step(ctx context.Context, req *txn.Request) txn.Reply {
	reply := txn.Reply{Op: req.Op, Part: req.Part}
	within, cancel := context.WithTimeout(ctx, stepFor)
	defer cancel()
	resp, err := r.local.cluster.Transact(within, r.request(req))
	var rec *graph.TxnRecord
	if err == nil {
		rec, err = decoded(resp)
	}
	if err != nil {
		r.local.logger.Debug("a step of a transaction is lost", "transaction", r.id, "step", req.Op,
			"part", req.Part, "err", err)
		pause(ctx)
		reply.Lost = true
		return reply
	}
	reply.Record, reply.Refused = recordOf(rec), refusal(resp)
	return reply
}

// request makes the bytes of a request.
func (r *run) request(req *txn.Request) *peerv1.TransactRequest {
	p := &r.parts[req.Part]
	id := graph.TxnID(r.id)
	out := &peerv1.TransactRequest{ShardId: p.Shard, TransactionId: r.id[:]}
	switch req.Op {
	case txn.OnePhase:
		t := &graph.OnePhase{Txn: id, Primary: r.primary, Start: r.start, Part: p.Part}
		out.Step, out.Body = peerv1.TransactionStep_TRANSACTION_STEP_ONE_PHASE, t.Encode()
	case txn.Prepare:
		t := &graph.Prepare{Txn: id, Primary: r.primary, Slots: p.Slots, Start: r.start, Part: p.Part}
		if req.Part == r.main {
			for i := range r.parts {
				t.Participants = append(t.Participants, r.parts[i].Slots)
			}
		}
		out.Step, out.Body = peerv1.TransactionStep_TRANSACTION_STEP_PREPARE, t.Encode()
	case txn.Decide:
		t := &graph.Decide{Txn: id, Primary: r.primary, Start: r.start, Commit: req.Outcome.Commit}
		out.Step, out.Body = peerv1.TransactionStep_TRANSACTION_STEP_DECIDE, t.Encode()
	case txn.Resolve:
		t := &graph.Resolve{Txn: id, Primary: r.primary, Slots: p.Slots, Start: r.start,
			Commit: req.Outcome.Commit, Final: req.Part == r.main}
		out.Step, out.Body = peerv1.TransactionStep_TRANSACTION_STEP_RESOLVE, t.Encode()
	}
	return out
}

// renew tells the primary that the transaction goes on.
func (r *run) renew(ctx context.Context) {
	r.local.tasks.Go(func() {
		within, cancel := context.WithTimeout(ctx, stepFor)
		defer cancel()
		_, err := r.local.ask(within, r.primary, &peerv1.TransactRequest{TransactionId: r.id[:],
			Step: peerv1.TransactionStep_TRANSACTION_STEP_RENEW, Slot: uint32(r.primary)})
		if err != nil {
			r.local.logger.Debug("a transaction is not renewed", "transaction", r.id, "err", err)
		}
	})
}
