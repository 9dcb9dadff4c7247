package history

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// Request is what a client asks.
type Request struct {
	Kind     string        // "set.add"
	Key      string        // what checkers partition by
	ID       string        // unique id of a write; made up if empty
	Session  string        // reads and writes of one session see each other
	Mode     Mode          // what a read promises
	Floor    uint64        // the timestamp in the token that was sent along
	Deadline time.Duration // the client gives up after it; 0 for none
	Due      time.Duration // when an open-loop prober meant to send it, since the start
	ReadOnly bool          // has no effect, so that any error is a definite one
	Value    any           // becomes JSON
}

// Result is what came back.
type Result struct {
	Value any // becomes JSON
	At    At
}

// Client invokes operations one after the other. It belongs to one goroutine.
type Client struct {
	rec     *Recorder
	process int
	open    bool
}

// Call is an operation under way.
type Call struct {
	// ID is the operation's id, to be sent along with the write.
	ID string

	client   *Client
	process  int
	readOnly bool
	done     bool
}

// Client returns a new client with a process of its own.
func (r *Recorder) Client() *Client { return &Client{rec: r} }

// Since is the time since the start of the history.
func (r *Recorder) Since() time.Duration {
	_, since := r.opts.Clock()
	return since
}

// Invoke records that the operation begins. After an unknown outcome the client goes on as a new
// process by itself (H3).
func (c *Client) Invoke(q Request) *Call {
	r := c.rec
	value, err := encode(q.Value)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.fail(fmt.Errorf("history: value of %s: %w", q.Kind, err))
	}
	if c.open {
		r.fail(fmt.Errorf("history: process %d invokes %s while another call is under way (remedy: "+
			"one Client for each goroutine, Done for each Invoke)", c.process, q.Kind))
	}
	if q.Kind == "" {
		r.fail(fmt.Errorf("history: process %d invokes an operation without a kind", c.process))
	}
	if c.process == 0 {
		r.processes++
		c.process = r.processes
	}
	c.open = true
	if q.ID == "" {
		q.ID = "o" + strconv.Itoa(r.next)
	}
	r.append(line{Type: Invoke, Process: c.process, Kind: q.Kind, Key: q.Key, ID: q.ID,
		Session: q.Session, Mode: q.Mode, Floor: q.Floor, Deadline: q.Deadline.Microseconds(),
		Due: q.Due.Microseconds(), Value: value})
	return &Call{ID: q.ID, client: c, process: c.process, readOnly: q.ReadOnly}
}

// Done records how the operation ended. What err leaves open is Info (see OutcomeOf); only of a
// read it does not matter.
func (c *Call) Done(res Result, err error) {
	outcome := OutcomeOf(err)
	if outcome == Info && c.readOnly {
		outcome = Fail
	}
	l := line{Type: outcome, Process: c.process}
	if err != nil {
		l.Error = err.Error()
	}
	if res.At.Timestamp != 0 || res.At.Token != "" || res.At.Node != "" || len(res.At.Shards) > 0 {
		l.At = &res.At
	}
	r := c.client.rec
	value, bad := encode(res.Value)
	l.Value = value
	r.mu.Lock()
	defer r.mu.Unlock()
	if bad != nil {
		r.fail(fmt.Errorf("history: answer of %s: %w", c.ID, bad))
	}
	if c.done {
		r.fail(fmt.Errorf("history: %s ends twice", c.ID))
		return
	}
	c.done = true
	c.client.open = false
	if outcome == Info {
		c.client.process = 0
	}
	r.append(l)
}

func encode(v any) (json.RawMessage, error) {
	if v == nil {
		return nil, nil
	}
	return json.Marshal(v)
}
