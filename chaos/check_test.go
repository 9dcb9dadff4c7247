package chaos

import (
	"errors"
	"strings"
	"testing"

	adminv1 "github.com/codegraphdb/codegraph/api/codegraph/admin/v1"
)

// marksOf is a whole answer.
func marksOf(tr *tree, rev int) []string {
	var out []string
	for i := range tr.packages(rev) {
		out = append(out, markName(rev, i))
	}
	return out
}

// TestCheckRead shows the checker of reads what it must refuse.
func TestCheckRead(t *testing.T) {
	tr := &tree{base: 3}
	whole := marksOf(tr, 5)
	mixed := append(marksOf(tr, 5)[1:], markName(4, 0))
	for name, c := range map[string]struct {
		r    read
		want string
	}{
		"right":          {read{marks: whole, least: 5, most: 6}, ""},
		"nothing yet":    {read{least: -1, most: 0}, ""},
		"newer":          {read{marks: whole, strong: true, least: 4, most: 5}, ""},
		"another":        {read{skipMarks: true, least: 4, most: 5}, ""},
		"failed":         {read{err: errors.New("unavailable")}, "C4"},
		"row lost":       {read{marks: whole[1:], most: 6}, "C1"},
		"row twice":      {read{marks: append(whole[1:], whole[1]), most: 6}, "C1"},
		"mixed":          {read{marks: mixed, most: 6}, "C1"},
		"foreign":        {read{marks: []string{"Marker"}, most: 6}, "C1"},
		"not begun":      {read{marks: whole, most: 4}, "C1"},
		"ack lost":       {read{marks: whole, strong: true, least: 6, most: 6}, "C2"},
		"all lost":       {read{strong: true, least: 0, most: 1}, "C2"},
		"backwards":      {read{marks: whole, least: 6, most: 6}, "C3"},
		"wrong callers":  {read{skipMarks: true, unexpected: "no caller"}, "C2"},
		"empty snapshot": {read{least: 0, most: 1}, "C3"},
	} {
		err := checkRead(tr, &c.r)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)):
			t.Errorf("%s: %v, want an error of %s", name, err, c.want)
		}
	}
}

// TestCheckAcks shows the checker of acknowledgements what it must refuse.
func TestCheckAcks(t *testing.T) {
	if err := checkAcks([]ack{{rev: 0, timestamp: 4}, {rev: 1, timestamp: 6}}); err != nil {
		t.Error(err)
	}
	for name, acks := range map[string][]ack{
		"gap":       {{rev: 0, timestamp: 4}, {rev: 2, timestamp: 6}},
		"backwards": {{rev: 0, timestamp: 6}, {rev: 1, timestamp: 4}},
		"same":      {{rev: 0, timestamp: 4}, {rev: 1, timestamp: 4}},
	} {
		if checkAcks(acks) == nil {
			t.Errorf("%s passes", name)
		}
	}
}

// TestCheckDigests shows the checker of replicas what it must refuse.
func TestCheckDigests(t *testing.T) {
	replicas := func() []*adminv1.ShardInfo {
		return []*adminv1.ShardInfo{{Id: 1, Rows: 2, Replicas: []*adminv1.Replica{
			{NodeId: "a", AppliedIndex: 7, Digest: "d1"}, {NodeId: "b", AppliedIndex: 7, Digest: "d1"}}}}
	}
	if err := checkDigests(replicas(), 2); err != nil {
		t.Error(err)
	}
	for name, damage := range map[string]func(*adminv1.ShardInfo){
		"differ":      func(s *adminv1.ShardInfo) { s.Replicas[1].Digest = "d2" },
		"behind":      func(s *adminv1.ShardInfo) { s.Replicas[1].AppliedIndex = 6 },
		"unreachable": func(s *adminv1.ShardInfo) { s.Replicas[1].Error = "gone" },
		"missing":     func(s *adminv1.ShardInfo) { s.Replicas = s.Replicas[:1] },
		"empty":       func(s *adminv1.ShardInfo) { s.Rows = 0 },
		"no digest":   func(s *adminv1.ShardInfo) { s.Replicas[0].Digest, s.Replicas[1].Digest = "", "" },
	} {
		s := replicas()
		damage(s[0])
		if checkDigests(s, 2) == nil {
			t.Errorf("%s passes", name)
		}
	}
	if checkDigests(nil, 2) == nil {
		t.Error("no shards pass")
	}
}

// TestCheckSame shows the comparison of contents what it must refuse.
func TestCheckSame(t *testing.T) {
	want := map[uint64]content{1: {"d1", 2}, 2: {"d2", 0}}
	if err := checkSame(map[uint64]content{1: {"d1", 2}, 2: {"d2", 0}}, want); err != nil {
		t.Error(err)
	}
	for name, got := range map[string]map[uint64]content{
		"row left":   {1: {"d1", 2}, 2: {"d2", 1}},
		"other row":  {1: {"d3", 2}, 2: {"d2", 0}},
		"shard gone": {1: {"d1", 2}},
		"nothing":    {},
	} {
		if checkSame(got, want) == nil {
			t.Errorf("%s passes", name)
		}
	}
	if checkSame(nil, nil) == nil {
		t.Error("no shards pass")
	}
}
