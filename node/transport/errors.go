package transport

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/raft"
)

var (
	// ErrClosed is returned by every call on a closed Transport or GroupTransport.
	ErrClosed = errors.New("transport is closed")
	// ErrTimeout is returned when the peer did not answer within the deadline of the call.
	ErrTimeout = errors.New("no answer within the deadline")
	// ErrQueueFull is returned at once when too much is queued for a peer already.
	ErrQueueFull = errors.New("queue is full")
	// ErrUnreachable is returned when the connection could not be made or broke.
	ErrUnreachable = errors.New("peer is unreachable")
	// ErrRefused is returned when the peer is of another cluster or is another node.
	ErrRefused = errors.New("peer refused the connection")
	// ErrUnknownReplica is returned when the peer does not hold the addressed incarnation.
	ErrUnknownReplica = errors.New("replica is not open on the peer")
	// ErrBusy is returned when the addressed replica has too many calls waiting.
	ErrBusy = errors.New("replica is busy")
	// ErrTooLarge is returned for a message that no peer would accept.
	ErrTooLarge = errors.New("message is too large")
)

// errStalled breaks a session on which nothing came back for two deadlines.
var errStalled = errors.New("nothing received although calls are waiting")

// ReplicaID returns the server id of a replica: `<node uuid>/<replica incarnation>`.
func ReplicaID(nodeID, incarnation string) raft.ServerID {
	return raft.ServerID(nodeID + "/" + incarnation)
}

// SplitReplicaID returns the node uuid and the incarnation of a server id or address.
func SplitReplicaID[T raft.ServerID | raft.ServerAddress](
	id T,
) (node, incarnation string, err error) {
	node, incarnation, ok := strings.Cut(string(id), "/")
	if !ok || node == "" || incarnation == "" {
		return "", "", fmt.Errorf(
			"transport: replica id %q is not of the form <node uuid>/<incarnation>", string(id))
	}
	return node, incarnation, nil
}
