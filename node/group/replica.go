package group

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"github.com/codegraphdb/codegraph/cluster"
	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/node/timing"
	"github.com/codegraphdb/codegraph/node/transport"
	"github.com/codegraphdb/codegraph/raftlog"
	"github.com/codegraphdb/codegraph/shard"
)

// Replica is one copy of a shard on this node: a Raft group, its log and the state machine.
type Replica struct {
	id      uint64
	label   string // the shard id, for metrics
	self    cluster.Replica
	local   raft.ServerID
	desc    atomic.Pointer[cluster.Descriptor] // as the map has it now
	mapped  chan struct{}                      // what configure looks at has changed
	raft    *raft.Raft
	state   *shard.Shard
	log     *raftlog.Group
	snaps   *raftlog.Snapshots
	trans   *transport.GroupTransport
	logger  *slog.Logger
	fatal   func(error)
	leading Leadership
	applied signal // broadcast when the applied index moves

	snapshotAt int64         // bytes of log at which a snapshot is taken
	installed  atomic.Uint64 // snapshots installed since start
	changing   sync.Mutex    // held while an operator's step is carried out
	stop       chan struct{}
	done       sync.WaitGroup
}

// open opens the replica self of desc, creating it if it never was.
func open(d Deps, desc cluster.Descriptor, self cluster.Replica) (*Replica, error) {
	r := &Replica{id: desc.ID, label: strconv.FormatUint(desc.ID, 10), self: self,
		local: raft.ServerID(self.ServerID()), mapped: make(chan struct{}, 1),
		fatal: d.Fatal, stop: make(chan struct{}), snapshotAt: d.SnapshotAt,
		logger: d.Logger.With("shard", desc.ID)}
	r.desc.Store(&desc)
	if err := r.openStores(d); err != nil {
		r.closeStores()
		return nil, err
	}
	if err := r.startRaft(); err != nil {
		r.closeStores()
		return nil, err
	}
	r.done.Add(3)
	go r.watchLeadership()
	go r.followMap()
	go r.snapshotBySize()
	return r, nil
}

const (
	createdRow       = "codegraph.replica" // stable row: the replica was created, as whom
	checkpointPrefix = "sending-"
)

func (r *Replica) openStores(d Deps) (err error) {
	const op = "group.open"
	id, desc := r.id, r.desc.Load()
	r.log = d.Engine.Group(id)
	mark, err := r.log.Get([]byte(createdRow))
	if err != nil {
		return err
	}
	dir := d.Dir.Shard(id, "db")
	if _, serr := os.Stat(dir); len(mark) > 0 && serr != nil {
		return graph.Errorf(op, graph.KindCorrupt, "shard %d: its log is here but its state is gone: %w",
			id, serr).WithRemedy("remove the whole data directory; the node joins as a new one")
	}
	opts := d.Shard
	opts.ID, opts.Epoch, opts.Slots = id, foundingEpoch, slotsOf(desc)
	opts.OnFatal = d.Fatal
	if r.state, err = shard.Open(dir, opts); err != nil {
		return err
	}
	r.trans = d.Trans.Group(id, raft.ServerAddress(r.local))
	r.snaps, err = raftlog.OpenSnapshots(d.Dir.Shard(id, "snapshots"),
		&snapshotSource{rep: r, dir: d.Dir.Shard(id)},
		raftlog.SnapshotOptions{Logger: r.logger, OnSend: r.log.Pin})
	if err != nil {
		return err
	}
	if len(mark) == 0 {
		if applied, _ := r.state.Applied(); applied > 0 {
			return graph.Errorf(op, graph.KindCorrupt,
				"shard %d: its state is at index %d but its log is gone", id, applied).
				WithRemedy("remove the whole data directory; the node joins as a new one")
		}
		if err := r.bootstrap(); err != nil {
			return err
		}
		return r.log.Set([]byte(createdRow), []byte(r.local))
	}
	if string(mark) != string(r.local) {
		return graph.Errorf(op, graph.KindConflict, "shard %d: replica %s is stored, %s is expected",
			id, mark, r.local)
	}
	return r.checkLog()
}

// checkLog refuses a replica whose log lost what its state or its snapshots build on (rule 5.3).
func (r *Replica) checkLog() error {
	first, from := uint64(0), uint64(0)
	metas, err := r.snaps.List()
	if err != nil {
		return err
	}
	if len(metas) > 0 {
		first = metas[0].Index
		from = first + 1
	}
	if err := r.log.Verify(from); err != nil {
		return fmt.Errorf("shard %d: log: %w", r.id, err)
	}
	last, err := r.log.LastIndex()
	if err != nil {
		return err
	}
	if applied, _ := r.state.Applied(); max(last, first, r.state.Base()) < applied {
		return graph.Errorf("group.open", graph.KindCorrupt,
			"shard %d: the log ends at %d, the state is at %d", r.id, last, applied).
			WithRemedy("remove the whole data directory; the node joins as a new one")
	}
	return nil
}

// foundingEpoch is the epoch of a shard whose replicas are the ones that it was founded with.
const foundingEpoch = 1

func slotsOf(d *cluster.Descriptor) shard.SlotRange {
	return shard.SlotRange{Lo: uint16(d.Lo), Hi: uint16(d.Hi)}
}

// bootstrap writes the founding configuration. All founding replicas write the same one. A replica
// that comes later, or late, writes none: it gets all from the leader, and does not vote before.
func (r *Replica) bootstrap() error {
	desc := r.desc.Load()
	if desc.Epoch != foundingEpoch {
		return nil
	}
	var servers []raft.Server
	for _, rep := range desc.Replicas {
		id := raft.ServerID(rep.ServerID())
		servers = append(servers, raft.Server{ID: id, Address: raft.ServerAddress(id)})
	}
	conf := timing.Data.Config(r.local, NewLogger(r.logger))
	err := raft.BootstrapCluster(conf, r.log, r.log, r.snaps, r.trans,
		raft.Configuration{Servers: servers})
	if err != nil && !errors.Is(err, raft.ErrCantBootstrap) {
		return fmt.Errorf("shard %d: bootstrap: %w", r.id, err)
	}
	return nil
}

func (r *Replica) startRaft() error {
	conf := timing.Data.Config(r.local, NewLogger(r.logger))
	conf.SnapshotThreshold = 1 << 16
	conf.SnapshotInterval = time.Minute
	conf.TrailingLogs = 64 // raftlog keeps more, by bytes
	r.leading.Follow(conf)
	var err error
	r.raft, err = raft.NewRaft(conf, (*machine)(r), NewBaseLog(r.log, r.snaps), r.log, r.snaps,
		r.trans)
	if err != nil {
		return fmt.Errorf("shard %d: raft: %w", r.id, err)
	}
	r.trans.Serve(r.raft)
	r.snaps.Serve()
	return nil
}

// snapshotBySize takes a snapshot when the log has grown by so many bytes: entries are of
// very different sizes, so counting them bounds nothing (rule 5.7).
func (r *Replica) snapshotBySize() {
	defer r.done.Done()
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-r.stop:
			return
		case <-tick.C:
		}
		if r.log.LogBytes() < r.snapshotAt {
			continue
		}
		if err := r.snapshot(); err != nil && !errors.Is(err, raft.ErrRaftShutdown) {
			r.logger.Warn("snapshot", "err", err)
		}
	}
}

// snapshot flushes the state, records a snapshot and truncates the log.
func (r *Replica) snapshot() error {
	err := r.raft.Snapshot().Error()
	if errors.Is(err, raft.ErrNothingNewToSnapshot) {
		return nil
	}
	return err
}

// close stops the group. Transport first: Raft waits for calls under way.
func (r *Replica) close() error {
	close(r.stop)
	r.trans.Close()
	err := r.raft.Shutdown().Error()
	r.done.Wait()
	return errors.Join(err, r.closeStores())
}

func (r *Replica) closeStores() error {
	var errs []error
	if r.trans != nil {
		errs = append(errs, r.trans.Close())
	}
	if r.snaps != nil {
		errs = append(errs, r.snaps.Close())
	}
	if r.log != nil {
		errs = append(errs, r.log.Close())
	}
	if r.state != nil {
		errs = append(errs, r.state.Close())
	}
	return errors.Join(errs...)
}

// epochTries is how often a command is evaluated that meets changes of the replicas.
const epochTries = 4

// Propose evaluates a command under the current term and epoch and waits until it is applied here.
// If the epoch changed on the way it was not applied, and is evaluated again: what it says of
// slots is checked in Apply. Another error after the hand-over means that the outcome is unknown;
// commands are safe to repeat.
func (r *Replica) Propose(ctx context.Context, encode func(term, epoch uint64) []byte) (
	shard.Result, error) {
	for n := 1; ; n++ {
		res, err := r.propose(ctx, encode)
		if !graph.IsKind(err, graph.KindStaleEpoch) || n == epochTries || ctx.Err() != nil {
			return res, err
		}
	}
}

func (r *Replica) propose(ctx context.Context, encode func(term, epoch uint64) []byte) (
	shard.Result, error) {
	const op = "group.Propose"
	if r.raft.State() != raft.Leader {
		return shard.Result{}, r.notLeader(op)
	}
	timeout := 10 * time.Second
	if dl, ok := ctx.Deadline(); ok {
		timeout = min(timeout, time.Until(dl))
	}
	term := r.raft.CurrentTerm()
	f := r.raft.Apply(encode(term, r.state.Stats().Descriptor.Epoch), max(timeout, time.Millisecond))
	if err := Wait(ctx, f); err != nil {
		if errors.Is(err, raft.ErrNotLeader) || errors.Is(err, raft.ErrLeadershipTransferInProgress) {
			return shard.Result{}, r.notLeader(op)
		}
		return shard.Result{}, graph.Errorf(op, graph.KindUnavailable, "shard %d: %w", r.id, err)
	}
	res, ok := f.Response().(shard.Result)
	if !ok {
		return res, graph.Errorf(op, graph.KindInternal, "shard %d: no result", r.id)
	}
	if graph.IsKind(res.Err, graph.KindConflict) && r.raft.CurrentTerm() != term {
		return res, graph.Errorf(op, graph.KindUnavailable, "shard %d: a new term began: %w",
			r.id, res.Err) // refused for its term (rule 1.8); if not, it is so again
	}
	return res, res.Err
}

func (r *Replica) notLeader(op string) error {
	return NotLeader(op, r.Leader(), "shard %d: this node does not lead it", r.id)
}

// WaitApplied returns when the state has applied index, or ctx ends.
func (r *Replica) WaitApplied(ctx context.Context, index uint64) error {
	return r.applied.wait(ctx, func() bool {
		applied, _ := r.state.Applied()
		return applied >= index
	})
}
