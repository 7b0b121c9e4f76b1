package cache_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tokenctl"
	"tokenctl/cache"
	"tokenctl/cache/redistest"
)

// TestClientTLS: a certificate must be from an authority that is trusted here.
func TestClientTLS(t *testing.T) {
	dir := t.TempDir()
	certificate(t, dir)
	address := redistest.FreeAddr(t)
	_, port, _ := net.SplitHostPort(address)
	redistest.Start(t, "--tls-port", port, "--tls-cert-file", filepath.Join(dir, "cert.pem"), "--tls-key-file", filepath.Join(dir, "key.pem"),
		"--tls-ca-cert-file", filepath.Join(dir, "cert.pem"), "--tls-auth-clients", "no")
	if err := open(t, "rediss://"+address, "").Ping(context.Background()); tokenctl.CodeOf(err) != tokenctl.CodeDenylistUnreachable || !strings.Contains(err.Error(), "authority") {
		t.Error(err)
	}
	if err := open(t, "rediss://"+address+"?skip_verify=true", "").Ping(context.Background()); err != nil {
		t.Error(err)
	}
	// The certificates that Go trusts are read once for each process.
	child := exec.Command(os.Args[0], "-test.run=^TestClientTLSChild$", "-test.v")
	child.Env = append(os.Environ(), "SSL_CERT_FILE="+filepath.Join(dir, "cert.pem"), "TLS_ADDRESS="+address)
	if out, err := child.CombinedOutput(); err != nil || !strings.Contains(string(out), "PASS: TestClientTLSChild") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestClientTLSChild is what TestClientTLS runs with a certificate that is trusted.
func TestClientTLSChild(t *testing.T) {
	address := os.Getenv("TLS_ADDRESS")
	if address == "" {
		return
	}
	if err := open(t, "rediss://"+address, "").Ping(context.Background()); err != nil {
		t.Error(err)
	}
}

func certificate(t *testing.T, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: cert}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestClientSentinel: behind Sentinels the primary is found by its name.
func TestClientSentinel(t *testing.T) {
	s := redistest.Start(t, "--requirepass", "pw")
	sentinel := redistest.StartSentinel(t, "one", s.Addr)
	c := open(t, "redis://"+sentinel+"/1?master_name=one", "pw")
	if err := c.Set(context.Background(), []cache.Entry{{Key: "k", Value: "v", Lives: time.Minute}}); err != nil {
		t.Fatal(err)
	}
	s.Do("auth", "pw")
	s.Do("select", 1)
	if got := s.Do("get", "k"); got != "v" {
		t.Errorf("get = %q", got)
	}
	c = open(t, "redis://"+sentinel+"?master_name=two", "pw")
	if err := c.Ping(context.Background()); tokenctl.CodeOf(err) != tokenctl.CodeDenylistUnreachable || !strings.Contains(err.Error(), "no Sentinel knows its address") {
		t.Error(err)
	}
}
