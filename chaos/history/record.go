package history

import (
	"encoding/json"
	"time"
)

// Type is the type of a line.
type Type string

// The types of lines.
const (
	TypeHead  Type = "head"   // first line: what run this is
	Invoke    Type = "invoke" // a client asks
	OK        Type = "ok"     // it was done, and the answer is known
	Fail      Type = "fail"   // it was definitely not done and never will be
	Info      Type = "info"   // not known: it may have been done, or may be at any later time
	TypeFault Type = "fault"  // a nemesis begins or ends something
	TypePhase Type = "phase"  // a part of the run begins
	TypeSeen  Type = "seen"   // something seen beside the operations: digests, halves, jobs
	TypeEnd   Type = "end"    // last line: nothing was lost at the end
)

// The phases of a run, in order.
const (
	Clean  = "clean"  // traffic without faults: the gate on the rate looks at it
	Faults = "faults" // faults come and go
	Healed = "healed" // from here on everything has to recover
	Final  = "final"  // last reads, from every replica
)

// Mode is what a read promises.
type Mode string

// The modes of reads. The empty one counts as Strong: a checker is strict unless told otherwise.
const (
	Strong   Mode = "strong"   // shows all that was acknowledged before it began
	AtLeast  Mode = "at_least" // shows all up to the timestamp in Floor
	Snapshot Mode = "snapshot" // consistent, maybe old
	AsOf     Mode = "as_of"    // at a named timestamp
)

// Head says which run a history belongs to and how to repeat and check it.
type Head struct {
	Cell     string          `json:"cell"`     // "bank/move"
	Workload string          `json:"workload"` // "bank", or several: "bank set"
	Nemesis  string          `json:"nemesis"`  // "move"; "none" for a run without faults
	Seed     int64           `json:"seed,omitempty"`
	Commit   string          `json:"commit,omitempty"`
	Bug      string          `json:"bug,omitempty"`    // the planted bug, if any
	Replay   string          `json:"replay,omitempty"` // the command that repeats the run
	Note     string          `json:"note,omitempty"`
	Config   json.RawMessage `json:"config,omitempty"` // check.Config of this run
}

// At is where and when an answer was made, as the cluster said it.
type At struct {
	Timestamp uint64    `json:"ts,omitempty"` // of the read's view, or of the commit
	Token     string    `json:"token,omitempty"`
	Node      string    `json:"node,omitempty"` // which node the client asked
	Shards    []ShardAt `json:"shards,omitempty"`
}

// ShardAt is what one shard's replica said.
type ShardAt struct {
	Shard   uint64 `json:"shard"`
	Epoch   uint64 `json:"epoch,omitempty"`
	Applied uint64 `json:"applied,omitempty"`
	Node    string `json:"node,omitempty"` // which replica
}

// Effect is what a fault was measured to have done: packets dropped, processes killed, bytes lost.
type Effect map[string]int64

// Any says whether anything at all was measured.
func (e Effect) Any() bool {
	for _, n := range e {
		if n != 0 {
			return true
		}
	}
	return false
}

// Observation is something seen beside the operations.
type Observation struct {
	Kind    string          `json:"kind"` // SeenDigest, SeenHalves, SeenApplied, SeenJob, ...
	Name    string          `json:"name,omitempty"`
	Node    string          `json:"node,omitempty"`
	Shard   uint64          `json:"shard,omitempty"`
	Epoch   uint64          `json:"epoch,omitempty"`
	Applied uint64          `json:"applied,omitempty"`
	Value   json.RawMessage `json:"value,omitempty"`
	Index   int             `json:"-"` // its line
	Time    time.Duration   `json:"-"`
}

// The kinds of observations that checkers know.
const (
	SeenDigest  = "digest"  // value: a replica's digest at an applied index, as text
	SeenHalves  = "halves"  // value: check.Halves
	SeenApplied = "applied" // value: how often a shard's log applied each operation id
	SeenJob     = "job"     // name: a move, split or join; value: check.JobRunning and so on
)

// faultLine is a fault on its line; stage begin has kind and targets, stage end the effect.
type faultLine struct {
	ID      int      `json:"id"`
	Stage   string   `json:"stage"`
	Kind    string   `json:"kind,omitempty"`
	Targets []string `json:"targets,omitempty"`
	Effect  Effect   `json:"effect,omitempty"`
	Note    string   `json:"note,omitempty"`
}

const (
	stageBegin = "begin"
	stageEnd   = "end"
)

// line is one line of the file.
type line struct {
	I        int             `json:"i"`
	T        int64           `json:"t"`              // microseconds, monotonic
	Wall     int64           `json:"wall,omitempty"` // microseconds, Unix
	Type     Type            `json:"type"`
	Process  int             `json:"p,omitempty"`
	Kind     string          `json:"op,omitempty"`
	Key      string          `json:"key,omitempty"`
	ID       string          `json:"id,omitempty"`
	Session  string          `json:"session,omitempty"`
	Mode     Mode            `json:"mode,omitempty"`
	Floor    uint64          `json:"floor,omitempty"`
	Deadline int64           `json:"deadline,omitempty"` // microseconds after the invocation
	Due      int64           `json:"due,omitempty"`      // microseconds since the start
	Value    json.RawMessage `json:"value,omitempty"`
	Error    string          `json:"error,omitempty"`
	At       *At             `json:"at,omitempty"`
	Head     *Head           `json:"head,omitempty"`
	Phase    string          `json:"phase,omitempty"`
	Fault    *faultLine      `json:"fault,omitempty"`
	Seen     *Observation    `json:"seen,omitempty"`
}
