package node

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	adminv1 "github.com/codegraphdb/codegraph/api/codegraph/admin/v1"
	ingestv1 "github.com/codegraphdb/codegraph/api/codegraph/ingest/v1"
	queryv1 "github.com/codegraphdb/codegraph/api/codegraph/query/v1"
	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/node/datadir"
)

// stream writes a file in many small batches and returns the shard that holds its symbols.
func stream(im *importing, f *graph.OwnerFacts, perBatch int) *ingestv1.Shard {
	im.t.Helper()
	all := f.Rows()
	home := im.shardOf(all[0].Key)
	rest := map[uint64][]graph.Row{}
	var rows []graph.Row
	for _, r := range all {
		s := im.shardOf(r.Key)
		if s.GetId() != home.GetId() {
			rest[s.GetId()] = append(rest[s.GetId()], r)
			continue
		}
		if rows = append(rows, r); len(rows) < perBatch {
			continue
		}
		if _, err := im.send(home, im.batch(home, rows)); err != nil {
			im.t.Fatal(err)
		}
		rows = nil
	}
	rest[home.GetId()] = append(rest[home.GetId()], rows...)
	im.each(func(s *ingestv1.Shard) error {
		if len(rest[s.GetId()]) == 0 {
			return nil
		}
		_, err := im.send(s, im.batch(s, rest[s.GetId()]))
		return err
	})
	return home
}

// A follower that was away while the log was truncated gets a snapshot, and is then equal to the
// others, also after it is started once more.
func TestFollowerCatchesUpBySnapshot(t *testing.T) {
	t.Setenv(snapshotBytesName, "128KiB")
	nodes := three(t)
	ingestFile(nodes[0], "r", "1", file("p", nil, "A", "B"))
	away := others(nodes, metaLeader(t, nodes...))[0]
	rest := others(nodes, away)
	sameDigests(t, nodes...)
	had := map[uint64]uint64{}
	for _, s := range away.meta.state.Snapshot().Map().Shards {
		had[s.ID] = away.groups.Get(s.ID).LastIndex()
	}
	away.crash()

	im := begin(rest[0], "r", "2")
	home := stream(im, withRepo(im, wide("big", 400<<10)), 4).GetId()
	token := im.commit().GetToken()
	for _, n := range rest {
		eventually(t, "the log is truncated", func() error {
			first, err := n.groups.Get(home).FirstIndex()
			if err == nil && first <= had[home]+1 {
				err = fmt.Errorf("it begins at %d; who was away has %d", first, had[home])
			}
			return err
		})
	}
	back := away.again(gossipAddrs(rest...)...)
	ready(t, back)
	eventually(t, "a snapshot is installed", func() error {
		if back.groups.Get(home).Installed() == 0 {
			return fmt.Errorf("none at index %d", back.groups.Get(home).AppliedIndex())
		}
		return nil
	})
	sameDigests(t, append(rest, back)...)
	o := &queryv1.ReadOptions{Token: token}
	if got := callers(back, "p.B", o); got != "p.A" {
		t.Errorf("callers are %q", got)
	}
	if err := visible(back, "big.F0007"); err != nil {
		t.Error(err)
	}
	wantInstalled(t, rest[0], home, back.id())

	back.crash()
	once := back.again(gossipAddrs(rest...)...)
	ready(t, once)
	ingestFile(once, "s", "1", file("after", nil, "Z"))
	sameDigests(t, append(rest, once)...)
}

// wantInstalled wants the cluster to tell that a replica got a snapshot. The node asked may still
// believe that the other one is away.
func wantInstalled(t *testing.T, n *testNode, shard uint64, node string) {
	t.Helper()
	eventually(t, "the cluster tells of the snapshot", func() error {
		resp, err := n.admin().ListShards(call(t), &adminv1.ListShardsRequest{Digests: true})
		if err != nil {
			return told(err)
		}
		for _, s := range resp.GetShards() {
			for _, r := range s.GetReplicas() {
				if r.GetError() != "" || r.GetDigest() == "" || s.GetId() == shard &&
					r.GetNodeId() == node && r.GetSnapshotsInstalled() == 0 {
					return fmt.Errorf("shard %d: %v", s.GetId(), r)
				}
			}
		}
		return nil
	})
}

// A replica whose state was replaced by an older copy, or whose log is gone, does not come back
// under its name.
func TestForgetfulNodeStaysOut(t *testing.T) {
	for _, c := range []struct {
		name, gone string
		starts     bool // the node starts, and names the replica
		says       string
	}{
		{"state of a shard gone", "shards/3/db", true, "its state is gone"},
		{"all logs gone", datadir.LogDir, false, "is gone"},
		{"log of the meta group gone", datadir.MetaDir, false, "is gone"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := single(t)
			ingestFile(n, "r", "1", file("p", nil, "A"))
			n.stop()
			remove(t, n.dir.Path, c.gone)
			o := n.opts
			if !c.starts {
				_, err := Start(o)
				wantError(t, c.name, err, graph.KindCorrupt, c.says, "remove the whole data directory")
				return
			}
			back := launch(t, o)
			eventually(t, "the replica is named", func() error {
				p := back.Problems()
				if len(p) == 1 {
					return says(back, "/readyz", "shard 3: ")
				}
				return fmt.Errorf("%q", p)
			})
			if err := says(back, "/readyz", c.says); err != nil {
				t.Error(err)
			}
		})
	}
}

func remove(t *testing.T, path, sub string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(path, sub)); err != nil {
		t.Fatal(err)
	}
}
