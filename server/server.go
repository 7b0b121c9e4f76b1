// Package server is the local test server: it answers as the Django stack of an
// application would, on the application's database.
//
// A request takes the way that it takes in Django: through the middleware
// (middleware.go), to a view (routes.go), which negotiates, authenticates, permits
// and throttles before its method is called (view.go). What the peers answer is
// kept to the byte; each file names the peer's file that it follows.
package server

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/django"
	"tokenctl/tokens"
)

// Config is what a server is made of. The zero value of a field is the peer's
// default, but for Store, Env and Now, which there must be.
type Config struct {
	Store *db.Store
	Env   tokens.Env // with the settings and the keys
	Now   tokenctl.Clock
	Log   *slog.Logger // a line for every request; nil: none

	AllowedHosts []string          // besides the loopback names, which always are
	SessionLogin bool              // dj-rest-auth's SESSION_LOGIN
	Claims       []django.JWTClaim // custom claims of the tokens that are obtained
	ReadOnly     bool              // no row is ever written
	CORS         CORS
	Throttles    Throttles
	Faults       Faults
	Clients      []Client              // may introspect besides staff
	Passwords    django.PasswordChecks // AUTH_PASSWORD_VALIDATORS
}

// Server answers requests. It is an http.Handler.
type Server struct {
	Config
	HasKey     bool           // SECRET_KEY is known, so there can be sessions
	peers      tokenctl.Peers // the versions imitated, every one filled in
	routes     map[string]*view
	plain      map[string]func(*request) *response
	suspects   suspects
	knoxScheme django.KnoxScheme
	recordsJWT bool // simplejwt's token_blacklist is installed
	passwords  atomic.Pointer[django.Hasher]
	keys       gatherer
	hashing    hashing
	limits     *limiter

	connections connections
	metrics     *metrics
}

// New makes a server. It looks at the database once, for what is missing there:
// the views of a kind without a table answer as if the application had no such
// URLs.
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
	// A session that nobody could read is of no use, and who has no key yet wants
	// to log in all the same.
	s.SessionLogin = s.SessionLogin && s.HasKey
	if tokens.Knox.Present(layout) {
		s.knoxScheme = layout.KnoxScheme()
	}
	s.keys.find = s.findKeys
	s.hashing = newHashing()
	s.limits = newLimiter()
	s.metrics = newMetrics()
	s.routes = s.views(layout)
	s.plain = s.plainPages()
	return s, nil
}

// env is the server's for one request, which checks each signature once.
func (s *Server) env() tokens.Env {
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

// writeAgain is write. Where somebody else made or took away a row meanwhile, f is
// run again, and sees that.
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
