package group

import (
	"errors"
	"testing"

	"github.com/hashicorp/raft"
)

// A follower whose log begins after a snapshot knows the entry that the snapshot ends with, and
// nothing else that is not there.
func TestBaseLog(t *testing.T) {
	log, snaps := raft.NewInmemStore(), raft.NewDiscardSnapshotStore()
	metas := []*raft.SnapshotMeta{{Index: 133, Term: 3}, {Index: 66, Term: 2}}
	b := BaseLog{log, listed{snaps, metas}}
	look := func(index uint64) (term uint64, err error) {
		var l raft.Log
		err = b.GetLog(index, &l)
		if err == nil && l.Index != index {
			t.Errorf("entry %d says it is %d", index, l.Index)
		}
		return l.Term, err
	}
	if _, err := look(133); !errors.Is(err, raft.ErrLogNotFound) {
		t.Errorf("the library knows the end of a snapshot with no log after it: %v", err)
	}
	for i := uint64(134); i <= 135; i++ {
		if err := log.StoreLog(&raft.Log{Index: i, Term: 4, Type: raft.LogCommand}); err != nil {
			t.Fatal(err)
		}
	}
	for index, want := range map[uint64]uint64{132: 0, 133: 3, 134: 4, 135: 4, 136: 0, 66: 0, 1: 0} {
		term, err := look(index)
		if want == 0 && !errors.Is(err, raft.ErrLogNotFound) || want != 0 && err != nil ||
			term != want {
			t.Errorf("entry %d: term %d, %v, want term %d", index, term, err, want)
		}
	}
}

// listed is a snapshot store with given snapshots.
type listed struct {
	raft.SnapshotStore
	metas []*raft.SnapshotMeta
}

// List implements raft.SnapshotStore.
func (l listed) List() ([]*raft.SnapshotMeta, error) { return l.metas, nil }
