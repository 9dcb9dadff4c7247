package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"

	"github.com/codegraphdb/codegraph/cluster"
	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/node/datadir"
	"github.com/codegraphdb/codegraph/node/group"
	"github.com/codegraphdb/codegraph/node/oracle"
	"github.com/codegraphdb/codegraph/node/timing"
	"github.com/codegraphdb/codegraph/node/transport"
	"github.com/codegraphdb/codegraph/node/txns"
	"github.com/codegraphdb/codegraph/raftlog"
	"github.com/codegraphdb/codegraph/shard"
)

// Node is one process of a cluster.
type Node struct {
	opts   Options
	logger *slog.Logger
	dir    *datadir.Dir
	tls    tlsConfigs

	disk     *datadir.Guard
	storage  storage
	trans    *transport.Transport
	meta     *meta
	groups   *group.Set
	peers    *peers
	routes   routes
	gossip   *cluster.Gossip
	founding *founding
	metrics  *metrics
	servers  servers

	draining atomic.Bool
	current  atomic.Bool // knows what the cluster had committed when this node started
	fatalErr chan error  // at most one error that ends the process
	cancel   context.CancelFunc
	tasks    sync.WaitGroup
}

// storage is what the replicas of a node share.
type storage struct {
	shared *shard.Shared
	engine *raftlog.Engine
}

// servers are the listeners of a node and what serves them.
type servers struct {
	clientL, peerL, opsL net.Listener
	client, peer         *grpc.Server
	ops                  *http.Server
	health               *health.Server
	txns                 *txns.Local
}

// Start opens the data directory, binds the ports and begins to serve. It returns before the node
// is part of a cluster: Problems tells what it waits for.
func Start(opts Options) (*Node, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	n := &Node{opts: opts, logger: opts.Logger, fatalErr: make(chan error, 1)}
	var ctx context.Context
	ctx, n.cancel = context.WithCancel(context.Background())
	if err := n.open(); err != nil {
		n.cancel()
		n.release()
		return nil, err
	}
	n.serve()
	n.tasks.Go(func() { n.disk.Run(ctx.Done()) })
	n.tasks.Go(func() { n.run(ctx) })
	n.tasks.Go(func() { n.runHealth(ctx) })
	n.logger.Info("node started", "node", n.id(), "client", n.servers.clientL.Addr().String(),
		"peer", n.servers.peerL.Addr().String(), "ops", n.servers.opsL.Addr().String(),
		"tls", opts.secure())
	if !opts.secure() {
		n.logger.Warn("no certificates: ports are plain text", "insecure", opts.Insecure)
	}
	return n, nil
}

// open acquires everything; what it acquired before an error is given back by release.
func (n *Node) open() (err error) {
	if n.tls, err = loadTLS(&n.opts); err != nil {
		return err
	}
	if n.dir, err = datadir.Open(n.opts.DataDir, n.opts.ClusterName); err != nil {
		return err
	}
	n.logger = n.logger.With("node", n.id())
	if err := n.listenAll(); err != nil {
		return err
	}
	n.disk = datadir.NewGuard(n.dir, diskFloor, n.logger)
	if err := n.openStorage(); err != nil {
		return err
	}
	n.peers = newPeers(n.tls.peerDial, n.resolve)
	n.trans, err = transport.New(transport.Options{NodeID: n.id(), ClusterID: n.clusterID,
		Resolve: n.resolve, TLS: n.tls.peerDial, Logger: n.logger})
	if err != nil {
		return err
	}
	if n.meta, err = openMeta(n.dir, n.trans, n.logger, n.fatal); err != nil {
		return err
	}
	n.meta.grants = oracle.NewBatcher(n.askOracle)
	n.dir.ID.Stores = true
	if err := n.dir.Save(); err != nil {
		return err
	}
	var state shard.Options
	n.storage.shared.Apply(&state)
	n.groups = group.NewSet(group.Deps{Self: n.id(), Dir: n.dir, Engine: n.storage.engine,
		Trans: n.trans, Shard: state, Logger: n.logger, Fatal: n.fatal, SnapshotAt: snapshotBytes()})
	n.servers.txns = txns.Start(forTxns{n}, n.logger)
	if n.founding, err = newFounding(n); err != nil {
		return err
	}
	n.metrics = newMetrics(n)
	n.gossip, err = n.openGossip()
	return err
}

func (n *Node) listenAll() (err error) {
	if n.servers.clientL, err = listen("listen-client", n.opts.ListenClient); err != nil {
		return err
	}
	if n.servers.peerL, err = listen("listen-peer", n.opts.ListenPeer); err != nil {
		return err
	}
	n.servers.opsL, err = listen("listen-ops", n.opts.ListenOps)
	return err
}

func (n *Node) openStorage() (err error) {
	n.storage.shared = shard.NewShared(n.opts.CacheSize)
	n.storage.engine, err = raftlog.Open(n.dir.Join(datadir.LogDir), raftlog.Options{Logger: n.logger,
		WriteDeadline: timing.WriteDeadline, OnFatal: n.fatal, OnCorrupt: n.corrupt,
		RetainBytes: snapshotBytes() / 4})
	return err
}

// snapshotBytesName lowers the size of a group's log at which a snapshot is taken, so that tests
// see one without writing much. A quarter of it stays in the log.
const snapshotBytesName = "CODEGRAPH_SNAPSHOT_BYTES"

func snapshotBytes() int64 {
	if v, err := ParseSize(os.Getenv(snapshotBytesName)); err == nil {
		return v
	}
	return raftlog.DefaultSnapshotBytes
}

// fatal ends the process: something happened after which going on could lose data.
func (n *Node) fatal(err error) {
	n.logger.Error("fatal", "err", err)
	n.sever()
	select {
	case n.fatalErr <- err:
	default:
	}
}

// severWithin bounds sever.
const severWithin = 200 * time.Millisecond

// sever ends the connections with the other nodes and refuses new ones, so that they replace this
// node's leaders at once. The end of the process alone does not: a thread that hangs in a write to
// a stalled disk keeps its connections and listeners open.
func (n *Node) sever() {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if n.servers.peerL != nil {
			n.servers.peerL.Close()
		}
		if n.trans != nil {
			n.trans.Close()
		}
	}()
	select {
	case <-done:
	case <-time.After(severWithin):
	}
}

func (n *Node) corrupt(group uint64, err error) {
	n.fatal(fmt.Errorf("log of shard %d: %w", group, err))
}

// Fatal returns an error after which the process must exit at once, without Stop.
func (n *Node) Fatal() <-chan error { return n.fatalErr }

// id returns the node's uuid.
func (n *Node) id() string { return n.dir.ID.NodeID }

// clusterID returns the id of the node's cluster, empty while it belongs to none.
func (n *Node) clusterID() string { return n.founding.clusterID() }

// resolve returns the address of a node's peer port: what gossip says now, else what the node
// registered with.
func (n *Node) resolve(node string) (string, error) {
	if n.gossip != nil {
		if m, ok := n.gossip.Member(node); ok && m.Alive() {
			return m.Meta.PeerAddr, nil
		}
	}
	if reg, ok := n.meta.state.Snapshot().Node(node); ok {
		return reg.PeerAddr, nil
	}
	if addr, ok := n.founding.peerAddr(node); ok {
		return addr, nil
	}
	return "", graph.Errorf("node.resolve", graph.KindUnavailable, "address of node %s is not known",
		node)
}

// alive tells whether gossip believes a node to be there. It is a hint, nothing depends on it.
func (n *Node) alive(node string) bool {
	if node == n.id() {
		return true
	}
	m, ok := n.gossip.Member(node)
	return ok && m.Alive()
}

// run brings the node into its cluster and then keeps its replicas as the map says.
func (n *Node) run(ctx context.Context) {
	if err := n.founding.run(ctx); err != nil {
		if ctx.Err() == nil {
			n.fatal(err)
		}
		return
	}
	n.tasks.Go(func() { n.catchUp(ctx) })
	n.tasks.Go(func() { n.runImports(ctx) })
	n.tasks.Go(func() { n.runMembership(ctx) })
	n.tasks.Go(func() { n.runBalance(ctx) })
	n.tasks.Go(func() { n.runOperators(ctx) })
	n.tasks.Go(func() { n.runGC(ctx) })
	for {
		snap := n.meta.state.Snapshot()
		n.groups.Reconcile(snap)
		select {
		case <-ctx.Done():
			return
		case <-snap.Changed():
		case <-n.groups.Changed():
		}
	}
}

// runBalance gives groups to their preferred leaders now and then.
func (n *Node) runBalance(ctx context.Context) {
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if !n.draining.Load() {
				n.groups.Balance(ctx, n.alive)
			}
		}
	}
}

// startupProblems says why the node has not started up yet.
func (n *Node) startupProblems() []string {
	if !n.meta.running() {
		return []string{n.founding.waitsFor()}
	}
	return nil
}

// unready says what keeps the node from serving; empty means ready.
func (n *Node) unready() []string {
	if n.draining.Load() {
		return []string{"shutting down"}
	}
	if p := n.startupProblems(); p != nil {
		return p
	}
	var out []string
	if n.meta.leader() == "" {
		out = append(out, "the meta group has no leader")
	}
	snap := n.meta.state.Snapshot()
	if len(snap.Map().Shards) == 0 {
		return append(out, "there is no map of shards yet")
	}
	if !n.current.Load() {
		out = append(out, notCurrent)
	}
	if _, ok := snap.Node(n.id()); !ok {
		out = append(out, "this node is not registered yet")
	}
	_, failed := n.groups.List()
	for _, d := range snap.Map().OnNode(n.id()) {
		switch r := n.groups.Get(d.ID); {
		case failed[d.ID] != nil:
			out = append(out, fmt.Sprintf("shard %d: %v", d.ID, failed[d.ID]))
		case r == nil:
			out = append(out, fmt.Sprintf("shard %d is not open yet", d.ID))
		default:
			if r.Leader() == "" {
				out = append(out, fmt.Sprintf("shard %d has no leader", d.ID))
			}
		}
	}
	return out
}

// Problems says what an operator should look at; empty means that all is well.
func (n *Node) Problems() []string {
	out := n.unready()
	if n.disk.Full() { // reads go on
		out = append(out, n.disk.Check().Error())
	}
	return out
}

// Stop ends the node in order: no new work, leaders handed over, requests under way finished,
// stores closed. It returns within about 9 s.
func (n *Node) Stop() error {
	n.logger.Info("shutting down")
	n.draining.Store(true)
	n.servers.health.Shutdown()
	handOver, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	n.groups.HandOver(handOver)
	n.meta.handOver(handOver)
	cancel()
	if err := n.gossip.Leave(time.Second); err != nil {
		n.logger.Debug("leaving gossip", "err", err)
	}
	stopGracefully(n.servers.client, 3*time.Second)
	n.cancel()
	stopGracefully(n.servers.peer, time.Second)
	n.servers.ops.Close()
	n.tasks.Wait()
	err := n.release()
	n.logger.Info("stopped", "err", err)
	return err
}

// release gives back what open acquired, in reverse order.
func (n *Node) release() error {
	var errs []error
	if n.gossip != nil {
		errs = append(errs, n.gossip.Close())
	}
	if n.servers.txns != nil {
		n.servers.txns.Stop()
	}
	if n.groups != nil {
		errs = append(errs, n.groups.Close())
	}
	if n.meta != nil {
		errs = append(errs, n.meta.close())
	}
	if n.trans != nil {
		errs = append(errs, n.trans.Close())
	}
	if n.peers != nil {
		n.peers.close()
	}
	errs = append(errs, n.storage.close())
	for _, l := range []net.Listener{n.servers.clientL, n.servers.peerL, n.servers.opsL} {
		if l != nil {
			l.Close()
		}
	}
	if n.dir != nil {
		n.dir.Close()
	}
	return errors.Join(errs...)
}

func (s *storage) close() error {
	var err error
	if s.engine != nil {
		err = s.engine.Close()
	}
	if s.shared != nil {
		s.shared.Close()
	}
	return err
}

// stopGracefully lets requests under way finish, for so long at most.
func stopGracefully(s *grpc.Server, most time.Duration) {
	done := make(chan struct{})
	go func() { s.GracefulStop(); close(done) }()
	select {
	case <-done:
	case <-time.After(most):
		s.Stop()
		<-done
	}
}
