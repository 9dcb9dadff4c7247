package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	peerv1 "github.com/codegraphdb/codegraph/api/codegraph/peer/v1"
	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/internal/localcluster"
)

// failoverBench kills nodes and measures, for every shard that the dead one led, how long it takes
// until a write is acknowledged again. It asks the other nodes' peer ports, where no gateway hides
// a pause by trying again, and therefore runs without certificates.
type failoverBench struct {
	out, log io.Writer
	bin      string
	nodes    int
	kills    int
	p50, p99 float64 // bars, seconds
}

const (
	probeEvery   = 5 * time.Millisecond
	probeTimeout = time.Second
	leadsWithin  = time.Minute // until a node that came back leads again
)

// run kills and measures; it returns how many bars were missed.
func (b *failoverBench) run(ctx context.Context) (missed int, err error) {
	c, err := startCluster(ctx, b.bin, localcluster.Options{Nodes: b.nodes, Name: "bench",
		Insecure: true})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	p, err := newProber(ctx, c)
	if err != nil {
		return 0, err
	}
	defer p.close()
	var took []float64
	for k := range b.kills {
		node := k % b.nodes
		led, err := p.leads(ctx, node)
		if err != nil {
			return 0, err
		}
		times, err := p.kill(ctx, node, led)
		if err != nil {
			return 0, err
		}
		fmt.Fprintf(b.log, "bench: kill %d, node %d led %d shards: %.2f\n", k+1, node+1, len(led), times)
		took = append(took, times...)
		if err = c.local.StartNode(node); err == nil {
			err = c.local.WaitNodeReady(ctx, node)
		}
		if err != nil {
			return 0, err
		}
	}
	return b.report(took)
}

func (b *failoverBench) report(took []float64) (int, error) {
	slices.Sort(took)
	at := func(q float64) float64 { return took[min(len(took)-1, int(q*float64(len(took))))] }
	p50, p99 := at(0.5), at(0.99)
	missed := []string{}
	if p50 > b.p50 {
		missed = append(missed, "failover_p50")
	}
	if p99 > b.p99 {
		missed = append(missed, "failover_p99")
	}
	fmt.Fprintf(b.out, "%-8s %-10s %8s %8s %8s %8s\n", "kills", "failovers", "p50 s", "p90 s", "p99 s",
		"max s")
	fmt.Fprintf(b.out, "%-8d %-10d %8.2f %8.2f %8.2f %8.2f\n", b.kills, len(took), p50, at(0.9), p99,
		took[len(took)-1])
	last, err := json.Marshal(map[string]any{"kills": b.kills, "failovers": len(took), "p50_s": p50,
		"p90_s": at(0.9), "p99_s": p99, "max_s": took[len(took)-1], "missed": missed})
	if err != nil {
		return 0, err
	}
	_, err = fmt.Fprintf(b.out, "%s\n", last)
	return len(missed), err
}

// prober writes to shards through the peer ports.
type prober struct {
	local *localcluster.Cluster
	conns []*grpc.ClientConn
	nodes []peerv1.PeerServiceClient
	mu    sync.Mutex
	next  uint64 // import id of the next write
}

func newProber(ctx context.Context, c *cluster) (*prober, error) {
	var list struct {
		Nodes []struct {
			Client string `json:"client_address"`
			Peer   string `json:"peer_address"`
		} `json:"nodes"`
	}
	if err := c.ask(ctx, &list, "node", "list"); err != nil {
		return nil, err
	}
	p := &prober{local: c.local, next: uint64(graph.TimestampAt(time.Now().UnixMilli())) | 1}
	for _, client := range c.local.Addresses() {
		for _, n := range list.Nodes {
			if n.Client != client {
				continue
			}
			conn, err := grpc.NewClient("passthrough:///"+n.Peer,
				grpc.WithTransportCredentials(insecure.NewCredentials()))
			if err != nil {
				return nil, err
			}
			p.conns = append(p.conns, conn)
			p.nodes = append(p.nodes, peerv1.NewPeerServiceClient(conn))
		}
	}
	if len(p.nodes) != c.local.Size() {
		return nil, fmt.Errorf("%d of %d nodes are registered", len(p.nodes), c.local.Size())
	}
	return p, nil
}

func (p *prober) close() {
	for _, c := range p.conns {
		_ = c.Close()
	}
}

// leads waits until a node leads shards, and no node more than its part and one, and returns them.
func (p *prober) leads(ctx context.Context, node int) (map[uint64]uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, leadsWithin)
	defer cancel()
	for {
		led := map[uint64]uint64{} // shard -> epoch
		resp, err := p.nodes[node].ReplicaStatus(ctx, &peerv1.ReplicaStatusRequest{})
		if err == nil {
			for _, r := range resp.GetReplicas() {
				if r.GetLeader() {
					led[r.GetShardId()] = r.GetEpoch()
				}
			}
			if len(led) >= len(resp.GetReplicas())/len(p.nodes) {
				return led, nil
			}
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return nil, fmt.Errorf("node %d leads %d shards: %w", node+1, len(led), err)
		}
	}
}

// kill ends a node and returns, for each shard that it led, the seconds until a write is
// acknowledged.
func (p *prober) kill(ctx context.Context, node int, led map[uint64]uint64) ([]float64, error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	var took []float64
	var errs []error
	began := time.Now()
	if err := p.local.Kill(node); err != nil {
		return nil, err
	}
	for shard, epoch := range led {
		wg.Go(func() {
			at, err := p.write(ctx, node, shard, epoch)
			mu.Lock()
			defer mu.Unlock()
			took = append(took, at.Sub(began).Seconds())
			errs = append(errs, err)
		})
	}
	wg.Wait()
	return took, errors.Join(errs...)
}

// write tries the nodes but one until a write to a shard is acknowledged.
func (p *prober) write(ctx context.Context, dead int, shard, epoch uint64) (time.Time, error) {
	for {
		for i, n := range p.nodes {
			if i == dead {
				continue
			}
			try, cancel := context.WithTimeout(ctx, probeTimeout)
			_, err := n.WriteShard(try, &peerv1.WriteShardRequest{ShardId: shard, Epoch: epoch,
				Command: peerv1.ShardCommand_SHARD_COMMAND_OUTCOME, Body: p.outcome()})
			cancel()
			if err == nil {
				return time.Now(), nil
			}
		}
		if err := pause(ctx, probeEvery); err != nil {
			return time.Time{}, err
		}
	}
}

// outcome is the outcome of an import that was never opened: the smallest entry there is.
func (p *prober) outcome() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next += 2
	b := binary.BigEndian.AppendUint64(nil, p.next)
	return binary.BigEndian.AppendUint64(b, p.next+1)
}
