package db_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/db/dbtest"
	"tokenctl/db/engine"
	"tokenctl/django"
)

// TestKnoxLayouts: every layout since knox 2.0 can be listed and deleted from;
// those without a salt can be written.
func TestKnoxLayouts(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	for _, test := range []struct {
		name, sqlite, postgres string
		scheme                 django.KnoxScheme
		statuses               string
		mint                   tokenctl.Code
	}{
		{"5", "", "", django.KnoxText, "active expired active dead expired", ""},
		{"4.2", "TABLE knox_authtoken (%s, token_key varchar(8) not null, expiry datetime null)", "update knox_authtoken set token_key = left(token_key, 8); alter table knox_authtoken alter token_key type varchar(8)",
			django.KnoxHex, "active expired active active expired", ""},
		{"4.1", "TABLE knox_authtoken (%s, token_key varchar(8) not null, expiry datetime null, salt varchar(16) null)", "alter table knox_authtoken add salt varchar(16)",
			django.KnoxSalted, "active expired active active expired", tokenctl.CodeLayoutUnsupported},
		{"3", "TABLE knox_authtoken (%s, token_key varchar(8) not null, expires datetime null, salt varchar(16) null)", "alter table knox_authtoken add salt varchar(16); alter table knox_authtoken rename expiry to expires",
			django.KnoxSalted, "active expired active active expired", tokenctl.CodeLayoutUnsupported},
		{"2.0", "TABLE knox_authtoken (%s, salt varchar(16) null)", "alter table knox_authtoken add salt varchar(16); alter table knox_authtoken drop expiry; alter table knox_authtoken drop token_key",
			django.KnoxSalted, "active active active active disabled", tokenctl.CodeLayoutUnsupported},
		{"swapped", "TABLE accounts_apitoken (%s, token_key varchar(25) not null, expiry datetime null, label varchar(20) null)",
			"alter table knox_authtoken rename to accounts_apitoken; alter table accounts_apitoken add label varchar(20)", django.KnoxText, "active expired active dead expired", ""},
		{"required", "TABLE accounts_apitoken (%s, token_key varchar(25) not null, expiry datetime null, label varchar(20) not null)",
			"alter table knox_authtoken rename to accounts_apitoken; alter table accounts_apitoken add label varchar(20); update accounts_apitoken set label = ''; alter table accounts_apitoken alter label set not null",
			django.KnoxText, "active expired active dead expired", tokenctl.CodeColumnsRequired},
	} {
		t.Run(test.name, func(t *testing.T) {
			withKnox(t, "", func(t *testing.T, s *db.Store, address string) {
				change := test.postgres
				if s.Engine == engine.SQLite && test.sqlite != "" {
					change = rebuild(test.sqlite)
				}
				run(t, s, strings.Split(change, ";")...)
				s = open(t, address, db.Options{Now: func() time.Time { return knoxBase }})
				var statuses []string
				for token, err := range s.KnoxTokens(t.Context(), db.Filter{}) {
					if err != nil {
						t.Fatal(err)
					}
					statuses = append(statuses, token.Status)
				}
				if got := strings.Join(statuses, " "); got != test.statuses {
					t.Errorf("statuses %s, want %s", got, test.statuses)
				}
				digests(t, s, db.Filter{Sort: "expires", ExpiresAfter: &knoxBase, Statuses: []string{"active"}})
				err := s.Write(t.Context(), func(tx *db.Tx) error {
					if got := tx.Layout.KnoxScheme(); got != test.scheme {
						t.Errorf("scheme %v, want %v", got, test.scheme)
					}
					users, err := named(t.Context(), tx, "ann")
					if err != nil {
						return err
					}
					_, err = tx.InsertKnoxTokens(t.Context(), users, []django.KnoxRow{{Digest: strings.Repeat("ab", 64), TokenKey: "abababab"}}, knoxBase.Add(time.Hour), nil)
					dbtest.WantCode(t, err, test.mint)
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				err = s.Write(t.Context(), func(tx *db.Tx) error {
					found, err := knoxFrom(t.Context(), tx, strings.Repeat("2", 16))
					if err != nil || len(found) != 1 {
						t.Fatalf("%d tokens, %v", len(found), err)
					}
					if keyed, err := tx.KnoxTokensKeyed(t.Context(), []string{found[0].TokenKey}); err != nil || len(keyed) == 0 {
						t.Errorf("by token_key: %d tokens, %v", len(keyed), err)
					}
					if err := refused(tx.DeleteKnoxTokens(t.Context(), refsOf(found))); err != nil {
						return err
					}
					dbtest.WantCode(t, refused(tx.DeleteKnoxTokens(t.Context(), refsOf(found))), isGone)
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				expired := collect(t, s.ExpiredKnox(t.Context(), knoxBase, nil))
				if want := strings.Count(test.statuses, "expired"); len(expired) != want {
					t.Errorf("%d rows found, want %d", len(expired), want)
				}
				for _, ref := range expired {
					err := s.Write(t.Context(), func(tx *db.Tx) error {
						n, err := tx.DeleteExpired(t.Context(), "knox", []db.Ref{ref}, knoxBase)
						if n != 1 {
							t.Errorf("%d rows purged at once, want 1", n)
						}
						return err
					})
					dbtest.WantCode(t, err, "")
				}
				if left := collect(t, s.ExpiredKnox(t.Context(), knoxBase, nil)); len(left) > 0 {
					t.Errorf("%d are left to purge", len(left))
				}
			})
		})
	}
}

// rebuild makes knox's table anew on SQLite, as Django does, with the rows it
// had. %s stands for the columns that every layout has.
func rebuild(table string) string {
	name := strings.Fields(table)[1]
	columns := "digest, created, user_id"
	for _, column := range []string{"token_key", "expiry"} {
		if strings.Contains(table, column) {
			columns += ", " + column
		}
	}
	from := columns
	if strings.Contains(table, "expires") {
		columns, from = columns+", expires", from+", expiry"
	}
	if strings.Contains(table, "label varchar(20) not null") {
		columns, from = columns+", label", from+", ''"
	}
	return "alter table knox_authtoken rename to before; CREATE " +
		fmt.Sprintf(table, "digest varchar(128) not null primary key, created datetime not null, user_id integer not null references auth_user (id) deferrable initially deferred") +
		"; insert into " + name + " (" + columns + ") select " + from + " from before; drop table before"
}

func TestKnoxTable(t *testing.T) {
	t.Parallel()
	const copied = "create table other_token (digest varchar(128) not null primary key, token_key varchar(25) not null, created timestamp not null, expiry timestamp null, user_id integer not null references auth_user (id))"
	list := func(s *db.Store) error {
		for _, err := range s.KnoxTokens(t.Context(), db.Filter{}) {
			return err
		}
		return nil
	}
	withKnox(t, copied, func(t *testing.T, s *db.Store, address string) {
		// Between two the columns cannot decide; a mere copy is no second one.
		dbtest.WantCode(t, list(s), tokenctl.CodeLayoutUnsupported)
		run(t, s, "create table copied as select * from knox_authtoken")
		if got := digests(t, open(t, address, db.Options{TokenTable: "knox_authtoken"}), db.Filter{Active: new(bool)}); got != "44" {
			t.Errorf("named: %s", got)
		}
		dbtest.WantCode(t, list(open(t, address, db.Options{TokenTable: "nowhere"})), tokenctl.CodeTableMissing)
		dbtest.WantCode(t, list(open(t, address, db.Options{TokenTable: "auth_group"})), tokenctl.CodeLayoutUnsupported)
		if got := digests(t, open(t, address, db.Options{TokenTable: "other_token"}), db.Filter{}); got != "" {
			t.Errorf("in the table that the setting names: %s", got)
		}
		run(t, s, "alter table knox_authtoken rename to one_token")
		dbtest.WantCode(t, list(open(t, address, db.Options{})), tokenctl.CodeLayoutUnsupported)
		if got := digests(t, open(t, address, db.Options{TokenTable: "one_token", Now: func() time.Time { return knoxBase }}), db.Filter{}); got != "00 11 22 33 44" {
			t.Errorf("named: %s", got)
		}
		run(t, s, "drop table other_token")
		s = open(t, address, db.Options{})
		if got := digests(t, s, db.Filter{}); got != "00 11 22 33 44" {
			t.Errorf("found by its columns: %s", got)
		}
		// Its rows go with their owner.
		err := s.Write(t.Context(), func(tx *db.Tx) error {
			users, err := named(t.Context(), tx, "Bob")
			if err != nil {
				return err
			}
			return tx.DeleteUsers(t.Context(), users)
		})
		if got := digests(t, s, db.Filter{}); err != nil || got != "00 11 44" {
			t.Errorf("after their owner was deleted: %s, %v", got, err)
		}
	})
}
