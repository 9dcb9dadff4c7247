package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"gopkg.in/yaml.v3"
)

// invocation is one run of cgctl in this process.
type invocation struct {
	env   map[string]string
	stdin string
	ctx   context.Context
}

// run runs cgctl with an environment of its own.
func (i invocation) run(args ...string) (stdout, stderr string, code int) {
	var out, errOut bytes.Buffer
	if i.ctx == nil {
		i.ctx = context.Background()
	}
	a := &app{in: strings.NewReader(i.stdin), out: &out, err: &errOut,
		env: func(key string) string { return i.env[key] }}
	code = a.run(i.ctx, args)
	return out.String(), errOut.String(), code
}

// split cuts a command line at spaces outside of single quotes.
func split(line string) []string {
	var args []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			args = append(args, part)
			continue
		}
		args = append(args, strings.Fields(part)...)
	}
	return args
}

// TestTranscripts runs the commands in testdata; `go test -rewrite` writes the answers anew. Lines
// of stderr begin with an exclamation mark.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			address := serve(t, &fakeNode{}, &fakeIngest{})
			env := map[string]string{"CGCTL_CONFIG": filepath.Join(t.TempDir(), "config.yaml"),
				"CGCTL_ADDRESS": address}
			datadriven.RunTest(t, file, func(t *testing.T, d *datadriven.TestData) string {
				line, stdin, _ := strings.Cut(d.Input, "\n")
				if d.Cmd != "cgctl" {
					t.Fatalf("%s: unknown directive %s", d.Pos, d.Cmd)
				}
				out, errOut, code := invocation{env: env, stdin: stdin}.run(split(line)...)
				var b strings.Builder
				b.WriteString(out)
				for l := range strings.Lines(errOut) {
					b.WriteString("! " + l)
				}
				if code != 0 {
					fmt.Fprintf(&b, "exit %d\n", code)
				}
				return strings.ReplaceAll(b.String(), address, "ADDRESS")
			})
		})
	}
}

// TestLastLineIsLastRow: scripts read the last line of a table.
func TestLastLineIsLastRow(t *testing.T) {
	env := map[string]string{"CGCTL_ADDRESS": serve(t, &fakeNode{}, &fakeIngest{})}
	out, _, _ := invocation{env: env}.run("callers", "DB.Open")
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if last := lines[len(lines)-1]; !strings.HasPrefix(last, "Function  main.run  main.go:30") {
		t.Errorf("last line %q", last)
	}
}

// TestJSONNames holds the JSON form to the names in the protos.
func TestJSONNames(t *testing.T) {
	env := map[string]string{"CGCTL_ADDRESS": serve(t, &fakeNode{}, &fakeIngest{})}
	for _, format := range []string{"json", "yaml"} {
		out, _, code := invocation{env: env}.run("callers", "DB.Open", "-o", format)
		if code != 0 {
			t.Fatalf("exit %d", code)
		}
		var m map[string]any
		var err error
		if format == "json" {
			err = json.Unmarshal([]byte(out), &m)
		} else {
			err = yaml.Unmarshal([]byte(out), &m)
		}
		if err != nil {
			t.Fatal(err)
		}
		symbol, _ := m["symbol"].(map[string]any)
		if symbol["qualified_name"] != "store.DB.Open" || symbol["generated"] != false {
			t.Errorf("%s: symbol %v", format, symbol)
		}
		trailer, _ := m["trailer"].(map[string]any)
		if trailer["complete"] != true || trailer["token"] != fmt.Sprint(timestamp) {
			t.Errorf("%s: trailer %v", format, trailer)
		}
	}
}

func TestReadOptions(t *testing.T) {
	n := &fakeNode{}
	env := map[string]string{"CGCTL_ADDRESS": serve(t, n, &fakeIngest{})}
	invocation{env: env}.run("query", "RETURN 1", "--limit", "9", "--strong", "--allow-partial",
		"--param", "n=3", "--param", "s=x=y", "--param", `l=[1,"a",2.5,null]`)
	if o := n.options; o.GetMaxRows() != 9 || o.GetMode().String() != "READ_MODE_STRONG" ||
		!o.GetAllowPartial() {
		t.Errorf("options %v", o)
	}
	for name, want := range map[string]string{"n": "3", "s": "x=y", "l": "[1, a, 2.5, null]"} {
		if got := valueText(n.params[name]); got != want {
			t.Errorf("parameter %s is %s, want %s", name, got, want)
		}
	}
}

// TestSessionToken: what one command has seen, the next one asks for.
func TestSessionToken(t *testing.T) {
	n := &fakeNode{}
	path := filepath.Join(t.TempDir(), "config.yaml")
	text := fmt.Sprintf("current_context: one\ncontexts:\n  one:\n    addresses: [%s]\n",
		serve(t, n, &fakeIngest{}))
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	run := invocation{env: map[string]string{"CGCTL_CONFIG": path}}
	for i, want := range []uint64{0, timestamp} {
		if _, errOut, code := run.run("symbol", "DB.Open"); code != 0 {
			t.Fatalf("exit %d: %s", code, errOut)
		}
		if got := n.options.GetToken(); got != want {
			t.Errorf("run %d asked with token %d, want %d", i, got, want)
		}
	}
}

func TestTarget(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "config.yaml")
	text := "current_context: a\ncontexts:\n  a: {addresses: [h1:1, h2:2], tls_ca: /a.pem}\n" +
		"  b: {addresses: [h3:3]}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name  string
		flags globalFlags
		env   map[string]string
		path  string
		want  string
	}{
		{"nothing", globalFlags{}, nil, filepath.Join(dir, "none"), "127.0.0.1:7600 "},
		{"current context", globalFlags{}, nil, path, "h1:1,h2:2 /a.pem"},
		{"flag", globalFlags{context: "b"}, nil, path, "h3:3 "},
		{"environment", globalFlags{}, map[string]string{"CGCTL_CONTEXT": "b"}, path, "h3:3 "},
		{"address", globalFlags{addresses: []string{"x:9"}}, nil, path, "x:9 "},
		{"address of a context", globalFlags{addresses: []string{"h2:2"}}, nil, path, "h2:2 /a.pem"},
		{"flag over environment", globalFlags{addresses: []string{"x:9"}, tlsCA: "c"},
			map[string]string{"CGCTL_ADDRESS": "y:9", "CGCTL_TLS_CA": "d"}, path, "x:9 c"},
		{"address of the environment", globalFlags{}, map[string]string{"CGCTL_ADDRESS": "y:9,z:8"},
			path, "y:9,z:8 "},
		{"unknown", globalFlags{context: "c"}, nil, path,
			`there is no context "c" in ` + path + ` (it has a, b)`},
	} {
		c, err := loadConfig(tc.path)
		if err != nil {
			t.Fatal(err)
		}
		a := &app{env: func(k string) string { return tc.env[k] }, flags: tc.flags, config: c}
		target, err := a.target()
		got := strings.Join(target.Addresses, ",") + " " + target.TLSCA
		if err != nil {
			got = err.Error()
		}
		if got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}

func TestConfigUseAndDrop(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "config.yaml")
	c, err := loadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"dev", "dev-x"} {
		if err := c.use(name, clusterContext{Addresses: []string{name + ":1"}}); err != nil {
			t.Fatal(err)
		}
	}
	c.keepToken("dev-x", 8)
	c.keepToken("dev-x", 5) // older
	if got := c.token("dev-x"); got != 8 {
		t.Errorf("token %d", got)
	}
	if err := c.drop("dev-x", "dev"); err != nil {
		t.Fatal(err)
	}
	c, err = loadConfig(path)
	if err != nil || c.Current != "dev" || len(c.Contexts) != 1 || c.token("dev-x") != 0 {
		t.Errorf("afterwards %+v, token %d: %v", c, c.token("dev-x"), err)
	}
	if err := os.WriteFile(path, []byte("contexts: 3"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := loadConfig(path); err == nil {
		t.Error("a broken file was read")
	}
}

func TestNoNode(t *testing.T) {
	env := map[string]string{"CGCTL_ADDRESS": "127.0.0.1:1"}
	_, errOut, code := invocation{env: env}.run("status", "--timeout", "300ms")
	if code != exitUnavailable || !strings.Contains(errOut, "no node listens at 127.0.0.1:1") {
		t.Errorf("exit %d: %s", code, errOut)
	}
}
