package node

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/codegraphdb/codegraph/cluster"
	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/node/datadir"
)

// Setting is one configuration key: a flag --key, a key of the configuration file and the
// environment variable CODEGRAPH_KEY. The flag wins over the environment, that over the file.
type Setting struct {
	Key     string
	Default string
	Doc     string
	set     func(*Options, string) error
}

// Settings lists every configuration key of codegraphd.
var Settings = []Setting{
	{"data-dir", "", "directory of this node's data; required but for `codegraphd dev`",
		str(func(o *Options) *string { return &o.DataDir })},
	{"config", "", "YAML file with any of these keys", nil},
	{"cluster-name", "codegraph", "nodes of another cluster name are refused",
		str(func(o *Options) *string { return &o.ClusterName })},
	{"listen-client", "127.0.0.1:7600", "address of the client port (gRPC)",
		str(func(o *Options) *string { return &o.ListenClient })},
	{"listen-peer", "127.0.0.1:7601", "address of the peer port (gRPC, mutual TLS)",
		str(func(o *Options) *string { return &o.ListenPeer })},
	{"listen-gossip", "127.0.0.1:7602", "address of the gossip port (TCP and UDP)",
		str(func(o *Options) *string { return &o.ListenGossip })},
	{"listen-ops", "127.0.0.1:7603", "address of the ops port (HTTP: health, metrics, pprof)",
		str(func(o *Options) *string { return &o.ListenOps })},
	{"advertise-host", "", "host that other nodes and clients reach this node by",
		str(func(o *Options) *string { return &o.AdvertiseHost })},
	{"join", "", "gossip addresses of some nodes, separated by commas",
		func(o *Options, v string) error { o.Join = splitList(v); return nil }},
	{"bootstrap-expect", "0", "found a new cluster with exactly so many nodes; 0 joins one",
		func(o *Options, v string) (err error) { o.BootstrapExpect, err = number(v, 9); return }},
	{"shards", strconv.Itoa(defaultShards), "shards of a new cluster; the same on all nodes",
		func(o *Options, v string) (err error) { o.Shards, err = number(v, cluster.MaxShards); return }},
	{"locality", "", "where the node runs, e.g. region=eu,zone=a",
		str(func(o *Options) *string { return &o.Locality })},
	{"tls-cert", "", "certificate of this node (PEM)",
		str(func(o *Options) *string { return &o.TLSCert })},
	{"tls-key", "", "private key of this node (PEM)",
		str(func(o *Options) *string { return &o.TLSKey })},
	{"tls-ca", "", "certificates that sign the nodes of this cluster (PEM)",
		str(func(o *Options) *string { return &o.TLSCA })},
	{"insecure", "false", "serve without TLS on any address; for measurements only",
		func(o *Options, v string) (err error) { o.Insecure, err = strconv.ParseBool(v); return }},
	{"cache-size", "256MiB", "block cache, shared by all shards",
		func(o *Options, v string) (err error) { o.CacheSize, err = ParseSize(v); return }},
	{"memory-limit", "2GiB", "soft limit of the process's memory",
		func(o *Options, v string) (err error) { o.MemoryLimit, err = ParseSize(v); return }},
	{"retention", "24h", "how long superseded versions are kept",
		func(o *Options, v string) (err error) { o.Retention, err = time.ParseDuration(v); return }},
	{"log-level", "info", "debug, info, warn or error",
		str(func(o *Options) *string { return &o.LogLevel })},
}

func str(field func(*Options) *string) func(*Options, string) error {
	return func(o *Options, v string) error { *field(o) = v; return nil }
}

func splitList(v string) []string {
	var out []string
	for _, s := range strings.Split(v, ",") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

func number(v string, most int) (int, error) {
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 || n > most {
		return 0, fmt.Errorf("%q is not a number from 0 to %d", v, most)
	}
	return n, nil
}

// ParseSize parses bytes: "64MiB", "2GiB", "4096".
func ParseSize(v string) (int64, error) {
	units := []struct {
		suffix string
		shift  uint
	}{{"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}, {"", 0}}
	for _, u := range units {
		digits, ok := strings.CutSuffix(v, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n < 0 || n > 1<<(62-u.shift) {
			break
		}
		return n << u.shift, nil
	}
	return 0, fmt.Errorf("%q is not a size; write 64MiB or 2GiB", v)
}

// LoadOptions makes Options from the flags given, the environment and the configuration file that
// either of them names.
func LoadOptions(flags map[string]string, getenv func(string) string) (Options, error) {
	const op = "node.LoadOptions"
	given := map[string]string{}
	file := flags["config"]
	if file == "" {
		file = getenv(envName("config"))
	}
	if file != "" {
		if err := readConfig(file, given); err != nil {
			return Options{}, err
		}
	}
	var o Options
	for _, s := range Settings {
		if s.set == nil {
			continue
		}
		value, from := s.Default, "default"
		if v, ok := given[s.Key]; ok {
			value, from = v, file
		}
		if v := getenv(envName(s.Key)); v != "" {
			value, from = v, envName(s.Key)
		}
		if v, ok := flags[s.Key]; ok {
			value, from = v, "--"+s.Key
		}
		if err := s.set(&o, value); err != nil {
			return o, graph.Errorf(op, graph.KindInvalid, "%s (from %s): %w", s.Key, from, err)
		}
	}
	return o, nil
}

func envName(key string) string {
	return "CODEGRAPH_" + strings.ToUpper(strings.ReplaceAll(key, "-", "_"))
}

func readConfig(path string, into map[string]string) error {
	const op = "node.LoadOptions"
	f, err := os.Open(path)
	if err != nil {
		return graph.Errorf(op, graph.KindInvalid, "configuration file: %w", err)
	}
	defer f.Close()
	var doc map[string]any
	if err := yaml.NewDecoder(f).Decode(&doc); err != nil && err != io.EOF {
		return graph.Errorf(op, graph.KindInvalid, "configuration file %s: %w", path, err)
	}
	known := map[string]bool{}
	for _, s := range Settings {
		known[s.Key] = s.set != nil
	}
	for key, v := range doc {
		if !known[key] {
			return graph.Errorf(op, graph.KindInvalid, "configuration file %s: unknown key %q",
				path, key).WithRemedy("`codegraphd start --help` lists the keys")
		}
		if list, ok := v.([]any); ok {
			parts := make([]string, len(list))
			for i, p := range list {
				parts[i] = fmt.Sprint(p)
			}
			v = strings.Join(parts, ",")
		}
		into[key] = fmt.Sprint(v)
	}
	return nil
}

// diskFloorName lowers or raises the free space below which writes are refused, in bytes, so that
// tests can fill a disk without filling it.
const diskFloorName = "CODEGRAPH_DISK_FLOOR"

// diskFloor is the free space below which this process refuses writes.
func diskFloor(total uint64) uint64 {
	if v, err := ParseSize(os.Getenv(diskFloorName)); err == nil {
		return uint64(v)
	}
	return datadir.Floor(total)
}
