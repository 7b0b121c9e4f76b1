package server_test

import (
	"slices"
	"testing"

	"tokenctl/db/dbtest"
	"tokenctl/django/djangotest"
)

// altered are databases that are not as Django's migrations leave them.
func altered() []variant {
	// What begins with a login that must succeed is left out.
	asks := slices.DeleteFunc(only(onPostgres().asks, "token-00", "obtain", "pair", "basic-00", "session-00", "rest-l", "knox-l"),
		func(seq sequence) bool { return seq.name == "pair-life" })
	change := func(postgres, old, new string, then ...string) func(*testing.T, string) {
		return func(t *testing.T, url string) { dbtest.Alter(t, url, postgres, old, new, then...) }
	}
	return []variant{
		{name: "null flags", asks: asks, change: change("alter table auth_user alter is_active drop not null, alter is_staff drop not null",
			" bool NOT NULL", " bool NULL", "update auth_user set is_active = null, is_staff = null where username in ('alice', 'bob')")},
		{name: "shared names", asks: asks, change: change("alter table auth_user drop constraint auth_user_username_key", " NOT NULL UNIQUE", " NOT NULL",
			`insert into auth_user (id, password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined)
				select id + 1000, password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined from auth_user where username in ('alice', 'bob')`)},
		{name: "names without case", asks: asks, change: change("create extension citext; alter table auth_user alter username type citext", `"username" varchar(150)`, `"username" varchar(150) collate nocase`,
			"update auth_user set username = 'ALICE' where username = 'alice'")},
	}
}

// TestPeerLayouts is TestPeer on those databases. What a layout changes on PostgreSQL does not
// depend on Django's age, so one age is asked there.
func TestPeerLayouts(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	peers := djangotest.Peers(t)
	djangotest.Each(t, func(t *testing.T, p djangotest.Peer) {
		t.Parallel()
		for _, engine := range []string{"sqlite", "postgres"} {
			if engine == "postgres" && p.Name != peers[len(peers)-1].Name {
				continue
			}
			if engine == "postgres" && !dbtest.HasPostgres() {
				dbtest.Missing(t, "PostgreSQL's server binaries")
			}
			empty := migrated(t, p, engine)
			for _, v := range altered() {
				t.Run(engine+" "+v.name, func(t *testing.T) {
					w := newWorld(t, p, engine, empty, v)
					for _, seq := range v.asks {
						t.Run(seq.name, func(t *testing.T) {
							if found := w.differences(t, seq, tolerated()); found != "" {
								t.Error(found)
							}
						})
					}
				})
			}
		}
	})
}
