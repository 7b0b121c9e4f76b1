package tokens_test

import (
	"context"
	"crypto/rand"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
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

var knoxNow = time.Date(2026, 5, 4, 12, 0, 0, 123456000, time.UTC)

// withKnox runs f on both engines, with the user ann.
func withKnox(t *testing.T, f func(t *testing.T, s *db.Store, env tokens.Env, ann db.User, address string)) {
	t.Helper()
	dbtest.Engines(t, func(t *testing.T, _, address string) {
		t.Parallel()
		target, err := engine.ParseURL(address, "")
		if err != nil {
			t.Fatal(err)
		}
		if target.Engine == engine.SQLite {
			if _, err := engine.CreateFile(target); err != nil {
				t.Fatal(err)
			}
		}
		s := openKnox(t, target)
		if err := s.Init(t.Context()); err != nil {
			t.Fatal(err)
		}
		var ann db.User
		in(t, s, func(ctx context.Context, tx *db.Tx) (err error) {
			if _, err := tx.CreateUsers(ctx, []db.NewUser{{Username: "ann", Password: "!", IsActive: true}}, rand.Reader); err != nil {
				return err
			}
			found, _, err := tx.UsersNamed(ctx, []string{"ann"})
			if err == nil {
				ann = found[0].User
			}
			return err
		})
		f(t, s, tokens.Env{Settings: new(tokenctl.Settings), Random: rand.Reader, Keys: func() (django.SecretKeys, error) { return nil, nil }}, ann, address)
	})
}

func openKnox(t *testing.T, target engine.Target) *db.Store {
	t.Helper()
	s, err := db.Open(target, db.Options{Timeout: 20 * time.Second, Now: func() time.Time { return knoxNow }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// addSalt makes knox's table one of knox 4.1.
func addSalt(t *testing.T, address, salt string) *db.Store {
	t.Helper()
	raw, err := dbtest.Open(address)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	for _, statement := range []string{"alter table knox_authtoken add column salt varchar(16)", "update knox_authtoken set salt = '" + salt + "'"} {
		if _, err := raw.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	target, err := engine.ParseURL(address, "")
	if err != nil {
		t.Fatal(err)
	}
	return openKnox(t, target)
}

func in(t *testing.T, s *db.Store, f func(context.Context, *db.Tx) error) {
	t.Helper()
	if err := s.Write(t.Context(), func(tx *db.Tx) error { return f(t.Context(), tx) }); err != nil {
		t.Fatal(err)
	}
}

func code(t *testing.T, err error, want tokenctl.Code) {
	t.Helper()
	if err == nil || tokenctl.CodeOf(err) != want {
		t.Errorf("error %v (%s), want %s", err, tokenctl.CodeOf(err), want)
	}
}

func TestKnoxLooksLike(t *testing.T) {
	t.Parallel()
	secret := strings.Repeat("0123456789abcdef", 4)
	for text, want := range map[string]bool{
		secret: true, "acme_" + secret: true, "0123456789" + secret: true,
		"": false, secret[1:]: false, "knox:" + secret: false, strings.ToUpper(secret): false, "elevenchars" + secret: false, secret + "-": false,
		strings.Repeat(secret, 2): false,
	} {
		if got := tokens.Knox.LooksLike(text); got != want {
			t.Errorf("%q: %t, want %t", text, got, want)
		}
	}
}

// TestKnoxSchemes: a secret is recognised by the row that any release made of it.
func TestKnoxSchemes(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	token := strings.Repeat("0123456789abcdef", 4)
	raw, err := hex.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	salted := append(raw[:len(raw):len(raw)], 0, 1, 2, 3, 4, 5, 6, 7)
	sum := func(b []byte) string { s := sha512.Sum512(b); return hex.EncodeToString(s[:]) }
	for _, test := range []struct {
		name, digest, key, salt string
		status                  tokens.Status
	}{
		{"5", sum([]byte(token)), token[:15], "", tokens.Active},
		{"4.2 in 5", sum(raw), token[:8], "", tokens.Dead},
		{"4.1 in 5", sum(salted), token[:8], "", ""},
		{"another", sum([]byte(token + "0")), token[:15], "", ""},
		{"4.1", sum(salted), token[:8], "0001020304050607", tokens.Active},
		{"4.1, another", sum(salted), token[:8], "0001020304050608", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			withKnox(t, func(t *testing.T, s *db.Store, env tokens.Env, ann db.User, address string) {
				in(t, s, func(ctx context.Context, tx *db.Tx) error {
					_, err := tx.InsertKnoxTokens(ctx, []db.User{ann}, []django.KnoxRow{{Digest: test.digest, TokenKey: test.key}}, time.Time{}, nil)
					return err
				})
				if test.salt != "" {
					s = addSalt(t, address, test.salt)
				}
				in(t, s, func(ctx context.Context, tx *db.Tx) error {
					found, err := tokens.Knox.BySecrets(ctx, env, tx, []tokenctl.Secret{tokenctl.NewSecret("x"), tokenctl.NewSecret(token)})
					if err != nil {
						return err
					}
					if found[0] != nil {
						t.Errorf("found %+v for another", found[0])
					}
					switch c := found[1]; {
					case test.status == "" && c != nil:
						t.Errorf("found %+v", c)
					case test.status != "" && (c == nil || c.Status != test.status || c.ID != "knox:"+test.digest[:16]):
						t.Errorf("found %+v", c)
					}
					return nil
				})
			})
		})
	}
}

// TestKnoxIDs: what is no id is refused, and not repeated where it may be a
// secret.
func TestKnoxIDs(t *testing.T) {
	t.Parallel()
	withKnox(t, func(t *testing.T, s *db.Store, env tokens.Env, ann db.User, _ string) {
		in(t, s, func(ctx context.Context, tx *db.Tx) error {
			var digests []string
			for i := range 2 {
				digest := "aaaaaaaaaaaaaaaa" + fmt.Sprintf("%0112d", i)
				if _, err := tx.InsertKnoxTokens(ctx, []db.User{ann}, []django.KnoxRow{{Digest: digest, TokenKey: "aaaaaaaaaaaaaaa"}}, time.Time{}, nil); err != nil {
					return err
				}
				digests = append(digests, digest)
			}
			for id, want := range map[string]tokenctl.Code{
				"aaaaaaaaaaaaaaaa": tokenctl.CodeAmbiguousID, digests[0][:100]: tokenctl.CodeAmbiguousID,
				"aaaaaaaaaaaaaaa": tokenctl.CodeUsage, "": tokenctl.CodeUsage, "aaaaaaaaaaaaaaaz": tokenctl.CodeUsage, "aaaaaaaaaaaaaaa%": tokenctl.CodeUsage,
				"aaaaaaaaaaaaaaab": tokenctl.CodeNotFound, digests[0] + "0": tokenctl.CodeNotFound, strings.Repeat("0", 64): tokenctl.CodeNotFound,
			} {
				found, err := tokens.Knox.ByIDs(ctx, env, tx, []string{id})
				if err == nil {
					err = found[0].Err
				}
				code(t, err, want)
				if err != nil && len(id) > 16 && strings.Contains(err.Error(), id) {
					t.Errorf("it repeats %s", id)
				}
			}
			for _, id := range []string{digests[1], strings.ToUpper(digests[0])} {
				c, err := byID(ctx, env, tx, "knox:"+id)
				if err != nil || c.ID != "knox:aaaaaaaaaaaaaaaa" {
					t.Errorf("%s: %+v, %v", id, c, err)
				}
			}
			return nil
		})
	})
}

// byID finds a credential by its whole id, such as "drf:7@1f0c3a55".
func byID(ctx context.Context, env tokens.Env, tx *db.Tx, id string) (tokens.Credential, error) {
	found, err := tokens.Find(ctx, env, tx, []tokens.Name{{ID: id}})
	if err == nil {
		err = found[0].Err
	}
	if err != nil {
		return tokens.Credential{}, err
	}
	return *found[0].Credentials[0], nil
}
