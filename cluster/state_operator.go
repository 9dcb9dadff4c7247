package cluster

import (
	"fmt"
	"slices"
)

const keptOperators = 64 // ended ones; of those under way there is one for each shard at most

// OperatorKind is what an operator does to a shard.
type OperatorKind string

// The kinds of operators. Stored.
const (
	AddReplica     OperatorKind = "add"
	RemoveReplica  OperatorKind = "remove"
	ReplaceReplica OperatorKind = "replace"
)

// OperatorStep is what an operator has to do next.
type OperatorStep string

// The steps of operators. Stored. What the state does when one is finished stands in brackets.
const (
	StepCheck   OperatorStep = "check"    // can it be done: nodes alive, quorum there
	StepLearner OperatorStep = "learner"  // Raft: add the new replica as a non-voter
	StepCatchUp OperatorStep = "catch-up" // wait until it has what the leader has
	StepVoter   OperatorStep = "voter"    // Raft: make it a voter [it is a replica]
	StepRemove  OperatorStep = "remove"   // Raft: remove the old one [it is dead]
	StepUndo    OperatorStep = "undo"     // Raft: remove the new one [it is dead]
	StepDone    OperatorStep = "done"     // nothing
)

// Operator is a change of a shard's replicas under way. A step is done by the shard's leader and
// may be done twice; then AdvanceOperator says so. Before StepLearner the new replica is put into
// the map as a learner, under an incarnation of its own, so that its node makes it.
type Operator struct {
	ID    string       `json:"id"`
	Kind  OperatorKind `json:"kind"`
	Shard uint64       `json:"shard"`
	Node  string       `json:"node,omitempty"` // gets the new replica
	From  string       `json:"from,omitempty"` // loses the old one; may be Node: it begins anew
	Step  OperatorStep `json:"step"`
	New   Replica      `json:"new,omitzero"`
	Old   Replica      `json:"old,omitzero"`
	// Cancelled is why it does not go on.
	Cancelled     string `json:"cancelled,omitempty"`
	Note          string `json:"note,omitempty"` // what the last step said
	StartedMillis int64  `json:"started"`
	ChangedMillis int64  `json:"changed"`
}

// operators are the operators of the cluster. It is stored.
type operators struct {
	Open  []*Operator `json:"open"`  // in the order in which they started
	Ended []*Operator `json:"ended"` // oldest first
}

// StartOperator starts a change of a shard's replicas: add gives Node one, remove takes From's,
// replace does both. The same id gets the same answer.
type StartOperator struct {
	ID        string       `json:"id"`
	Op        OperatorKind `json:"op"`
	Shard     uint64       `json:"shard"`
	Node      string       `json:"node,omitempty"`
	From      string       `json:"from,omitempty"`
	NowMillis int64        `json:"now"`
}

// AdvanceOperator says that an operator's step is finished. Saying it again is harmless.
type AdvanceOperator struct {
	ID        string       `json:"id"`
	Step      OperatorStep `json:"step"`
	Result    string       `json:"result,omitempty"`
	NowMillis int64        `json:"now"`
}

// CancelOperator ends an operator: at once if nothing has happened, else after StepUndo. It is
// refused once the old replica may be gone.
type CancelOperator struct {
	ID        string `json:"id"`
	Reason    string `json:"reason"`
	NowMillis int64  `json:"now"`
}

// Kind implements Command.
func (*StartOperator) Kind() string { return "start-operator" }

// Kind implements Command.
func (*AdvanceOperator) Kind() string { return "advance-operator" }

// Kind implements Command.
func (*CancelOperator) Kind() string { return "cancel-operator" }

func (c *StartOperator) stamp(s Stamp) error   { c.NowMillis = s.NowMillis; return nil }
func (c *AdvanceOperator) stamp(s Stamp) error { c.NowMillis = s.NowMillis; return nil }
func (c *CancelOperator) stamp(s Stamp) error  { c.NowMillis = s.NowMillis; return nil }

func (c *StartOperator) validate() error {
	adds, removes := c.Op != RemoveReplica, c.Op != AddReplica
	if !slices.Contains([]OperatorKind{AddReplica, RemoveReplica, ReplaceReplica}, c.Op) ||
		adds != (c.Node != "") || removes != (c.From != "") {
		return invalid("operator %q of shard %d, node %q, from %q: add takes a node, remove takes from, "+
			"replace takes both", c.Op, c.Shard, c.Node, c.From)
	}
	var err error
	for _, node := range []string{c.Node, c.From} {
		if node != "" {
			err = firstError(err, checkNodeID(node))
		}
	}
	return firstError(err, checkName("operator", c.ID, maxName), checkMillis(c.NowMillis))
}

func (c *AdvanceOperator) validate() error {
	return firstError(checkName("operator", c.ID, maxName), checkName("step", string(c.Step), maxName),
		checkText("result", c.Result, maxText), checkMillis(c.NowMillis))
}

func (c *CancelOperator) validate() error {
	return firstError(checkName("operator", c.ID, maxName), checkName("reason", c.Reason, maxText),
		checkMillis(c.NowMillis))
}

// steps returns what the operator has to do. A node that begins anew has one replica at a time: the
// old one, which may have forgotten what it voted for, goes first (rule 5.3).
func (o *Operator) steps() []OperatorStep {
	switch {
	case o.Kind == AddReplica:
		return []OperatorStep{StepCheck, StepLearner, StepCatchUp, StepVoter, StepDone}
	case o.Kind == RemoveReplica:
		return []OperatorStep{StepCheck, StepRemove, StepDone}
	case o.Node == o.From:
		return []OperatorStep{StepCheck, StepRemove, StepLearner, StepCatchUp, StepVoter, StepDone}
	}
	return []OperatorStep{StepCheck, StepLearner, StepCatchUp, StepVoter, StepRemove, StepDone}
}

func (o *Operator) what() string { return fmt.Sprintf("operator %s of shard %d", o.ID, o.Shard) }

// ended tells whether nothing is left to do.
func (o *Operator) ended() bool { return o.Step == StepDone }

func (c *StartOperator) apply(d *data) (any, error) {
	if err := d.mustBeFounded(); err != nil {
		return nil, err
	}
	if o := d.operator(c.ID); o != nil {
		if o.Kind != c.Op || o.Shard != c.Shard || o.Node != c.Node || o.From != c.From {
			return nil, conflict("%s, %s, has the same id", o.what(), o.Kind)
		}
		return OperatorResult{*o}, nil
	}
	for _, o := range d.operators.Open {
		if o.Shard == c.Shard {
			return nil, conflict("%s is under way, at step %q", o.what(), o.Step).
				WithRemedy("wait until it has ended, or cancel it")
		}
	}
	desc := d.shards.Shard(c.Shard)
	if desc == nil {
		return nil, notFound("shard %d does not exist", c.Shard)
	}
	o := &Operator{ID: c.ID, Kind: c.Op, Shard: c.Shard, Node: c.Node, From: c.From,
		Step: StepCheck, StartedMillis: c.NowMillis, ChangedMillis: c.NowMillis}
	if err := o.admit(d, desc); err != nil {
		return nil, err
	}
	d.operators.Open = append(slices.Clone(d.operators.Open), o)
	return OperatorResult{*o}, nil
}

// admit checks that an operator makes sense in the map as it is.
func (o *Operator) admit(d *data, desc *Descriptor) error {
	if o.From != "" {
		old, ok := desc.Replica(o.From)
		if !ok {
			return notFound("shard %d has no replica on node %q", o.Shard, o.From)
		}
		if len(desc.Replicas) < 2 && (o.Kind == RemoveReplica || o.Node == o.From) {
			return conflict("node %q has the only replica of shard %d", o.From, o.Shard).
				WithRemedy("add one on another node first")
		}
		o.Old = old
	}
	if o.Node == "" {
		return nil
	}
	if _, known := slices.BinarySearchFunc(d.nodes, o.Node, compareNode); !known {
		return notFound("node %q is not registered", o.Node)
	}
	if _, there := desc.Replica(o.Node); there && o.Node != o.From {
		return conflict("shard %d has a replica on node %q already", o.Shard, o.Node)
	}
	return nil
}

func (c *AdvanceOperator) apply(d *data) (any, error) {
	o, err := d.findOperator(c.ID)
	if err != nil {
		return nil, err
	}
	steps := o.steps()
	at, said := slices.Index(steps, o.Step), slices.Index(steps, c.Step)
	switch {
	case c.Step == o.Step && !o.ended():
	case said >= 0 && (said < at || o.Cancelled != ""), o.ended() && c.Step == StepUndo:
		return OperatorResult{*o}, nil // said before
	default:
		return nil, conflict("%s is at step %q, not %q", o.what(), o.Step, c.Step)
	}
	next := *o
	next.Note, next.ChangedMillis = c.Result, c.NowMillis
	d.finishStep(&next)
	next.Step = StepDone
	if c.Step != StepUndo {
		next.Step = steps[at+1]
	}
	if next.Step == StepLearner {
		d.addLearner(&next)
	}
	d.setOperator(&next)
	return OperatorResult{next}, nil
}

// finishStep changes the map as the operator's step has changed the group.
func (d *data) finishStep(o *Operator) {
	switch o.Step {
	case StepVoter:
		d.changeShard(o.Shard, func(desc *Descriptor) {
			desc.Learners = without(desc.Learners, o.New)
			desc.Replicas = append(slices.Clone(desc.Replicas), o.New)
		})
	case StepRemove:
		d.changeShard(o.Shard, func(desc *Descriptor) {
			i := slices.Index(desc.Replicas, o.Old)
			list := without(desc.Replicas, o.Old)
			if slices.Contains(list, o.New) { // it takes the place, and with it the lead
				list = slices.Insert(without(list, o.New), i, o.New)
			}
			desc.Replicas = list
		})
	case StepUndo:
		d.changeShard(o.Shard, func(desc *Descriptor) {
			desc.Learners = without(desc.Learners, o.New)
		})
	}
}

// addLearner gives the new replica an incarnation that no replica of the shard has ever had.
func (d *data) addLearner(o *Operator) {
	d.changeShard(o.Shard, func(desc *Descriptor) {
		desc.LastIncarnation++
		o.New = Replica{Node: o.Node, Incarnation: desc.LastIncarnation}
		desc.Learners = append(slices.Clone(desc.Learners), o.New)
	})
}

// changeShard changes a copy of a descriptor, in a copy of the map, under its next epoch.
func (d *data) changeShard(id uint64, change func(*Descriptor)) {
	d.shards.Shards = slices.Clone(d.shards.Shards)
	desc := d.shards.Shard(id)
	change(desc)
	desc.Epoch++
	d.shards.Version++
}

func without(list []Replica, r Replica) []Replica {
	return slices.DeleteFunc(slices.Clone(list), func(x Replica) bool { return x == r })
}

func (c *CancelOperator) apply(d *data) (any, error) {
	o, err := d.findOperator(c.ID)
	if err != nil {
		return nil, err
	}
	next := *o
	next.Cancelled, next.ChangedMillis = c.Reason, c.NowMillis
	switch {
	case o.Cancelled != "":
		return OperatorResult{*o}, nil
	case o.ended():
		return nil, conflict("%s is done", o.what())
	case o.Step == StepRemove:
		return nil, conflict("%s is removing the replica on node %q: it cannot be cancelled now",
			o.what(), o.From)
	case o.Step == StepCheck:
		next.Step = StepDone
	default:
		next.Step = StepUndo
	}
	d.setOperator(&next)
	return OperatorResult{next}, nil
}

// operator returns an open operator, or one that ended not long ago; nil if there is none.
func (d *data) operator(id string) *Operator {
	for _, list := range [][]*Operator{d.operators.Open, d.operators.Ended} {
		for _, o := range list {
			if o.ID == id {
				return o
			}
		}
	}
	return nil
}

func (d *data) findOperator(id string) (*Operator, error) {
	if err := d.mustBeFounded(); err != nil {
		return nil, err
	}
	if o := d.operator(id); o != nil {
		return o, nil
	}
	return nil, notFound("operator %s does not exist", id)
}

// setOperator replaces an open operator by a changed copy.
func (d *data) setOperator(o *Operator) {
	i := slices.IndexFunc(d.operators.Open, func(x *Operator) bool { return x.ID == o.ID })
	d.operators.Open = slices.Clone(d.operators.Open)
	if !o.ended() {
		d.operators.Open[i] = o
		return
	}
	d.operators.Open = slices.Delete(d.operators.Open, i, i+1)
	from := max(0, len(d.operators.Ended)+1-keptOperators)
	d.operators.Ended = append(slices.Clone(d.operators.Ended[from:]), o)
}

// checkOperators verifies what the rest of the code takes for granted.
func (d *data) checkOperators() error {
	shards := map[uint64]bool{}
	for _, o := range d.operators.Open {
		known := o.Step == StepUndo || slices.Contains(o.steps(), o.Step)
		if !known || o.ended() || shards[o.Shard] || d.shards.Shard(o.Shard) == nil {
			return fmt.Errorf("%s is at step %q, not the only one, or its shard is not there", o.what(),
				o.Step)
		}
		shards[o.Shard] = true
	}
	return nil
}

// Operators returns the operators that are under way, in the order in which they started, and those
// that ended last, oldest first.
func (s *Snapshot) Operators() (open, ended []*Operator) {
	return s.d.operators.Open, s.d.operators.Ended
}

// Operator returns an operator that is under way or ended not long ago.
func (s *Snapshot) Operator(id string) (*Operator, bool) {
	o := s.d.operator(id)
	return o, o != nil
}

// Standing is what a replica is to its shard.
type Standing uint8

// The standings of a replica.
const (
	NotYet  Standing = iota // this state knows of no such replica: a later one may
	Voter                   // it is in the map
	Learner                 // it is being made
	Dead                    // it never comes back: its incarnation is not given again
)

// Standing returns what a replica of a shard is. An incarnation is given once, so one that has been
// given and is in the map no more is dead, on whichever node it was.
func (s *Snapshot) Standing(shard uint64, r Replica) Standing {
	desc := s.d.shards.Shard(shard)
	switch {
	case desc == nil || r.Incarnation > desc.LastIncarnation:
		return NotYet
	case slices.Contains(desc.Replicas, r):
		return Voter
	case slices.Contains(desc.Learners, r):
		return Learner
	}
	return Dead
}
