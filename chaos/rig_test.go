package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/codegraphdb/codegraph"
	"github.com/codegraphdb/codegraph/internal/localcluster"
)

const (
	readyWithin = 60 * time.Second
	// readWithin is how long one read may take, whatever happens to one node and however little
	// of the processor is left; by then the client itself has given up.
	readWithin = 20 * time.Second
	// failover is how long the slowest read of a round may take in half of the rounds.
	failover = 5 * time.Second
)

// rig is a cluster under test.
type rig struct {
	*localcluster.Cluster
	t *testing.T
}

// newRig makes a cluster with TLS, and starts it.
func newRig(t *testing.T, nodes int) *rig {
	t.Helper()
	if os.Getenv("CODEGRAPH_DISK_FLOOR") == "" { // the machine's disk is not what is tested
		t.Setenv("CODEGRAPH_DISK_FLOOR", "64MiB")
	}
	r := newStoppedRig(t, nodes)
	r.start()
	return r
}

// newStoppedRig makes a cluster with TLS. It ends with the test; if that failed, the ends of the
// logs are printed.
func newStoppedRig(t *testing.T, nodes int) *rig {
	t.Helper()
	c, err := localcluster.New(filepath.Join(t.TempDir(), "cluster"), localcluster.Options{
		Nodes: nodes, Name: "chaos", TLS: true, Binary: filepath.Join(programs, "codegraphd"),
		Args: []string{"--cache-size=32MiB"}})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{c, t}
	t.Cleanup(r.end)
	return r
}

// end kills what still runs: its directory is deleted next.
func (r *rig) end() {
	if r.t.Failed() {
		for i := range r.Size() {
			r.t.Logf("the end of the log of node %d:\n%s", i+1, tail(r.LogFile(i), 30))
		}
	}
	for i := range r.Size() {
		if r.PID(i) == 0 {
			continue
		}
		if err := r.Kill(i); err != nil {
			r.t.Errorf("node %d: %v", i+1, err)
		}
	}
}

// tail returns the last lines of a log without what Raft says of peers that are gone, clipped.
func tail(file string, lines int) string {
	const clip = 400
	b, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	var out []string
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); !strings.Contains(line, `"msg":"raft: failed to`) {
			out = append(out, line[:min(len(line), clip)])
		}
	}
	return strings.Join(out[max(0, len(out)-lines):], "\n")
}

// start starts every node that does not run and waits until all are ready.
func (r *rig) start() {
	r.t.Helper()
	if err := r.Start(); err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(r.t.Context(), readyWithin)
	defer cancel()
	if err := r.WaitReady(ctx); err != nil {
		r.t.Fatal(err)
	}
}

// startNode starts one node and waits until it is ready.
func (r *rig) startNode(i int) {
	r.t.Helper()
	if err := r.StartNode(i); err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(r.t.Context(), readyWithin)
	defer cancel()
	if err := r.WaitNodeReady(ctx, i); err != nil {
		r.t.Fatal(err)
	}
}

// kill ends nodes with SIGKILL at the same moment.
func (r *rig) kill(nodes ...int) {
	r.t.Helper()
	for _, i := range nodes {
		if err := r.Signal(i, syscall.SIGKILL); err != nil {
			r.t.Fatal(err)
		}
	}
	for _, i := range nodes {
		ctx, cancel := context.WithTimeout(r.t.Context(), 10*time.Second)
		_, err := r.ExitCode(ctx, i)
		cancel()
		if err != nil {
			r.t.Fatal(err)
		}
	}
}

// client dials the nodes; none means all of them.
func (r *rig) client(nodes ...int) *codegraph.Client {
	r.t.Helper()
	opts := codegraph.Options{Addresses: r.Addresses(), TLSCA: r.CA()}
	if len(nodes) > 0 { // there is nobody else to ask: do not wait long
		opts.Addresses, opts.RetryFor = nil, 2*time.Second
		for _, i := range nodes {
			opts.Addresses = append(opts.Addresses, r.Addresses()[i])
		}
	}
	c, err := codegraph.Dial(r.t.Context(), opts)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	return c
}

// wait polls until cond holds.
func wait(t *testing.T, most time.Duration, what string, cond func() bool) {
	t.Helper()
	end := time.Now().Add(most)
	for !cond() {
		if time.Now().After(end) {
			t.Fatalf("%v passed without %s", most, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// metric adds up the samples of a metric on a node's ops port, over all its labels.
func (r *rig) metric(i int, name string) float64 {
	r.t.Helper()
	sum := 0.0
	for _, v := range r.samples(i, name) {
		sum += v
	}
	return sum
}

// samples returns the samples of a metric by the text of their labels.
func (r *rig) samples(i int, name string) map[string]float64 {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet,
		"http://"+r.OpsAddress(i)+"/metrics", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	out := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if key != name && !strings.HasPrefix(key, name+"{") {
			continue
		}
		if out[strings.TrimPrefix(key, name)], err = strconv.ParseFloat(value, 64); err != nil {
			r.t.Fatalf("metric %s: %v", name, err)
		}
	}
	if len(out) == 0 {
		r.t.Fatalf("node %d has no metric %s", i+1, name)
	}
	return out
}

// program is one run of cgctl or codegraphd.
type program struct {
	cmd    *exec.Cmd
	out    bytes.Buffer
	err    bytes.Buffer
	done   chan struct{}
	code   int
	failed error // it was not a program that ended
}

// run starts a program; it is killed when ctx ends.
func run(ctx context.Context, name string, args ...string) *program {
	p := &program{done: make(chan struct{})}
	p.cmd = exec.CommandContext(ctx, filepath.Join(programs, name), args...)
	p.cmd.Env = append(os.Environ(), "CGCTL_CONFIG="+os.DevNull+".none", "CGCTL_ADDRESS=",
		"CGCTL_TLS_CA=", "CGCTL_CONTEXT=")
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.err
	if p.failed = p.cmd.Start(); p.failed != nil {
		close(p.done)
		return p
	}
	go func() {
		defer close(p.done)
		err := p.cmd.Wait()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			p.failed = err
		}
		p.code = p.cmd.ProcessState.ExitCode()
	}()
	return p
}

// wait returns the exit code; -1 if a signal ended it or it never ran.
func (p *program) wait() int {
	<-p.done
	if p.failed != nil {
		return -1
	}
	return p.code
}

func (p *program) String() string {
	return fmt.Sprintf("%s: exit code %d, %v\nstdout: %s\nstderr: %s",
		strings.Join(p.cmd.Args, " "), p.code, p.failed, p.out.String(), p.err.String())
}

// cgctl starts cgctl against the cluster.
func (r *rig) cgctl(ctx context.Context, args ...string) *program {
	return run(ctx, "cgctl", append([]string{"--address", strings.Join(r.Addresses(), ","),
		"--tls-ca", r.CA()}, args...)...)
}
