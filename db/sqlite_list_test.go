package db_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"testing"

	"tokenctl/db"
	"tokenctl/db/dbtest"
)

// A list on SQLite comes in pages of a thousand; each of these takes several.
const several = 2500

// Whoever reads a list slowly keeps nobody from writing.
func TestSQLiteListStalls(t *testing.T) {
	t.Parallel()
	for _, f := range []db.Filter{{}, {Sort: "user"}, {Sort: "created", Descending: true, Limit: 2000}} {
		address := dbtest.SQLite(t)
		s := initialised(t, address, db.Options{})
		manyUsers(t, address, several)
		n := 0
		for _, err := range s.Tokens(t.Context(), f) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n%700 == 1 {
				execute(t, address, "begin exclusive; update auth_user set first_name = 'x'; commit")
			}
		}
		if n != several && n != f.Limit {
			t.Errorf("%+v: %d tokens", f, n)
		}
	}
}

// In every order the pages together are the list.
func TestListPages(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, s *db.Store, address string) {
		manyUsers(t, address, several)
		for _, sort := range []string{"", "id", "user", "user_id", "created", "status", "kind"} {
			for _, descending := range []bool{false, true} {
				all := collect(t, s.Tokens(t.Context(), db.Filter{Sort: sort, Descending: descending}))
				ids := map[string]bool{}
				for _, token := range all {
					ids[token.User.ID] = true
				}
				if len(all) != several || len(ids) != several {
					t.Errorf("by %q: %d tokens of %d users", sort, len(all), len(ids))
				}
				for _, limit := range []int{1000, 1001, 9999} {
					part := collect(t, s.Tokens(t.Context(), db.Filter{Sort: sort, Descending: descending, Limit: limit}))
					if !slices.EqualFunc(part, all[:min(limit, several)], func(a, b db.Token) bool { return a.User.ID == b.User.ID }) {
						t.Errorf("by %q, the first %d are not those of the whole list", sort, limit)
					}
				}
			}
		}
		for _, sort := range db.UserFields() {
			for _, descending := range []bool{false, true} {
				all := collect(t, s.ListUsers(t.Context(), db.Filter{Sort: sort, Descending: descending}))
				part := collect(t, s.ListUsers(t.Context(), db.Filter{Sort: sort, Descending: descending, Limit: 1500}))
				if len(all) != several || !slices.EqualFunc(part, all[:1500], func(a, b db.User) bool { return a.ID == b.ID }) {
					t.Errorf("users by %q: %d, %d", sort, len(all), len(part))
				}
			}
		}
	})
}

// Both engines order alike, bytewise, with unknown values last.
func TestListOrder(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, s *db.Store, address string) {
		for i, name := range []string{"b", "B", "ä", "a", "_", "Z", "日"} {
			withToken(t, s, name, i+1)
		}
		execute(t, address, "update auth_user set last_login = '2026-01-02 03:04:05' where username in ('b', 'Z')")
		if got := names(collect(t, s.Tokens(t.Context(), db.Filter{Sort: "user"}))); got != "B Z _ a b ä 日" {
			t.Errorf("tokens by user: %s", got)
		}
		var got string
		for _, u := range collect(t, s.ListUsers(t.Context(), db.Filter{Sort: "last_login", Descending: true})) {
			got += u.Username
		}
		if got != "bZBäa_日" {
			t.Errorf("users by last login: %s", got)
		}
	})
}

// Rows that come and go while a list is being read do no harm to the others.
func TestSQLiteListChanges(t *testing.T) {
	t.Parallel()
	for _, sort := range []string{"", "created"} {
		address := dbtest.SQLite(t)
		s := initialised(t, address, db.Options{})
		manyUsers(t, address, several)
		seen := map[string]int{}
		for token, err := range s.Tokens(t.Context(), db.Filter{Sort: sort}) {
			if err != nil {
				t.Fatal(err)
			}
			if seen[token.User.Username]++; len(seen) == 500 {
				execute(t, address, "delete from authtoken_token where user_id between 900 and 1100 or user_id = 2000")
				withToken(t, s, "late", 1<<30)
			}
		}
		for i := 1; i <= several; i++ {
			name := "user" + strconv.Itoa(i)
			gone := i >= 900 && i <= 1100 || i == 2000
			if n := seen[name]; n > 1 || n == 0 && !gone {
				t.Errorf("sorted by %q: %s came %d times", sort, name, n)
			}
		}
	}
}

// A consumer that has had enough, even because its context ended, is let go.
func TestListBreak(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, s *db.Store, address string) {
		manyUsers(t, address, several)
		for _, sort := range []string{"", "user"} {
			for _, cancelled := range []bool{false, true} {
				breakOff(t, s, sort, cancelled)
			}
		}
		if n := len(collect(t, s.Tokens(t.Context(), db.Filter{}))); n != several {
			t.Errorf("%d tokens", n)
		}
	})
}

func breakOff(t *testing.T, s *db.Store, sort string, cancelled bool) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, err := range s.Tokens(ctx, db.Filter{Sort: sort}) {
		if err != nil {
			t.Fatal(err)
		}
		if cancelled {
			cancel()
		}
		break
	}
}

// Whoever goes on reading after a Ctrl-C is told of it.
func TestListCancelled(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, s *db.Store, address string) {
		manyUsers(t, address, several)
		for _, sort := range []string{"", "user"} {
			cause := errors.New("ctrl-c")
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			n := 0
			var last error
			for _, last = range s.Tokens(ctx, db.Filter{Sort: sort}) {
				if n++; n == 10 {
					cancel(cause)
				}
			}
			if last != cause || n >= several {
				t.Errorf("sorted by %q: %v after %d tokens", sort, last, n)
			}
		}
	})
}

func BenchmarkSQLiteList(b *testing.B) {
	address := dbtest.SQLite(b)
	s := initialised(b, address, db.Options{})
	manyUsers(b, address, 10000)
	for _, sort := range []string{"", "created"} {
		b.Run("sort="+sort, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for _, err := range s.Tokens(b.Context(), db.Filter{Sort: sort}) {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
