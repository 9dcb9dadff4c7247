package node

import (
	"testing"

	"google.golang.org/protobuf/proto"

	ingestv1 "github.com/codegraphdb/codegraph/api/codegraph/ingest/v1"
	"github.com/codegraphdb/codegraph/graph"
)

// A seal that no log has is refused: had it been committed, the shard could never be read again.
func TestCommitChecksSeals(t *testing.T) {
	n := single(t)
	im := begin(n, "r", "1")
	im.put(withRepo(im, file("p", nil, "A")))
	honest := im.sealed()
	absurd := proto.Clone(honest).(*ingestv1.CommitRequest)
	absurd.Seals[0].LogIndex += 1 << 40
	if _, err := im.via.Commit(call(t), absurd); graph.KindOf(told(err)) != graph.KindUnavailable {
		t.Fatalf("a seal that is in no log: %v", err)
	}
	if _, err := im.via.Commit(call(t), honest); err != nil {
		t.Fatal(err)
	}
	if err := visible(n, "p.A"); err != nil {
		t.Error(err)
	}
}
