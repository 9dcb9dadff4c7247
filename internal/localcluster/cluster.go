package localcluster

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/codegraphdb/codegraph/graph"
)

// Cluster is a set of codegraphd processes on this machine.
type Cluster struct {
	dir    string
	state  *state
	http   *http.Client
	launch func(node int, cmd *exec.Cmd) error

	mu    sync.Mutex
	ended map[int]*ending // nodes that this program has started
}

// New makes a cluster in a directory: ports, certificates, nothing started yet.
func New(dir string, opts Options) (*Cluster, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	if Exists(dir) {
		return nil, graph.Errorf("localcluster.New", graph.KindExists,
			"there is a local cluster in %s", dir).WithRemedy("use another directory, or open that one")
	}
	nodes, err := chooseAddresses(&opts)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, dirPerm); err != nil {
		return nil, err
	}
	s := &state{Format: stateFormat, Name: opts.Name, Binary: opts.Binary, TLS: opts.TLS,
		Insecure: opts.Insecure, Args: opts.Args, Nodes: nodes}
	c := newCluster(dir, s)
	c.launch = opts.Launch
	if err := c.prepare(); err != nil {
		return nil, err
	}
	return c, s.save(dir)
}

// Open finds the cluster of a directory, whether it runs or not.
func Open(dir string) (*Cluster, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	s, err := loadState(dir)
	if err != nil {
		return nil, err
	}
	return newCluster(dir, s), nil
}

func newCluster(dir string, s *state) *Cluster {
	return &Cluster{dir: dir, state: s, ended: map[int]*ending{},
		launch: func(_ int, cmd *exec.Cmd) error { return cmd.Start() },
		http: &http.Client{Timeout: 2 * time.Second,
			Transport: &http.Transport{DisableKeepAlives: true}}}
}

// prepare makes the directories of the nodes and their certificates.
func (c *Cluster) prepare() error {
	var ca *authority
	var err error
	if c.state.TLS {
		if ca, err = newAuthority(c.dir, c.state.Name); err != nil {
			return err
		}
	}
	for i := range c.state.Nodes {
		if err := os.MkdirAll(c.nodeDir(i), dirPerm); err != nil {
			return err
		}
		if ca == nil {
			continue
		}
		host, _, err := net.SplitHostPort(c.state.Nodes[i].Client)
		if err != nil {
			return err
		}
		if err := ca.issue(c.nodeDir(i), c.state.Name, fmt.Sprintf("node-%d", i+1), host); err != nil {
			return err
		}
	}
	return nil
}

// Dir is the cluster's directory.
func (c *Cluster) Dir() string { return c.dir }

// Name is the cluster's name.
func (c *Cluster) Name() string { return c.state.Name }

// Size is the number of nodes.
func (c *Cluster) Size() int { return len(c.state.Nodes) }

// CA is the file with the certificates that clients need; empty without TLS.
func (c *Cluster) CA() string {
	if !c.state.TLS {
		return ""
	}
	return filepath.Join(c.dir, "ca.pem")
}

// Addresses are the client ports of all nodes.
func (c *Cluster) Addresses() []string {
	var out []string
	for _, n := range c.state.Nodes {
		out = append(out, n.Client)
	}
	return out
}

// OpsAddress is where node i serves health and metrics.
func (c *Cluster) OpsAddress(i int) string { return c.state.Nodes[i].Ops }

// Start starts every node that does not run.
func (c *Cluster) Start() error {
	for i := range c.state.Nodes {
		if c.PID(i) != 0 {
			continue
		}
		if err := c.checkPorts(i); err != nil {
			return err
		}
		if err := c.StartNode(i); err != nil {
			return err
		}
	}
	return nil
}

// checkPorts names who holds a port that node i needs. Of other hosts nobody here knows.
func (c *Cluster) checkPorts(i int) error {
	n := c.state.Nodes[i]
	if !strings.HasPrefix(n.Client, loopback+":") {
		return nil
	}
	for _, addr := range []string{n.Client, n.Peer, n.Gossip, n.Ops} {
		var port int
		if _, err := fmt.Sscanf(addr[strings.LastIndex(addr, ":"):], ":%d", &port); err != nil {
			return graph.Errorf("localcluster", graph.KindCorrupt, "%s: %w", stateFile, err)
		}
		_, release, err := hold(port)
		if err != nil {
			return err
		}
		release()
	}
	return nil
}

// Stop ends all nodes and returns the numbers, from 1, of those that had to be killed.
func (c *Cluster) Stop() ([]int, error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	var killed []int
	var first error
	for i := range c.state.Nodes {
		wg.Go(func() {
			hard, err := c.StopNode(i)
			mu.Lock()
			defer mu.Unlock()
			if hard {
				killed = append(killed, i+1)
			}
			if err != nil && first == nil {
				first = err
			}
		})
	}
	wg.Wait()
	slices.Sort(killed)
	return killed, first
}

// Purge deletes the directory of a cluster that does not run.
func (c *Cluster) Purge() error {
	for i := range c.state.Nodes {
		if c.PID(i) != 0 {
			return graph.Errorf("localcluster", graph.KindConflict, "node %d runs", i+1)
		}
	}
	for i := range c.state.Nodes {
		if err := os.RemoveAll(c.nodeDir(i)); err != nil {
			return err
		}
	}
	for _, f := range []string{"ca.pem", "ca.key", stateFile} {
		if err := os.Remove(filepath.Join(c.dir, f)); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	_ = os.Remove(c.dir) // only if nothing else lies there
	return nil
}

// NodeStatus is one node as it is seen from outside.
type NodeStatus struct {
	Node     int      `json:"node"`
	Client   string   `json:"client_address"`
	Ops      string   `json:"ops_address"`
	PID      int      `json:"pid,omitempty"`
	Running  bool     `json:"running"`
	Ready    bool     `json:"ready"`
	Problems []string `json:"problems,omitempty"`
	DataDir  string   `json:"data_dir"`
	Log      string   `json:"log"`
}

// Status looks at every node.
func (c *Cluster) Status(ctx context.Context) []NodeStatus {
	out := make([]NodeStatus, c.Size())
	var wg sync.WaitGroup
	for i := range out {
		wg.Go(func() { out[i] = c.nodeStatus(ctx, i) })
	}
	wg.Wait()
	return out
}

func (c *Cluster) nodeStatus(ctx context.Context, i int) NodeStatus {
	n := c.state.Nodes[i]
	s := NodeStatus{Node: i + 1, Client: n.Client, Ops: n.Ops, PID: c.PID(i), DataDir: c.DataDir(i),
		Log: c.LogFile(i)}
	s.Running = s.PID != 0
	if !s.Running {
		s.Problems = []string{"does not run"}
		return s
	}
	s.Ready, s.Problems = c.ready(ctx, i)
	return s
}

// ready asks a node's ops port.
func (c *Cluster) ready(ctx context.Context, i int) (ok bool, problems []string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet,
		"http://"+c.state.Nodes[i].Ops+"/readyz", nil)
	if err != nil {
		return false, []string{err.Error()}
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return false, []string{err.Error()}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	if err != nil {
		return false, []string{err.Error()}
	}
	if resp.StatusCode == http.StatusOK {
		return true, nil
	}
	return false, strings.Split(strings.TrimSpace(string(body)), "\n")
}

// WaitReady waits until all nodes are ready. It fails at once if one of them ends.
func (c *Cluster) WaitReady(ctx context.Context) error {
	for i := range c.state.Nodes {
		if err := c.WaitNodeReady(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// WaitNodeReady waits until node i is ready, or fails with the end of its log.
func (c *Cluster) WaitNodeReady(ctx context.Context, i int) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		ok, problems := c.ready(ctx, i)
		if ok {
			return nil
		}
		if !c.between(i) && c.PID(i) == 0 {
			return graph.Errorf("localcluster", graph.KindUnavailable, "node %d ended; %s says:\n%s",
				i+1, c.LogFile(i), c.tail(i))
		}
		select {
		case <-ctx.Done():
			return graph.Errorf("localcluster", graph.KindDeadline,
				"node %d is not ready in time: %s; its log is %s", i+1, strings.Join(problems, "; "),
				c.LogFile(i))
		case <-tick.C:
		}
	}
}

// tail returns the last lines of a node's log.
func (c *Cluster) tail(i int) string {
	const lines = 5
	b, err := os.ReadFile(c.LogFile(i))
	if err != nil {
		return err.Error()
	}
	all := bytes.Split(bytes.TrimSpace(b), []byte("\n"))
	return string(bytes.Join(all[max(0, len(all)-lines):], []byte("\n")))
}
