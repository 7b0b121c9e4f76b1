package commands_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"tokenctl/db/dbtest"
	"tokenctl/django/djangotest"
)

// knoxPeers is peers for a project that has knox, with settings for both sides;
// without a checkout of knox it does nothing.
func knoxPeers(t *testing.T, python, toml string, f func(t *testing.T, pr *djangotest.Project, c cli)) {
	if !djangotest.HasKnox() {
		return
	}
	peers(t, djangotest.Options{Settings: python}, func(t *testing.T, pr *djangotest.Project, c cli) {
		if toml != "" {
			c.more = []string{"--config", privateFile(t, toml)}
		}
		pr.Eval(`User.objects.create_user("alice", password="correct horse battery"); result = None`, nil)
		f(t, pr, c)
	})
}

// knoxAccepts asks the Django application about a knox token.
func knoxAccepts(t testing.TB, pr *djangotest.Project, token string, status int, body string) {
	t.Helper()
	r := pr.Request("GET", "/test_knox/", map[string]string{"Authorization": "Token " + token}, "")
	if r.Status != status || r.Body != body {
		t.Errorf("Django answers %d %s, want %d %s", r.Status, r.Body, status, body)
	}
}

// knoxLogin is a token from knox's own LoginView.
func knoxLogin(t testing.TB, pr *djangotest.Project) (token string, r djangotest.Response) {
	t.Helper()
	basic := base64.StdEncoding.EncodeToString([]byte("alice:correct horse battery"))
	r = pr.Request("POST", "/knox/login/", map[string]string{"Authorization": "Basic " + basic}, "")
	var answer struct{ Token string }
	if r.Status == 200 {
		if err := json.Unmarshal([]byte(r.Body), &answer); err != nil {
			t.Fatal(err)
		}
	}
	return answer.Token, r
}

func TestPeerKnoxTokens(t *testing.T) {
	knoxPeers(t, "", "", func(t *testing.T, pr *djangotest.Project, c cli) {
		const hello = `"Hello alice!"`

		// tokenctl writes, Django accepts.
		first := c.must("", "mint", "--kind", "knox", "alice")
		forever := c.must("", "mint", "--kind", "knox", "alice", "--never")
		knoxAccepts(t, pr, first, 200, hello)
		knoxAccepts(t, pr, forever, 200, hello)
		second := c.must(first, "rotate", "-")
		knoxAccepts(t, pr, first, 401, invalidToken)
		knoxAccepts(t, pr, second, 200, hello)
		c.must("", "user", "deactivate", "alice")
		knoxAccepts(t, pr, second, 401, inactiveUser)
		if v := c.verdict(second); v != "disabled" {
			t.Errorf("an inactive user's token is %s", v)
		}
		c.must("", "user", "activate", "alice")
		c.must(second, "blacklist", "-")
		knoxAccepts(t, pr, second, 401, invalidToken)
		knoxAccepts(t, pr, forever, 200, hello)
		var rows []struct {
			Expiry, Created *time.Time
		}
		pr.Eval(`
from knox.models import AuthToken
result = [dict(Expiry=t.expiry, Created=t.created) for t in AuthToken.objects.all()]`, &rows)
		if len(rows) != 1 || rows[0].Expiry != nil || time.Since(*rows[0].Created).Abs() > time.Minute {
			t.Errorf("Django reads %+v", rows)
		}

		// Both live while they overlap, and only the new one behind it.
		third := c.must(forever, "rotate", "-", "--overlap", "1h", "--ttl", "2d")
		knoxAccepts(t, pr, forever, 200, hello)
		knoxAccepts(t, pr, third, 200, hello)
		var left []float64
		pr.Eval(`
from knox.models import AuthToken
result = sorted((t.expiry - timezone.now()).total_seconds() / 3600 for t in AuthToken.objects.all())`, &left)
		if len(left) != 2 || left[0] < 0.9 || left[0] > 1 || left[1] < 47.9 || left[1] > 48 {
			t.Errorf("hours left: %v", left)
		}
		// At the end of the overlap Django deletes the row itself.
		pr.Eval(`
import datetime
from knox.models import AuthToken
row = AuthToken.objects.order_by("expiry")[0]
row.expiry = timezone.now() - datetime.timedelta(seconds=1); row.save(); result = None`, nil)
		if v := c.verdict(forever); v != "expired" {
			t.Errorf("behind the overlap the old token is %s", v)
		}
		knoxAccepts(t, pr, forever, 401, invalidToken)
		knoxAccepts(t, pr, third, 200, hello)
		if v := c.verdict(forever); v != "unknown" {
			t.Errorf("after Django deleted it the old token is %s", v)
		}
		c.must("", "blacklist", "--kind", "knox", "--yes")
		knoxAccepts(t, pr, third, 401, invalidToken)

		// Django writes, tokenctl reads.
		token, r := knoxLogin(t, pr)
		if r.Status != 200 || c.verdict(token) != "active" {
			t.Errorf("login: %d %s", r.Status, r.Body)
		}
		var theirs struct {
			Digest          string
			Created, Expiry time.Time
		}
		pr.Eval(`from knox.models import AuthToken; t = AuthToken.objects.get(); result = dict(Digest=t.digest, Created=t.created, Expiry=t.expiry)`, &theirs)
		id := c.must("", "list", "--user", "alice", "--kind", "knox", "-o", "id")
		if id != "knox:"+theirs.Digest[:16] {
			t.Errorf("the id is %s for %s", id, theirs.Digest)
		}
		var ours struct{ Created, Expires time.Time }
		if err := json.Unmarshal([]byte(c.must("", "show", "knox:"+theirs.Digest, "-o", "json")), &ours); err != nil {
			t.Fatal(err)
		}
		if !ours.Created.Equal(theirs.Created) || !ours.Expires.Equal(theirs.Expiry) {
			t.Errorf("%+v, Django says %+v", ours, theirs)
		}
		renewed := c.must("", "rotate", id, "--keep-expiry")
		knoxAccepts(t, pr, token, 401, invalidToken)
		knoxAccepts(t, pr, renewed, 200, hello)
		var kept time.Time
		pr.Eval(`from knox.models import AuthToken; result = AuthToken.objects.get().expiry`, &kept)
		if !kept.Equal(theirs.Expiry) {
			t.Errorf("--keep-expiry: %s, was %s", kept, theirs.Expiry)
		}
		c.must(renewed, "blacklist", "-")
		knoxAccepts(t, pr, renewed, 401, invalidToken)

		// A DRF key goes on as a knox token.
		key := c.must("", "mint", "alice")
		knoxAccepts(t, pr, key, 401, invalidToken)
		out, errs, status := c.run("", "mint", "--kind", "knox", "--import-drf", "alice", "--never")
		if status != 0 || out != "" || strings.Contains(errs, key) {
			t.Errorf("import: status %d, %s%s", status, out, errs)
		}
		knoxAccepts(t, pr, key, 200, hello)
		accepts(t, pr, key, 200, hello)
		c.must("", "mint", "--kind", "knox", "--import-drf", "alice")
		c.must("", "blacklist", "--kind", "knox", "--user", "alice", "--yes")
		knoxAccepts(t, pr, key, 401, invalidToken)
	})
}

// TestPeerKnoxLimit: knox refuses a login where tokenctl refuses to mint.
func TestPeerKnoxLimit(t *testing.T) {
	knoxPeers(t, `REST_KNOX = {"TOKEN_LIMIT_PER_USER": 2}`, "[knox]\ntoken_limit_per_user = 2\n", func(t *testing.T, pr *djangotest.Project, c cli) {
		if _, r := knoxLogin(t, pr); r.Status != 200 {
			t.Fatalf("login: %d %s", r.Status, r.Body)
		}
		// One that never expires does not count, neither does one that has expired.
		c.must("", "mint", "--kind", "knox", "alice", "--never")
		pr.Eval(`
import datetime
from knox.models import AuthToken
AuthToken.objects.create(User.objects.get(), expiry=datetime.timedelta(seconds=-5)); result = None`, nil)
		c.must("", "mint", "--kind", "knox", "alice")
		if _, r := knoxLogin(t, pr); r.Status != 403 {
			t.Errorf("Django allows a third token: %d %s", r.Status, r.Body)
		}
		if out, errs, status := c.run("", "mint", "--kind", "knox", "alice"); status != 5 || out != "" || !strings.Contains(errs, "alice has 2 knox tokens, and TOKEN_LIMIT_PER_USER is 2") {
			t.Errorf("tokenctl allows a third token: %d %s", status, errs)
		}
	})
}

// TestPeerKnoxRefresh: show foretells what AUTO_REFRESH does.
func TestPeerKnoxRefresh(t *testing.T) {
	knoxPeers(t, `REST_KNOX = {"AUTO_REFRESH": True}`, "[knox]\nauto_refresh = true\n", func(t *testing.T, pr *djangotest.Project, c cli) {
		token := c.must("", "mint", "--kind", "knox", "alice", "--ttl", "1h")
		var shown struct{ Notes []string }
		if err := json.Unmarshal([]byte(c.must(token, "show", "-", "-o", "json")), &shown); err != nil {
			t.Fatal(err)
		}
		knoxAccepts(t, pr, token, 200, `"Hello alice!"`)
		var expiry time.Time
		pr.Eval(`
from knox.models import AuthToken
result = AuthToken.objects.get().expiry`, &expiry)
		const before, behind = "AUTO_REFRESH is on: used now, the token would be renewed to ", " (TOKEN_TTL 10h, knox's default: no setting says otherwise)"
		if len(shown.Notes) != 1 || !strings.HasPrefix(shown.Notes[0], before) || !strings.HasSuffix(shown.Notes[0], behind) {
			t.Fatalf("notes: %q", shown.Notes)
		}
		foretold, err := time.Parse(time.RFC3339, strings.TrimSuffix(strings.TrimPrefix(shown.Notes[0], before), behind))
		if err != nil || expiry.Sub(foretold).Abs() > time.Minute {
			t.Errorf("renewed to %s, foretold %s, %v", expiry, foretold, err)
		}
		if _, errs, status := c.run(token, "rotate", "-", "--overlap", "1h"); status != 2 || !strings.Contains(errs, "AUTO_REFRESH") {
			t.Errorf("overlap: status %d, %s", status, errs)
		}
		renewed := c.must(token, "rotate", "-")
		knoxAccepts(t, pr, token, 401, invalidToken)
		knoxAccepts(t, pr, renewed, 200, `"Hello alice!"`)
	})
}

// TestPeerKnoxSettings: a prefix and another digest, where knox has them.
func TestPeerKnoxSettings(t *testing.T) {
	if !djangotest.HasKnox() || knoxIs42() {
		return
	}
	knoxPeers(t, `REST_KNOX = {"TOKEN_PREFIX": "acme_", "SECURE_HASH_ALGORITHM": "hashlib.sha3_256", "AUTH_TOKEN_CHARACTER_LENGTH": 80, "TOKEN_TTL": None}`,
		"[knox]\ntoken_prefix = \"acme_\"\nsecure_hash_algorithm = \"hashlib.sha3_256\"\nauth_token_character_length = 80\ntoken_ttl = \"never\"\n",
		func(t *testing.T, pr *djangotest.Project, c cli) {
			token := c.must("", "mint", "--kind", "knox", "alice")
			if !strings.HasPrefix(token, "acme_") || len(token) != 85 {
				t.Errorf("the token has %d characters", len(token))
			}
			knoxAccepts(t, pr, token, 200, `"Hello alice!"`)
			theirs, _ := knoxLogin(t, pr)
			if v := c.verdict(theirs); v != "active" {
				t.Errorf("Django's token is %s", v)
			}
			var never int
			pr.Eval(`
from knox.models import AuthToken
result = AuthToken.objects.filter(expiry=None).count()`, &never)
			if never != 2 {
				t.Errorf("%d tokens never expire", never)
			}
		})
}

// TestKnoxFixtures: what real knox left in the fixtures verifies, without Django.
func TestKnoxFixtures(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, engine, _ string) {
		url, secrets := dbtest.Fixture(t, engine)
		c := cli{t: t, url: url}
		want := map[string]string{"carol": "disabled", "zoë-expired": "expired"}
		for name, token := range secrets.Knox {
			expected := want[name]
			if expected == "" {
				expected = "active"
			}
			if v := c.verdict(token); v != expected {
				t.Errorf("%s is %s, want %s", name, v, expected)
			}
			if v := c.verdict(token[:63] + "g"); v != "unknown" {
				t.Errorf("%s with another end is %s", name, v)
			}
		}
		if n := strings.Count(c.must("", "list", "--kind", "knox"), "\n") + 1; n != len(secrets.Knox) {
			t.Errorf("list shows %d tokens of %d", n, len(secrets.Knox))
		}
	})
}
