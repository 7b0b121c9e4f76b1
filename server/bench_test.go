package server_test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
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
	"tokenctl/server"
	"tokenctl/tokens"
)

// bench is tokenctl's server on a fixture, in process.
type bench struct {
	t       *testing.T
	url     string
	secrets dbtest.Secrets
	now     time.Time
	backend *django.JWTBackend
	config  server.Config
	handler http.Handler
}

// newBench serves a fixture with the settings of a tokenctl.toml; change says what
// they cannot.
func newBench(t *testing.T, engine, toml string, change func(*bench)) *bench {
	t.Helper()
	url, secrets := dbtest.Fixture(t, engine)
	b := benchAt(t, url, toml, secrets.SecretKey, change)
	b.secrets = secrets
	return b
}

func benchAt(t *testing.T, url, toml, secretKey string, change func(*bench)) *bench {
	t.Helper()
	b := &bench{t: t, url: url, now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	settings, err := tokenctl.ParseSettings([]byte(toml))
	if err != nil {
		t.Fatal(err)
	}
	target, err := engine.ParseURL(b.url, "/")
	if err != nil {
		t.Fatal(err)
	}
	clock := func() time.Time { return b.now }
	store, err := db.Open(target, db.Options{Timeout: 20 * time.Second, Now: clock, Connections: 12})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	keys := django.SecretKeys{tokenctl.NewSecret(secretKey)}
	pair, err := django.NewJWTKeys(settings.SimpleJWT, nil, nil, keys[0])
	if err == nil {
		b.backend, err = django.NewJWTBackend(settings.SimpleJWT, pair, settings.Peers.SimpleJWT, settings.Peers.PyJWT)
	}
	if err != nil {
		t.Fatal(err)
	}
	b.config = server.Config{Store: store, Now: clock, Env: tokens.Env{Settings: settings, Random: rand.Reader,
		Keys: func() (django.SecretKeys, error) { return keys, nil },
		JWT:  func() (*django.JWTBackend, error) { return b.backend, nil },
	}}
	if change != nil {
		change(b)
	}
	handler, err := server.New(t.Context(), b.config)
	if err != nil {
		t.Fatal(err)
	}
	b.handler = handler
	return b
}

// token signs a token for alice that no row records.
func (b *bench) token(typ string, more ...string) string {
	b.t.Helper()
	user := django.JWTUser{ID: b.secrets.Users["alice"].PK, Integer: true}
	jti, err := django.NewJTI(rand.Reader)
	if err != nil {
		b.t.Fatal(err)
	}
	var custom []django.JWTClaim
	for _, claim := range more {
		name, value, _ := strings.Cut(claim, "=")
		c, err := django.NewJWTClaim(name, []byte(value))
		if err != nil {
			b.t.Fatal(err)
		}
		custom = append(custom, c)
	}
	build := b.backend.NewRefresh
	if typ == "sliding" {
		build = b.backend.NewSliding
	}
	claims, err := build(user, b.now, jti, custom)
	if err == nil && typ == "access" {
		claims = b.backend.AccessFromRefresh(claims, b.now, jti)
	}
	var secret tokenctl.Secret
	if err == nil {
		secret, err = b.backend.Encode(claims)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return secret.Reveal()
}

// do sends a request; headers are "Name: value".
func (b *bench) do(method, path, contentType, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = "localhost"
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	return w
}

func (b *bench) json(path, body string, headers ...string) *httptest.ResponseRecorder {
	return b.do(http.MethodPost, path, "application/json", body, headers...)
}

func (b *bench) refresh(token string) *httptest.ResponseRecorder {
	return b.json("/api/token/refresh/", `{"refresh":"`+token+`"}`)
}

// rows is what a query finds.
func (b *bench) rows(query string) string {
	return strings.TrimSpace(dbtest.Query(b.url, query))
}

func said(w *httptest.ResponseRecorder) string { return fmt.Sprint(w.Code, " ", w.Body) }

// engines runs a test on SQLite and PostgreSQL.
func engines(t *testing.T, f func(t *testing.T, engine string)) {
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); f(t, "sqlite") })
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		if !dbtest.HasPostgres() {
			dbtest.Missing(t, "PostgreSQL's server binaries")
		}
		f(t, "postgres")
	})
}

func (b *bench) login() string {
	text, err := json.Marshal(map[string]string{"username": "alice", "password": *b.secrets.Users["alice"].Password})
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}

// obtained logs alice in and returns one of the tokens.
func (b *bench) obtained(path, name string) string {
	b.t.Helper()
	w := b.json(path, b.login())
	var answer map[string]string
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || answer[name] == "" {
		b.t.Fatalf("%s: %s", path, said(w))
	}
	return answer[name]
}

func (b *bench) jti(token string) string {
	b.t.Helper()
	read, err := django.DecodeUnverified(b.backend.Settings(), token)
	if err != nil {
		b.t.Fatal(err)
	}
	return read.JTI
}

func count(t *testing.T, text string) (n int) {
	t.Helper()
	if _, err := fmt.Sscan(text, &n); err != nil {
		t.Fatalf("%q is no number", text)
	}
	return n
}
