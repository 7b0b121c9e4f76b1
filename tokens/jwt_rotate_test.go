package tokens_test

import (
	"context"
	"strings"
	"testing"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/django"
	"tokenctl/tokens"
)

// TestRotateListedJWT: tokens out of a list, of which nothing keeps the texts, leave to
// those in their places what is the project's, and are rotated only by the key that
// signed them.
func TestRotateListedJWT(t *testing.T) {
	t.Parallel()
	withKnox(t, func(t *testing.T, s *db.Store, env tokens.Env, ann db.User, address string) {
		settings := tokenctl.JWTSettings{CheckRevokeToken: true}
		env.Settings.SimpleJWT.CheckRevokeToken = true
		keyed := func(secret string) func() (*django.JWTBackend, error) {
			keys, err := django.NewJWTKeys(settings, nil, nil, tokenctl.NewSecret(strings.Repeat(secret, 50)))
			if err != nil {
				t.Fatal(err)
			}
			return func() (*django.JWTBackend, error) { return django.NewJWTBackend(settings, keys, "", "") }
		}
		env.JWT = keyed("a")
		mint := func(users []db.User, claims ...string) (minted []tokens.Minted) {
			req := tokens.MintRequest{Force: true}
			for i := 0; i < len(claims); i += 2 {
				claim, err := django.NewJWTClaim(claims[i], []byte(claims[i+1]))
				if err != nil {
					t.Fatal(err)
				}
				req.Claims = append(req.Claims, claim)
			}
			in(t, s, func(ctx context.Context, tx *db.Tx) error {
				m, _, err := tokens.JWT.MintBelowLimit(ctx, env, tx, users, req)
				minted = m
				return err
			})
			return minted
		}
		old := append(mint([]db.User{ann}, "scope", `["ärger", {"iat": 1, "x": NaN}]`, `na"me`, `"deadbeef"`), mint([]db.User{ann})...)
		listed := func() *tokens.Refs {
			refs := new(tokens.Refs)
			for c, err := range tokens.List(t.Context(), env, s, tokens.Selector{Kinds: []*tokens.Kind{tokens.JWT}, Statuses: []tokens.Status{tokens.Active}, Compare: true}) {
				if err != nil {
					t.Fatal(err)
				}
				refs.Add(&c)
			}
			return refs
		}
		rotate := func(refs *tokens.Refs, force bool) (minted []tokens.Minted, err error) {
			return minted, s.Write(t.Context(), func(tx *db.Tx) error {
				for chunk := range refs.Chunks(tokens.JWT, 5000) {
					made, left, err := tokens.JWT.Rotate(t.Context(), env, tx, chunk, tokens.RotateRequest{Force: force})
					if err != nil {
						return err
					}
					tokens.Mark(chunk, left)
					for i := range left {
						return chunk[i].WhyUnchanged("rotate")
					}
					minted = append(minted, made...)
				}
				return nil
			})
		}
		refs := listed()
		if refs.Len() != 2 {
			t.Fatalf("%d tokens", refs.Len())
		}
		minted, err := rotate(refs, false)
		if err != nil {
			t.Fatal(err)
		}
		backend, err := env.JWT()
		if err != nil {
			t.Fatal(err)
		}
		custom := func(m *tokens.Minted) string {
			token, err := backend.Decode(m.Secrets[0].Secret, knoxNow)
			if err != nil {
				t.Fatal(err)
			}
			if token.Claims.Get("hash_password") == nil || string(token.Claims.Get("hash_password")) != `"`+django.PasswordClaim("!")+`"` {
				t.Errorf("the claim of the password is %s", token.Claims.Get("hash_password"))
			}
			return string(token.Claims.Get("scope")) + string(token.Claims.Get(`na"me`))
		}
		left := map[string]string{}
		for i := range minted {
			left[minted[i].Replaces] = custom(&minted[i])
		}
		for i := range old {
			if got, there := left[old[i].ID]; !there || got != custom(&old[i]) {
				t.Errorf("the one in the place of %s has %q, which had %q", old[i].ID, got, custom(&old[i]))
			}
		}
		if custom(&old[0]) == "" || custom(&old[1]) != "" {
			t.Errorf("custom claims %q and %q", custom(&old[0]), custom(&old[1]))
		}
		// As they were seen they are no longer there.
		_, err = rotate(refs, false)
		code(t, err, tokenctl.CodeChanged)

		// The newest is of the configured key, an older one is not.
		env.JWT = keyed("b")
		mint([]db.User{ann})
		_, err = rotate(listed(), false)
		code(t, err, tokenctl.CodeWrongKey)
		if minted, err = rotate(listed(), true); err != nil || len(minted) != 3 {
			t.Errorf("forced: %d tokens, %v", len(minted), err)
		}
	})
}
