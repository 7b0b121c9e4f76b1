package commands_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"tokenctl/db/dbtest"
)

// TestIncidentProbe: the application is asked before and after the change, and the secret
// goes nowhere else.
func TestIncidentProbe(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, engine, _ string) {
		url, secrets := dbtest.Fixture(t, engine)
		c := cli{t: t, url: url}
		key := secrets.DRF["alice"]
		var elsewhere atomic.Int32
		other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
		defer other.Close()
		handle := func(w http.ResponseWriter, r *http.Request) {
			secret, is := strings.CutPrefix(r.Header.Get("Authorization"), "Token ")
			switch _, _, status := c.run(secret, "verify", "-"); {
			case r.URL.Path == "/moved/":
				http.Redirect(w, r, other.URL, http.StatusFound)
			case r.URL.Path != "/open/" && (!is || status != 0):
				w.WriteHeader(http.StatusUnauthorized)
			}
		}
		app := httptest.NewServer(http.HandlerFunc(handle))
		defer app.Close()
		secure := httptest.NewTLSServer(http.HandlerFunc(handle))
		defer secure.Close()

		// Nothing is sent, or nothing is done.
		for _, test := range []struct {
			probe  string
			status int
			says   string
		}{
			{"http://192.0.2.1/", 2, "over http only to this machine"},
			{"http://localhost.example/", 2, "over http only to this machine"},
			{"ftp://localhost/", 2, "takes an https URL"},
			{"http://user@127.0.0.1/", 2, "takes the URL of a view"},
			{"/test_auth/", 2, "takes the URL of a view"},
			{app.URL + "/moved/", 1, "answers the live secret with the status 302"},
			{secure.URL, 1, "cannot ask "},
			{"http://127.0.0.1:1/", 1, "cannot ask 127.0.0.1:1"},
		} {
			out, errs, status := c.run(key, "incident", "-", "--yes", "--probe", test.probe)
			if status != test.status || !strings.Contains(errs, test.says) || out != "" || strings.Contains(errs, key) {
				t.Errorf("%s: status %d, %s%s", test.probe, status, out, errs)
			}
		}
		if n := elsewhere.Load(); n != 0 {
			t.Errorf("a redirect was followed %d times", n)
		}
		if v := c.verdict(key); v != "active" {
			t.Fatalf("the token is %s", v)
		}
		if _, errs, status := c.run("", "incident", c.must("", "list", "--kind", "knox", "--user", "alice", "--status", "active", "--limit", "1", "-o", "id"), "--dry-run", "--probe", app.URL); status != 2 || !strings.Contains(errs, "only a digest") {
			t.Errorf("a knox token by its id: status %d, %s", status, errs)
		}

		type result struct {
			Proof []struct {
				ID    string
				Dead  bool
				Probe struct{ Before, After *int }
			}
			Contained bool
		}
		ask := func(secret, path string, want int) (r result) {
			t.Helper()
			out, errs, status := c.run(secret, "incident", "-", "--yes", "-o", "json", "--probe", app.URL+path)
			if err := json.Unmarshal([]byte(out), &r); err != nil || status != want || strings.Contains(out+errs, secret) {
				t.Fatalf("%s: status %d, %v, %s%s", path, status, err, out, errs)
			}
			if len(r.Proof) != 1 || r.Proof[0].Probe.Before == nil || *r.Proof[0].Probe.Before != 200 || r.Proof[0].Probe.After == nil {
				t.Fatalf("%s: %s", path, out)
			}
			return r
		}
		if r := ask(key, "/test_auth/", 4); !r.Contained || !r.Proof[0].Dead || *r.Proof[0].Probe.After != 401 {
			t.Errorf("%+v", r)
		}
		// A view that needs no login: the database says dead, the application does not.
		if r := ask(secrets.DRF["zoë"], "/open/", 4); r.Contained || r.Proof[0].Dead || *r.Proof[0].Probe.After != 200 {
			t.Errorf("%+v", r)
		}
	})
}
