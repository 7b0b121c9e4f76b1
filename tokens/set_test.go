package tokens_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"tokenctl/db"
	"tokenctl/db/dbtest"
	"tokenctl/django"
	"tokenctl/tokens"
)

// A set gives back of every kind what a list shows, more of them than one pack
// holds, and a change finds by it what it is about.
func TestSet(t *testing.T) {
	withKnox(t, func(t *testing.T, s *db.Store, env tokens.Env, _ db.User, address string) {
		const n = 6000
		numbers := fmt.Sprintf("with recursive n(i) as (select 1 union all select i + 1 from n where i < %d) ", n)
		long := strings.Repeat("x", 100)
		for _, statement := range []string{
			"insert into auth_user (id, password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined) " +
				"select 1000 + i, case when i % 2 = 0 then '!' else 'x' end, false, 'user' || i || '" + long + "', '', '', '', false, i % 3 > 0, '2026-01-01 00:00:00' from n",
			"insert into authtoken_token (key, created, user_id) select 'key ' || i, '2026-01-01 00:00:00.000001', 1000 + i from n",
			"insert into knox_authtoken (digest, token_key, created, expiry, user_id) select 'digest of more than sixteen ' || i, 'abcdefghijklmno', '2026-01-01 00:00:00', " +
				"case when i % 2 = 0 then '2999-01-01 00:00:00' end, 1000 + i from n",
			"insert into token_blacklist_outstandingtoken (id, jti, token, created_at, expires_at, user_id) select i, 'jti' || i, '', null, '2999-01-01 00:00:00', 1000 + i from n",
			"insert into django_session (session_key, session_data, expire_date) select 'session' || i, 'x', '2999-01-01 00:00:00' from n",
		} {
			if strings.Contains(address, "postgres") {
				statement = strings.ReplaceAll(strings.ReplaceAll(statement, "'2999-01-01 00:00:00'", "timestamptz '2999-01-01'"), "null,", "null::timestamptz,")
				statement = strings.ReplaceAll(strings.ReplaceAll(statement, "'2026-01-01 00:00:00'", "timestamptz '2026-01-01'"), "'2026-01-01 00:00:00.000001'", "timestamptz '2026-01-01 00:00:00.000001'")
			}
			if got := dbtest.Query(address, numbers+statement); got != "" {
				t.Fatal(got)
			}
		}
		env.Keys = func() (django.SecretKeys, error) { return nil, nil }
		var set tokens.Set
		var listed []tokens.Credential
		for c, err := range tokens.List(t.Context(), env, s, tokens.Selector{}) {
			if err != nil {
				t.Fatal(err)
			}
			set.Add(&c)
			listed = append(listed, c)
		}
		if set.Len() != 4*n || len(listed) != 4*n || len(set.Forms()) != 4 {
			t.Fatalf("a set of %d, listed %d, of %d forms", set.Len(), len(listed), len(set.Forms()))
		}
		byKind := map[*tokens.Kind][]tokens.Credential{}
		i := 0
		for c := range set.All() {
			if got, want := shown(&c), shown(&listed[i]); got != want {
				t.Fatalf("the set gives back %s for %s", got, want)
			}
			i++
			byKind[c.Of()] = append(byKind[c.Of()], c)
		}
		in(t, s, func(ctx context.Context, tx *db.Tx) error {
			for k, list := range byKind {
				// Somebody else has one of them.
				list[n/2] = list[0]
				refused, err := k.Blacklist(ctx, env, tx, list[1:])
				if err != nil || len(refused) != 0 {
					t.Errorf("%s: %v, %v", k.Name, refused, err)
				}
				refused, err = k.Blacklist(ctx, env, tx, list[1:3])
				want := django.CodeChanged
				if k == tokens.JWT {
					want = django.CodeAlreadyExists
				}
				if err != nil || len(refused) != 2 || django.CodeOf(refused[0]) != want || django.CodeOf(refused[1]) != want {
					t.Errorf("%s a second time: %v, %v", k.Name, refused, err)
				}
			}
			return nil
		})
		for table, left := range map[string]string{"authtoken_token": "1", "knox_authtoken": "1", "django_session": "1", "token_blacklist_blacklistedtoken": fmt.Sprint(n - 1)} {
			if got := strings.TrimSpace(dbtest.Query(address, "select count(*) from "+table)); got != left {
				t.Errorf("%s has %s rows, want %s", table, got, left)
			}
		}
	})
}

// shown is what a list shows of a credential, and what is said about it.
func shown(c *tokens.Credential) string {
	return fmt.Sprint(c.Kind, c.Type, c.ID, c.Owner.ID, c.Owner.Username, c.Owner.Active(), c.Owner.HasUsablePassword(), c.Status, c.Created, c.Expires, c.Signature)
}
