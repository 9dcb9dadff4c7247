package node

import (
	"log/slog"
	"net"
	"time"

	"github.com/codegraphdb/codegraph/graph"
)

// Options configure a node. Settings says what each means and its default.
type Options struct {
	DataDir       string
	ClusterName   string
	ListenClient  string
	ListenPeer    string
	ListenGossip  string
	ListenOps     string
	AdvertiseHost string
	Join          []string
	Founding
	Locality    string
	TLSCert     string
	TLSKey      string
	TLSCA       string
	Insecure    bool
	CacheSize   int64
	MemoryLimit int64
	Retention   time.Duration
	LogLevel    string

	Version string       // of the program, for status
	Logger  *slog.Logger // required
}

// Founding is what a node brings to the founding of a cluster.
type Founding struct {
	BootstrapExpect int // members; 0 joins a cluster
	Shards          int // 0 for the default
}

// secure tells whether certificates are given.
func (o *Options) secure() bool { return o.TLSCert != "" }

// Validate says which relation between options is broken.
func (o *Options) Validate() error {
	const op = "node.Options"
	if o.DataDir == "" {
		return graph.Errorf(op, graph.KindInvalid, "data-dir is not set").
			WithRemedy("give --data-dir, or try `codegraphd dev`")
	}
	given := 0
	for _, f := range []string{o.TLSCert, o.TLSKey, o.TLSCA} {
		if f != "" {
			given++
		}
	}
	if given != 0 && given != 3 {
		return graph.Errorf(op, graph.KindInvalid,
			"tls-cert, tls-key and tls-ca go together; %d of them are given", given)
	}
	if o.secure() && o.Insecure {
		return graph.Errorf(op, graph.KindInvalid, "insecure and tls-cert exclude each other")
	}
	listen := map[string]string{"listen-client": o.ListenClient, "listen-peer": o.ListenPeer,
		"listen-gossip": o.ListenGossip, "listen-ops": o.ListenOps}
	for _, key := range []string{"listen-client", "listen-peer", "listen-gossip", "listen-ops"} {
		host, _, err := net.SplitHostPort(listen[key])
		if err != nil {
			return graph.Errorf(op, graph.KindInvalid, "%s: %w", key, err)
		}
		if everyAddress(host) && o.AdvertiseHost == "" && (o.secure() || o.Insecure) {
			return graph.Errorf(op, graph.KindInvalid,
				"%s %s says nothing that other nodes could call", key, listen[key]).
				WithRemedy("give --advertise-host, a name or address of this machine")
		}
		if !o.secure() && !o.Insecure && !loopback(host) {
			return graph.Errorf(op, graph.KindInvalid,
				"%s %s is not a loopback address and there are no certificates", key, listen[key]).
				WithRemedy("give tls-cert, tls-key and tls-ca, or --insecure for a measurement")
		}
	}
	return nil
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// everyAddress tells whether a listener on host takes calls on every address of the machine.
func everyAddress(host string) bool {
	ip := net.ParseIP(host)
	return host == "" || ip != nil && ip.IsUnspecified()
}
