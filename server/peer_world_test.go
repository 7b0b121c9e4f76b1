package server_test

import (
	"crypto/rand"
	_ "embed"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/db/dbtest"
	"tokenctl/db/engine"
	"tokenctl/django"
	"tokenctl/django/djangotest"
	"tokenctl/server"
	"tokenctl/tokens"
)

//go:embed testdata/world.py
var worldPython string

// world is a project at one age of Django, served by Django and by tokenctl on
// identical databases, and what is secret there.
type world struct {
	peer    djangotest.Peer
	engine  string
	variant variant
	secrets map[string]string
	known   map[string]bool // the secrets' texts
	django  *side
	ours    *side
	served  *djangotest.Served
	restart func()
}

// side is one of the two.
type side struct {
	name     string
	addr     string
	database *database
	answers  []answer // in this sequence
}

// migrated makes the empty database of an age, which every world starts from.
func migrated(t *testing.T, p djangotest.Peer, engine string) string {
	t.Helper()
	_, url := dbtest.Migrated(t, p, engine, djangotest.Options{Served: true})
	return url
}

// newWorld fills two copies of the database at url, and serves one with Django and
// one with tokenctl.
func newWorld(t *testing.T, p djangotest.Peer, engine, url string, v variant) *world {
	t.Helper()
	w, copied := halfWorld(t, p, engine, url, v)
	w.serve(t, copied)
	return w
}

// halfWorld leaves the other copy, whose URL it returns, to be served by its caller.
func halfWorld(t *testing.T, p djangotest.Peer, engine, url string, v variant) (*world, string) {
	t.Helper()
	filled := dbtest.Copy(t, url)
	pr := p.Project(t, filled, djangotest.Options{Served: true, Settings: worldSettings + v.settings})
	w := &world{peer: p, engine: engine, variant: v, known: map[string]bool{}}
	pr.Eval(worldPython, &w.secrets)
	for _, secret := range w.secrets {
		w.known[secret] = true
	}
	if v.change != nil {
		v.change(t, filled)
	}
	copied := dbtest.Copy(t, filled)
	pr.Use(dbtest.Reuse(t, filled))
	w.served = pr.Serve()
	w.django = &side{name: "Django", addr: w.served.Addr, database: openDatabase(t, engine, filled, filled)}
	w.ours = &side{name: "tokenctl", database: openDatabase(t, engine, copied, filled)}
	return w, copied
}

// origins are CORS_ALLOWED_ORIGINS, unless a variant says otherwise.
var origins = []string{"http://127.0.0.1:8001", "http://localhost:8001"}

// worldSettings are what every world's Django is told.
var worldSettings = fmt.Sprintf("\nCORS_ALLOWED_ORIGINS = %q.split(',')\n", strings.Join(origins, ","))

// serve starts tokenctl's server on the database at url.
func (w *world) serve(t *testing.T, url string) {
	t.Helper()
	settings, err := tokenctl.ParseSettings([]byte(w.variant.toml))
	if err != nil {
		t.Fatal(err)
	}
	// Fewer than a file may say.
	settings.Auth.PBKDF2Iterations = djangotest.ServedIterations
	settings.Peers = tokenctl.Peers{
		Django: tokenctl.Version(w.peer.Django), DRF: tokenctl.Version(w.peer.DjangoRESTFramework),
		SimpleJWT: tokenctl.Version(w.peer.SimpleJWT), PyJWT: tokenctl.Version(w.peer.PyJWT),
		CORSHeaders: tokenctl.Version(w.peer.CORSHeaders), Knox: tokenctl.Version(w.secrets["version.knox"]),
	}
	target, err := engine.ParseURL(url, "/")
	if err != nil {
		t.Fatal(err)
	}
	store, err := db.Open(target, db.Options{Timeout: 20 * time.Second, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	keys := django.SecretKeys{tokenctl.NewSecret(djangotest.SecretKey)}
	config := server.Config{Store: store, Now: time.Now, SessionLogin: true, CORS: server.CORS{Origins: origins}, Env: tokens.Env{
		Settings: settings, Random: rand.Reader,
		Keys: func() (django.SecretKeys, error) { return keys, nil },
		JWT: func() (*django.JWTBackend, error) {
			pair, err := django.NewJWTKeys(settings.SimpleJWT, nil, nil, keys[0])
			if err != nil {
				return nil, err
			}
			return django.NewJWTBackend(settings.SimpleJWT, pair, settings.Peers.SimpleJWT, settings.Peers.PyJWT)
		},
	}}
	if w.variant.config != nil {
		w.variant.config(&config)
	}
	var handler http.Handler
	w.restart = func() {
		s, err := server.New(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		handler = s
	}
	w.restart()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { handler.ServeHTTP(rw, r) }))
	web.Listener.Close()
	web.Listener = listener
	web.Start()
	t.Cleanup(web.Close)
	w.ours.addr = listener.Addr().String()
}

// forget undoes what a sequence has done: in the databases, in throttles' counts.
func (w *world) forget(t *testing.T) {
	t.Helper()
	w.django.answers, w.ours.answers = nil, nil
	w.django.database.restore(t)
	w.ours.database.restore(t)
	if w.variant.name == "throttles" {
		w.served.ClearCache()
		w.restart()
	}
}
