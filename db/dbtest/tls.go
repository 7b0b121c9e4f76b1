package dbtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Authority issues certificates; File has its own.
type Authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	File string
}

// NewAuthority makes one for the test's time.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	a := &Authority{File: filepath.Join(t.TempDir(), "root.pem")}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	a.cert, a.key = a.issue(t, template)
	if err := os.WriteFile(a.File, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

// issue signs a certificate, the authority's own where it has none yet.
func (a *Authority) issue(t testing.TB, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// Server is a certificate for a name that ends at a time.
func (a *Authority) Server(t testing.TB, ip string, end time.Time) tls.Certificate {
	t.Helper()
	cert, key := a.issue(t, &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "server"}, IPAddresses: []net.IP{net.ParseIP(ip)},
		NotBefore: end.Add(-2 * time.Hour), NotAfter: end, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
}

// TLS is a relay to a PostgreSQL server that speaks TLS at an IP address of this machine; the URL says
// nothing about that.
func TLS(t testing.TB, ip, address string, config *tls.Config) string {
	t.Helper()
	return relayAt(t, ip, address, func(client, server *net.TCPConn) {
		if _, err := io.ReadFull(client, make([]byte, 8)); err != nil { // SSLRequest
			return
		}
		io.WriteString(client, "S")
		secure := tls.Server(client, config)
		if secure.Handshake() != nil {
			return
		}
		go io.Copy(secure, server)
		io.Copy(server, secure)
	})
}

// Plain is a relay to a PostgreSQL server at an IP address of this machine, without TLS.
func Plain(t testing.TB, ip, address string) string {
	t.Helper()
	return relayAt(t, ip, address, func(client, server *net.TCPConn) {
		go io.Copy(client, server) //nolint:errcheck // the connection ends
		io.Copy(server, client)    //nolint:errcheck // likewise
	})
}

// OwnAddress is an IPv4 address of this machine that is no loopback address.
func OwnAddress(t testing.TB) string {
	t.Helper()
	list, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && !n.IP.IsLoopback() && !n.IP.IsLinkLocalUnicast() {
			return n.IP.String()
		}
	}
	Missing(t, "a network address that is no loopback address")
	return ""
}
