package tokens_test

import (
	"crypto/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"tokenctl/db"
	"tokenctl/db/dbtest"
	"tokenctl/django"
	"tokenctl/tokens"
)

// TestListMergesKinds: whatever sorts, a list over all kinds is in the order that
// its credentials compare in, and the same through PgBouncer, where a second
// connection would wait for the first for ever.
func TestListMergesKinds(t *testing.T) {
	dbtest.Engines(t, func(t *testing.T, engine, _ string) {
		url, _ := dbtest.Fixture(t, engine)
		if engine == "postgres" {
			url = dbtest.PgBouncer(t, url)
		}
		target, err := db.ParseURL(url, "")
		if err != nil {
			t.Fatal(err)
		}
		store, err := db.Open(target, db.Options{Timeout: 5 * time.Second, Now: time.Now, Version: "test"})
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		env := tokens.Env{Settings: new(django.Settings), Random: rand.Reader,
			Keys: func() (django.SecretKeys, error) { return nil, nil },
			JWT: func() (*django.JWTBackend, error) {
				return django.NewJWTBackend(django.JWTSettings{}, django.JWTKeys{}, "", "")
			}}
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
