package localcluster

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/codegraphdb/codegraph/graph"
)

// TestHosts gives nodes addresses of their own: they have the default ports, certificates that name
// the address, and are started by whoever can reach it.
func TestHosts(t *testing.T) {
	launched := map[int]string{}
	c := fakeCluster(t, Options{Nodes: 2, TLS: true, Hosts: []string{"10.1.2.3", "10.1.2.4"},
		Launch: func(node int, cmd *exec.Cmd) error {
			launched[node] = cmd.Path
			return os.ErrPermission
		}})
	if got := c.Addresses(); got[0] != "10.1.2.3:7600" || got[1] != "10.1.2.4:7600" {
		t.Errorf("addresses %v", got)
	}
	if got := c.OpsAddress(1); got != "10.1.2.4:7603" {
		t.Errorf("ops address %s", got)
	}
	if err := c.Start(); err == nil || launched[0] == "" {
		t.Errorf("launched %v, %v", launched, err)
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
	if err := cert.VerifyHostname("10.1.2.4"); err != nil {
		t.Error(err)
	}
	if err := cert.VerifyHostname("10.1.2.3"); err == nil {
		t.Error("the certificate of node 2 is good for node 1")
	}
	_, err = New(filepath.Join(t.TempDir(), "c"), Options{Nodes: 2, Binary: c.state.Binary,
		Hosts: []string{"10.1.2.3"}})
	if !graph.IsKind(err, graph.KindInvalid) {
		t.Errorf("one host for two nodes: %v", err)
	}
}
