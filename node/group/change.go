package group

import (
	"context"
	"slices"
	"time"

	"github.com/hashicorp/raft"

	"github.com/codegraphdb/codegraph/cluster"
	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/node/timing"
	"github.com/codegraphdb/codegraph/shard"
)

// adopt takes the shard as the map has it now.
func (r *Replica) adopt(d cluster.Descriptor) {
	if d.Epoch > r.desc.Load().Epoch {
		r.desc.Store(&d)
		r.poke()
	}
}

func (r *Replica) poke() {
	select {
	case r.mapped <- struct{}{}:
	default:
	}
}

// followMap writes the epoch of the map into the shard's log while this replica leads.
func (r *Replica) followMap() {
	defer r.done.Done()
	var again <-chan time.Time
	for {
		select {
		case <-r.stop:
			return
		case <-r.mapped:
		case <-again:
		}
		again = nil
		if !r.configure() {
			again = time.After(timing.Data.Heartbeat)
		}
	}
}

// configure tells whether the shard has the epoch of the map, or another replica has to see to it.
func (r *Replica) configure() bool {
	d, term := r.desc.Load(), r.leading.Term()
	if term == 0 || r.state.Stats().Descriptor.Epoch >= d.Epoch {
		return true
	}
	next := shard.Descriptor{ID: d.ID, Epoch: d.Epoch, Slots: slotsOf(d)}
	f := r.raft.Apply(shard.EncodeConfigure(term, next), timing.Data.Heartbeat)
	return until(r.stop, f) && r.state.Stats().Descriptor.Epoch >= d.Epoch
}

// Carry does what an operator's step demands of the group, which this replica leads. current
// returns the operator as it is at a time after the call: no other step runs here meanwhile, so
// none that is over can be done once more. Doing a step twice is harmless. It returns the last
// index of the log.
func (r *Replica) Carry(ctx context.Context,
	current func(context.Context) (*cluster.Operator, error)) (uint64, error) {
	r.changing.Lock()
	defer r.changing.Unlock()
	o, err := current(ctx)
	if err != nil {
		return 0, err
	}
	if err := Confirm(ctx, r.raft, &r.leading, r.trans); err != nil {
		return 0, err
	}
	switch o.Step {
	case cluster.StepCheck:
		first := o.Old // leaves before a new one comes
		if o.Kind == cluster.ReplaceReplica && o.Node != o.From {
			first = cluster.Replica{}
		}
		err = r.spares(first)
	case cluster.StepLearner:
		err = r.enrol(ctx, o.New, raft.Nonvoter)
	case cluster.StepVoter:
		err = r.enrol(ctx, o.New, raft.Voter)
	case cluster.StepRemove:
		if err = r.spares(o.Old); err == nil {
			err = r.expel(ctx, o.Old)
		}
	case cluster.StepUndo:
		err = r.expel(ctx, o.New)
	}
	return r.raft.LastIndex(), err
}

// members are the servers of a group's configuration and the index of the entry that has it.
type members struct {
	servers []raft.Server
	index   uint64
}

func (r *Replica) members() (members, error) {
	f := r.raft.GetConfiguration()
	if err := f.Error(); err != nil {
		return members{}, err
	}
	return members{f.Configuration().Servers, f.Index()}, nil
}

func (m members) find(id raft.ServerID) (raft.Server, bool) {
	i := slices.IndexFunc(m.servers, func(s raft.Server) bool { return s.ID == id })
	if i < 0 {
		return raft.Server{}, false
	}
	return m.servers[i], true
}

// voters returns the voters but for one.
func (m members) voters(but raft.ServerID) (out []raft.ServerID) {
	for _, s := range m.servers {
		if s.Suffrage == raft.Voter && s.ID != but {
			out = append(out, s.ID)
		}
	}
	return out
}

// spares returns nil if the group has a quorum that answers without a replica; the zero one is
// none.
func (r *Replica) spares(old cluster.Replica) error {
	m, err := r.members()
	if err != nil {
		return err
	}
	rest, answer := m.voters(raft.ServerID(old.ServerID())), 0
	for _, id := range rest {
		if id == r.local || r.caughtUp(id) {
			answer++
		}
	}
	if answer <= len(rest)/2 {
		return graph.Errorf("group.Carry", graph.KindConflict,
			"shard %d: without %s, %d of %d voters answer: no quorum", r.id, old.ServerID(), answer,
			len(rest)).WithRemedy("bring back a node that has a replica")
	}
	return nil
}

// enrol makes a replica a non-voter, or one that is a non-voter a voter.
func (r *Replica) enrol(ctx context.Context, rep cluster.Replica, as raft.ServerSuffrage) error {
	m, err := r.members()
	if err != nil {
		return err
	}
	id := raft.ServerID(rep.ServerID())
	has, there := m.find(id)
	switch {
	case there && (has.Suffrage == as || has.Suffrage == raft.Voter):
		return r.settled(ctx)
	case as == raft.Voter && !there:
		return graph.Errorf("group.Carry", graph.KindInternal,
			"shard %d: %s is to be a voter and is not in the group", r.id, id)
	case as == raft.Voter:
		return r.changed(ctx, r.raft.AddVoter(id, raft.ServerAddress(id), m.index, 0))
	}
	return r.changed(ctx, r.raft.AddNonvoter(id, raft.ServerAddress(id), m.index, 0))
}

// expel takes a replica out of the group. If it is this one, another has to lead first.
func (r *Replica) expel(ctx context.Context, rep cluster.Replica) error {
	const op = "group.Carry"
	m, err := r.members()
	if err != nil {
		return err
	}
	id := raft.ServerID(rep.ServerID())
	has, there := m.find(id)
	switch rest := m.voters(id); {
	case !there:
		return r.settled(ctx)
	case id == r.local:
		return r.giveAway(ctx, rest)
	case has.Suffrage == raft.Voter && len(rest) == 0:
		return graph.Errorf(op, graph.KindConflict, "shard %d: %s is the only voter", r.id, id)
	}
	return r.changed(ctx, r.raft.RemoveServer(id, m.index, 0))
}

// giveAway hands the lead to a voter that has answered lately. The step is for the new leader.
func (r *Replica) giveAway(ctx context.Context, to []raft.ServerID) error {
	for _, id := range to {
		if !r.caughtUp(id) {
			continue
		}
		f := r.raft.LeadershipTransferToServer(id, raft.ServerAddress(id))
		if err := Wait(ctx, f); err == nil {
			break
		}
	}
	return r.notLeader("group.Carry")
}

// settled returns when the configuration that this replica knows is committed.
func (r *Replica) settled(ctx context.Context) error { return r.changed(ctx, r.raft.Barrier(0)) }

func (r *Replica) changed(ctx context.Context, f raft.Future) error {
	if err := Wait(ctx, f); err != nil {
		return graph.Errorf("group.Carry", graph.KindUnavailable, "shard %d: %w", r.id, err)
	}
	return nil
}
