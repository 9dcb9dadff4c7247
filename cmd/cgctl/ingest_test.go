package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/codegraphdb/codegraph/ingest"
)

// project makes a small tree.
func project(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":   "module example.org/demo\n\ngo 1.26\n",
		"main.go":  "package main\n\nfunc main() { help() }\n\nfunc help() {}\n",
		"blob.bin": "\x00\x01\x02",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestIngest(t *testing.T) {
	f := &fakeIngest{}
	env := map[string]string{"CGCTL_ADDRESS": serve(t, &fakeNode{}, f)}
	out, errOut, code := invocation{env: env}.run("ingest", project(t), "--name", "demo", "-o", "json")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, errOut)
	}
	var s ingestSummary
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatal(err)
	}
	if s.Repo != "demo" || s.Files < 2 || s.Lines < 5 || s.Vertices == 0 || s.Edges == 0 ||
		s.RowsWritten == 0 {
		t.Errorf("summary %+v", s)
	}
	if f.rows == 0 || f.opened.GetRepo() != "demo" || f.stats.GetFiles() != s.Files ||
		!strings.Contains(f.opened.GetHolder(), "pid") {
		t.Errorf("%d rows, opened with %v, stats %v", f.rows, f.opened, f.stats)
	}
	out, _, code = invocation{env: env}.run("ingest", project(t))
	if code != 0 || !strings.HasPrefix(out, "INGESTED") || !strings.Contains(out, "unresolved calls") {
		t.Errorf("exit %d, %s", code, out)
	}
}

func TestIngestRefused(t *testing.T) {
	f := &fakeIngest{held: "ann@host pid 4"}
	env := map[string]string{"CGCTL_ADDRESS": serve(t, &fakeNode{}, f)}
	_, errOut, code := invocation{env: env}.run("ingest", project(t))
	if code != exitRefused || !strings.Contains(errOut, "ann@host pid 4 since") {
		t.Errorf("exit %d: %s", code, errOut)
	}
	if _, errOut, code = (invocation{env: env}).run("ingest", "/no/such/place"); code == 0 ||
		!strings.Contains(errOut, "/no/such/place") {
		t.Errorf("exit %d: %s", code, errOut)
	}
}

// TestIngestInterrupted: the lock is given back and the exit code says why.
func TestIngestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	f := &fakeIngest{aborted: make(chan string, 1), onOpen: cancel}
	env := map[string]string{"CGCTL_ADDRESS": serve(t, &fakeNode{}, f)}
	_, errOut, code := invocation{env: env, ctx: ctx}.run("ingest", project(t))
	if code != exitInterrupted || !strings.Contains(errOut, "interrupted") {
		t.Errorf("exit %d: %s", code, errOut)
	}
	select {
	case <-f.aborted:
	default:
		t.Error("the lock was not given back")
	}
}

func TestProgressLines(t *testing.T) {
	var b strings.Builder
	now := time.Unix(0, 0)
	p := &progress{out: &b, now: func() time.Time { return now }, last: now}
	s := ingest.Progress{Phase: ingest.PhaseScan, Files: 3, Total: 10, Lines: 900, Rate: 450,
		Left: 4700 * time.Millisecond}
	for range 5 { // every second; a line every two
		now = now.Add(time.Second)
		p.show(s)
	}
	p.end()
	const line = "# scan: 3 of 10 files, 900 lines, 450 lines/s, 5s left\n"
	if b.String() != line+line {
		t.Errorf("got %q", b.String())
	}
}
