package localcluster

import (
	"os"
	"os/exec"
	"path/filepath"

	"github.com/codegraphdb/codegraph/graph"
)

// Options describe a cluster that is made.
type Options struct {
	Nodes    int      // default 3
	Binary   string   // codegraphd; default: see FindBinary
	Name     string   // of the cluster; default "dev"
	BasePort int      // node k gets the four ports from BasePort+10(k-1); 0 takes free ones
	TLS      bool     // make an authority and certificates
	Insecure bool     // start the nodes with --insecure; excludes TLS
	Args     []string // more flags for every node
	// Hosts are the addresses that the nodes listen on, with the default ports, instead of loopback
	// ones: each node is in a network of its own.
	Hosts []string
	// Launch starts the process of a node, counted from 0; default cmd.Start.
	Launch func(node int, cmd *exec.Cmd) error
}

// maxNodes is what one machine is asked to carry.
const maxNodes = 9

func (o Options) withDefaults() (Options, error) {
	if o.Nodes == 0 {
		o.Nodes = 3
	}
	if o.Name == "" {
		o.Name = "dev"
	}
	if o.Launch == nil {
		o.Launch = func(_ int, cmd *exec.Cmd) error { return cmd.Start() }
	}
	if o.Nodes < 0 || o.Nodes > maxNodes {
		return o, graph.Errorf("localcluster", graph.KindInvalid, "a local cluster has 1 to %d nodes",
			maxNodes)
	}
	if o.TLS && o.Insecure {
		return o, graph.Errorf("localcluster", graph.KindInvalid, "TLS and insecure exclude each other")
	}
	if len(o.Hosts) > 0 && (len(o.Hosts) != o.Nodes || o.BasePort != 0) {
		return o, graph.Errorf("localcluster", graph.KindInvalid,
			"%d hosts are given for %d nodes, and they have the default ports", len(o.Hosts), o.Nodes)
	}
	if last := o.BasePort + 10*(o.Nodes-1) + 3; o.BasePort < 0 || last > 65535 {
		return o, graph.Errorf("localcluster", graph.KindInvalid,
			"there are no ports from %d to %d", o.BasePort, last)
	}
	var err error
	if o.Binary == "" {
		o.Binary, err = FindBinary()
	} else {
		o.Binary, err = filepath.Abs(o.Binary)
	}
	if err == nil {
		_, err = os.Stat(o.Binary)
	}
	if err != nil {
		return o, graph.Errorf("localcluster", graph.KindInvalid, "codegraphd: %w", err)
	}
	return o, nil
}

// FindBinary returns the codegraphd that lies beside this program, else the one in PATH.
func FindBinary() (string, error) {
	if self, err := os.Executable(); err == nil {
		if self, err = filepath.EvalSymlinks(self); err == nil {
			beside := filepath.Join(filepath.Dir(self), "codegraphd")
			if st, err := os.Stat(beside); err == nil && st.Mode().IsRegular() {
				return beside, nil
			}
		}
	}
	path, err := exec.LookPath("codegraphd")
	if err != nil {
		return "", graph.Errorf("localcluster", graph.KindNotFound,
			"codegraphd is neither beside this program nor in PATH").WithRemedy("`make build` makes both")
	}
	return filepath.Abs(path)
}
