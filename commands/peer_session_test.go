package commands_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tokenctl/db/dbtest"
	"tokenctl/django"
	"tokenctl/django/djangotest"
)

// withKey is c with the application's SECRET_KEY.
func withKey(c cli, key string) cli {
	c.env = map[string]string{"TOKENCTL_SECRET_KEY": key}
	return c
}

// loggedIn asks Django whom a session key lets in; "" is nobody.
func loggedIn(t testing.TB, pr *djangotest.Project, key string) string {
	t.Helper()
	r := pr.Request("GET", "/test_session/", map[string]string{"Cookie": "sessionid=" + key}, "")
	var body string
	if r.Status == 403 {
		return ""
	}
	if err := json.Unmarshal([]byte(r.Body), &body); err != nil || r.Status != 200 {
		t.Fatalf("Django answers %d %s", r.Status, r.Body)
	}
	return strings.TrimSuffix(strings.TrimPrefix(body, "Hello "), "!")
}

// TestSessionFixtures: what real Django left in the fixtures, with its key and
// without one.
func TestSessionFixtures(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, engine, _ string) {
		url, secrets := dbtest.Fixture(t, engine)
		plain := cli{t: t, url: url}
		c := withKey(plain, secrets.SecretKey)
		want := map[string]string{"alice-web": "active", "alice-phone": "active", "bob-web": "active", "anonymous": "active",
			"alice-expired": "expired", "carol": "disabled"}
		if len(secrets.Sessions) != len(want) {
			t.Errorf("there are %d sessions", len(secrets.Sessions))
		}
		for name, key := range secrets.Sessions {
			if v := c.verdict(key); v != want[name] {
				t.Errorf("%s is %s, want %s", name, v, want[name])
			}
			if out, errs, status := plain.run(key, "verify", "-", "-o", "json"); status != 1 || out != "" || !strings.Contains(errs, `"code":"key_missing"`) {
				t.Errorf("%s without a key: status %d, %s%s", name, status, out, errs)
			}
			var shown struct {
				ID, Status, Signature, Expires string
				User, Created                  *string
			}
			text := c.must(key, "show", "-", "-o", "json")
			if err := json.Unmarshal([]byte(text), &shown); err != nil {
				t.Fatal(err)
			}
			owner, _, _ := strings.Cut(name, "-")
			if shown.Status != want[name] || shown.Signature != "verified" || shown.Created != nil || shown.Expires == "" ||
				(shown.User == nil) != (name == "anonymous") || shown.User != nil && *shown.User != owner {
				t.Errorf("%s: %s", name, text)
			}
			if strings.Contains(text, key) || c.must("", "show", shown.ID, "-o", "json") != text {
				t.Errorf("%s: show %s differs, or tells the key", name, shown.ID)
			}
			if got := plain.must("", "show", shown.ID, "--field", "status"); got != want[name] {
				t.Errorf("%s without a key: %s, want %s", name, got, want[name])
			}
		}
		for _, test := range []struct {
			args string
			want string
		}{
			{"--sort user", "alice alice alice bob carol "},
			{"--sort expires --limit 1", "alice"},
			{"--user alice", "alice alice alice"},
			{"--user alice --status expired", "alice"},
			{"--status disabled", "carol"},
			{"--status dead", ""},
			{"--staff --sort user", "bob"},
			{"--sort status --status disabled,expired", "carol alice"},
		} {
			args := append([]string{"list", "--kind", "session", "--field", "user"}, strings.Fields(test.args)...)
			if got := strings.ReplaceAll(plain.must("", args...), "\n", " "); got != test.want {
				t.Errorf("%s: %q, want %q", test.args, got, test.want)
			}
		}
	})
}

// TestPeerSessionFixtures: Django 4.2's sessions after tokenctl's changes, at
// every age of Django.
func TestPeerSessionFixtures(t *testing.T) {
	t.Parallel()
	dbtest.EachPeer(t, func(t *testing.T, p djangotest.Peer, engine string) {
		url, secrets := dbtest.Fixture(t, engine)
		pr := p.Project(t, url, djangotest.Options{SecretKey: secrets.SecretKey})
		c := withKey(cli{t: t, url: url}, secrets.SecretKey)
		for name, owner := range map[string]string{"alice-web": "alice", "bob-web": "bob", "alice-expired": "", "carol": "", "anonymous": ""} {
			if got := loggedIn(t, pr, secrets.Sessions[name]); got != owner {
				t.Errorf("%s lets %q in", name, got)
			}
		}
		renewed := c.must(secrets.Sessions["alice-web"], "rotate", "-")
		if loggedIn(t, pr, secrets.Sessions["alice-web"]) != "" || loggedIn(t, pr, renewed) != "alice" {
			t.Error("rotating alice-web went wrong")
		}
		c.must("", "blacklist", "--user", "alice", "--kind", "session", "--yes")
		if loggedIn(t, pr, renewed) != "" || loggedIn(t, pr, secrets.Sessions["alice-phone"]) != "" || loggedIn(t, pr, secrets.Sessions["bob-web"]) != "bob" {
			t.Error("blacklisting alice's sessions went wrong")
		}
	})
}

// login makes a session in Django, as its login does.
const login = `
from django.test import Client
client = Client()
client.force_login(User.objects.get(pk=pk))
result = client.session.session_key`

func TestPeerSessions(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	for _, model := range []string{"", "uuid"} {
		t.Run("user_"+model, func(t *testing.T) {
			peers(t, djangotest.Options{UserModel: model}, func(t *testing.T, pr *djangotest.Project, plain cli) {
				c := withKey(plain, djangotest.SecretKey)
				name, pk := "alice@example.org", ""
				pr.Eval(`
name = {User.USERNAME_FIELD: "alice@example.org"}
result = str(User.objects.create_user(**name).pk)`, &pk)
				signIn := func() (key string) {
					pr.Eval(login, &key, djangotest.Vars{"pk": pk})
					return key
				}

				// tokenctl writes, Django accepts.
				first := c.must("", "mint", "--kind", "session", name)
				if got := loggedIn(t, pr, first); got != name {
					t.Errorf("a minted session lets %q in", got)
				}
				var seen struct {
					Items   map[string]any
					Expires time.Time
				}
				const load = `
from django.contrib.sessions.models import Session
s = Session.objects.get(pk=key)
result = dict(Items=s.get_decoded(), Expires=s.expire_date)`
				pr.Eval(load, &seen, djangotest.Vars{"key": first})
				if age := time.Until(seen.Expires); len(seen.Items) != 3 || seen.Items["_auth_user_id"] != pk || age < 14*24*time.Hour-time.Minute || age > 14*24*time.Hour {
					t.Errorf("Django reads %+v", seen)
				}
				second := c.must(first, "rotate", "-")
				if loggedIn(t, pr, first) != "" || loggedIn(t, pr, second) != name {
					t.Error("rotating went wrong")
				}
				third := c.must(second, "rotate", "-", "--ttl", "1h")
				pr.Eval(load, &seen, djangotest.Vars{"key": third})
				if age := time.Until(seen.Expires); loggedIn(t, pr, third) != name || age < 59*time.Minute || age > time.Hour {
					t.Errorf("with another lifetime Django reads %+v", seen)
				}
				// The lifetime is the session's own, whoever writes it next.
				pr.Eval(`
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
s = SessionStore(session_key=key)
s["seen"] = True
s.save()
result = dict(Items=dict(s.items()), Expires=Session.objects.get(pk=key).expire_date)`, &seen, djangotest.Vars{"key": third})
				if age := time.Until(seen.Expires); age < 59*time.Minute || age > time.Hour || c.verdict(third) != "active" {
					t.Errorf("after Django wrote it: %+v, %s", seen, c.verdict(third))
				}
				c.must("", "blacklist", "--user", name, "--yes")
				if got := loggedIn(t, pr, third); got != "" {
					t.Errorf("a blacklisted session lets %q in", got)
				}

				// Django writes, tokenctl reads.
				theirs := signIn()
				if v := c.verdict(theirs); v != "active" {
					t.Errorf("Django's session is %s", v)
				}
				row := plain.must("", "list", "--kind", "session", "--columns", "user,user_id,status,signature")
				if row != name+"\t"+pk+"\tactive\tunchecked" {
					t.Errorf("list shows %q", row)
				}
				renewed := plain.must("", "rotate", plain.must("", "list", "--kind", "session", "-o", "id"))
				if loggedIn(t, pr, theirs) != "" || loggedIn(t, pr, renewed) != name || c.verdict(renewed) != "active" {
					t.Error("rotating Django's session went wrong")
				}
				wrong := withKey(plain, "not the application's")
				if _, errs, status := wrong.run("", "mint", "--kind", "session", name); status != 1 || !strings.Contains(errs, "not the application's") {
					t.Errorf("with another key: status %d, %s", status, errs)
				}

				// A new password ends both, here and there.
				minted := c.must("", "mint", "--kind", "session", name)
				c.must("another good one 7", "user", "password", name, "--password-stdin", "--config", privateFile(t, fewIterations))
				for _, key := range []string{minted, renewed} {
					if v := c.verdict(key); v != "dead" || loggedIn(t, pr, key) != "" {
						t.Errorf("after a change of password: %s", v)
					}
				}
				// An inactive user's are disabled.
				last := signIn()
				c.must("", "user", "deactivate", name)
				if v := c.verdict(last); v != "disabled" || loggedIn(t, pr, last) != "" {
					t.Errorf("an inactive user's session is %s", v)
				}
				plain.must(last, "blacklist", "-")
			})
		})
	}
}

// TestPeerSessionFallbacks: after a change of SECRET_KEY the old sessions live
// as long as it is a fallback, where Django knows fallbacks.
func TestPeerSessionFallbacks(t *testing.T) {
	t.Parallel()
	djangotest.Each(t, func(t *testing.T, p djangotest.Peer) {
		url, secrets := dbtest.Fixture(t, "sqlite")
		pr := p.Project(t, url, djangotest.Options{SecretKey: "a new key", Settings: fmt.Sprintf("SECRET_KEY_FALLBACKS = [%q]", secrets.SecretKey)})
		key := secrets.Sessions["alice-web"]
		file := privateFile(t, "secret_key_file = \"key\"\nsecret_key_fallback_files = [\"old\"]\n[peers]\ndjango = \""+p.Name+"\"\n")
		for name, text := range map[string]string{"key": "a new key\n", "old": secrets.SecretKey + "\n"} {
			if err := os.WriteFile(filepath.Join(filepath.Dir(file), name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		c := cli{t: t, url: url}
		out, _, _ := c.run(key, "verify", "-", "--config", file, "--columns", "status,reason")
		verdict, who := "active\t\n", "alice"
		if p.Name == "3.2" {
			verdict, who = "active\tbad_signature\n", ""
		}
		if got := loggedIn(t, pr, key); out != verdict || got != who {
			t.Errorf("tokenctl says %q, Django lets %q in", out, got)
		}
	})
}

// TestSessionKeyForms: what is no session key is unknown, whatever it is.
func TestSessionKeyForms(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, engine, _ string) {
		url, secrets := dbtest.Fixture(t, engine)
		c := withKey(cli{t: t, url: url}, secrets.SecretKey)
		for _, text := range []string{strings.ToUpper(secrets.Sessions["alice-web"]), secrets.Sessions["alice-web"][:31], "short", "abcdefgh%", strings.Repeat("a", 40)} {
			if v := c.verdict(text); v != "unknown" {
				t.Errorf("%q is %s", text, v)
			}
		}
		if !django.ValidSessionKey(secrets.Sessions["alice-web"]) {
			t.Error("Django would not look for it")
		}
	})
}
