package db_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/db/dbtest"
	"tokenctl/db/engine"
	"tokenctl/django"
)

// sessionData is what Django would store for a user, signed with any key.
func sessionData(t testing.TB, userID string) string {
	t.Helper()
	items := []django.SessionItem{{Name: "theme", Value: []byte(`"dark"`)}}
	if userID != "" {
		items = django.LoginSession(userID, "", "hash")
	}
	data, err := django.EncodeSession(items, tokenctl.NewSecret("key"), time.Unix(1<<30, 0))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// addSessions inserts rows of key, user and days until expiry; the user "?" is
// data that nobody can read.
func addSessions(t testing.TB, address string, rows ...[3]any) {
	t.Helper()
	conn, err := dbtest.Open(address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	tx, err := conn.Begin()
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]string{"?": "no session data"}
	for _, r := range rows {
		user := r[1].(string)
		if known[user] == "" {
			known[user] = sessionData(t, user)
		}
		expires := time.Now().UTC().AddDate(0, 0, r[2].(int))
		if _, err := tx.Exec("insert into django_session (session_key, session_data, expire_date) values ($1, $2, $3)", r[0], known[user], expires.Format("2006-01-02 15:04:05.000000")); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

func sessionKeys(list []db.Session) string {
	var keys []string
	for _, s := range list {
		keys = append(keys, s.Key.Reveal())
	}
	return strings.Join(keys, " ")
}

// decideSession decides by a status that depends on the owner alone.
func decideSession(f db.Filter) db.Classify[db.Session] {
	return func(s *db.Session) (db.Facts, bool) {
		status := "active"
		switch {
		case s.UserID == "":
		case s.User.ID == "":
			status = "dead"
		case !s.User.Active():
			status = "disabled"
		}
		return db.Facts{Status: status}, f.Statuses == nil || slices.Contains(f.Statuses, status)
	}
}

func TestSessions(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, s *db.Store, address string) {
		zoe, ann := newUser(t, s, "zoe"), newUser(t, s, "ann")
		execute(t, address, "update auth_user set is_staff = true, is_active = false where username = 'zoe'")
		addSessions(t, address, [3]any{"aaaaaaaa1", zoe.ID, 5}, [3]any{"bbbbbbbb1", ann.ID, -3}, [3]any{"cccccccc1", "", 1},
			[3]any{"dddddddd1", "?", 2}, [3]any{"eeeeeeee1", "4711", 4}, [3]any{"ffffffff1", ann.ID, 9}, [3]any{"gggggggg1", "no number", 6})
		yes, no := true, false
		now := time.Now()
		for _, test := range []struct {
			filter db.Filter
			want   string
		}{
			{db.Filter{}, "a b c d e f g"},
			{db.Filter{Limit: 3}, "a b c"},
			{db.Filter{UserIDs: []string{ann.ID}}, "b f"},
			{db.Filter{UserIDs: []string{ann.ID}, Sort: "expires", Descending: true, Limit: 1}, "f"},
			{db.Filter{UserIDs: []string{"4711"}}, ""},
			{db.Filter{UserIDs: []string{}}, ""},
			{db.Filter{Staff: &yes}, "a"},
			{db.Filter{Staff: &no}, "b f"},
			{db.Filter{Superuser: &yes}, ""},
			{db.Filter{Active: &no}, "a"},
			{db.Filter{ExpiresBefore: &now}, "b"},
			{db.Filter{ExpiresAfter: new(now.AddDate(0, 0, 5).Add(-time.Minute)), Staff: &no}, "f"},
			{db.Filter{Statuses: []string{"dead", "disabled"}}, "a e g"},
			{db.Filter{Sort: "expires"}, "b c d e a g f"},
			{db.Filter{Sort: "expires", Descending: true, Limit: 2}, "f g"},
			{db.Filter{Sort: "id", Descending: true}, "g f e d c b a"},
			{db.Filter{Sort: "kind"}, "a b c d e f g"},
			{db.Filter{Sort: "user"}, "b f a c d e g"},
			{db.Filter{Sort: "user", Descending: true, Limit: 2}, "a b"},
			{db.Filter{Sort: "user_id"}, "a b f c d e g"},
			{db.Filter{Sort: "status"}, "b c d f e g a"},
			{db.Filter{Sort: "status", Statuses: []string{"dead"}}, "e g"},
		} {
			unreadable := 0
			note := func(s *db.Session) {
				if s.Problem != nil {
					unreadable++
				}
			}
			got := sessionKeys(collect(t, s.Sessions(t.Context(), test.filter, note, decideSession(test.filter))))
			if want := expand(test.want); got != want {
				t.Errorf("%+v: %s, want %s", test.filter, got, want)
			}
			if seen := test.filter.ExpiresBefore == nil && test.filter.ExpiresAfter == nil && test.filter.Limit == 0; seen && unreadable != 1 {
				t.Errorf("%+v: %d could not be read", test.filter, unreadable)
			}
		}
		all := collect(t, s.Sessions(t.Context(), db.Filter{}, nil, nil))
		if u := all[0].User; u.Username != "zoe" || all[0].UserID != zoe.ID || all[3].Problem != django.ErrSessionCorrupt || all[4].UserID != "4711" || all[4].User.ID != "" {
			t.Errorf("%+v", all)
		}
	})
}

// Sessions are sorted by their users, whatever the type of a user's key.
func TestSessionsByUser(t *testing.T) {
	t.Parallel()
	for _, typ := range []string{"smallint", "bigint", "numeric(12, 0)", "varchar(20)"} {
		dbtest.EnginesFor(t, "", typ, func(t *testing.T, _, address string) {
			initialised(t, address, db.Options{})
			execute(t, address, "create table people (key "+typ+" primary key, password varchar(128), login varchar(60) unique); insert into people values ('7', '!', 'zoe'), ('8', '!', 'ann')")
			addSessions(t, address, [3]any{"zoes", "7", 1}, [3]any{"anns", "8", 1}, [3]any{"nobodys", "", 1})
			s := open(t, address, db.Options{UserTable: "people", UsernameField: "login"})
			for sort, want := range map[string]string{"user": "anns zoes nobodys", "user_id": "zoes anns nobodys"} {
				f := db.Filter{Sort: sort}
				if got := sessionKeys(collect(t, s.Sessions(t.Context(), f, nil, decideSession(f)))); got != want {
					t.Errorf("by %s: %s, want %s", sort, got, want)
				}
			}
		})
	}
}

// expand makes keys of their first letters.
func expand(letters string) string {
	var keys []string
	for _, c := range strings.Fields(letters) {
		keys = append(keys, strings.Repeat(c, 8)+"1")
	}
	return strings.Join(keys, " ")
}

// In every order the pages together are the list, and whoever reads slowly keeps
// nobody from writing to SQLite.
func TestSessionPages(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	engines(t, func(t *testing.T, s *db.Store, address string) {
		manyUsers(t, address, 50)
		var rows [][3]any
		for i := range several {
			rows = append(rows, [3]any{fmt.Sprintf("key%05d", (i*7919)%several), []string{"", "?", fmt.Sprint(i % 60)}[min(2, i%5)], i % 30})
		}
		addSessions(t, address, rows...)
		for _, sort := range []string{"", "id", "expires", "user", "user_id", "status"} {
			for _, descending := range []bool{false, true} {
				f := db.Filter{Sort: sort, Descending: descending}
				var all []db.Session
				for v, err := range s.Sessions(t.Context(), f, nil, decideSession(f)) {
					if err != nil {
						t.Fatal(err)
					}
					if all = append(all, v); s.Engine == engine.SQLite && len(all)%700 == 1 {
						execute(t, address, "begin exclusive; update auth_user set first_name = 'x'; commit")
					}
				}
				keys := map[string]bool{}
				for _, v := range all {
					keys[v.Key.Reveal()] = true
				}
				if len(all) != several || len(keys) != several {
					t.Errorf("by %q: %d sessions with %d keys", sort, len(all), len(keys))
				}
				f.Limit = 1001
				part := collect(t, s.Sessions(t.Context(), f, nil, decideSession(f)))
				if !slices.EqualFunc(part, all[:1001], func(a, b db.Session) bool { return a.Key.Equal(b.Key) }) {
					t.Errorf("by %q, the first are not those of the whole list", sort)
				}
				for range s.Sessions(t.Context(), f, nil, decideSession(f)) {
					break
				}
			}
		}
		execute(t, address, "delete from django_session where expire_date < '"+time.Now().UTC().AddDate(0, 0, 3).Format(time.DateTime)+"'") // gaps
		f := db.Filter{AnyOrder: true}
		got, want := collect(t, s.Sessions(t.Context(), f, nil, decideSession(f))), collect(t, s.Sessions(t.Context(), db.Filter{}, nil, nil))
		slices.SortFunc(got, func(a, b db.Session) int { return strings.Compare(a.Key.Reveal(), b.Key.Reveal()) })
		if len(want) < 2*engine.PageSize || !slices.EqualFunc(got, want, func(a, b db.Session) bool { return a.Key.Equal(b.Key) && a.User.ID == b.User.ID }) {
			t.Errorf("in any order there are %d sessions, and by key %d", len(got), len(want))
		}
	})
}

// In a long list each session has the owner that its data names. Some owners have sessions on several pages, some
// are gone, and there are more owners than the list keeps from page to page.
func TestSessionOwnersOfManyPages(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, s *db.Store, address string) {
		const users = 10_500
		manyUsers(t, address, users)
		execute(t, address, fmt.Sprintf("delete from authtoken_token; delete from auth_user where id %% 350 = 0 and id <= %d", users))
		var owners, rows []string
		for i := range users + 2000 {
			owners = append(owners, fmt.Sprint(i%users%(users-500)+1))
			data := base64.RawURLEncoding.EncodeToString([]byte(`{"_auth_user_id":"` + owners[i] + `"}`)) // its signature is not read
			rows = append(rows, fmt.Sprintf("('%032d', '%s:1:', '2100-01-01 00:00:00')", i, data))
		}
		execute(t, address, "insert into django_session (session_key, session_data, expire_date) values "+strings.Join(rows, ", "))
		n, without := 0, map[string]bool{}
		for session, err := range s.Sessions(t.Context(), db.Filter{}, nil, nil) {
			if err != nil {
				t.Fatal(err)
			}
			id := owners[n]
			n++
			switch number, _ := strconv.Atoi(id); {
			case number%350 == 0:
				without[session.User.ID] = true
				without[id] = true
			case session.User.ID != id || session.User.Username != "user"+id:
				t.Fatalf("session %d: user %s, %q; want %s", n, session.User.ID, session.User.Username, id)
			}
		}
		if n != len(rows) || !without[""] || len(without) != (users-500)/350+1 {
			t.Errorf("%d of %d sessions, without owners %d", n, len(rows), len(without))
		}
	})
}
