package dbtest

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
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

// reuse has the idle connections to a server, by the user, the database and the settings that each began with.
type reuse struct {
	mu    sync.Mutex
	idle  map[string][]*serverConn
	ended bool
}

// serverConn is a connection to the server.
type serverConn struct {
	net.Conn
	messages *pgproto3.Frontend
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

// take returns an idle connection that the server has not ended; nil if there is none.
func (r *reuse) take(start string) *serverConn {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.idle[start]) > 0 {
		c := r.idle[start][0]
		r.idle[start] = r.idle[start][1:]
		if c.isIdle() {
			return c
		}
		c.Close()
	}
	return nil
}

// isIdle reports whether the server has neither ended the connection nor sent the message that precedes the end.
func (c *serverConn) isIdle() bool {
	conn, err := c.Conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return false
	}
	var read error
	err = conn.Read(func(fd uintptr) bool {
		_, read = syscall.Read(int(fd), make([]byte, 1))
		return true // otherwise Read waits for a message
	})
	return err == nil && read == syscall.EAGAIN
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

// serve serves a client until the client or the server ends the connection.
func (r *reuse) serve(client *net.TCPConn, host string) {
	messages := pgproto3.NewBackend(client, client)
	first, err := messages.ReceiveStartupMessage()
	for err == nil && asksForEncryption(first) {
		client.Write([]byte{'N'}) // as a server without it
		first, err = messages.ReceiveStartupMessage()
	}
	if err != nil {
		return
	}
	start := fmt.Sprint(first)
	c := r.take(start)
	if c == nil {
		conn, err := net.Dial("tcp", host)
		if err != nil {
			return
		}
		c = &serverConn{Conn: conn, messages: pgproto3.NewFrontend(conn, conn)}
		if err := send(c, first); err != nil || !c.greet() {
			c.pass(client)
			return
		}
	}
	if _, err := client.Write(c.greeting); err == nil && c.relay(client, messages) {
		r.put(start, c)
		return
	}
	c.Close()
}

func asksForEncryption(first pgproto3.FrontendMessage) bool {
	switch first.(type) {
	case *pgproto3.SSLRequest, *pgproto3.GSSEncRequest:
		return true
	}
	return false
}

func send(to io.Writer, m pgproto3.Message) error {
	text, err := m.Encode(nil)
	if err == nil {
		_, err = to.Write(text)
	}
	return err
}

// greet reads what the server answers first. It returns false if the server asks for a password, refuses the
// client, or has got the request to cancel a statement, which has no answer.
func (c *serverConn) greet() bool {
	for {
		m, err := c.messages.Receive()
		if err == nil {
			c.greeting, err = m.Encode(c.greeting)
		}
		if err != nil {
			return false
		}
		switch m.(type) {
		case *pgproto3.ReadyForQuery:
			return true
		case *pgproto3.AuthenticationOk, *pgproto3.ParameterStatus, *pgproto3.BackendKeyData, *pgproto3.NoticeResponse:
		default:
			return false
		}
	}
}

// pass passes everything on. The connection is not used again.
func (c *serverConn) pass(client *net.TCPConn) {
	client.Write(c.greeting)
	go func() {
		io.Copy(client, c.Conn)
		client.Close()
	}()
	io.Copy(c.Conn, client)
	c.Close()
}

// relay passes messages on until the client ends the connection. Then it resets the server's connection, and
// returns whether that can be used again.
func (c *serverConn) relay(client net.Conn, messages *pgproto3.Backend) bool {
	var asked atomic.Int64 // the number of messages that the server answers with "ready for query"
	var ended atomic.Bool
	reset := make(chan bool, 1)
	go func() { reset <- c.answer(client, &asked, &ended) }()
	for {
		m, err := messages.Receive()
		if err != nil {
			break // the client is gone, and the server may be at work
		}
		switch m.(type) {
		case *pgproto3.Terminate:
			asked.Add(2)
			ended.Store(true)
			if send(c, &pgproto3.Query{String: "rollback"}) != nil || send(c, &pgproto3.Query{String: "discard all"}) != nil {
				c.Close()
			}
			return <-reset
		case *pgproto3.Query, *pgproto3.Sync, *pgproto3.FunctionCall:
			asked.Add(1)
		}
		if err := send(c, m); err != nil {
			break
		}
	}
	c.Close()
	<-reset
	return false
}

// answer passes the server's answers on to the client until the client has ended the connection. It drops later
// answers, and returns whether the server has answered everything.
func (c *serverConn) answer(client net.Conn, asked *atomic.Int64, ended *atomic.Bool) bool {
	for answered := int64(0); ; {
		m, err := c.messages.Receive()
		if err != nil {
			client.Close()
			return false
		}
		if !ended.Load() {
			send(client, m)
		}
		switch m.(type) {
		case *pgproto3.ErrorResponse:
			if ended.Load() {
				return false
			}
		case *pgproto3.ReadyForQuery:
			if answered++; ended.Load() && answered == asked.Load() {
				return true
			}
		}
	}
}
