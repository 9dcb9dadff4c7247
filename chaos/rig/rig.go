//go:build linux

package rig

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/codegraphdb/codegraph"
	"github.com/codegraphdb/codegraph/internal/localcluster"
)

// Rig is a cluster under test.
type Rig struct {
	*localcluster.Cluster
	opts   Options
	net    *network
	disks  []*Disk
	client *codegraph.Client // of the rig itself: health, leaders

	mu    sync.Mutex
	ended map[int]bool // nodes that a nemesis has ended, or may end
	told  map[int]bool // deaths that were reported already
}

// New makes the network, the disks and the cluster in the namespaces of this process, and starts
// nothing. Close it.
func New(opts Options) (*Rig, error) {
	opts = opts.withDefaults()
	r := &Rig{opts: opts, ended: map[int]bool{}, told: map[int]bool{}}
	var err error
	if r.net, err = newNetwork(opts.Nodes); err != nil {
		return nil, err
	}
	var hosts []string
	for i := range opts.Nodes {
		hosts = append(hosts, hostOf(i))
	}
	r.Cluster, err = localcluster.New(filepath.Join(opts.Work, "cluster"), localcluster.Options{
		Nodes: opts.Nodes, Name: "chaos", TLS: true, Binary: opts.Bin, Hosts: hosts, Launch: r.launch,
		Args: []string{"--shards=" + strconv.Itoa(opts.Shards), "--cache-size=32MiB",
			"--memory-limit=384MiB"}})
	if err != nil {
		return nil, err
	}
	for i := 0; opts.Disks && i < opts.Nodes; i++ {
		image := filepath.Join(opts.Work, "disk-"+strconv.Itoa(i+1))
		d, err := newDisk(i, image, r.DataDir(i), opts.DiskBytes)
		if err != nil {
			return nil, errors.Join(err, r.Close())
		}
		r.disks = append(r.disks, d)
	}
	r.client, err = r.Dial(codegraph.Options{})
	return r, err
}

// launch starts the process of a node in the node's namespace. Each node has one processor: they
// share the machine.
func (r *Rig) launch(node int, cmd *exec.Cmd) error {
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "CODEGRAPH_DISK_FLOOR=64MiB", "GOTRACEBACK=all")
	return r.net.inside(node, cmd.Start)
}

// Dial makes a client of some nodes, or of all.
func (r *Rig) Dial(opts codegraph.Options, nodes ...int) (*codegraph.Client, error) {
	opts.TLSCA, opts.Addresses = r.CA(), r.Addresses()
	if len(nodes) > 0 {
		opts.Addresses = nil
		for _, i := range nodes {
			opts.Addresses = append(opts.Addresses, r.Addresses()[i])
		}
	}
	return codegraph.Dial(context.Background(), opts)
}

// Client is the rig's own client of all nodes.
func (r *Rig) Client() *codegraph.Client { return r.client }

// Disk is the disk of node i; nil if nodes have none.
func (r *Rig) Disk(i int) *Disk {
	if len(r.disks) == 0 {
		return nil
	}
	return r.disks[i]
}

// StartAll starts every node that does not run and waits for health.
func (r *Rig) StartAll(ctx context.Context) error {
	for i := range r.Size() {
		if err := r.Revive(i); err != nil {
			return err
		}
	}
	return r.WaitHealthy(ctx)
}

// Revive starts node i unless it runs. From now on it must not end by itself.
func (r *Rig) Revive(i int) error {
	err := r.StartNode(i)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended[i], r.told[i] = false, false
	return err
}

// Excuse says that node i may end by itself from now on, until Revive.
func (r *Rig) Excuse(i int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended[i] = true
}

// KillNodes ends nodes with SIGKILL at the same moment.
func (r *Rig) KillNodes(nodes ...int) (killed int64, err error) {
	for _, i := range nodes {
		r.Excuse(i)
		if err := r.Signal(i, syscall.SIGKILL); err != nil {
			return killed, err
		}
	}
	for _, i := range nodes {
		ctx, cancel := context.WithTimeout(context.Background(), r.opts.ReadyWithin)
		code, err := r.ExitCode(ctx, i)
		cancel()
		if err != nil {
			return killed, err
		}
		if code == -1 { // a signal has ended it
			killed++
		}
	}
	return killed, nil
}

// Fallen returns the nodes that ended though nobody ended them, each death once (RG4).
func (r *Rig) Fallen() []int {
	dead := r.dead()
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []int
	for _, i := range dead {
		if !r.told[i] {
			r.told[i] = true
			out = append(out, i)
		}
	}
	return out
}

// dead lists the nodes that do not run though nobody ended them.
func (r *Rig) dead() []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []int
	for i := range r.Size() {
		if !r.ended[i] && r.PID(i) == 0 {
			out = append(out, i)
		}
	}
	return out
}

// logTail returns the end of a node's log.
func (r *Rig) logTail(i int) string {
	const most = 500
	text, err := os.ReadFile(r.LogFile(i))
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(text[max(0, len(text)-most):]))
}

// Close ends everything that still runs. What is left goes with the namespaces.
func (r *Rig) Close() error {
	var errs []error
	if r.client != nil {
		errs = append(errs, r.client.Close())
	}
	for i := range r.Size() {
		if r.PID(i) == 0 {
			continue
		}
		_ = r.Resume(i)
		if _, err := r.KillNodes(i); err != nil {
			errs = append(errs, err)
		}
	}
	for _, d := range r.disks {
		errs = append(errs, d.unmount())
	}
	return errors.Join(append(errs, r.net.close())...)
}

// SaveLogs copies the logs of the nodes into a directory.
func (r *Rig) SaveLogs(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for i := range r.Size() {
		if err := copyFile(r.LogFile(i), filepath.Join(dir, fmt.Sprintf("n%d.log", i+1))); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// Name is what histories call node i.
func Name(i int) string { return "n" + strconv.Itoa(i+1) }

// index returns the number of the node with a client address; -1 if there is none.
func (r *Rig) index(addr string) int { return slices.Index(r.Addresses(), addr) }

// pollEvery is how often conditions are looked at.
const pollEvery = 100 * time.Millisecond
