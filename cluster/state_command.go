package cluster

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/codegraphdb/codegraph/graph"
)

// MaxCommandBytes bounds an encoded command.
const MaxCommandBytes = 4 << 20

const commandFormat = 2

// Command is a change of the state: one of the types of this file and of nobody else's.
type Command interface {
	// Kind is the command's name in the log; stored.
	Kind() string

	validate() error
	stamp(s Stamp) error
	apply(d *data) (any, error)
}

// Stamp is what a leader of the meta group puts into a command as it proposes it.
type Stamp struct {
	NowMillis int64
	// Term is the term in which the leader proposes: in another one the command does not apply.
	Term uint64
	// Draw takes the next timestamp from the oracle. It is called for a command that needs one,
	// which must then be proposed before the next is drawn.
	Draw func() (graph.Timestamp, error)
}

// Init founds the cluster. Repeating it is harmless; another cluster id is refused.
type Init struct {
	ClusterID         string   `json:"cluster_id"`
	Name              string   `json:"name"`
	Nodes             []string `json:"nodes"`
	Shards            int      `json:"shards"`
	ReplicationFactor int      `json:"rf"`
	NowMillis         int64    `json:"now"`
}

// RegisterNode adds a node or updates what is known of it.
type RegisterNode struct {
	ID         string `json:"id"`
	ClientAddr string `json:"client"`
	PeerAddr   string `json:"peer"`
	OpsAddr    string `json:"ops"`
	Locality   string `json:"locality,omitempty"`
	Version    string `json:"version"`
	NowMillis  int64  `json:"now"`
}

// OpenImport takes a repository's lock and starts an import. The same RequestID gets the same
// answer again.
type OpenImport struct {
	RepoName string    `json:"repo"`
	Revision string    `json:"revision"`
	Packages []Package `json:"packages,omitempty"`
	Commits  []string  `json:"commits,omitempty"` // recent ones, newest first
	Replace  bool      `json:"replace,omitempty"` // take the name whatever is stored under it
	// MakeCurrent allows a commit that is older than the repository's current one.
	MakeCurrent bool   `json:"make_current,omitempty"`
	Delete      bool   `json:"delete,omitempty"` // the revision is the empty tree
	Holder      string `json:"holder"`
	RequestID   string `json:"request"`
	// Reopen is the attempt that the caller knows: the import is opened as the next one, which
	// shuts out whoever still writes under it. Zero does not ask for that.
	Reopen    uint32          `json:"reopen,omitempty"`
	NowMillis int64           `json:"now"`
	At        graph.Timestamp `json:"at"` // drawn by the leader; the import's id belongs to it
}

// RenewImport keeps the lock of an import for another lease.
type RenewImport struct {
	Import    graph.Timestamp `json:"import"`
	Attempt   uint32          `json:"attempt"`
	NowMillis int64           `json:"now"`
}

// CommitImport makes a revision visible. Seals cover every shard of the map, each once.
type CommitImport struct {
	Import    graph.Timestamp `json:"import"`
	Attempt   uint32          `json:"attempt"`
	Seals     []ShardIndex    `json:"seals"`
	Stats     Stats           `json:"stats"`
	NowMillis int64           `json:"now"`
	At        graph.Timestamp `json:"at"` // drawn by the leader: the commit timestamp
}

// AbortImport gives an import up.
type AbortImport struct {
	Import    graph.Timestamp `json:"import"`
	Attempt   uint32          `json:"attempt"`
	Reason    string          `json:"reason"`
	NowMillis int64           `json:"now"`
}

// Expire drops the pins that have expired and aborts the imports whose lease has ended. A lease
// counts from the last renewal or from when the proposer came to lead, whichever is later: nobody
// could renew while nobody led.
type Expire struct {
	NowMillis     int64 `json:"now"`
	LeadingMillis int64 `json:"leading"` // when the proposer came to lead, by the same clock
}

// OutcomeDone says at which index of their logs shards have written the outcome of an import.
type OutcomeDone struct {
	Import graph.Timestamp `json:"import"`
	Shards []ShardIndex    `json:"shards"`
}

// Kind implements Command.
func (*Init) Kind() string { return "init" }

// Kind implements Command.
func (*RegisterNode) Kind() string { return "register-node" }

// Kind implements Command.
func (*OpenImport) Kind() string { return "open" }

// Kind implements Command.
func (*RenewImport) Kind() string { return "renew" }

// Kind implements Command.
func (*CommitImport) Kind() string { return "commit" }

// Kind implements Command.
func (*AbortImport) Kind() string { return "abort" }

// Kind implements Command.
func (*Expire) Kind() string { return "expire" }

// Kind implements Command.
func (*OutcomeDone) Kind() string { return "outcome-done" }

func (c *Init) stamp(s Stamp) error         { c.NowMillis = s.NowMillis; return nil }
func (c *RegisterNode) stamp(s Stamp) error { c.NowMillis = s.NowMillis; return nil }
func (c *RenewImport) stamp(s Stamp) error  { c.NowMillis = s.NowMillis; return nil }
func (c *AbortImport) stamp(s Stamp) error  { c.NowMillis = s.NowMillis; return nil }
func (c *Expire) stamp(s Stamp) error       { c.NowMillis = s.NowMillis; return nil }
func (*OutcomeDone) stamp(Stamp) error      { return nil }

func (c *OpenImport) stamp(s Stamp) (err error) {
	c.NowMillis = s.NowMillis
	c.At, err = s.Draw()
	return err
}

func (c *CommitImport) stamp(s Stamp) (err error) {
	c.NowMillis = s.NowMillis
	c.At, err = s.Draw()
	return err
}

// newCommand returns an empty command of a kind, nil if it is not known.
func newCommand(kind string) Command {
	for _, c := range []Command{&Init{}, &RegisterNode{}, &OpenImport{}, &RenewImport{},
		&CommitImport{}, &AbortImport{}, &Expire{}, &OutcomeDone{}, &ExtendWindow{}, &AddPin{},
		&RemovePin{}, &AdvanceSafepoint{}, &StartOperator{}, &AdvanceOperator{},
		&CancelOperator{}, &EnableTransactions{}} {
		if c.Kind() == kind {
			return c
		}
	}
	return nil
}

// envelope is what stands in the log.
type envelope struct {
	V    int             `json:"v"`
	Kind string          `json:"kind"`
	Term uint64          `json:"term"`
	Body json.RawMessage `json:"body"`
}

// EncodeCommand checks a command and returns the bytes to send to the leader, for PrepareCommand.
func EncodeCommand(c Command) ([]byte, error) { return encodeCommand(c, 0) }

func encodeCommand(c Command, term uint64) ([]byte, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	body, err := json.Marshal(c)
	if err != nil {
		return nil, invalid("command %s: %w", c.Kind(), err)
	}
	b, err := json.Marshal(envelope{V: commandFormat, Kind: c.Kind(), Term: term, Body: body})
	if err == nil && len(b) > MaxCommandBytes {
		return nil, graph.Errorf(opApply, graph.KindLimit, "command %s has %d bytes (limit %d)",
			c.Kind(), len(b), MaxCommandBytes)
	}
	return b, err
}

// PrepareCommand is what a leader does with a command that it was sent, before it proposes it: the
// bytes are checked, so that nothing enters the log that Apply would have to call fatal, and get
// the leader's time and term.
func PrepareCommand(b []byte, s Stamp) ([]byte, error) {
	c, err := DecodeCommand(b)
	if err != nil {
		return nil, err
	}
	if err := c.stamp(s); err != nil {
		return nil, err
	}
	return encodeCommand(c, s.Term)
}

// DecodeCommand decodes what EncodeCommand gave.
func DecodeCommand(b []byte) (Command, error) {
	c, _, err := decodeCommand(b)
	return c, err
}

func decodeCommand(b []byte) (Command, uint64, error) {
	const op = "cluster.DecodeCommand"
	if len(b) > MaxCommandBytes {
		return nil, 0, graph.Errorf(op, graph.KindLimit, "command has %d bytes (limit %d)", len(b),
			MaxCommandBytes)
	}
	var e envelope
	if err := decodeStrict(b, &e); err != nil {
		return nil, 0, graph.Errorf(op, graph.KindInvalid, "command: %w", err)
	}
	c := newCommand(e.Kind)
	if e.V != commandFormat || c == nil {
		return nil, 0, graph.Errorf(op, graph.KindUnsupported, "command %q of version %d is not known",
			e.Kind, e.V)
	}
	if err := decodeStrict(e.Body, c); err != nil {
		return nil, 0, graph.Errorf(op, graph.KindInvalid, "command %s: %w", e.Kind, err)
	}
	return c, e.Term, nil
}

// decodeStrict decodes exactly one JSON object without unknown fields.
func decodeStrict(b []byte, into any) error {
	if len(b) == 0 || b[0] != '{' {
		return fmt.Errorf("not a JSON object")
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return fmt.Errorf("something follows the JSON object")
	}
	return nil
}
