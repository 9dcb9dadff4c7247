package node

import (
	"context"
	"strings"
	"testing"
	"time"

	ingestv1 "github.com/codegraphdb/codegraph/api/codegraph/ingest/v1"
	peerv1 "github.com/codegraphdb/codegraph/api/codegraph/peer/v1"
	queryv1 "github.com/codegraphdb/codegraph/api/codegraph/query/v1"
	"github.com/codegraphdb/codegraph/graph"
)

// Only one import of a repository is under way; who waits is told for whom.
func testLocks(t *testing.T, n *testNode) {
	req := openRequest("locked", "1", "worker 7 of ci")
	first, err := n.ingest().Open(call(t), req)
	if err != nil {
		t.Fatal(err)
	}
	year := time.UnixMilli(time.Now().UnixMilli()).UTC().Format("2006-01-")
	_, err = n.ingest().Open(call(t), openRequest("locked", "2", "somebody else"))
	wantError(t, "second import", told(err), graph.KindConflict, `"locked"`, "worker 7 of ci",
		"since "+year, "wait until")
	again, err := n.ingest().Open(call(t), req)
	if err != nil || again.GetImportId() != first.GetImportId() {
		t.Errorf("the same request again: %v, %v", again, err)
	}
	free := begin(n, "another", "1") // other repositories are not concerned
	if err := free.abort(); err != nil {
		t.Error(err)
	}
	abort := &ingestv1.AbortRequest{ImportId: first.GetImportId(), Attempt: first.GetAttempt(),
		Reason: "interrupted"}
	if _, err := n.ingest().Abort(call(t), abort); err != nil {
		t.Fatal(err)
	}
	_, err = n.ingest().Renew(call(t), &ingestv1.RenewRequest{ImportId: first.GetImportId(),
		Attempt: first.GetAttempt()})
	wantError(t, "renewing what was aborted", told(err), graph.KindConflict, "interrupted")
	next, err := n.ingest().Open(call(t), openRequest("locked", "2", "somebody else"))
	if err != nil {
		t.Fatalf("after the abort: %v", err)
	}
	abort = &ingestv1.AbortRequest{ImportId: next.GetImportId(), Attempt: next.GetAttempt()}
	if _, err := n.ingest().Abort(call(t), abort); err != nil {
		t.Error(err)
	}
}

// The lock of an import that nobody renews is free after the lease, and not before.
func TestLeaseEnds(t *testing.T) {
	t.Parallel()
	n := single(t)
	dead := begin(n, "r", "1")
	alive := begin(n, "s", "1")
	began := time.Now()
	lease := time.Duration(dead.open.GetLeaseMillis()) * time.Millisecond
	var next *ingestv1.OpenResponse
	eventually(t, "the lock is free", func() error {
		_, err := alive.via.Renew(call(t), &ingestv1.RenewRequest{
			ImportId: alive.open.GetImportId(), Attempt: alive.open.GetAttempt()})
		if err != nil {
			t.Fatalf("an import that is renewed: %v", err)
		}
		next, err = n.ingest().Open(call(t), openRequest("r", "1", "the next one"))
		return told(err)
	})
	if waited := time.Since(began); waited < lease-time.Second || waited > lease+3*time.Second {
		t.Errorf("the lock was free after %v, the lease is %v", waited, lease)
	}
	_, err := dead.via.Commit(call(t), dead.unsealed())
	wantError(t, "commit after the lease", told(err), graph.KindConflict, "lease ended", "tester")
	if next.GetImportId() <= dead.open.GetImportId() {
		t.Errorf("import %d follows %d", next.GetImportId(), dead.open.GetImportId())
	}
	alive.put(withRepo(alive, file("q", nil, "A")))
	alive.commit()
	if err := visible(n, "q.A"); err != nil {
		t.Error(err)
	}
}

// Bad writes get an error that says what is wrong, and change nothing.
func testBadWrites(t *testing.T, n *testNode) {
	im := begin(n, "bad", "1")
	rows := withRepo(im, file("bad", nil, "A")).Rows()
	s := im.shardOf(rows[0].Key)
	other := im.open.GetShards()[0]
	if other.GetId() == s.GetId() {
		other = im.open.GetShards()[1]
	}
	id, epoch := s.GetId(), s.GetEpoch()
	one := (&graph.Batch{Import: graph.Timestamp(im.open.GetImportId()), Attempt: 1, Seq: 1,
		Repo: graph.RepoID(im.open.GetRepoId()), Rows: rows[:1]})
	stranger := *one
	stranger.Import = graph.Timestamp(1)
	before := n.groups.Get(id).State().Totals()
	for _, c := range []struct {
		name  string
		shard uint64
		epoch uint64
		batch []byte
		kind  graph.ErrorKind
		says  []string
	}{
		{"stale epoch", id, epoch + 1, one.Encode(), graph.KindStaleEpoch, []string{"epoch"}},
		{"unknown shard", 4711, 1, one.Encode(), graph.KindNotFound, []string{"no shard 4711"}},
		{"shard of the meta group", 0, 1, one.Encode(), graph.KindNotFound, []string{"no shard 0"}},
		{"over the limit", id, epoch, make([]byte, graph.MaxBatchBytes+1), graph.KindLimit,
			[]string{"4194305", "4194304"}},
		{"over the size of a message", id, epoch, make([]byte, maxMessage+1), graph.KindLimit, nil},
		{"empty", id, epoch, nil, graph.KindInvalid, nil},
		{"rubbish", id, epoch, []byte("rubbish"), graph.KindInvalid, nil},
		{"cut off", id, epoch, one.Encode()[:40], graph.KindInvalid, nil},
		{"newer format", id, epoch, append([]byte{99}, one.Encode()[1:]...), graph.KindInvalid,
			[]string{"format 99"}},
		{"rows of another shard", other.GetId(), other.GetEpoch(), one.Encode(), graph.KindInvalid,
			[]string{"row 0", "slot"}},
	} {
		_, err := n.ingest().Write(call(t), &ingestv1.WriteRequest{ShardId: c.shard,
			Epoch: c.epoch, Batch: c.batch})
		wantError(t, c.name, told(err), c.kind, c.says...)
	}
	if after := n.groups.Get(id).State().Totals(); after.Rows != before.Rows {
		t.Errorf("bad writes turned %+v into %+v", before, after)
	}
	if _, err := im.send(s, im.batch(s, rows[:1])); err != nil {
		t.Errorf("a good write after them: %v", err)
	}
	_, err := im.via.Commit(call(t), &ingestv1.CommitRequest{ImportId: im.open.GetImportId(),
		Attempt: 1})
	wantError(t, "commit without seals", told(err), graph.KindConflict, "has not been sealed")
	_, err = im.via.Commit(call(t), &ingestv1.CommitRequest{ImportId: 12345, Attempt: 1})
	wantError(t, "commit of nothing", told(err), graph.KindNotFound, "does not exist")
	if err := im.abort(); err != nil {
		t.Error(err)
	}
	_, err = n.ingest().Open(call(t), &ingestv1.OpenRequest{})
	wantError(t, "open without a name", told(err), graph.KindInvalid)
	_, err = n.ingest().Open(call(t), &ingestv1.OpenRequest{Repo: "nowhere", Delete: true,
		RequestId: "x", Holder: "x"})
	wantError(t, "deleting what is not there", told(err), graph.KindNotFound, "nowhere")
}

func testBadReads(t *testing.T, n *testNode) {
	get := func(symbol string, o *queryv1.ReadOptions) error {
		_, err := n.query().GetSymbol(call(t), &queryv1.GetSymbolRequest{
			Ref: &queryv1.SymbolRef{Symbol: symbol}, Options: o})
		return told(err)
	}
	wantError(t, "unknown symbol", get("no.Such", nil), graph.KindNotFound, "no.Such")
	wantError(t, "empty symbol", get("", nil), graph.KindInvalid)
	late := uint64(n.meta.state.Snapshot().LastCommit()) + 2<<18
	wantError(t, "token of the future", get("p.A", &queryv1.ReadOptions{Token: late}),
		graph.KindInvalid, "token", "another cluster?")
	_, err := n.query().Neighbors(call(t), &queryv1.NeighborsRequest{
		Ref: &queryv1.SymbolRef{Symbol: "p.A"}, Types: []string{"KNOWS"}})
	wantError(t, "unknown edge type", told(err), graph.KindInvalid, "KNOWS", "docs/SCHEMA.md")
	_, err = n.query().SearchSymbols(call(t), &queryv1.SearchSymbolsRequest{Text: "A",
		Kinds: []string{"Gadget"}})
	wantError(t, "unknown label", told(err), graph.KindInvalid, "Gadget", "docs/SCHEMA.md")
	stream, err := n.ingest().Base(call(t), &ingestv1.BaseRequest{RepoId: 1, Timestamp: late})
	if err == nil {
		_, err = stream.Recv()
	}
	wantError(t, "base of the future", told(err), graph.KindInvalid, "token")
	ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	_, err = n.query().GetSymbol(ctx, &queryv1.GetSymbolRequest{
		Ref: &queryv1.SymbolRef{Symbol: "p.A"}})
	wantError(t, "no time", told(err), graph.KindDeadline)
}

// Requests of a peer that knows another map are refused, as is what no version ever sent.
func testBadPeerRequests(t *testing.T, n *testNode) {
	conn, err := dialPeer(n.servers.peerL.Addr().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	peer := peerv1.NewPeerServiceClient(conn)
	d := n.meta.state.Snapshot().Map().Shards[0]
	ids := graph.AppendIDs(nil, []graph.VertexID{{}})
	for _, c := range []struct {
		name string
		req  *peerv1.ReadRequest
		kind graph.ErrorKind
		says string
	}{
		{"unknown shard", &peerv1.ReadRequest{ShardId: 4711}, graph.KindUnavailable, "4711"},
		{"stale epoch", &peerv1.ReadRequest{ShardId: d.ID, Epoch: d.Epoch + 1},
			graph.KindStaleEpoch, "epoch"},
		{"nothing asked", &peerv1.ReadRequest{ShardId: d.ID, Epoch: d.Epoch},
			graph.KindUnsupported, "unknown kind"},
		{"cut ids", &peerv1.ReadRequest{ShardId: d.ID, Epoch: d.Epoch,
			What: &peerv1.ReadRequest_Lookup{Lookup: &peerv1.Lookup{Ids: ids[:5]}}},
			graph.KindInvalid, ""},
		{"rubbish for a scan", &peerv1.ReadRequest{ShardId: d.ID, Epoch: d.Epoch,
			What: &peerv1.ReadRequest_Scan{Scan: []byte("rubbish")}}, graph.KindInvalid, "scan"},
	} {
		_, err := peer.Read(call(t), c.req)
		e := told(err)
		if e == nil || c.kind != graph.KindInvalid && graph.KindOf(e) != c.kind ||
			!strings.Contains(e.Error(), c.says) {
			t.Errorf("%s: %v, want %v and %q", c.name, e, c.kind, c.says)
		}
	}
	for name, req := range map[string]*peerv1.WriteShardRequest{
		"no command":    {ShardId: d.ID, Epoch: d.Epoch},
		"short outcome": {ShardId: d.ID, Epoch: d.Epoch, Body: make([]byte, 15), Command: 2},
		"rubbish batch": {ShardId: d.ID, Epoch: d.Epoch, Body: []byte("x"), Command: 1},
		"wrong outcome": {ShardId: d.ID, Epoch: d.Epoch, Body: make([]byte, 16), Command: 2},
	} {
		_, err := peer.WriteShard(call(t), req)
		wantError(t, name, told(err), graph.KindInvalid)
	}
	_, err = peer.ProposeMeta(call(t), &peerv1.ProposeMetaRequest{Command: []byte("rubbish")})
	if err == nil {
		t.Error("the meta group took rubbish")
	}
	_, err = peer.Pledge(call(t), &peerv1.PledgeRequest{ClusterId: "x", ClusterName: "c"})
	if err == nil {
		t.Error("a member of a cluster pledged itself to another")
	}
	_, err = peer.Found(call(t), &peerv1.FoundRequest{ClusterId: "x"})
	if err == nil {
		t.Error("a member of a cluster took another's news")
	}
}

// Below the floor batches and new imports are refused, everything else goes on.
func testFullDisk(t *testing.T, n *testNode) {
	im := begin(n, "full", "1")
	f := withRepo(im, file("full", nil, "A"))
	im.put(f)
	req := im.sealed()
	t.Setenv(diskFloorName, "1048576TiB")
	n.disk.Poll()
	s := im.open.GetShards()[0]
	_, err := im.send(s, im.batch(s, nil))
	wantError(t, "batch", err, graph.KindDiskFull, "free space", "resume by themselves")
	_, err = n.ingest().Open(call(t), openRequest("next", "1", "x"))
	wantError(t, "open", told(err), graph.KindDiskFull, n.dir.Path)
	if _, err := im.via.Commit(call(t), req); err != nil {
		t.Errorf("a commit frees the lock and is let through: %v", err)
	}
	if err := visible(n, "full.A"); err != nil {
		t.Errorf("reads go on: %v", err)
	}
	if p := n.Problems(); len(p) != 1 || !strings.Contains(p[0], "MiB free") {
		t.Errorf("problems are %q", p)
	}
	t.Setenv(diskFloorName, "0")
	n.disk.Poll()
	next := begin(n, "next", "1")
	if err := next.abort(); err != nil {
		t.Error(err)
	}
}
