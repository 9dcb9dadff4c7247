package node

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"github.com/codegraphdb/codegraph/api"
	peerv1 "github.com/codegraphdb/codegraph/api/codegraph/peer/v1"
	"github.com/codegraphdb/codegraph/cluster"
	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/node/group"
	"github.com/codegraphdb/codegraph/shard"
)

// routes remembers which node led a group when last heard of.
type routes struct {
	mu     sync.Mutex
	leader map[uint64]string // group -> node; 0 is the meta group
}

func (r *routes) get(id uint64) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.leader[id]
}

func (r *routes) set(id uint64, node string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.leader == nil {
		r.leader = map[uint64]string{}
	}
	r.leader[id] = node
}

func connectParams() grpc.ConnectParams {
	return grpc.ConnectParams{MinConnectTimeout: 2 * time.Second, Backoff: backoff.Config{
		BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second}}
}

// groupName names a group for people.
func groupName(id uint64) string {
	if id == metaGroup {
		return "the meta group"
	}
	return fmt.Sprintf("shard %d", id)
}

// Between two attempts to find a leader lies a pause, each longer than the one before: hundreds of
// requests that wait for an election must not take the processor away from it.
const (
	retryPause     = 25 * time.Millisecond
	longRetryPause = 250 * time.Millisecond
)

// toLeader calls try with nodes that may lead a group, until one accepts or ctx ends. try returns
// a group.NotLeaderError, or an unavailable error, to have the next node tried.
func (n *Node) toLeader(ctx context.Context, id uint64, members []string,
	try func(ctx context.Context, node string) error) error {
	next, pause, hint := 0, retryPause, ""
	var last error
	for {
		node, followed := hint, hint != ""
		if !followed {
			node = n.leaderGuess(id)
		}
		if node == "" && len(members) == 0 {
			return graph.Errorf("node.route", graph.KindUnavailable, "no member of %s is known",
				groupName(id))
		}
		if node == "" {
			node = members[next%len(members)]
			next++
		}
		err := try(ctx, node)
		if err == nil {
			n.routes.set(id, node)
			return nil
		}
		switch kind := graph.KindOf(err); {
		case kind == graph.KindNotLeader, kind == graph.KindUnavailable:
			last = err
		case ctx.Err() != nil && last != nil: // time ended this attempt: the one before says why
			err = last
		default:
			return err
		}
		var nl *group.NotLeaderError
		hint = ""
		if errors.As(err, &nl) && nl.Leader != node && !followed { // two nodes may name each other
			hint = nl.Leader
		}
		n.routes.set(id, hint)
		if hint != "" {
			continue
		}
		select {
		case <-ctx.Done():
			return graph.Errorf("node.route", graph.KindUnavailable,
				"%s has no leader that answers: %w", groupName(id), err).
				WithRemedy("try again; `cgctl shard list` shows the leaders")
		case <-time.After(pause/2 + rand.N(pause/2)):
		}
		pause = min(2*pause, longRetryPause)
	}
}

// leaderGuess asks this node's own replica first.
func (n *Node) leaderGuess(id uint64) string {
	if id == metaGroup {
		if id := n.meta.leader(); id != "" {
			return id
		}
	} else if r := n.groups.Get(id); r != nil {
		if node := r.Leader(); node != "" {
			return node
		}
	}
	return n.routes.get(id)
}

// readOrder lists the other nodes with a replica of a shard: the leader first, then those that
// gossip knows to be alive.
func (n *Node) readOrder(d *cluster.Descriptor) []string {
	leader := n.leaderGuess(d.ID)
	var first, alive, rest []string
	for _, r := range d.Replicas {
		switch {
		case r.Node == n.id():
		case r.Node == leader:
			first = append(first, r.Node)
		case n.alive(r.Node):
			alive = append(alive, r.Node)
		default:
			rest = append(rest, r.Node)
		}
	}
	return append(append(first, alive...), rest...)
}

// writeShard proposes a command to a shard through its leader, wherever that is.
func (n *Node) writeShard(ctx context.Context, req *peerv1.WriteShardRequest) (uint64, error) {
	d := n.meta.state.Snapshot().Map().Shard(req.GetShardId())
	if d == nil {
		return 0, graph.Errorf("node.write", graph.KindNotFound, "there is no shard %d",
			req.GetShardId())
	}
	members := make([]string, len(d.Replicas))
	for i, r := range d.Replicas {
		members[i] = r.Node
	}
	var index uint64
	err := n.toLeader(ctx, d.ID, members, func(ctx context.Context, node string) error {
		var err error
		index, err = n.writeShardAt(ctx, node, req)
		return err
	})
	return index, err
}

func (n *Node) writeShardAt(ctx context.Context, node string, req *peerv1.WriteShardRequest) (
	uint64, error) {
	if node == n.id() {
		return n.writeShardHere(ctx, req)
	}
	client, err := n.peers.client(node)
	if err != nil {
		return 0, err
	}
	resp, err := client.WriteShard(ctx, req)
	if err != nil {
		return 0, fromPeer(err)
	}
	if req.GetCommand() == peerv1.ShardCommand_SHARD_COMMAND_BATCH {
		n.metrics.forwarded.Inc()
	}
	return resp.GetLogIndex(), nil
}

// writeDirect proposes to this node's replica for a client that routes by itself: if another node
// leads, the error says which one and where. A request that reached the wrong node, perhaps one of
// another cluster at an address that changed hands, is refused without a hint.
func (n *Node) writeDirect(ctx context.Context, node string, req *peerv1.WriteShardRequest) (
	uint64, error) {
	if node != n.id() {
		return 0, graph.Errorf("node.writeDirect", graph.KindUnavailable,
			"the request is for node %q, this is %s", node, n.id()).WithRemedy("get the map again")
	}
	index, err := n.writeShardHere(ctx, req)
	var nl *group.NotLeaderError
	if !errors.As(err, &nl) {
		return index, err
	}
	leader := cmp.Or(nl.Leader, n.leaderGuess(req.GetShardId()))
	out := &group.NotLeaderError{Err: nl.Err, Leader: leader}
	if out.Leader == n.id() { // it is about to hand over
		out.Leader = ""
	}
	out.Address = n.clientAddr(out.Leader)
	return 0, out
}

// clientAddr returns where clients reach a node: what gossip says now, else what it registered
// with; empty if neither is known.
func (n *Node) clientAddr(node string) string {
	if m, ok := n.gossip.Member(node); ok && m.Alive() && m.Meta.ClientAddr != "" {
		return m.Meta.ClientAddr
	}
	reg, _ := n.meta.state.Snapshot().Node(node)
	return reg.ClientAddr
}

// writeShardHere proposes to this node's replica.
func (n *Node) writeShardHere(ctx context.Context, req *peerv1.WriteShardRequest) (uint64, error) {
	const op = "node.writeShard"
	r := n.groups.Get(req.GetShardId())
	if r == nil {
		return 0, group.NotLeader(op, "", "no replica here")
	}
	if err := n.knows(ctx, op, req.GetShardId(), req.GetEpoch()); err != nil {
		return 0, err
	}
	encode, err := shardCommand(req)
	if err != nil {
		return 0, err
	}
	if req.GetCommand() == peerv1.ShardCommand_SHARD_COMMAND_BATCH {
		if err := n.disk.Check(); err != nil {
			return 0, err
		}
	}
	res, err := r.Propose(ctx, encode)
	if err != nil {
		return 0, err
	}
	if res.SealIndex != 0 {
		return res.SealIndex, nil
	}
	return res.Index, nil
}

func shardCommand(req *peerv1.WriteShardRequest) (func(term, epoch uint64) []byte, error) {
	const op = "node.writeShard"
	body := req.GetBody()
	switch req.GetCommand() {
	case peerv1.ShardCommand_SHARD_COMMAND_BATCH:
		if _, err := graph.DecodeBatch(body); err != nil {
			return nil, graph.Errorf(op, graph.KindInvalid, "shard %d: %w", req.GetShardId(), err)
		}
		return func(term, epoch uint64) []byte { return shard.EncodeWrite(term, epoch, body) }, nil
	case peerv1.ShardCommand_SHARD_COMMAND_OUTCOME:
		if len(body) != 16 {
			break
		}
		o := graph.Outcome{Import: graph.Timestamp(binary.BigEndian.Uint64(body)),
			Commit: graph.Timestamp(binary.BigEndian.Uint64(body[8:]))}
		return func(term, epoch uint64) []byte { return shard.EncodeOutcome(term, epoch, o) }, nil
	}
	return nil, graph.Errorf(op, graph.KindInvalid, "shard %d: unknown command %v",
		req.GetShardId(), req.GetCommand())
}

// fromPeer turns a peer's status into an error, keeping who leads.
func fromPeer(err error) error {
	e, detail := api.FromStatus("node.peer", err)
	if e.Kind == graph.KindNotLeader {
		return &group.NotLeaderError{Err: *e, Leader: detail.GetLeaderHint()}
	}
	return e
}
