package db_test

import (
	"fmt"
	"strings"
	"testing"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/db/dbtest"
)

// TestOutstandingNamesItsUser: a row without an owner belongs to the one user whom its JWT
// names, however that is written.
func TestOutstandingNamesItsUser(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, _, address string) {
		t.Parallel()
		s := outstandingStore(t, address)
		execute(t, address, `insert into auth_user (id, username, password, first_name, last_name, email, is_active, is_staff, is_superuser, date_joined)
			values (3, 'cid', '!', '', '', 'ann@example.org', true, false, false, '2026-01-01 00:00:00'), (4, 'dot', '!', '', '', '', true, false, false, '2026-01-01 00:00:00')`)
		byKey, byEmail := tokenctl.JWTSettings{}, tokenctl.JWTSettings{UserIDField: "email"}
		for i, test := range []struct {
			payload  string
			settings tokenctl.JWTSettings
			want     string // "several": several users
		}{
			{`{"user_id":2}`, byKey, "ben"},
			{"\n{ \"user_id\" :\t 2 ,\r\n \"token_type\" : \"refresh\" } ", byKey, "ben"},
			{`{"user_id":"2"}`, byKey, "ben"},
			{`{"user_id": 2, "user_id": 1}`, byKey, "ann"},
			{`{"\u0075ser_id":2}`, byKey, "ben"},
			{`{"x":{"user_id":2}}`, byKey, ""},
			{`{"x":"\"user_id\":2"}`, byKey, ""},
			{`{"user_id":5}`, byKey, ""}, {`{"user_id":null}`, byKey, ""}, {`{"user_id":""}`, byKey, ""}, {`{"user_id":"2 "}`, byKey, ""},
			{`{"user_id":"\u0000"}`, byKey, ""}, {`{"user_id":99999999999999999999999}`, byKey, ""},
			{`{"user_id":"ben@example.org"}`, byEmail, "ben"},
			{`{"user_id": "ben@\u0065xample.org"}`, byEmail, "ben"},
			{`{"user_id":"ann@example.org"}`, byEmail, "several"},
			{`{"user_id":"nobody@example.org"}`, byEmail, ""}, {`{"user_id":"'%s"}`, byEmail, ""}, {`{"user_id":"\u0000"}`, byEmail, ""}, {`{"user_id":"\ud800"}`, byEmail, ""},
		} {
			execute(t, address, "delete from token_blacklist_outstandingtoken")
			execute(t, address, fmt.Sprintf("insert into token_blacklist_outstandingtoken (id, jti, token, created_at, expires_at, user_id) values (%d, 'jti', '%s', null, '2030-01-01 00:00:00', null)", i+1, unsigned(test.payload)))
			seen := func(how string, token db.OutstandingToken) {
				got := token.User.Username
				if token.Several {
					got += "several"
				}
				if got != test.want {
					t.Errorf("%s, %s: the owner is %q, want %q", test.payload, how, got, test.want)
				}
			}
			for _, sort := range []string{"", "user", "status"} {
				f := db.Filter{Sort: sort}
				for _, token := range collect(t, s.OutstandingTokens(t.Context(), f, test.settings, decideJWT(f))) {
					seen("listed by "+sort, token)
				}
			}
			if err := s.Read(t.Context(), func(tx *db.Tx) error {
				token, err := tx.OutstandingToken(t.Context(), "jti", test.settings)
				if err == nil {
					seen("looked up", *token)
				}
				return err
			}); err != nil {
				t.Errorf("%s: %v", test.payload, err)
			}
			wanted := map[string]string{"ann": "1", "ben": "2"}[test.want]
			for _, id := range []string{"1", "2", "3", "4"} {
				if n := len(collect(t, s.OutstandingTokens(t.Context(), db.Filter{UserIDs: []string{id}}, test.settings, nil))); (n == 1) != (id == wanted) {
					t.Errorf("%s: %d tokens of the user %s", test.payload, n, id)
				}
			}
		}
	})
}

// TestOutstandingOrder: every field sorts JWTs, also those whose rows name no owner, alike
// on both engines, what is unknown last.
func TestOutstandingOrder(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, _, address string) {
		t.Parallel()
		s := outstandingStore(t, address)
		claims := func(user, typ string, issued int) string {
			return unsigned(fmt.Sprintf(`{"token_type":%q,"iat":%d,"user_id":%s}`, typ, issued, user))
		}
		sliding := unsigned(fmt.Sprintf(`{ "token_type" : "sliding", "iat" : 30, "refresh_exp": %d , "user_id": 1}`, outstandingNow.AddDate(20, 0, 0).Unix()))
		outstanding(t, s, []outstandingRow{
			{jti: "d", text: claims("2", "refresh", 50)}, // ben, who is inactive
			{jti: "b", text: claims("1", "refresh", 40), expires: "2026-01-01 00:00:00"},
			{jti: "a", text: sliding},
			{jti: "e", text: claims("77", "refresh", 20), expires: "2029-01-01 00:00:00"},
			{jti: "c", text: "", owner: 2, expires: "2028-01-01 00:00:00"},
			{jti: "f", text: claims("2", "refresh", 10), owner: 1, expires: "2027-01-01 00:00:00", blacklisted: true},
		})
		for sort, want := range map[string][2]string{
			"":        {"d b a e c f", "d b a e c f"},
			"id":      {"a b c d e f", "f e d c b a"},
			"kind":    {"a b c d e f", "f e d c b a"},
			"user":    {"a b f c d e", "c d a b f e"},
			"user_id": {"a b f c d e", "c d a b f e"},
			"created": {"f e a b d c", "d b a e f c"},
			"expires": {"b f c e d a", "a d e c f b"},
			"status":  {"a e f c d b", "b c d f a e"},
			"type":    {"b d e f a c", "a b d e f c"},
		} {
			for i, descending := range []bool{false, true} {
				f := db.Filter{Sort: sort, Descending: descending}
				if got := strings.Join(jtis(t, s, f, tokenctl.JWTSettings{}), " "); got != want[i] {
					t.Errorf("by %q, descending %t: %s, want %s", sort, descending, got, want[i])
				}
				f.Limit = 2
				if got := strings.Join(jtis(t, s, f, tokenctl.JWTSettings{}), " "); got != want[i][:3] {
					t.Errorf("the first two by %q, descending %t: %s, want %s", sort, descending, got, want[i][:3])
				}
			}
		}
	})
}
