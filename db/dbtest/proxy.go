package dbtest

import (
	"io"
	"net"
	"net/url"
	"testing"
)

// Proxy passes connections to the PostgreSQL server in address on, and returns the
// URL through it, without TLS. pass is asked about each block that a client sends:
// when it says no, nothing goes through that connection any more, and it stays open
// until the client closes it.
func Proxy(t testing.TB, address string, pass func(block []byte) bool) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	server := u.Host
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer client.Close()
				backend, err := net.Dial("tcp", server)
				if err != nil {
					return
				}
				defer backend.Close()
				go io.Copy(client, backend)
				block := make([]byte, 64<<10)
				for {
					n, err := client.Read(block)
					if err != nil {
						return
					}
					if !pass(block[:n]) {
						break
					}
					if _, err := backend.Write(block[:n]); err != nil {
						return
					}
				}
				io.Copy(io.Discard, client)
			}()
		}
	}()
	u.Host = listener.Addr().String()
	q := u.Query()
	q.Set("sslmode", "disable")
	u.RawQuery = q.Encode()
	return u.String()
}
