package commands_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tokenctl/commands"
	"tokenctl/db/dbtest"
	"tokenctl/django/djangotest"
)

// cli runs tokenctl in this process against one database.
type cli struct {
	t    testing.TB
	url  string
	env  map[string]string
	more []string  // arguments behind all others
	now  time.Time // the clock stands there; zero: it runs
}

// run returns the two streams and the exit status.
func (c cli) run(stdin string, args ...string) (stdout, stderr string, status int) {
	c.t.Helper()
	var out, errs bytes.Buffer
	now := time.Now
	if !c.now.IsZero() {
		now = func() time.Time { return c.now }
	}
	app := &commands.App{Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &errs, Now: now, Random: rand.Reader,
		Getenv: func(name string) string {
			if value, given := c.env[name]; given || name != "DATABASE_URL" {
				return value
			}
			return c.url
		}, CompletionTime: time.Minute}
	status = app.Run(c.t.Context(), slices.Concat(args, c.more))
	return out.String(), errs.String(), status
}

// must is run for a command that has to succeed; it returns stdout without the
// last line end.
func (c cli) must(stdin string, args ...string) string {
	c.t.Helper()
	out, errs, status := c.run(stdin, args...)
	if status != 0 {
		c.t.Fatalf("tokenctl %s: status %d\n%s", strings.Join(args, " "), status, errs)
	}
	return strings.TrimSuffix(out, "\n")
}

// verdict is tokenctl's and must fit the exit status.
func (c cli) verdict(secret string) string {
	c.t.Helper()
	out, errs, status := c.run(secret, "verify", "-", "-o", "json")
	var answer struct {
		Status, Reason *string
	}
	if err := json.Unmarshal([]byte(out), &answer); err != nil {
		c.t.Fatalf("verify: %v\n%s%s", err, out, errs)
	}
	if answer.Reason == nil {
		if status != 0 || *answer.Status != "active" {
			c.t.Errorf("verify says %s with exit status %d", out, status)
		}
		return *answer.Status
	}
	if status != 4 {
		c.t.Errorf("verify says %s with exit status %d", out, status)
	}
	return *answer.Reason
}

// accepts asks the Django application about a DRF key.
func accepts(t testing.TB, pr *djangotest.Project, key string, status int, body string) {
	t.Helper()
	r := pr.Request("GET", "/test_auth/", map[string]string{"Authorization": "Token " + key}, "")
	if r.Status != status || r.Body != body {
		t.Errorf("Django answers %d %s, want %d %s", r.Status, r.Body, status, body)
	}
}

const (
	invalidToken = `{"detail":"Invalid token."}`
	inactiveUser = `{"detail":"User inactive or deleted."}`
)

// cheapHashes are settings of Django for tests that need a password and do not look at its hash.
const cheapHashes = `PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]`

// peers runs f for every Django age and engine, with a migrated project.
func peers(t *testing.T, o djangotest.Options, f func(t *testing.T, pr *djangotest.Project, c cli)) {
	t.Helper()
	t.Parallel()
	dbtest.EachPeer(t, func(t *testing.T, p djangotest.Peer, engine string) {
		pr, url := dbtest.Migrated(t, p, engine, o)
		f(t, pr, cli{t: t, url: url})
	})
}

func TestPeerDRFTokens(t *testing.T) {
	peers(t, djangotest.Options{}, func(t *testing.T, pr *djangotest.Project, c cli) {
		pr.Eval(`User.objects.create_user("alice"); result = None`, nil)

		// tokenctl writes, Django accepts.
		first := c.must("", "mint", "alice")
		accepts(t, pr, first, 200, `"Hello alice!"`)
		second := c.must(first, "rotate", "-")
		accepts(t, pr, first, 401, invalidToken)
		accepts(t, pr, second, 200, `"Hello alice!"`)
		c.must("", "user", "deactivate", "alice")
		accepts(t, pr, second, 401, inactiveUser)
		if v := c.verdict(second); v != "disabled" {
			t.Errorf("an inactive user's token is %s", v)
		}
		c.must("", "user", "activate", "alice")
		accepts(t, pr, second, 200, `"Hello alice!"`)
		c.must("", "blacklist", "--user", "alice", "--yes")
		accepts(t, pr, second, 401, invalidToken)

		// Django writes, tokenctl reads.
		var key string
		pr.Eval(`result = Token.objects.create(user=User.objects.get(username="alice")).key`, &key)
		if v := c.verdict(key); v != "active" {
			t.Errorf("Django's token is %s", v)
		}
		id := c.must("", "list", "--user", "alice", "-o", "id")
		if !strings.HasPrefix(id, "drf:1@") {
			t.Errorf("list shows %s", id)
		}
		var created struct{ Created time.Time }
		if err := json.Unmarshal([]byte(c.must("", "show", id, "-o", "json")), &created); err != nil {
			t.Fatal(err)
		}
		var theirs time.Time
		pr.Eval(`result = Token.objects.get().created`, &theirs)
		if !created.Created.Equal(theirs) {
			t.Errorf("created %s, Django says %s", created.Created, theirs)
		}
		third := c.must("", "rotate", id)
		accepts(t, pr, key, 401, invalidToken)
		accepts(t, pr, third, 200, `"Hello alice!"`)
		var read time.Time
		pr.Eval(`result = Token.objects.get().created`, &read)
		if age := time.Since(read); age < -time.Minute || age > time.Minute {
			t.Errorf("Django reads a rotated token's date as %s", read)
		}
		c.must(third, "blacklist", "-")
		accepts(t, pr, third, 401, invalidToken)
	})
}

func TestPeerUsers(t *testing.T) {
	dbtest.Slow(t)
	peers(t, djangotest.Options{}, func(t *testing.T, pr *djangotest.Project, c cli) {
		pr.Eval(`User.objects.create_user("theirs", password="correct horse battery"); result = None`, nil)
		key := c.must("pässwörd 42-xyz\n", "user", "create", "zoë", "--password-stdin", "--with-token", "drf", "--email", "Zoe@EXAMPLE.org", "--staff")
		accepts(t, pr, key, 200, `"Hello zoë!"`)

		var before, after string
		const stored = `result = User.objects.get(username="zoë").password`
		pr.Eval(stored, &before)
		body, err := json.Marshal(map[string]string{"username": "zoë", "password": "pässwörd 42-xyz"})
		if err != nil {
			t.Fatal(err)
		}
		r := pr.Request("POST", "/api-token-auth/", map[string]string{"Content-Type": "application/json"}, string(body))
		if r.Status != 200 || r.Body != fmt.Sprintf(`{"token":%q}`, key) {
			t.Errorf("obtain_auth_token answers %d %s", r.Status, r.Body)
		}
		pr.Eval(stored, &after)
		if before != after {
			t.Errorf("Django rewrote the hash %.24s… to %.24s…", before, after)
		}
		var seen struct {
			Right, Wrong, Staff, Super, Active bool
			Email                              string
			LastLogin                          *string
			Problems                           string
		}
		pr.Eval(`
u = User.objects.get(username="zoë")
try:
    u.full_clean(); problems = ""
except Exception as e:
    problems = str(e)
result = dict(Right=u.check_password("pässwörd 42-xyz"), Wrong=u.check_password("other"), Staff=u.is_staff, Super=u.is_superuser,
    Active=u.is_active, Email=u.email, LastLogin=u.last_login, Problems=problems)`, &seen)
		if !seen.Right || seen.Wrong || !seen.Staff || seen.Super || !seen.Active || seen.Email != "Zoe@example.org" || seen.LastLogin != nil || seen.Problems != "" {
			t.Errorf("Django sees %+v", seen)
		}

		// A service account has no usable password.
		c.must("", "user", "create", "bot")
		var usable bool
		pr.Eval(`result = User.objects.get(username="bot").has_usable_password()`, &usable)
		if usable {
			t.Error("Django thinks that a service account's password is usable")
		}

		// A password that tokenctl sets.
		c.must("another good one 7", "user", "password", "theirs", "--password-stdin")
		var right bool
		pr.Eval(`result = User.objects.get(username="theirs").check_password("another good one 7")`, &right)
		if !right {
			t.Error("Django refuses the password that tokenctl set")
		}

		// Deleting removes what Django would remove.
		c.must("", "user", "delete", "zoë", "--yes")
		accepts(t, pr, key, 401, invalidToken)
		var left int
		pr.Eval(`result = User.objects.filter(username="zoë").count() + Token.objects.count()`, &left)
		if left != 0 {
			t.Errorf("%d rows are left", left)
		}
	})
}

// TestPeerFixtures: what real Django left in the fixtures verifies, and Django
// accepts what tokenctl does to it.
func TestPeerFixtures(t *testing.T) {
	t.Parallel()
	dbtest.EachPeer(t, func(t *testing.T, p djangotest.Peer, engine string) {
		url, secrets := dbtest.Fixture(t, engine)
		pr := p.Project(t, url, djangotest.Options{SecretKey: secrets.SecretKey})
		c := cli{t: t, url: url}
		for name, key := range secrets.DRF {
			want, status, body := "active", 200, fmt.Sprintf("%q", "Hello "+name+"!")
			if name == "carol" {
				want, status, body = "disabled", 401, inactiveUser
			}
			if v := c.verdict(key); v != want {
				t.Errorf("%s's token is %s, want %s", name, v, want)
			}
			accepts(t, pr, key, status, body)
		}
		if n := strings.Count(c.must("", "list", "--kind", "drf"), "\n") + 1; n != len(secrets.DRF) {
			t.Errorf("list shows %d tokens of %d", n, len(secrets.DRF))
		}
		old := secrets.DRF["zoë"]
		renewed := c.must("", "rotate", "--user", "zoë", "--confirm", "1")
		_, renewed, _ = strings.Cut(renewed, "\t")
		accepts(t, pr, old, 401, invalidToken)
		accepts(t, pr, renewed, 200, `"Hello zoë!"`)
		c.must(renewed, "blacklist", "-")
		accepts(t, pr, renewed, 401, invalidToken)
		// A user without a token, with a name that would break careless SQL.
		minted := c.must("", "mint", "o'brien")
		accepts(t, pr, minted, 200, `"Hello o'brien!"`)
	})
}
