package transport

import (
	"fmt"
	"time"

	"github.com/hashicorp/raft"
	"google.golang.org/protobuf/proto"

	peerv1 "github.com/codegraphdb/codegraph/api/codegraph/peer/v1"
)

// encodeRequest turns a Raft request into its kind and payload.
func encodeRequest(cmd any) (peerv1.RaftKind, []byte, error) {
	var kind peerv1.RaftKind
	var m proto.Message
	switch c := cmd.(type) {
	case *raft.AppendEntriesRequest:
		kind, m = peerv1.RaftKind_RAFT_KIND_APPEND_ENTRIES, appendToWire(c)
	case *raft.RequestVoteRequest:
		kind, m = peerv1.RaftKind_RAFT_KIND_REQUEST_VOTE, voteToWire(c)
	case *raft.RequestPreVoteRequest:
		kind, m = peerv1.RaftKind_RAFT_KIND_REQUEST_PRE_VOTE, &peerv1.RaftPreVoteRequest{
			Header: headerToWire(c.RPCHeader), Term: c.Term,
			LastLogIndex: c.LastLogIndex, LastLogTerm: c.LastLogTerm,
		}
	case *raft.TimeoutNowRequest:
		kind = peerv1.RaftKind_RAFT_KIND_TIMEOUT_NOW
		m = &peerv1.RaftTimeoutNowRequest{Header: headerToWire(c.RPCHeader)}
	case *peerv1.RaftLeaderGoneRequest:
		kind, m = peerv1.RaftKind_RAFT_KIND_LEADER_GONE, c
	default:
		return 0, nil, fmt.Errorf("transport: cannot encode request %T", cmd)
	}
	b, err := proto.Marshal(m)
	return kind, b, err
}

// decodeRequest is the inverse of encodeRequest. The result shares no memory with b.
func decodeRequest(kind peerv1.RaftKind, b []byte) (any, error) {
	switch kind {
	case peerv1.RaftKind_RAFT_KIND_APPEND_ENTRIES:
		var m peerv1.RaftAppendRequest
		err := proto.Unmarshal(b, &m)
		return appendFromWire(&m), err
	case peerv1.RaftKind_RAFT_KIND_REQUEST_VOTE:
		var m peerv1.RaftVoteRequest
		err := proto.Unmarshal(b, &m)
		return voteFromWire(&m), err
	case peerv1.RaftKind_RAFT_KIND_REQUEST_PRE_VOTE:
		var m peerv1.RaftPreVoteRequest
		err := proto.Unmarshal(b, &m)
		return &raft.RequestPreVoteRequest{
			RPCHeader: headerFromWire(m.Header), Term: m.Term,
			LastLogIndex: m.LastLogIndex, LastLogTerm: m.LastLogTerm,
		}, err
	case peerv1.RaftKind_RAFT_KIND_TIMEOUT_NOW:
		var m peerv1.RaftTimeoutNowRequest
		err := proto.Unmarshal(b, &m)
		return &raft.TimeoutNowRequest{RPCHeader: headerFromWire(m.Header)}, err
	}
	return nil, fmt.Errorf("transport: unknown kind of Raft call %d", int32(kind))
}

// encodeResponse turns a Raft response into its payload.
func encodeResponse(resp any) ([]byte, error) {
	var m proto.Message
	switch r := resp.(type) {
	case *raft.AppendEntriesResponse:
		m = &peerv1.RaftAppendResponse{
			Header: headerToWire(r.RPCHeader), Term: r.Term, LastLog: r.LastLog,
			Success: r.Success, NoRetryBackoff: r.NoRetryBackoff,
		}
	case *raft.RequestVoteResponse:
		m = &peerv1.RaftVoteResponse{
			Header: headerToWire(r.RPCHeader), Term: r.Term, Peers: r.Peers, Granted: r.Granted,
		}
	case *raft.RequestPreVoteResponse:
		m = &peerv1.RaftPreVoteResponse{
			Header: headerToWire(r.RPCHeader), Term: r.Term, Granted: r.Granted,
		}
	case *raft.TimeoutNowResponse:
		m = &peerv1.RaftTimeoutNowResponse{Header: headerToWire(r.RPCHeader)}
	default:
		return nil, fmt.Errorf("transport: cannot encode response %T", resp)
	}
	return proto.Marshal(m)
}

// decodeResponse overwrites *out with the response in b.
func decodeResponse(b []byte, out any) error {
	switch r := out.(type) {
	case nil: // the status was the answer
		return nil
	case *raft.AppendEntriesResponse:
		var m peerv1.RaftAppendResponse
		err := proto.Unmarshal(b, &m)
		*r = raft.AppendEntriesResponse{
			RPCHeader: headerFromWire(m.Header), Term: m.Term, LastLog: m.LastLog,
			Success: m.Success, NoRetryBackoff: m.NoRetryBackoff,
		}
		return err
	case *raft.RequestVoteResponse:
		var m peerv1.RaftVoteResponse
		err := proto.Unmarshal(b, &m)
		*r = raft.RequestVoteResponse{
			RPCHeader: headerFromWire(m.Header), Term: m.Term, Peers: m.Peers, Granted: m.Granted,
		}
		return err
	case *raft.RequestPreVoteResponse:
		var m peerv1.RaftPreVoteResponse
		err := proto.Unmarshal(b, &m)
		*r = raft.RequestPreVoteResponse{
			RPCHeader: headerFromWire(m.Header), Term: m.Term, Granted: m.Granted,
		}
		return err
	case *raft.TimeoutNowResponse:
		var m peerv1.RaftTimeoutNowResponse
		err := proto.Unmarshal(b, &m)
		*r = raft.TimeoutNowResponse{RPCHeader: headerFromWire(m.Header)}
		return err
	}
	return fmt.Errorf("transport: cannot decode response %T", out)
}

func headerToWire(h raft.RPCHeader) *peerv1.RaftHeader {
	return &peerv1.RaftHeader{
		ProtocolVersion: int32(h.ProtocolVersion), Id: h.ID, Addr: h.Addr,
	}
}

func headerFromWire(h *peerv1.RaftHeader) raft.RPCHeader {
	return raft.RPCHeader{
		ProtocolVersion: raft.ProtocolVersion(h.GetProtocolVersion()),
		ID:              h.GetId(),
		Addr:            h.GetAddr(),
	}
}

func appendToWire(c *raft.AppendEntriesRequest) *peerv1.RaftAppendRequest {
	entries := make([]*peerv1.RaftEntry, len(c.Entries))
	for i, e := range c.Entries {
		entries[i] = entryToWire(e)
	}
	return &peerv1.RaftAppendRequest{
		Header: headerToWire(c.RPCHeader), Term: c.Term, Leader: c.Leader,
		PrevLogEntry: c.PrevLogEntry, PrevLogTerm: c.PrevLogTerm,
		Entries: entries, LeaderCommitIndex: c.LeaderCommitIndex,
	}
}

func appendFromWire(m *peerv1.RaftAppendRequest) *raft.AppendEntriesRequest {
	var entries []*raft.Log
	for _, e := range m.Entries {
		entries = append(entries, entryFromWire(e))
	}
	return &raft.AppendEntriesRequest{
		RPCHeader: headerFromWire(m.Header), Term: m.Term, Leader: m.Leader,
		PrevLogEntry: m.PrevLogEntry, PrevLogTerm: m.PrevLogTerm,
		Entries: entries, LeaderCommitIndex: m.LeaderCommitIndex,
	}
}

func entryToWire(e *raft.Log) *peerv1.RaftEntry {
	w := &peerv1.RaftEntry{
		Index: e.Index, Term: e.Term, Type: uint32(e.Type),
		Data: e.Data, Extensions: e.Extensions,
	}
	if !e.AppendedAt.IsZero() {
		w.AppendedAtNanos = proto.Int64(e.AppendedAt.UnixNano())
	}
	return w
}

func entryFromWire(w *peerv1.RaftEntry) *raft.Log {
	e := &raft.Log{
		Index: w.Index, Term: w.Term, Type: raft.LogType(w.Type),
		Data: w.Data, Extensions: w.Extensions,
	}
	if w.AppendedAtNanos != nil {
		e.AppendedAt = time.Unix(0, *w.AppendedAtNanos)
	}
	return e
}

func voteToWire(c *raft.RequestVoteRequest) *peerv1.RaftVoteRequest {
	return &peerv1.RaftVoteRequest{
		Header: headerToWire(c.RPCHeader), Term: c.Term, Candidate: c.Candidate,
		LastLogIndex: c.LastLogIndex, LastLogTerm: c.LastLogTerm,
		LeadershipTransfer: c.LeadershipTransfer,
	}
}

func voteFromWire(m *peerv1.RaftVoteRequest) *raft.RequestVoteRequest {
	return &raft.RequestVoteRequest{
		RPCHeader: headerFromWire(m.Header), Term: m.Term, Candidate: m.Candidate,
		LastLogIndex: m.LastLogIndex, LastLogTerm: m.LastLogTerm,
		LeadershipTransfer: m.LeadershipTransfer,
	}
}

func snapshotToWire(c *raft.InstallSnapshotRequest) *peerv1.RaftSnapshotRequest {
	return &peerv1.RaftSnapshotRequest{
		Header: headerToWire(c.RPCHeader), SnapshotVersion: int32(c.SnapshotVersion),
		Term: c.Term, Leader: c.Leader,
		LastLogIndex: c.LastLogIndex, LastLogTerm: c.LastLogTerm,
		Peers: c.Peers, Configuration: c.Configuration,
		ConfigurationIndex: c.ConfigurationIndex, Size: c.Size,
	}
}

func snapshotFromWire(m *peerv1.RaftSnapshotRequest) *raft.InstallSnapshotRequest {
	return &raft.InstallSnapshotRequest{
		RPCHeader:       headerFromWire(m.GetHeader()),
		SnapshotVersion: raft.SnapshotVersion(m.GetSnapshotVersion()),
		Term:            m.GetTerm(), Leader: m.GetLeader(),
		LastLogIndex: m.GetLastLogIndex(), LastLogTerm: m.GetLastLogTerm(),
		Peers: m.GetPeers(), Configuration: m.GetConfiguration(),
		ConfigurationIndex: m.GetConfigurationIndex(), Size: m.GetSize(),
	}
}
