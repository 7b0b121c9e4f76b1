package tokens_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/db/dbtest"
	"tokenctl/db/engine"
	"tokenctl/django"
	"tokenctl/tokens"
)

// open opens a test's database.
func open(t *testing.T, url string) (*db.Store, tokens.Env) {
	t.Helper()
	target, err := engine.ParseURL(url, "")
	if err != nil {
		t.Fatal(err)
	}
	store, err := db.Open(target, db.Options{Timeout: 5 * time.Second, Now: time.Now, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store, tokens.Env{Settings: new(tokenctl.Settings), Random: rand.Reader,
		Keys: func() (django.SecretKeys, error) { return nil, nil },
		JWT: func() (*django.JWTBackend, error) {
			return django.NewJWTBackend(tokenctl.JWTSettings{}, django.JWTKeys{}, "", "")
		}}
}

// TestListMergesKinds: whatever sorts, a list over all kinds is in the order that
// its credentials compare in, and the same through PgBouncer, where a second
// connection would wait for the first for ever.
func TestListMergesKinds(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, engine, _ string) {
		url, _ := dbtest.Fixture(t, engine)
		if engine == "postgres" {
			url = dbtest.PgBouncer(t, url)
		}
		store, env := open(t, url)
		ids := func(s tokens.Selector) (list []string) {
			t.Helper()
			for c, err := range tokens.List(t.Context(), env, store, s) {
				if err != nil {
					t.Fatalf("sorted by %q: %v", s.Sort, err)
				}
				list = append(list, c.ID)
			}
			return list
		}
		all := ids(tokens.Selector{})
		if len(all) != 23 {
			t.Fatalf("the fixture has %d credentials", len(all))
		}
		for _, field := range tokens.Sorts() {
			for _, descending := range []bool{false, true} {
				s := tokens.Selector{Sort: field, Descending: descending}
				got := ids(s)
				if !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(all))) {
					t.Errorf("sorted by %s: another set: %s", field, strings.Join(got, " "))
				}
				s.Limit = 7
				if first := ids(s); !slices.Equal(first, got[:7]) {
					t.Errorf("the first seven by %s: %s, of %s", field, strings.Join(first, " "), strings.Join(got, " "))
				}
			}
		}
		// What never expires comes last.
		var last time.Time
		never := false
		for c, err := range tokens.List(t.Context(), env, store, tokens.Selector{Sort: "expires"}) {
			if err != nil {
				t.Fatal(err)
			}
			if !c.Expires.IsZero() && (never || c.Expires.Before(last)) {
				t.Errorf("%s expires at %s, behind %s", c.ID, c.Expires, last)
			}
			last, never = c.Expires, c.Expires.IsZero()
		}
	})
}

// many is how many rows of each kind it takes for lists to be read ahead of one
// another, over several pages.
const many = 2100

// TestListReadsAhead: the lists of all kinds, each read ahead of the others over
// the one connection of a snapshot, come out whole and in order, and leave the
// connection as it was when they are not read to their end.
func TestListReadsAhead(t *testing.T) {
	t.Parallel()
	url, _ := dbtest.FixtureAlone(t, "postgres") // a relay would only make the lists slower
	dbtest.Exec(t, url, fmt.Sprintf(`
		create temporary table n as select i, now() - interval '1 second' * (i * 7919 %% %[1]d) as moment from generate_series(1, %[1]d) i;
		insert into auth_user (id, password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined)
			select 10000 + i, '!', false, 'many' || i, '', '', '', false, true, moment from n;
		insert into authtoken_token (key, created, user_id) select md5('drf' || i), moment, 10000 + i from n;
		insert into knox_authtoken (digest, token_key, created, user_id, expiry)
			select encode(sha512(convert_to('knox' || i, 'utf8')), 'hex'), left(md5('knox' || i), 8), moment, 10000 + i, null from n;
		insert into token_blacklist_outstandingtoken (jti, token, created_at, expires_at, user_id)
			select md5('jwt' || i), '', moment, now() + interval '1 day', 10000 + i from n;
		insert into django_session (session_key, session_data, expire_date)
			select md5('session' || i), (select session_data from django_session limit 1), now() + interval '1 day' from n`, many))
	store, env := open(t, url)
	ids := func(ctx context.Context, s tokens.Selector, most int) (list []string, err error) {
		for c, err := range tokens.List(ctx, env, store, s) {
			if err != nil {
				return list, err
			}
			if list = append(list, c.ID); len(list) == most {
				break
			}
		}
		return list, nil
	}
	for _, field := range []string{"created", "expires", "user"} {
		s := tokens.Selector{Sort: field}
		all, err := ids(t.Context(), s, 0)
		if err != nil || len(all) != 23+4*many {
			t.Fatalf("by %s: %d credentials, %v", field, len(all), err)
		}
		s.Descending = true
		if _, err := ids(t.Context(), s, 0); err != nil {
			t.Fatalf("by %s, descending: %v", field, err)
		}
		s.Descending = false
		// Each kind by itself is in the order that it has among the others.
		for _, k := range tokens.Kinds() {
			alone, err := ids(t.Context(), tokens.Selector{Sort: field, Kinds: []*tokens.Kind{k}}, 0)
			among := slices.DeleteFunc(slices.Clone(all), func(id string) bool { return !strings.HasPrefix(id, k.Name+":") })
			if err != nil || !slices.Equal(alone, among) {
				t.Errorf("by %s: %s has another order by itself, or %v", field, k.Name, err)
			}
		}
		for _, most := range []int{1, 1500, 2 * many} {
			if some, err := ids(t.Context(), s, most); err != nil || !slices.Equal(some, all[:most]) {
				t.Errorf("by %s: the first %d are others, or %v", field, most, err)
			}
			cause := errors.New("ctrl-c")
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			n := 0
			for _, err := range tokens.List(ctx, env, store, s) {
				if n++; n == most {
					cancel(cause)
				}
				if n > most && err != cause {
					t.Errorf("by %s: %v behind a cancel", field, err)
				}
			}
			if n != most+1 {
				t.Errorf("by %s: %d, cancelled at %d", field, n, most)
			}
		}
	}
	if open := dbtest.Query(url, "select count(*) from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'"); open != "0\n" {
		t.Errorf("%s transactions are open", open)
	}
}
