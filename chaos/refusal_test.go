package chaos

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/codegraphdb/codegraph"
	queryv1 "github.com/codegraphdb/codegraph/api/codegraph/query/v1"
	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/internal/localcluster"
)

func itoa(n int) string { return strconv.Itoa(n) }

// TestDiskFull starts nodes whose disk is below the floor: writes are refused with the remedy,
// reads go on, the processes live, and writes work once there is space.
func TestDiskFull(t *testing.T) {
	r := newRig(t, 3)
	c := r.client()
	h := newTree(t, "disk", 12, 0)
	r.ingest(h)
	r.restart("1048576TiB") // no disk has as much
	wait(t, readyWithin, "reads on nearly full disks", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), readWithin)
		defer cancel()
		_, _, err := search(ctx, c, h.tree.repo, markPrefix, readOptions(true))
		return err == nil
	})
	r.checkContent(h, c)

	ctx, cancel := context.WithTimeout(t.Context(), ingestWithin)
	defer cancel()
	p := r.cgctl(ctx, "ingest", h.tree.dir+"/"+h.tree.repo, "--name", h.tree.repo)
	code, text := p.wait(), p.err.String()
	t.Logf("refusal: %s", text)
	if code != 7 || !strings.Contains(text, r.DataDir(0)[:len(r.DataDir(0))-len("node-1/data")]) ||
		!strings.Contains(text, "MiB free") || !strings.Contains(text, "free space") ||
		!strings.Contains(text, "below the floor of 1099511627776 MiB") {
		t.Errorf("want exit code 7 with directory, free space, floor and remedy: %v", p)
	}
	for i := range r.Size() {
		if r.PID(i) == 0 {
			t.Errorf("node %d has ended", i+1)
		}
		if r.metric(i, "codegraph_disk_full") != 1 {
			t.Errorf("C7: the disk of node %d is not full", i+1)
		}
	}
	r.restart("64MiB")
	r.start()
	r.ingest(h)
	r.checkContent(h, c)
	r.checkReplicas(c)
}

// restart ends all nodes in order and starts them with another floor of free space.
func (r *rig) restart(floor string) {
	r.t.Helper()
	killed, err := r.Stop()
	if err != nil || len(killed) > 0 {
		r.t.Fatalf("stop: %v, killed: %v", err, killed)
	}
	r.t.Setenv("CODEGRAPH_DISK_FLOOR", floor)
	if err := r.Start(); err != nil {
		r.t.Fatal(err)
	}
}

// TestDataDirErrors starts codegraphd on directories that it must not touch.
func TestDataDirErrors(t *testing.T) {
	r := newRig(t, 1)
	h := newTree(t, "dir", 4, 0)
	r.ingest(h)
	dir := r.DataDir(0)
	pid := itoa(r.PID(0))

	r.refused("in use", r.otherPorts(), dir, "process "+pid, "--data-dir")
	if itoa(r.PID(0)) != pid {
		t.Fatal("the first process has ended")
	}
	r.checkContent(h, r.client())
	if _, err := r.StopNode(0); err != nil {
		t.Fatal(err)
	}

	args := r.Args(0)
	args[slices.Index(args, "--cluster-name")+1] = "another"
	plain := args[:slices.Index(args, "--tls-cert")] // whose certificate would be refused first
	r.refused("of another cluster", plain, dir, `"chaos"`, `"another"`, "--cluster-name chaos")

	var format any
	r.editIdentity(func(id map[string]any) { format, id["format"] = id["format"], 99 })
	r.refused("of a newer format", r.Args(0), dir, "format 99", "version that wrote it")
	r.editIdentity(func(id map[string]any) { id["format"] = format })

	gone := filepath.Join(dir, "raftlog")
	if err := os.Rename(gone, gone+".away"); err != nil {
		t.Fatal(err)
	}
	r.refused("without its log", r.Args(0), gone, "remove the whole data directory")
	if err := os.Rename(gone+".away", gone); err != nil {
		t.Fatal(err)
	}
	r.startNode(0) // none of this did any harm
	r.checkContent(h, r.client())
}

// otherPorts are the arguments of the first node, with free ports.
func (r *rig) otherPorts() []string {
	args := r.Args(0)
	for i, a := range args {
		if strings.HasPrefix(a, "--listen-") {
			args[i+1] = "127.0.0.1:0"
		}
	}
	return args
}

// refused starts codegraphd, which must end at once with exit code 1 and these words.
func (r *rig) refused(what string, args []string, words ...string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), readWithin)
	defer cancel()
	p := run(ctx, "codegraphd", args...)
	code, text := p.wait(), p.err.String()
	r.t.Logf("%s: %s", what, text)
	if code != 1 {
		r.t.Errorf("%s: want exit code 1: %v", what, p)
	}
	for _, w := range words {
		if !strings.Contains(text, w) {
			r.t.Errorf("%s: the message does not say %q: %s", what, w, text)
		}
	}
}

// editIdentity changes the NODE file of a node that does not run.
func (r *rig) editIdentity(change func(map[string]any)) {
	r.t.Helper()
	file := filepath.Join(r.DataDir(0), "NODE")
	b, err := os.ReadFile(file)
	id := map[string]any{}
	if err == nil {
		err = json.Unmarshal(b, &id)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	change(id)
	if b, err = json.Marshal(id); err == nil {
		err = os.WriteFile(file, b, 0o600)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// TestOtherCluster asks a cluster with what belongs to another: its authority, its token.
func TestOtherCluster(t *testing.T) {
	r := newRig(t, 1)
	h := newTree(t, "other", 4, 0)
	r.ingest(h)
	other, err := localcluster.New(filepath.Join(t.TempDir(), "other"), localcluster.Options{
		Nodes: 1, Name: "other", TLS: true, Binary: filepath.Join(programs, "codegraphd")})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), readWithin)
	defer cancel()
	for name, ca := range map[string]string{"authority of another cluster": other.CA(),
		"no authority": ""} {
		p := run(ctx, "cgctl", "--address", r.Addresses()[0], "--tls-ca", ca, "status")
		code, text := p.wait(), p.err.String()
		t.Logf("%s: %s", name, text)
		wantCode, word := 3, "certificate signed by unknown authority"
		if ca == "" {
			wantCode, word = 5, "closed the connection"
		}
		if code != wantCode || !strings.Contains(text, word) || !strings.Contains(text, "CA") ||
			!strings.Contains(text, r.Addresses()[0]) {
			t.Errorf("%s: want exit code %d, %q, the address and the remedy: %v", name, wantCode,
				word, p)
		}
	}
	r.checkToken(ctx, h)
}

// checkToken sends a token of the future, which only another cluster can have given.
func (r *rig) checkToken(ctx context.Context, h *history) {
	r.t.Helper()
	future := h.acks[len(h.acks)-1].timestamp + uint64(time.Hour/time.Millisecond)<<18
	c, err := codegraph.Dial(ctx, codegraph.Options{Addresses: r.Addresses(), TLSCA: r.CA(),
		Token: future})
	if err != nil {
		r.t.Fatal(err)
	}
	defer c.Close()
	_, err = c.SearchSymbols(ctx, &queryv1.SearchSymbolsRequest{Text: markPrefix})
	r.t.Logf("token of the future: %v", err)
	if !graph.IsKind(err, graph.KindInvalid) || !strings.Contains(err.Error(), "token") ||
		!strings.Contains(err.Error(), "another cluster") {
		r.t.Errorf("a token of the future: %v, want it refused", err)
	}
}
