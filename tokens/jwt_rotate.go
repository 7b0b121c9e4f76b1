package tokens

import (
	"context"
	"slices"

	"tokenctl/db"
	"tokenctl/django"
)

// rotateJWT blacklists tokens and records others in their places, with the same
// custom claims. Of two at once, one gets CodeChanged.
func rotateJWT(ctx context.Context, env Env, tx *db.Tx, batch []Credential, req RotateRequest) ([]Minted, db.Refusals, error) {
	batch, refused, err := currentJWT(ctx, env, tx, batch)
	if err != nil {
		return nil, nil, err
	}
	plans := make([]rotationJWT, len(batch))
	for i, c := range batch {
		if refused[i] != nil {
			continue
		}
		switch over := "there is nothing to replace"; {
		case c.Type == access:
			return nil, nil, &django.Error{Code: django.CodeKindUnsupported, Message: "access tokens cannot be rotated: a refresh token makes them", Hint: "rotate the refresh token, or mint another pair"}
		case c.row.(jwtRow).blacklisted():
			refused[i] = &django.Error{Code: django.CodeChanged, Message: c.ID + " is blacklisted: " + over, Hint: "make another with tokenctl mint --kind jwt"}
		case c.Status == Expired || !c.Expires.After(tx.Now):
			refused[i] = &django.Error{Code: django.CodeChanged, Message: c.ID + " has expired: " + over, Hint: "make another with tokenctl mint --kind jwt"}
		case c.Owner.ID == "":
			return nil, nil, &django.Error{Code: django.CodeUserNotFound, Message: c.ID + " belongs to nobody: there is nobody to make another for", Hint: "blacklist it"}
		}
		plans[i] = rotationJWT{refresh, req.Life}
		if c.Type == sliding {
			plans[i].typ = sliding
		}
		if req.Life.Keep {
			plans[i].life = Life{Expires: c.Expires}
		}
	}
	minted := make([]Minted, len(batch))
	for plan, places := range alike(refused, plans) {
		s, err := newSigner(ctx, env, tx, plan.typ, plan.life, req.Force)
		if err != nil {
			return nil, nil, err
		}
		made, err := s.replace(ctx, plan.typ, batch, places, refused, req.Force)
		if err != nil {
			return nil, nil, err
		}
		for _, m := range made {
			minted[m.place] = m.Minted
		}
	}
	return minted, refused, nil
}

// rotationJWT is what tokens become that are signed alike.
type rotationJWT struct {
	typ  string
	life Life
}

// placed is what takes the place of one of a batch.
type placed struct {
	Minted
	place int
}

// replace blacklists the tokens in some places of a batch, and issues others for
// those that it does not refuse.
func (s *signer) replace(ctx context.Context, typ string, batch []Credential, places []int, refused db.Refusals, force bool) ([]placed, error) {
	stored := make([]db.OutstandingToken, len(places))
	err := parallel(ctx, len(places), func(j int) error {
		c := batch[places[j]]
		if c.row.(jwtRow).token == nil || force {
			return nil
		}
		return rightJWTKey(s.JWTBackend, []django.Secret{c.secret}, s.tx.Now)
	})
	if err != nil {
		return nil, err
	}
	for j, i := range places {
		row := batch[i].row.(jwtRow).stored
		if row == nil {
			if row, err = record(ctx, s.tx, batch[i]); err != nil {
				return nil, err
			}
		}
		stored[j] = *row
	}
	already, err := s.tx.BlacklistOutstandingTokens(ctx, stored)
	if err != nil {
		return nil, err
	}
	var left []int
	for j, i := range places {
		switch {
		case already[j] == nil:
			left = append(left, i)
		case django.CodeOf(already[j]) == django.CodeAlreadyExists:
			refused[i] = &django.Error{Code: django.CodeChanged, Message: batch[i].ID + " was rotated or blacklisted meanwhile", Hint: "nothing was done; look again with tokenctl list --user"}
		default:
			refused[i] = already[j]
		}
	}
	made, err := s.issue(ctx, typ, at(left, ownersOf(batch)), func(j int) []django.JWTClaim { return customClaims(s.Settings(), batch[left[j]].row.(jwtRow).token) })
	if err != nil {
		return nil, err
	}
	list := make([]placed, len(made))
	for j, m := range made {
		m.Replaces = batch[left[j]].ID
		list[j] = placed{m, left[j]}
	}
	return list, nil
}

// currentJWT reads the rows again of tokens that a set kept without their texts.
// One whose row is gone is refused.
func currentJWT(ctx context.Context, env Env, tx *db.Tx, batch []Credential) ([]Credential, db.Refusals, error) {
	refused := db.Refusals{}
	var kept []db.OutstandingToken
	for _, c := range batch {
		if r := c.row.(jwtRow); r.stored != nil && r.token == nil {
			kept = append(kept, *r.stored)
		}
	}
	if kept == nil {
		return batch, refused, nil
	}
	now, err := tx.OutstandingAgain(ctx, kept, jwtSettings(env))
	if err != nil {
		return nil, nil, err
	}
	batch = slices.Clone(batch)
	for i, c := range batch {
		r := c.row.(jwtRow)
		if r.stored == nil || r.token != nil {
			continue
		}
		if t := now[r.stored.Row]; t.JTI == r.stored.JTI {
			batch[i] = jwtCredential(env, t, tx.Now)
		} else {
			refused[i] = &django.Error{Code: django.CodeChanged, Message: c.ID + " was deleted meanwhile", Hint: "nothing was done; look again with tokenctl list --kind jwt"}
		}
	}
	return batch, refused, nil
}

// customClaims are those that simplejwt did not put there itself.
func customClaims(s django.JWTSettings, t *django.JWT) []django.JWTClaim {
	if t == nil {
		return nil
	}
	own := []string{"exp", "iat", "nbf", "aud", "iss", "jti", s.JTIClaim, s.TokenTypeClaim, s.UserIDClaim, s.SlidingTokenRefreshExpClaim, s.RevokeTokenClaim}
	return slices.DeleteFunc(slices.Clone([]django.JWTClaim(t.Claims)), func(c django.JWTClaim) bool { return slices.Contains(own, c.Name) })
}
