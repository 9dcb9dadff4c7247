package node

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	ingestv1 "github.com/codegraphdb/codegraph/api/codegraph/ingest/v1"
	"github.com/codegraphdb/codegraph/graph"
)

// short makes a node collect what is older than a second.
func short(o *Options) { o.Retention = time.Second }

// collected waits until no shard keeps versions from before a commit.
func collected(t *testing.T, n *testNode, commit uint64) {
	t.Helper()
	eventually(t, "versions are collected", func() error {
		open, _ := n.groups.List()
		for _, r := range open {
			st := r.State().Stats()
			if st.Safepoint < graph.Timestamp(commit) || st.Due != 0 {
				return fmt.Errorf("shard %d: %+v", r.Desc().ID, st)
			}
		}
		return nil
	})
}

// baseRows counts the rows that a repository has at a timestamp.
func baseRows(n *testNode, repo, at uint64) (rows int, err error) {
	stream, err := n.ingest().Base(call(n.t), &ingestv1.BaseRequest{RepoId: repo, Timestamp: at})
	for err == nil {
		var m *ingestv1.BaseResponse
		if m, err = stream.Recv(); err == nil {
			rows += len(m.GetRows())
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return rows, told(err)
}

// TestBaseOutlivesRetention: a repository whose last revision is older than the retention, and than
// a commit of another one, can be taken in again; what is older still is refused.
func TestBaseOutlivesRetention(t *testing.T) {
	n := single(t, short)
	old := ingestFile(n, "old", "1", file("p", nil, "A", "B"))
	collected(t, n, ingestFile(n, "other", "1", file("q", nil, "C")))

	im := begin(n, "old", "2")
	at := im.open.GetBaseTimestamp()
	// Another commit whose retention ends while the import is open.
	last := ingestFile(n, "other", "2", file("q", nil, "D"))
	eventually(t, "the retention ends", func() error {
		if end := graph.TimestampAt(time.Now().Add(-time.Second).UnixMilli()); uint64(end) < last {
			return fmt.Errorf("%s is before %d", end, last)
		}
		return nil
	})
	if rows, err := baseRows(n, im.open.GetRepoId(), at); err != nil || rows == 0 {
		t.Errorf("the base of the open import has %d rows, %v", rows, err)
	}
	if err := im.abort(); err != nil {
		t.Fatal(err)
	}
	collected(t, n, last)
	if _, err := baseRows(n, im.open.GetRepoId(), old); !graph.IsKind(err, graph.KindInvalid) {
		t.Errorf("a read before the safepoint: %v, want %s", err, graph.KindInvalid)
	}
}

func TestGCTick(t *testing.T) {
	for retention, want := range map[time.Duration]time.Duration{
		0: time.Second, 8 * time.Second: 2 * time.Second, 24 * time.Hour: time.Minute} {
		if got := gcTick(retention); got != want {
			t.Errorf("the tick of %v is %v, want %v", retention, got, want)
		}
	}
}
