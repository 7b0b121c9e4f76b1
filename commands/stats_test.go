package commands_test

import (
	"encoding/json"
	"strings"
	"testing"

	"tokenctl/db/dbtest"
)

// The counts of stats are those of SQL and of list, for every kind and status.
func TestStatsAgree(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, engine, url string) {
		c := cli{t: t, url: url, env: map[string]string{"TOKENCTL_SECRET_KEY": strings.Repeat("k", 50)}}
		c.must("", "init", "-q")
		c.must("", "user", "create", "root", "--superuser", "-q")
		c.must("", "user", "create", "staff", "--staff", "-q")
		c.must("", "user", "create", "plain", "idle", "--no-password", "-q")
		for _, kind := range []string{"drf", "knox", "jwt", "session"} {
			c.must("", "mint", "root", "staff", "plain", "idle", "--kind", kind, "-q")
		}
		c.must("", "mint", "plain", "--kind", "jwt", "--type", "sliding", "-q")
		c.must("", "mint", "plain", "--kind", "knox", "--never", "-q")
		c.must("", "blacklist", "--kind", "jwt", "--user", "staff", "--yes", "-q")
		c.must("", "user", "deactivate", "idle", "-q")
		c.must("", "user", "password", "staff", "--no-password", "-q") // whose session is dead then
		dbtest.Query(url, "update knox_authtoken set expiry = '2020-01-01 00:00:00' where user_id = (select id from auth_user where username = 'root')")
		dbtest.Query(url, "insert into token_blacklist_outstandingtoken (jti, token, created_at, expires_at) values ('0a', '', '2020-01-01 00:00:00', '2020-01-02 00:00:00')")
		var counts []struct {
			Kind, Status, By, Value string
			Count                   int
		}
		if err := json.Unmarshal([]byte(c.must("", "stats", "-o", "json")), &counts); err != nil {
			t.Fatal(err)
		}
		sums := map[[3]string]int{}
		for _, n := range counts {
			sums[[3]string{n.Kind, n.Status, n.By}] += n.Count
			sums[[3]string{n.Kind, "", n.By}] += n.Count
		}
		number := func(text string) (n int) {
			if err := json.Unmarshal([]byte(text), &n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		statuses := map[string]bool{}
		for kind, table := range map[string]string{"drf": "authtoken_token", "knox": "knox_authtoken", "jwt": "token_blacklist_outstandingtoken", "session": "django_session"} {
			for _, by := range []string{"owner", "age", "life"} {
				if got, want := sums[[3]string{kind, "", by}], number(dbtest.Query(url, "select count(*) from "+table)); got != want {
					t.Errorf("%s by %s: %d, SQL counts %d", kind, by, got, want)
				}
				for _, status := range []string{"active", "expired", "blacklisted", "disabled", "dead"} {
					got, want := sums[[3]string{kind, status, by}], number(c.must("", "list", "--kind", kind, "--status", status, "--count"))
					if got != want {
						t.Errorf("%s %s by %s: %d, list has %d", kind, status, by, got, want)
					}
					statuses[status] = statuses[status] || want > 0
				}
			}
		}
		if len(statuses) != 5 || statuses["dead"] == false || statuses["expired"] == false || statuses["blacklisted"] == false || statuses["disabled"] == false {
			t.Errorf("not every status was there: %v", statuses)
		}
	})
}
