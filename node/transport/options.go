package transport

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"time"

	peerv1 "github.com/codegraphdb/codegraph/api/codegraph/peer/v1"
)

// Lane names one of the three connections to a peer.
type Lane int

// The lanes. Each has an HTTP/2 connection of its own, so a large append never delays a vote.
const (
	Control Lane = iota // heartbeats, votes, pre-votes, TimeoutNow
	Log                 // AppendEntries with entries
	Bulk                // snapshots
	laneCount
)

// String returns the lane's name as it stands in logs and metrics.
func (l Lane) String() string {
	switch l {
	case Control:
		return "control"
	case Log:
		return "log"
	case Bulk:
		return "bulk"
	}
	return fmt.Sprintf("lane(%d)", int(l))
}

func (l Lane) wire() peerv1.RaftLane {
	return peerv1.RaftLane(int32(l) + 1)
}

func laneFromWire(w peerv1.RaftLane) (Lane, bool) {
	l := Lane(int32(w) - 1)
	return l, l >= Control && l < laneCount
}

// Options configures a Transport. Zero values of the tuning fields mean the default.
type Options struct {
	// NodeID is the uuid of this node.
	NodeID string
	// ClusterID returns the id of this node's cluster, empty while it is not known yet.
	ClusterID func() string
	// Resolve returns the current address of a node; it is asked at every connect.
	Resolve func(nodeID string) (addr string, err error)
	// TLS secures outgoing connections; nil means plain text. The server's side is the business
	// of the grpc.Server given to Register. An empty ServerName means the host of the address.
	TLS *tls.Config
	// Logger receives connects, breaks and refusals; nil discards them.
	Logger *slog.Logger
	// Intercept is asked before a call or a reply leaves for peer; an error fails the call or
	// drops the reply. For tests and fault injection, nil otherwise.
	Intercept func(peer string, lane Lane) error
	// Timeouts holds the deadlines.
	Timeouts Timeouts
	// Limits holds the bounds.
	Limits Limits
}

// Timeouts are the deadlines of calls and connections.
type Timeouts struct {
	Heartbeat  time.Duration // heartbeats and appends without entries; 1 s
	Vote       time.Duration // votes and pre-votes; 1 s
	Append     time.Duration // AppendEntries with entries; 10 s
	TimeoutNow time.Duration // 1 s
	Connect    time.Duration // connect, handshake and hello; 2 s
	BackoffMin time.Duration // pause after the first failed connect; 50 ms
	BackoffMax time.Duration // longest pause between connects; 1 s
	// SnapshotStall ends a snapshot of which no chunk could be moved for so long; 30 s.
	SnapshotStall time.Duration
	// SnapshotApply is how long the peer may take to restore once it has all bytes; 10 min.
	SnapshotApply time.Duration
}

// Limits are the bounds of queues and messages.
type Limits struct {
	BeatWindow     time.Duration // the longest a heartbeat waits for company; 100 ms
	ReplyWindow    time.Duration // the longest a reply waits for the others of its frame; 5 ms
	QueueCalls     int           // calls queued per lane and peer; 4096
	QueueBytes     int           // bytes queued per lane and peer; 64 MiB
	GroupCalls     int           // inbound calls waiting per group; 64
	FrameBytes     int           // a frame is sent when it holds so much; 1 MiB
	MaxAppendBytes int           // entries of one AppendEntries; 8 MiB
	BulkRate       int           // bytes per second of all outgoing snapshots; 0 = no limit
}

// maxMessageBytes is the largest gRPC message that either side accepts: a frame plus the largest
// append, with room for one oversized entry.
const maxMessageBytes = 64 << 20

// Flow control windows. Fixed ones keep gRPC from measuring the link with a ping per message, which
// would double the packets of an idle node pair.
const (
	streamWindow = 4 << 20
	connWindow   = 16 << 20
)

// chunkBytes is the size of the parts of a snapshot.
const chunkBytes = 256 << 10

func (o Options) withDefaults() Options {
	t, l := &o.Timeouts, &o.Limits
	setDefault(&t.Heartbeat, time.Second)
	setDefault(&t.Vote, time.Second)
	setDefault(&t.Append, 10*time.Second)
	setDefault(&t.TimeoutNow, time.Second)
	setDefault(&t.Connect, 2*time.Second)
	setDefault(&t.BackoffMin, 50*time.Millisecond)
	setDefault(&t.BackoffMax, time.Second)
	setDefault(&t.SnapshotStall, 30*time.Second)
	setDefault(&t.SnapshotApply, 10*time.Minute)
	setDefault(&l.BeatWindow, 100*time.Millisecond)
	setDefault(&l.ReplyWindow, 5*time.Millisecond)
	setDefault(&l.QueueCalls, 4096)
	setDefault(&l.QueueBytes, 64<<20)
	setDefault(&l.GroupCalls, 64)
	setDefault(&l.FrameBytes, 1<<20)
	setDefault(&l.MaxAppendBytes, 8<<20)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

func (o Options) validate() error {
	switch {
	case o.NodeID == "":
		return fmt.Errorf("transport: Options.NodeID is empty; give the uuid of this node")
	case o.ClusterID == nil:
		return fmt.Errorf("transport: Options.ClusterID is nil")
	case o.Resolve == nil:
		return fmt.Errorf("transport: Options.Resolve is nil")
	}
	return nil
}

func setDefault[T int | time.Duration](v *T, def T) {
	if *v <= 0 {
		*v = def
	}
}
