//go:build inputs

package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/codegraphdb/codegraph/internal/localcluster"
)

// memoryLimit is what each node may have, while it takes in the inputs and while it answers (B6).
const memoryLimit = 2 << 30

// TestQuestions asks every question of testdata/questions.txt on real nodes that took in the real
// inputs. BIN, INPUTS and NODES say where and how many; ADDRESS takes nodes that have them already.
func TestQuestions(t *testing.T) {
	file := readQuestions(t)
	inputs, err := openInputs(cmp.Or(os.Getenv("INPUTS"), "../.inputs"))
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range inputs {
		if want := file.versions[in.name]; in.version != want {
			t.Fatalf("the truths hold for %s %s, the input is %s; remedy: fetch that one, or check "+
				"the questions and change the version", in.name, want, in.version)
		}
	}
	c := filled(t, inputs)
	rows, missing, wrong := 0, 0, 0
	for _, q := range file.questions {
		t.Run(q.id, func(t *testing.T) { ask(t, c, q) })
		rows += len(q.rows)
		missing += len(q.missing)
		wrong += len(q.wrong)
	}
	t.Logf("%d questions, %d true rows, known to be missing %d, known to be wrong %d",
		len(file.questions), rows, missing, wrong)
}

// filled returns nodes that hold all inputs.
func filled(t *testing.T, inputs []input) *cluster {
	bin := cmp.Or(os.Getenv("BIN"), "../bin")
	if address := os.Getenv("ADDRESS"); address != "" {
		return &cluster{dir: t.TempDir(), cgctl: bin + "/cgctl", flags: []string{"--address", address}}
	}
	nodes, err := strconv.Atoi(cmp.Or(os.Getenv("NODES"), "3"))
	if err != nil {
		t.Fatalf("NODES: %v", err)
	}
	c, err := startCluster(context.Background(), bin, localcluster.Options{Nodes: nodes,
		Name: "questions", TLS: true, Args: []string{fmt.Sprintf("--memory-limit=%d", memoryLimit)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.stop(); err != nil {
			t.Error(err)
		}
	})
	for _, in := range inputs {
		var got ingested
		if err := c.ask(t.Context(), &got, "ingest", in.dir, "--name", in.name); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s %s: %d files, %d lines, %d symbols, %d edges", in.name, in.version, got.Files,
			got.Lines, got.Vertices, got.Edges)
	}
	return c
}

func ask(t *testing.T, c *cluster, q *question) {
	began := time.Now()
	got, err := q.answer(t.Context(), c)
	took := time.Since(began)
	checkMemory(t, c)
	if bad := q.judgeFailure(got, err); bad != "" {
		t.Fatalf("%s\n%s", q.words, bad)
	}
	if q.fails != nil {
		t.Logf("%s: after %v: %v", q.words, took.Round(time.Millisecond), err)
		return
	}
	v := q.judge(got)
	if v.ok() {
		t.Logf("%s: %d rows", q.words, len(got))
		return
	}
	list := func(title string, rows []string) {
		if len(rows) > 0 {
			t.Errorf("%s:\n  %s", title, strings.Join(rows, "\n  "))
		}
	}
	t.Errorf("%s\ncgctl %s\ntruth: %s", q.words, strings.Join(q.ask, " "), q.truth)
	list("missing", v.missing)
	list("wrong", v.wrong)
	list("fixed: remove these known errors from the file", v.fixed)
	if v.disorder {
		t.Errorf("the rows are in another order:\n  %s", strings.Join(got, "\n  "))
	}
}

// checkMemory holds the nodes that this test started to their limit.
func checkMemory(t *testing.T, c *cluster) {
	t.Helper()
	if c.local == nil {
		return // they may have another one
	}
	peak, err := overLimit(memoryLimit, c.pids()...)
	if err != nil {
		t.Error(err)
	}
	t.Logf("the nodes have had at most %d MiB", peak>>20)
}
