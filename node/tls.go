package node

import (
	"crypto/tls"
	"crypto/x509"
	"net/url"
	"os"

	"github.com/codegraphdb/codegraph/graph"
)

// PeerURI is the URI that a node's certificate must carry as a subject alternative name: it tells
// the nodes of a cluster from clients whose certificates the same authority signed.
func PeerURI(clusterName string) *url.URL {
	return &url.URL{Scheme: "codegraph", Host: clusterName, Path: "/peer"}
}

// tlsConfigs are the three uses of a node's certificate; all nil without certificates.
type tlsConfigs struct {
	client   *tls.Config // the client port: the server shows its certificate
	peer     *tls.Config // the peer port: both sides show a node's certificate
	peerDial *tls.Config // connections to other nodes' peer ports
}

func loadTLS(o *Options) (tlsConfigs, error) {
	const op = "node.loadTLS"
	if !o.secure() {
		return tlsConfigs{}, nil
	}
	cert, err := tls.LoadX509KeyPair(o.TLSCert, o.TLSKey)
	if err != nil {
		return tlsConfigs{}, graph.Errorf(op, graph.KindInvalid, "tls-cert, tls-key: %w", err)
	}
	pem, err := os.ReadFile(o.TLSCA)
	if err != nil {
		return tlsConfigs{}, graph.Errorf(op, graph.KindInvalid, "tls-ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return tlsConfigs{}, graph.Errorf(op, graph.KindInvalid, "tls-ca: %s has no certificate",
			o.TLSCA)
	}
	certs := []tls.Certificate{cert}
	check := checkPeer(o.ClusterName)
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err == nil {
		err = isPeer(leaf, o.ClusterName)
	}
	if err != nil {
		return tlsConfigs{}, graph.Errorf(op, graph.KindInvalid, "tls-cert: %w", err)
	}
	return tlsConfigs{
		client: &tls.Config{MinVersion: tls.VersionTLS13, Certificates: certs},
		peer: &tls.Config{MinVersion: tls.VersionTLS13, Certificates: certs, ClientCAs: pool,
			ClientAuth: tls.RequireAndVerifyClientCert, VerifyConnection: check},
		peerDial: &tls.Config{MinVersion: tls.VersionTLS13, Certificates: certs, RootCAs: pool,
			VerifyConnection: check},
	}, nil
}

func checkPeer(clusterName string) func(tls.ConnectionState) error {
	return func(cs tls.ConnectionState) error {
		if len(cs.PeerCertificates) == 0 {
			return graph.Errorf("node.tls", graph.KindUnauthorized, "peer showed no certificate")
		}
		return isPeer(cs.PeerCertificates[0], clusterName)
	}
}

func isPeer(cert *x509.Certificate, clusterName string) error {
	want := PeerURI(clusterName).String()
	for _, u := range cert.URIs {
		if u.String() == want {
			return nil
		}
	}
	return graph.Errorf("node.tls", graph.KindUnauthorized,
		"certificate of %q does not carry the URI %s", cert.Subject.CommonName, want).
		WithRemedy("nodes of this cluster need a certificate with that URI")
}
