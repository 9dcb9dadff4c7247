package codegraph

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/codegraphdb/codegraph/graph"
)

// Options configure a Client. Zero values mean the defaults.
type Options struct {
	// Addresses of client ports, host:port; default 127.0.0.1:7600. One is enough: the client learns
	// where the others are, and works without them if it cannot reach them.
	Addresses []string
	// Gateway sends every request to Addresses and nowhere else; the node there forwards it. For a
	// cluster behind a load balancer, whose nodes' own addresses mean nothing here.
	Gateway bool
	// TLSCA is a PEM file with the certificates that sign the nodes. Without it, and without TLS,
	// the connection is in clear text.
	TLSCA string
	// TLS wins over TLSCA.
	TLS *tls.Config
	// Token of an earlier session: no answer is older.
	Token uint64
	// RetryFor is how long a request is sent again while nodes answer that they cannot serve it
	// now; default 15 s.
	RetryFor time.Duration
	// ConnectFor is how long a request is sent again while no node can be reached; default 3 s.
	ConnectFor time.Duration
	// InFlight bounds the bytes of an import that are not acknowledged; default 24 MiB.
	InFlight int64
	// UserAgent names the program.
	UserAgent string
}

// DefaultAddress is where a node listens that was told nothing else.
const DefaultAddress = "127.0.0.1:7600"

func (o Options) withDefaults() (Options, error) {
	o.Addresses = slices.Clone(o.Addresses)
	if len(o.Addresses) == 0 {
		o.Addresses = []string{DefaultAddress}
	}
	for _, a := range o.Addresses {
		if !strings.Contains(a, ":") {
			return o, graph.Errorf("Dial", graph.KindInvalid, "address %q has no port", a).
				WithRemedy("write %s:7600", a)
		}
	}
	if o.RetryFor == 0 {
		o.RetryFor = 15 * time.Second
	}
	if o.ConnectFor == 0 {
		o.ConnectFor = 3 * time.Second
	}
	if o.InFlight == 0 {
		o.InFlight = 24 << 20
	}
	if o.UserAgent == "" {
		o.UserAgent = "codegraph-go"
	}
	return o, nil
}

// secure tells whether the client speaks TLS. If it does not, a connection that breaks at once is
// most likely to a node that does.
func (o *Options) secure() bool { return o.TLS != nil || o.TLSCA != "" }

func (o *Options) credentials() (credentials.TransportCredentials, error) {
	if o.TLS != nil {
		return credentials.NewTLS(o.TLS), nil
	}
	if o.TLSCA == "" {
		return insecure.NewCredentials(), nil
	}
	pem, err := os.ReadFile(o.TLSCA)
	if err != nil {
		return nil, graph.Errorf("Dial", graph.KindInvalid, "certificates of the cluster: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, graph.Errorf("Dial", graph.KindInvalid, "%s has no certificate", o.TLSCA)
	}
	return credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS13, RootCAs: pool}), nil
}
