package main

import (
	"fmt"
	"strings"
	"testing"
)

// TestTotals: of more than some tens of rows the number is said, and not a line for each.
func TestTotals(t *testing.T) {
	engines(t, func(w *world) {
		var names []string
		for n := range 30 {
			names = append(names, fmt.Sprintf("user%d", n))
			w.do(fmt.Sprintf("insert into auth_user (id, password, username, first_name, last_name, email, is_superuser, is_staff, is_active, date_joined) values (%d, '!', 'user%d', '', '', '', false, false, true, '2026-01-01')", n+1, n),
				fmt.Sprintf("insert into authtoken_token (key, created, user_id) values ('%040d', '2026-01-01', %d)", n, n+1),
				fmt.Sprintf("insert into token_blacklist_outstandingtoken (id, token, jti, created_at, expires_at, user_id) values (%d, '%s', 'jti%d', '2026-01-01', '9999-01-01', %d)", n+1, "none", n, n+1),
				fmt.Sprintf("insert into token_blacklist_blacklistedtoken (id, blacklisted_at, token_id) values (%d, '2026-01-01', %d)", n+1, n+1))
		}
		said := func(want string, args ...string) {
			t.Helper()
			r := w.run(w.command(args...))
			if got := databaseName.ReplaceAllString(r.stderr, "in DATABASE"); r.status != 0 || got != want {
				t.Errorf("%s: status %d, said\n%s", args[0]+" "+args[1], r.status, got)
			}
		}
		const refuse = "note: TokenAuthentication, knox, JWTAuthentication and sessions (JWTAuthentication by CHECK_USER_IS_ACTIVE, simplejwt's default: no setting says otherwise) refuse an inactive user at once\n"
		var ids []string
		for n := range 30 {
			ids = append(ids, fmt.Sprintf("jwt:jti%d", n))
		}
		said("unblacklisted 30 credentials in DATABASE\n", append([]string{"unblacklist"}, ids...)...)
		said("deactivated user0\n"+refuse+
			"note: simplejwt before 5.4 still exchanges user0's 1 jwt refresh token; to end that: tokenctl blacklist --user user0\n"+
			"deactivated 1 user in DATABASE\n", "user", "deactivate", "user0")
		said("1 user was inactive already\n"+refuse+
			"note: simplejwt before 5.4 still exchanges their 29 jwt refresh tokens; to end that: tokenctl blacklist --inactive --kind jwt\n"+
			"deactivated 29 users in DATABASE\n", append([]string{"user", "deactivate", "--yes"}, names...)...)
		said("note: valid again: 30 drf tokens, 30 jwt refresh tokens; sessions that have not expired, too\n"+
			"activated 30 users in DATABASE\n", append([]string{"user", "activate", "--yes"}, names...)...)
		r := w.run(w.command(append([]string{"user", "delete", "--yes", "-o", "id"}, names...)...))
		if !strings.HasSuffix(databaseName.ReplaceAllString(r.stderr, "in DATABASE"), "\ndeleted 30 users in DATABASE\n") || strings.Contains(r.stderr, "deleted user") {
			t.Errorf("status %d: %s", r.status, r.stderr)
		}
	})
}
