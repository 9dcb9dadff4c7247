package codegraph

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"

	"github.com/codegraphdb/codegraph/graph"
)

// Client asks a cluster. It may be used by many goroutines.
//
// What concerns one shard, the batches of an import, it sends to the node that leads the shard.
// Everything else goes to any node of Options.Addresses, in turn: a read concerns many shards, and
// the node that takes it asks the others; with replicas of its own it seldom has to.
type Client struct {
	opts   Options
	creds  credentials.TransportCredentials
	nodes  []*endpoint // of Options.Addresses: the gateways
	routes *router
	next   atomic.Uint32
	token  atomic.Uint64
}

// endpoint is one node as the client sees it.
type endpoint struct {
	addr string
	conn *grpc.ClientConn
	shun atomic.Int64 // monotonic nanoseconds since start until which other nodes come first
	away avoidance    // from being asked as a leader
}

const (
	maxMessage = 64 << 20
	shunFor    = 2 * time.Second
	firstPause = 20 * time.Millisecond
	longPause  = 500 * time.Millisecond
)

// silence is how long a node may keep quiet before its connection is given up: one that hangs
// closes nothing.
var silence = keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 3 * time.Second}

// start is the zero of the client's clock.
var start = time.Now()

// Dial makes a client. It does not wait for a connection: a node that is down shows with the first
// request, and only if no other one answers.
func Dial(ctx context.Context, opts Options) (*Client, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	creds, err := opts.credentials()
	if err != nil {
		return nil, err
	}
	c := &Client{opts: opts, creds: creds}
	c.routes = newRouter(c)
	c.token.Store(opts.Token)
	c.next.Store(rand.Uint32())
	for _, addr := range opts.Addresses {
		e, err := c.connect(addr)
		if err != nil {
			_ = c.Close()
			return nil, graph.Errorf("Dial", graph.KindInvalid, "address %s: %w", addr, err)
		}
		c.nodes = append(c.nodes, e)
	}
	return c, nil
}

// connect makes a connection; gRPC opens it with the first request.
func (c *Client) connect(addr string) (*endpoint, error) {
	params := grpc.ConnectParams{MinConnectTimeout: 2 * time.Second, Backoff: backoff.Config{
		BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second}}
	conn, err := grpc.NewClient("passthrough:///"+addr,
		grpc.WithTransportCredentials(c.creds), grpc.WithConnectParams(params),
		grpc.WithUserAgent(c.opts.UserAgent), grpc.WithDisableServiceConfig(),
		grpc.WithKeepaliveParams(silence),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)))
	return &endpoint{addr: addr, conn: conn}, err
}

// Close ends all connections.
func (c *Client) Close() error {
	first := c.routes.close()
	for _, n := range c.nodes {
		if err := n.conn.Close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// Token returns the highest token seen: give it to another session so that it reads nothing older.
func (c *Client) Token() uint64 { return c.token.Load() }

// observe remembers a token (C2).
func (c *Client) observe(token uint64) {
	for {
		have := c.token.Load()
		if token <= have || c.token.CompareAndSwap(have, token) {
			return
		}
	}
}

// order returns the nodes in the order in which to try them: round robin, those that failed a
// moment ago last.
func (c *Client) order() []*endpoint {
	n := len(c.nodes)
	first := int(c.next.Add(1)) % n
	now := int64(time.Since(start))
	good := make([]*endpoint, 0, n)
	var bad []*endpoint
	for i := range n {
		e := c.nodes[(first+i)%n]
		if e.shun.Load() > now {
			bad = append(bad, e)
		} else {
			good = append(good, e)
		}
	}
	return append(good, bad...)
}

// policy says how long and after which errors a request is sent again.
type policy struct {
	op         string
	again      func(*Error) bool
	retryFor   time.Duration // while nodes answer
	connectFor time.Duration // while none does
	callFor    time.Duration // bound of one call; 0 means that of ctx
}

// reading is the policy of requests that change nothing.
func (c *Client) reading(op string) policy {
	return policy{op: op, again: passing, retryFor: c.opts.RetryFor, connectFor: c.opts.ConnectFor}
}

// forever is the longest time that a request is sent again; its context ends sooner.
const forever = 24 * time.Hour

// writing is the policy of requests that the cluster deduplicates: sent again until ctx ends.
func (c *Client) writing(op string) policy {
	return policy{op: op, again: passingWrite, retryFor: forever, connectFor: forever,
		callFor: 10 * time.Second}
}

// do sends a request to one node after the other until one serves it (C1).
func (c *Client) do(ctx context.Context, p policy,
	call func(context.Context, grpc.ClientConnInterface) error) error {
	began := time.Now()
	pause := firstPause
	var last *Error
	for {
		answered := false
		for _, n := range c.order() {
			err := n.call(ctx, p, call)
			if err == nil {
				n.shun.Store(0)
				return nil
			}
			if ctx.Err() != nil {
				return ended(ctx, p.op, err, last)
			}
			if !p.again(err) {
				return err
			}
			n.shun.Store(int64(time.Since(start) + shunFor))
			if err.Detail != nil || !answered { // what a node says tells more than that one is gone
				last = err
			}
			answered = answered || err.Detail != nil || err.broken && c.opts.secure()
		}
		patience := p.connectFor
		if answered {
			patience = p.retryFor
		}
		if time.Since(began)+pause > patience {
			return last
		}
		select {
		case <-ctx.Done():
			return ended(ctx, p.op, last, last)
		case <-time.After(pause/2 + rand.N(pause/2)):
		}
		pause = min(pause*2, longPause)
	}
}

func (e *endpoint) call(ctx context.Context, p policy,
	call func(context.Context, grpc.ClientConnInterface) error) *Error {
	if p.callFor > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.callFor)
		defer cancel()
	}
	if err := call(ctx, e.conn); err != nil {
		return wrap(p.op, e.addr, err)
	}
	return nil
}

// ended is the error of a request whose context ended; last is why it was sent more than once.
func ended(ctx context.Context, op string, err, last *Error) error {
	if err.Detail != nil && err.Kind == graph.KindDeadline {
		return err // the server's own words
	}
	kind, what := graph.KindCanceled, "canceled"
	if ctx.Err() == context.DeadlineExceeded {
		kind, what = graph.KindDeadline, "no answer in time"
	}
	cause := context.Cause(ctx)
	if last != nil {
		cause = last
	}
	return &Error{Address: err.Address, Detail: err.Detail,
		failure: &graph.Error{Op: op, Kind: kind, Msg: what, Err: cause}}
}
