package localcluster

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/codegraphdb/codegraph/graph"
)

const (
	stateFile   = "cluster.json"
	stateFormat = 1
	dirPerm     = 0o750
)

// state is cluster.json.
type state struct {
	Format   int         `json:"format"`
	Name     string      `json:"name"`
	Binary   string      `json:"binary"`
	TLS      bool        `json:"tls"`
	Insecure bool        `json:"insecure,omitempty"`
	Args     []string    `json:"args,omitempty"`
	Nodes    []nodeState `json:"nodes"`
}

// nodeState is one node in cluster.json.
type nodeState struct {
	Client string `json:"client"`
	Peer   string `json:"peer"`
	Gossip string `json:"gossip"`
	Ops    string `json:"ops"`
}

// Exists tells whether a directory holds a local cluster.
func Exists(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, stateFile))
	return err == nil
}

func loadState(dir string) (*state, error) {
	const op = "localcluster.Open"
	b, err := os.ReadFile(filepath.Join(dir, stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, graph.Errorf(op, graph.KindNotFound, "there is no local cluster in %s", dir).
			WithRemedy("`cgctl dev up` starts one")
	}
	var s state
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	if err != nil {
		return nil, graph.Errorf(op, graph.KindCorrupt, "%s: %w", filepath.Join(dir, stateFile), err)
	}
	if s.Format != stateFormat {
		return nil, graph.Errorf(op, graph.KindUnsupported,
			"the local cluster in %s has format %d, this program reads %d", dir, s.Format, stateFormat)
	}
	return &s, nil
}

func (s *state) save(dir string) error {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(dir, stateFile)
	if err := os.WriteFile(path+".new", append(b, '\n'), certPerm); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
