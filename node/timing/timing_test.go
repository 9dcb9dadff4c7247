package timing

import (
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

var kinds = map[string]Timeouts{"data": Data, "meta": Meta}

func open(t *testing.T, to Timeouts, ids ...raft.ServerID) map[raft.ServerID]*raft.Raft {
	t.Helper()
	transports := map[raft.ServerID]*raft.InmemTransport{}
	var boot raft.Configuration
	for _, id := range ids {
		_, transports[id] = raft.NewInmemTransport(raft.ServerAddress(id))
		boot.Servers = append(boot.Servers, raft.Server{ID: id, Address: raft.ServerAddress(id)})
	}
	out := map[raft.ServerID]*raft.Raft{}
	for _, id := range ids {
		for _, peer := range ids {
			transports[id].Connect(raft.ServerAddress(peer), transports[peer])
		}
		conf := to.Config(id, hclog.NewNullLogger())
		store, snaps := raft.NewInmemStore(), raft.NewInmemSnapshotStore()
		if err := raft.BootstrapCluster(conf, store, store, snaps, transports[id], boot); err != nil {
			t.Fatal(err)
		}
		r, err := raft.NewRaft(conf, &raft.MockFSM{}, store, store, snaps, transports[id])
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = r.Shutdown().Error() })
		out[id] = r
	}
	return out
}

// The library takes all values, in any order of Lead and Follow, and keeps its other settings.
func TestLeadAndFollow(t *testing.T) {
	for name, to := range kinds {
		r := open(t, to, "a")["a"]
		before := r.ReloadableConfig()
		for _, step := range []struct {
			set  func(Group) error
			want time.Duration
		}{{to.Lead, to.Beat}, {to.Lead, to.Beat}, {to.Follow, to.Heartbeat}, {to.Lead, to.Beat}} {
			if err := step.set(r); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			got := r.ReloadableConfig()
			if got.HeartbeatTimeout != step.want || got.ElectionTimeout != step.want {
				t.Errorf("%s: time-outs %v and %v, want %v", name, got.HeartbeatTimeout,
					got.ElectionTimeout, step.want)
			}
		}
		if err := to.Follow(r); err != nil || r.ReloadableConfig() != before {
			t.Errorf("%s: %+v, was %+v (%v)", name, r.ReloadableConfig(), before, err)
		}
	}
}

// T2, with the windows of package transport: 50 ms for the heartbeat, 5 ms for the answer.
func TestBeatsAreCloseEnough(t *testing.T) {
	const windows = 55 * time.Millisecond
	for name, to := range kinds {
		longest := to.Beat/5 + windows
		if least := min(to.Heartbeat, to.Lease); longest > least*2/3 {
			t.Errorf("%s: %v between two heartbeats, the shortest time-out is %v", name, longest, least)
		}
	}
}

// A leader that has stepped down watches its successor with a follower's time-out at once: the
// longer one that it had does not run on.
func TestFollowEndsTheLongTimeout(t *testing.T) {
	to := Data
	to.Beat = time.Hour
	group := open(t, to, "a", "b", "c")
	leader := func(besides ...*raft.Raft) (found *raft.Raft) {
		for found == nil {
			for _, r := range group {
				if !slices.Contains(besides, r) && r.State() == raft.Leader {
					found = r
				}
			}
			time.Sleep(time.Millisecond)
		}
		return found
	}
	first := leader()
	if err := to.Lead(first); err != nil {
		t.Fatal(err)
	}
	if err := first.LeadershipTransfer().Error(); err != nil {
		t.Fatal(err)
	}
	second := leader(first)
	if err := to.Follow(first); err != nil {
		t.Fatal(err)
	}
	_ = second.Shutdown().Error()
	leader(second) // needs the vote of the first, which must have given up the second
}
