package engine_test

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

	"tokenctl"
	"tokenctl/db/dbtest"
	"tokenctl/db/engine"
)

// authority issues certificates; its own is in a file.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{file: filepath.Join(t.TempDir(), "root.pem")}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	a.cert, a.key = a.issue(t, template)
	if err := os.WriteFile(a.file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

// issue signs a certificate, the authority's own where it has none yet.
func (a *authority) issue(t testing.TB, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
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

// server is a certificate for a name that ends at a time.
func (a *authority) server(t testing.TB, ip string, end time.Time) tls.Certificate {
	t.Helper()
	cert, key := a.issue(t, &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "server"}, IPAddresses: []net.IP{net.ParseIP(ip)},
		NotBefore: end.Add(-2 * time.Hour), NotAfter: end, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
}

// withTLS is a server in front of the database that speaks TLS.
func withTLS(t testing.TB, address string, config *tls.Config) string {
	t.Helper()
	return dbtest.Relay(t, address, func(client, server *net.TCPConn) {
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

// A certificate that does not verify is called one, and why.
func TestCertificates(t *testing.T) {
	t.Parallel()
	address := dbtest.Postgres(t)
	ours, others := newAuthority(t), newAuthority(t)
	later, before := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	good := &tls.Config{Certificates: []tls.Certificate{ours.server(t, "127.0.0.1", later)}}
	asks := &tls.Config{Certificates: good.Certificates, ClientAuth: tls.RequireAnyClientCert}
	for _, test := range []struct {
		name, mode, root string
		server           *tls.Config
		want             []string // none: it connects
	}{
		{"good", "verify-full", ours.file, good, nil},
		{"not compared", "require", "", good, nil},
		{"unknown authority", "verify-full", others.file, good, []string{"certificate", "authority", "sslrootcert"}},
		{"unknown authority", "verify-ca", others.file, good, []string{"certificate", "authority", "sslrootcert"}},
		{"expired", "verify-full", ours.file, &tls.Config{Certificates: []tls.Certificate{ours.server(t, "127.0.0.1", before)}}, []string{"certificate has expired"}},
		{"other name", "verify-full", ours.file, &tls.Config{Certificates: []tls.Certificate{ours.server(t, "192.0.2.1", later)}}, []string{"certificate is not for the name 127.0.0.1"}},
		{"other name", "verify-ca", ours.file, &tls.Config{Certificates: []tls.Certificate{ours.server(t, "192.0.2.1", later)}}, nil},
		{"asks for one", "require", "", asks, []string{"certificate required", "sslcert"}},
		{"old TLS", "require", "", &tls.Config{Certificates: good.Certificates, MaxVersion: tls.VersionTLS10}, []string{"TLS handshake"}},
	} {
		t.Run(test.name+" "+test.mode, func(t *testing.T) {
			t.Parallel()
			pairs := []string{"sslmode", test.mode}
			if test.root != "" {
				pairs = append(pairs, "sslrootcert", test.root)
			}
			err := connect(t.Context(), open(t, dbtest.With(withTLS(t, address, test.server), pairs...), engine.Options{}))
			if test.want == nil {
				dbtest.WantCode(t, err, "")
				return
			}
			dbtest.Says(t, err, tokenctl.CodeDatabaseUnreachable, test.want...)
		})
	}
	err := connect(t.Context(), open(t, dbtest.With(address, "sslmode", "require"), engine.Options{}))
	dbtest.Says(t, err, tokenctl.CodeDatabaseUnreachable, "the server does not offer TLS", "sslmode")
	for _, setting := range []string{"sslrootcert", "sslcert"} {
		_, err = engine.ParseURL(dbtest.With(address, "sslmode", "verify-full", setting, "/nowhere/file.pem", "sslkey", "/nowhere/file.pem"), "")
		dbtest.Says(t, err, tokenctl.CodeUsage, "ssl", "/nowhere/file.pem", "no such file")
	}
}

// There is always a reason why a database cannot be reached.
func TestReasons(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			io.ReadFull(conn, make([]byte, 8))
			io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
			conn.Close()
		}
	}()
	for _, mode := range []string{"disable", "prefer", "require", "verify-full"} {
		err := connect(t.Context(), open(t, "postgres://ann@"+listener.Addr().String()+"/app?sslmode="+mode, engine.Options{}))
		dbtest.WantCode(t, err, tokenctl.CodeDatabaseUnreachable)
		if text := err.Error(); text[len(text)-1] == ')' || text[len(text)-2:] == ": " {
			t.Errorf("%s: %s", mode, text)
		}
		t.Log(err)
	}
}
