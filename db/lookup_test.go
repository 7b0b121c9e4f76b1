package db_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/db/dbtest"
)

// TestOddIdentifiers: names that look like a part of a statement are names.
func TestOddIdentifiers(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, _, address string) {
		t.Parallel()
		initialised(t, address, db.Options{})
		for _, odd := range []string{"%s", "100%", `n.key "n.place" n.all`, " using n where ", ", n where ", " from n where "} {
			kindTableOf(t, address, false)
			renamed := strings.ReplaceAll("user "+odd, `"`, `""`)
			rename := func(from, to string) string {
				return fmt.Sprintf(`alter table "auth_user" rename column "%[1]susername" to "%[2]susername"; alter table "auth_user" rename column "%[1]sid" to "%[2]sid"; alter table "%[1]sknox_authtoken" rename to "%[2]sknox_authtoken"`, from, to)
			}
			execute(t, address, rename("", renamed))
			name := "user " + odd
			s := open(t, address, db.Options{Now: func() time.Time { return changeNow }, UsernameField: name + "username", UserTable: "auth_user", TokenTable: name + "knox_authtoken"})
			f := db.Filter{UserIDs: []string{"1", "2", "3"}, Prefix: "user", CreatedBefore: &changeNow, Active: new(true), Without: []string{"session"}, Now: changeNow}
			for _, sort := range []string{"", "id", "user", "user_id", "created", "expires", "status"} {
				f.Sort = sort
				if got := names(collect(t, s.Tokens(t.Context(), f))); got != "user1 user2 user3" {
					t.Errorf("%s: sorted by %q tokens of %q", odd, sort, got)
				}
				f := f
				f.Statuses = []string{"expired", "active"}
				if n := len(collect(t, s.KnoxTokens(t.Context(), f))); n != 3 {
					t.Errorf("%s: sorted by %q %d knox tokens", odd, sort, n)
				}
				f = db.Filter{Sort: sort, UserIDs: f.UserIDs}
				if n := len(collect(t, s.OutstandingTokens(t.Context(), f, tokenctl.JWTSettings{}, decideJWT(f)))); n != 3 {
					t.Errorf("%s: sorted by %q %d JWTs", odd, sort, n)
				}
				if n := len(collect(t, s.Sessions(t.Context(), f, nil, nil))); n != 3 {
					t.Errorf("%s: sorted by %q %d sessions", odd, sort, n)
				}
			}
			for _, change := range changes {
				if change.listed != knoxTable {
					continue
				}
				refs := listed[change.listed](t, s)
				err := s.Write(t.Context(), func(tx *db.Tx) error {
					return tx.Try(t.Context(), func() error {
						left, err := change.do(t.Context(), tx, refs)
						if err == nil && len(left) == 0 {
							err = errUndone // so that the next has something to change
						}
						return err
					})
				})
				if err != errUndone {
					t.Errorf("%s: %s: %v", odd, change.name, err)
				}
			}
			if err := s.Write(t.Context(), func(tx *db.Tx) error {
				n, err := tx.DeleteTokensWhere(t.Context(), db.Filter{Active: new(true), UserIDs: []string{"1", "2"}, CreatedBefore: &changeNow})
				if err != nil || n != 2 {
					t.Errorf("%s: %d tokens were deleted, %v", odd, n, err)
				}
				n, err = tx.DeleteKnoxTokensWhere(t.Context(), db.Filter{Statuses: []string{"expired"}, UserIDs: []string{"1", "2"}})
				if err != nil || n != 2 {
					t.Errorf("%s: %d knox tokens were deleted, %v", odd, n, err)
				}
				return err
			}); err != nil {
				t.Errorf("%s: %v", odd, err)
			}
			execute(t, address, rename(renamed, ""))
		}
	})
}

var errUndone = fmt.Errorf("undone")

// oddTexts may be asked for, and some stand in rows.
var oddTexts = []string{"", "'", `"`, `\`, "%", "_", "a'b", `a"b\c`, "100%", "é", "😀", "[]", "null", " a ", "A", "a", "a\x00b", "\x00", "\xff", "a\xffb", "\xed\xa0\x80", strings.Repeat("x", 100_000)}

// TestOddTexts: what is looked up is found exactly as it stands, and nothing else.
func TestOddTexts(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, s *db.Store, address string) {
		ann := newUser(t, s, "ann")
		var stored []string
		for _, text := range oddTexts {
			if len(text) <= 40 && utf8.ValidString(text) && !strings.ContainsRune(text, 0) {
				stored = append(stored, text)
			}
		}
		if err := s.Write(t.Context(), func(tx *db.Tx) error {
			for i, text := range stored {
				u, err := createUser(t.Context(), tx, db.NewUser{Username: fmt.Sprint("user", i), Password: "!", IsActive: true}, strings.NewReader(strings.Repeat("x", 100)))
				if err != nil {
					return err
				}
				if _, err := inserted(t.Context(), tx, u, tokenctl.NewSecret(text)); err != nil {
					return err
				}
				if _, err := tx.InsertSessions(t.Context(), []db.User{ann}, []tokenctl.Secret{tokenctl.NewSecret(text)}, []string{"x"}, tx.Now, nil); err != nil {
					return err
				}
				if err := tx.InsertOutstandingTokens(t.Context(), []db.OutstandingToken{{JTI: text, User: ann}}, tx.Now); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		lookups := map[string]func(*db.Tx, []string) ([]string, error){
			"tokens": func(tx *db.Tx, texts []string) ([]string, error) {
				found, err := tx.TokensWithKeys(t.Context(), asSecrets(texts))
				return keysOf(found, func(v *db.Token) string { return v.Key.Reveal() }), err
			},
			"sessions": func(tx *db.Tx, texts []string) ([]string, error) {
				found, err := tx.SessionsWithKeys(t.Context(), asSecrets(texts))
				return keysOf(found, func(v *db.Session) string { return v.Key.Reveal() }), err
			},
			"JWTs": func(tx *db.Tx, texts []string) ([]string, error) {
				found, err := tx.OutstandingWithJTIs(t.Context(), texts, tokenctl.JWTSettings{})
				return keysOf(found, func(v *db.OutstandingToken) string { return v.JTI }), err
			},
		}
		const none = "none"
		for name, look := range lookups {
			var want []string
			for _, text := range oddTexts {
				if text == "" || !slices.Contains(stored, text) {
					text = none // an empty text is nobody's
				}
				want = append(want, text)
			}
			for i := range oddTexts {
				check(t, s, fmt.Sprintf("%s with %.20q", name, oddTexts[i]), want[i:i+1], func(tx *db.Tx) ([]string, error) { return look(tx, oddTexts[i:i+1]) })
			}
			check(t, s, name, want, func(tx *db.Tx) ([]string, error) { return look(tx, oddTexts) })
		}
		for _, text := range append(slices.Clone(oddTexts), "a'", "a\"", "É") {
			want := []string{}
			for _, key := range stored {
				// Only what is ASCII is a session's key, and DEL ends those with a prefix.
				if strings.HasPrefix(key, text) && (text != "" || key < "\x7f") {
					want = append(want, key)
				}
			}
			slices.Sort(want)
			check(t, s, fmt.Sprintf("sessions that begin with %.20q", text), want, func(tx *db.Tx) ([]string, error) {
				found, err := tx.SessionsWithPrefixes(t.Context(), []string{text, "no such"})
				if err != nil || len(found) != 2 || len(found[1]) > 0 {
					return nil, fmt.Errorf("%d lists, %w", len(found), err)
				}
				keys := []string{}
				for _, v := range found[0] {
					keys = append(keys, v.Key.Reveal())
				}
				slices.Sort(keys)
				return keys, nil
			})
		}
	})
}

// check compares what is looked up in a transaction of its own.
func check(t *testing.T, s *db.Store, name string, want []string, look func(*db.Tx) ([]string, error)) {
	t.Helper()
	err := s.Read(t.Context(), func(tx *db.Tx) error {
		got, err := look(tx)
		if err == nil && !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
		return err
	})
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
}

func asSecrets(texts []string) []tokenctl.Secret {
	secrets := make([]tokenctl.Secret, len(texts))
	for i, text := range texts {
		secrets[i] = tokenctl.NewSecret(text)
	}
	return secrets
}

// keysOf are the keys of what was found, and "none" in the place of what was not.
func keysOf[T any](found []*T, key func(*T) string) []string {
	var keys []string
	for _, v := range found {
		text := "none"
		if v != nil {
			text = key(v)
		}
		keys = append(keys, text)
	}
	return keys
}

// TestExpiredUnreadable: a row whose date nobody can read is never purged, and hides no other.
func TestExpiredUnreadable(t *testing.T) {
	t.Parallel()
	address := dbtest.SQLite(t)
	s := initialised(t, address, db.Options{Now: func() time.Time { return changeNow }})
	for _, date := range []string{"''", "'never'", "0", "1.5", "x'00'", "'2026-13-45 00:00:00'", "'0000-00-00 00:00:00'"} {
		kindTableOf(t, address, false)
		for _, statement := range []string{"update knox_authtoken set expiry = %s where user_id = 2", "update token_blacklist_outstandingtoken set expires_at = %s where id = 2",
			"update django_session set expire_date = %s where session_key = 'session2'"} {
			execute(t, address, fmt.Sprintf(statement, date))
		}
		lists := map[string]func(users []string) int{
			"knox tokens": func(users []string) int { return count(t, s.ExpiredKnox(t.Context(), changeNow, users)) },
			"JWTs": func(users []string) int {
				return count(t, s.ExpiredOutstanding(t.Context(), changeNow, users, tokenctl.JWTSettings{}))
			},
			"sessions": func(users []string) int { return count(t, s.ExpiredSessions(t.Context(), changeNow, users)) },
		}
		for name, list := range lists {
			if all, of := list(nil), list([]string{"1", "2", "3"}); all != 2 || of != 2 {
				t.Errorf("%s with the date %s: %d have expired, and %d of all users; want 2", name, date, all, of)
			}
		}
	}
}

// count is the length of a list, less than none where it ends with an error.
func count(t *testing.T, list func(func(db.Ref, error) bool)) int {
	n := 0
	for _, err := range list {
		if err != nil {
			return -1
		}
		n++
	}
	return n
}

// TestRefShowsNoKey: whatever prints a reference, it prints no key.
func TestRefShowsNoKey(t *testing.T) {
	t.Parallel()
	ref := db.Ref{Key: tokenctl.NewSecret("CANARY"), Row: 7, Owner: "1", Seen: "2026"}
	for _, v := range []any{ref, &ref, []db.Ref{ref}, map[string]db.Ref{"a": ref}, struct{ Ref db.Ref }{ref}, struct{ ref db.Ref }{ref}, ref.Clone(), db.Session{Key: ref.Key}, db.Token{Key: ref.Key}, db.OutstandingToken{Text: ref.Key}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x", "%q"} {
			if got := fmt.Sprintf(verb, v); strings.Contains(got, canary) || strings.Contains(got, fmt.Sprintf("%x", canary)) {
				t.Errorf("%s of a %T: %s", verb, v, got)
			}
		}
		text, err := json.Marshal(v)
		if err != nil || strings.Contains(string(text), canary) {
			t.Errorf("a %T is %s, %v", v, text, err)
		}
	}
	if clone := ref.Clone(); clone.Key.Reveal() != "CANARY" || clone.Row != 7 || clone.Owner != "1" || clone.Seen != "2026" {
		t.Errorf("the clone is another")
	}
}

// TestManyPrefixes: what is asked for is found each in its place.
func TestManyPrefixes(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, s *db.Store, address string) {
		kindTableOf(t, address, false)
		find := func(ctx context.Context, tx *db.Tx) error {
			knox, err := tx.KnoxTokensFrom(ctx, []string{digestOf(3)[:16], "ffffffffffffffff", digestOf(1)[:16], digestOf(3), "0"})
			if err != nil {
				return err
			}
			sessions, err := tx.SessionsWithPrefixes(ctx, []string{"session3", "Session1", "session1", "session"})
			if err != nil {
				return err
			}
			var got []int
			for _, list := range knox {
				got = append(got, len(list))
			}
			for _, list := range sessions {
				got = append(got, len(list))
			}
			if want := []int{1, 0, 1, 1, 3, 1, 0, 1, 3}; !slices.Equal(got, want) {
				t.Errorf("found %v, want %v", got, want)
			} else if knox[0][0].User.Username != "user3" || knox[2][0].User.Username != "user1" || sessions[0][0].User.Username != "user3" || sessions[2][0].User.Username != "user1" {
				t.Errorf("%v, %v", knox, sessions)
			}
			return nil
		}
		if err := s.Read(t.Context(), func(tx *db.Tx) error { return find(t.Context(), tx) }); err != nil {
			t.Error(err)
		}
	})
}
