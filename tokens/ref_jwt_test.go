package tokens_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/db/dbtest"
	"tokenctl/django"
	"tokenctl/tokens"
)

// TestRefsOfUnrecordedJWT: a token without a row has its id, and blacklisting records it.
func TestRefsOfUnrecordedJWT(t *testing.T) {
	t.Parallel()
	withKnox(t, func(t *testing.T, s *db.Store, env tokens.Env, ann db.User, address string) {
		keys, err := django.NewJWTKeys(tokenctl.JWTSettings{}, nil, nil, tokenctl.NewSecret(strings.Repeat("a", 50)))
		if err != nil {
			t.Fatal(err)
		}
		env.JWT = func() (*django.JWTBackend, error) { return django.NewJWTBackend(tokenctl.JWTSettings{}, keys, "", "") }
		var minted []tokens.Minted
		in(t, s, func(ctx context.Context, tx *db.Tx) (err error) {
			minted, _, err = tokens.JWT.MintBelowLimit(ctx, env, tx, []db.User{ann}, tokens.MintRequest{})
			return err
		})
		if got := dbtest.Query(address, "delete from token_blacklist_outstandingtoken"); got != "" {
			t.Fatal(got)
		}
		in(t, s, func(ctx context.Context, tx *db.Tx) error {
			found, err := tokens.BySecret(ctx, env, tx, minted[0].Secrets[0].Secret)
			if err != nil || len(found) != 1 {
				t.Fatalf("found %v, %v", found, err)
			}
			var refs tokens.Refs
			refs.Add(found[0])
			list := slices.Collect(refs.All())
			if list[0].ID() != minted[0].ID || list[0].Credential().ID != minted[0].ID {
				t.Errorf("the reference to %s is %s", minted[0].ID, list[0].ID())
			}
			for i, want := range []db.Outcome{0, db.Already} {
				if left, err := tokens.JWT.Blacklist(ctx, env, tx, list); err != nil || left[0] != want {
					t.Errorf("round %d: left %v, %v", i, left, err)
				}
			}
			return nil
		})
		if got := dbtest.Query(address, "select count(*) from token_blacklist_blacklistedtoken b join token_blacklist_outstandingtoken o on o.id = b.token_id"); got != "1\n" {
			t.Errorf("%s tokens are blacklisted", got)
		}
	})
}
