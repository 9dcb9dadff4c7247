package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"github.com/codegraphdb/codegraph/cluster"
	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/node/datadir"
	"github.com/codegraphdb/codegraph/node/group"
	"github.com/codegraphdb/codegraph/node/oracle"
	"github.com/codegraphdb/codegraph/node/timing"
	"github.com/codegraphdb/codegraph/node/transport"
	"github.com/codegraphdb/codegraph/raftlog"
)

const (
	metaGroup       = 0 // group id of the meta group on the wire
	metaIncarnation = 1
)

// meta is this node's replica of the meta group.
type meta struct {
	self    string
	state   *cluster.State
	raft    *raft.Raft // set before started, never again; see running
	started atomic.Bool
	log     *raftlog.MetaLog
	trans   *transport.GroupTransport
	leading group.Leadership
	repairs operators
	oracle  *oracle.Keeper
	grants  *oracle.Batcher // of timestamps for this node
	logger  *slog.Logger
	fatal   func(error)

	stop chan struct{}
	done sync.WaitGroup
}

func metaServerID(node string) raft.ServerID {
	return raft.ServerID(cluster.Replica{Node: node, Incarnation: metaIncarnation}.ServerID())
}

// openMeta opens the stores of the meta group. The group does not run before start.
func openMeta(dir *datadir.Dir, trans *transport.Transport, logger *slog.Logger,
	fatal func(error)) (*meta, error) {
	if err := os.MkdirAll(dir.Join(datadir.MetaDir), datadir.DirPerm); err != nil {
		return nil, err
	}
	m := &meta{self: dir.ID.NodeID, state: cluster.NewState(), stop: make(chan struct{}),
		logger: logger.With("group", "meta"), fatal: fatal}
	m.oracle = oracle.NewKeeper((*metaOracle)(m), m.logger)
	var err error
	m.log, err = raftlog.OpenMeta(dir.Join(datadir.MetaDir, "raft.db"),
		raftlog.Options{Logger: m.logger, WriteDeadline: timing.WriteDeadline, OnFatal: fatal})
	if err != nil {
		return nil, err
	}
	m.trans = trans.Group(metaGroup, raft.ServerAddress(metaServerID(m.self)))
	return m, nil
}

// start runs the group. founders is the founding configuration, nil for a node that was not a
// founder; writing it again over an existing state does nothing.
func (m *meta) start(dir *datadir.Dir, founders []string, gained func()) error {
	snaps, err := raft.NewFileSnapshotStoreWithLogger(dir.Join(datadir.MetaDir), 2,
		group.NewLogger(m.logger))
	if err != nil {
		return fmt.Errorf("meta group: snapshots: %w", err)
	}
	conf := timing.Meta.Config(metaServerID(m.self), group.NewLogger(m.logger))
	conf.SnapshotThreshold = 4096
	conf.SnapshotInterval = 30 * time.Second
	conf.TrailingLogs = 2048
	m.leading.Follow(conf)
	if founders != nil {
		var servers []raft.Server
		for _, n := range founders {
			id := metaServerID(n)
			servers = append(servers, raft.Server{ID: id, Address: raft.ServerAddress(id)})
		}
		err := raft.BootstrapCluster(conf, m.log, m.log, snaps, m.trans,
			raft.Configuration{Servers: servers})
		if err != nil && !errors.Is(err, raft.ErrCantBootstrap) {
			return fmt.Errorf("meta group: bootstrap: %w", err)
		}
	}
	m.raft, err = raft.NewRaft(conf, (*metaMachine)(m), group.NewBaseLog(m.log, snaps), m.log, snaps,
		m.trans)
	if err != nil {
		return fmt.Errorf("meta group: raft: %w", err)
	}
	m.trans.Serve(m.raft)
	m.started.Store(true)
	m.done.Go(func() {
		m.leading.Watch(m.raft, m.stop, func() { m.oracle.Wake(); gained() })
	})
	m.done.Go(func() { m.oracle.Run(m.stop) })
	return nil
}

// running tells whether start has succeeded. Others look at raft only if it has.
func (m *meta) running() bool { return m.started.Load() }

// leader returns the node that leads the meta group as far as this node knows.
func (m *meta) leader() string {
	if !m.running() {
		return ""
	}
	_, id := m.raft.LeaderWithID()
	node, _, err := transport.SplitReplicaID(id)
	if err != nil {
		return ""
	}
	return node
}

// members returns the nodes of the group's configuration, voters first.
func (m *meta) members() (voters, others []string) {
	if !m.running() {
		return nil, nil
	}
	f := m.raft.GetConfiguration()
	if f.Error() != nil {
		return nil, nil
	}
	for _, s := range f.Configuration().Servers {
		node, _, err := transport.SplitReplicaID(s.ID)
		switch {
		case err != nil:
		case s.Suffrage == raft.Voter:
			voters = append(voters, node)
		default:
			others = append(others, node)
		}
	}
	return voters, others
}

// addNonvoter adds a node to the group's configuration: it gets the log, and does not vote.
func (m *meta) addNonvoter(node string) error {
	id := metaServerID(node)
	return m.raft.AddNonvoter(id, raft.ServerAddress(id), 0, 5*time.Second).Error()
}

// handOver gives the leadership to another voter, if this node has it.
func (m *meta) handOver(ctx context.Context) {
	if !m.running() || m.raft.State() != raft.Leader {
		return
	}
	if voters, _ := m.members(); len(voters) < 2 {
		return
	}
	if err := group.Wait(ctx, m.raft.LeadershipTransfer()); err != nil {
		m.logger.Warn("handing over leadership", "err", err)
	}
}

// metaAnswer is what Apply returns to the proposer.
type metaAnswer struct {
	index  uint64
	result []byte
	err    error
}

// propose applies a command on the leader and returns its result. What Apply would have to call
// fatal does not get into the log.
func (m *meta) propose(ctx context.Context, command []byte) (metaAnswer, error) {
	const op = "node.proposeMeta"
	if !m.running() || m.raft.State() != raft.Leader || m.leading.Term() == 0 {
		return metaAnswer{}, group.NotLeader(op, m.leader(), "this node does not lead the meta group")
	}
	entry, err := m.oracle.Propose(command)
	if err != nil {
		return metaAnswer{}, err
	}
	p := entry.(*metaProposal)
	select {
	case <-p.settled:
		err = p.failed
	case <-ctx.Done():
		err = ctx.Err()
	}
	switch {
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return metaAnswer{}, group.NotLeader(op, "", "this node does not lead the meta group")
	case err != nil:
		return metaAnswer{}, graph.Errorf(op, graph.KindUnavailable, "meta group: %w", err)
	}
	return p.answer, p.answer.err
}

func (m *meta) close() error {
	close(m.stop)
	m.trans.Close()
	var err error
	if m.running() {
		err = m.raft.Shutdown().Error()
	}
	m.done.Wait()
	return errors.Join(err, m.log.Close())
}

// metaMachine is the shim between Raft and cluster.State.
type metaMachine meta

// Apply implements raft.FSM.
func (m *metaMachine) Apply(l *raft.Log) any {
	if l.Type != raft.LogCommand {
		return nil
	}
	result, err := m.state.Apply(l.Index, l.Term, l.Data)
	var dead *cluster.FatalError
	if errors.As(err, &dead) {
		m.fatal(fmt.Errorf("meta group: apply: %w", err))
		select {} // the process ends
	}
	m.trans.Applied()
	return metaAnswer{l.Index, result, err}
}

// Snapshot implements raft.FSM.
func (m *metaMachine) Snapshot() (raft.FSMSnapshot, error) {
	data, err := m.state.Snapshot().Encode()
	return metaSnapshot(data), err
}

// Restore implements raft.FSM.
func (m *metaMachine) Restore(rc io.ReadCloser) error {
	defer rc.Close()
	data, err := io.ReadAll(rc)
	if err != nil {
		return err
	}
	return m.state.Restore(data)
}

// metaSnapshot is an encoded state.
type metaSnapshot []byte

// Persist implements raft.FSMSnapshot.
func (s metaSnapshot) Persist(sink raft.SnapshotSink) error {
	if _, err := sink.Write(s); err != nil {
		sink.Cancel()
		return err
	}
	return sink.Close()
}

// Release implements raft.FSMSnapshot.
func (s metaSnapshot) Release() {}
