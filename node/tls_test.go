package node

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/codegraphdb/codegraph/graph"
)

// testCA signs the certificates of a test.
type testCA struct {
	t    *testing.T
	dir  string
	file string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newTestCA(t *testing.T) *testCA {
	t.Helper()
	ca := &testCA{t: t, dir: t.TempDir()}
	ca.cert = &x509.Certificate{IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign}
	ca.file, ca.key = ca.sign("ca", ca.cert)
	return ca
}

// issue writes a certificate for loopback with a URI, if it is not nil, and returns its files.
func (ca *testCA) issue(name string, uri *url.URL) (cert, key string) {
	ca.t.Helper()
	t := &x509.Certificate{KeyUsage: x509.KeyUsageDigitalSignature, IPAddresses: []net.IP{
		net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth,
		x509.ExtKeyUsageClientAuth}}
	if uri != nil {
		t.URIs = []*url.URL{uri}
	}
	cert, _ = ca.sign(name, t)
	return cert, filepath.Join(ca.dir, name+".key")
}

// sign makes a key and its certificate and writes both.
func (ca *testCA) sign(name string, t *x509.Certificate) (file string, key *ecdsa.PrivateKey) {
	ca.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		ca.t.Fatal(err)
	}
	signer := ca.key
	if signer == nil {
		signer = key
	}
	t.SerialNumber = big.NewInt(time.Now().UnixNano())
	t.Subject = pkix.Name{CommonName: name}
	t.NotBefore, t.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, t, ca.cert, &key.PublicKey, signer)
	if err != nil {
		ca.t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		ca.t.Fatal(err)
	}
	file = ca.write(name+".pem", "CERTIFICATE", der)
	ca.write(name+".key", "PRIVATE KEY", secret)
	return file, key
}

func (ca *testCA) write(name, kind string, der []byte) string {
	ca.t.Helper()
	file := filepath.Join(ca.dir, name)
	data := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	if err := os.WriteFile(file, data, 0o600); err != nil {
		ca.t.Fatal(err)
	}
	return file
}

// options give a node of cluster c a certificate of its own.
func (ca *testCA) options(o *Options) {
	name := "node" + big.NewInt(time.Now().UnixNano()).String()
	o.TLSCert, o.TLSKey = ca.issue(name, PeerURI(o.ClusterName))
	o.TLSCA = ca.file
}

func (ca *testCA) load(cert, key string) (tlsConfigs, error) {
	return loadTLS(&Options{ClusterName: "c", TLSCert: cert, TLSKey: key, TLSCA: ca.file})
}

func TestLoadTLS(t *testing.T) {
	ca := newTestCA(t)
	good, goodKey := ca.issue("good", PeerURI("c"))
	bare, bareKey := ca.issue("bare", nil)
	foreign, foreignKey := ca.issue("foreign", PeerURI("other"))
	if _, err := ca.load(good, goodKey); err != nil {
		t.Fatal(err)
	}
	none, err := loadTLS(&Options{ClusterName: "c"})
	if err != nil || none.client != nil || none.peer != nil || none.peerDial != nil {
		t.Errorf("without certificates: %+v, %v", none, err)
	}
	for _, c := range []struct {
		name          string
		cert, key, ca string
		kind          graph.ErrorKind
		says          []string
	}{
		{"no certificate file", "/nonexistent.pem", goodKey, ca.file, graph.KindInvalid,
			[]string{"tls-cert", "/nonexistent.pem"}},
		{"no key file", good, "/nonexistent.key", ca.file, graph.KindInvalid,
			[]string{"tls-key", "/nonexistent.key"}},
		{"key of another certificate", good, bareKey, ca.file, graph.KindInvalid,
			[]string{"tls-cert, tls-key"}},
		{"no authority file", good, goodKey, "/nonexistent.ca", graph.KindInvalid,
			[]string{"tls-ca", "/nonexistent.ca"}},
		{"authority without certificate", good, goodKey, goodKey, graph.KindInvalid,
			[]string{"tls-ca", goodKey, "no certificate"}},
		{"no peer URI", bare, bareKey, ca.file, graph.KindInvalid,
			[]string{"tls-cert", `"bare"`, "codegraph://c/peer"}},
		{"peer URI of another cluster", foreign, foreignKey, ca.file, graph.KindInvalid,
			[]string{"codegraph://c/peer"}},
	} {
		_, err := loadTLS(&Options{ClusterName: "c", TLSCert: c.cert, TLSKey: c.key, TLSCA: c.ca})
		wantError(t, c.name, err, c.kind, c.says...)
	}
}

// shake makes a TLS connection between two configurations and returns what the server says of it.
func shake(t *testing.T, server, client *tls.Config) error {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	answer := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err == nil {
			defer conn.Close()
			err = tls.Server(conn, server).HandshakeContext(t.Context())
		}
		answer <- err
	}()
	d := tls.Dialer{Config: client}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, err := d.DialContext(ctx, "tcp", l.Addr().String())
	if err == nil {
		defer conn.Close()
	}
	if serr := <-answer; serr != nil {
		return serr
	}
	return err
}

func TestPeerHandshake(t *testing.T) {
	ca, strangers := newTestCA(t), newTestCA(t)
	a, err := ca.load(ca.issue("a", PeerURI("c")))
	if err != nil {
		t.Fatal(err)
	}
	b, err := ca.load(ca.issue("b", PeerURI("c")))
	if err != nil {
		t.Fatal(err)
	}
	// dial is what somebody with a certificate, but not ours, would use.
	dial := func(cert, key string) *tls.Config {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		return &tls.Config{RootCAs: a.peerDial.RootCAs, Certificates: []tls.Certificate{pair}}
	}
	old := dial(ca.issue("old", PeerURI("c")))
	old.MaxVersion = tls.VersionTLS12
	for _, c := range []struct {
		name   string
		server *tls.Config
		client *tls.Config
		ok     bool
	}{
		{"node to node", a.peer, b.peerDial, true},
		{"no certificate", a.peer, &tls.Config{RootCAs: a.peerDial.RootCAs}, false},
		{"client of the same authority", a.peer, dial(ca.issue("client", nil)), false},
		{"node of another cluster", a.peer, dial(ca.issue("x", PeerURI("other"))), false},
		{"node of another authority", a.peer, dial(strangers.issue("y", PeerURI("c"))), false},
		{"TLS 1.2 to a peer port", a.peer, old, false},
		{"client port", a.client, &tls.Config{RootCAs: a.peerDial.RootCAs}, true},
		{"TLS 1.2 to a client port", a.client, &tls.Config{RootCAs: a.peerDial.RootCAs,
			MaxVersion: tls.VersionTLS12}, false},
		{"a node's dialler to somebody who is no node",
			&tls.Config{Certificates: dial(ca.issue("no-node", nil)).Certificates}, b.peerDial, false},
	} {
		if err := shake(t, c.server, c.client); (err == nil) != c.ok {
			t.Errorf("%s: %v, want success %v", c.name, err, c.ok)
		}
	}
}
