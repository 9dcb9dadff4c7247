package node

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/codegraphdb/codegraph/graph"
)

// env makes a getenv of pairs.
func env(pairs map[string]string) func(string) string {
	return func(key string) string { return pairs[key] }
}

func configFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "node.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSettingsPrecedence(t *testing.T) {
	file := configFile(t, "cluster-name: file\nlocality: file\nlog-level: file\nretention: 3h\n")
	o, err := LoadOptions(
		map[string]string{"config": file, "cluster-name": "flag", "insecure": "true"},
		env(map[string]string{"CODEGRAPH_CLUSTER_NAME": "env", "CODEGRAPH_LOCALITY": "env",
			"CODEGRAPH_CACHE_SIZE": "1MiB"}))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what      string
		got, want any
	}{
		{"flag over environment and file", o.ClusterName, "flag"},
		{"environment over file", o.Locality, "env"},
		{"file over default", o.LogLevel, "file"},
		{"file, parsed", o.Retention, 3 * time.Hour},
		{"environment over default, parsed", o.CacheSize, int64(1 << 20)},
		{"default", o.ListenClient, "127.0.0.1:7600"},
		{"default, parsed", o.MemoryLimit, int64(2 << 30)},
		{"flag without a value of its own", o.Insecure, true},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v, want %v", c.what, c.got, c.want)
		}
	}
}

func TestConfigFileFromEnvironment(t *testing.T) {
	first := configFile(t, "cluster-name: first\n")
	second := configFile(t, "cluster-name: second\n")
	get := env(map[string]string{"CODEGRAPH_CONFIG": first})
	o, err := LoadOptions(nil, get)
	if err != nil || o.ClusterName != "first" {
		t.Errorf("file of the environment: %q, %v", o.ClusterName, err)
	}
	o, err = LoadOptions(map[string]string{"config": second}, get)
	if err != nil || o.ClusterName != "second" {
		t.Errorf("file of the flag: %q, %v", o.ClusterName, err)
	}
}

// Every key but config can be set from each source.
func TestEverySettingHasAllSources(t *testing.T) {
	samples := map[string]string{"bootstrap-expect": "3", "shards": "5", "insecure": "true",
		"cache-size": "7MiB", "memory-limit": "7MiB", "retention": "7h"}
	for _, s := range Settings {
		if s.Doc == "" {
			t.Errorf("%s has no description", s.Key)
		}
		if s.Key == "config" {
			continue
		}
		v := samples[s.Key]
		if v == "" {
			v = "sample"
		}
		file := configFile(t, s.Key+": "+v+"\n")
		base, _ := LoadOptions(nil, env(nil))
		var all []Options
		for _, from := range []struct {
			flags map[string]string
			env   map[string]string
		}{
			{map[string]string{s.Key: v}, nil},
			{nil, map[string]string{envName(s.Key): v}},
			{map[string]string{"config": file}, nil},
		} {
			o, err := LoadOptions(from.flags, env(from.env))
			if err != nil {
				t.Errorf("%s: %v", s.Key, err)
			}
			all = append(all, o)
		}
		if !sameOptions(all[0], all[1]) || !sameOptions(all[0], all[2]) {
			t.Errorf("%s: the sources differ", s.Key)
		}
		if sameOptions(all[0], base) {
			t.Errorf("%s: setting it changes nothing", s.Key)
		}
	}
}

func sameOptions(a, b Options) bool {
	if !slices.Equal(a.Join, b.Join) {
		return false
	}
	a.Join, b.Join = nil, nil
	return optionsKey(a) == optionsKey(b)
}

func optionsKey(o Options) string {
	return strings.Join([]string{o.DataDir, o.ClusterName, o.ListenClient, o.ListenPeer,
		o.ListenGossip, o.ListenOps, o.AdvertiseHost, o.Locality, o.TLSCert, o.TLSKey, o.TLSCA,
		o.LogLevel, o.Retention.String(), string(rune('0' + o.BootstrapExpect)),
		string(rune('0' + o.Shards)),
		time.Duration(o.CacheSize).String(), time.Duration(o.MemoryLimit).String(),
		map[bool]string{true: "insecure"}[o.Insecure]}, "|")
}

func TestJoinIsAList(t *testing.T) {
	want := []string{"a:1", "b:2"}
	yaml := configFile(t, "join: [a:1, b:2]\n")
	block := configFile(t, "join:\n  - a:1\n  - b:2\n")
	text := configFile(t, "join: a:1,b:2\n")
	for name, flags := range map[string]map[string]string{
		"flag":              {"join": "a:1, b:2,"},
		"flow list of YAML": {"config": yaml},
		"list of YAML":      {"config": block},
		"text of YAML":      {"config": text},
	} {
		o, err := LoadOptions(flags, env(nil))
		if err != nil || !slices.Equal(o.Join, want) {
			t.Errorf("%s: %q, %v", name, o.Join, err)
		}
	}
}

func TestBadSettings(t *testing.T) {
	unknown := configFile(t, "cluster-nam: x\n")
	notYAML := configFile(t, "cluster-name: [x\n")
	badValue := configFile(t, "retention: 1 day\n")
	inFile := configFile(t, "config: other.yaml\n")
	empty := configFile(t, "")
	for _, c := range []struct {
		name  string
		flags map[string]string
		env   map[string]string
		want  []string // what the message names; nil: no error
	}{
		{"unknown key", map[string]string{"config": unknown}, nil,
			[]string{"cluster-nam", unknown}},
		{"config in the file", map[string]string{"config": inFile}, nil, []string{"config", inFile}},
		{"not YAML", map[string]string{"config": notYAML}, nil, []string{notYAML}},
		{"no file", map[string]string{"config": "/nonexistent/node.yaml"}, nil,
			[]string{"/nonexistent/node.yaml"}},
		{"value of the file", map[string]string{"config": badValue}, nil,
			[]string{"retention", badValue, "1 day"}},
		{"value of the environment", nil, map[string]string{"CODEGRAPH_CACHE_SIZE": "lots"},
			[]string{"cache-size", "CODEGRAPH_CACHE_SIZE", `"lots"`}},
		{"value of a flag", map[string]string{"bootstrap-expect": "-1"}, nil,
			[]string{"bootstrap-expect", "--bootstrap-expect", `"-1"`, "0 to 9"}},
		{"too many nodes", map[string]string{"bootstrap-expect": "10"}, nil, []string{`"10"`}},
		{"not a boolean", map[string]string{"insecure": "perhaps"}, nil,
			[]string{"insecure", "perhaps"}},
		{"empty file", map[string]string{"config": empty}, nil, nil},
	} {
		_, err := LoadOptions(c.flags, env(c.env))
		if c.want == nil {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		wantError(t, c.name, err, graph.KindInvalid, c.want...)
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "4096": 4096, "1KiB": 1 << 10,
		"64MiB": 64 << 20, "2GiB": 2 << 30, "3TiB": 3 << 40, "5 GiB": 5 << 30, "": -1, "x": -1,
		"-1": -1, "1.5GiB": -1, "64MB": -1, "GiB": -1, "9999999999TiB": -1, "1 2": -1} {
		got, err := ParseSize(text)
		if want < 0 && err == nil {
			t.Errorf("%q: %d, want an error", text, got)
		}
		if want >= 0 && (err != nil || got != want) {
			t.Errorf("%q: %d, %v, want %d", text, got, err, want)
		}
	}
}

// The keys are part of the interface: scripts, manifests and files depend on them.
func TestSettingKeys(t *testing.T) {
	want := strings.Fields(`data-dir config cluster-name listen-client listen-peer listen-gossip
		listen-ops advertise-host join bootstrap-expect shards locality tls-cert tls-key tls-ca
		insecure cache-size memory-limit retention log-level`)
	var got []string
	for _, s := range Settings {
		got = append(got, s.Key)
	}
	if !slices.Equal(got, want) {
		t.Errorf("keys are %q, want %q", got, want)
	}
}

func TestDiskFloor(t *testing.T) {
	for _, c := range []struct {
		env         string
		total, want uint64
	}{
		{"", 10 << 30, 1 << 30},
		{"16MiB", 100 << 30, 16 << 20},
		{"0", 100 << 30, 0},
		{"rubbish", 10 << 30, 1 << 30},
	} {
		t.Setenv(diskFloorName, c.env)
		if got := diskFloor(c.total); got != c.want {
			t.Errorf("floor %q of %d bytes: %d, want %d", c.env, c.total, got, c.want)
		}
	}
}
