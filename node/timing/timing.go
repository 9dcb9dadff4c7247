package timing

import (
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// Timeouts are the time-outs of one kind of group.
type Timeouts struct {
	Heartbeat time.Duration // silence of the leader after which a follower campaigns
	Lease     time.Duration // silence of a quorum after which a leader steps down
	Commit    time.Duration // pause after which an append that failed is tried again
}

var (
	// Data are the time-outs of the shards' groups.
	Data = Timeouts{Heartbeat: 750 * time.Millisecond, Lease: 750 * time.Millisecond,
		Commit: 200 * time.Millisecond}
	// Meta are those of the meta group.
	Meta = Timeouts{Heartbeat: 750 * time.Millisecond, Lease: 750 * time.Millisecond,
		Commit: 100 * time.Millisecond}
)

// WriteDeadline is how long one write to a group's log may take. Heartbeats go on while a leader's
// disk stands still, so nothing else ends its leadership; the node ends and others lead.
const WriteDeadline = 3500 * time.Millisecond

// Config is the library's configuration of a replica.
func (t Timeouts) Config(id raft.ServerID, logger hclog.Logger) *raft.Config {
	c := raft.DefaultConfig()
	c.LocalID = id
	c.HeartbeatTimeout, c.ElectionTimeout = t.Heartbeat, t.Heartbeat
	c.LeaderLeaseTimeout, c.CommitTimeout = t.Lease, t.Commit
	c.MaxAppendEntries = 512
	c.BatchApplyCh = true
	c.NoLegacyTelemetry = true
	c.Logger = logger
	return c
}
