package main

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/codegraphdb/codegraph"
	"github.com/codegraphdb/codegraph/graph"
)

// config is the configuration file:
//
//	current_context: dev
//	contexts:
//	  dev:
//	    addresses: [127.0.0.1:7600, 127.0.0.1:7610]
//	    tls_ca: /path/to/ca.pem
//
// Beside it, tokens/NAME holds what the last command with a context has seen, so that the next one
// reads nothing older.
type config struct {
	Current  string                    `yaml:"current_context,omitempty"`
	Contexts map[string]clusterContext `yaml:"contexts,omitempty"`

	path string // empty if there is nowhere to keep it
}

// clusterContext says how to reach a cluster.
type clusterContext struct {
	Addresses []string `yaml:"addresses"`
	TLSCA     string   `yaml:"tls_ca,omitempty"`
}

// namedContext is a context and its name; the name is empty if it is in no file.
type namedContext struct {
	clusterContext
	name string
}

const (
	configDirPerm = 0o700
	configPerm    = 0o600
)

func configPath(env func(string) string) string {
	if p := env("CGCTL_CONFIG"); p != "" {
		return p
	}
	if d := env("XDG_CONFIG_HOME"); d != "" {
		return filepath.Join(d, "cgctl", "config.yaml")
	}
	if d := env("HOME"); d != "" {
		return filepath.Join(d, ".config", "cgctl", "config.yaml")
	}
	return ""
}

func loadConfig(path string) (*config, error) {
	c := &config{path: path}
	if path == "" {
		return c, nil
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err == nil {
		err = yaml.Unmarshal(b, c)
	}
	if err != nil {
		return nil, invalid("configuration file %s: %w", path, err)
	}
	return c, nil
}

func (c *config) save() error {
	if c.path == "" {
		return graph.Errorf("", graph.KindInvalid, "there is no place for a configuration file").
			WithRemedy("set CGCTL_CONFIG or HOME")
	}
	b, err := yaml.Marshal(c)
	if err != nil {
		return err
	}
	return writeFile(c.path, b)
}

// writeFile replaces a file whole.
func writeFile(path string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), configDirPerm); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = tmp.Write(b)
	err = errors.Join(err, tmp.Chmod(configPerm), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(tmp.Name())
	}
	return err
}

// named returns a context by its name; empty means the current one, else the default address.
func (c *config) named(name string) (namedContext, error) {
	asked := name
	if name == "" {
		name = c.Current
	}
	if name == "" {
		return namedContext{clusterContext: clusterContext{
			Addresses: []string{codegraph.DefaultAddress}}}, nil
	}
	ctx, ok := c.Contexts[name]
	if !ok {
		have := "it has none"
		if len(c.Contexts) > 0 {
			have = "it has " + strings.Join(slices.Sorted(maps.Keys(c.Contexts)), ", ")
		}
		e := invalid("there is no context %q in %s", name, c.path).WithRemedy("%s", have)
		if asked == "" {
			e.Remedy += "; name another current_context"
		}
		return namedContext{}, e
	}
	return namedContext{ctx, name}, nil
}

// authorityOf returns the certificates of a context that knows one of the addresses: the preferred
// one, else the current one, else the first by name.
func (c *config) authorityOf(preferred string, addresses []string) string {
	names := append([]string{preferred, c.Current}, slices.Sorted(maps.Keys(c.Contexts))...)
	for _, n := range names {
		for _, addr := range c.Contexts[n].Addresses {
			if slices.Contains(addresses, addr) {
				return c.Contexts[n].TLSCA
			}
		}
	}
	return ""
}

// use adds or replaces a context and makes it the current one.
func (c *config) use(name string, ctx clusterContext) error {
	if c.Contexts == nil {
		c.Contexts = map[string]clusterContext{}
	}
	c.Contexts[name] = ctx
	c.Current = name
	return c.save()
}

// drop removes a context; if it was the current one, fallback takes its place if it is there.
func (c *config) drop(name, fallback string) error {
	if _, ok := c.Contexts[name]; !ok {
		return nil
	}
	delete(c.Contexts, name)
	if c.Current == name {
		c.Current = ""
		if _, ok := c.Contexts[fallback]; ok {
			c.Current = fallback
		}
	}
	c.forgetToken(name)
	return c.save()
}

func (c *config) tokenPath(name string) string {
	return filepath.Join(filepath.Dir(c.path), "tokens", filepath.Base(name))
}

func (c *config) token(name string) uint64 {
	if c.path == "" || name == "" {
		return 0
	}
	b, err := os.ReadFile(c.tokenPath(name))
	if err != nil {
		return 0
	}
	token, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
	if err != nil {
		return 0
	}
	return token
}

// keepToken remembers a token; where it cannot, the next command is a session of its own.
func (c *config) keepToken(name string, token uint64) {
	if c.path == "" || name == "" || token <= c.token(name) {
		return
	}
	_ = writeFile(c.tokenPath(name), strconv.AppendUint(nil, token, 10))
}

func (c *config) forgetToken(name string) { _ = os.Remove(c.tokenPath(name)) }
