package main

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"tokenctl/db/dbtest"
)

// sends connects and sends a part of what a client says. With hand, the server
// offers TLS, and nothing of it is done.
func (s *served) sends(text string, hand bool) net.Conn {
	s.w.t.Helper()
	at, secure := strings.CutPrefix(s.url, "https://")
	conn, err := net.Dial("tcp", strings.TrimPrefix(at, "http://"))
	if err != nil {
		s.w.t.Fatal(err)
	}
	s.w.t.Cleanup(func() { conn.Close() })
	if secure && !hand {
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	}
	conn.SetDeadline(time.Now().Add(testLimit)) //nolint:errcheck // it is open
	if _, err := io.WriteString(conn, text); err != nil {
		s.w.t.Fatal(err)
	}
	return conn
}

// A client that does not finish its request keeps no server from ending: see TestFinish in
// package server for what else a client may have sent, and for how long that takes.
func TestServeEndsSoon(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	for _, args := range [][]string{nil, {"--tls-self-signed"}} {
		s := w.serve(args...)
		for _, text := range []string{"", "POST /api", "POST /api/token/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"user"} {
			s.sends(text, false)
		}
		if args != nil {
			s.sends("", true)
		}
		s.wants(200, "ok", "GET", "/healthz", "") // those before it are accepted
		s.Process.Signal(syscall.SIGTERM)
		if r := s.ends(testLimit); r.status != 0 {
			t.Errorf("%q: status %d\n%s", args, r.status, s.log)
		}
	}
}

// Requests that are whole are finished, although others are not, and however long the
// ones before them take.
func TestServeFinishes(t *testing.T) {
	dbtest.Slow(t)
	engines(t, func(w *world) {
		w.user("alice", pagePassword)
		body := `{"username":"alice","password":"` + pagePassword + `"}`
		login := fmt.Sprintf("POST /api-token-auth/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		for _, args := range [][]string{{"--delay", "3s"}, nil} {
			s := w.serve(args...)
			half := s.sends(login[:len(login)-5], false)
			var whole []net.Conn
			for range 6 { // more than there are turns for hashing
				whole = append(whole, s.sends(login, false))
			}
			s.wants(200, "ok", "GET", "/healthz", "")
			s.Process.Signal(syscall.SIGTERM)
			for _, conn := range whole {
				answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil || answer.StatusCode != 200 {
					w.t.Fatalf("%q: %v\n%s", args, err, s.log)
				}
				if text, err := io.ReadAll(answer.Body); err != nil || !strings.Contains(string(text), `{"token":"`) {
					w.t.Errorf("%s, %v", text, err)
				}
			}
			if r := s.ends(testLimit); r.status != 0 {
				w.t.Errorf("%q: status %d\n%s", args, r.status, s.log)
			}
			if text, err := io.ReadAll(half); err != nil || len(text) > 0 {
				w.t.Errorf("the request that was not whole: %q, %v", text, err)
			}
		}
		w.gone()
	})
}
