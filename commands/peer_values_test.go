package commands_test

import (
	"testing"

	"tokenctl/db/dbtest"
	"tokenctl/django/djangotest"
)

// SQLite takes any value in any column. What Django makes of one decides: verify says so,
// and whatever Django accepts can be revoked.
func TestPeerOddValues(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	djangotest.Each(t, func(t *testing.T, p djangotest.Peer) {
		t.Parallel()
		pr, url := dbtest.Migrated(t, p, "sqlite", djangotest.Options{})
		pr.Eval(`User.objects.create_user("alice"); result = None`, nil)
		c := withKey(cli{t: t, url: url}, djangotest.SecretKey)
		kinds := map[string]struct{ path, header, prefix, column string }{
			"drf":     {"/test_auth/", "Authorization", "Token ", "authtoken_token set created"},
			"session": {"/test_session/", "Cookie", "sessionid=", "django_session set expire_date"},
			"jwt":     {"/test_jwt/", "Authorization", "Bearer ", "token_blacklist_outstandingtoken set expires_at"},
		}
		if djangotest.HasKnox() {
			kinds["knox"] = struct{ path, header, prefix, column string }{"/test_knox/", "Authorization", "Token ", "knox_authtoken set expiry"}
		}
		for name, k := range kinds {
			m := c.makes("mint", "alice", "--kind", name)
			secret := m.Token + m.Refresh
			compare := func(change string) (accepted bool) {
				t.Helper()
				dbtest.Query(url, "update "+change)
				_, _, status := c.run(secret, "verify", "-")
				r := pr.Request("GET", k.path, map[string]string{k.header: k.prefix + secret}, "")
				if name == "jwt" {
					r = pr.Request("POST", "/api/token/refresh/", map[string]string{"Content-Type": "application/json"}, `{"refresh":"`+secret+`"}`)
				}
				accepted = r.Status == 200
				if accepted && status != 0 || !accepted && status != 4 {
					t.Errorf("%s: update %s: Django answers %d, and verify is %d", name, change, r.Status, status)
				}
				return accepted
			}
			for _, value := range []string{"''", "'junk'", "5", "1700000000.5", "'2050-13-45 00:00:00'", "'2050-11-22'", "x'6a'", "'2050-1-2 3:04'", "'2020-1-2 3:04'", "'2050-11-22 25:00:00'", "'2020-11-22 00:00:00'",
				"cast(x'ff' as text)", "'2050-11-22 10:00:00.1234567'", "'2050-11-22 10:00:00 '", "'2050-11-22 10:00:00,5'", "'infinity'", "'0000-01-01 00:00:00'", "'2050-02-31 00:00:00'"} {
				compare(k.column + " = " + value)
			}
			compare(k.column + " = '2050-11-22 00:00:00'")
			// simplejwt before 5.4 refreshes a token without reading its user.
			if name != "jwt" {
				compare("auth_user set date_joined = '2020-02-31 00:00:00'")
				for _, value := range []string{"0", "7", "''", "'x'", "'true'", "2.5", "x'31'", "-1", "1"} {
					compare("auth_user set is_staff = 7, is_active = " + value)
				}
			}
			compare("auth_user set date_joined = 'junk', last_login = 5")
			if !compare(k.column + " = 'junk'") {
				t.Errorf("%s: Django refuses a token with a date that is none", name)
			}
			c.must(secret, "blacklist", "-")
			if compare("auth_user set date_joined = '2020-01-01 00:00:00', last_login = null") {
				t.Errorf("%s: Django accepts what was revoked", name)
			}
		}
	})
}
