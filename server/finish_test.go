package server_test

import (
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tokenctl/server"
)

// pipes is a listener of connections within the process, whose waits a fake clock sees.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if conn, open := <-p; open {
		return conn, nil
	}
	return nil, net.ErrClosed
}

func (p pipes) Close() error { return nil }

func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// unfinished are what clients have sent of requests that they do not finish.
var unfinished = func() map[string]string {
	const head = "POST /api/token/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
	return map[string]string{
		"nothing": "", "a part of a line": "POST /api", "a part of the headers": head, "a part of the body": head + "Content-Length: 100\r\n\r\n{\"user",
		"no body": head + "Content-Length: 100\r\n\r\n", "a promise": head + "Content-Length: 100\r\nExpect: 100-continue\r\n\r\n", "a part of a chunk": head + "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"u", "no last chunk": head + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
		"a body that nobody reads": "POST /nowhere/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nx", "too much": head + "Content-Length: 100000000\r\n\r\n" + strings.Repeat("x", 1<<20),
		"another request": "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nPOST /api",
	}
}()

// TestFinish: a client that does not finish its request delays the end by a second at most,
// whatever it has sent of it. The clock is a fake one.
func TestFinish(t *testing.T) {
	t.Parallel()
	s := newBench(t, "sqlite", "", nil).handler.(*server.Server)
	for name, text := range unfinished {
		synctest.Test(t, func(t *testing.T) {
			h, listener, served := s.HTTP(), make(pipes), make(chan error)
			go func() { served <- h.Serve(listener) }()
			for range 3 {
				client, conn := net.Pipe()
				go io.Copy(io.Discard, client)  //nolint:errcheck // until the server closes it
				go io.WriteString(client, text) //nolint:errcheck // as much as the server takes
				listener <- conn
			}
			synctest.Wait()
			close(listener)
			<-served
			began := time.Now()
			s.Finish(h)
			if took := time.Since(began); took > 1100*time.Millisecond {
				t.Errorf("%s: the end took %v", name, took)
			}
		})
	}
}
