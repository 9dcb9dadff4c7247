package txn

import (
	"fmt"

	"github.com/codegraphdb/codegraph/graph"
)

// Begin describes a transaction to NewCoordinator.
type Begin struct {
	ID ID
	// Participants is how many shards it writes, locks or validates. They are numbered from zero.
	Participants int
	// Primary is the number of the one that has the record.
	Primary int
}

// Op is what a participant is asked to do.
type Op uint8

// The requests of a coordinator.
const (
	OnePhase Op = iota + 1 // the whole transaction: there is one participant
	Prepare                // check, stage and lock
	Decide                 // write the outcome into the record
	Resolve                // carry the outcome out
)

// String returns the request's name.
func (op Op) String() string {
	switch op {
	case OnePhase:
		return "one-phase"
	case Prepare:
		return "prepare"
	case Decide:
		return "decide"
	case Resolve:
		return "resolve"
	}
	return "no request"
}

// Action is what the caller does for a coordinator: exactly one of Send, AskTime and Answer is set.
type Action struct {
	Send    *Request
	AskTime bool
	Answer  *Outcome // tell the client; what follows needs nobody who waits
}

// Request goes to a participant. A repeated request is harmless (T7).
type Request struct {
	Op   Op
	Part int
	// Outcome is what Decide asks for and what Resolve carries out: Committed at a timestamp, or
	// Aborted.
	Outcome Record
}

// Outcome is the end of a transaction. Err says why it was aborted.
type Outcome struct {
	Record
	Err error
}

// Reply is what became of a request.
type Reply struct {
	Op   Op
	Part int
	// Record is the record as it is after the request, from the primary; the participant of
	// OnePhase is one. Others leave it zero, or Pending for a prepare.
	Record Record
	// Refused says why a OnePhase or Prepare was not done. That alone ends nothing: the record does.
	Refused error
	// Lost says that nobody knows whether the request was done: it goes out again.
	Lost bool
}

type phase uint8

const (
	beginning phase = iota
	preparing       // or one phase
	timing          // waits for the commit timestamp
	deciding
	resolving
	ended
)

// Coordinator carries one transaction through its steps: replies go in, actions come out (T5, T6).
// Whoever loses a coordinator starts another one with the same Begin, or leaves it to those who
// meet the locks. It is not for concurrent use.
type Coordinator struct {
	b        Begin
	phase    phase
	prepared []bool
	resolved []bool
	want     Record // what Decide asks for
	out      Outcome
	why      error // why it is to be aborted
}

// NewCoordinator returns the coordinator of a transaction.
func NewCoordinator(b Begin) (*Coordinator, error) {
	if b.ID == (ID{}) || b.Participants < 1 || b.Primary < 0 || b.Primary >= b.Participants {
		return nil, graph.Errorf(opRun, graph.KindInvalid,
			"transaction %s has %d participants and primary %d", b.ID, b.Participants, b.Primary)
	}
	return &Coordinator{b: b, prepared: make([]bool, b.Participants),
		resolved: make([]bool, b.Participants)}, nil
}

// Start begins the transaction.
func (c *Coordinator) Start() []Action {
	if c.phase != beginning {
		return nil
	}
	c.phase = preparing
	if c.b.Participants == 1 {
		return c.sendAll(OnePhase)
	}
	return c.sendAll(Prepare)
}

// Step takes a reply. Replies that come late, twice, or out of order are welcome.
func (c *Coordinator) Step(r Reply) []Action {
	if r.Part < 0 || r.Part >= c.b.Participants {
		return nil
	}
	if r.Part == c.b.Primary && r.Record.Decided() && c.phase < resolving {
		if c.why == nil {
			c.why = r.Refused
		}
		return c.decided(r.Record)
	}
	switch {
	case r.Lost:
		return c.again(r.Op, r.Part)
	case r.Op == Prepare && c.phase == preparing:
		return c.stepPrepared(r)
	case r.Op == OnePhase && c.phase == preparing && r.Refused != nil:
		return c.abort(r.Refused)
	case r.Op == Decide && c.phase == deciding: // there is no record to commit: nothing was prepared
		return c.abort(r.Refused)
	case r.Op == Resolve && c.phase == resolving:
		c.resolved[r.Part] = true
		if all(c.resolved) {
			c.phase = ended
		}
	}
	return nil
}

// Time takes the commit timestamp that was asked for.
func (c *Coordinator) Time(at graph.Timestamp) []Action {
	if c.phase != timing {
		return nil
	}
	return c.decide(Record{Status: Committed, Commit: at})
}

// TimeLost says that the oracle did not answer.
func (c *Coordinator) TimeLost() []Action {
	if c.phase != timing {
		return nil
	}
	return []Action{{AskTime: true}}
}

// Abort gives the transaction up, if it is not being decided yet: the client has left, or its time
// is over. What the record says is the answer all the same.
func (c *Coordinator) Abort(why error) []Action {
	if c.phase != preparing && c.phase != timing {
		return nil
	}
	return c.abort(why)
}

// Outcome returns what the record says, once that is known.
func (c *Coordinator) Outcome() (Outcome, bool) { return c.out, c.phase >= resolving }

// Renews tells whether the primary is to be told that the transaction is alive, well within
// LockTTL.
func (c *Coordinator) Renews() bool {
	return c.b.Participants > 1 && c.phase > beginning && c.phase < resolving
}

// Ended tells whether nothing is left to do.
func (c *Coordinator) Ended() bool { return c.phase == ended }

// again repeats a request that the transaction still waits for.
func (c *Coordinator) again(op Op, part int) []Action {
	waits := false
	switch op {
	case OnePhase:
		waits = c.phase == preparing
	case Prepare:
		waits = c.phase == preparing && !c.prepared[part]
	case Decide:
		waits = c.phase == deciding
	case Resolve:
		waits = c.phase == resolving && !c.resolved[part]
	}
	if !waits {
		return nil
	}
	return []Action{c.send(op, part)}
}

func (c *Coordinator) stepPrepared(r Reply) []Action {
	if r.Refused != nil {
		return c.abort(r.Refused)
	}
	c.prepared[r.Part] = true
	if !all(c.prepared) {
		return nil
	}
	c.phase = timing
	return []Action{{AskTime: true}}
}

func (c *Coordinator) abort(why error) []Action {
	c.why = why
	return c.decide(Record{Status: Aborted})
}

func (c *Coordinator) decide(want Record) []Action {
	c.phase, c.want = deciding, want
	return []Action{c.send(Decide, c.b.Primary)}
}

// decided takes what the record says, whatever was asked for: another coordinator of the same
// transaction, or somebody who met a lock, may have been first.
func (c *Coordinator) decided(rec Record) []Action {
	c.out = Outcome{Record: rec}
	if rec.Status == Aborted {
		c.out.Err = c.why
		if c.why == nil {
			c.out.Err = graph.Errorf(opRun, graph.KindConflict, "transaction %s has been aborted: "+
				"somebody who met its locks had heard nothing of it for %s", c.b.ID, LockTTL).
				WithRemedy("run it again under a new id")
		}
	}
	out := c.out
	answer := Action{Answer: &out}
	if c.b.Participants == 1 {
		c.phase = ended
		return []Action{answer}
	}
	c.phase = resolving
	return append([]Action{answer}, c.sendAll(Resolve)...)
}

func (c *Coordinator) sendAll(op Op) []Action {
	var out []Action
	for part := range c.b.Participants {
		out = append(out, c.send(op, part))
	}
	return out
}

func (c *Coordinator) send(op Op, part int) Action {
	r := &Request{Op: op, Part: part}
	switch op {
	case Decide:
		r.Outcome = c.want
	case Resolve:
		r.Outcome = c.out.Record
	}
	return Action{Send: r}
}

// String returns where the transaction stands, e.g. "preparing 1/2".
func (c *Coordinator) String() string {
	names := [...]string{"beginning", "preparing", "timing", "deciding", "resolving", "ended"}
	return fmt.Sprintf("%s %d/%d", names[c.phase], count(c.prepared), c.b.Participants)
}

func all(list []bool) bool { return count(list) == len(list) }

func count(list []bool) int {
	n := 0
	for _, b := range list {
		if b {
			n++
		}
	}
	return n
}
