package db_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/db/dbtest"
	"tokenctl/django"
)

// Where foreign keys lead to several tables and the admin log does not settle it, only
// a setting tells whom a name means; whose a token is needs none.
func TestOwners(t *testing.T) {
	t.Parallel()
	const other = `create table other (id integer primary key, password varchar(128), name varchar(9) unique); insert into other values (1, '!', 'oz');
		drop table knox_authtoken; create table knox_authtoken (digest varchar(128) primary key, token_key varchar(25), created timestamp not null, expiry timestamp, user_id integer not null references other (id));`
	for _, test := range []struct {
		name, change string
		options      db.Options
		named        string // the users named ann, or the code of what went wrong
		others       string // the kinds that are not theirs
		hint         string
	}{
		{"the admin log agrees with one", other, db.Options{}, "ann", "knox", ""},
		{"nothing agrees", other + `drop table django_admin_log; drop table token_blacklist_blacklistedtoken; drop table token_blacklist_outstandingtoken`, db.Options{}, "layout_unsupported", "", "auth_user or other"},
		{"the setting answers", other + `drop table django_admin_log`, db.Options{UserTable: "auth_user"}, "ann", "knox", ""},
		{"the setting names the other", other, db.Options{UserTable: "other"}, "user_not_found", "drf jwt session", ""},
		{"the setting names a third", `create table third (id integer primary key, password varchar(128), name varchar(9) unique)`, db.Options{UserTable: "third"}, "user_not_found", "drf knox jwt", ""},
		{"no foreign key, and a table that looks like one of users", `drop table django_admin_log; drop table token_blacklist_blacklistedtoken; drop table token_blacklist_outstandingtoken; drop table knox_authtoken; drop table authtoken_token;
			alter table auth_user rename to people`, db.Options{}, "table_missing", "", "such as people"},
	} {
		t.Run(strings.ReplaceAll(test.name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			engines(t, func(t *testing.T, s *db.Store, address string) {
				withToken(t, s, "ann", 1)
				execute(t, address, test.change)
				s = open(t, address, test.options)
				others, err := s.ChooseUsers(t.Context(), nil)
				if err != nil {
					t.Fatal(err)
				}
				// Sessions are always those of AUTH_USER_MODEL.
				if want := strings.Fields(strings.Replace(test.others, " session", "", 1)); !slices.Equal(others, want) {
					t.Errorf("of others: %q, want %q", others, want)
				}
				got := ""
				err = s.Read(t.Context(), func(tx *db.Tx) error {
					users, err := named(t.Context(), tx, "ann")
					for _, u := range users {
						got = u.Username
					}
					return err
				})
				var e *tokenctl.Error
				if errors.As(err, &e) {
					got = string(e.Code)
					if !strings.Contains(e.Hint, test.hint) {
						t.Errorf("the hint is %q", e.Hint)
					}
				}
				if got != test.named {
					t.Errorf("ann is %s, want %s: %v", got, test.named, err)
				}
			})
		})
	}
}

// Nobody gets a row in a table whose rows belong to other users, whatever their key is.
func TestNamedUsersOwn(t *testing.T) {
	t.Parallel()
	dbtest.LayoutNamed(t, "two user models").Engines(t, func(t *testing.T, _, url string, _ dbtest.Secrets) {
		s := open(t, url, db.Options{})
		insert := func(name string) error {
			return s.Write(t.Context(), func(tx *db.Tx) error {
				users, err := named(t.Context(), tx, name)
				if err != nil {
					return err
				}
				if _, err := tx.KnoxTokensOf(t.Context(), users...); err != nil {
					return err
				}
				_, err = tx.InsertKnoxTokens(t.Context(), users, []django.KnoxRow{{Digest: strings.Repeat(name, 8), TokenKey: "abcdefgh"}}, time.Time{}, nil)
				return err
			})
		}
		dbtest.WantCode(t, insert("alice"), tokenctl.CodeLayoutUnsupported)
		for _, list := range [][]string{{"drf", "knox"}, {"drf"}, nil} {
			if _, err := s.ChooseUsers(t.Context(), list); err != nil {
				t.Fatal(err)
			}
			dbtest.WantCode(t, insert("A1"), tokenctl.CodeUserNotFound)
		}
		if others, err := s.ChooseUsers(t.Context(), []string{"knox"}); err != nil || others != nil {
			t.Errorf("%q, %v", others, err)
		}
		dbtest.WantCode(t, insert("A1"), "")
		dbtest.WantCode(t, insert("alice"), tokenctl.CodeUserNotFound)
	})
}

// Tokens go with their user also where no foreign key says that they are the user's.
func TestDeleteWithoutForeignKey(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, s *db.Store, address string) {
		token := withToken(t, s, "ann", 1)
		withToken(t, s, "bob", 2)
		execute(t, address, `create table copy as select * from authtoken_token; drop table authtoken_token; alter table copy rename to authtoken_token`)
		s = open(t, address, db.Options{})
		if err := s.Write(t.Context(), func(tx *db.Tx) error { return tx.DeleteUsers(t.Context(), []db.User{token.User}) }); err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimSpace(dbtest.Query(address, "select count(*) from authtoken_token")); got != "1" {
			t.Errorf("%s tokens are left", got)
		}
	})
}
