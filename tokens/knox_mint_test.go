package tokens_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/tokens"
)

// TestKnoxLife: when a new token expires.
func TestKnoxLife(t *testing.T) {
	t.Parallel()
	withKnox(t, func(t *testing.T, s *db.Store, env tokens.Env, ann db.User, _ string) {
		at := func(d time.Duration) time.Time { return knoxNow.Add(d) }
		for _, test := range []struct {
			ttl           string
			life          tokens.Lifetime
			minted, after time.Time // after: by rotating that with Keep
		}{
			{"", tokens.Lifetime{}, at(10 * time.Hour), at(10 * time.Hour)},
			{"30d", tokens.Lifetime{}, at(30 * 24 * time.Hour), at(30 * 24 * time.Hour)},
			{"never", tokens.Lifetime{}, time.Time{}, time.Time{}},
			{"never", tokens.Lifetime{By: tokens.ByTTL, TTL: time.Minute}, at(time.Minute), at(time.Minute)},
			{"30d", tokens.Lifetime{By: tokens.Never}, time.Time{}, time.Time{}},
			{"30d", tokens.Lifetime{By: tokens.ByDate, End: at(time.Second)}, at(time.Second), at(time.Second)},
		} {
			env.Settings = new(tokenctl.Settings)
			if test.ttl != "" {
				if err := env.Settings.Knox.TokenTTL.UnmarshalText([]byte(test.ttl)); err != nil {
					t.Fatal(err)
				}
			}
			in(t, s, func(ctx context.Context, tx *db.Tx) error {
				m, err := tokens.Knox.Mint(ctx, env, tx, tokens.MintRequest{User: ann, Lifetime: test.life})
				if err != nil {
					return err
				}
				if !m.Expires.Equal(test.minted) || !m.Created.Equal(knoxNow) || m.Status != tokens.Active || len(m.Secrets) != 1 {
					t.Errorf("%+v: %+v", test, m)
				}
				c, err := byID(ctx, env, tx, m.ID)
				if err != nil || !c.Expires.Equal(test.minted) || !c.Created.Equal(knoxNow) {
					t.Errorf("%+v: read %+v, %v", test, c, err)
				}
				again, err := rotateOne(ctx, env, tx, c, tokens.RotateRequest{Lifetime: tokens.Lifetime{By: tokens.Kept}})
				if err != nil || !again.Expires.Equal(test.after) || again.Replaces != m.ID || !again.Until.IsZero() {
					t.Errorf("%+v: rotated %+v, %v", test, again, err)
				}
				_, err = rotateOne(ctx, env, tx, c, tokens.RotateRequest{})
				code(t, err, tokenctl.CodeChanged)
				if left, err := tokens.BlacklistOne(ctx, env, tx, c); err != nil || left != db.Gone {
					t.Errorf("blacklisting what was rotated: left %v, %v", left, err)
				}
				left, err := tokens.BlacklistOne(ctx, env, tx, again.Credential)
				if left != 0 {
					t.Errorf("blacklisting: left %v", left)
				}
				return err
			})
		}
		in(t, s, func(ctx context.Context, tx *db.Tx) error {
			left, err := tx.KnoxTokensOf(ctx, ann)
			if len(left) != 0 {
				t.Errorf("%d tokens are left", len(left))
			}
			return err
		})
	})
}

// rotateOne is a rotation of one knox token, whose refusal is the error.
func rotateOne(ctx context.Context, env tokens.Env, tx *db.Tx, c tokens.Credential, req tokens.RotateRequest) (tokens.Minted, error) {
	var refs tokens.Refs
	refs.Add(&c)
	list := slices.Collect(refs.All())
	minted, left, err := tokens.Knox.Rotate(ctx, env, tx, list, req)
	tokens.Mark(list, left)
	switch {
	case err != nil:
		return tokens.Minted{}, err
	case left[0] != 0:
		return tokens.Minted{}, list[0].WhyUnchanged("rotate")
	}
	return minted[0], nil
}

// TestKnoxOverlap: the predecessor ends at the earlier of its own expiry and the
// end of the overlap, and two rotations of the same one do not both happen.
func TestKnoxOverlap(t *testing.T) {
	t.Parallel()
	withKnox(t, func(t *testing.T, s *db.Store, env tokens.Env, ann db.User, _ string) {
		hour := func(n int) time.Time { return knoxNow.Add(time.Duration(n) * time.Hour) }
		for _, test := range []struct {
			life tokens.Lifetime
			want time.Time
		}{
			{tokens.Lifetime{By: tokens.Never}, hour(2)},
			{tokens.Lifetime{By: tokens.ByTTL, TTL: 5 * time.Hour}, hour(2)},
			{tokens.Lifetime{By: tokens.ByTTL, TTL: time.Hour}, hour(1)},
		} {
			in(t, s, func(ctx context.Context, tx *db.Tx) error {
				m, err := tokens.Knox.Mint(ctx, env, tx, tokens.MintRequest{User: ann, Lifetime: test.life})
				if err != nil {
					return err
				}
				found, err := tokens.BySecret(ctx, env, tx, m.Secrets[0].Secret)
				if err != nil || len(found) != 1 {
					return fmt.Errorf("%d credentials, %w", len(found), err)
				}
				c := found[0]
				req := tokens.RotateRequest{Overlap: 2 * time.Hour}
				again, err := rotateOne(ctx, env, tx, *c, req)
				if err != nil || !again.Until.Equal(test.want) || !again.Expires.Equal(hour(10)) {
					t.Errorf("%+v: %+v, %v", test, again, err)
				}
				if !c.Expires.Equal(test.want) {
					_, err = rotateOne(ctx, env, tx, *c, req)
					code(t, err, tokenctl.CodeChanged)
				}
				old, err := tokens.BySecret(ctx, env, tx, m.Secrets[0].Secret)
				if err != nil || len(old) != 1 || !old[0].Expires.Equal(test.want) || old[0].Status != tokens.Active {
					t.Errorf("%+v: the predecessor: %+v, %v", test, old, err)
				}
				return err
			})
		}
		env.Settings = &tokenctl.Settings{Knox: tokenctl.KnoxSettings{AutoRefresh: true}}
		code(t, tokens.Knox.CheckRotate(env, tokens.RotateRequest{Overlap: time.Hour}), tokenctl.CodeUsage)
		if err := tokens.Knox.CheckRotate(env, tokens.RotateRequest{}); err != nil {
			t.Error(err)
		}
	})
}

// TestKnoxLimit: those who mint at the same time do not get beyond the limit.
func TestKnoxLimit(t *testing.T) {
	t.Parallel()
	withKnox(t, func(t *testing.T, s *db.Store, env tokens.Env, ann db.User, _ string) {
		limit := 3
		env.Settings = &tokenctl.Settings{Knox: tokenctl.KnoxSettings{TokenLimitPerUser: &limit}}
		errs := make(chan error)
		for range 8 {
			go func() {
				errs <- s.Write(t.Context(), func(tx *db.Tx) error {
					_, err := tokens.Knox.Mint(t.Context(), env, tx, tokens.MintRequest{User: ann})
					return err
				})
			}()
		}
		minted := 0
		for range 8 {
			if err := <-errs; err == nil {
				minted++
			} else {
				code(t, err, tokenctl.CodeTokenExists)
			}
		}
		if minted != limit {
			t.Errorf("%d tokens, the limit is %d", minted, limit)
		}
	})
}
