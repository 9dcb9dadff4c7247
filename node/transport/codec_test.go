package transport

import (
	"reflect"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	peerv1 "github.com/codegraphdb/codegraph/api/codegraph/peer/v1"
)

// fill sets every field below v to something that is not zero, so that a field which a later
// version of the library adds and the codec forgets makes the round trip fail.
func fill(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(0, 1_700_000_000_000_000_000+int64(*n))))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 3, 3))
		for i := range 3 {
			fill(v.Index(i), n)
		}
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Uint8, reflect.Uint64:
		v.SetUint(uint64(*n % 200))
	default:
		panic("fill: no rule for " + v.Kind().String())
	}
}

func TestCodecKeepsEveryField(t *testing.T) {
	n := 0
	for _, req := range []any{
		new(raft.AppendEntriesRequest), new(raft.RequestVoteRequest),
		new(raft.RequestPreVoteRequest), new(raft.TimeoutNowRequest),
	} {
		fill(reflect.ValueOf(req).Elem(), &n)
		kind, b, err := encodeRequest(req)
		if err != nil {
			t.Fatalf("%T: %v", req, err)
		}
		got, err := decodeRequest(kind, b)
		if err != nil || !reflect.DeepEqual(got, req) {
			t.Errorf("%T: got %+v, want %+v (err %v)", req, got, req, err)
		}
	}
	for _, resp := range []any{
		new(raft.AppendEntriesResponse), new(raft.RequestVoteResponse),
		new(raft.RequestPreVoteResponse), new(raft.TimeoutNowResponse),
	} {
		fill(reflect.ValueOf(resp).Elem(), &n)
		b, err := encodeResponse(resp)
		if err != nil {
			t.Fatalf("%T: %v", resp, err)
		}
		got := reflect.New(reflect.TypeOf(resp).Elem()).Interface()
		if err := decodeResponse(b, got); err != nil || !reflect.DeepEqual(got, resp) {
			t.Errorf("%T: got %+v, want %+v (err %v)", resp, got, resp, err)
		}
	}
	snap := new(raft.InstallSnapshotRequest)
	fill(reflect.ValueOf(snap).Elem(), &n)
	if got := snapshotFromWire(snapshotToWire(snap)); !reflect.DeepEqual(got, snap) {
		t.Errorf("snapshot: got %+v, want %+v", got, snap)
	}
}

func TestCodecZeroTimeStaysZero(t *testing.T) {
	if e := entryFromWire(entryToWire(&raft.Log{Index: 1})); !e.AppendedAt.IsZero() {
		t.Errorf("AppendedAt = %v, want the zero time", e.AppendedAt)
	}
}

func TestDecodeReplacesTheWholeResponse(t *testing.T) {
	b, err := encodeResponse(&raft.AppendEntriesResponse{Term: 7})
	if err != nil {
		t.Fatal(err)
	}
	// The library reuses one response for all heartbeats of a peer.
	got := raft.AppendEntriesResponse{Term: 6, Success: true, NoRetryBackoff: true, LastLog: 9}
	if err := decodeResponse(b, &got); err != nil {
		t.Fatal(err)
	}
	if got.Success || got.NoRetryBackoff || got.LastLog != 0 || got.Term != 7 {
		t.Errorf("old fields survived: %+v", got)
	}
}

func TestCodecRefusesWhatItDoesNotKnow(t *testing.T) {
	if _, err := decodeRequest(99, nil); err == nil {
		t.Error("kind 99 was decoded")
	}
	kind := peerv1.RaftKind_RAFT_KIND_REQUEST_VOTE
	if _, err := decodeRequest(kind, []byte{0xff}); err == nil {
		t.Error("a broken payload was decoded")
	}
	if _, _, err := encodeRequest("x"); err == nil {
		t.Error("a string was encoded")
	}
}

func TestReplicaID(t *testing.T) {
	node, inc, err := SplitReplicaID(ReplicaID("n1", "3"))
	if node != "n1" || inc != "3" || err != nil {
		t.Errorf("got %q %q %v", node, inc, err)
	}
	for _, bad := range []raft.ServerAddress{"", "n1", "n1/", "/3"} {
		if _, _, err := SplitReplicaID(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}
