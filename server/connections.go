package server

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// What a connection may cost. What a request may cost is bounded where it is read:
// maxBody, and Django's own limits.
const (
	headerTime = 10 * time.Second // for the headers to arrive
	readTime   = time.Minute      // for all of a request to arrive
	writeTime  = time.Minute      // for an answer to be taken
	idleTime   = 2 * time.Minute  // between requests
	maxHeaders = 32 << 10         // bytes of the request line and the headers
)

// HTTP returns what serves s on a listener.
func (s *Server) HTTP() *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true) // what the Django stack speaks
	return &http.Server{
		Handler: s, Protocols: protocols, ErrorLog: s.ErrorLog(), MaxHeaderBytes: maxHeaders,
		ReadHeaderTimeout: headerTime, ReadTimeout: readTime, WriteTimeout: writeTime, IdleTimeout: idleTime,
		ConnContext: s.connections.opened, ConnState: s.connections.changed,
	}
}

// finishTime is how long a server that ends waits for what a client does: for the
// rest of a request, or for an answer to be taken.
const finishTime = time.Second

// Finish ends h, which HTTP returned and whose Serve has returned, so that no connection
// is accepted any more. Requests that are whole are answered, however long that takes, and
// those that are not whole finishTime from now are given up. http.Server.Shutdown does not
// do that: it drops a request that has arrived and that nobody has read yet.
func (s *Server) Finish(h *http.Server) {
	began := time.Now()
	h.SetKeepAlivesEnabled(false)
	for s.connections.closeLate(began) {
		time.Sleep(finishTime / 40)
	}
}

// connections tell for which connections the server works, and for which it waits.
// The zero value has none.
type connections struct {
	mu   sync.Mutex
	open map[net.Conn]*connection
}

type connection struct {
	working bool      // on a request that is whole
	since   time.Time // when it was answered
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

// work notes that the server has a whole request, or its answer. It reports whether
// the connection is still open. A test has no connection, and gets true.
func (cs *connections) work(ctx context.Context, working bool) bool {
	c, ok := ctx.Value(connectionKey{}).(*connection)
	if !ok {
		return true
	}
	cs.mu.Lock()
	defer cs.mu.Unlock()
	c.working, c.since = working, time.Now()
	return !c.closed
}

// closeLate closes the connections whose clients had finishTime since the end began. It
// reports whether any connection is open.
func (cs *connections) closeLate(began time.Time) bool {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for conn, c := range cs.open {
		if !c.working && !c.closed && time.Since(began) >= finishTime && time.Since(c.since) >= finishTime {
			c.closed = true
			go conn.Close() //nolint:errcheck // TLS says good-bye, for which nobody waits
		}
	}
	return len(cs.open) > 0
}
