package server_test

import (
	"crypto/rand"
	"io"
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

// newServer serves the database at url with the sessions of these keys.
func newServer(t *testing.T, url string, peers tokenctl.Peers, keys ...string) server.Config {
	t.Helper()
	target, err := engine.ParseURL(url, "/")
	if err != nil {
		t.Fatal(err)
	}
	store, err := db.Open(target, db.Options{Timeout: 20 * time.Second, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	settings := &tokenctl.Settings{Peers: peers}
	settings.Auth.PBKDF2Iterations = djangotest.ServedIterations
	return server.Config{Store: store, Now: time.Now, SessionLogin: true, Env: tokens.Env{Settings: settings, Random: rand.Reader,
		Keys: func() (secret django.SecretKeys, err error) {
			for _, key := range keys {
				secret = append(secret, tokenctl.NewSecret(key))
			}
			return secret, nil
		}}}
}

func peersOf(p djangotest.Peer) tokenctl.Peers {
	return tokenctl.Peers{Django: tokenctl.Version(p.Django), DRF: tokenctl.Version(p.DjangoRESTFramework), SimpleJWT: tokenctl.Version(p.SimpleJWT)}
}

// ask sends one request to a server of this configuration.
func ask(t *testing.T, c server.Config, method, path, body string, headers ...string) *http.Response {
	t.Helper()
	s, err := server.New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(method, "http://localhost"+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Result()
}

func text(t *testing.T, w *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// cookie is the value of a cookie that was set.
func cookie(w *http.Response, name string) string {
	for _, c := range w.Cookies() {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// someone is a user in a database of an age, and a session of hers.
func someone(t *testing.T, p djangotest.Peer, engine string) (pr *djangotest.Project, url, session string) {
	t.Helper()
	pr, url = dbtest.Migrated(t, p, engine, djangotest.Options{Served: true})
	pr.Eval(`
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
u = User.objects.create_user("alice", password="correct horse")
Token.objects.create(user=u, key="k" * 40)
s = SessionStore()
s.update({"cart": [1, 2.5, None, "é", {"b": 1, "a": 2}], SESSION_KEY: str(u.pk), BACKEND_SESSION_KEY: "django.contrib.auth.backends.ModelBackend", HASH_SESSION_KEY: u.get_session_auth_hash()})
s.create()
result = s.session_key`, &session)
	return pr, url, session
}

const contents = `
from django.contrib.sessions.backends.db import SessionStore
result = dict(SessionStore(key).items())`

// TestDjangoAcceptsOurSession logs in and out here, and asks Django each time.
func TestDjangoAcceptsOurSession(t *testing.T) {
	t.Parallel()
	dbtest.EachPeer(t, func(t *testing.T, p djangotest.Peer, engine string) {
		pr, url, old := someone(t, p, engine)
		c := newServer(t, url, peersOf(p), djangotest.SecretKey)
		w := ask(t, c, "POST", "/rest-auth/login/", `{"username":"alice","password":"correct horse"}`, "Cookie", "sessionid="+old)
		session, csrf := cookie(w, "sessionid"), cookie(w, "csrftoken")
		if w.StatusCode != http.StatusOK || csrf == "" || session != old {
			// The same user's session is kept.
			t.Fatalf("%d, %v", w.StatusCode, w.Header)
		}
		var items map[string]any
		pr.Eval(contents, &items, djangotest.Vars{"key": session})
		if len(items) != 4 || items["cart"] == nil {
			t.Errorf("the session holds %v", items)
		}
		cookies := map[string]string{"Cookie": "sessionid=" + session + "; csrftoken=" + csrf, "X-CSRFToken": csrf, "Host": "localhost"}
		if got := pr.Request("POST", "/test_auth/session/", cookies, ""); got.Body != `"Hello alice! Posted!"` {
			t.Errorf("Django: %+v", got)
		}
		w = ask(t, c, "POST", "/rest-auth/login/", `{"username":"alice","password":"correct horse"}`)
		fresh := cookie(w, "sessionid")
		if got := pr.Request("GET", "/test_auth/session/", map[string]string{"Cookie": "sessionid=" + fresh, "Host": "localhost"}, ""); got.Body != `"Hello alice!"` {
			t.Errorf("Django of a new session: %+v", got)
		}
		if w := ask(t, c, "POST", "/rest-auth/logout/", "", "Cookie", "sessionid="+fresh); w.StatusCode != http.StatusOK || !strings.Contains(strings.Join(w.Header["Set-Cookie"], ""), `sessionid=;`) {
			t.Errorf("logout: %d, %v", w.StatusCode, w.Header)
		}
		if got := pr.Request("GET", "/test_auth/session/", map[string]string{"Cookie": "sessionid=" + fresh, "Host": "localhost"}, ""); got.Status != http.StatusForbidden {
			t.Errorf("Django after logging out: %+v", got)
		}
	})
}

// TestSessionOfAFallbackKey changes SECRET_KEY and keeps the old one in
// SECRET_KEY_FALLBACKS, which Django knows since 4.1.
func TestSessionOfAFallbackKey(t *testing.T) {
	t.Parallel()
	const key = "the new key, which is as long as Django asks of one"
	djangotest.Each(t, func(t *testing.T, p djangotest.Peer) {
		t.Parallel()
		_, url, old := someone(t, p, "sqlite")
		ours := dbtest.Copy(t, url)
		pr := p.Project(t, url, djangotest.Options{Served: true, SecretKey: key, Settings: "SECRET_KEY_FALLBACKS = [" + `"` + djangotest.SecretKey + `"]`})
		headers := map[string]string{"Cookie": "sessionid=" + old, "Host": "localhost"}
		theirs := pr.Request("GET", "/test_auth/session/", headers, "")
		c := newServer(t, ours, peersOf(p), key, djangotest.SecretKey)
		w := ask(t, c, "GET", "/test_auth/session/", "", "Cookie", "sessionid="+old)
		if body := text(t, w); w.StatusCode != theirs.Status || body != theirs.Body {
			t.Errorf("%d %s, Django says %d %s", w.StatusCode, body, theirs.Status, theirs.Body)
		}
		their := http.Response{Header: theirs.Header}
		if cookie(w, "sessionid") == "" != (cookie(&their, "sessionid") == "") {
			t.Errorf("cookies %v, Django's %v", w.Cookies(), their.Cookies())
		}
		const rows = "select count(*) from django_session"
		if got, want := dbtest.Query(ours, rows), dbtest.Query(url, rows); got != want {
			t.Errorf("%s sessions, Django leaves %s", got, want)
		}
		if next := cookie(w, "sessionid"); next != "" {
			// Django with the new key alone believes what came of it.
			alone := p.Project(t, ours, djangotest.Options{Served: true, SecretKey: key})
			if got := alone.Request("GET", "/test_auth/session/", map[string]string{"Cookie": "sessionid=" + next, "Host": "localhost"}, ""); got.Status != http.StatusOK {
				t.Errorf("Django of the upgraded session: %+v", got)
			}
		} else if p.Name != "3.2" {
			t.Error("the session was not upgraded")
		}
	})
}

// TestReadOnlySessions changes no row, and refuses what would have to.
func TestReadOnlySessions(t *testing.T) {
	t.Parallel()
	const key = "the new key, which is as long as Django asks of one"
	p := djangotest.Peers(t)[0]
	pr, url, old := someone(t, p, "sqlite")
	outdated := strings.Repeat("z", 32)
	pr.Eval(`
from django.contrib.sessions.backends.db import SessionStore
s = SessionStore(outdated)
s.update({**dict(SessionStore(old).items()), "_auth_user_hash": "0" * 64})
s.save(must_create=True)`, nil, djangotest.Vars{"old": old, "outdated": outdated})
	c := newServer(t, url, tokenctl.Peers{}, key, djangotest.SecretKey)
	c.ReadOnly = true
	const rows = "select session_key, session_data, expire_date from django_session union all select username, password, cast(last_login as text) from auth_user order by 1"
	before := dbtest.Query(url, rows)
	for _, test := range []struct {
		method, path, body, session string
		status                      int
		answer                      string
	}{
		{"GET", "/test_auth/session/", "", old, http.StatusOK, `"Hello alice!"`},
		{"GET", "/test_auth/session/", "", outdated, http.StatusForbidden, `{"detail":"Authentication credentials were not provided."}`},
		{"POST", "/api-token-auth/", `{"username":"alice","password":"correct horse"}`, "", http.StatusOK, `{"token":"` + strings.Repeat("k", 40) + `"}`},
		{"POST", "/rest-auth/login/", `{"username":"alice","password":"correct horse"}`, "", http.StatusServiceUnavailable, `{"detail":"This server is read-only."}`},
		{"POST", "/rest-auth/logout/", "", old, http.StatusServiceUnavailable, `{"detail":"This server is read-only."}`},
	} {
		w := ask(t, c, test.method, test.path, test.body, "Cookie", "sessionid="+test.session)
		if body := text(t, w); w.StatusCode != test.status || body != test.answer {
			t.Errorf("%s %s: %d %s", test.method, test.path, w.StatusCode, body)
		}
		if cookie(w, "sessionid") != "" {
			t.Errorf("%s %s: %v", test.method, test.path, w.Cookies())
		}
	}
	if after := dbtest.Query(url, rows); after != before {
		t.Errorf("rows became\n%s\nfrom\n%s", after, before)
	}
}

// TestWithoutKey: a session and a JWT need a key, and the answer says that it is missing.
func TestWithoutKey(t *testing.T) {
	t.Parallel()
	p := djangotest.Peers(t)[0]
	_, url, old := someone(t, p, "sqlite")
	c := newServer(t, url, tokenctl.Peers{})
	c.Env.JWT = func() (*django.JWTBackend, error) {
		return django.NewJWTBackend(tokenctl.JWTSettings{}, django.JWTKeys{}, "", "")
	}
	const jwt = "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl"
	for i, w := range []*http.Response{
		ask(t, c, "GET", "/test_auth/session/", "", "Cookie", "sessionid="+old),
		ask(t, c, "GET", "/test_auth/jwt/", "", "Authorization", "Bearer "+jwt),
		ask(t, c, "POST", "/api/token/refresh/", `{"refresh":"`+jwt+`"}`),
		ask(t, c, "POST", "/api/token/verify/", `{"token":"`+jwt+`"}`),
		ask(t, c, "POST", "/api/token/", `{"username":"alice","password":"correct horse"}`),
	} {
		if body := text(t, w); w.StatusCode != http.StatusServiceUnavailable || body != `{"detail":"The key that this needs is not configured."}` {
			t.Errorf("request %d: %d %s", i, w.StatusCode, body)
		}
	}
	if w := ask(t, c, "GET", "/test_auth/session/", ""); w.StatusCode != http.StatusForbidden {
		t.Errorf("without a session: %d", w.StatusCode)
	}
}

// TestSessionInterrupted deletes a session while a request of it is on its way.
func TestSessionInterrupted(t *testing.T) {
	t.Parallel()
	p := djangotest.Peers(t)[0]
	_, url, old := someone(t, p, "sqlite")
	c := newServer(t, url, tokenctl.Peers{}, djangotest.SecretKey)
	c.Env.Random = readerFunc(func(b []byte) (int, error) {
		// The CSRF token is made when the session has been read and is not yet written.
		dbtest.Query(url, "delete from django_session")
		return rand.Read(b)
	})
	w := ask(t, c, "POST", "/rest-auth/login/", `{"username":"alice","password":"correct horse"}`, "Cookie", "sessionid="+old)
	if body := text(t, w); w.StatusCode != http.StatusBadRequest || !strings.Contains(body, "Bad Request (400)") || len(w.Cookies()) > 0 {
		t.Errorf("%d %v %s", w.StatusCode, w.Cookies(), body)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }
