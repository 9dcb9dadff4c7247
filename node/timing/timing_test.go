package timing

import (
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

var kinds = map[string]Timeouts{"data": Data, "meta": Meta}

func TestTheLibraryTakesThem(t *testing.T) {
	for name, to := range kinds {
		conf := to.Config("a", hclog.NewNullLogger())
		if err := raft.ValidateConfig(conf); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if conf.PreVoteDisabled || conf.HeartbeatTimeout != to.Heartbeat || !conf.BatchApplyCh {
			t.Errorf("%s: %+v", name, conf)
		}
	}
}

// T1, with the windows of package transport: 50 ms for the heartbeat, 5 ms for the answer.
func TestBeatsAreCloseEnough(t *testing.T) {
	const windows = 105 * time.Millisecond
	for name, to := range kinds {
		longest := to.Heartbeat/5 + windows
		if least := min(to.Heartbeat, to.Lease); longest > least/2 {
			t.Errorf("%s: %v between two heartbeats, the shortest time-out is %v", name, longest, least)
		}
	}
}

// T2. Others notice at once that the node is gone, or at the latest by the time-outs, were the
// connections to stay open.
func TestStalledDiskIsLeftInTime(t *testing.T) {
	if sum := WriteDeadline + 2*Data.Heartbeat; sum > 5*time.Second {
		t.Errorf("a stalled leader is replaced after %v", sum)
	}
}
