package server

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// The limits of a connection. maxBody and Django's own limits bound a request.
const (
	headerTime = 10 * time.Second // for the headers to arrive
	readTime   = time.Minute      // for all of a request to arrive
	writeTime  = time.Minute      // for an answer to be taken
	idleTime   = 2 * time.Minute  // between requests
	maxHeaders = 32 << 10         // bytes of the request line and the headers
)

// HTTP returns an http.Server that serves s on a listener.
func (s *Server) HTTP() *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true) // WSGI servers of Django speak nothing else
	return &http.Server{
		Handler: s, Protocols: protocols, ErrorLog: s.ErrorLog(), MaxHeaderBytes: maxHeaders,
		ReadHeaderTimeout: headerTime, ReadTimeout: readTime, WriteTimeout: writeTime, IdleTimeout: idleTime,
		ConnContext: s.connections.opened, ConnState: s.connections.changed,
	}
}

// finishTime is the time that a server gives clients when it ends: to send the rest of a request, or to
// read an answer.
const finishTime = time.Second

// Finish ends h, an http.Server of [Server.HTTP] whose Serve has returned, so that it accepts no more
// connections. Complete requests are answered without a time limit. Requests that are not complete after
// finishTime are dropped. http.Server.Shutdown would also drop a request that has arrived and is not read
// yet.
func (s *Server) Finish(h *http.Server) {
	began := time.Now()
	h.SetKeepAlivesEnabled(false)
	for s.connections.closeLate(began) {
		time.Sleep(finishTime / 40)
	}
}

// connections records for each connection whether the server works on a request or waits for the client.
// The zero value has no connections.
type connections struct {
	mu   sync.Mutex
	open map[net.Conn]*connection
}

type connection struct {
	working bool      // the server works on a complete request
	since   time.Time // when the last request was answered
	closed  bool
}

// connectionKey is the context key of the *connection of a request.
type connectionKey struct{}

func (cs *connections) opened(ctx context.Context, conn net.Conn) context.Context {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.open == nil {
		cs.open = map[net.Conn]*connection{}
	}
	c := new(connection)
	cs.open[conn] = c
	return context.WithValue(ctx, connectionKey{}, c)
}

func (cs *connections) changed(conn net.Conn, state http.ConnState) {
	if state == http.StateClosed || state == http.StateHijacked {
		cs.mu.Lock()
		defer cs.mu.Unlock()
		delete(cs.open, conn)
	}
}

// begin records that the server has a complete request. It reports whether the connection is still open, and true
// without a connection, as in tests.
func (cs *connections) begin(ctx context.Context) (open bool) { return cs.setWorking(ctx, true) }

// end records that the server has the answer.
func (cs *connections) end(ctx context.Context) { cs.setWorking(ctx, false) }

func (cs *connections) setWorking(ctx context.Context, working bool) (open bool) {
	c, ok := ctx.Value(connectionKey{}).(*connection)
	if !ok {
		return true
	}
	cs.mu.Lock()
	defer cs.mu.Unlock()
	c.working, c.since = working, time.Now()
	return !c.closed
}

// closeLate closes the connections whose clients have had finishTime since the end began. It
// reports whether any connection is still open.
func (cs *connections) closeLate(began time.Time) bool {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for conn, c := range cs.open {
		if !c.working && !c.closed && time.Since(began) >= finishTime && time.Since(c.since) >= finishTime {
			c.closed = true
			go conn.Close() //nolint:errcheck // TLS sends a last message; the server does not wait for it
		}
	}
	return len(cs.open) > 0
}
