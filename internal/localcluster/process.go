package localcluster

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/codegraphdb/codegraph/graph"
)

func (c *Cluster) nodeDir(i int) string {
	return filepath.Join(c.dir, fmt.Sprintf("node-%d", i+1))
}

func (c *Cluster) pidFile(i int) string { return filepath.Join(c.nodeDir(i), "pid") }

// LogFile is where node i writes.
func (c *Cluster) LogFile(i int) string { return filepath.Join(c.nodeDir(i), "log") }

// DataDir is the data directory of node i.
func (c *Cluster) DataDir(i int) string { return filepath.Join(c.nodeDir(i), "data") }

// Args is the command line of node i, without the program.
func (c *Cluster) Args(i int) []string {
	n := c.state.Nodes[i]
	var join []string
	for _, other := range c.state.Nodes {
		join = append(join, other.Gossip)
	}
	args := []string{"start", "--data-dir", c.DataDir(i), "--cluster-name", c.state.Name,
		"--listen-client", n.Client, "--listen-peer", n.Peer, "--listen-gossip", n.Gossip,
		"--listen-ops", n.Ops, "--join", strings.Join(join, ","),
		"--bootstrap-expect", strconv.Itoa(len(c.state.Nodes))}
	if c.state.TLS {
		args = append(args, "--tls-cert", filepath.Join(c.nodeDir(i), "node.pem"),
			"--tls-key", filepath.Join(c.nodeDir(i), "node.key"), "--tls-ca", c.CA())
	}
	if c.state.Insecure {
		args = append(args, "--insecure=true")
	}
	return append(args, c.state.Args...)
}

// PID returns the process of node i; 0 if it does not run (LC2).
func (c *Cluster) PID(i int) int {
	b, err := os.ReadFile(c.pidFile(i))
	if err != nil {
		return 0
	}
	text := strings.TrimSpace(string(b))
	pid, err := strconv.Atoi(text)
	if err != nil || pid <= 1 {
		return 0
	}
	raw, err := os.ReadFile("/proc/" + text + "/cmdline")
	if err != nil {
		return 0
	}
	args := strings.Split(string(raw), "\x00")
	if len(args) < 4 || args[1] != "start" || args[3] != c.DataDir(i) {
		return 0
	}
	return pid
}

// StartNode starts node i unless it runs; the process outlives this one (LC1).
func (c *Cluster) StartNode(i int) error {
	if c.PID(i) != 0 {
		return nil
	}
	if err := os.MkdirAll(c.nodeDir(i), dirPerm); err != nil {
		return err
	}
	log, err := os.OpenFile(c.LogFile(i), os.O_APPEND|os.O_CREATE|os.O_WRONLY, certPerm)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(c.state.Binary, c.Args(i)...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Dir = c.nodeDir(i)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := c.launch(i, cmd); err != nil {
		return graph.Errorf("localcluster", graph.KindInvalid, "node %d: %w", i+1, err)
	}
	c.await(i, cmd)
	pid := strconv.Itoa(cmd.Process.Pid) + "\n"
	return os.WriteFile(c.pidFile(i), []byte(pid), certPerm)
}

// ending is how a process ended, once done is closed.
type ending struct {
	done chan struct{}
	code int
}

// await waits for a process in the background, so that it is no zombie while this one lives.
func (c *Cluster) await(i int, cmd *exec.Cmd) {
	e := &ending{done: make(chan struct{})}
	c.mu.Lock()
	c.ended[i] = e
	c.mu.Unlock()
	go func() {
		_ = cmd.Wait() // what it says stands in ProcessState
		e.code = cmd.ProcessState.ExitCode()
		close(e.done)
	}()
}

// ExitCode waits for the end of node i and returns its exit code, -1 if a signal ended it. Only
// the Cluster that has started the node knows it.
func (c *Cluster) ExitCode(ctx context.Context, i int) (int, error) {
	c.mu.Lock()
	e := c.ended[i]
	c.mu.Unlock()
	if e == nil {
		return 0, graph.Errorf("localcluster", graph.KindNotFound,
			"node %d was not started by this program", i+1)
	}
	select {
	case <-e.done:
		return e.code, nil
	case <-ctx.Done():
		return 0, graph.Errorf("localcluster", graph.KindDeadline, "node %d did not end", i+1)
	}
}

// Signal sends a signal to node i.
func (c *Cluster) Signal(i int, sig syscall.Signal) error {
	pid := c.PID(i)
	if pid == 0 {
		return graph.Errorf("localcluster", graph.KindNotFound, "node %d does not run", i+1)
	}
	return syscall.Kill(pid, sig)
}

// Kill ends node i at once (SIGKILL) and waits until it is gone.
func (c *Cluster) Kill(i int) error {
	if err := c.Signal(i, syscall.SIGKILL); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), killWithin)
	defer cancel()
	return c.waitGone(ctx, i)
}

// Pause stops node i without ending it; Resume lets it go on. It returns when no thread of the node
// runs any more: the signal alone only asks for that.
func (c *Cluster) Pause(i int) error {
	if err := c.Signal(i, syscall.SIGSTOP); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), pauseWithin)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for !c.stopped(i) {
		select {
		case <-ctx.Done():
			return graph.Errorf("localcluster", graph.KindDeadline, "node %d did not stop", i+1)
		case <-tick.C:
		}
	}
	return nil
}

// stopped tells whether every thread of node i is stopped.
func (c *Cluster) stopped(i int) bool {
	tasks := fmt.Sprintf("/proc/%d/task", c.PID(i))
	threads, err := os.ReadDir(tasks)
	if err != nil {
		return false
	}
	for _, thread := range threads {
		stat, err := os.ReadFile(filepath.Join(tasks, thread.Name(), "stat"))
		if err != nil || !strings.HasPrefix(processState(stat), "T") {
			return false
		}
	}
	return true
}

// processState cuts the text of a stat file of /proc down to the state and what follows it.
func processState(stat []byte) string {
	_, state, _ := strings.Cut(string(stat), ") ")
	return state
}

// Resume lets a paused node go on.
func (c *Cluster) Resume(i int) error { return c.Signal(i, syscall.SIGCONT) }

// Restart starts node i again after it ended, or ends it in an orderly way first.
func (c *Cluster) Restart(i int) error {
	if c.PID(i) != 0 {
		if _, err := c.StopNode(i); err != nil {
			return err
		}
	}
	return c.StartNode(i)
}

// StopNode ends node i with SIGTERM, after ten seconds with SIGKILL; killed tells which.
func (c *Cluster) StopNode(i int) (killed bool, err error) {
	if c.PID(i) == 0 {
		return false, nil
	}
	if err := c.Signal(i, syscall.SIGTERM); err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), termWithin)
	defer cancel()
	if c.waitGone(ctx, i) == nil {
		return false, nil
	}
	return true, c.Kill(i)
}

const (
	termWithin  = 10 * time.Second
	killWithin  = 10 * time.Second
	pauseWithin = 10 * time.Second
	pollEvery   = 25 * time.Millisecond
)

func (c *Cluster) waitGone(ctx context.Context, i int) error {
	if _, err := c.ExitCode(ctx, i); graph.IsKind(err, graph.KindDeadline) {
		return err
	}
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for c.PID(i) != 0 || c.between(i) {
		select {
		case <-ctx.Done():
			return graph.Errorf("localcluster", graph.KindDeadline, "node %d did not end", i+1)
		case <-tick.C:
		}
	}
	return nil
}

// between tells whether node i is on its way in or out: its command line is not there yet, or gone
// already while its ports are not. A zombie has given everything back.
func (c *Cluster) between(i int) bool {
	b, err := os.ReadFile(c.pidFile(i))
	if err != nil {
		return false
	}
	proc := "/proc/" + strings.TrimSpace(string(b))
	cmdline, err := os.ReadFile(proc + "/cmdline")
	if err != nil || len(cmdline) > 0 {
		return false
	}
	threads, err := os.ReadDir(proc + "/task")
	if err != nil || len(threads) > 1 {
		return err == nil
	}
	stat, err := os.ReadFile(proc + "/stat")
	if err != nil {
		return false
	}
	state := processState(stat)
	return !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X")
}
