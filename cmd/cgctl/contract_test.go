package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/codegraphdb/codegraph/internal/localcluster"
	"github.com/codegraphdb/codegraph/node"
)

// TestNodeFlags holds what `dev up` gives to codegraphd to the settings of package node.
func TestNodeFlags(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c, err := localcluster.New(filepath.Join(t.TempDir(), "c"),
		localcluster.Options{Nodes: 3, TLS: true, Binary: self})
	if err != nil {
		t.Fatal(err)
	}
	args := c.Args(2)
	if args[0] != "start" || len(args)%2 != 1 {
		t.Fatalf("arguments %v", args)
	}
	flags := map[string]string{}
	for i := 1; i < len(args); i += 2 {
		key := strings.TrimPrefix(args[i], "--")
		if !slices.ContainsFunc(node.Settings, func(s node.Setting) bool { return s.Key == key }) {
			t.Errorf("codegraphd knows no --%s", key)
		}
		flags[key] = args[i+1]
	}
	o, err := node.LoadOptions(flags, func(string) string { return "" })
	if err == nil {
		err = o.Validate()
	}
	if err != nil || o.BootstrapExpect != 3 || len(o.Join) != 3 {
		t.Errorf("options %+v: %v", o, err)
	}
	if got, want := localcluster.PeerURI("x").String(), node.PeerURI("x").String(); got != want {
		t.Errorf("certificates carry %s, nodes want %s", got, want)
	}
}
