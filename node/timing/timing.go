package timing

import (
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// Timeouts are the time-outs of one kind of group.
type Timeouts struct {
	Heartbeat time.Duration // silence of the leader after which a follower campaigns
	Lease     time.Duration // silence of a quorum after which a leader steps down
	Commit    time.Duration // pause after which an append that failed is tried again
	Beat      time.Duration // a leader's heartbeats are a tenth to a fifth of this apart
}

var (
	// Data are the time-outs of the shards' groups.
	Data = Timeouts{Heartbeat: 500 * time.Millisecond, Lease: 500 * time.Millisecond,
		Commit: 200 * time.Millisecond, Beat: time.Second}
	// Meta are those of the meta group.
	Meta = Timeouts{Heartbeat: 500 * time.Millisecond, Lease: 500 * time.Millisecond,
		Commit: 100 * time.Millisecond, Beat: time.Second}
)

// WriteDeadline is how long one write to a group's log may take. Heartbeats go on while a leader's
// disk stands still, so nothing else ends its leadership; the node ends and others lead.
const WriteDeadline = 4 * time.Second

// Config is the library's configuration of a replica that does not lead.
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

// Group is what has time-outs; raft.Raft is one.
type Group interface {
	ReloadableConfig() raft.ReloadableConfig
	ReloadConfig(raft.ReloadableConfig) error
}

// Lead makes the pauses between heartbeats those of a leader.
func (t Timeouts) Lead(g Group) error { return set(g, t.Beat) }

// Follow makes the time-outs those of a replica that does not lead.
func (t Timeouts) Follow(g Group) error { return set(g, t.Heartbeat) }

func set(g Group, heartbeat time.Duration) error {
	c := g.ReloadableConfig()
	c.HeartbeatTimeout, c.ElectionTimeout = heartbeat, heartbeat
	if err := g.ReloadConfig(c); err != nil {
		return fmt.Errorf("time-out of %v: %w", heartbeat, err)
	}
	return nil
}
