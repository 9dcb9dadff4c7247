package node

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/codegraphdb/codegraph/api"
	adminv1 "github.com/codegraphdb/codegraph/api/codegraph/admin/v1"
	ingestv1 "github.com/codegraphdb/codegraph/api/codegraph/ingest/v1"
	queryv1 "github.com/codegraphdb/codegraph/api/codegraph/query/v1"
	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/shard"
)

// patience is how long a test waits for what must happen. Nothing takes that long.
const patience = 30 * time.Second

// testNode is a node of a test with a client of its own.
type testNode struct {
	*Node
	t    *testing.T
	conn *grpc.ClientConn
	over bool
}

func testOptions(t *testing.T, name string) Options {
	return Options{DataDir: filepath.Join(t.TempDir(), name), ClusterName: "c",
		ListenClient: "127.0.0.1:0", ListenPeer: "127.0.0.1:0", ListenGossip: "127.0.0.1:0",
		ListenOps: "127.0.0.1:0", Founding: Founding{BootstrapExpect: 1}, CacheSize: 16 << 20,
		Retention: time.Hour, Version: "test"}
}

// launch starts a node; its log is shown if the test fails.
func launch(t *testing.T, o Options) *testNode {
	t.Helper()
	var log tail
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	var n *Node
	eventually(t, "the ports are free", func() (err error) {
		if n, err = Start(o); err != nil && !errors.Is(err, syscall.EADDRINUSE) {
			t.Fatal(err)
		}
		return err
	})
	var err error
	tn := &testNode{Node: n, t: t}
	t.Cleanup(func() {
		if !tn.over {
			tn.crash()
		}
		if t.Failed() {
			t.Logf("log of %s:\n%s", filepath.Base(o.DataDir), log.text())
		}
	})
	creds := insecure.NewCredentials()
	if n.tls.peerDial != nil {
		creds = credentials.NewTLS(&tls.Config{RootCAs: n.tls.peerDial.RootCAs})
	}
	tn.conn, err = grpc.NewClient("passthrough:///"+n.servers.clientL.Addr().String(),
		grpc.WithTransportCredentials(creds),
		grpc.WithDefaultCallOptions(grpc.MaxCallSendMsgSize(2*maxMessage)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tn.conn.Close() })
	return tn
}

// in returns the node for a part of its test.
func (n *testNode) in(t *testing.T) *testNode {
	part := *n
	part.t = t
	return &part
}

// stop ends the node in order.
func (n *testNode) stop() {
	n.t.Helper()
	n.over = true
	if err := n.Stop(); err != nil {
		n.t.Errorf("stopping: %v", err)
	}
	n.alright()
}

// crash ends the node as its death would look to the others: nothing is handed over and nobody
// is told. What is on its way to the disk stays as it is.
func (n *testNode) crash() {
	n.t.Helper()
	n.over = true
	n.cancel()
	n.servers.peer.Stop()
	n.servers.client.Stop()
	n.servers.ops.Close()
	n.tasks.Wait()
	if err := n.release(); err != nil {
		n.t.Errorf("releasing: %v", err)
	}
	n.alright()
}

// alright fails the test if the process would have ended.
func (n *testNode) alright() {
	select {
	case err := <-n.Fatal():
		n.t.Errorf("fatal: %v", err)
	default:
	}
}

// again starts a node on the directory of one that ended, at the same ports as a process would.
func (n *testNode) again(join ...string) *testNode {
	n.t.Helper()
	o := n.opts
	o.Join = join
	for addr, l := range map[*string]net.Listener{&o.ListenClient: n.servers.clientL,
		&o.ListenPeer: n.servers.peerL, &o.ListenOps: n.servers.opsL} {
		*addr = l.Addr().String()
	}
	o.ListenGossip = n.gossip.Addr()
	return launch(n.t, o)
}

// tail keeps the end of what is written to it.
type tail struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (l *tail) Write(p []byte) (int, error) {
	const most = 64 << 10
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.buf.Len() > most {
		l.buf.Next(most / 2)
	}
	return l.buf.Write(p)
}

func (l *tail) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// eventually waits until cond returns no error.
func eventually(t *testing.T, what string, cond func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := cond()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not after %v: %v", what, patience, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// ready waits until the nodes serve everything.
func ready(t *testing.T, nodes ...*testNode) {
	t.Helper()
	for i, n := range nodes {
		eventually(t, fmt.Sprintf("node %d is ready", i), func() error {
			if p := n.Problems(); len(p) > 0 {
				return fmt.Errorf("%q", p)
			}
			return nil
		})
	}
}

// single starts a cluster of one node.
func single(t *testing.T, change ...func(*Options)) *testNode {
	t.Helper()
	o := testOptions(t, "a")
	for _, c := range change {
		c(&o)
	}
	n := launch(t, o)
	ready(t, n)
	return n
}

// three starts a cluster of three nodes.
func three(t *testing.T, change ...func(*Options)) []*testNode {
	t.Helper()
	var nodes []*testNode
	for i := range 3 {
		o := testOptions(t, string(rune('a'+i)))
		o.BootstrapExpect = 3
		for _, n := range nodes {
			o.Join = append(o.Join, n.gossip.Addr())
		}
		for _, c := range change {
			c(&o)
		}
		nodes = append(nodes, launch(t, o))
	}
	ready(t, nodes...)
	return nodes
}

func (n *testNode) query() queryv1.QueryServiceClient {
	return queryv1.NewQueryServiceClient(n.conn)
}

func (n *testNode) ingest() ingestv1.IngestServiceClient {
	return ingestv1.NewIngestServiceClient(n.conn)
}

func (n *testNode) admin() adminv1.AdminServiceClient {
	return adminv1.NewAdminServiceClient(n.conn)
}

// call bounds one request.
func call(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// told turns what a client got back into an error with a kind.
func told(err error) error {
	if err == nil {
		return nil
	}
	e, _ := api.FromStatus("client", err)
	return e
}

// sameDigests waits until all nodes have applied the same of every shard and compares what they
// hold.
func sameDigests(t *testing.T, nodes ...*testNode) {
	t.Helper()
	for _, d := range nodes[0].meta.state.Snapshot().Map().Shards {
		var all []shard.Totals
		eventually(t, fmt.Sprintf("replicas of shard %d are at one index", d.ID), func() error {
			all = all[:0]
			for _, n := range nodes {
				if r := n.groups.Get(d.ID); r != nil {
					all = append(all, r.State().Totals())
				}
			}
			if len(all) != len(d.Replicas) {
				return fmt.Errorf("%d of %d replicas are open", len(all), len(d.Replicas))
			}
			for _, tot := range all {
				if tot.Applied != all[0].Applied {
					return fmt.Errorf("%+v", all)
				}
			}
			return nil
		})
		for _, tot := range all {
			if tot.Digest != all[0].Digest || tot.Rows != all[0].Rows {
				t.Errorf("shard %d: replicas differ: %+v", d.ID, all)
			}
		}
	}
}

// metaLeader waits for the node among nodes that leads the meta group and can prove it.
func metaLeader(t *testing.T, nodes ...*testNode) *testNode {
	t.Helper()
	var found *testNode
	eventually(t, "the meta group has a leader", func() error {
		i := slices.IndexFunc(nodes, func(n *testNode) bool {
			return n.meta.leading.Term() != 0
		})
		if i < 0 {
			return fmt.Errorf("none of %d nodes leads", len(nodes))
		}
		found = nodes[i]
		return nil
	})
	return found
}

// others returns the nodes but for one.
func others(nodes []*testNode, but *testNode) []*testNode {
	return slices.DeleteFunc(slices.Clone(nodes), func(n *testNode) bool { return n == but })
}

// gossipAddrs returns where nodes can be joined.
func gossipAddrs(nodes ...*testNode) []string {
	var out []string
	for _, n := range nodes {
		out = append(out, n.gossip.Addr())
	}
	return out
}

// importing is an import under way, as a client would make it.
type importing struct {
	t    *testing.T
	via  ingestv1.IngestServiceClient
	open *ingestv1.OpenResponse
	seq  map[uint64]uint64
}

func openRequest(repo, revision, holder string) *ingestv1.OpenRequest {
	return &ingestv1.OpenRequest{Repo: repo, Revision: revision, Holder: holder,
		RequestId: fmt.Sprintf("%s-%s-%d", repo, holder, time.Now().UnixNano())}
}

// begin opens an import.
func begin(n *testNode, repo, revision string) *importing {
	n.t.Helper()
	resp, err := n.ingest().Open(call(n.t), openRequest(repo, revision, "tester"))
	if err != nil {
		n.t.Fatal(err)
	}
	return &importing{t: n.t, via: n.ingest(), open: resp, seq: map[uint64]uint64{}}
}

// shardOf returns the shard that a row belongs to.
func (im *importing) shardOf(key []byte) *ingestv1.Shard {
	im.t.Helper()
	info, err := graph.ParseRow(key)
	if err != nil {
		im.t.Fatal(err)
	}
	for _, s := range im.open.GetShards() {
		if s.GetSlotLo() <= uint32(info.Slot) && uint32(info.Slot) <= s.GetSlotHi() {
			return s
		}
	}
	im.t.Fatalf("no shard has slot %d", info.Slot)
	return nil
}

// batch makes the next batch for a shard.
func (im *importing) batch(s *ingestv1.Shard, rows []graph.Row) *graph.Batch {
	im.seq[s.GetId()]++
	return &graph.Batch{Import: graph.Timestamp(im.open.GetImportId()),
		Attempt: im.open.GetAttempt(), Seq: im.seq[s.GetId()],
		Repo: graph.RepoID(im.open.GetRepoId()), Rows: rows}
}

// send writes a batch and returns its log index.
func (im *importing) send(s *ingestv1.Shard, b *graph.Batch) (uint64, error) {
	resp, err := im.via.Write(call(im.t), &ingestv1.WriteRequest{ShardId: s.GetId(),
		Epoch: s.GetEpoch(), Batch: b.Encode()})
	return resp.GetLogIndex(), told(err)
}

// put writes facts, one batch per shard.
func (im *importing) put(facts ...*graph.OwnerFacts) {
	im.t.Helper()
	rows := map[uint64][]graph.Row{}
	for _, f := range facts {
		f.Repo = graph.RepoID(im.open.GetRepoId())
		for _, r := range f.Rows() {
			id := im.shardOf(r.Key).GetId()
			rows[id] = append(rows[id], r)
		}
	}
	im.each(func(s *ingestv1.Shard) error {
		if len(rows[s.GetId()]) == 0 {
			return nil
		}
		_, err := im.send(s, im.batch(s, rows[s.GetId()]))
		return err
	})
}

func (im *importing) each(do func(*ingestv1.Shard) error) {
	im.t.Helper()
	for _, s := range im.open.GetShards() {
		if err := do(s); err != nil {
			im.t.Fatalf("shard %d: %v", s.GetId(), err)
		}
	}
}

// commit seals all shards and commits.
func (im *importing) commit() *ingestv1.CommitResponse {
	im.t.Helper()
	resp, err := im.via.Commit(call(im.t), im.sealed())
	if err != nil {
		im.t.Fatal(err)
	}
	return resp
}

// sealed seals all shards and makes the request that commits.
func (im *importing) sealed() *ingestv1.CommitRequest {
	im.t.Helper()
	req := &ingestv1.CommitRequest{ImportId: im.open.GetImportId(),
		Attempt: im.open.GetAttempt(), Stats: &ingestv1.Stats{Files: 1}}
	im.each(func(s *ingestv1.Shard) error {
		b := im.batch(s, nil)
		b.Seal = true
		index, err := im.send(s, b)
		req.Seals = append(req.Seals, &ingestv1.Seal{ShardId: s.GetId(), LogIndex: index})
		return err
	})
	return req
}

func (im *importing) abort() error {
	_, err := im.via.Abort(call(im.t), &ingestv1.AbortRequest{ImportId: im.open.GetImportId(),
		Attempt: im.open.GetAttempt(), Reason: "the test says so"})
	return told(err)
}

// unsealed makes a request that commits without a word to the shards.
func (im *importing) unsealed() *ingestv1.CommitRequest {
	req := &ingestv1.CommitRequest{ImportId: im.open.GetImportId(), Attempt: im.open.GetAttempt()}
	for _, s := range im.open.GetShards() {
		req.Seals = append(req.Seals, &ingestv1.Seal{ShardId: s.GetId(), LogIndex: 1})
	}
	return req
}
