package db_test

import (
	"crypto/rand"
	"fmt"
	"strings"
	"testing"
	"time"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/db/dbtest"
	"tokenctl/django"
)

func TestUsersWithEmail(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, s *db.Store, address string) {
		for _, name := range []string{"ann", "ben", "cid", "dot"} {
			newUser(t, s, name)
		}
		execute(t, address, `update auth_user set email = case username when 'ann' then 'Ann@Example.com' when 'ben' then 'b_n@example.com' when 'cid' then 'bxn@example.com' else '100%\dot@example.com' end`)
		for email, want := range map[string]string{
			"ann@example.com": "ann", "ANN@EXAMPLE.COM": "ann", "b_n@example.com": "ben", "%": "", "%@example.com": "", `100%\DOT@example.com`: "dot", "": "", "ann": "",
		} {
			var found []string
			if err := s.Read(t.Context(), func(tx *db.Tx) error {
				users, err := tx.UsersWithEmail(t.Context(), email)
				for _, u := range users {
					found = append(found, u.Username)
				}
				return err
			}); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(found, " "); got != want {
				t.Errorf("%s: %q", email, got)
			}
		}
	})
}

func TestUpdateUser(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, s *db.Store, address string) {
		ann := newUser(t, s, "ann")
		newUser(t, s, "ben")
		update := func(values map[string]string) (u db.User, err error) {
			err = s.Write(t.Context(), func(tx *db.Tx) error {
				u, err = tx.UpdateUser(t.Context(), ann, values)
				return err
			})
			return u, err
		}
		u, err := update(map[string]string{"username": "anne", "first_name": "Anne ☃", "last_name": ""})
		if err != nil || u.Username != "anne" || *u.FirstName != "Anne ☃" || *u.LastName != "" || u.ID != ann.ID {
			t.Errorf("%+v, %v", u, err)
		}
		_, err = update(map[string]string{"first_name": "lost", "username": "ben"})
		dbtest.WantCode(t, err, tokenctl.CodeAlreadyExists)
		execute(t, address, "delete from auth_user where username = 'anne' and first_name = 'Anne ☃'")
		_, err = update(map[string]string{"first_name": "x"})
		dbtest.WantCode(t, err, tokenctl.CodeChanged)
		like := ann.Attributes(layoutOf(t, s))
		if like.Username != "ann" || like.FirstName != "" {
			t.Errorf("%+v", like)
		}
	})
}

func layoutOf(t *testing.T, s *db.Store) *db.Layout {
	t.Helper()
	l, err := s.Layout(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestReencodePassword upgrades a password, but not one that was changed since it
// was looked at.
func TestReencodePassword(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, s *db.Store, _ string) {
		hasher := django.Hasher{Algorithm: tokenctl.PBKDF2SHA256, Iterations: 10}
		encode := func(password string) string {
			encoded, err := hasher.Encode(rand.Reader, password)
			if err != nil {
				t.Fatal(err)
			}
			return encoded
		}
		change := func(f func(*db.Tx) (db.User, error)) (u db.User) {
			if err := s.Write(t.Context(), func(tx *db.Tx) (err error) {
				u, err = f(tx)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			return u
		}
		verifies := func(u db.User, password string) string {
			strong := django.Hasher{Algorithm: tokenctl.PBKDF2SHA256, Iterations: 20}
			ok, update, err := u.VerifyPassword(strong, rand.Reader, password)
			if err != nil {
				t.Fatal(err)
			}
			return fmt.Sprint(ok, " ", update)
		}
		ann := newUser(t, s, "ann")
		set := func(u db.User, encoded string) db.User {
			return change(func(tx *db.Tx) (db.User, error) {
				if err := tx.SetPassword(t.Context(), u, encoded); err != nil {
					return u, err
				}
				return tx.UserByID(t.Context(), u.ID)
			})
		}
		reencode := func(u db.User, encoded string) db.User {
			return change(func(tx *db.Tx) (db.User, error) { return tx.ReencodePassword(t.Context(), u, encoded) })
		}
		seen := set(ann, encode("first"))
		if got := verifies(seen, "first"); got != "true true" {
			t.Errorf("a cheap hash: %s", got)
		}
		hasher.Iterations = 20
		upgraded := reencode(seen, encode("first"))
		if got := verifies(upgraded, "first"); got != "true false" {
			t.Errorf("upgraded: %s", got)
		}
		set(ann, encode("second"))
		if got := verifies(reencode(upgraded, encode("first")), "second"); got != "true false" {
			t.Errorf("changed meanwhile: %s", got)
		}
	})
}

func TestUpdateSession(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, s *db.Store, _ string) {
		ann := newUser(t, s, "ann")
		key := tokenctl.NewSecret("abcdefgh123")
		expires := time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
		update := func(key tokenctl.Secret) (found bool) {
			if err := s.Write(t.Context(), func(tx *db.Tx) (err error) {
				found, err = tx.UpdateSession(t.Context(), key, sessionData(t, ann.ID), expires)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			return found
		}
		drop := func() {
			if err := s.Write(t.Context(), func(tx *db.Tx) error { return tx.DropSession(t.Context(), key) }); err != nil {
				t.Fatal(err)
			}
		}
		if update(key) {
			t.Error("a session that is not there was updated")
		}
		drop() // which is no fault
		if err := s.Write(t.Context(), func(tx *db.Tx) error {
			_, err := tx.InsertSessions(t.Context(), []db.User{ann}, []tokenctl.Secret{key}, []string{"junk"}, time.Now(), nil)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if !update(key) {
			t.Error("the session was not updated")
		}
		find := func() *db.Session {
			var found []*db.Session
			if err := s.Read(t.Context(), func(tx *db.Tx) (err error) {
				found, err = tx.SessionsWithKeys(t.Context(), []tokenctl.Secret{key})
				return err
			}); err != nil {
				t.Fatal(err)
			}
			return found[0]
		}
		if got := find(); got == nil || got.User.ID != ann.ID || !got.Expires.Equal(expires) {
			t.Errorf("%+v", got)
		}
		drop()
		if got := find(); got != nil {
			t.Errorf("dropped: %+v", got)
		}
	})
}
