package engine_test

import (
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	"tokenctl"
	"tokenctl/db/dbtest"
	"tokenctl/db/engine"
)

// A certificate that does not verify is called one, and why.
func TestCertificates(t *testing.T) {
	t.Parallel()
	address := dbtest.Postgres(t)
	ours, others := dbtest.NewAuthority(t), dbtest.NewAuthority(t)
	later, before := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	good := &tls.Config{Certificates: []tls.Certificate{ours.Server(t, "127.0.0.1", later)}}
	asks := &tls.Config{Certificates: good.Certificates, ClientAuth: tls.RequireAnyClientCert}
	for _, test := range []struct {
		name, mode, root string
		server           *tls.Config
		want             []string // none: it connects
	}{
		{"good", "verify-full", ours.File, good, nil},
		{"not compared", "require", "", good, nil},
		{"unknown authority", "verify-full", others.File, good, []string{"certificate", "authority", "sslrootcert"}},
		{"unknown authority", "verify-ca", others.File, good, []string{"certificate", "authority", "sslrootcert"}},
		{"expired", "verify-full", ours.File, &tls.Config{Certificates: []tls.Certificate{ours.Server(t, "127.0.0.1", before)}}, []string{"certificate has expired"}},
		{"other name", "verify-full", ours.File, &tls.Config{Certificates: []tls.Certificate{ours.Server(t, "192.0.2.1", later)}}, []string{"certificate is not for the name 127.0.0.1"}},
		{"other name", "verify-ca", ours.File, &tls.Config{Certificates: []tls.Certificate{ours.Server(t, "192.0.2.1", later)}}, nil},
		{"asks for one", "require", "", asks, []string{"certificate required", "sslcert"}},
		{"old TLS", "require", "", &tls.Config{Certificates: good.Certificates, MaxVersion: tls.VersionTLS10}, []string{"TLS handshake"}},
	} {
		t.Run(test.name+" "+test.mode, func(t *testing.T) {
			t.Parallel()
			pairs := []string{"sslmode", test.mode}
			if test.root != "" {
				pairs = append(pairs, "sslrootcert", test.root)
			}
			err := connect(t.Context(), open(t, dbtest.With(dbtest.TLS(t, "127.0.0.1", address, test.server), pairs...), engine.Options{}))
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
