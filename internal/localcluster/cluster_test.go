package localcluster

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/codegraphdb/codegraph/graph"
)

// TestMain is also the program that the tests start in place of codegraphd.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "start" {
		os.Exit(fakeNode(os.Args[2:]))
	}
	code := m.Run()
	if builtIn != "" {
		_ = os.RemoveAll(builtIn)
	}
	os.Exit(code)
}

// fakeNode serves /readyz until SIGTERM. A file "stubborn" in its directory makes it ignore the
// signal, a file "broken" makes it fail at once.
func fakeNode(args []string) int {
	f := flag.NewFlagSet("start", flag.ExitOnError)
	values := map[string]*string{}
	for _, key := range []string{"data-dir", "cluster-name", "listen-client", "listen-peer",
		"listen-gossip", "listen-ops", "join", "bootstrap-expect", "tls-cert", "tls-key", "tls-ca"} {
		values[key] = f.String(key, "", "")
	}
	f.Bool("insecure", false, "")
	if err := f.Parse(args); err != nil {
		return 2
	}
	dir := filepath.Dir(*values["data-dir"])
	if _, err := os.Stat(filepath.Join(dir, "broken")); err == nil {
		fmt.Fprintln(os.Stderr, "the disk is on fire")
		return 1
	}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	l, err := net.Listen("tcp", *values["listen-ops"])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	go func() {
		_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if _, err := os.Stat(filepath.Join(dir, "unready")); err == nil {
				w.WriteHeader(http.StatusServiceUnavailable)
				fmt.Fprintln(w, "shard 3 has no leader")
			}
		}))
	}()
	for {
		<-term
		if _, err := os.Stat(filepath.Join(dir, "stubborn")); err != nil {
			return 0
		}
	}
}

func fakeCluster(t *testing.T, opts Options) *Cluster {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	opts.Binary = self
	c, err := New(filepath.Join(t.TempDir(), "cluster"), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for i := range c.Size() {
			if c.PID(i) != 0 {
				_ = c.Kill(i)
			}
		}
	})
	return c
}

func ready(t *testing.T, c *Cluster) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := c.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
}

// mark makes an empty file in the directory of node i.
func mark(t *testing.T, c *Cluster, i int, name string) string {
	t.Helper()
	path := filepath.Join(c.nodeDir(i), name)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLife(t *testing.T) {
	c := fakeCluster(t, Options{Nodes: 2, TLS: true})
	if s := c.Status(t.Context()); s[0].Running || s[0].Ready {
		t.Errorf("before the start: %+v", s[0])
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ready(t, c)
	again, err := Open(c.Dir()) // as another program would
	if err != nil {
		t.Fatal(err)
	}
	pids := []int{again.PID(0), again.PID(1)}
	if pids[0] == 0 || pids[0] != c.PID(0) || again.CA() != c.CA() {
		t.Errorf("found pids %v, CA %s", pids, again.CA())
	}
	if err := again.Start(); err != nil || again.PID(0) != pids[0] {
		t.Errorf("a second start: pid %d, %v", again.PID(0), err)
	}
	if err := again.Purge(); !graph.IsKind(err, graph.KindConflict) {
		t.Errorf("purge of a cluster that runs: %v", err)
	}
	if err := again.Kill(0); err != nil || again.PID(0) != 0 {
		t.Fatalf("after kill: pid %d, %v", again.PID(0), err)
	}
	if err := again.Restart(0); err != nil {
		t.Fatal(err)
	}
	ready(t, again)
	if killed, err := again.Stop(); err != nil || len(killed) != 0 {
		t.Fatalf("stop: killed %v, %v", killed, err)
	}
	if c.PID(0) != 0 || c.PID(1) != 0 {
		t.Error("a node runs after stop")
	}
	if err := again.Purge(); err != nil || Exists(c.Dir()) {
		t.Errorf("purge: %v", err)
	}
}

func TestReadiness(t *testing.T) {
	c := fakeCluster(t, Options{Nodes: 2})
	unready := mark(t, c, 1, "unready")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if err := c.WaitNodeReady(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	err := c.WaitReady(ctx)
	if !graph.IsKind(err, graph.KindDeadline) || !strings.Contains(err.Error(), "node 2") {
		t.Errorf("wait: %v", err)
	}
	if err := os.Remove(unready); err != nil {
		t.Fatal(err)
	}
	ready(t, c)
}

func TestNodeThatEnds(t *testing.T) {
	c := fakeCluster(t, Options{Nodes: 1})
	mark(t, c, 0, "broken")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	err := c.WaitReady(t.Context())
	if !graph.IsKind(err, graph.KindUnavailable) || !strings.Contains(err.Error(), "on fire") {
		t.Errorf("wait: %v", err)
	}
}

// TestForeignPID: a pid file that names another process is not believed.
func TestForeignPID(t *testing.T) {
	c := fakeCluster(t, Options{Nodes: 1})
	self := fmt.Sprintln(os.Getpid())
	if err := os.WriteFile(c.pidFile(0), []byte(self), 0o600); err != nil {
		t.Fatal(err)
	}
	if pid := c.PID(0); pid != 0 {
		t.Errorf("took this test, process %d, for a node", pid)
	}
	if err := c.Kill(0); !graph.IsKind(err, graph.KindNotFound) {
		t.Errorf("kill: %v", err)
	}
}

func TestPauseResume(t *testing.T) {
	c := fakeCluster(t, Options{Nodes: 1})
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ready(t, c)
	if err := c.Pause(0); err != nil {
		t.Fatal(err)
	}
	if s := c.Status(t.Context()); !s[0].Running || s[0].Ready {
		t.Errorf("paused: %+v", s[0])
	}
	if err := c.Resume(0); err != nil {
		t.Fatal(err)
	}
	ready(t, c)
}

func TestPortTaken(t *testing.T) {
	c := fakeCluster(t, Options{Nodes: 1})
	l, err := net.Listen("tcp", c.OpsAddress(0))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	err = c.Start()
	want := fmt.Sprintf("taken by process %d (", os.Getpid())
	if !graph.IsKind(err, graph.KindConflict) || !strings.Contains(err.Error(), want) {
		t.Errorf("start: %v, want %s", err, want)
	}
}

func TestNewRefuses(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := fakeCluster(t, Options{Nodes: 1}).Dir()
	for _, tc := range []struct {
		dir  string
		opts Options
		kind graph.ErrorKind
	}{
		{dir, Options{Binary: self}, graph.KindExists},
		{t.TempDir(), Options{Binary: self, Nodes: 10}, graph.KindInvalid},
		{t.TempDir(), Options{Binary: self, BasePort: 65530}, graph.KindInvalid},
		{t.TempDir(), Options{Binary: self, TLS: true, Insecure: true}, graph.KindInvalid},
		{t.TempDir(), Options{Binary: "no-such-program"}, graph.KindInvalid},
	} {
		if _, err := New(tc.dir, tc.opts); !graph.IsKind(err, tc.kind) {
			t.Errorf("%+v: %v, want %s", tc.opts, err, tc.kind)
		}
	}
	if _, err := Open(t.TempDir()); !graph.IsKind(err, graph.KindNotFound) {
		t.Errorf("open: %v", err)
	}
}

// TestCertificates checks what package node asks for.
func TestCertificates(t *testing.T) {
	c := fakeCluster(t, Options{Nodes: 2, TLS: true})
	pool := x509.NewCertPool()
	ca, err := os.ReadFile(c.CA())
	if err != nil || !pool.AppendCertsFromPEM(ca) {
		t.Fatalf("CA: %v", err)
	}
	text, err := os.ReadFile(filepath.Join(c.nodeDir(1), "node.pem"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"localhost", "127.0.0.1"} {
		for _, use := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
			if _, err := cert.Verify(x509.VerifyOptions{DNSName: name, Roots: pool,
				KeyUsages: []x509.ExtKeyUsage{use}}); err != nil {
				t.Error(err)
			}
		}
	}
	if len(cert.URIs) != 1 || cert.URIs[0].String() != "codegraph://dev/peer" {
		t.Errorf("URIs %v", cert.URIs)
	}
	for _, key := range []string{filepath.Join(c.Dir(), "ca.key"),
		filepath.Join(c.nodeDir(0), "node.key")} {
		st, err := os.Stat(key)
		if err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", key, st.Mode(), err)
		}
	}
}
