package raftlog

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// disk is what a shard's Pebble would hold durably.
type disk struct {
	mu      sync.Mutex
	flushed kept
	snaps   *Snapshots
	markers int // restores that found the state here
	streams int // restores that took one from a leader
}

type kept struct {
	Applied uint64   `json:"applied"`
	Lines   []string `json:"lines"`
}

func (k kept) clone() kept { return kept{k.Applied, append([]string(nil), k.Lines...)} }

// machine is a state machine as node will wrap a shard: applied index in the state, metadata-only
// snapshots, idempotent restore.
type machine struct {
	d   *disk
	mu  sync.Mutex
	now kept
}

func (m *machine) Apply(l *raft.Log) any {
	m.mu.Lock()
	defer m.mu.Unlock()
	if l.Index > m.now.Applied {
		m.now.Applied = l.Index
		m.now.Lines = append(m.now.Lines, string(l.Data))
	}
	return nil
}

// StoreConfiguration lets configuration entries count for snapshots.
func (m *machine) StoreConfiguration(index uint64, _ raft.Configuration) {}

func (m *machine) Snapshot() (raft.FSMSnapshot, error) { return m, nil }

func (m *machine) Persist(sink raft.SnapshotSink) error {
	m.flush()
	if _, err := io.WriteString(sink, LocalMarker); err != nil {
		return err
	}
	return sink.Close()
}

func (m *machine) Release() {}

func (m *machine) flush() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.d.mu.Lock()
	defer m.d.mu.Unlock()
	m.d.flushed = m.now.clone()
}

func (m *machine) Restore(rc io.ReadCloser) error {
	local, index, state, err := ReadRestore(rc)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.d.mu.Lock()
	defer m.d.mu.Unlock()
	if local {
		m.d.markers++
		if len(m.now.Lines) == 0 {
			return fmt.Errorf("nothing here, the snapshot ends at %d", index)
		}
		return nil
	}
	m.d.streams++
	m.now = kept{}
	if err := json.NewDecoder(state).Decode(&m.now); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, state); err != nil { // verifies the checksum
		return err
	}
	m.d.flushed = m.now.clone()
	return m.d.snaps.Installed(index)
}

// Stream checkpoints the state as it is now.
func (m *machine) Stream() (int64, io.ReadCloser, error) {
	m.flush()
	m.mu.Lock()
	defer m.mu.Unlock()
	body, err := json.Marshal(m.now)
	return int64(len(body)), io.NopCloser(strings.NewReader(string(body))), err
}

// peer is one node with one group.
type peer struct {
	id    raft.ServerID
	fs    vfs.FS
	d     *disk
	e     *Engine
	m     *machine
	trans *raft.InmemTransport
	r     *raft.Raft
}

func newPeer(id string) *peer {
	return &peer{id: raft.ServerID(id), fs: vfs.NewMem(), d: &disk{}}
}

// start runs the group as node will: stores, Verify, NewRaft, Serve.
func (p *peer) start(t *testing.T) {
	t.Helper()
	p.e = openEngine(t, exact(p.fs))
	g := p.e.Group(1)
	p.m = &machine{d: p.d, now: p.d.flushed.clone()}
	snaps, err := OpenSnapshots("snap", p.m, SnapshotOptions{FS: p.fs, OnSend: g.Pin})
	if err != nil {
		t.Fatal(err)
	}
	p.d.snaps = snaps
	metas, err := snaps.List()
	if err != nil {
		t.Fatal(err)
	}
	if len(metas) > 0 {
		err = g.Verify(metas[0].Index + 1)
	} else {
		err = g.Verify(0)
	}
	if err != nil {
		t.Fatal(err)
	}
	_, p.trans = raft.NewInmemTransport(raft.ServerAddress(p.id))
	cfg := raft.DefaultConfig()
	cfg.LocalID = p.id
	cfg.Logger = hclog.NewNullLogger()
	cfg.HeartbeatTimeout, cfg.ElectionTimeout = 100*time.Millisecond, 100*time.Millisecond
	cfg.LeaderLeaseTimeout, cfg.CommitTimeout = 100*time.Millisecond, 5*time.Millisecond
	cfg.SnapshotThreshold, cfg.SnapshotInterval = 1<<30, time.Hour
	cfg.TrailingLogs = 1
	p.r, err = raft.NewRaft(cfg, p.m, g, g, snaps, p.trans)
	if err != nil {
		t.Fatal(err)
	}
	snaps.Serve()
	t.Cleanup(func() { _ = p.r.Shutdown().Error() })
}

func (p *peer) stop(t *testing.T) {
	t.Helper()
	if err := p.r.Shutdown().Error(); err != nil {
		t.Fatal(err)
	}
	if err := p.e.Close(); err != nil {
		t.Fatal(err)
	}
}

func (p *peer) lines() int {
	p.m.mu.Lock()
	defer p.m.mu.Unlock()
	return len(p.m.now.Lines)
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited 30 s for %s", what)
		}
	}
}

func (p *peer) leads() bool { return p.r.State() == raft.Leader }

func (p *peer) apply(t *testing.T, from, to int) {
	t.Helper()
	for i := from; i <= to; i++ {
		if err := p.r.Apply(fmt.Append(nil, "line ", i), 0).Error(); err != nil {
			t.Fatal(err)
		}
	}
}

func (p *peer) check(t *testing.T, want int) {
	t.Helper()
	p.m.mu.Lock()
	defer p.m.mu.Unlock()
	for i, l := range p.m.now.Lines {
		if l != fmt.Sprint("line ", i+1) {
			t.Fatalf("%s: line %d is %q", p.id, i+1, l)
		}
	}
	if len(p.m.now.Lines) != want {
		t.Fatalf("%s has %d lines, want %d", p.id, len(p.m.now.Lines), want)
	}
}

func bootstrap(t *testing.T, p *peer, others ...*peer) {
	t.Helper()
	var c raft.Configuration
	for _, q := range append(others, p) {
		c.Servers = append(c.Servers, raft.Server{ID: q.id, Address: raft.ServerAddress(q.id)})
	}
	if err := p.r.BootstrapCluster(c).Error(); err != nil {
		t.Fatal(err)
	}
}

func TestRaftRestarts(t *testing.T) {
	p := newPeer("a")
	p.start(t)
	bootstrap(t, p)
	lines := 0
	for round := range 4 {
		eventually(t, "leadership", p.leads)
		p.apply(t, lines+1, lines+20)
		lines += 20
		if round%2 == 1 {
			if err := p.r.Snapshot().Error(); err != nil {
				t.Fatal(err)
			}
			if x := p.e.state(1).extent(); x.last-x.first > 1 {
				t.Errorf("log %d..%d after a snapshot", x.first, x.last)
			}
			p.apply(t, lines+1, lines+5) // these are not flushed
			lines += 5
		}
		p.stop(t)
		p.start(t)
	}
	eventually(t, "leadership", p.leads)
	if err := p.r.Barrier(0).Error(); err != nil {
		t.Fatal(err)
	}
	p.check(t, lines)
	if p.d.markers == 0 || p.d.streams != 0 {
		t.Errorf("restores: %d here, %d streamed", p.d.markers, p.d.streams)
	}
}

// connect joins the transports of peers that are running.
func connect(peers ...*peer) {
	for _, p := range peers {
		for _, q := range peers {
			if p != q {
				p.trans.Connect(raft.ServerAddress(q.id), q.trans)
			}
		}
	}
}

func TestRaftSendsSnapshot(t *testing.T) {
	a, b := newPeer("a"), newPeer("b")
	a.start(t)
	bootstrap(t, a)
	eventually(t, "leadership", a.leads)
	a.apply(t, 1, 30)
	if err := a.r.Snapshot().Error(); err != nil {
		t.Fatal(err)
	}
	a.apply(t, 31, 40)
	b.start(t)
	connect(a, b)
	if err := a.r.AddNonvoter(b.id, raft.ServerAddress(b.id), 0, 0).Error(); err != nil {
		t.Fatal(err)
	}
	a.apply(t, 41, 45)
	eventually(t, "the new replica to catch up", func() bool {
		return b.lines() == 45 && b.r.AppliedIndex() == a.r.AppliedIndex()
	})
	b.check(t, 45)
	b.d.mu.Lock()
	streams := b.d.streams
	b.d.mu.Unlock()
	if streams != 1 {
		t.Errorf("%d snapshots were streamed", streams)
	}
	if got := files(t, b.fs); strings.Contains(got, stateSuffix) {
		t.Errorf("received bytes were kept: %s", got)
	}
	// The received snapshot is a local one after a restart, and the log above it is whole.
	a.trans.DisconnectAll()
	b.stop(t)
	b.start(t)
	connect(a, b)
	a.apply(t, 46, 50)
	eventually(t, "the restarted replica", func() bool { return b.lines() == 50 })
	b.check(t, 50)
	if b.d.streams != 1 || b.d.markers != 1 {
		t.Errorf("restores: %d here, %d streamed", b.d.markers, b.d.streams)
	}
}
