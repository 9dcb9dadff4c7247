package localcluster

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

const (
	validFor = 10 * 365 * 24 * time.Hour
	backdate = time.Hour // clocks differ
	keyPerm  = 0o600
	certPerm = 0o644
)

// authority signs the certificates of one cluster.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// PeerURI is what a node's certificate carries to be told from a client's of the same authority;
// package node asks for it.
func PeerURI(clusterName string) *url.URL {
	return &url.URL{Scheme: "codegraph", Host: clusterName, Path: "/peer"}
}

// newAuthority makes an authority and writes ca.pem and ca.key.
func newAuthority(dir, clusterName string) (*authority, error) {
	t := template("codegraph authority of " + clusterName)
	t.IsCA, t.BasicConstraintsValid = true, true
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	a := &authority{cert: t, key: key}
	der, err := a.sign(t, key)
	if err != nil {
		return nil, err
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		return nil, err
	}
	return a, writePair(filepath.Join(dir, "ca"), der, key)
}

// issue makes the certificate of one node, which other nodes reach as host, and writes node.pem and
// node.key in its directory.
func (a *authority) issue(dir, clusterName, nodeName, host string) error {
	t := template(nodeName)
	t.KeyUsage = x509.KeyUsageDigitalSignature
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	t.DNSNames = []string{"localhost"}
	t.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	if ip := net.ParseIP(host); ip != nil && !ip.IsLoopback() {
		t.IPAddresses = append(t.IPAddresses, ip)
	}
	t.URIs = []*url.URL{PeerURI(clusterName)}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := a.sign(t, key)
	if err != nil {
		return err
	}
	return writePair(filepath.Join(dir, "node"), der, key)
}

func template(name string) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		serial = big.NewInt(time.Now().UnixNano())
	}
	return &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-backdate), NotAfter: time.Now().Add(validFor)}
}

func (a *authority) sign(t *x509.Certificate, key *ecdsa.PrivateKey) ([]byte, error) {
	return x509.CreateCertificate(rand.Reader, t, a.cert, &key.PublicKey, a.key)
}

// writePair writes base.pem and base.key (LC3).
func writePair(base string, der []byte, key *ecdsa.PrivateKey) error {
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
	if err := os.WriteFile(base+".key", private, keyPerm); err != nil {
		return err
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return os.WriteFile(base+".pem", public, certPerm)
}
