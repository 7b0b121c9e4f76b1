// Package server is the local test server: with an application's database it answers like
// the application's Django stack.
//
// As in Django, a request goes through the middleware (middleware.go) to a view
// (routes.go). The view negotiates, authenticates, checks permissions and throttles, and
// then calls its method (view.go). For everything that a client library or curl sends, the
// answers are the peers' answers, to the byte. Each file names the peer's file that it
// follows.
//
// Package commands handles sockets, TLS, flags and signals (serve.go). Package tokens finds,
// makes and ends tokens, and package django has the peers' formats.
package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/django"
	"tokenctl/tokens"
)

// Config has the parameters of [New]. Store, Env and Now are required. For the other fields
// the zero value is the peer's default.
type Config struct {
	Store *db.Store
	Env   tokens.Env // with the settings and the keys
	Now   tokenctl.Clock
	Log   *slog.Logger // a line for every request; nil: none

	AllowedHosts []string          // ALLOWED_HOSTS; loopback names are always allowed
	SessionLogin bool              // dj-rest-auth's SESSION_LOGIN
	Claims       []django.JWTClaim // custom claims of new tokens
	ReadOnly     bool              // the server never writes a row
	CORS         CORS
	Throttles    Throttles
	Faults       Faults
	Clients      []Client              // clients that may introspect, as members of staff may
	Passwords    django.PasswordChecks // AUTH_PASSWORD_VALIDATORS
}

// Server answers requests. It is an http.Handler.
type Server struct {
	Config
	HasKey     bool           // SECRET_KEY is known, so there can be sessions
	peers      tokenctl.Peers // the releases that the server follows; all are filled in
	routes     map[string]*view
	ownPages   map[string]func(*request) *response
	suspects   suspects
	knoxScheme django.KnoxScheme
	recordsJWT bool // simplejwt's token_blacklist is installed
	lookups    batcher
	hashing    hashing
	limits     *limiter

	connections connections
	metrics     *metrics
}

// New makes a server. It reads the database's layout once. If a kind has no table, the application has no
// URLs for it, and neither does the server.
func New(ctx context.Context, c Config) (*Server, error) {
	layout, err := c.Store.Layout(ctx)
	if err != nil {
		return nil, err
	}
	s := &Server{Config: c, peers: c.Env.Settings.Peers}
	keys, err := c.Env.Keys()
	if err != nil {
		return nil, err
	}
	s.HasKey = len(keys) > 0
	// Without a key a session could not be signed, but a login still works.
	s.SessionLogin = s.SessionLogin && s.HasKey
	if tokens.Knox.Present(layout) {
		s.knoxScheme = layout.KnoxScheme()
	}
	s.lookups.find = s.findKeys
	s.hashing = newHashing()
	s.limits = newLimiter()
	s.metrics = newMetrics()
	s.routes = s.views(layout)
	s.ownPages = s.plainPages()
	return s, nil
}

// ServeHTTP answers one request and writes one line of the log. A client may send a secret in
// any place. So the line contains only known paths, known methods, and names of users and ids
// of credentials that the database has.
func (s *Server) ServeHTTP(w http.ResponseWriter, hr *http.Request) {
	start := time.Now() // the real time, even with --clock
	r := &request{Request: hr, server: s, env: s.requestEnv(), ctx: hr.Context(), method: strings.ToUpper(hr.Method)}
	r.content() //nolint:errcheck // a view that reads the body gets the error
	if !s.connections.begin(r.ctx) {
		panic(http.ErrAbortHandler) // the connection is closed
	}
	// From here on the server needs the time, not the client.
	limits := http.NewResponseController(w)
	limits.SetReadDeadline(time.Time{}) //nolint:errcheck // tests have no connection
	answer := s.handle(r)
	limits.SetWriteDeadline(time.Now().Add(writeTime)) //nolint:errcheck // likewise
	s.connections.end(r.ctx)
	answer.send(w, r.method)
	s.logRequest(r, answer.status, time.Since(start))
}

// handle answers a request. After a panic the answer is 500.
func (s *Server) handle(r *request) (answer *response) {
	defer func() {
		if p := recover(); p != nil {
			// The value may quote what the client sent; the trace names only code.
			r.log.reason, r.log.fault = "panic", fmt.Sprintf("%T", p)
			r.log.trace = debug.Stack()
			answer = s.errorPage(http.StatusInternalServerError)
		}
	}()
	if answer := s.fault(r.ctx, r.URL.Path); answer != nil {
		r.log.reason = "asked for"
		return answer
	}
	if own := s.ownPages[r.URL.Path]; own != nil {
		if !s.hostAllowed(r.Host) {
			r.log.reason = hostNotAllowed
			return s.errorPage(http.StatusBadRequest)
		}
		if r.method != http.MethodGet && r.method != http.MethodHead {
			answer := page(http.StatusMethodNotAllowed, "")
			answer.set("Allow", "GET, HEAD")
			return answer
		}
		return own(r)
	}
	return s.middleware(r)
}

// requestEnv returns the server's Env for one request, which checks each signature once.
func (s *Server) requestEnv() tokens.Env {
	env := s.Env
	env.JWT = sync.OnceValues(func() (*django.JWTBackend, error) {
		b, err := s.Env.JWT()
		if err != nil {
			return nil, err
		}
		return b.Once(), nil
	})
	return env
}

// write runs a transaction that changes rows.
func (s *Server) write(ctx context.Context, f func(*db.Tx) error) error {
	if s.ReadOnly {
		return errReadOnly
	}
	return s.Store.Write(ctx, f)
}

// writeAgain is write, but runs f again if somebody else has inserted or deleted a row at the same time.
func (s *Server) writeAgain(ctx context.Context, f func(*db.Tx) error) error {
	var err error
	for range 3 {
		err = s.write(ctx, f)
		if code := tokenctl.CodeOf(err); code != tokenctl.CodeAlreadyExists && code != tokenctl.CodeChanged {
			break
		}
	}
	return err
}
