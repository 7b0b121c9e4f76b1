package dbtest

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// Reuse returns the URL of a relay before the PostgreSQL server in address, whose clients take over the
// connections of the clients before them. Many short commands on one database otherwise spend most of their
// time on the server, where each new connection reads the catalogs again. Between two clients "discard all"
// resets a connection, as in PgBouncer's session mode. The URL of a SQLite file is returned as it is.
func Reuse(t testing.TB, address string) string {
	t.Helper()
	if strings.HasPrefix(address, "sqlite:") {
		return address
	}
	r := &reuse{idle: map[string][]*serverConn{}}
	t.Cleanup(r.close)
	return listenAt(t, "127.0.0.1", address, r.serve)
}

// reuse has the idle connections to a server, by the message that began them: it has the user, the database
// and the settings.
type reuse struct {
	mu    sync.Mutex
	idle  map[string][]*serverConn
	ended bool
}

// serverConn is a connection to the server.
type serverConn struct {
	net.Conn
	in       *bufio.Reader
	greeting []byte // what the server answered to the message that began the connection
}

// close closes the idle connections, and those that get idle later.
func (r *reuse) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, list := range r.idle {
		for _, c := range list {
			c.Close()
		}
	}
	r.idle, r.ended = nil, true
}

// take returns an idle connection; nil if there is none.
func (r *reuse) take(start string) (c *serverConn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if list := r.idle[start]; len(list) > 0 {
		c, r.idle[start] = list[0], list[1:]
	}
	return c
}

func (r *reuse) put(start string, c *serverConn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		c.Close()
		return
	}
	r.idle[start] = append(r.idle[start], c)
}

// message reads a message: its type, unless it begins a connection and has none, its length and the rest.
func message(in *bufio.Reader, typed int) ([]byte, error) {
	head, err := in.Peek(typed + 4)
	if err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint32(head[typed:]))
	if n < 8-4*typed {
		return nil, io.ErrUnexpectedEOF
	}
	text := make([]byte, typed+n)
	_, err = io.ReadFull(in, text)
	return text, err
}

// query returns the message of a statement.
func query(statement string) []byte {
	text := binary.BigEndian.AppendUint32([]byte{'Q'}, uint32(4+len(statement)+1))
	return append(append(text, statement...), 0)
}

func (r *reuse) serve(client *net.TCPConn, host string) {
	in := bufio.NewReader(client)
	start, err := message(in, 0)
	for err == nil && asksForEncryption(start) {
		client.Write([]byte{'N'}) // as a server without it
		start, err = message(in, 0)
	}
	if err != nil {
		return
	}
	c := r.take(string(start))
	if c == nil {
		conn, err := net.Dial("tcp", host)
		if err != nil {
			return
		}
		c = &serverConn{Conn: conn, in: bufio.NewReader(conn)}
		if _, err := c.Write(start); err != nil || !isStartup(start) || !c.greet() {
			c.pass(client, in)
			return
		}
	}
	if _, err := client.Write(c.greeting); err == nil && c.relay(client, in) {
		r.put(string(start), c)
		return
	}
	c.Close()
}

// asksForEncryption reports whether the first message of a client is an SSLRequest or a GSSENCRequest.
func asksForEncryption(start []byte) bool {
	code := binary.BigEndian.Uint32(start[4:])
	return code == 80877103 || code == 80877104
}

// isStartup reports whether a message begins a session. The other one asks to cancel a statement.
func isStartup(start []byte) bool {
	const protocol3 = 3
	return binary.BigEndian.Uint16(start[4:]) == protocol3
}

// greet reads what the server answers first. It returns false if the server asks for a password or refuses the
// client.
func (c *serverConn) greet() bool {
	for {
		m, err := message(c.in, 1)
		if err != nil {
			return false
		}
		c.greeting = append(c.greeting, m...)
		switch {
		case m[0] == 'Z':
			return true
		case m[0] == 'R' && binary.BigEndian.Uint32(m[5:]) != 0:
			return false
		}
	}
}

// pass passes everything on. The connection is not used again.
func (c *serverConn) pass(client *net.TCPConn, in io.Reader) {
	client.Write(c.greeting)
	go func() {
		io.Copy(client, c.in)
		client.Close()
	}()
	io.Copy(c, in)
	c.Close()
}

// relay passes messages on until the client ends the connection. Then it resets the server's connection, and
// returns whether that can be used again.
func (c *serverConn) relay(client net.Conn, in *bufio.Reader) bool {
	var asked, answered atomic.Int64 // of the messages that are answered with "ready for query"
	var ended atomic.Bool
	done := make(chan bool, 1)
	go func() {
		for {
			m, err := message(c.in, 1)
			if err != nil || ended.Load() && m[0] == 'E' {
				client.Close()
				done <- false
				return
			}
			if !ended.Load() {
				client.Write(m)
			}
			if m[0] == 'Z' && answered.Add(1) == asked.Load() && ended.Load() {
				done <- true
				return
			}
		}
	}()
	for {
		m, err := message(in, 1)
		if err != nil || m[0] == 'X' {
			if err != nil {
				c.Close() // as the client's: the server may be at work
				return <-done && false
			}
			break
		}
		if bytes.ContainsRune([]byte("QSF"), rune(m[0])) {
			asked.Add(1)
		}
		if _, err := c.Write(m); err != nil {
			return <-done && false
		}
	}
	asked.Add(2)
	ended.Store(true)
	c.Write(append(query("rollback"), query("discard all")...))
	return <-done
}
