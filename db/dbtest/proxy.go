package dbtest

import (
	"io"
	"net"
	"net/url"
	"testing"
)

// Relay listens before the PostgreSQL server in address, and returns the URL through
// it, without TLS. serve gets each connection of a client with a new one to the server;
// both are closed when it returns.
func Relay(t testing.TB, address string, serve func(client, server *net.TCPConn)) string {
	t.Helper()
	return relayAt(t, "127.0.0.1", address, serve)
}

// relayAt is Relay at an IP address of this machine.
func relayAt(t testing.TB, ip, address string, serve func(client, server *net.TCPConn)) string {
	t.Helper()
	return With(listenAt(t, ip, address, func(client *net.TCPConn, host string) {
		server, err := net.Dial("tcp", host)
		if err != nil {
			return
		}
		defer server.Close()
		serve(client, server.(*net.TCPConn))
	}), "sslmode", "disable")
}

// listenAt returns the URL of a listener in the place of the server in address. serve gets each connection of a
// client, which is closed when it returns, and the host of the server.
func listenAt(t testing.TB, ip, address string, serve func(client *net.TCPConn, host string)) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	host := u.Host
	listener, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
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
				serve(client.(*net.TCPConn), host)
			}()
		}
	}()
	u.Host = listener.Addr().String()
	return u.String()
}

// Proxy is a Relay that asks pass about each block that a client sends: when it says
// no, nothing goes through that connection any more, and it stays open until the
// client or pass closes it.
func Proxy(t testing.TB, address string, pass func(client, server *net.TCPConn, block []byte) bool) string {
	t.Helper()
	return Relay(t, address, func(client, server *net.TCPConn) {
		go io.Copy(client, server)
		block := make([]byte, 64<<10)
		for {
			n, err := client.Read(block)
			if err != nil {
				return
			}
			if !pass(client, server, block[:n]) {
				break
			}
			if _, err := server.Write(block[:n]); err != nil {
				return
			}
		}
		io.Copy(io.Discard, client)
	})
}
