package node

import (
	"strings"
	"testing"

	"github.com/codegraphdb/codegraph/graph"
)

// wantError checks the kind of an error and what its message says.
func wantError(t *testing.T, what string, err error, kind graph.ErrorKind, says ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error, want %v", what, kind)
		return
	}
	if graph.KindOf(err) != kind {
		t.Errorf("%s: kind %v, want %v: %v", what, graph.KindOf(err), kind, err)
	}
	for _, s := range says {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("%s: %q does not say %q", what, err, s)
		}
	}
}

func validOptions() Options {
	return Options{DataDir: "d", ClusterName: "c", ListenClient: "127.0.0.1:0",
		ListenPeer: "[::1]:0", ListenGossip: "localhost:0", ListenOps: "127.0.0.1:0"}
}

func TestOptionsValidate(t *testing.T) {
	secure := func(o *Options) { o.TLSCert, o.TLSKey, o.TLSCA = "c", "k", "a" }
	for _, c := range []struct {
		name   string
		change func(*Options)
		want   []string // nil: valid
	}{
		{"loopback without certificates", func(*Options) {}, nil},
		{"no data directory", func(o *Options) { o.DataDir = "" }, []string{"data-dir", "--data-dir"}},
		{"client port for all", func(o *Options) { o.ListenClient = "0.0.0.0:7600" },
			[]string{"listen-client", "0.0.0.0:7600", "tls-cert", "--insecure"}},
		{"peer port for all", func(o *Options) { o.ListenPeer = ":7601" }, []string{"listen-peer"}},
		{"gossip for all", func(o *Options) { o.ListenGossip = "10.0.0.1:7602" },
			[]string{"listen-gossip"}},
		{"ops for all", func(o *Options) { o.ListenOps = "example.com:7603" },
			[]string{"listen-ops"}},
		{"all with certificates", func(o *Options) {
			secure(o)
			o.ListenClient, o.AdvertiseHost = "0.0.0.0:7600", "db-0"
		}, nil},
		{"all and insecure", func(o *Options) {
			o.Insecure, o.ListenClient, o.AdvertiseHost = true, "0.0.0.0:7600", "db-0"
		}, nil},
		{"all addresses, none to tell others", func(o *Options) {
			secure(o)
			o.ListenPeer = "0.0.0.0:7601"
		}, []string{"listen-peer", "--advertise-host"}},
		{"certificate without key", func(o *Options) { o.TLSCert = "c" },
			[]string{"tls-cert, tls-key and tls-ca", "1 of them"}},
		{"no authority", func(o *Options) { o.TLSCert, o.TLSKey = "c", "k" }, []string{"2 of them"}},
		{"authority alone", func(o *Options) { o.TLSCA = "a" }, []string{"1 of them"}},
		{"certificates and insecure", func(o *Options) { secure(o); o.Insecure = true },
			[]string{"insecure", "tls-cert"}},
		{"no port", func(o *Options) { o.ListenOps = "localhost" }, []string{"listen-ops"}},
	} {
		o := validOptions()
		c.change(&o)
		err := o.Validate()
		if c.want == nil {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		wantError(t, c.name, err, graph.KindInvalid, c.want...)
	}
}
