package txns

import (
	"context"
	"log/slog"
	"sync"
	"time"

	peerv1 "github.com/codegraphdb/codegraph/api/codegraph/peer/v1"
	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/shard"
	"github.com/codegraphdb/codegraph/txn"
)

// Replica is a replica of a shard on this node.
type Replica interface {
	// LeaderTerm returns the term that it leads, once a barrier of it is applied; else zero.
	LeaderTerm() uint64
	// Confirm returns nil once a quorum has accepted the leader after the call began.
	Confirm(ctx context.Context) error
	// Propose returns what became of a command; a result without an index says that nobody knows.
	Propose(ctx context.Context, encode func(term, epoch uint64) []byte) (shard.Result, error)
	// State returns the state that it has applied.
	State() *shard.Shard
}

// Cluster is what the node knows of the cluster, and reaches.
type Cluster interface {
	// Draw returns a timestamp granted after the call began (rule 6.1).
	Draw(ctx context.Context) (graph.Timestamp, error)
	// Shards returns the shards and their slots, in the order of the slots.
	Shards() []graph.ShardRange
	// Replica returns this node's replica of a shard; nil if it has none.
	Replica(shard uint64) Replica
	// Transact takes a step at the leader of the shard, wherever that is.
	Transact(ctx context.Context, req *peerv1.TransactRequest) (*peerv1.TransactResponse, error)
	// Enable returns when every view that can see a transaction is made for transactions.
	Enable(ctx context.Context) error
}

// Local are the transactions of one node: those that it coordinates, and those of the shards that
// it leads.
type Local struct {
	cluster Cluster
	logger  *slog.Logger
	ttl     time.Duration // of locks
	ctx     context.Context
	cancel  context.CancelFunc
	tasks   sync.WaitGroup

	mu      sync.Mutex
	leaders map[uint64]*leader
	running map[txn.ID]*run
}

// Start returns the transactions of a node and begins to look after lost ones.
func Start(c Cluster, logger *slog.Logger) *Local {
	l := &Local{cluster: c, logger: logger, ttl: txn.LockTTL, leaders: map[uint64]*leader{},
		running: map[txn.ID]*run{}}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.tasks.Go(l.sweep)
	return l
}

// Stop ends what is under way, as the death of the node would. It comes before the groups close.
func (l *Local) Stop() {
	l.cancel()
	l.tasks.Wait()
}
