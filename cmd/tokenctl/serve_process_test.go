package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tokenctl/db/dbtest"
)

// What a server says when it is ready is one line, for people or for programs.
func TestServeReady(t *testing.T) {
	engines(t, func(w *world) {
		s := w.serve("-o", "json", "--read-only")
		var ready struct {
			URL, Address, Database string
			ReadOnly               bool `json:"read_only"`
		}
		if err := json.Unmarshal([]byte(s.url), &ready); err != nil {
			w.t.Fatalf("%v: %s", err, s.url)
		}
		if "http://"+ready.Address != ready.URL || !ready.ReadOnly || ready.Database == "" {
			w.t.Errorf("%+v", ready)
		}
		s.url = ready.URL
		s.wants(200, "ok\n", "GET", "/healthz", "")
		s.wants(200, "<title>tokenctl test server</title>", "GET", "/", "")
		s.wants(405, "", "POST", "/healthz", "{}")

		// Its port is taken.
		w.want(w.run(w.command("serve", "--listen", ready.Address)), 1, "tokenctl: cannot listen on "+ready.Address+": ", "hint: choose another --listen")
		s.stops()
		w.gone()
	})
}

// A server ends with status 0 once the requests that have begun are answered; the
// second signal does not wait.
func TestServeSignals(t *testing.T) {
	dbtest.Slow(t)
	engines(t, func(w *world) {
		w.ok("mint", "alice", "--create", "-q")
		for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
			s := w.serve("--delay", "2s")
			request := "GET /test_auth/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: Token " + w.key() + "\r\n\r\n"
			conn := s.sends(request, false)
			s.wants(200, "ok", "GET", "/healthz", "") // the one before it is accepted
			s.Process.Signal(signal)
			answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				w.t.Fatalf("%v: %v\n%s", signal, err, s.log)
			}
			if text, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != 200 || !strings.Contains(string(text), "Hello alice!") {
				w.t.Errorf("%v: %d %s, %v", signal, answer.StatusCode, text, err)
			}
			if r := s.ends(testLimit); r.status != 0 {
				w.t.Errorf("%v: status %d\n%s", signal, r.status, s.log)
			}
			s.logged("finishing the requests that have begun; interrupt again to end at once")
			w.gone()

			s = w.serve("--delay", "1h")
			s.sends(request, false) // which gets no answer
			s.wants(200, "ok", "GET", "/healthz", "")
			s.Process.Signal(signal)
			s.logged("interrupt again")
			s.Process.Signal(signal)
			w.want(s.ends(testLimit), 128+int(signal))
		}
	})
}

func TestServeTLS(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	s := w.serve("--tls-self-signed", "--allowed-host", "api.example.org")
	if !strings.HasPrefix(s.url, "https://127.0.0.1:") {
		t.Fatal(s.url)
	}
	s.wants(200, "ok\n", "GET", "/healthz", "")
	shown := func(s *served) *x509.Certificate {
		conn, err := tls.Dial("tcp", strings.TrimPrefix(s.url, "https://"), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0]
	}
	for _, name := range []string{"localhost", "127.0.0.1", "::1", "api.example.org"} {
		if err := shown(s).VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	if old, now := shown(s), shown(w.serve("--tls-self-signed")); old.Equal(now) {
		t.Error("two servers have the same certificate")
	}

	// With files; clients that trust them need no exception.
	cert, key := certificate(t)
	s = w.serve("--tls-cert", cert, "--tls-key", key)
	pool := x509.NewCertPool()
	text, err := os.ReadFile(cert)
	if err != nil || !pool.AppendCertsFromPEM(text) {
		t.Fatal(err)
	}
	s.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	s.wants(200, "ok\n", "GET", "/healthz", "")
	s.stops()
	r := w.run(w.command("serve", "--listen", "127.0.0.1:0", "--tls-cert", key, "--tls-key", cert))
	w.want(r, 1, "the certificate cannot be used")
	if strings.Contains(r.stderr, "PRIVATE") {
		t.Error(r.stderr)
	}
}

// certificate writes a certificate for this machine and its key into files.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: signed}, key: {Type: "PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// What is not for this server, or too much, is refused before it is looked at.
func TestServeLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	s := w.serve("--throttle", "anon=3/min", "--throttle", "login=2/min", "--cors-origin", "http://localhost:8001", "--allowed-host", "api.example.org")
	for _, path := range []string{"/", "/healthz", "/metrics", "/test_auth/", "/nowhere"} {
		s.wants(400, "", "GET", path, "", "Host: evil.example.org")
		s.wants(400, "", "GET", path, "", "Host: localhost.example.org")
	}
	s.wants(200, "", "GET", "/healthz", "", "Host: api.example.org")
	s.wants(200, "", "GET", "/healthz", "", "Host: localhost:9")
	s.wants(431, "", "GET", "/healthz", "", "X-Long: "+strings.Repeat("x", 64<<10))
	large := `{"username":"` + strings.Repeat("x", 3<<20) + `","password":"x"}`
	s.wants(400, "", "POST", "/api/token/", large)

	// The first anonymous request was the large one. Those that the permissions
	// refuse come no further, as in DRF.
	for range 2 {
		s.wants(401, "", "GET", "/test_auth/", "")
		s.wants(400, "", "POST", "/api/token/verify/", "{}")
	}
	status, header, text := s.ask("POST", "/api/token/verify/", "{}", "Origin: http://localhost:8001")
	wait, err := strconv.Atoi(header.Get("Retry-After"))
	if status != 429 || err != nil || wait < 1 || wait > 60 || header.Get("Access-Control-Allow-Origin") != "http://localhost:8001" ||
		text != `{"detail":"Request was throttled. Expected available in `+strconv.Itoa(wait)+` seconds."}` {
		t.Errorf("%d %v %s", status, header, text)
	}
	s.wants(200, "tokenctl_throttled_total 1\n", "GET", "/metrics", "")
	login := `{"username":"nobody","password":"wrong"}`
	for range 2 {
		s.wants(400, "", "POST", "/rest-auth/login/", login, "X-Forwarded-For: 192.0.2.9")
	}
	s.wants(429, "", "POST", "/rest-auth/login/", login, "X-Forwarded-For: 192.0.2.9")
	s.stops()
}

// Failures that a test of a client asks for.
func TestServeFaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	s := w.serve("--fail", "/api/token/refresh/=502", "--delay", "300ms")
	s.wants(502, "asked for", "POST", "/api/token/refresh/", "{}")
	began := time.Now()
	s.wants(401, "", "GET", "/test_auth/", "")
	if took := time.Since(began); took < 300*time.Millisecond {
		t.Errorf("--delay 300ms took %v", took)
	}
	s.logged(`"/api/token/refresh/"`, `"status":502`, "asked for")
	s = w.serve("--fail-rate", "1")
	s.wants(503, "asked for", "GET", "/test_auth/", "")
	s.wants(200, "ok", "GET", "/healthz", "")
	failed := 0
	s = w.serve("--fail-rate", "0.5")
	for range 100 {
		if status, _, _ := s.ask("GET", "/test_auth/", ""); status == 503 {
			failed++
		}
	}
	if failed < 20 || failed > 80 { // that it lies outside is as likely as 1 in 10^9
		t.Errorf("--fail-rate 0.5: %d of 100", failed)
	}
}
