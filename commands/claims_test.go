package commands_test

import (
	"strings"
	"testing"

	"tokenctl/db/dbtest"
)

// TestWrongClaims: tokens that tokenctl itself made do not count, --force goes on, and only
// commands that have it name it.
func TestWrongClaims(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, engine, _ string) {
		url, secrets := dbtest.Fixture(t, engine)
		c := withKey(cli{t: t, url: url}, secrets.SecretKey)
		with := func(toml string, args ...string) []string {
			return append(args, "--config", privateFile(t, toml))
		}
		const wrong, right = "[simplejwt]\nissuer = \"https://app.example\"\n", "[simplejwt]\nleeway = 0\n"
		refused := func(args ...string) string {
			t.Helper()
			out, errs, status := c.run("", args...)
			if status != 1 || out != "" || !strings.Contains(errs, "[simplejwt] issuer") {
				t.Errorf("%q: status %d, %s%s", args, status, out, errs)
			}
			return errs
		}
		mint := []string{"mint", "--kind", "jwt", "alice"}
		if errs := refused(with(wrong, mint...)...); !strings.Contains(errs, "--force") {
			t.Errorf("no way on is named: %s", errs)
		}
		create := []string{"user", "create", "new", "--no-password", "--with-token", "jwt"}
		if errs := refused(with(wrong, create...)...); strings.Contains(errs, "--force") {
			t.Errorf("user create has no --force: %s", errs)
		}
		if n := dbtest.Query(url, "select count(*) from auth_user where username = 'new'"); strings.TrimSpace(n) != "0" {
			t.Error("the user was made all the same")
		}
		// What --force made teaches nothing, however often.
		for range 8 {
			c.must("", with(wrong, append(mint, "--force")...)...)
		}
		refused(with(wrong, mint...)...)
		refused(with(wrong, append(mint, "--dry-run")...)...)
		c.must("", with(right, mint...)...)
		c.must("", with(right, "mint", "--kind", "jwt", "--all-users", "--yes")...)
		out, _, status := c.run("", with(wrong, "doctor", "-o", "ndjson")...)
		if status != 4 || !strings.Contains(out, "[simplejwt] issuer") {
			t.Errorf("doctor: status %d, %s", status, out)
		}
		out, _, _ = c.run("", with(right, "doctor", "-o", "ndjson")...)
		if !strings.Contains(out, `{"check":"jwt_application","status":"ok"`) || !strings.Contains(out, `{"check":"session_application","status":"ok"`) {
			t.Errorf("doctor: %s", out)
		}
		// --keep-going leaves the kind out.
		dbtest.Query(url, "delete from authtoken_token where user_id <> (select id from auth_user where username = 'alice')")
		out, errs, status := c.run("", with(wrong, "rotate", "--user", "alice", "--yes", "--keep-going", "-o", "ndjson", "--kind", "drf,jwt")...)
		if status != 6 || !strings.Contains(out, `"kind":"drf"`) || strings.Contains(out, `"refresh":"ey`) {
			t.Errorf("rotate --keep-going: status %d, %s", status, errs)
		}
		// Where the application stored none, nothing is compared.
		dbtest.Query(url, "delete from token_blacklist_blacklistedtoken")
		dbtest.Query(url, "delete from token_blacklist_outstandingtoken")
		c.must("", with(wrong, mint...)...)
		c.must("", with(right, mint...)...)
	})
}

// TestWrongBackend: a session of a backend that the application's own do not have.
func TestWrongBackend(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, engine, _ string) {
		url, secrets := dbtest.Fixture(t, engine)
		c := withKey(cli{t: t, url: url}, secrets.SecretKey)
		config := privateFile(t, "[auth]\nauthentication_backends = [\"allauth.account.auth_backends.AuthenticationBackend\"]\n")
		mint := []string{"mint", "--kind", "session", "alice"}
		for range 3 {
			out, errs, status := c.run("", append(mint, "--config", config)...)
			if status != 1 || out != "" || !strings.Contains(errs, "[auth] authentication_backends") || !strings.Contains(errs, "ModelBackend") {
				t.Errorf("status %d, %s%s", status, out, errs)
			}
			c.must("", append(mint, "--config", config, "--force", "--ttl", "900d")...)
		}
		c.must("", mint...)
	})
}
